//! `outage clients`: compares client libraries while a primary hangs or is killed.

use crate::clients::{rows, table};
use crate::error::TRIALS_FAILED;
use crate::terminal;

use super::ClientsArguments;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage clients                 # each preset: when is its pool empty, when does it serve again?
  outage clients --trials 50     # more precise medians
  outage clients --json | jq '.[] | select(.fault == \"hung\")'";

/// Prints the table.
pub fn run(arguments: &ClientsArguments) -> super::Done {
    let (rows, failed) = rows(arguments.trials, arguments.seed, &arguments.limits.limits());
    if arguments.json {
        let text = serde_json::to_string_pretty(&rows).expect("rows are plain");
        terminal::result(&format!("{text}\n"));
    } else {
        let text = table(&rows).to_text(&output::TextOptions::plain());
        terminal::result(&text.expect("cells fit their columns"));
    }
    for error in &failed {
        terminal::message(&error.to_string());
    }
    Ok(if failed.is_empty() { 0 } else { TRIALS_FAILED })
}
