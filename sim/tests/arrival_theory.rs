//! The arrival tree against theory: Poisson counts, exponential gaps, Gamma sizes. Fixed seeds,
//! intervals at four sigma.

use sim::{Arrival, ArrivalTree, Intensity, Marks, Purpose, SimTime, StreamKey, Streams};

const SIGMAS: f64 = 4.0;
const DAY: u64 = 86_400;

fn secs(value: u64) -> SimTime {
    SimTime::from_nanos(value * 1_000_000_000)
}

fn key(trial: u64) -> StreamKey {
    Streams::for_trial(77, trial).key(Purpose(1), 0)
}

/// Mean and variance of what should have these, and a fourth central moment of `kurtosis` variances
/// squared (3 for what is nearly normal).
fn assert_moments(values: &[f64], mean: f64, variance: f64, kurtosis: f64) {
    let n = values.len() as f64;
    let seen_mean = values.iter().sum::<f64>() / n;
    let error = (variance / n).sqrt();
    let off = (seen_mean - mean) / error;
    assert!(
        off.abs() < SIGMAS,
        "mean {seen_mean} is {off} sigma from {mean}"
    );
    let seen = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let error = variance * ((kurtosis - 1.0) / n).sqrt();
    let off = (seen - variance) / error;
    assert!(
        off.abs() < SIGMAS,
        "variance {seen} is {off} sigma from {variance}"
    );
}

/// Pearson's statistic, made normal by Wilson and Hilferty's cube root.
fn assert_chi_square(seen: &[u64], expected: &[f64]) {
    let terms = seen.iter().zip(expected);
    let statistic: f64 = terms.map(|(s, e)| (*s as f64 - e).powi(2) / e).sum();
    let freedom = (seen.len() - 1) as f64;
    let spread = 2.0 / (9.0 * freedom);
    let z = ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt();
    assert!(
        z < SIGMAS,
        "chi square {statistic} at {freedom} degrees of freedom"
    );
}

/// Kolmogorov and Smirnov's largest distance, at about one false alarm in 30,000.
fn assert_distributed(mut values: Vec<f64>, distribution: impl Fn(f64) -> f64) {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = (0..).zip(&values).map(|(i, value)| {
        let p = distribution(*value);
        (p - f64::from(i) / n).max(f64::from(i + 1) / n - p)
    });
    let distance = distance.fold(0.0, f64::max) * n.sqrt();
    assert!(distance < 2.35, "scaled distance {distance}");
}

/// Poisson counts in bins `0, 1, .., last and more`, for `draws` windows of mean `mean`.
fn poisson_bins(mean: f64, draws: f64, last: usize) -> Vec<f64> {
    let mut p = (-mean).exp();
    let mut rest = 1.0;
    let mut bins = Vec::new();
    for k in 0..last {
        bins.push(p * draws);
        rest -= p;
        p *= mean / (k + 1) as f64;
    }
    bins.push(rest * draws);
    bins
}

#[test]
fn counts_of_short_windows_are_poisson() {
    let day = Intensity::constant(100.0, SimTime::ZERO, secs(DAY));
    let tree = ArrivalTree::new(key(0), day, None);
    let mut seen = vec![0; 12];
    let windows = 20_000;
    for i in 0..windows {
        let from = SimTime::from_nanos(i * 4_000_000_123);
        let count = tree.count(from, SimTime::from_nanos(from.as_nanos() + 50_000_000));
        seen[(count as usize).min(11)] += 1;
    }
    assert_chi_square(&seen, &poisson_bins(5.0, windows as f64, 11));
}

#[test]
fn totals_of_small_processes_are_poisson() {
    let trials = 20_000;
    let mut seen = vec![0; 9];
    for trial in 0..trials {
        let intensity = Intensity::constant(1.0, SimTime::ZERO, secs(3));
        let tree = ArrivalTree::new(key(trial), intensity, None);
        seen[(tree.total() as usize).min(8)] += 1;
    }
    assert_chi_square(&seen, &poisson_bins(3.0, trials as f64, 8));
}

