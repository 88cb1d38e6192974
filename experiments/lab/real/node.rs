//! What one node does, measured once: for a test, or for a row of a table.

use std::thread::sleep;
use std::time::{Duration, Instant};

pub use experiments::validate::node::Removal;
use tempfile::TempDir;

use super::process::{DATA_NODE, Server, free_port};
use super::resp::{Connection, Failure, Value};
use super::sentinel::{Group, Setting as GroupSetting};
use super::wait::{self, ms, now};

const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

fn start(directory: &TempDir, name: &str, lines: &str) -> Server {
    let config = format!("{DATA_NODE}{lines}\n");
    let mut server = Server::start(directory.path(), name, free_port(), &config, &[]);
    server.wait_until_up();
    server
}

fn directory() -> TempDir {
    TempDir::with_prefix("lab-node-").expect("a temporary directory")
}

fn is_ok(answer: &Result<Value, Failure>) -> bool {
    *answer == Ok(Value::Simple("OK".to_owned()))
}

/// A primary with `min-replicas-to-write 1` whose only replica gets SIGSTOP after a `phase`:
/// milliseconds from then until its first -NOREPLICAS, if that comes within a minute.
pub fn silence(max_lag_s: u64, phase: Duration) -> Option<f64> {
    let directory = directory();
    let rule = format!("min-replicas-to-write 1\nmin-replicas-max-lag {max_lag_s}");
    let primary = start(&directory, "primary", &rule);
    let follows = format!("replicaof 127.0.0.1 {}", primary.port);
    let replica = start(&directory, "replica", &follows);
    let mut writer = primary.connect().expect("it is up");
    wait::until_true("writes are let in", LIMIT, || {
        is_ok(&writer.call(&["SET", "key", "value"]))
    });
    sleep(phase);
    let silent = now();
    replica.stop();
    while silent.elapsed() < LIMIT {
        let answer = writer.call(&["SET", "key", "value"]).expect("it answers");
        match answer.error_code() {
            Some("NOREPLICAS") => return Some(ms(silent, now())),
            Some(_) => panic!("{answer:?}"),
            None => sleep(LOOK),
        }
    }
    None
}

/// What came of a script without an end.
#[derive(Clone, Debug)]
pub struct Script {
    /// From EVAL to the first answer to a PING that was sent right after it.
    pub answered_ms: f64,
    /// The first word of that answer if it is an error.
    pub answer: Option<String>,
    /// From SCRIPT KILL to the first +PONG.
    pub killed_ms: f64,
}

/// A script that spins, asked and then killed by another client.
pub fn script(threshold_ms: u64) -> Script {
    let directory = directory();
    let lines = format!("busy-reply-threshold {threshold_ms}");
    let server = start(&directory, "node", &lines);
    let mut runs = server.connect().expect("it is up");
    let patience = Duration::from_millis(threshold_ms) + LIMIT;
    let mut asks = Connection::open(server.port, patience).expect("it is up");
    let begun = now();
    runs.send(&["EVAL", "while true do end", "0"])
        .expect("it is up");
    // Until the node has read it.
    sleep(LOOK);
    let first = asks.call(&["PING"]).expect("it answers in the end");
    let answered_ms = ms(begun, now());
    let kills = now();
    assert!(is_ok(&asks.call(&["SCRIPT", "KILL"])), "it has not written");
    wait::until_true("the script is dead", LIMIT, || {
        asks.call(&["PING"]) == Ok(Value::Simple("PONG".to_owned()))
    });
    let killed_ms = ms(kills, now());
    let ended = runs.receive().expect("it answers");
    assert!(ended.error_code().is_some(), "{ended:?}");
    Script {
        answered_ms,
        answer: first.error_code().map(str::to_owned),
        killed_ms,
    }
}

/// What is taken away: `keys` strings, or one key with `members`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Strings,
    List,
    Set,
    Hash,
    SortedSet,
}

