//! Attempts per minute around a disturbance, for a chart. Left out of ordinary evaluations, which
//! do not look at minutes that are determined.

use sim::SimTime;

use super::minutes::{MINUTE_NS, minute_of};

/// Attempts that arrived in one minute and were answered before the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since the start.
    pub minute: u64,
    /// Attempts that succeeded.
    pub ok: u64,
    /// Attempts that failed.
    pub failed: u64,
}

/// Counts the attempts of one population.
pub(super) struct Strip {
    population: usize,
    minutes: Vec<Minute>,
}

impl Strip {
    /// The minutes that meet `[from, to)`.
    pub fn new(population: usize, from: SimTime, to: SimTime) -> Strip {
        let empty = |minute| Minute {
            minute,
            ok: 0,
            failed: 0,
        };
        let end = to.as_nanos().div_ceil(MINUTE_NS);
        Strip {
            population,
            minutes: (minute_of(from)..end).map(empty).collect(),
        }
    }

    /// The start of the minute of `from`.
    pub fn start(from: SimTime) -> SimTime {
        SimTime::from_nanos(minute_of(from) * MINUTE_NS)
    }

    /// The end of the last minute before `to`.
    pub fn end(to: SimTime) -> SimTime {
        SimTime::from_nanos(to.as_nanos().div_ceil(MINUTE_NS) * MINUTE_NS)
    }

    pub fn add(&mut self, population: usize, at: SimTime, ok: bool) {
        let Some(first) = self.minutes.first() else {
            return;
        };
        let Some(place) = minute_of(at).checked_sub(first.minute) else {
            return;
        };
        if let Some(minute) = self.minutes.get_mut(place as usize)
            && population == self.population
        {
            minute.ok += u64::from(ok);
            minute.failed += u64::from(!ok);
        }
    }

    pub fn into_minutes(self) -> Vec<Minute> {
        self.minutes
    }
}
