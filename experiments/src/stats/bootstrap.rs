//! The Poisson bootstrap over trials, shared by all designs.
//!
//! A replica gives every trial a Poisson(1) weight, drawn from a generator keyed by (replica,
//! trial). All designs see the same weights, so that whatever they have in common cancels as it
//! does in the study itself; and the replicas are the same whatever the number of threads.
//!
//! Losses are skewed: percentile intervals of a mean then reach too low, and BCa (Efron, 1987)
//! corrects them for bias and for the change of the error with the mean.

use rand::RngExt as _;
use rayon::prelude::*;
use sim::Streams;
use sim::streams::Purpose;
use statrs::distribution::{ContinuousCDF, Normal};

use super::estimate::{Estimate, average};

/// Replicas behind every interval that is printed.
pub const REPLICAS: usize = 2000;

/// A number of its own, far from those of the simulated world.
const WEIGHTS: Purpose = Purpose(0xB007);

/// Means of every design under every replica's weights.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// The means of the trials as they are, by design.
    pub means: Vec<f64>,
    /// The means under the weights: for each replica, by design.
    pub replicas: Vec<Vec<f64>>,
}

/// Draws the replicas of several designs that met the same trials.
pub fn replicate(designs: &[&[f64]], replicas: usize) -> Replicas {
    let trials = designs.first().map_or(0, |values| values.len());
    assert!(trials > 0, "nothing cannot be drawn again");
    assert!(
        designs.iter().all(|values| values.len() == trials),
        "all designs met all trials"
    );
    let means = designs.iter().map(|values| average(values)).collect();
    let replica = |number: usize| {
        let weights = weights(number as u64, trials);
        let total: f64 = weights.iter().sum();
        let mean = |values: &&[f64]| {
            weights
                .iter()
                .zip(*values)
                .map(|(weight, value)| weight * value)
                .sum::<f64>()
                / total
        };
        designs.iter().map(mean).collect()
    };
    let replicas = (0..replicas).into_par_iter().map(replica).collect();
    Replicas { means, replicas }
}

/// One Poisson(1) weight a trial, not all of them zero.
fn weights(replica: u64, trials: usize) -> Vec<f64> {
    let key = Streams::for_trial(0, replica).key(WEIGHTS, 0);
    let weight = |trial: u64| poisson(key.at(trial, 0).random::<f64>());
    let weights: Vec<f64> = (0..trials as u64).map(weight).collect();
    match weights.iter().any(|weight| *weight > 0.0) {
        true => weights,
        false => vec![1.0; trials],
    }
}

/// Poisson(1) by inversion.
fn poisson(uniform: f64) -> f64 {
    let (mut count, mut probability) = (0.0, (-1.0_f64).exp());
    let mut reached = probability;
    while uniform >= reached && count < 20.0 {
        count += 1.0;
        probability /= count;
        reached += probability;
    }
    count
}

impl Replicas {
    /// A quantity made of the designs' means, and what it is under every replica.
    pub fn of(&self, quantity: impl Fn(&[f64]) -> f64) -> (f64, Vec<f64>) {
        (
            quantity(&self.means),
            self.replicas.iter().map(|means| quantity(means)).collect(),
        )
    }

    /// For each design, how often it has the smallest mean; designs that tie share.
    pub fn share_best(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.means.len()];
        for means in &self.replicas {
            let best = means.iter().copied().fold(f64::INFINITY, f64::min);
            let ties = means.iter().filter(|mean| **mean == best).count();
            for (share, mean) in shares.iter_mut().zip(means) {
                *share += if *mean == best {
                    1.0 / ties as f64
                } else {
                    0.0
                };
            }
        }
        shares
            .iter()
            .map(|share| share / self.replicas.len() as f64)
            .collect()
    }
}

/// The percentile interval of a quantity.
pub fn percentile(value: f64, mut replicas: Vec<f64>, level: f64, n: usize) -> Estimate {
    replicas.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let (low, high) = (at(&replicas, tail), at(&replicas, 1.0 - tail));
    Estimate {
        value,
        low,
        high,
        level,
        n,
    }
}

/// The BCa interval of the mean of `values`, whose replicas are given.
pub fn bca(values: &[f64], mut replicas: Vec<f64>, level: f64) -> Estimate {
    let value = average(values);
    replicas.sort_by(f64::total_cmp);
    let n = values.len();
    let below = replicas.iter().filter(|replica| **replica < value).count();
    let ties = replicas.iter().filter(|replica| **replica == value).count();
    let share = (below as f64 + ties as f64 / 2.0) / replicas.len() as f64;
    if share <= 0.0 || share >= 1.0 || replicas.first() == replicas.last() {
        return percentile(value, replicas, level, n);
    }
    let cubes: f64 = values.iter().map(|v| (v - value).powi(3)).sum();
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let acceleration = cubes / (6.0 * squares.powf(1.5));
    let normal = Normal::standard();
    let bias = normal.inverse_cdf(share);
    let adjusted = |probability: f64| {
        let z = bias + normal.inverse_cdf(probability);
        normal.cdf(bias + z / (1.0 - acceleration * z))
    };
    let tail = (1.0 - level) / 2.0;
    let low = at(&replicas, adjusted(tail));
    let high = at(&replicas, adjusted(1.0 - tail));
    Estimate {
        value,
        low,
        high,
        level,
        n,
    }
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64).floor() as usize;
    sorted[place.min(sorted.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::{X, Y};

    #[test]
    fn weights_have_mean_and_variance_one() {
        let weights = weights(7, 100_000);
        let mean = average(&weights);
        let variance = crate::stats::estimate::variance(&weights);
        assert!(
            (mean - 1.0).abs() < 0.013 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }

    #[test]
    fn a_trials_weight_does_not_depend_on_how_many_there_are() {
        assert_eq!(weights(3, 10), weights(3, 100)[..10]);
    }

    #[test]
    fn the_better_design_is_mostly_the_best_and_twins_share() {
        let replicas = replicate(&[&X, &Y], 500);
        let shares = replicas.share_best();
        assert!(
            shares[1] > 0.8 && (shares[0] + shares[1] - 1.0).abs() < 1e-9,
            "{shares:?}"
        );
        assert_eq!(replicate(&[&X, &X], 500).share_best(), [0.5, 0.5]);
    }

    #[test]
    fn a_bca_interval_leans_the_way_the_values_do() {
        let replicas = replicate(&[&X], REPLICAS);
        let (mean, means) = replicas.of(|means| means[0]);
        let plain = percentile(mean, means.clone(), 0.95, X.len());
        let corrected = bca(&X, means, 0.95);
        assert!(
            corrected.low > plain.low && corrected.high > plain.high,
            "{plain:?} {corrected:?}"
        );
        assert!(corrected.low < mean && mean < corrected.high);
    }
}