impl Content {
    /// Adds member `i` to the key, in Lua.
    fn adds(self) -> &'static str {
        match self {
            Content::Strings => "'SET', 'key:' .. i, string.rep('x', 100)",
            Content::List => "'RPUSH', 'big', 'member:' .. i",
            Content::Set => "'SADD', 'big', 'member:' .. i",
            Content::Hash => "'HSET', 'big', 'member:' .. i, 'value:' .. i",
            Content::SortedSet => "'ZADD', 'big', i, 'member:' .. i",
        }
    }
}

/// How long a command took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Milliseconds until it was answered.
    pub ms: f64,
    /// CPU time of the node's one thread, which others on the machine do not lengthen.
    pub cpu_ms: f64,
}

/// A node with so many strings of 100 bytes, or one key with so many members, which are taken away
/// by one command.
pub fn removal(how: Removal, content: Content, count: u64) -> Took {
    let directory = directory();
    let lazy = how == Removal::LazyDel;
    let lines = format!("lazyfree-lazy-user-del {}", if lazy { "yes" } else { "no" });
    let server = start(&directory, "node", &lines);
    let mut connection = Connection::open(server.port, LIMIT).expect("it is up");
    let fill = format!(
        "for i = 1, {count} do redis.call({}) end return redis.call('DBSIZE')",
        content.adds()
    );
    let keys = connection.call(&["EVAL", &fill, "0"]).expect("it answers");
    let expected = match content {
        Content::Strings => count,
        Content::List | Content::Set | Content::Hash | Content::SortedSet => 1,
    };
    assert_eq!(keys.integer(), i64::try_from(expected).ok());
    let command: &[&str] = match how {
        Removal::Del | Removal::LazyDel => &["DEL", "big"],
        Removal::Unlink => &["UNLINK", "big"],
        Removal::Flush => &["FLUSHALL", "SYNC"],
        Removal::FlushAsync => &["FLUSHALL", "ASYNC"],
        Removal::EvictOldest | Removal::EvictAny => panic!("no command evicts: see `eviction`"),
    };
    let before = thread_ms(&mut connection);
    let begun = now();
    let answer = connection.call(command);
    let ms = ms(begun, now());
    let cpu_ms = thread_ms(&mut connection) - before;
    let done = answer.expect("it answers");
    let done = done == Value::Integer(1) || done == Value::Simple("OK".to_owned());
    assert!(done, "{command:?}");
    assert_eq!(server.expect(&["DBSIZE"]), Value::Integer(0));
    Took { ms, cpu_ms }
}

/// A node with so many strings of 100 bytes, of which `CONFIG SET maxmemory` evicts about half: how
/// many, and how long that took.
pub fn eviction(policy: &str, count: u64) -> (u64, Took) {
    let directory = directory();
    let server = start(&directory, "node", &format!("maxmemory-policy {policy}"));
    let mut connection = Connection::open(server.port, LIMIT).expect("it is up");
    let fill = format!(
        "for i = 1, {count} do redis.call({}) end",
        Content::Strings.adds()
    );
    connection.call(&["EVAL", &fill, "0"]).expect("it answers");
    let used = figure(&mut connection, "memory", "used_memory:");
    let empty = 1e6;
    let limit = empty + (used - empty) / 2.0;
    let before = thread_ms(&mut connection);
    let begun = now();
    let set = connection.call(&["CONFIG", "SET", "maxmemory", &format!("{limit:.0}")]);
    assert!(is_ok(&set), "{set:?}");
    wait::until_true("it has evicted", LIMIT, || {
        // The answer itself takes memory.
        figure(&mut connection, "memory", "used_memory:") <= limit * 1.001
    });
    let took = Took {
        ms: ms(begun, now()),
        cpu_ms: thread_ms(&mut connection) - before,
    };
    let evicted = figure(&mut connection, "stats", "evicted_keys:");
    (evicted as u64, took)
}

