//! Requests that fail although Redis answers: what a service's metrics show of an overload.
//!
//! The infrastructure runs before the requests are counted, so the first run of a trial knows
//! nothing of full queues, of callers who try again and of breakers that stay open. The count finds
//! the minutes in which more requests failed than the infrastructure explains. With these minutes
//! known the trial runs again, until a run ends with the minutes that it began with:
//!
//! ```text
//!  run  known at its start   what people did                     the count finds
//!  1    nothing              nothing                             minutes 10 to 89
//!  2    minutes 10 to 89     paged at 14, added servers at 30    minutes 10 to 30
//!  3    minutes 10 to 30     the same                            minutes 10 to 30: settled
//! ```
//!
//! A minute is known once its requests have been answered or given up. Two runs that know the same
//! minutes up to some instant are therefore the same up to it, and each run settles at least one
//! minute more. The result is what one simulation of both together would find.

use demand::answer::{AnswerTimeline, downtime};
use sim::{SimDuration, SimTime};

use super::latency::SlowMinutes;
use super::timeline::{ShareTimeline, highest};

/// Minutes in which more requests of a service failed than the infrastructure explains, ascending,
/// with the share that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overload {
    minutes: Vec<Minute>,
    /// Minutes in which requests took longer, for each rule on latency; empty if there are none.
    slow: Vec<SlowMinutes>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Minute {
    number: u64,
    /// The share of its requests that failed.
    share: f64,
    /// Did the infrastructure fail some?
    explained: bool,
}

/// If the infrastructure fails some requests, so much more must fail for a minute to count.
const BEYOND: f64 = 0.1;

/// So many requests must fail for a minute to count: fewer are chance (an assumption).
pub(super) const FAILED_MIN: u64 = 5;

const MINUTE: SimDuration = SimDuration::from_mins(1);

impl Overload {
    /// The minutes with more failures than `failing` explains, or the short `pauses` that it leaves
    /// out. Each entry of `counts` is a minute with its failed requests and all its requests.
    ///
    /// Requests wait up to `gateway_timeout`, so the minute of an outage, the time before it and
    /// the time after it are explained up to so far.
    pub(super) fn found(
        counts: impl Iterator<Item = (u64, (u64, u64))>,
        (failing, pauses): (&ShareTimeline, &AnswerTimeline),
        objective: f64,
        gateway_timeout: SimDuration,
    ) -> Overload {
        let beyond = |(minute, (failed, total)): (u64, (u64, u64))| {
            let share = failed as f64 / total.max(1) as f64;
            let explained = explained(failing, minute, gateway_timeout);
            let (from, to) = around(minute, gateway_timeout);
            let paused = downtime(pauses, from, to) > SimDuration::ZERO;
            let some = explained > 0.0 || paused;
            let margin = if some { BEYOND } else { objective };
            (failed >= FAILED_MIN && share > explained + margin).then_some(Minute {
                number: minute,
                share,
                explained: explained > 0.0,
            })
        };
        Overload {
            minutes: counts.filter_map(beyond).collect(),
            slow: Vec::new(),
        }
    }

    /// The same with the slow minutes of each rule on latency.
    pub(super) fn with_slow(self, slow: Vec<SlowMinutes>) -> Overload {
        let none = slow.iter().all(Vec::is_empty);
        let slow = if none { Vec::new() } else { slow };
        Overload { slow, ..self }
    }

    /// The minutes in `[from, to)` that are known to be slow at `to` for a rule on latency, with
    /// what it asks for.
    pub(super) fn slow(
        &self,
        rule: usize,
        (from, to): (SimTime, SimTime),
        gateway_timeout: SimDuration,
    ) -> impl Iterator<Item = (SimTime, SimTime, f64)> + '_ {
        let last = known_minute(to, gateway_timeout);
        let minutes = self.slow.get(rule).map_or(&[][..], Vec::as_slice);
        let first = minutes.partition_point(|(minute, _)| start_of(minute + 1) <= from);
        let minutes = minutes[first..].iter();
        let known = minutes.take_while(move |(minute, _)| last.is_some_and(|l| *minute <= l));
        known.map(move |(minute, asked)| {
            let (start, end) = (start_of(*minute), start_of(minute + 1));
            (start.max(from), end.min(to), *asked)
        })
    }

    /// The share that failed in the last minute that is known at `now`, when `failing` of the
    /// requests fail because of the infrastructure. What failed beyond an outage of it ends with
    /// it.
    pub(super) fn shown(&self, now: SimTime, gateway_timeout: SimDuration, failing: f64) -> f64 {
        let known = known_minute(now, gateway_timeout);
        let place = known.and_then(|known| {
            let place = self
                .minutes
                .binary_search_by_key(&known, |minute| minute.number);
            place.ok()
        });
        let minute = place.map(|place| self.minutes[place]);
        let lasts = minute.filter(|minute| failing > 0.0 || !minute.explained);
        lasts.map_or(0.0, |minute| minute.share)
    }

    /// The minutes in `[from, to)` that are known at `to`, with the share that failed; those that
    /// an outage explains in part too.
    pub(super) fn known(
        &self,
        (from, to): (SimTime, SimTime),
        gateway_timeout: SimDuration,
    ) -> impl Iterator<Item = (SimTime, SimTime, f64)> + '_ {
        let last = known_minute(to, gateway_timeout);
        let first = self
            .minutes
            .partition_point(|minute| start_of(minute.number + 1) <= from);
        let minutes = self.minutes[first..].iter();
        let known = minutes.take_while(move |minute| last.is_some_and(|l| minute.number <= l));
        known.map(move |minute| {
            let (start, end) = (start_of(minute.number), start_of(minute.number + 1));
            (start.max(from), end, minute.share)
        })
    }

    /// The end of the last minute that is known at `now`.
    pub(super) fn shown_minute(
        &self,
        now: SimTime,
        gateway_timeout: SimDuration,
    ) -> Option<SimTime> {
        known_minute(now, gateway_timeout).map(|minute| start_of(minute + 1))
    }

    /// When metrics begin to show another share.
    pub(super) fn changes(
        &self,
        gateway_timeout: SimDuration,
    ) -> impl Iterator<Item = SimTime> + '_ {
        let known = move |minute: u64| start_of(minute + 1).saturating_add(gateway_timeout);
        let next = |place: usize| self.minutes.get(place + 1).map(|minute| minute.number);
        let minutes = self.minutes.iter().enumerate();
        minutes.flat_map(move |(place, Minute { number: minute, .. })| {
            let ends = (next(place) != Some(minute + 1)).then(|| known(minute + 1));
            [Some(known(*minute)), ends].into_iter().flatten()
        })
    }

    /// What a rule on latency asks for in the last minute that is known at `now`; 0 if it was not
    /// slow.
    pub(super) fn slow_shown(
        &self,
        rule: usize,
        now: SimTime,
        gateway_timeout: SimDuration,
    ) -> f64 {
        let minutes = self.slow.get(rule).map_or(&[][..], Vec::as_slice);
        let known = known_minute(now, gateway_timeout);
        let place = known.and_then(|known| {
            let place = minutes.binary_search_by_key(&known, |(minute, _)| *minute);
            place.ok()
        });
        place.map_or(0.0, |place| minutes[place].1)
    }

    /// When metrics begin to show a slow minute, and when they show the next one.
    pub(super) fn slow_changes(
        &self,
        gateway_timeout: SimDuration,
    ) -> impl Iterator<Item = SimTime> + '_ {
        let minutes = self.slow.iter().flatten();
        let ends = minutes.flat_map(|(minute, _)| [minute + 1, minute + 2]);
        ends.map(move |end| start_of(end).saturating_add(gateway_timeout))
    }

    /// The minutes in which more than `objective` failed.
    pub(super) fn above(&self, objective: f64) -> impl Iterator<Item = (SimTime, SimTime)> + '_ {
        let above = self.minutes.iter();
        let above = above.filter(move |minute| minute.share > objective);
        above.map(|Minute { number, .. }| (start_of(*number), start_of(number + 1)))
    }
}

