//! A real server whose disk is full, when it saves, and how fast it deletes, beside what the model
//! says (`models/src/cluster/fsync.rs`, `save_clock.rs`, `deleting.rs`).
//!
//! A disk that is slow cannot be made without privileges: what blocks a write is the kernel, and a
//! program in between only delays the thread that syncs.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;

use crate::real::process::{DATA_NODE, Server, free_port};
use crate::real::resp::{Connection, Value};
use crate::real::wait;

const LIMIT: Duration = Duration::from_secs(20);

/// A server with `lines` in its configuration file.
fn server(lines: &str) -> (TempDir, Server) {
    let directory = TempDir::with_prefix("lab-disk-").expect("a temporary directory");
    let config = format!("{DATA_NODE}{lines}\n");
    let server = Server::start(directory.path(), "node", free_port(), &config, &[]);
    (directory, server)
}

/// A server whose append-only file is on a device that is always full.
fn full(fsync: &str) -> (TempDir, Server) {
    let directory = TempDir::with_prefix("lab-disk-").expect("a temporary directory");
    let files = directory.path().join("node").join("appendonlydir");
    fs::create_dir_all(&files).expect("the temporary directory takes it");
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(files.join("appendonly.aof.manifest"), manifest).expect("it takes it");
    symlink("/dev/full", files.join("appendonly.aof.1.incr.aof")).expect("it takes it");
    let config = format!("{DATA_NODE}appendonly yes\nappendfsync {fsync}\n");
    let server = Server::start(directory.path(), "node", free_port(), &config, &[]);
    (directory, server)
}

fn refused(connection: &mut Connection, command: &[&str]) -> bool {
    let answer = connection.call(command).expect("it answers");
    answer.error_code() == Some("MISCONF")
}

#[test]
fn a_full_disk_stops_writes_and_ping_but_not_reads_and_ends_a_server_that_always_syncs() {
    if !crate::redis_is_here() {
        return;
    }
    for fsync in ["everysec", "no"] {
        let (_directory, mut server) = full(fsync);
        server.wait_until_up();
        let mut connection = server.connect().expect("it is up");
        let _first = connection.call(&["SET", "key", "value"]);
        wait::until_true("writes are refused", LIMIT, || {
            refused(&mut connection, &["SET", "key", "other"])
        });
        assert!(refused(&mut connection, &["PING"]), "{fsync}");
        assert!(!refused(&mut connection, &["GET", "key"]), "{fsync}");
        crate::show(&format!("{fsync}: -MISCONF for SET and PING, not for GET"));
    }
    let (_directory, mut server) = full("always");
    server.wait_until_up();
    let mut connection = server.connect().expect("it is up");
    let _first = connection.call(&["SET", "key", "value"]);
    wait::until_true("it exits", LIMIT, || server.ask(&["PING"]).is_err());
    assert!(
        server.log().contains("AOF fsync policy is 'always'"),
        "{}",
        server.log()
    );
    crate::show("always: it exits");
}

#[test]
fn the_first_save_counts_from_the_start_of_the_process() {
    if !crate::redis_is_here() {
        return;
    }
    // "save 3 1": more than three whole seconds, looked at every 100 ms.
    let (_directory, mut server) = server("save 3 1");
    server.wait_until_up();
    std::thread::sleep(Duration::from_millis(2_500));
    server.kill();
    let started = wait::now();
    server.restart(&[]);
    server.wait_until_up();
    server.expect(&["SET", "key", "value"]);
    wait::until_true("it has saved", LIMIT, || {
        server
            .info("persistence", "rdb_changes_since_last_save")
            .as_deref()
            == Some("0")
    });
    let first = started.elapsed();
    crate::show(&format!(
        "save 3 1: {first:?} after a start, expected 3 to 4.2 s"
    ));
    assert!((3_000..5_500).contains(&first.as_millis()), "{first:?}");
}

#[test]
fn keys_are_deleted_and_flushed_about_as_fast_as_the_model_says() {
    if !crate::redis_is_here() {
        return;
    }
    let (_directory, mut server) = server("enable-debug-command yes");
    server.wait_until_up();
    let keys: u64 = 300_000;
    let count = keys.to_string();
    let fill = |server: &Server| server.expect(&["DEBUG", "POPULATE", &count, "key", "100"]);
    fill(&server);
    let mut connection = server.connect().expect("it is up");
    // Any order but that in which they were made: 7919 is prime and divides no power of ten.
    let names: Vec<String> = (0..keys)
        .map(|n| format!("key:{}", n * 7_919 % keys))
        .collect();
    let dels: Vec<Vec<&str>> = names.iter().map(|name| vec!["DEL", name]).collect();
    let start = wait::now();
    for part in dels.chunks(1_000) {
        let answers = connection.call_all(part).expect("it answers");
        assert!(answers.iter().all(|answer| *answer == Value::Integer(1)));
    }
    let deleted = keys as f64 / start.elapsed().as_secs_f64();
    fill(&server);
    let start = wait::now();
    server.expect(&["FLUSHALL"]);
    let flushed = keys as f64 / start.elapsed().as_secs_f64();
    crate::show(&format!(
        "{deleted:.0} keys deleted and {flushed:.0} flushed a second; the model: 500,000, and \
         1,100,000 as usual"
    ));
    assert!((100_000.0..1_500_000.0).contains(&deleted), "{deleted}");
    assert!((250_000.0..6_000_000.0).contains(&flushed), "{flushed}");
}
