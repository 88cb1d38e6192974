//! A share of requests, or another number, over time.

use sim::{Intensity, SimTime, Steps};

/// The share of requests, or another number, from each change on; 0 from the start.
pub type ShareTimeline = Steps<f64>;

/// The highest share from `from` to `to`.
pub fn highest(line: &ShareTimeline, from: SimTime, to: SimTime) -> f64 {
    let shares = line.spans(from, to).map(|(_, _, share)| share);
    shares.fold(0.0, f64::max)
}

/// The mean share from `from` to `to`, by requests; none if nobody comes. In each span of
/// `known` at least its share failed.
pub fn mean(
    line: &ShareTimeline,
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
    let failing = line.spans(from, to).filter(|(_, _, share)| *share > 0.0);
    let failed = failing.map(|(from, to, share)| share * expected(from, to));
    let beyond = known.flat_map(|(from, to, least)| {
        let spans = line.spans(from, to);
        let spans = spans.filter(move |(_, _, share)| *share < least);
        spans.map(move |(from, to, share)| (from, to, least - share))
    });
    let beyond = beyond.map(|(from, to, share)| share * expected(from, to));
    (failed.sum::<f64>() + beyond.sum::<f64>()) / all
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::SimDuration;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    #[test]
    fn shares_are_averaged_by_requests() {
        let mut line = ShareTimeline::new();
        line.set(second(10), 0.5);
        line.set(second(20), 1.0);
        line.set(second(30), 0.0);
        line.set(second(40), 0.005);
        assert_eq!(
            mean(&line, (second(5), second(5)), &[], [].into_iter()),
            0.0
        );
        // Ten times the requests from 20 s on: 5 + 50 of 5 + 10 + 50.
        let pieces = [(second(0), 1.0), (second(20), 10.0)];
        let visits = [Intensity::piecewise(&pieces, second(100))];
        let window = (second(5), second(25));
        let failed = mean(&line, window, &visits, [].into_iter());
        assert!((failed - 55.0 / 65.0).abs() < 1e-9, "{failed}");
        // At least 0.8 failed from 15 to 22 s: 0.3 more of the 5 requests up to 20 s.
        let known = [(second(15), second(22), 0.8)];
        let failed = mean(&line, window, &visits, known.into_iter());
        assert!((failed - 56.5 / 65.0).abs() < 1e-9, "{failed}");
    }
}
