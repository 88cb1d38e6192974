//! The `outage` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(experiments::cli::run())
}
