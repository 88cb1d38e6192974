//! What one run may use: events, memory, and time until somebody outside ends it.
//!
//! A loop that might not end by itself reports its events here as it handles them. Every
//! [`CHECK_EVERY`] events the budget compares what was used with its limits and asks outside. The
//! limits of events and memory are exact at those points and the same on every machine; what is
//! said outside (a clock, an interruption) is not.

use std::cell::Cell;

use crate::quantity::Bytes;
use crate::time::{SimDuration, SimTime};

/// Events between two checks.
pub const CHECK_EVERY: u64 = 256;

/// What a run may still use. Parts of one run that follow each other share one budget.
pub struct Budget<'a> {
    events_max: u64,
    memory_max: Bytes,
    outside: &'a dyn Fn() -> Option<Halt>,
    events: Cell<u64>,
    check_at: Cell<u64>,
}

/// Why a run is to end, as somebody outside has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It has run for this long on a clock.
    Time(SimDuration),
    /// Its result is no longer wanted.
    Stopped,
}

/// Why a run was ended before its time; `at` is where simulated time stood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// More events than allowed.
    #[error("it reached the limit of {limit} events at {at} of simulated time")]
    Events {
        /// The number of events allowed.
        limit: u64,
        /// Where time stood.
        at: SimTime,
    },
    /// More memory in use than allowed.
    #[error("it reached the limit of {limit} of memory at {at} of simulated time")]
    Memory {
        /// The memory allowed.
        limit: Bytes,
        /// Where time stood.
        at: SimTime,
    },
    /// It took too long on a clock.
    #[error("it reached the limit of {limit} of running time at {at} of simulated time")]
    Time {
        /// The time allowed.
        limit: SimDuration,
        /// Where time stood.
        at: SimTime,
    },
    /// Its result is no longer wanted.
    #[error("it was stopped at {at} of simulated time")]
    Stopped {
        /// Where time stood.
        at: SimTime,
    },
}

impl<'a> Budget<'a> {
    /// So many events and so much memory, and until `outside` says that it is over.
    pub fn new(
        events_max: u64,
        memory_max: Bytes,
        outside: &'a dyn Fn() -> Option<Halt>,
    ) -> Budget<'a> {
        Budget {
            events_max,
            memory_max,
            outside,
            events: Cell::new(0),
            check_at: Cell::new(events_max.min(CHECK_EVERY)),
        }
    }

    /// No limit at all.
    pub fn unlimited() -> Budget<'static> {
        Budget::new(u64::MAX, Bytes::new(u64::MAX), &|| None)
    }

    /// Events handled so far.
    pub fn events(&self) -> u64 {
        self.events.get()
    }

    /// `events` more were handled, and simulated time stands at `now`. `memory` says what is in
    /// use; it is asked every [`CHECK_EVERY`] events.
    ///
    /// # Errors
    /// If the run is to end: a limit is exceeded, or somebody outside says so.
    #[inline]
    pub fn spend(
        &self,
        events: u64,
        now: SimTime,
        memory: impl FnOnce() -> Bytes,
    ) -> Result<(), BudgetError> {
        let spent = self.events.get().saturating_add(events);
        self.events.set(spent);
        if spent < self.check_at.get() {
            return Ok(());
        }
        self.check(now, memory())
    }

    #[cold]
    fn check(&self, at: SimTime, memory: Bytes) -> Result<(), BudgetError> {
        let spent = self.events.get();
        let limit = self.events_max;
        if spent > limit {
            return Err(BudgetError::Events { limit, at });
        }
        if memory > self.memory_max {
            let limit = self.memory_max;
            return Err(BudgetError::Memory { limit, at });
        }
        match (self.outside)() {
            Some(Halt::Time(limit)) => return Err(BudgetError::Time { limit, at }),
            Some(Halt::Stopped) => return Err(BudgetError::Stopped { at }),
            None => {}
        }
        let next = spent.saturating_add(CHECK_EVERY);
        self.check_at.set(next.min(limit.saturating_add(1)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SimTime = SimTime::from_nanos(5_000_000_000);

    /// How many events are let through, one by one, and why no more.
    fn let_through(budget: &Budget, memory: impl Fn(u64) -> u64) -> (u64, BudgetError) {
        for events in 0..1_000_000 {
            let held = || Bytes::new(memory(events));
            if let Err(error) = budget.spend(1, NOW, held) {
                return (events, error);
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn the_limit_of_events_is_exact() {
        for limit in [0, 1, CHECK_EVERY, CHECK_EVERY + 1, 5_000] {
            let budget = Budget::new(limit, Bytes::new(1), &|| None);
            let (events, error) = let_through(&budget, |_| 0);
            assert_eq!(events, limit);
            assert_eq!(error, BudgetError::Events { limit, at: NOW });
        }
    }

    #[test]
    fn memory_is_looked_at_every_so_many_events() {
        let limit = Bytes::new(3 * CHECK_EVERY - 50);
        let budget = Budget::new(u64::MAX, limit, &|| None);
        let (events, error) = let_through(&budget, |events| events);
        assert_eq!(events + 1, 3 * CHECK_EVERY);
        assert_eq!(error, BudgetError::Memory { limit, at: NOW });
        assert_eq!(
            error.to_string(),
            "it reached the limit of 718B of memory at 00:00:05.000 of simulated time"
        );
    }

    #[test]
    fn a_halt_from_outside_takes_effect_at_the_next_check() {
        let hour = SimDuration::from_hours(1);
        let at = NOW;
        for (halt, expected) in [
            (Halt::Stopped, BudgetError::Stopped { at }),
            (Halt::Time(hour), BudgetError::Time { limit: hour, at }),
        ] {
            let asked = Cell::new(0);
            let outside = || {
                asked.set(asked.get() + 1);
                (asked.get() == 3).then_some(halt)
            };
            let budget = Budget::new(u64::MAX, Bytes::new(1), &outside);
            let (events, error) = let_through(&budget, |_| 0);
            assert_eq!((events + 1, error), (3 * CHECK_EVERY, expected));
        }
    }
}
