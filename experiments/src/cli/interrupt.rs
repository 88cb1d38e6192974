//! What an interruption does to work that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::terminal;

/// A flag that the first interruption sets; the second ends the program.
pub(super) fn stop() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let set = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        terminal::message(
            "interrupted: waiting for the trials that are running; once more stops at once and \
             keeps nothing",
        );
    });
    if let Err(error) = set {
        terminal::message(&format!("note: an interruption will keep nothing: {error}"));
    }
    stop
}
