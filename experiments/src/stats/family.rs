//! Many comparisons at once: what can be said of all of them together.
//!
//! Looking at forty designs, some difference is "significant" by luck alone. Holm's step-down
//! adjustment (1979) keeps the probability of even one false finding below 5 %. Simultaneous
//! intervals keep the probability that all of them cover at 95 %: their common half-width, in
//! standard errors, is what the largest deviation over all comparisons stays below in 95 % of the
//! bootstrap replicas; each is corrected for its own skewness (`skewed.rs`). Designs that share
//! their trials are correlated, which this makes use of; Bonferroni's bound would not.

use super::bootstrap::Replicas;
use super::estimate::{Estimate, t_quantile};
use super::skewed::interval;

/// Holm's adjustment: smallest first, times the number of hypotheses left, never falling.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut reached: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        reached = reached.max(p[index] * (p.len() - rank) as f64).min(1.0);
        adjusted[index] = reached;
    }
    adjusted
}

/// Intervals for several quantities of the designs' means that cover all of them together.
pub fn simultaneous<Q: Fn(&[f64]) -> f64>(
    replicas: &Replicas,
    quantities: &[Q],
    level: f64,
    n: usize,
) -> Vec<Estimate> {
    let drawn: Vec<(f64, Vec<f64>)> = quantities
        .iter()
        .map(|quantity| replicas.of(quantity))
        .collect();
    let errors: Vec<f64> = drawn.iter().map(|(_, replicas)| spread(replicas)).collect();
    let mut largest: Vec<f64> = (0..replicas.replicas.len())
        .map(|replica| {
            let deviation = |(drawn, error): (&(f64, Vec<f64>), &f64)| match *error > 0.0 {
                true => (drawn.1[replica] - drawn.0).abs() / error,
                false => 0.0,
            };
            drawn.iter().zip(&errors).map(deviation).fold(0.0, f64::max)
        })
        .collect();
    largest.sort_by(f64::total_cmp);
    let rank = (level * largest.len() as f64).ceil() as usize;
    let bound = largest[rank.clamp(1, largest.len()) - 1];
    // Few trials make heavier tails than the bootstrap sees: never less than one t interval.
    let bound = bound.max(t_quantile(0.5 + level / 2.0, n.max(2) - 1));
    let estimate = |((value, replicas), error): (&(f64, Vec<f64>), &f64)| {
        // The mean of a Poisson bootstrap is as skewed as the mean of the trials.
        let skew = if *error > 0.0 { third(replicas) } else { 0.0 };
        let (low, high) = interval(*value, *error, bound, skew);
        Estimate {
            value: *value,
            low,
            high,
            level,
            n,
        }
    };
    drawn.iter().zip(&errors).map(estimate).collect()
}

/// The skewness of the replicas.
fn third(replicas: &[f64]) -> f64 {
    super::skewed::of_mean(replicas) * (replicas.len() as f64).sqrt()
}

/// The standard deviation of the replicas: the standard error of the quantity. Rounding apart,
/// replicas that are all the same have none.
fn spread(replicas: &[f64]) -> f64 {
    let spread = super::estimate::variance(replicas).sqrt();
    let size = replicas
        .iter()
        .fold(0.0_f64, |size, value| size.max(value.abs()));
    if spread <= 1e-12 * size { 0.0 } else { spread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::bootstrap::replicate;
    use crate::stats::paired::tests::{X, Y, close};

    #[test]
    fn holm_agrees_with_a_worked_example() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(*found, expected);
        }
    }

    #[test]
    fn more_comparisons_make_wider_intervals() {
        let designs: Vec<Vec<f64>> = (0..10)
            .map(|shift| X.iter().map(|x| (x * f64::from(shift)).sin()).collect())
            .collect();
        let slices: Vec<&[f64]> = designs.iter().map(Vec::as_slice).collect();
        let replicas = replicate(&slices, 500);
        let one = |index: usize| move |means: &[f64]| means[index] - means[0];
        let width = |estimates: Vec<Estimate>| estimates[0].high - estimates[0].low;
        let alone = width(simultaneous(&replicas, &[one(1)], 0.95, 1000));
        let all: Vec<_> = (1..10).map(one).collect();
        assert!(width(simultaneous(&replicas, &all, 0.95, 1000)) > 1.1 * alone);
    }

    #[test]
    fn a_twin_of_the_baseline_has_an_interval_without_width() {
        let replicas = replicate(&[&X, &X, &Y], 500);
        let of = |index: usize| move |means: &[f64]| means[index] - means[0];
        let estimates = simultaneous(&replicas, &[of(1), of(2)], 0.95, 10);
        assert_eq!((estimates[0].low, estimates[0].high), (0.0, 0.0));
        assert!(estimates[1].low < -4.2 && -4.2 < estimates[1].high);
    }
}
