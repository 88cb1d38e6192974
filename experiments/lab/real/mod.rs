//! A real Redis on loopback: processes, a client, and ready-made groups of them.
//!
//! Everything that is started here is killed and removed when its owner is dropped, also when a
//! test panics. Left out: anything but this machine, TLS, passwords, and the distribution's own
//! configuration: a server gets the directives that stand in its file and the built-in defaults.

pub mod cluster;
pub mod node;
pub mod process;
pub mod resp;
pub mod sentinel;
pub mod wait;

/// What `redis-server --version` says, if the program is there.
pub fn version() -> Option<String> {
    let output = std::process::Command::new(process::PROGRAM)
        .arg("--version")
        .output()
        .ok()?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = words.split_whitespace().find_map(|w| w.strip_prefix("v="));
    version.map(str::to_owned)
}