fn figure(connection: &mut Connection, section: &str, field: &str) -> f64 {
    let info = connection.call(&["INFO", section]).expect("it answers");
    let text = info.text().expect("INFO is a text").to_owned();
    let found = text.lines().find_map(|line| line.strip_prefix(field));
    found.expect("INFO names it").parse().expect("a number")
}

/// CPU time that a node's main thread has had.
fn thread_ms(connection: &mut Connection) -> f64 {
    let of = ["used_cpu_sys_main_thread:", "used_cpu_user_main_thread:"];
    let seconds = of.map(|field| figure(connection, "cpu", field));
    1e3 * seconds.into_iter().sum::<f64>()
}

/// A primary under three Sentinels that is killed and started again.
#[derive(Clone, Copy, Debug)]
pub struct Rebirth {
    pub replicas: usize,
    pub keys: u64,
    pub restart_after: Duration,
    pub sync_delay_s: u64,
    pub down_after_ms: u64,
}

/// What came of it: milliseconds after the kill, and keys.
#[derive(Clone, Copy, Debug)]
pub struct Reborn {
    /// The primary answers PING.
    pub up_ms: f64,
    /// The last replica is empty.
    pub emptied_ms: f64,
    pub primary_keys: u64,
    /// Of the replica that has most.
    pub replica_keys: u64,
    /// Is there another primary?
    pub promoted: bool,
}

/// Kills a primary without persistence after a `phase`, starts it again, and waits until its
/// replicas are empty.
pub fn rebirth(setting: &Rebirth, phase: Duration) -> Reborn {
    let mut group = Group::boot(&GroupSetting {
        replicas: setting.replicas,
        sentinels: 3,
        quorum: 2,
        down_after_ms: setting.down_after_ms,
        failover_timeout_ms: 10_000,
        directives: format!("repl-diskless-sync-delay {}\n", setting.sync_delay_s),
    });
    fill(&group.data[0], setting.keys);
    wait::until_true("replicas that have all", LIMIT, || {
        group.data.iter().all(|node| keys(node) == setting.keys)
    });
    sleep(phase);
    let killed = now();
    group.data[0].kill();
    sleep((killed + setting.restart_after).saturating_duration_since(now()));
    group.data[0].restart(&[]);
    let (mut up, mut emptied) = (None, vec![None; setting.replicas]);
    wait::until_true("replicas without keys", LIMIT, || {
        let pong = |node: &Server| node.ask(&["PING"]) == Ok(Value::Simple("PONG".to_owned()));
        if up.is_none() && pong(&group.data[0]) {
            up = Some(now());
        }
        for (node, emptied) in group.data[1..].iter().zip(&mut emptied) {
            // One that loads says so.
            if emptied.is_none() && node.ask(&["DBSIZE"]) == Ok(Value::Integer(0)) {
                *emptied = Some(now());
            }
        }
        up.is_some() && emptied.iter().all(Option::is_some)
    });
    // A failover that had begun would be done by then.
    sleep(Duration::from_secs(2));
    let left: Vec<u64> = group.data.iter().map(keys).collect();
    let old = Some(group.data[0].port);
    let at = |instant: Option<Instant>| ms(killed, instant.expect("it was waited for"));
    Reborn {
        up_ms: at(up),
        emptied_ms: emptied.into_iter().map(at).fold(0.0, f64::max),
        primary_keys: left[0],
        replica_keys: left[1..].iter().copied().max().unwrap_or_default(),
        promoted: (0..3).any(|sentinel| group.primary_named_by(sentinel) != old),
    }
}

fn fill(server: &Server, count: u64) {
    let mut connection = server.connect().expect("it is up");
    let names: Vec<String> = (0..count).map(|n| format!("key:{n:012}")).collect();
    for names in names.chunks(1_000) {
        let commands: Vec<_> = names.iter().map(|key| vec!["SET", key, "value"]).collect();
        connection.call_all(&commands).expect("it is up");
    }
}

fn keys(server: &Server) -> u64 {
    let size = server.expect(&["DBSIZE"]).integer().expect("a number");
    u64::try_from(size).expect("not negative")
}
