//! A real server that is killed and started again: what it finds on its disk, for each way of
//! keeping data there, beside what the model says (`models/src/cluster/disk.rs`).

use std::time::Duration;

use tempfile::TempDir;

use crate::real::process::{DATA_NODE, Server, free_port};
use crate::real::resp::Value;
use crate::real::wait;

const LIMIT: Duration = Duration::from_secs(20);

/// Keys between two saves, or before and after one.
const BATCH: u64 = 2_000;

/// A server with `lines` in its configuration file; a later line replaces an earlier one.
struct Lab {
    _directory: TempDir,
    server: Server,
}

impl Lab {
    fn with(lines: &str) -> Lab {
        let directory = TempDir::with_prefix("lab-restart-").expect("a temporary directory");
        let config = format!("{DATA_NODE}{lines}\n");
        let mut server = Server::start(directory.path(), "node", free_port(), &config, &[]);
        server.wait_until_up();
        Lab {
            _directory: directory,
            server,
        }
    }

    /// Writes keys, every one of them acknowledged.
    fn write(&self, from: u64, to: u64) {
        let mut connection = self.server.connect().expect("it is up");
        for key in from..to {
            let key = format!("key:{key}");
            let answer = connection.call(&["SET", &key, "value"]);
            assert_eq!(answer, Ok(Value::Simple("OK".to_owned())));
        }
    }

    /// Kills it with all its memory, starts it again, and counts what it finds.
    fn found_after_kill(&mut self) -> u64 {
        self.server.kill();
        self.found()
    }

    /// Starts it again, and counts what it finds.
    fn found(&mut self) -> u64 {
        self.server.restart(&[]);
        self.server.wait_until_up();
        match self.server.expect(&["DBSIZE"]) {
            Value::Integer(keys) => keys as u64,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a snapshot, and waits for it.
    fn save(&self) {
        self.server.expect(&["BGSAVE"]);
        wait::until_true("the save is done", LIMIT, || {
            let runs = self.server.info("persistence", "rdb_bgsave_in_progress");
            runs.as_deref() == Some("0")
        });
    }
}

#[test]
fn a_killed_server_finds_what_the_model_says() {
    if !crate::redis_is_here() {
        return;
    }
    // How it keeps data, and what it finds of a batch before its last save and one after it.
    let appends = |fsync: &str| format!("appendonly yes\nappendfsync {fsync}");
    let cases = [
        ("nothing", String::new(), 0),
        ("save points", "save 3600 1".to_owned(), BATCH),
        ("append-only, always", appends("always"), 2 * BATCH),
        ("append-only, everysec", appends("everysec"), 2 * BATCH),
        ("append-only, no", appends("no"), 2 * BATCH),
        ("both", appends("everysec") + "\nsave 3600 1", 2 * BATCH),
    ];
    for (what, lines, expected) in cases {
        let mut lab = Lab::with(&lines);
        lab.write(0, BATCH);
        if lines.contains("save") {
            lab.save();
        }
        lab.write(BATCH, 2 * BATCH);
        let found = lab.found_after_kill();
        crate::show(&format!(
            "{what}: {found} of {} keys, expected {expected}",
            2 * BATCH
        ));
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_save_point_loses_no_more_than_its_time_and_the_save() {
    if !crate::redis_is_here() {
        return;
    }
    // "save 2 1": more than two whole seconds after the last one, looked at every 100 ms.
    let mut lab = Lab::with("save 2 1");
    let start = wait::now();
    let mut connection = lab.server.connect().expect("it is up");
    let mut written = Vec::new();
    while start.elapsed() < Duration::from_millis(7_700) {
        let key = format!("key:{}", written.len());
        assert_eq!(
            connection.call(&["SET", &key, "v"]),
            Ok(Value::Simple("OK".to_owned()))
        );
        written.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    let found = lab.found_after_kill() as usize;
    let last = written.last().expect("it took writes");
    let lost = match found.checked_sub(1) {
        Some(newest) => *last - written[newest],
        None => *last,
    };
    crate::show(&format!(
        "save 2 1: the last {lost:?} are lost, expected up to 3.1 s and a save"
    ));
    assert!(
        found > 0 && lost <= Duration::from_millis(4_000),
        "{lost:?}"
    );
}

#[test]
fn a_server_that_is_asked_to_stop_saves_first_if_it_has_save_points() {
    if !crate::redis_is_here() {
        return;
    }
    for (lines, expected) in [("", 0), ("save 3600 1", BATCH), ("appendonly yes", BATCH)] {
        let mut lab = Lab::with(lines);
        lab.write(0, BATCH);
        lab.server.terminate();
        let found = lab.found();
        crate::show(&format!("SIGTERM, \"{lines}\": {found} of {BATCH} keys"));
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn a_full_resync_leaves_a_file_at_the_replica() {
    if !crate::redis_is_here() {
        return;
    }
    let primary = Lab::with("");
    primary.write(0, BATCH);
    let port = primary.server.port.to_string();
    let mut replica = Lab::with("");
    replica.server.expect(&["REPLICAOF", "127.0.0.1", &port]);
    wait::until_true("the link is up", LIMIT, || {
        replica
            .server
            .info("replication", "master_link_status")
            .as_deref()
            == Some("up")
    });
    primary.write(BATCH, 2 * BATCH);
    wait::until_true("the replica has all", LIMIT, || {
        replica.server.expect(&["DBSIZE"]) == Value::Integer(2 * BATCH as i64)
    });
    // It saves nothing itself, and finds the file that it has loaded; its primary finds nothing.
    assert_eq!(replica.found_after_kill(), BATCH);
    let mut primary = primary;
    assert_eq!(primary.found_after_kill(), 0);
}

#[test]
fn a_primary_that_is_back_without_data_empties_its_replica() {
    if !crate::redis_is_here() {
        return;
    }
    let mut primary = Lab::with("");
    primary.write(0, BATCH);
    let port = primary.server.port.to_string();
    let replica = Lab::with("");
    replica.server.expect(&["REPLICAOF", "127.0.0.1", &port]);
    let keys = |wanted: u64| {
        wait::until_true("the replica has so many keys", LIMIT, || {
            replica.server.expect(&["DBSIZE"]) == Value::Integer(wanted as i64)
        });
    };
    keys(BATCH);
    assert_eq!(primary.found_after_kill(), 0);
    keys(0);
}
