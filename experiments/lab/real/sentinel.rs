//! A primary with replicas and the Sentinels that watch it.

use std::time::Duration;

use tempfile::TempDir;

use super::process::{DATA_NODE, Server, free_port};
use super::resp::Value;
use super::wait;

/// How a group is laid out and configured.
#[derive(Clone, Debug)]
pub struct Setting {
    pub replicas: usize,
    pub sentinels: usize,
    pub quorum: usize,
    pub down_after_ms: u64,
    pub failover_timeout_ms: u64,
    /// Further directives for every data node.
    pub directives: String,
}

/// The first data node is the primary.
pub struct Group {
    // Before the directory, so that the processes are gone when it is removed.
    pub data: Vec<Server>,
    pub sentinels: Vec<Server>,
    setting: Setting,
    _directory: TempDir,
}

impl Group {
    /// Starts the data nodes, then the Sentinels, and waits until they know everybody.
    pub fn boot(setting: &Setting) -> Group {
        let directory = TempDir::with_prefix("lab-sentinel-").expect("a temporary directory");
        let path = directory.path();
        let primary_port = free_port();
        let data_node = |index: usize| {
            let (port, replicaof) = match index {
                0 => (primary_port, String::new()),
                _ => (free_port(), format!("replicaof 127.0.0.1 {primary_port}\n")),
            };
            let further = &setting.directives;
            let config = format!("{DATA_NODE}replica-priority 100\n{further}{replicaof}");
            Server::start(path, &format!("data-{index}"), port, &config, &[])
        };
        let mut data: Vec<Server> = (0..=setting.replicas).map(data_node).collect();
        for node in &mut data {
            node.wait_until_up();
        }
        wait::until_true("replicas in step", Duration::from_secs(30), || {
            in_step(&data)
        });
        let sentinel = |index: usize| {
            let config = config(setting, primary_port);
            let name = format!("sentinel-{index}");
            Server::start(path, &name, free_port(), &config, &["--sentinel"])
        };
        let mut sentinels: Vec<Server> = (0..setting.sentinels).map(sentinel).collect();
        for sentinel in &mut sentinels {
            sentinel.wait_until_up();
        }
        let group = Group {
            data,
            sentinels,
            setting: setting.clone(),
            _directory: directory,
        };
        let limit = Duration::from_secs(40);
        wait::until_true("Sentinels that know everybody", limit, || group.healthy());
        group
    }

    fn healthy(&self) -> bool {
        self.sentinels.iter().all(|sentinel| {
            let primary = sentinel.expect(&["SENTINEL", "MASTER", "mymaster"]);
            let replicas = sentinel.expect(&["SENTINEL", "REPLICAS", "mymaster"]);
            let others = sentinel.expect(&["SENTINEL", "SENTINELS", "mymaster"]);
            let linked = |r: &Value| field(r, "master-link-status") == Some("ok");
            let up = |list: &Value, flags| list.items().iter().all(|i| is(i, flags));
            is(&primary, "master")
                && replicas.items().len() == self.setting.replicas
                && replicas.items().iter().all(linked)
                && up(&replicas, "slave")
                && others.items().len() + 1 == self.setting.sentinels
                && up(&others, "sentinel")
        })
    }

    /// The port of the primary that this Sentinel names.
    pub fn primary_named_by(&self, sentinel: usize) -> Option<u16> {
        let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"];
        let answer = self.sentinels[sentinel].ask(&question).ok()?;
        answer.items().get(1)?.text()?.parse().ok()
    }

    /// Does this Sentinel put a flag such as `s_down` on the primary that it watches?
    pub fn flagged_by(&self, sentinel: usize, flag: &str) -> bool {
        let primary = self.sentinels[sentinel].expect(&["SENTINEL", "MASTER", "mymaster"]);
        field(&primary, "flags").is_some_and(|flags| flags.split(',').any(|f| f == flag))
    }
}

/// How many of the other Sentinels this one holds for down.
pub fn dead_peers(sentinel: &Server) -> usize {
    let others = sentinel.expect(&["SENTINEL", "SENTINELS", "mymaster"]);
    let down = |s: &&Value| field(s, "flags").is_some_and(|f| f.contains("s_down"));
    others.items().iter().filter(down).count()
}

fn in_step(data: &[Server]) -> bool {
    let up = |r: &Server| r.info("replication", "master_link_status").as_deref() == Some("up");
    let online = |r| data[0].info("replication", &format!("slave{r}"));
    let all_online =
        (0..data.len() - 1).all(|r| online(r).is_some_and(|s| s.contains("state=online")));
    all_online && data[1..].iter().all(up)
}

fn is(item: &Value, flags: &str) -> bool {
    field(item, "flags") == Some(flags)
}

/// A field of a reply that lists names and values in turn.
fn field<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    let mut pairs = item.items().chunks_exact(2);
    let pair = pairs.find(|pair| pair[0].text() == Some(name))?;
    pair[1].text()
}

fn config(setting: &Setting, primary_port: u16) -> String {
    format!(
        "bind 127.0.0.1
protected-mode no
daemonize no
loglevel notice
sentinel monitor mymaster 127.0.0.1 {primary_port} {}
sentinel down-after-milliseconds mymaster {}
sentinel failover-timeout mymaster {}
sentinel parallel-syncs mymaster 1
",
        setting.quorum, setting.down_after_ms, setting.failover_timeout_ms
    )
}
