//! Faults that random worlds have shown and that are still to be mended.

use super::check_world;

/// In this world a bus that sleeps finds out, when it is woken, that a node suspects another one
/// (`cluster_bus/dormancy.rs`), and the trial panics.
pub const PANICS: u64 = 215;

#[test]
#[ignore = "a known fault of the sleeping bus"]
fn a_bus_that_sleeps_suspects_nobody() {
    check_world(PANICS);
}
