//! One-sided bounds for shares and for skewed means: what a design is judged on.
//!
//! Shares have the exact bounds of Clopper and Pearson (1934). Means have the interval of Hall
//! ("On the removal of skewness by transformation", JRSS B 54, 1992) with quantiles of Student's t:
//! losses are skewed, and the plain t interval then reaches too low too often. Where a few trials
//! carry the mean no formula helps: then all that is known is how often something is lost, and
//! that it is no more than the worst that was seen.

use statrs::distribution::{Beta, ContinuousCDF};

use super::estimate::{average, never_seen_at_most, standard_error, t_quantile};
use super::skewed::{hall, of_mean};

/// With fewer trials that lost anything their mean loss is not bounded by a formula.
pub const EVENTS_MIN: usize = 10;

/// The share of a sum that a hundredth of the trials may carry.
const CARRIED_MAX: f64 = 0.5;

/// The lower and the upper bound of a probability that `hits` of `n` trials met; each of them is
/// wrong with a probability of at most `wrong`.
pub fn share_bounds(n: usize, hits: usize, wrong: f64) -> (f64, f64) {
    let beta = |a: usize, b: usize| Beta::new(a as f64, b as f64).expect("both are positive");
    let low = match hits {
        0 => 0.0,
        _ => beta(hits, n - hits + 1).inverse_cdf(wrong),
    };
    let high = match n - hits {
        0 => 1.0,
        left => beta(hits + 1, left).inverse_cdf(1.0 - wrong),
    };
    (low, high)
}

/// The same for the mean of an amount. `worst` is the largest value that any trial of any design
/// has shown: while few trials have lost anything, one that does is taken to lose no more than
/// that; so it is where a few trials carry the mean. `None` where one is beyond every bound.
pub fn mean_bounds(values: &[f64], worst: f64, wrong: f64) -> Option<(f64, f64)> {
    if values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let n = values.len();
    let events = values.iter().filter(|value| **value > 0.0).count();
    if events < EVENTS_MIN || carried_by_few(values) {
        let share = match events {
            0 => never_seen_at_most(n, 1.0 - wrong),
            _ => share_bounds(n, events, wrong).1,
        };
        return Some((0.0, share * worst));
    }
    let mean = average(values);
    let error = standard_error(values);
    if error == 0.0 {
        return Some((mean, mean));
    }
    let quantile = t_quantile(1.0 - wrong, n - 1);
    let skew = of_mean(values);
    let low = mean - error * hall(quantile, skew);
    let high = mean - error * hall(-quantile, skew);
    Some((low.max(0.0), high.max(mean)))
}

/// Does a hundredth of the trials carry more than half of the sum?
pub fn carried_by_few(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let few = values.len().div_ceil(100);
    let largest: f64 = sorted.iter().rev().take(few).sum();
    largest > CARRIED_MAX * values.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::close;
    use rand::RngExt as _;
    use sim::Streams;
    use sim::streams::Purpose;

    #[test]
    fn bounds_of_shares_agree_with_scipy() {
        let (low, high) = share_bounds(200, 4, 0.025);
        close(low, 0.0054755658795564485);
        close(high, 0.05041360908989629);
        assert_eq!(share_bounds(10, 0, 0.05).0, 0.0);
        close(share_bounds(10, 0, 0.05).1, 0.2588655508930523);
        assert_eq!(share_bounds(10, 10, 0.05).1, 1.0);
    }

    #[test]
    fn few_events_are_bounded_by_the_worst_that_was_seen() {
        let values = vec![0.0; 100];
        let (low, high) = mean_bounds(&values, 1_000.0, 0.05).expect("a bound");
        assert_eq!(low, 0.0);
        close(high, 1_000.0 * never_seen_at_most(100, 0.95));
        let mut carried = vec![1.0; 400];
        carried[7] = 1e6;
        assert_eq!(mean_bounds(&carried, 1e6, 0.05), Some((0.0, 1e6)));
        assert_eq!(mean_bounds(&[1.0, f64::INFINITY], 1.0, 0.05), None);
    }

    /// Exponential losses: the upper bound of the plain t interval covers too rarely, this one does
    /// not.
    #[test]
    fn upper_bounds_of_skewed_means_cover_as_often_as_they_say() {
        let mut rng = Streams::for_trial(1, 0).stream(Purpose(3), 0);
        let mut covered = 0;
        for _ in 0..4_000 {
            let draw = |_| -(1.0 - rng.random::<f64>()).ln();
            let values: Vec<f64> = (0..60).map(draw).collect();
            let (_, high) = mean_bounds(&values, 1.0, 0.025).expect("a bound");
            covered += usize::from(high >= 1.0);
        }
        let share = covered as f64 / 4_000.0;
        assert!((0.965..0.985).contains(&share), "{share}");
    }
}
