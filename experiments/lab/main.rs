//! The model's beliefs, held against a real `redis-server` on this machine.
//!
//! Where the program is missing every test says so and passes, except under `CI`, where it fails.
//! Tests wait for conditions, and strike processes of their own only.

mod capability;
mod cluster_failover;
mod disk;
mod full_memory;
mod model;
mod node;
// The other root, `measure`, uses the rest of these parts.
#[allow(dead_code)]
mod real;
mod restart;
mod sentinel_failover;
mod table_step;

use std::io::Write as _;
use std::sync::Once;

/// Whether there is a real Redis to compare with.
fn redis_is_here() -> bool {
    let version = real::version();
    let said = match &version {
        Some(version) => format!("lab: redis-server {version}; the model is of 7.0\n"),
        None => "lab: no redis-server on this machine, NOTHING COMPARED WITH A REAL ONE\n".into(),
    };
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Not `eprintln!`, which the test harness swallows when a test passes.
        let told = std::io::stderr().write_all(said.as_bytes());
        told.expect("standard error takes a line");
    });
    let must = std::env::var_os("CI").is_some();
    assert!(
        version.is_some() || !must,
        "CI is set, and redis-server is missing"
    );
    version.is_some()
}

/// A figure for the test's output; `cargo test -p experiments --test lab -- --nocapture` shows it.
#[allow(clippy::print_stdout)]
fn show(line: &str) {
    println!("{line}");
}
