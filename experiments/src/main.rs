//! The `outage` command.

fn main() {}
