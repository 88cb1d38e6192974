//! The capability table, row by row, on a real node in each condition.
//!
//! What clients get is asked of servers of their own; a node of a cluster looks at its cluster's
//! state first and may say -CLUSTERDOWN instead, which is its own test here. The bus is watched
//! from another node of a real cluster: it takes part if that node goes on getting PONGs, and does
//! not if that node suspects it. Left out: a lost host (loopback has none) and a stall by swapping,
//! whose row is the same as that of a stopped process.

use std::fs;
use std::time::{Duration, SystemTime};

use demand::answer::Cause;
use models::redis::capability::{Condition, Reply};
use tempfile::TempDir;

use crate::real::cluster::{Cluster, Setting};
use crate::real::process::{DATA_NODE, Server, free_port};
use crate::real::resp::{Connection, Failure, Value};
use crate::real::wait;

/// In a cluster these are nodes 1, 2, …; node 0 observes.
const CONDITIONS: [Condition; 7] = [
    Condition::Healthy,
    Condition::AtMaxmemory,
    Condition::SaveFailed,
    Condition::Busy,
    Condition::Loading,
    Condition::Hung,
    Condition::Killed,
];
const NODE_TIMEOUT_MS: u64 = 1_000;
/// Silence means that nothing came for this long. A node that loads answers between two keys.
const SILENCE: Duration = Duration::from_millis(1_500);
const LIMIT: Duration = Duration::from_secs(20);
/// With a millisecond for each key, loading takes far longer than the test.
const KEYS_TO_LOAD: usize = 60_000;

#[test]
fn clients_get_what_the_table_says() {
    if !crate::redis_is_here() {
        return;
    }
    let directory = TempDir::with_prefix("lab-node-").expect("a temporary directory");
    for condition in CONDITIONS {
        let name = format!("{condition:?}");
        let mut server = Server::start(directory.path(), &name, free_port(), DATA_NODE, &[]);
        server.wait_until_up();
        bring_about(&mut server, "key", condition);
        let row = condition.capabilities();
        let connected = Connection::open(server.port, SILENCE).map(|_| Value::Simple("OK".into()));
        assert_eq!(reply(connected), row.tcp, "{name}: TCP");
        assert_eq!(reply(ask(&server, &["PING"])), row.ping, "{name}: PING");
        assert_eq!(
            reply(ask(&server, &["GET", "key"])),
            row.reads,
            "{name}: GET"
        );
        assert_eq!(
            reply(ask(&server, &["SET", "key", "1"])),
            row.writes,
            "{name}: SET"
        );
    }
}

#[test]
fn a_full_node_refuses_new_connections_and_serves_old_ones() {
    if !crate::redis_is_here() {
        return;
    }
    let directory = TempDir::with_prefix("lab-full-").expect("a temporary directory");
    let mut server = Server::start(directory.path(), "full", free_port(), DATA_NODE, &[]);
    server.wait_until_up();
    let mut old = Connection::open(server.port, SILENCE).expect("it accepts");
    let limit = old.call(&["CONFIG", "SET", "maxclients", "1"]);
    assert_eq!(limit, Ok(Value::Simple("OK".into())));
    // Connections that asked whether it was up may still be open.
    wait::until_true("a full node", LIMIT, || {
        let answer = ask(&server, &["PING"]);
        match answer {
            Ok(Value::Error(text)) => {
                assert_eq!(text, "ERR max number of clients reached");
                true
            }
            // What came after the command was sent resets the connection.
            Err(Failure::Reset) => true,
            Ok(_) | Err(_) => false,
        }
    });
    assert_eq!(old.call(&["PING"]), Ok(Value::Simple("PONG".into())));
}

#[test]
fn the_bus_takes_part_when_the_table_says() {
    if !crate::redis_is_here() {
        return;
    }
    let mut cluster = Cluster::boot(&Setting {
        masters: 1 + CONDITIONS.len(),
        replicas_per_master: 0,
        node_timeout_ms: NODE_TIMEOUT_MS,
        full_coverage: false,
        directives: String::new(),
    });
    let keys: Vec<String> = (0..cluster.nodes.len())
        .map(|shard| format!("{{{}}}", cluster.tag(shard)))
        .collect();
    for (node, condition) in (1..).zip(CONDITIONS) {
        bring_about(&mut cluster.nodes[node], &keys[node], condition);
    }
    let since = unix_ms();
    for (node, condition) in (1..).zip(CONDITIONS) {
        let takes_part = condition.capabilities().bus;
        let bus = format!("{condition:?}: bus {takes_part}");
        wait::until_true(&bus, LIMIT, || {
            let seen = &cluster.seen_by(0)[node];
            // A node timeout later than the faults: no earlier PONG counts.
            let heard = seen.pong_received > since + NODE_TIMEOUT_MS;
            assert!(!(takes_part && seen.suspected()), "{bus}: {seen:?}");
            assert!(takes_part || !heard, "{bus}: {seen:?}");
            if takes_part { heard } else { seen.suspected() }
        });
        if takes_part && condition != Condition::Busy {
            assert_eq!(cluster.state_at(node), "ok", "{condition:?}: its own view");
        }
        if condition == Condition::Loading {
            // A started node's cluster is down until its cron says otherwise, which does not run
            // before all is loaded; `processCommand` looks at that before -LOADING.
            let (server, key) = (&cluster.nodes[node], &keys[node]);
            assert_eq!(reply(ask(server, &["PING"])), Reply::Error(Cause::Loading));
            assert_eq!(
                reply(ask(server, &["GET", key])),
                Reply::Error(Cause::ClusterDown)
            );
        }
    }
}

