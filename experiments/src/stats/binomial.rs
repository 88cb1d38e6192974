//! How unlikely is a count? The two-sided binomial test, exact.

use statrs::distribution::{Binomial, Discrete};

/// How often chance alone is at least as unlikely as `hits` in `n` trials, if each hits with
/// probability `share`.
pub fn binomial_p(n: usize, hits: usize, share: f64) -> f64 {
    let binomial = Binomial::new(share, n as u64).expect("a share is a probability");
    let observed = binomial.pmf(hits as u64) * (1.0 + 1e-9);
    let all = (0..=n as u64).map(|k| binomial.pmf(k));
    all.filter(|p| *p <= observed).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_p_agrees_with_counting() {
        // Of ten fair tosses, 0, 1, 9 and 10 heads are as unlikely as one: 22 of 1,024.
        assert!((binomial_p(10, 1, 0.5) - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!(binomial_p(12, 0, 0.0), 1.0);
        assert_eq!(binomial_p(12, 12, 1.0), 1.0);
    }
}