/// The share of a minute's requests that `failing` explains, at most.
fn explained(failing: &ShareTimeline, minute: u64, gateway_timeout: SimDuration) -> f64 {
    let (from, to) = around(minute, gateway_timeout);
    highest(failing, from, to)
}

/// What may affect the requests of a minute.
pub(super) fn around(minute: u64, gateway_timeout: SimDuration) -> (SimTime, SimTime) {
    let from = start_of(minute).saturating_sub(gateway_timeout);
    let to = start_of(minute + 1).saturating_add(gateway_timeout);
    (from, to)
}

/// Does `failing` explain so much of a minute that nothing can be beyond it?
pub(super) fn explains_all(
    failing: &ShareTimeline,
    minute: u64,
    gateway_timeout: SimDuration,
) -> bool {
    explained(failing, minute, gateway_timeout) + BEYOND >= 1.0
}

/// The last minute whose requests have been answered or given up at `now`.
fn known_minute(now: SimTime, gateway_timeout: SimDuration) -> Option<u64> {
    let known = now.saturating_since(SimTime::ZERO.saturating_add(gateway_timeout));
    (known.as_nanos() / MINUTE.as_nanos()).checked_sub(1)
}

fn start_of(minute: u64) -> SimTime {
    SimTime::ZERO + MINUTE * minute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    const WAIT: SimDuration = SimDuration::from_secs(30);

    fn found(counts: &[(u64, (u64, u64))], failing: &ShareTimeline) -> Overload {
        let pauses = AnswerTimeline::new();
        let known = (failing, &pauses);
        Overload::found(counts.iter().copied(), known, 0.01, WAIT)
    }

    #[test]
    fn only_minutes_that_redis_does_not_explain_count() {
        let mut failing = ShareTimeline::new();
        failing.set(second(600), 0.3);
        failing.set(second(700), 0.0);
        let counts = [
            (8, (5, 100)),   // before the outage
            (9, (50, 100)),  // its requests may meet the outage, and more fail than that explains
            (10, (35, 100)), // in it
            (11, (41, 100)),
            (12, (25, 100)), // from 12:10 on the outage explains nothing
            (13, (25, 100)),
            (14, (1, 100)),
            (15, (0, 0)),
        ];
        let overload = found(&counts, &failing);
        let minutes: Vec<u64> = overload
            .minutes
            .iter()
            .map(|minute| minute.number)
            .collect();
        assert_eq!(minutes, [8, 9, 11, 13]);
    }

    #[test]
    fn a_minute_is_known_once_its_requests_are_over() {
        let counts = [(2, (10, 100)), (3, (20, 100)), (6, (30, 100)), (7, (4, 10))];
        let overload = found(&counts, &ShareTimeline::new());
        assert_eq!(overload.shown(second(209), WAIT, 0.0), 0.0);
        assert_eq!(overload.shown(second(210), WAIT, 0.0), 0.1);
        assert_eq!(overload.shown(second(270), WAIT, 0.0), 0.2);
        assert_eq!(overload.shown(second(330), WAIT, 0.0), 0.0);
        let changes: Vec<SimTime> = overload.changes(WAIT).collect();
        assert_eq!(changes, [210, 270, 330, 450, 510].map(second));
        let above: Vec<_> = overload.above(0.15).collect();
        assert_eq!(
            above,
            [(second(180), second(240)), (second(360), second(420))]
        );
    }
}
