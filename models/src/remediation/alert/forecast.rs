//! When memory will be full, by the line through the samples of a window, as Prometheus draws it
//! (`predict_linear`: least squares, from the instant of the evaluation on).
//!
//! The samples are of the datasets' bytes; what lies on a node beside them (hash tables, buffers)
//! is taken as it is at the evaluation, so a table that doubles is a step of the limit and no
//! slope: the line of a real rule jumps for a window after each doubling. Samples in a gap are
//! missing; a line is drawn from two on. Before the first window is full nothing is predicted.
//!
//! Nobody scrapes while the line cannot reach the limit: of samples between `low` and `high`, it
//! ends at most at `high + c (high - low)`, where `c` follows from the steepest line that such
//! samples allow. Where no keys expire data only grow, but for deletions, after which it stays
//! awake for a window; so `low` is known (0 where keys expire), and the size that `high` must
//! reach first is a crossing, exact to the key.

use std::collections::VecDeque;

use sim::{SimDuration, SimTime};

use crate::cluster::Cluster;
use crate::event::Cx;

/// Which samples there are.
pub(super) struct Samples {
    pub scrape: SimDuration,
    pub window: SimDuration,
    /// The first of all.
    pub first: SimTime,
    /// When there are none.
    pub gap: Option<(SimTime, SimTime)>,
}

/// What a rule keeps in mind.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    /// Instants and bytes, in time order.
    kept: VecDeque<(SimTime, f64)>,
    /// What the next instant to be awake was planned from, and that instant.
    nap: Option<((u32, u64), Option<SimTime>)>,
}

impl Samples {
    /// How many there are in a window, without gaps.
    fn count(&self) -> u64 {
        self.window.as_nanos() / self.scrape.as_nanos()
    }

    /// From the first in a window to the last.
    fn span(&self) -> SimDuration {
        self.scrape * (self.count() - 1)
    }

    /// Steepest line through samples between 0 and 1, all at 0 in the first half of a window and at
    /// 1 in the second, and what it gains over its own middle by `within` after the last.
    fn gain_max(&self, within: SimDuration) -> f64 {
        let count = self.count() as f64;
        let half = (self.count() / 2) as f64;
        let step = self.scrape.as_secs_f64();
        // Sums over evenly spaced instants about their middle: of their distances on one side, and
        // of their squares.
        let beside = step * half * (count - half) / 2.0;
        let squares = step * step * count * (count * count - 1.0) / 12.0;
        beside / squares * (within.as_secs_f64() + self.span().as_secs_f64() / 2.0)
    }
}

impl Forecast {
    /// Does the line through the samples up to `now` reach the limit?
    pub fn reaches(
        &mut self,
        samples: &Samples,
        within: SimDuration,
        cluster: &Cluster,
        now: SimTime,
    ) -> bool {
        let Some(oldest) = oldest(samples, now) else {
            return false;
        };
        self.bring_up(samples, oldest, cluster, now);
        let seen = |(at, _): &&(SimTime, f64)| {
            let missing = |(from, to): (SimTime, SimTime)| from <= *at && *at < to;
            !samples.gap.is_some_and(missing)
        };
        let line = predicted(self.kept.iter().filter(seen), now, within);
        line.is_some_and(|bytes| bytes >= cluster.dataset_at_limit(now))
    }

    /// The samples of the window that ends now; those of before are still known.
    fn bring_up(&mut self, samples: &Samples, oldest: SimTime, cluster: &Cluster, now: SimTime) {
        while self.kept.front().is_some_and(|(at, _)| *at < oldest) {
            self.kept.pop_front();
        }
        let last = self.kept.back().map(|(at, _)| *at + samples.scrape);
        let mut at = last.unwrap_or(oldest);
        while at <= now {
            self.kept.push_back((at, cluster.dataset_at(at)));
            at += samples.scrape;
        }
    }

