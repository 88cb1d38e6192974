//! Does a 95 % interval cover in 95 % of studies? 1,000 studies whose answer is known.
//!
//! Each trial of the toy has a skewed loss (exponential, mean 10) under the baseline and a part of
//! it, plus its own skewed noise, under each of four designs.

use rand::RngExt as _;
use rayon::prelude::*;
use sim::Streams;
use sim::streams::Purpose;

use super::bootstrap::{bca, replicate};
use super::skewed::few_carry;
use super::{LEVEL, family, mean, paired, quantile};

const STUDIES: u64 = 1000;
/// As many as the built-in study has.
const TRIALS: usize = 500;
/// Each design lets this share of the baseline's loss through, and adds noise of mean 1.
const SHARES: [f64; 4] = [0.2, 0.5, 0.9, 1.0];

/// The designs' losses, the baseline first.
fn study(number: u64) -> Vec<Vec<f64>> {
    let draw = |purpose: u32, trial: usize| {
        let mut rng = Streams::for_trial(number, trial as u64).stream(Purpose(purpose), 0);
        -(1.0 - rng.random::<f64>()).ln()
    };
    let base: Vec<f64> = (0..TRIALS).map(|trial| 10.0 * draw(0, trial)).collect();
    let design = |(index, share): (usize, &f64)| {
        let loss = |trial: usize| share * base[trial] + draw(1 + index as u32, trial);
        (0..TRIALS).map(loss).collect()
    };
    let designs: Vec<Vec<f64>> = SHARES.iter().enumerate().map(design).collect();
    [vec![base], designs].concat()
}

fn difference_of(design: usize) -> f64 {
    10.0 * SHARES[design] + 1.0 - 10.0
}

fn coverage(covers: impl Fn(&[Vec<f64>]) -> bool + Sync) -> f64 {
    let covered = (0..STUDIES)
        .into_par_iter()
        .filter(|number| covers(&study(*number)))
        .count();
    covered as f64 / STUDIES as f64
}

#[track_caller]
fn near_95(coverage: f64) {
    assert!(
        (0.93..=0.97).contains(&coverage),
        "covered in {:.1} %",
        100.0 * coverage
    );
}

#[test]
fn t_intervals_of_paired_differences_cover() {
    for (design, _) in SHARES.iter().enumerate() {
        near_95(coverage(|losses| {
            let difference = paired::compare(&losses[0], &losses[design + 1], LEVEL).unwrap();
            (difference.mean.low..=difference.mean.high).contains(&difference_of(design))
        }));
    }
}

#[test]
fn t_intervals_of_means_cover() {
    near_95(coverage(|losses| {
        let estimate = mean(&losses[0], LEVEL).unwrap();
        (estimate.low..=estimate.high).contains(&10.0)
    }));
}

#[test]
fn bca_intervals_of_paired_differences_cover() {
    near_95(coverage(|losses| {
        let differences = paired::differences(&losses[0], &losses[1]);
        let replicas = replicate(&[&differences], 300).of(|means| means[0]).1;
        let estimate = bca(&differences, replicas, LEVEL);
        (estimate.low..=estimate.high).contains(&difference_of(0))
    }));
}

#[test]
fn order_statistics_cover_the_median_at_least() {
    let covered = coverage(|losses| {
        let (low, high) = quantile(&losses[0], 0.5, LEVEL).unwrap().interval.unwrap();
        (low..=high).contains(&(10.0 * 2.0_f64.ln()))
    });
    assert!((0.94..=0.985).contains(&covered), "covered in {covered}");
}

#[test]
fn simultaneous_intervals_cover_all_differences_together() {
    near_95(coverage(|losses| {
        let slices: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
        let replicas = replicate(&slices, 300);
        let of = |design: usize| move |means: &[f64]| means[design + 1] - means[0];
        let quantities: Vec<_> = (0..SHARES.len()).map(of).collect();
        let estimates = family::simultaneous(&replicas, &quantities, LEVEL, TRIALS);
        let truths = (0..SHARES.len()).map(difference_of);
        estimates
            .iter()
            .zip(truths)
            .all(|(e, truth)| (e.low..=e.high).contains(&truth))
    }));
}

/// Losses with a long tail (log-normal, sigma 1.5), or in one trial of fifty only: their intervals
/// cover, or a few trials are said to carry the mean. Nothing at all is told with a bound of its
/// own.
#[test]
fn heavy_tails_are_covered_or_named() {
    let normal = |number: u64, trial: usize| {
        let mut rng = Streams::for_trial(number, trial as u64).stream(Purpose(7), 0);
        sim::dist::standard_normal(&mut rng)
    };
    let tail = |number: u64, trial: usize| (1.5 * normal(number, trial)).exp();
    let rare = |number: u64, trial: usize| {
        let mut rng = Streams::for_trial(number, trial as u64).stream(Purpose(8), 0);
        match rng.random::<f64>() < 0.02 {
            true => normal(number, trial).exp(),
            false => 0.0,
        }
    };
    type Draw<'a> = &'a (dyn Fn(u64, usize) -> f64 + Sync);
    let cases: [(Draw, f64); 2] = [(&tail, 1.125_f64.exp()), (&rare, 0.02 * 0.5_f64.exp())];
    for (draw, truth) in cases {
        for trials in [30, 100, 500] {
            let told = |number: &u64| {
                let values: Vec<f64> = (0..trials).map(|trial| draw(*number, trial)).collect();
                let estimate = mean(&values, LEVEL).unwrap();
                let covers = (estimate.low..=estimate.high).contains(&truth);
                covers || few_carry(&values) || values.iter().all(|value| *value == 0.0)
            };
            let told = (0..STUDIES).into_par_iter().filter(told).count();
            let share = told as f64 / STUDIES as f64;
            assert!(share >= 0.93, "{trials} trials: {share}");
        }
    }
}
