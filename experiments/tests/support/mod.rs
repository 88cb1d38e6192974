//! Running the real binary in a directory of its own.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The small scenario and the small study, in an empty directory.
pub fn directory() -> TempDir {
    let place = tempfile::tempdir().expect("there is room for a directory");
    for (name, text) in [
        ("small.toml", include_str!("../small.toml")),
        ("study.toml", include_str!("../study.toml")),
    ] {
        fs::write(place.path().join(name), text).expect("the directory is ours");
    }
    place
}

/// A design whose service has too many visitors for a whole year, to be put before the objectives
/// of the small study. A trial of it would take hours.
pub const CROWD: &str = "[[point]]
name = \"crowd\"
levels = { check = \"ping\", layout = \"shared\" }
set = { horizon = \"360d\", signers = { visits = \"20000/s\" } }

[[objective]]";

/// The binary, to be run in `directory`.
pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outage"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1");
    command
}

/// Runs it and waits.
pub fn outage(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments)
        .output()
        .expect("the binary starts")
}

/// What it wrote to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it writes UTF-8")
}

/// What it wrote to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("it writes UTF-8")
}

/// Compares with a file that is kept and reviewed; `UPDATE_GOLDEN=1` rewrites it.
#[track_caller]
pub fn golden(path: &Path, found: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a file stands in a directory")).unwrap();
        fs::write(path, found).expect("the file can be rewritten");
        return;
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    let first = kept
        .lines()
        .zip(found.lines())
        .position(|(kept, found)| kept != found);
    let line = first.unwrap_or_else(|| kept.lines().count().min(found.lines().count()));
    assert!(
        kept == found,
        "{} differs from line {}:\n  kept:  {:?}\n  found: {:?}\nUPDATE_GOLDEN=1 rewrites it",
        path.display(),
        line + 1,
        kept.lines().nth(line),
        found.lines().nth(line)
    );
}