/// Brings a healthy node into a condition.
fn bring_about(server: &mut Server, key: &str, condition: Condition) {
    match condition {
        Condition::Healthy => {}
        Condition::AtMaxmemory => {
            let used = server.info("memory", "used_memory").expect("INFO names it");
            server.expect(&["CONFIG", "SET", "maxmemory", &used]);
            let value = "x".repeat(1_000);
            wait::until_true("a full node", LIMIT, || {
                let written = server.ask(&["SET", &format!("{key}{}", unix_ms()), &value]);
                written.is_ok_and(|answer| answer.error_code() == Some("OOM"))
            });
        }
        Condition::SaveFailed => fail_a_save(server),
        Condition::Busy => run_a_script(server),
        Condition::Loading => load_slowly(server, key),
        Condition::Stalled | Condition::Hung => server.stop(),
        Condition::Killed => server.kill(),
        Condition::HostLost => unreachable!("loopback has no host to lose"),
        Condition::Forking => unreachable!("a small server forks within a millisecond"),
        Condition::LoadingCopy => unreachable!("a small copy is loaded before anybody can ask"),
        Condition::Freeing => unreachable!("a small replica frees its data in no time"),
        Condition::Accepting => unreachable!("nobody connects a thousand times"),
    }
}

/// A directory in the place of the dump: a save writes its temporary file and cannot rename it
/// (`rdb.c: rdbSave`), for root too.
pub fn fail_a_save(server: &Server) {
    let dump = server.directory().join("dump.rdb");
    fs::create_dir(dump).expect("nothing was saved before");
    server.expect(&["CONFIG", "SET", "save", "3600 1"]);
    server.expect(&["BGSAVE"]);
    wait::until_true("a failed save", LIMIT, || {
        server
            .info("persistence", "rdb_last_bgsave_status")
            .as_deref()
            == Some("err")
    });
}

/// A script without an end, on a node that soon says so.
fn run_a_script(server: &Server) {
    server.expect(&["CONFIG", "SET", "busy-reply-threshold", "100"]);
    let port = server.port;
    std::thread::spawn(move || {
        let mut connection = Connection::open(port, LIMIT).expect("it is healthy");
        // It ends with its server.
        let _ = connection.call(&["EVAL", "while true do end", "0"]);
    });
    wait::until_true("a node that is busy", LIMIT, || {
        reply(ask(server, &["PING"])) == Reply::Error(Cause::Busy)
    });
}

/// Starts the node again on a dump that takes a minute to read.
fn load_slowly(server: &mut Server, key: &str) {
    let mut connection = server.connect().expect("it is healthy");
    let names: Vec<String> = (0..KEYS_TO_LOAD).map(|n| format!("{key}{n}")).collect();
    for names in names.chunks(10_000) {
        let commands: Vec<_> = names.iter().map(|name| vec!["SET", name, "1"]).collect();
        connection.call_all(&commands).expect("it is healthy");
    }
    server.expect(&["SAVE"]);
    server.kill();
    // Microseconds for each key; events are handled each time so many bytes were read.
    let slow = [
        "--key-load-delay",
        "1000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    server.restart(&slow);
    wait::until_true("a node that loads", LIMIT, || {
        reply(ask(server, &["PING"])) == Reply::Error(Cause::Loading)
    });
}

fn ask(server: &Server, command: &[&str]) -> Result<Value, Failure> {
    Connection::open(server.port, SILENCE)?.call(command)
}

/// An answer in the words of the model.
fn reply(answer: Result<Value, Failure>) -> Reply {
    let value = match answer {
        Ok(value) => value,
        Err(Failure::Refused | Failure::Reset) => return Reply::Error(Cause::Refused),
        Err(Failure::Timeout | Failure::ConnectTimeout) => return Reply::Silence,
    };
    match value.error_code() {
        None => Reply::Fine,
        Some("OOM") => Reply::Error(Cause::Oom),
        Some("READONLY") => Reply::Error(Cause::Readonly),
        Some("LOADING") => Reply::Error(Cause::Loading),
        Some("CLUSTERDOWN") => Reply::Error(Cause::ClusterDown),
        Some("MISCONF") => Reply::Error(Cause::Misconf),
        Some("BUSY") => Reply::Error(Cause::Busy),
        Some(other) => panic!("{other} is no reply that the model knows"),
    }
}

/// The clock that a node's own stamps are on.
#[allow(clippy::disallowed_methods)] // compared with a real server's stamps, nothing else
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_millis()).expect("before the year 500000000")
}
