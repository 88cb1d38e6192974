//! A share of requests, or another number, over time.

use sim::{Intensity, SimTime};

/// A step function of time: the share that fails from each change on.
#[derive(Clone, Debug)]
pub struct ShareTimeline {
    changes: Vec<(SimTime, f64)>,
}

impl ShareTimeline {
    /// Nothing fails from the start.
    pub fn new() -> ShareTimeline {
        ShareTimeline {
            changes: vec![(SimTime::ZERO, 0.0)],
        }
    }

    /// From `at` on this share fails; changes come in time order.
    pub fn set(&mut self, at: SimTime, share: f64) {
        let (last_at, last) = *self.changes.last().expect("it starts with a change");
        debug_assert!(at >= last_at, "changes come in time order");
        if last == share {
            return;
        }
        if last_at == at {
            self.changes.pop();
            if self
                .changes
                .last()
                .is_some_and(|(_, before)| *before == share)
            {
                return;
            }
        }
        self.changes.push((at, share));
    }

    /// The share since the last change.
    pub fn last(&self) -> f64 {
        self.changes.last().expect("it starts with a change").1
    }

    /// The spans of constant share from `from` to `to`.
    fn spans(&self, from: SimTime, to: SimTime) -> impl Iterator<Item = (SimTime, SimTime, f64)> {
        let first = self.changes.partition_point(|(at, _)| *at <= from);
        let ends = self.changes[first..].iter().map(|(at, _)| *at);
        let ends = ends.chain([SimTime::MAX]);
        let spans = self.changes[first.saturating_sub(1)..].iter().zip(ends);
        let cut = spans.map(move |((at, share), end)| ((*at).max(from), end.min(to), *share));
        cut.take_while(|(from, to, _)| from < to)
    }

    /// The highest share from `from` to `to`.
    pub fn max(&self, from: SimTime, to: SimTime) -> f64 {
        let shares = self.spans(from, to).map(|(_, _, share)| share);
        shares.fold(0.0, f64::max)
    }

    /// The mean of `value` of the share from `from` to `to`, by time; none if that is no time.
    pub fn mean_of(&self, from: SimTime, to: SimTime, value: impl Fn(f64) -> f64) -> f64 {
        if from >= to {
            return 0.0;
        }
        let part = |(from, to, share)| value(share) * seconds(from, to);
        let sum: f64 = self.spans(from, to).map(part).sum();
        sum / seconds(from, to)
    }

    /// The mean share from `from` to `to`, by requests; none if nobody comes. In each span of
    /// `known` at least its share failed.
    pub fn mean(
        &self,
        (from, to): (SimTime, SimTime),
        requests: &[Intensity],
        known: impl Iterator<Item = (SimTime, SimTime, f64)>,
    ) -> f64 {
        let count = |visits: &Intensity, from, to| visits.cumulative(to) - visits.cumulative(from);
        let expected = |from, to| requests.iter().map(|of| count(of, from, to)).sum::<f64>();
        let all = expected(from, to);
        if all <= 0.0 {
            return 0.0;
        }
        let failing = self.spans(from, to).filter(|(_, _, share)| *share > 0.0);
        let failed = failing.map(|(from, to, share)| share * expected(from, to));
        let beyond = known.flat_map(|(from, to, least)| {
            let spans = self.spans(from, to);
            let spans = spans.filter(move |(_, _, share)| *share < least);
            spans.map(move |(from, to, share)| (from, to, least - share))
        });
        let beyond = beyond.map(|(from, to, share)| share * expected(from, to));
        (failed.sum::<f64>() + beyond.sum::<f64>()) / all
    }

    /// When it changed last.
    pub fn changed(&self) -> SimTime {
        self.changes.last().expect("it starts with a change").0
    }

    /// When more than `objective` failed, up to `end`.
    pub fn above(&self, objective: f64, end: SimTime) -> Vec<(SimTime, SimTime)> {
        let mut above: Vec<(SimTime, SimTime)> = Vec::new();
        for (from, to, share) in self.spans(SimTime::ZERO, end) {
            match above.last_mut() {
                Some(last) if last.1 == from && share > objective => last.1 = to,
                _ if share > objective => above.push((from, to)),
                _ => {}
            }
        }
        above
    }
}

fn seconds(from: SimTime, to: SimTime) -> f64 {
    (to - from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::SimDuration;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    #[test]
    fn shares_are_averaged_and_outages_found() {
        let mut line = ShareTimeline::new();
        line.set(second(10), 0.5);
        line.set(second(20), 1.0);
        line.set(second(30), 0.0);
        line.set(second(40), 0.005);
        assert_eq!(line.mean_of(second(5), second(25), |share| share), 0.5);
        assert_eq!(line.mean((second(5), second(5)), &[], [].into_iter()), 0.0);
        // Ten times the requests from 20 s on: 5 + 50 of 5 + 10 + 50.
        let pieces = [(second(0), 1.0), (second(20), 10.0)];
        let visits = [Intensity::piecewise(&pieces, second(100))];
        let window = (second(5), second(25));
        let mean = line.mean(window, &visits, [].into_iter());
        assert!((mean - 55.0 / 65.0).abs() < 1e-9, "{mean}");
        // At least 0.8 failed from 15 to 22 s: 0.3 more of the 5 requests up to 20 s.
        let known = [(second(15), second(22), 0.8)];
        let mean = line.mean(window, &visits, known.into_iter());
        assert!((mean - 56.5 / 65.0).abs() < 1e-9, "{mean}");
        assert_eq!(line.above(0.01, second(100)), [(second(10), second(30))]);
        assert_eq!(line.above(0.01, second(15)), [(second(10), second(15))]);
    }
}
