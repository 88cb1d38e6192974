//! Do two samples come from one distribution? The two-sample Kolmogorov-Smirnov test, exact.
//!
//! Every order in which the two samples can be merged is equally likely if they do. The p-value is
//! the share of those orders in which the empirical distributions are somewhere at least as far
//! apart as they were found: a sum over lattice paths, as in R's `psmirnov`. Ties make it a little
//! too large.

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSample {
    /// The largest distance between the two empirical distributions.
    pub statistic: f64,
    /// How often chance alone puts them at least that far apart.
    pub p: f64,
}

/// The test. `None` if a sample is empty.
pub fn two_sample(a: &[f64], b: &[f64]) -> Option<TwoSample> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let apart = apart(few, many);
    let (n, m) = (few.len() as u64, many.len() as u64);
    Some(TwoSample {
        statistic: apart as f64 / (n * m) as f64,
        p: (1.0 - closer(n, m, apart)).clamp(0.0, 1.0),
    })
}

/// The largest distance, in units of one over the product of the sizes.
fn apart(a: &[f64], b: &[f64]) -> u64 {
    let sorted = |sample: &[f64]| {
        let mut sample = sample.to_vec();
        sample.sort_by(f64::total_cmp);
        sample
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut apart) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        apart = apart.max((i * b.len()).abs_diff(j * a.len()) as u64);
    }
    apart
}

/// The share of merged orders in which the samples are nowhere as far apart as `apart`.
fn closer(n: u64, m: u64, apart: u64) -> f64 {
    let inside = |i: u64, j: u64| (i * m).abs_diff(j * n) < apart;
    let mut share: Vec<f64> = (0..=m)
        .map(|j| if inside(0, j) { 1.0 } else { 0.0 })
        .collect();
    for i in 1..=n {
        let weight = i as f64 / (i + m) as f64;
        let mut left = 0.0;
        for (j, share) in (0..=m).zip(&mut share) {
            *share = match inside(i, j) {
                true => weight * *share + left,
                false => 0.0,
            };
            left = *share;
        }
    }
    share[m as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::close;

    fn test(a: &[f64], b: &[f64]) -> (f64, f64) {
        let found = two_sample(a, b).unwrap();
        let mirrored = two_sample(b, a).unwrap();
        close(found.p, mirrored.p);
        (found.statistic, found.p)
    }

    #[test]
    fn small_samples_agree_with_counting_by_hand() {
        // Of 20 orders of three and three, two keep the samples apart.
        let (statistic, p) = test(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
        close(statistic, 1.0);
        close(p, 0.1);
        // Two of two: four of the six orders have a distance of 1/2, the other two of 1.
        assert_eq!(test(&[1.0, 3.0], &[2.0, 4.0]), (0.5, 1.0));
        assert_eq!(two_sample(&[], &[1.0]), None);
    }

    #[test]
    fn larger_samples_agree_with_enumeration() {
        // All 3,003 orders of five and ten, and all 12,870 of eight and eight.
        let five = [5.5, 6.5, 8.5, 9.5, 10.5];
        let ten = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 9.0, 40.0];
        let (statistic, p) = test(&five, &ten);
        close(statistic, 0.5);
        close(p, 1053.0 / 3003.0);
        let eight = [1.0, 2.0, 3.5, 4.0, 6.0, 7.0, 8.0, 20.0];
        let others = [5.0, 9.0, 10.0, 11.0, 12.0, 13.0, 3.0, 21.0];
        let (statistic, p) = test(&eight, &others);
        close(statistic, 0.625);
        close(p, 1120.0 / 12870.0);
    }

    #[test]
    fn one_sample_is_like_itself_and_a_shifted_one_is_not() {
        let uniform: Vec<f64> = (0..40).map(f64::from).collect();
        let fine: Vec<f64> = (0..4000).map(|k| f64::from(k) / 100.0).collect();
        assert!(test(&uniform, &fine).1 > 0.999);
        let shifted: Vec<f64> = uniform.iter().map(|value| value + 15.0).collect();
        assert!(test(&shifted, &fine).1 < 1e-4);
    }
}
