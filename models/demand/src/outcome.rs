//! What a trial's demand comes to: whole numbers, the same however they were evaluated.
//!
//! Every visit ends in exactly one class:
//!
//! ```text
//! visits ─┬─ captured_first_try       the first press's write came first
//!         ├─ captured_after_retry     a later press of the first visit
//!         ├─ spooled                  the durable spool took it (on a return: spooled_on_return)
//!         ├─ captured_on_return  ┐
//!         ├─ abandoned           │    blocked = these three and spooled_on_return
//!         └─ still_pending       ┘    lost = abandoned + still_pending
//! ```
//!
//! Whose write came first decides, not what the signer saw: a signer who gave up while the write
//! was still under way counts as captured, since the acceptance exists.

use crate::answer::Cause;
use crate::spool::Opening;

/// What the demand on all services came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandOutcome {
    /// One for each whole population, in the order of their numbers.
    pub populations: Vec<PopulationOutcome>,
    /// What the spool of each service took, in their order.
    pub spools: Vec<Vec<Opening>>,
}

/// What became of one population's visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulationOutcome {
    /// What became of them.
    pub tally: Tally,
    /// Whole minutes in which more than the objective of the first presses of first visits failed
    /// on the server. A minute without any is not down.
    pub minutes_observed_down: u64,
    /// Spans of such minutes, from the first up to the one after the last; those in which nobody
    /// came between them included.
    pub degraded: Vec<(u64, u64)>,
}

/// Counts of visits and attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Signers who arrived before the horizon, each counted once.
    pub visits: u64,
    /// The first press's write came first.
    pub captured_first_try: u64,
    /// The write of a later press of the first visit came first.
    pub captured_after_retry: u64,
    /// Blocked at first, and captured by a return visit.
    pub captured_on_return: u64,
    /// The durable spool took it, on whichever visit.
    pub spooled: u64,
    /// Of those, on a return visit.
    pub spooled_on_return: u64,
    /// Without a capture, and nothing ahead.
    pub abandoned: u64,
    /// Without a capture so far: a return lies beyond the horizon, or something is still under way.
    pub still_pending: u64,
    /// Attempts that ended in failure before the horizon, in the order of [`Cause::ALL`].
    pub failed: [u64; Cause::ALL.len()],
    /// Successful attempts of visits that had been captured already.
    pub captured_twice: u64,
    /// Visits whose capture by Redis was acknowledged and lost afterwards; they stay in their
    /// class.
    pub acked_lost: u64,
}

impl Tally {
    /// Visits whose first visit ended without a capture, or had not ended at the horizon.
    pub fn blocked(&self) -> u64 {
        self.captured_on_return + self.spooled_on_return + self.lost()
    }

    /// Visits not captured by the horizon.
    pub fn lost(&self) -> u64 {
        self.abandoned + self.still_pending
    }

    /// Failed attempts, whatever the cause.
    pub fn failed_attempts(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Panics unless every visit is in exactly one class.
    pub fn assert_adds_up(&self) {
        let captured =
            self.captured_first_try + self.captured_after_retry + self.captured_on_return;
        assert_eq!(
            self.visits,
            captured + self.spooled + self.lost(),
            "every visit ends in exactly one class"
        );
        assert!(self.spooled_on_return <= self.spooled, "a part of a whole");
    }

    /// Adds the counts of `other`, such as one class to its population.
    pub fn add(&mut self, other: &Tally) {
        self.visits += other.visits;
        self.captured_first_try += other.captured_first_try;
        self.captured_after_retry += other.captured_after_retry;
        self.captured_on_return += other.captured_on_return;
        self.spooled += other.spooled;
        self.spooled_on_return += other.spooled_on_return;
        self.abandoned += other.abandoned;
        self.still_pending += other.still_pending;
        for (sum, part) in self.failed.iter_mut().zip(other.failed) {
            *sum += part;
        }
        self.captured_twice += other.captured_twice;
        self.acked_lost += other.acked_lost;
    }
}