#[test]
fn a_season_has_poisson_counts_that_are_independent() {
    // 7.8e9 arrivals; two days a month apart, and a minute.
    let season = Intensity::constant(1000.0, SimTime::ZERO, secs(90 * DAY));
    let windows = [
        (10 * DAY, 11 * DAY),
        (41 * DAY, 42 * DAY),
        (70 * DAY, 70 * DAY + 60),
    ];
    let mut counts = [const { Vec::new() }; 4];
    for trial in 0..4_000 {
        let tree = ArrivalTree::new(key(trial), season.clone(), None);
        counts[3].push(tree.total() as f64);
        for (into, (from, to)) in counts.iter_mut().zip(windows) {
            into.push(tree.count(secs(from), secs(to)) as f64);
        }
    }
    let means = [DAY, DAY, 60, 90 * DAY].map(|seconds| seconds as f64 * 1000.0);
    for (values, mean) in counts.iter().zip(means) {
        assert_moments(values, mean, mean, 3.0);
        let normal = |count: f64| normal_cdf((count + 0.5 - mean) / mean.sqrt());
        assert_distributed(values.clone(), normal);
    }
    let products = counts[0].iter().zip(&counts[1]);
    let products: Vec<f64> = products
        .map(|(a, b)| (a - means[0]) * (b - means[1]))
        .collect();
    assert_moments(&products, 0.0, means[0] * means[1], 9.0);
}

#[test]
fn gaps_are_exponential_in_operational_time() {
    let pieces = [(secs(0), 3.0), (secs(500), 0.0), (secs(900), 40.0)];
    let intensity = Intensity::piecewise(&pieces, secs(2000));
    let tree = ArrivalTree::new(key(3), intensity.clone(), None);
    let mut last = 0.0;
    let mut gaps = Vec::new();
    tree.for_each(SimTime::ZERO, SimTime::MAX, |arrival| {
        let now = intensity.cumulative(arrival.at);
        gaps.push(now - last);
        last = now;
    });
    assert!(gaps.len() > 40_000);
    let pairs: Vec<f64> = gaps
        .windows(2)
        .map(|pair| (pair[0] - 1.0) * (pair[1] - 1.0))
        .collect();
    assert_moments(&gaps, 1.0, 1.0, 9.0);
    assert_moments(&pairs, 0.0, 1.0, 81.0);
    assert_distributed(gaps, |gap| 1.0 - (-gap).exp());
}

#[test]
fn sizes_are_gamma() {
    for (trial, shape) in [(0, 0.4), (1, 1.0), (2, 3.0), (3, 200.0)] {
        let hour = Intensity::constant(30.0, SimTime::ZERO, secs(3600));
        let mean = 1e6;
        let marks = Marks {
            shape,
            mean_bytes: mean,
        };
        let tree = ArrivalTree::new(key(trial), hour, Some(marks));
        let mut sizes = Vec::new();
        tree.for_each(SimTime::ZERO, SimTime::MAX, |a: Arrival| {
            sizes.push(a.bytes as f64)
        });
        let variance = mean * mean / shape;
        assert_moments(&sizes, mean, variance, 3.0 + 6.0 / shape);
        if shape == 1.0 {
            assert_distributed(sizes.clone(), |size| 1.0 - (-size / mean).exp());
        }
        let products = sizes
            .windows(2)
            .map(|pair| (pair[0] - mean) * (pair[1] - mean));
        let kurtosis = 3.0 + 6.0 / shape;
        let products: Vec<f64> = products.collect();
        assert_moments(&products, 0.0, variance * variance, kurtosis * kurtosis);
    }
}

#[test]
fn bytes_of_windows_are_compound_poisson() {
    let season = Intensity::constant(1000.0, SimTime::ZERO, secs(90 * DAY));
    let marks = Marks {
        shape: 0.5,
        mean_bytes: 800.0,
    };
    let mut minute = Vec::new();
    let mut day = Vec::new();
    for trial in 0..4_000 {
        let tree = ArrivalTree::new(key(trial), season.clone(), Some(marks));
        minute.push(tree.bytes(secs(33 * DAY), secs(33 * DAY + 60)) as f64);
        day.push(tree.bytes(secs(60 * DAY), secs(61 * DAY)) as f64);
    }
    // A compound sum's variance is the expected count times the mean square size.
    let square = 800.0 * 800.0 * (1.0 + 1.0 / 0.5);
    assert_moments(&minute, 6e4 * 800.0, 6e4 * square, 3.0);
    assert_moments(&day, 8.64e7 * 800.0, 8.64e7 * square, 3.0);
}

/// Abramowitz and Stegun 7.1.26; off by less than 1.5e-7.
fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / 2f64.sqrt();
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let coefficients = [
        1.061405429,
        -1.453152027,
        1.421413741,
        -0.284496736,
        0.254829592,
    ];
    let polynomial = coefficients.iter().fold(0.0, |sum, c| (sum + c) * t);
    let erf = 1.0 - polynomial * (-x * x).exp();
    if z < 0.0 {
        (1.0 - erf) / 2.0
    } else {
        (1.0 + erf) / 2.0
    }
}