    /// From when on scrapes may matter; `None` if they never do as things stand.
    pub fn awake_from(
        &mut self,
        samples: &Samples,
        within: SimDuration,
        cluster: &Cluster,
        cx: &Cx,
    ) -> Option<SimTime> {
        // The bound holds for even samples of data that only grow, under loads that stand still.
        let uneven = samples.gap.is_some_and(|(from, to)| {
            from <= cx.now + samples.window && cx.now < to + samples.window
        });
        let shrunk = cluster
            .deleted_at()
            .is_some_and(|at| cx.now < at + samples.window);
        if uneven || shrunk || cluster.buffers_grow() {
            self.nap = None;
            return Some(cx.now);
        }
        let limit = cluster.dataset_at_limit_at_least(cx.now);
        let planned_from = (cluster.turns(), limit.to_bits());
        if let Some((from, at)) = self.nap
            && from == planned_from
            && at.is_none_or(|at| cx.now < at)
        {
            return at;
        }
        let gain = samples.gain_max(within);
        let low = match cluster.dataset_falls() {
            // It may have been, or become, anything.
            true => 0.0,
            false => cluster.dataset_at(cx.now.saturating_sub(samples.span())),
        };
        let high = (limit + gain * low) / (1.0 + gain);
        let at = if cluster.dataset_at(cx.now) >= high {
            Some(cx.now)
        } else {
            cluster.when_dataset_reaches(high, cx.now, cx.end)
        };
        self.nap = Some((planned_from, at));
        at
    }
}

/// The first instant of the window that ends at the scrape `now`, once one is full.
fn oldest(samples: &Samples, now: SimTime) -> Option<SimTime> {
    (now >= samples.first + samples.span()).then(|| now - samples.span())
}

/// Where the line of least squares through the samples stands `within` after `now`.
fn predicted<'a>(
    samples: impl Iterator<Item = &'a (SimTime, f64)>,
    now: SimTime,
    within: SimDuration,
) -> Option<f64> {
    let (mut n, mut x_sum, mut y_sum, mut xy, mut xx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, y) in samples {
        let x = -(now - *at).as_secs_f64();
        n += 1.0;
        x_sum += x;
        y_sum += y;
        xy += x * y;
        xx += x * x;
    }
    if n < 2.0 {
        return None;
    }
    let slope = (xy - x_sum * y_sum / n) / (xx - x_sum * x_sum / n);
    let at_now = y_sum / n - slope * x_sum / n;
    Some(at_now + slope * within.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    #[test]
    fn a_straight_line_is_drawn_on() {
        let samples: Vec<(SimTime, f64)> =
            (1..=10).map(|i| (second(60 * i), 5.0 + i as f64)).collect();
        let ahead = SimDuration::from_secs(600);
        let end = predicted(samples.iter(), second(600), ahead).unwrap();
        assert!((end - 25.0).abs() < 1e-9, "{end}");
        assert_eq!(predicted(samples[..1].iter(), second(600), ahead), None);
    }

    #[test]
    fn least_squares_by_hand() {
        // Through (-2, 0), (-1, 0), (0, 3): mean 1, slope 1.5, so 2.5 at 0 and 7 at 3.
        let samples = [(second(0), 0.0), (second(1), 0.0), (second(2), 3.0)];
        let end = predicted(samples.iter(), second(2), SimDuration::from_secs(3)).unwrap();
        assert!((end - 7.0).abs() < 1e-9, "{end}");
    }

    #[test]
    fn no_samples_between_two_heights_make_a_steeper_line() {
        let samples = |count: u64| Samples {
            scrape: SimDuration::from_secs(60),
            window: SimDuration::from_secs(60 * count),
            first: SimTime::ZERO,
            gap: None,
        };
        let within = SimDuration::from_secs(1000);
        for count in 2..12 {
            let samples = samples(count);
            let most = 1.0 + samples.gain_max(within);
            // Every way of 0 and 1, which no other samples exceed.
            for ways in 0..1u64 << count {
                let height = |i: u64| f64::from(u8::from(ways >> i & 1 == 1));
                let kept: Vec<(SimTime, f64)> =
                    (0..count).map(|i| (second(60 * i), height(i))).collect();
                let end = predicted(kept.iter(), second(60 * (count - 1)), within).unwrap();
                assert!(end <= most + 1e-9, "{count} {ways:b}: {end} > {most}");
            }
        }
    }
}
