//! A value over time that changes at instants and is constant between them.
//!
//! ```text
//! value │        ┌──────┐
//!       │        │      └─────────── last()
//!       │────────┘
//!       └────────┴──────┴───────────► time
//!       zero   changes
//! ```

use crate::{SimDuration, SimTime};

/// A step function of time: the value in force from each change on. The first change is at zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps<T> {
    changes: Vec<(SimTime, T)>,
}

impl<T: Copy + PartialEq + Default> Default for Steps<T> {
    fn default() -> Steps<T> {
        Steps::new()
    }
}

impl<T: Copy + PartialEq + Default> Steps<T> {
    /// The default value from the start.
    pub fn new() -> Steps<T> {
        Steps {
            changes: vec![(SimTime::ZERO, T::default())],
        }
    }
}

impl<T: Copy + PartialEq> Steps<T> {
    /// From `at` on the value is `value`. Changes come in time order; one that lasts no time is
    /// replaced, one that changes nothing is not recorded.
    ///
    /// # Panics
    /// If `at` lies before the last change.
    pub fn set(&mut self, at: SimTime, value: T) {
        let (last_at, last) = *self.newest();
        assert!(at >= last_at, "changes come in time order");
        if value == last {
            return;
        }
        if at == last_at {
            self.changes.pop();
            let before = self.changes.last();
            if before.is_some_and(|(_, before)| *before == value) {
                return;
            }
        }
        self.changes.push((at, value));
    }

    /// The changes, in time order; the first is at zero.
    pub fn changes(&self) -> &[(SimTime, T)] {
        &self.changes
    }

    /// The value in force since the last change.
    pub fn last(&self) -> T {
        self.newest().1
    }

    /// When it changed last.
    pub fn changed(&self) -> SimTime {
        self.newest().0
    }

    /// The value in force at `at` (a change at that very instant counts).
    pub fn at(&self, at: SimTime) -> T {
        let next = self.changes.partition_point(|(from, _)| *from <= at);
        self.changes[next - 1].1
    }

    /// The spans of constant value from `from` to `to`, in time order.
    pub fn spans(
        &self,
        from: SimTime,
        to: SimTime,
    ) -> impl Iterator<Item = (SimTime, SimTime, T)> + '_ {
        let first = self.changes.partition_point(|(at, _)| *at <= from);
        let ends = self.changes[first..].iter().map(|(at, _)| *at);
        let ends = ends.chain([SimTime::MAX]);
        let spans = self.changes[first.saturating_sub(1)..].iter().zip(ends);
        let cut = spans.map(move |((at, value), end)| ((*at).max(from), end.min(to), *value));
        cut.take_while(|(from, to, _)| from < to)
    }

    /// When the value was such, from `from` to `to`; what touches is one period.
    pub fn periods(
        &self,
        from: SimTime,
        to: SimTime,
        is_such: impl Fn(T) -> bool,
    ) -> Vec<(SimTime, SimTime)> {
        let mut periods: Vec<(SimTime, SimTime)> = Vec::new();
        for (from, to, _) in self.spans(from, to).filter(|(_, _, of)| is_such(*of)) {
            match periods.last_mut() {
                Some(last) if last.1 == from => last.1 = to,
                _ => periods.push((from, to)),
            }
        }
        periods
    }

    /// For how long the value was such, from `from` to `to`.
    pub fn time(&self, from: SimTime, to: SimTime, is_such: impl Fn(T) -> bool) -> SimDuration {
        let such = self.spans(from, to).filter(|(_, _, of)| is_such(*of));
        such.fold(SimDuration::ZERO, |sum, (from, to, _)| sum + (to - from))
    }

    /// The mean of `number` of the value from `from` to `to`, by time; 0 if that is no time.
    pub fn mean_of(&self, from: SimTime, to: SimTime, number: impl Fn(T) -> f64) -> f64 {
        if from >= to {
            return 0.0;
        }
        let seconds = |from: SimTime, to: SimTime| (to - from).as_secs_f64();
        let part = |(from, to, value)| number(value) * seconds(from, to);
        let sum: f64 = self.spans(from, to).map(part).sum();
        sum / seconds(from, to)
    }

    fn newest(&self) -> &(SimTime, T) {
        self.changes.last().expect("it starts with a change")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    /// 0 up to 10 s, then 5, from 20 s on 10, from 30 s on 0.
    fn line() -> Steps<u32> {
        let mut line = Steps::new();
        for (at, value) in [(10, 5), (20, 10), (25, 10), (30, 0)] {
            line.set(second(at), value);
        }
        line
    }

    #[test]
    fn a_change_that_lasts_no_time_leaves_no_trace() {
        let mut line = Steps::new();
        line.set(second(5), 1);
        line.set(second(5), 0);
        assert_eq!(line, Steps::new());
        line.set(SimTime::ZERO, 0);
        assert_eq!(line.changes().len(), 1);
    }

    #[test]
    fn the_value_holds_from_its_change_on() {
        let line = line();
        let at = [0, 9, 10, 19, 20, 29, 30, 99].map(|s| line.at(second(s)));
        assert_eq!(at, [0, 0, 5, 5, 10, 10, 0, 0]);
        assert_eq!((line.last(), line.changed()), (0, second(30)));
        assert_eq!(line.changes().len(), 4, "25 s changes nothing");
    }

    #[test]
    fn spans_and_periods_are_cut_at_both_ends() {
        let line = line();
        let spans: Vec<_> = line.spans(second(15), second(22)).collect();
        let expected = [(second(15), second(20), 5), (second(20), second(22), 10)];
        assert_eq!(spans, expected);
        assert_eq!(line.spans(second(5), second(5)).count(), 0);
        assert_eq!(line.spans(second(7), second(5)).count(), 0);
        let some = |value| value > 0;
        let periods = line.periods(SimTime::ZERO, second(99), some);
        assert_eq!(periods, [(second(10), second(30))]);
        assert_eq!(line.time(second(15), second(99), some).as_secs_f64(), 15.0);
        assert_eq!(line.mean_of(second(5), second(25), f64::from), 5.0);
        assert_eq!(line.mean_of(second(5), second(5), f64::from), 0.0);
    }

    #[test]
    #[should_panic(expected = "time order")]
    fn the_past_is_settled() {
        line().set(second(29), 1);
    }
}
