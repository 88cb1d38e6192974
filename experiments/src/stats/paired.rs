//! Two designs that met the same trials: the difference trial by trial, and what pairing gained.

use serde::Serialize;

use super::estimate::{Estimate, average, mean, standard_error, t_tail, variance};

/// The mean difference between two designs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The mean of B − A over the trials, with the paired t interval, corrected for skewness.
    pub mean: Estimate,
    /// How probable a difference this far from zero would be if there were none (paired t test).
    pub p: f64,
    /// Correlation of the two designs over the trials; `None` where one of them never varies.
    pub correlation: Option<f64>,
    /// Trials that unpaired designs would need for one paired trial; `None` without variance.
    pub worth: Option<f64>,
}

/// B − A for each trial.
pub fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "paired designs met the same trials");
    a.iter().zip(b).map(|(a, b)| b - a).collect()
}

/// Compares B with A. `None` for fewer than two trials.
pub fn compare(a: &[f64], b: &[f64], level: f64) -> Option<Difference> {
    let differences = differences(a, b);
    let mean = mean(&differences, level)?;
    let error = standard_error(&differences);
    let p = match (mean.value == 0.0, error == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => t_tail(mean.value / error, a.len() - 1),
    };
    let left = variance(&differences);
    let worth = (left > 0.0).then(|| (variance(a) + variance(b)) / left);
    Some(Difference {
        mean,
        p,
        correlation: correlation(a, b),
        worth,
    })
}

/// Pearson's correlation; `None` where one side never varies.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mean_a, mean_b) = (average(a), average(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    let covariance = products.sum::<f64>() / (a.len().max(2) - 1) as f64;
    let scale = (variance(a) * variance(b)).sqrt();
    (scale > 0.0).then(|| covariance / scale)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const X: [f64; 10] = [12.0, 7.0, 3.0, 0.0, 55.0, 9.0, 14.0, 2.0, 31.0, 8.0];
    pub(crate) const Y: [f64; 10] = [10.0, 6.0, 3.0, 1.0, 30.0, 7.0, 15.0, 2.0, 20.0, 5.0];

    #[track_caller]
    pub(crate) fn close(found: f64, expected: f64) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-7, "{found} is not {expected}");
    }

    #[test]
    fn a_paired_comparison_agrees_with_scipy() {
        let difference = compare(&X, &Y, 0.95).unwrap();
        close(difference.mean.value, -4.2);
        // Student's t ends at -9.99.
        close(difference.mean.low, -26.252811696204514);
        close(difference.mean.high, 1.5900225726060304);
        close(difference.p, 0.13522927151968479);
        close(difference.correlation.unwrap(), 0.9737303387161287);
        close(difference.worth.unwrap(), 5.620420624151967);
    }

    #[test]
    fn a_design_against_itself_has_no_difference() {
        let difference = compare(&X, &X, 0.95).unwrap();
        assert_eq!(
            (difference.mean.low, difference.mean.high, difference.p),
            (0.0, 0.0, 1.0)
        );
        assert_eq!(difference.worth, None);
        assert_eq!(correlation(&X, &[1.0; 10]), None);
    }
}
