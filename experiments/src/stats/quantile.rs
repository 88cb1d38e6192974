//! Quantiles with intervals that assume nothing about the distribution.
//!
//! How many of n values lie below a quantile is binomial, so two order statistics enclose it with
//! a probability that can be computed. With few trials there is no such pair: the 95th percentile
//! has a two-sided 95 % interval only from 72 trials on. Then there is no interval, and it is said.

use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

/// A quantile with its interval, if there are enough trials for one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// The estimate (linear between order statistics, Hyndman and Fan's type 7).
    pub value: f64,
    /// The interval's ends.
    pub interval: Option<(f64, f64)>,
    /// How often such an interval covers the truth, at least.
    pub level: f64,
    /// Trials behind it.
    pub n: usize,
}

/// The 95th percentile has a 95 % interval from so many values on.
pub const P95_TRIALS_MIN: usize = 72;

/// The `share` quantile. `None` for no values.
pub fn quantile(values: &[f64], share: f64, level: f64) -> Option<Quantile> {
    if values.is_empty() {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let ranks = enclosing_ranks(n, share, level);
    let interval = ranks.map(|(low, high)| (sorted[low - 1], sorted[high - 1]));
    Some(Quantile {
        value: interpolated(&sorted, share),
        interval,
        level,
        n,
    })
}

fn interpolated(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    match place.fract() {
        // Between what ends and what does not there is no middle.
        part if below < above && part > 0.0 => below + (above - below) * part,
        _ => below,
    }
}

/// Ranks, from 1, of the order statistics that enclose the quantile.
fn enclosing_ranks(n: usize, share: f64, level: f64) -> Option<(usize, usize)> {
    let tail = (1.0 - level) / 2.0;
    let below = Binomial::new(share, n as u64).expect("a share is a probability");
    // P(the quantile lies below the value of this rank) = P(fewer than `rank` values lie below it).
    let fewer = |rank: usize| below.cdf(rank as u64 - 1);
    let low = first_rank(n, |rank| fewer(rank) > tail) - 1;
    let high = first_rank(n, |rank| fewer(rank) >= 1.0 - tail);
    (low >= 1 && high <= n).then_some((low, high))
}

/// The first rank for which the monotone condition holds; n + 1 if there is none.
fn first_rank(n: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (1, n + 1);
    while low < high {
        let middle = (low + high) / 2;
        match holds(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::{X, close};

    #[test]
    fn values_agree_with_numpy() {
        close(quantile(&X, 0.5, 0.95).unwrap().value, 8.5);
        close(quantile(&X, 0.95, 0.95).unwrap().value, 44.2);
        close(quantile(&X, 0.25, 0.95).unwrap().value, 4.0);
    }

    #[test]
    fn ranks_agree_with_scipy() {
        assert_eq!(enclosing_ranks(10, 0.5, 0.95), Some((2, 9)));
        assert_eq!(enclosing_ranks(500, 0.5, 0.95), Some((228, 273)));
        assert_eq!(enclosing_ranks(500, 0.95, 0.95), Some((465, 485)));
        assert_eq!(enclosing_ranks(100, 0.95, 0.95), Some((90, 100)));
        assert_eq!(enclosing_ranks(P95_TRIALS_MIN, 0.95, 0.95), Some((64, 72)));
        assert_eq!(enclosing_ranks(P95_TRIALS_MIN - 1, 0.95, 0.95), None);
        assert_eq!(enclosing_ranks(5, 0.5, 0.95), None);
        assert_eq!(enclosing_ranks(6, 0.5, 0.95), Some((1, 6)));
    }
}
