//! A real server's used memory when its hash table doubles: with key number 2^k + 1 a table of
//! 2^(k+1) pointers comes at once, and the old one goes when rehashing is done (`dict.c`). What it
//! should be comes from the model's tables and keys.

use std::time::Duration;

use models::redis::keyspace::KeyShape;
use models::redis::table::Table;
use tempfile::TempDir;

use crate::real::process::{DATA_NODE, Server, free_port};
use crate::real::wait;

const LIMIT: Duration = Duration::from_secs(20);
const VALUE_LENGTH: u64 = 64;
const KEY: KeyShape = KeyShape {
    key_length: 16,
    cluster: false,
    expires: false,
};
/// Anything else that the server allocates meanwhile, such as for its clock.
const SLACK_BYTES: u64 = 1_024;

#[test]
fn used_memory_steps_when_the_table_doubles() {
    if !crate::redis_is_here() {
        return;
    }
    let directory = TempDir::with_prefix("lab-memory-").expect("a temporary directory");
    let port = free_port();
    let mut server = Server::start(directory.path(), "node", port, DATA_NODE, &[]);
    server.wait_until_up();
    let mut keys = 0;
    for power in [10, 12, 14] {
        let full = 1 << power;
        insert(&server, keys, full);
        keys = full + 1;
        let before = settled(&server);
        let (key, value) = pair(full);
        let step = used_after(&server, &["SET", &key, &value]) - before;
        let (before_it, with_it) = (Table::loaded(full), Table::loaded(full).doubled());
        let grown = |table: Table| table.bytes() - before_it.bytes() + KEY.bytes(VALUE_LENGTH);
        close(&format!("key 2^{power} + 1"), step, grown(with_it));
        wait::until_true("the old table returned", LIMIT, || {
            used(&server) < before + grown(with_it.settled()) + SLACK_BYTES
        });
        let rest = settled(&server) - before;
        close(
            &format!("after rehashing 2^{power}"),
            rest,
            grown(with_it.settled()),
        );
    }
}

fn close(what: &str, real: u64, expected: u64) {
    crate::show(&format!("{what}: {real} bytes, expected {expected}"));
    assert!(
        real.abs_diff(expected) <= SLACK_BYTES,
        "{what}: {real}, not {expected}"
    );
}

fn insert(server: &Server, from: u64, to: u64) {
    let mut connection = server.connect().expect("it is up");
    let pairs: Vec<_> = (from..to).map(pair).collect();
    for pairs in pairs.chunks(1_000) {
        let commands: Vec<_> = pairs.iter().map(|(k, v)| vec!["SET", k, v]).collect();
        connection.call_all(&commands).expect("it is up");
    }
}

fn pair(index: u64) -> (String, String) {
    (
        format!("key:{index:012}"),
        "v".repeat(VALUE_LENGTH as usize),
    )
}

/// Used memory once it stays the same: buffers of the filling are gone.
fn settled(server: &Server) -> u64 {
    let mut last = [0; 20];
    wait::until("used memory that stays", LIMIT, || {
        last.rotate_left(1);
        last[19] = used(server);
        let stays = last.iter().all(|bytes| *bytes == last[19]);
        stays.then_some(last[19])
    })
}

fn used(server: &Server) -> u64 {
    used_after(server, &["PING"])
}

/// Used memory after a command, on a new connection: an older one's reply buffer may have been
/// shrunk meanwhile (`server.c: clientsCronResizeOutputBuffer`), 15 KB that are not the table's.
fn used_after(server: &Server, command: &[&str]) -> u64 {
    let mut connection = server.connect().expect("it is up");
    connection.call(command).expect("it is up");
    let info = connection.call(&["INFO", "memory"]).expect("it is up");
    let mut lines = info.text().expect("INFO is a text").lines();
    let used = lines.find_map(|line| line.strip_prefix("used_memory:"));
    used.expect("INFO names it").parse().expect("bytes")
}
