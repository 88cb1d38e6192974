//! Accumulators: what a trial is boiled down to.
//!
//! All three count in integers, so a sum does not depend on the order in which it was made, and
//! parts can be merged without a trace of how the work was split. Floats come out at the very end.
//!
//! * [`TimeWeighted`]: the integral of a level that changes in steps, such as a queue's length.
//! * [`Tally`]: count, sum, least and greatest of single values, such as waiting times.
//! * [`Intervals`]: when something was the case, such as the down periods of a component.

mod intervals;

pub use intervals::Intervals;

use crate::time::{SimDuration, SimTime};

/// A whole-numbered level over time that changes in steps, and its integral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWeighted {
    start: SimTime,
    changed: SimTime,
    level: u64,
    level_max: u64,
    /// Level times nanoseconds, up to `changed`. 128 bits hold any level for any time.
    integral: u128,
}

impl TimeWeighted {
    /// A level that is watched from `start`.
    pub fn new(start: SimTime, level: u64) -> TimeWeighted {
        TimeWeighted {
            start,
            changed: start,
            level,
            level_max: level,
            integral: 0,
        }
    }

    /// The level is `level` from `now` on.
    ///
    /// # Panics
    /// If `now` lies before the last change.
    pub fn set(&mut self, now: SimTime, level: u64) {
        self.integral = self.level_nanos(now);
        self.changed = now;
        self.level = level;
        self.level_max = self.level_max.max(level);
    }

    /// The level rises by `amount`.
    ///
    /// # Panics
    /// As [`TimeWeighted::set`], or if the level leaves the range of `u64`.
    pub fn add(&mut self, now: SimTime, amount: u64) {
        self.set(
            now,
            self.level
                .checked_add(amount)
                .expect("a level stays within its range"),
        );
    }

    /// The level falls by `amount`.
    ///
    /// # Panics
    /// As [`TimeWeighted::set`], or if the level would fall below zero.
    pub fn remove(&mut self, now: SimTime, amount: u64) {
        self.set(
            now,
            self.level
                .checked_sub(amount)
                .expect("a level is never negative"),
        );
    }

    /// The present level.
    pub fn level(&self) -> u64 {
        self.level
    }

    /// The highest level so far, be it for an instant.
    pub fn level_max(&self) -> u64 {
        self.level_max
    }

    /// The integral from the start to `now`, in level times nanoseconds.
    ///
    /// # Panics
    /// If `now` lies before the last change.
    pub fn level_nanos(&self, now: SimTime) -> u128 {
        let since = (now - self.changed).as_nanos();
        self.integral + u128::from(self.level) * u128::from(since)
    }

    /// The mean level from the start to `now`; the present level if no time has passed.
    ///
    /// # Panics
    /// If `now` lies before the last change.
    pub fn level_mean(&self, now: SimTime) -> f64 {
        let elapsed = (now - self.start).as_nanos();
        if elapsed == 0 {
            return self.level as f64;
        }
        self.level_nanos(now) as f64 / elapsed as f64
    }
}

/// Count, sum, least and greatest of whole-numbered values, in whatever unit they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    count: u64,
    sum: u128,
    range: Option<(u64, u64)>,
}

impl Tally {
    /// Nothing recorded.
    pub const fn new() -> Tally {
        Tally {
            count: 0,
            sum: 0,
            range: None,
        }
    }

    /// Records a value.
    pub fn record(&mut self, value: u64) {
        self.merge(&Tally {
            count: 1,
            sum: u128::from(value),
            range: Some((value, value)),
        });
    }

    /// Records a span, in nanoseconds.
    pub fn record_span(&mut self, span: SimDuration) {
        self.record(span.as_nanos());
    }

    /// Takes in all that `other` recorded.
    pub fn merge(&mut self, other: &Tally) {
        self.count += other.count;
        self.sum += other.sum;
        self.range = match (self.range, other.range) {
            (Some((least, greatest)), Some((other_least, other_greatest))) => {
                Some((least.min(other_least), greatest.max(other_greatest)))
            }
            (ours, theirs) => ours.or(theirs),
        };
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all values.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The least value, if there is one.
    pub fn min(&self) -> Option<u64> {
        self.range.map(|(least, _)| least)
    }

    /// The greatest value, if there is one.
    pub fn max(&self) -> Option<u64> {
        self.range.map(|(_, greatest)| greatest)
    }

    /// The mean of all values, if there is one.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The mean of spans in seconds, if there is one.
    pub fn mean_s(&self) -> Option<f64> {
        self.mean().map(|nanos| nanos / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    #[test]
    fn a_step_function_is_integrated() {
        let mut queue = TimeWeighted::new(at(10), 0);
        queue.add(at(10), 3);
        queue.remove(at(14), 1);
        queue.set(at(20), 0);
        assert_eq!(queue.level_nanos(at(30)), 3 * 4 + 2 * 6);
        assert_eq!(queue.level_mean(at(30)), 24.0 / 20.0);
        assert_eq!(queue.level_max(), 3);
        assert_eq!(queue.level(), 0);
    }

    #[test]
    fn without_time_the_mean_is_the_level() {
        assert_eq!(TimeWeighted::new(at(5), 7).level_mean(at(5)), 7.0);
    }

    #[test]
    fn the_largest_level_over_all_time_fits() {
        let full = TimeWeighted::new(SimTime::ZERO, u64::MAX);
        assert_eq!(
            full.level_nanos(SimTime::MAX),
            u128::from(u64::MAX) * u128::from(u64::MAX)
        );
    }

    #[test]
    #[should_panic(expected = "a level is never negative")]
    fn a_level_below_zero_is_our_mistake() {
        TimeWeighted::new(at(0), 1).remove(at(1), 2);
    }

    #[test]
    fn a_tally_counts() {
        let mut waits = Tally::new();
        assert_eq!((waits.min(), waits.max(), waits.mean()), (None, None, None));
        for millis in [30, 10, 20] {
            waits.record_span(SimDuration::from_millis(millis));
        }
        assert_eq!(waits.count(), 3);
        assert_eq!(waits.sum(), 60_000_000);
        assert_eq!(
            (waits.min(), waits.max()),
            (Some(10_000_000), Some(30_000_000))
        );
        assert_eq!(waits.mean_s(), Some(0.02));
    }

    #[test]
    fn merging_does_not_depend_on_the_split() {
        let values: Vec<u64> = (0..100_u64).map(|i| i * i % 37).collect();
        let tally = |values: &[u64]| {
            let mut tally = Tally::new();
            values.iter().for_each(|value| tally.record(*value));
            tally
        };
        for split in 0..=100 {
            let mut merged = tally(&values[split..]);
            merged.merge(&tally(&values[..split]));
            assert_eq!(merged, tally(&values));
        }
    }
}
