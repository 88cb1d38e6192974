//! Waiting for a real system: for a condition with a deadline, never for a fixed time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use sim::{Purpose, Streams};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// The real clock; nothing here reaches a simulated result.
#[allow(clippy::disallowed_methods)] // a real server lives by the real clock
pub fn now() -> Instant {
    Instant::now()
}

/// Looks until `look` finds something. Panics after `limit`, naming `what` was waited for.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        sleep(POLL);
    }
}

/// The same for a condition that finds nothing but itself.
#[track_caller]
pub fn until_true(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    until(what, limit, || holds().then_some(()));
}

/// Milliseconds between two instants.
pub fn ms(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

/// Leaves a healthy system alone for half a second and a random while, so that a fault falls
/// anywhere between its crons.
pub fn a_phase() {
    let streams = Streams::for_trial(std::process::id().into(), 0);
    let phase_ms = streams.stream(Purpose(1), 0).random_range(500..2_500);
    sleep(Duration::from_millis(phase_ms));
}
