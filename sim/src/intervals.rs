//! A set of instants as a union of half-open periods: when something was down.
//!
//! ```text
//! add        [1────3)   [5──────8)
//! add                [4────6)
//! union      [1────3)[4─────────8)
//! ```

use crate::time::{SimDuration, SimTime};

/// Half-open periods `[from, to)`, in order, apart from one another: touching ones are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    periods: Vec<(SimTime, SimTime)>,
}

impl Intervals {
    /// No instant.
    pub const fn new() -> Intervals {
        Intervals {
            periods: Vec::new(),
        }
    }

    /// Adds all instants from `from` until just before `to`; none if the two are equal.
    ///
    /// # Panics
    /// If `to` lies before `from`.
    pub fn add(&mut self, from: SimTime, to: SimTime) {
        assert!(
            from <= to,
            "a period ends at {to}, before it begins at {from}"
        );
        if from == to {
            return;
        }
        // Those that overlap or touch the new one become part of it.
        let first = self.periods.partition_point(|(_, end)| *end < from);
        let after = self.periods.partition_point(|(start, _)| *start <= to);
        let joined = match self.periods[first..after] {
            [] => (from, to),
            [only] => (from.min(only.0), to.max(only.1)),
            [head, .., last] => (from.min(head.0), to.max(last.1)),
        };
        self.periods.splice(first..after, [joined]);
    }

    /// The time covered in all.
    pub fn total(&self) -> SimDuration {
        self.iter()
            .fold(SimDuration::ZERO, |sum, (from, to)| sum + (to - from))
    }

    /// True if `time` is covered.
    pub fn contains(&self, time: SimTime) -> bool {
        let after = self.periods.partition_point(|(start, _)| *start <= time);
        after > 0 && time < self.periods[after - 1].1
    }

    /// The instants covered by both.
    pub fn intersect(&self, other: &Intervals) -> Intervals {
        let (mut left, mut right) = (self.periods.as_slice(), other.periods.as_slice());
        let mut periods = Vec::new();
        while let (Some(ours), Some(theirs)) = (left.first(), right.first()) {
            let (from, to) = (ours.0.max(theirs.0), ours.1.min(theirs.1));
            if from < to {
                periods.push((from, to));
            }
            // Whichever ends first can meet nothing further.
            if ours.1 < theirs.1 {
                left = &left[1..];
            } else {
                right = &right[1..];
            }
        }
        Intervals { periods }
    }

    /// The instants covered by either.
    pub fn union(&self, other: &Intervals) -> Intervals {
        let mut all = self.clone();
        for (from, to) in other.iter() {
            all.add(from, to);
        }
        all
    }

    /// The periods `[from, to)` in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SimTime, SimTime)> {
        self.periods.iter().copied()
    }

    /// The number of separate periods.
    pub fn len(&self) -> usize {
        self.periods.len()
    }

    /// True if no instant is covered.
    pub fn is_empty(&self) -> bool {
        self.periods.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: u64 = 40;

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    fn of(periods: &[(u64, u64)]) -> Intervals {
        let mut intervals = Intervals::new();
        for (from, to) in periods {
            intervals.add(at(*from), at(*to));
        }
        intervals
    }

    #[test]
    fn overlapping_and_touching_periods_are_joined() {
        let down = of(&[(5, 8), (1, 3), (4, 6), (8, 9), (20, 20)]);
        let periods: Vec<_> = down.iter().collect();
        assert_eq!(periods, [(at(1), at(3)), (at(4), at(9))]);
        assert_eq!(down.total(), SimDuration::from_nanos(7));
        assert!(down.contains(at(4)) && !down.contains(at(9)) && !down.contains(at(3)));
        assert_eq!(of(&[(1, 3), (4, 9), (2, 5)]), of(&[(1, 9)]));
    }

    #[test]
    #[should_panic(expected = "before it begins")]
    fn a_period_never_ends_before_it_begins() {
        Intervals::new().add(at(2), at(1));
    }

    /// The same set, one truth value an instant.
    fn brute(periods: &[(u64, u64)]) -> Vec<bool> {
        (0..END)
            .map(|t| periods.iter().any(|(from, to)| *from <= t && t < *to))
            .collect()
    }

    /// Holds `intervals` against the truth, and against the promise of separate periods in order.
    fn agree(intervals: &Intervals, truth: &[bool]) {
        for (time, covered) in (0..).zip(truth) {
            assert_eq!(
                intervals.contains(at(time)),
                *covered,
                "at {time} in {intervals:?}"
            );
        }
        let total = truth.iter().filter(|covered| **covered).count();
        assert_eq!(intervals.total(), SimDuration::from_nanos(total as u64));
        assert!(intervals.iter().all(|(from, to)| from < to));
        assert!(
            intervals
                .periods
                .windows(2)
                .all(|pair| pair[0].1 < pair[1].0)
        );
    }

    fn both(left: &[bool], right: &[bool], join: fn(bool, bool) -> bool) -> Vec<bool> {
        left.iter()
            .zip(right)
            .map(|(left, right)| join(*left, *right))
            .collect()
    }

    fn periods() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let period =
            (0..END, 0..12_u64).prop_map(|(from, length)| (from, (from + length).min(END)));
        prop::collection::vec(period, 0..10)
    }

    proptest! {
        #[test]
        fn all_operations_agree_with_brute_force(left in periods(), right in periods()) {
            let (ours, theirs) = (of(&left), of(&right));
            let (our_truth, their_truth) = (brute(&left), brute(&right));
            agree(&ours, &our_truth);
            agree(&ours.union(&theirs), &both(&our_truth, &their_truth, |a, b| a || b));
            agree(&ours.intersect(&theirs), &both(&our_truth, &their_truth, |a, b| a && b));
        }
    }
}
