//! Attempts per minute around a disturbance, for a chart. Left out of ordinary evaluations, which
//! do not look at minutes that are determined.

use sim::SimTime;

use crate::minutes::{MINUTE_NS, minute_of};

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

/// What a window of one service shows when all of it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Attempts of one population, minute by minute.
    pub minutes: Vec<Minute>,
    /// Attempts of all that come to the service.
    pub all: Vec<Minute>,
    /// The first attempt that found no free worker.
    pub crowded_from: Option<SimTime>,
    /// The first and the last instant at which an attempt failed.
    pub failed: Option<(SimTime, SimTime)>,
}

impl Window {
    /// The sum of two strips of the same minutes.
    pub fn with(mut self, other: &Window) -> Window {
        let add = |minutes: &mut Vec<Minute>, others: &[Minute]| {
            for (minute, other) in minutes.iter_mut().zip(others) {
                debug_assert_eq!(minute.minute, other.minute, "the same minutes");
                minute.ok += other.ok;
                minute.failed += other.failed;
            }
        };
        add(&mut self.minutes, &other.minutes);
        add(&mut self.all, &other.all);
        self.crowded_from = self
            .crowded_from
            .into_iter()
            .chain(other.crowded_from)
            .min();
        self.failed = match (self.failed, other.failed) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        self
    }
}

/// Counts the attempts of one population, and of all.
pub(super) struct Strip {
    population: usize,
    window: Window,
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
        let minutes: Vec<Minute> = (minute_of(from)..end).map(empty).collect();
        Strip {
            population,
            window: Window {
                all: minutes.clone(),
                minutes,
                crowded_from: None,
                failed: None,
            },
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

    /// An attempt that was made at `at` has ended.
    pub fn add(&mut self, population: usize, at: SimTime, ended: SimTime, ok: bool) {
        let Some(first) = self.window.all.first() else {
            return;
        };
        let Some(place) = minute_of(at).checked_sub(first.minute) else {
            return;
        };
        let count = |minutes: &mut Vec<Minute>| {
            if let Some(minute) = minutes.get_mut(place as usize) {
                minute.ok += u64::from(ok);
                minute.failed += u64::from(!ok);
            }
        };
        count(&mut self.window.all);
        if population == self.population {
            count(&mut self.window.minutes);
        }
        if !ok {
            let (from, to) = self.window.failed.unwrap_or((ended, ended));
            self.window.failed = Some((from.min(ended), to.max(ended)));
        }
    }

    /// An attempt finds no free worker.
    pub fn crowded(&mut self, at: SimTime) {
        let inside = self.window.all.first();
        if inside.is_some_and(|first| first.minute <= minute_of(at)) {
            self.window.crowded_from.get_or_insert(at);
        }
    }

    pub fn into_window(self) -> Window {
        self.window
    }
}
