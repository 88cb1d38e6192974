//! Means with intervals, and bounds for what was never seen.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::skewed::{interval, of_mean};

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How often such an interval covers the truth, over many studies.
    pub level: f64,
    /// Trials behind it.
    pub n: usize,
}

/// The arithmetic mean.
pub fn average(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "nothing has no mean");
    values.iter().sum::<f64>() / values.len() as f64
}

/// The unbiased sample variance; 0 for a single value.
pub fn variance(values: &[f64]) -> f64 {
    let mean = average(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (values.len().max(2) - 1) as f64
}

/// The standard error of the mean.
pub fn standard_error(values: &[f64]) -> f64 {
    (variance(values) / values.len() as f64).sqrt()
}

/// The mean with Student's t interval, corrected for skewness (`skewed.rs`). `None` for fewer than
/// two values.
pub fn mean(values: &[f64], level: f64) -> Option<Estimate> {
    if values.len() < 2 {
        return None;
    }
    let value = average(values);
    let quantile = t_quantile(0.5 + level / 2.0, values.len() - 1);
    let (low, high) = interval(value, standard_error(values), quantile, of_mean(values));
    Some(Estimate {
        value,
        low,
        high,
        level,
        n: values.len(),
    })
}

/// The mean of an amount, which cannot be negative: the interval is cut at zero, where the truth
/// cannot lie below, so that it covers as often as before.
pub fn amount(values: &[f64], level: f64) -> Option<Estimate> {
    assert!(
        values.iter().all(|value| *value >= 0.0),
        "an amount is never negative"
    );
    let estimate = mean(values, level)?;
    Some(Estimate {
        low: estimate.low.max(0.0),
        ..estimate
    })
}

/// The quantile of Student's t distribution.
pub fn t_quantile(probability: f64, freedom: usize) -> f64 {
    student(freedom).inverse_cdf(probability)
}

/// The probability of a t at least as far from zero, either way.
pub fn t_tail(t: f64, freedom: usize) -> f64 {
    2.0 * student(freedom).sf(t.abs())
}

fn student(freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom as f64).expect("degrees of freedom are above zero")
}

/// For an event that none of `n` trials had: its probability is below this, at this level
/// (the exact form of the rule of three, 3 / n).
pub fn never_seen_at_most(n: usize, level: f64) -> f64 {
    assert!(n > 0, "without trials nothing is bounded");
    1.0 - (1.0 - level).powf(1.0 / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::{X, close};

    #[test]
    fn a_mean_and_its_interval_agree_with_scipy() {
        let estimate = mean(&X, 0.95).unwrap();
        close(estimate.value, 14.1);
        close(estimate.low, 2.0707962700909945);
        // Student's t ends at 26.13; the one large value of ten is a sign of more.
        close(estimate.high, 63.37481650298025);
        assert_eq!(estimate.n, 10);
    }

    #[test]
    fn an_amount_has_no_interval_below_zero() {
        let values = [0.0, 0.0, 0.0, 9.0];
        assert!(mean(&values, 0.95).unwrap().low < 0.0);
        assert_eq!(amount(&values, 0.95).unwrap().low, 0.0);
    }

    #[test]
    fn t_quantiles_agree_with_scipy() {
        close(t_quantile(0.975, 1), 12.70620474);
        close(t_quantile(0.975, 2), 4.30265273);
        close(t_quantile(0.975, 499), 1.96472939);
        close(t_tail(2.5, 9), 0.033861827682985735);
    }

    #[test]
    fn what_was_never_seen_is_bounded_and_not_zero() {
        close(never_seen_at_most(500, 0.95), 0.005973551516349596);
        close(never_seen_at_most(10, 0.95), 0.2588655508930523);
    }
}
