//! Quantiles and the two-sample Kolmogorov-Smirnov test, for the comparison with measurements.

/// The quantile `q` of a sample, linear between order statistics (R's type 7).
pub fn quantile(sample: &[f64], q: f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// The p-value of the hypothesis that two samples share a distribution (asymptotic, with Stephens'
/// correction for small samples, as in Numerical Recipes 14.3).
pub fn ks_p(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        let gap = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        distance = distance.max(gap.abs());
    }
    let n = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    let lambda = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance;
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    if lambda < 0.2 {
        1.0
    } else {
        (1..=100).map(term).sum::<f64>() * 2.0
    }
}

/// Two-sided p-value of `hits` in `n` trials if each hits with probability `share`.
pub fn binomial_p(n: usize, hits: usize, share: f64) -> f64 {
    let probability = |k: usize| {
        let ways = (0..k)
            .map(|i| (n - i) as f64 / (i + 1) as f64)
            .product::<f64>();
        ways * share.powi(k as i32) * (1.0 - share).powi((n - k) as i32)
    };
    let observed = probability(hits) * (1.0 + 1e-9);
    (0..=n)
        .map(probability)
        .filter(|p| *p <= observed)
        .sum::<f64>()
        .min(1.0)
}
