//! A Redis Cluster from a ready-made `nodes.conf`: equal slot ranges, config epochs 1, 2, …, and
//! real gossip links that form from it.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{DATA_NODE, Server, free_port};
use super::resp::Value;
use super::wait;

/// Hash slots of a cluster (`cluster.h: CLUSTER_SLOTS`).
const SLOTS: usize = 16_384;

/// How a cluster is laid out and configured.
#[derive(Clone, Debug)]
pub struct Setting {
    pub masters: usize,
    pub replicas_per_master: usize,
    pub node_timeout_ms: u64,
    pub full_coverage: bool,
    /// Further directives for every node.
    pub directives: String,
}

/// Primaries first (node i owns shard i), then one replica of each, then another of each, …
pub struct Cluster {
    // Before the directory, so that the processes are gone when it is removed.
    pub nodes: Vec<Server>,
    setting: Setting,
    _directory: TempDir,
}

/// One node as another one sees it: a line of CLUSTER NODES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub flags: Vec<String>,
    /// Unix milliseconds of the last PONG.
    pub pong_received: u64,
    pub config_epoch: u64,
    connected: bool,
}

impl Seen {
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    /// Held for possibly failing or failed.
    pub fn suspected(&self) -> bool {
        self.has("fail?") || self.has("fail")
    }
}

impl Cluster {
    /// Starts all nodes and waits until the cluster is healthy.
    pub fn boot(setting: &Setting) -> Cluster {
        let directory = TempDir::with_prefix("lab-cluster-").expect("a temporary directory");
        let count = setting.masters * (1 + setting.replicas_per_master);
        let ports: Vec<(u16, u16)> = (0..count).map(|_| (free_port(), free_port())).collect();
        let start = |index: usize| {
            let name = format!("node-{index}");
            let own = directory.path().join(&name);
            fs::create_dir(&own).expect("the temporary directory takes it");
            fs::write(own.join("nodes.conf"), nodes_conf(setting, &ports, index))
                .expect("the temporary directory takes it");
            let config = config(setting, ports[index].1);
            Server::start(directory.path(), &name, ports[index].0, &config, &[])
        };
        let nodes = (0..count).map(start).collect();
        let mut cluster = Cluster {
            nodes,
            setting: setting.clone(),
            _directory: directory,
        };
        for node in &mut cluster.nodes {
            node.wait_until_up();
        }
        wait::until_true("a healthy cluster", Duration::from_secs(30), || {
            cluster.healthy()
        });
        cluster
    }

    fn healthy(&self) -> bool {
        let count = self.nodes.len();
        (0..count).all(|index| {
            let node = &self.nodes[index];
            let replicas = self.setting.replicas_per_master;
            let replicated = if index < self.setting.masters {
                let online = |r| node.info("replication", &format!("slave{r}"));
                (0..replicas).all(|r| online(r).is_some_and(|s| s.contains("state=online")))
            } else {
                node.info("replication", "master_link_status").as_deref() == Some("up")
            };
            let info = node.expect(&["CLUSTER", "INFO"]);
            let info = info.text().expect("CLUSTER INFO is a text");
            let knows_all = info.contains(&format!("cluster_known_nodes:{count}"));
            let linked = self
                .seen_by(index)
                .iter()
                .all(|s| s.connected && !s.suspected());
            info.contains("cluster_state:ok") && knows_all && linked && replicated
        })
    }

    /// Every node, in our order, as node `observer` sees it.
    pub fn seen_by(&self, observer: usize) -> Vec<Seen> {
        let text = self.nodes[observer].expect(&["CLUSTER", "NODES"]);
        let text = text.text().expect("CLUSTER NODES is a text");
        let line_of = |index| {
            let id = node_id(index);
            let mut lines = text.lines().filter(|line| line.starts_with(&id));
            lines
                .next()
                .unwrap_or_else(|| panic!("node {index} is not in\n{text}"))
        };
        (0..self.nodes.len())
            .map(|index| seen(line_of(index)))
            .collect()
    }

    /// The state as node `observer` tells it: `ok` or `fail`.
    pub fn state_at(&self, observer: usize) -> String {
        let info = self.nodes[observer].expect(&["CLUSTER", "INFO"]);
        let lines = info.text().expect("CLUSTER INFO is a text").lines();
        let mut states = lines.filter_map(|line| line.strip_prefix("cluster_state:"));
        states.next().expect("a state").to_owned()
    }

    /// A hash tag whose keys belong to shard `shard`.
    pub fn tag(&self, shard: usize) -> String {
        let mut connection = self.nodes[0].connect().expect("node 0 is up");
        let mut slot = |tag: &str| connection.call(&["CLUSTER", "KEYSLOT", tag]);
        let mut tags = (0..SLOTS).map(|n| format!("t{n}"));
        let found = tags.find(|tag| {
            let slot = slot(tag).ok().as_ref().and_then(Value::integer);
            let slot = usize::try_from(slot.expect("a slot")).expect("not negative");
            slots(&self.setting, shard).contains(&slot)
        });
        found.expect("some tag falls into every shard")
    }

    /// The indices of a shard's replicas as laid out.
    pub fn replicas_of(&self, shard: usize) -> impl Iterator<Item = usize> + use<> {
        let masters = self.setting.masters;
        (1..=self.setting.replicas_per_master).map(move |r| r * masters + shard)
    }
}

/// The name of a node on the bus.
pub fn node_id(index: usize) -> String {
    format!("{:040x}", index + 1)
}

fn slots(setting: &Setting, shard: usize) -> std::ops::Range<usize> {
    SLOTS * shard / setting.masters..SLOTS * (shard + 1) / setting.masters
}

fn config(setting: &Setting, bus_port: u16) -> String {
    let coverage = if setting.full_coverage { "yes" } else { "no" };
    format!(
        "{DATA_NODE}cluster-enabled yes
cluster-config-file nodes.conf
cluster-port {bus_port}
cluster-node-timeout {}
cluster-replica-validity-factor 10
cluster-migration-barrier 1
cluster-allow-replica-migration yes
cluster-require-full-coverage {coverage}
cluster-allow-reads-when-down no
cluster-replica-no-failover no
{}",
        setting.node_timeout_ms, setting.directives
    )
}

/// The file as `cluster.c: clusterLoadConfig` reads it, from node `own`'s side.
fn nodes_conf(setting: &Setting, ports: &[(u16, u16)], own: usize) -> String {
    let mut text = String::new();
    for (index, (port, bus_port)) in ports.iter().enumerate() {
        let shard = index % setting.masters;
        let myself = if index == own { "myself," } else { "" };
        let range = slots(setting, shard);
        let role = if index < setting.masters {
            format!(
                "master - 0 0 {} connected {}-{}",
                shard + 1,
                range.start,
                range.end - 1
            )
        } else {
            format!("slave {} 0 0 {} connected", node_id(shard), shard + 1)
        };
        let id = node_id(index);
        writeln!(text, "{id} 127.0.0.1:{port}@{bus_port} {myself}{role}").expect("a string");
    }
    let epoch = setting.masters;
    writeln!(text, "vars currentEpoch {epoch} lastVoteEpoch 0").expect("a string");
    text
}

/// `id address flags primary ping-sent pong-received config-epoch link-state slots…`.
fn seen(line: &str) -> Seen {
    let fields: Vec<&str> = line.split(' ').collect();
    Seen {
        flags: fields[2].split(',').map(str::to_owned).collect(),
        pong_received: fields[5].parse().expect("milliseconds"),
        config_epoch: fields[6].parse().expect("an epoch"),
        connected: fields[7] == "connected",
    }
}
