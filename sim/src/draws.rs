//! The two draws that halving a cell takes: fair tosses and Gamma variates, exact and quick.
//!
//! A query halves some thirty cells, so these draws are what a query costs. `rand_distr` has both;
//! its general binomial takes 40 ns and its Gamma 10 ns, these take 10 and 6. Logarithms decide on
//! a rejection but are not part of a value (but for a normal's far tail, and shapes below 1), so
//! that results do not hang on the last bit of a system's `ln`.

use rand::RngExt;
use rand_distr::{Distribution, Open01, StandardNormal};

use crate::stream_key::Rng;

/// Up to here fair coins are tossed 64 at a time; beyond, a normal candidate is quicker.
const TOSSES_MAX: u64 = 1024;

/// By what factor a probability may exceed its normal candidate's, for more than so many tosses; it
/// falls with their cube root, and a test computes the largest.
const EXCESS_MAX: [(f64, f64); 2] = [(1_048_576.0, 1.02), (TOSSES_MAX as f64, 1.15)];

/// Heads in `n` tosses of a fair coin: Binomial(n, ½), for `n` up to 2⁵³.
pub(crate) fn heads(n: u64, rng: &mut Rng) -> u64 {
    if n > TOSSES_MAX {
        return heads_of_many(n, rng);
    }
    let mut word = || rng.random::<u64>();
    let whole: u32 = (0..n / 64).map(|_| word().count_ones()).sum();
    let part = match n % 64 {
        0 => 0,
        tosses => (word() >> (64 - tosses)).count_ones(),
    };
    u64::from(whole + part)
}

/// Rejection from a normal candidate, rounded. With `y` the distance from n/2 and `x` that before
/// rounding, the ratio of the probability to the candidate's density is `exp(L)`, where
///
/// ```text
/// L = 2 (x² - y²) / n + r(y)          r(y) = ln(Binomial(n/2 + y) / normal density at y)
/// ```
///
/// and `r` is within a few 1/n of zero. Bounds on `r` that need no logarithm decide nearly always.
fn heads_of_many(n: u64, rng: &mut Rng) -> u64 {
    let size = n as f64;
    let (half, deviation, per_toss) = (size / 2.0, size.sqrt() / 2.0, 1.0 / size);
    let excess_max = excess_max(size);
    loop {
        let normal: f64 = StandardNormal.sample(rng);
        let height = excess_max * rng.random::<f64>();
        let x = deviation * normal;
        // Sixteen deviations or more: the odds are below 1e-57.
        if x.abs() > size / 4.0 {
            continue;
        }
        let count = (half + x + 0.5) as u64;
        let y = count as f64 - half;
        let rounding = 2.0 * (x - y) * (x + y) * per_toss;
        let share = y * per_toss * y;
        // For |y| <= n/4: -0.37/n - 1.55 y⁴/n³ <= r <= 2.7 y²/n², from the series of the relative
        // entropy and Stirling's. With exp(a) >= 1 + a, and exp(a) <= 1 + a + a² for a <= 1.
        let lower = rounding - (0.37 + 1.55 * share * share) * per_toss;
        if height <= 1.0 + lower {
            return count;
        }
        let upper = rounding + 2.7 * share * per_toss;
        if height <= 1.0 + upper + upper * upper
            && height.ln() <= rounding + excess_over_normal(size, y)
        {
            return count;
        }
    }
}

fn excess_max(size: f64) -> f64 {
    let [(many, few_more), (_, more)] = EXCESS_MAX;
    if size > many { few_more } else { more }
}

/// `r(y)`: the logarithm of Binomial(n, ½) at n/2 + y over the normal density there.
fn excess_over_normal(n: f64, y: f64) -> f64 {
    let (more, less) = (n / 2.0 + y, n / 2.0 - y);
    let tilt = 2.0 * y / n;
    let entropy = more * tilt.ln_1p() + less * (-tilt).ln_1p();
    let stirling = |m: f64| (1.0 - (1.0 / 30.0 - 1.0 / (105.0 * m * m)) / (m * m)) / (12.0 * m);
    2.0 * y * y / n - entropy - 0.5 * (-tilt * tilt).ln_1p() + stirling(n)
        - stirling(more)
        - stirling(less)
}

/// Gamma variates of unit scale: Marsaglia and Tsang (2000), below shape 1 with their boost.
pub(crate) struct Gamma {
    d: f64,
    c: f64,
    /// The inverse of a shape below 1.
    boost: Option<f64>,
}

impl Gamma {
    /// Variates of this shape, which must be positive.
    pub fn new(shape: f64) -> Gamma {
        assert!(shape > 0.0, "a shape is positive: {shape}");
        let boost = (shape < 1.0).then(|| 1.0 / shape);
        let d = if boost.is_some() { shape + 1.0 } else { shape } - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        Gamma { d, c, boost }
    }

    /// One variate.
    pub fn sample(&self, rng: &mut Rng) -> f64 {
        let value = self.d * self.cube(rng);
        match self.boost {
            Some(power) => value * rng.sample::<f64, _>(Open01).powf(power),
            None => value,
        }
    }

    fn cube(&self, rng: &mut Rng) -> f64 {
        loop {
            let normal: f64 = StandardNormal.sample(rng);
            let root = 1.0 + self.c * normal;
            let uniform: f64 = rng.sample(Open01);
            if root <= 0.0 {
                continue;
            }
            let (cube, square) = (root * root * root, normal * normal);
            if uniform < 1.0 - 0.0331 * square * square
                || uniform.ln() < 0.5 * square + self.d * (1.0 - cube + cube.ln())
            {
                return cube;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, Streams};

    fn rng(entity: u64) -> Rng {
        Streams::for_trial(4, 0).stream(Purpose(0), entity)
    }

    /// ln Binomial(n, ½) of every count, by summation.
    fn log_binomial(n: u64) -> Vec<f64> {
        let mut log_p = -(n as f64) * 2f64.ln();
        let ratio = |k: u64| ((n - k) as f64 / (k + 1) as f64).ln();
        let mut all = Vec::new();
        for k in 0..=n {
            all.push(log_p);
            log_p += ratio(k);
        }
        all
    }

    #[test]
    fn the_candidate_covers_the_binomial_and_its_bounds_hold() {
        for n in (TOSSES_MAX + 1..TOSSES_MAX + 40).chain([1 << 12, 99_999, (1 << 20) + 1]) {
            let size = n as f64;
            let mut largest = f64::MIN;
            for (count, log_p) in (0..).zip(log_binomial(n)) {
                let y = f64::from(count) - size / 2.0;
                let sixteenth = y * y / size;
                if y.abs() > size / 4.0 {
                    continue;
                }
                let r = excess_over_normal(size, y);
                let normal = -0.5 * (std::f64::consts::PI * size / 2.0).ln() - 2.0 * sixteenth;
                let precision = 1e-13 * size.max(1e4);
                assert!(
                    (r - (log_p - normal)).abs() < precision,
                    "n = {n}, y = {y}: {r}"
                );
                assert!(r >= -(0.37 + 1.55 * sixteenth * sixteenth) / size);
                assert!(r <= 2.7 * sixteenth / size);
                largest = largest.max(2.0 * (y.abs() + 0.25) / size + r);
            }
            assert!(largest < excess_max(size).ln(), "n = {n}: {largest}");
        }
    }

    /// Pearson's statistic against Binomial(n, ½), four sigma by Wilson and Hilferty.
    fn assert_binomial(n: u64, draws: u64) {
        let mut rng = rng(n);
        let mut seen = vec![0.0; n as usize + 1];
        (0..draws).for_each(|_| seen[heads(n, &mut rng) as usize] += 1.0);
        // Bins too rare for the statistic are put together.
        let (mut statistic, mut bins, mut rest) = (0.0, 0.0, (0.0, 0.0));
        for (seen, log_p) in seen.iter().zip(log_binomial(n)) {
            let expected = log_p.exp() * draws as f64;
            if expected < 10.0 {
                rest = (rest.0 + seen, rest.1 + expected);
            } else {
                statistic += (seen - expected).powi(2) / expected;
                bins += 1.0;
            }
        }
        if rest.1 > 1.0 {
            statistic += (rest.0 - rest.1).powi(2) / rest.1;
            bins += 1.0;
        }
        let (freedom, spread) = (bins - 1.0, 2.0 / (9.0 * (bins - 1.0)));
        let z = ((statistic / freedom).cbrt() - (1.0 - spread)) / f64::sqrt(spread);
        assert!(
            z < 4.0,
            "n = {n}: {statistic} at {freedom} degrees of freedom"
        );
    }

    #[test]
    fn heads_are_binomial() {
        for n in [2, 49, 63, 64, 65, 127, 128, 1000, TOSSES_MAX] {
            assert_binomial(n, 100_000);
        }
        for n in [TOSSES_MAX + 1, TOSSES_MAX + 2, 1500, 3001] {
            assert_binomial(n, 1_000_000);
        }
    }

    #[test]
    fn heads_of_huge_counts_have_the_right_moments() {
        for n in [1_000_001, 7_800_000_000, 1 << 45, 1 << 52] {
            let mut rng = rng(n);
            let scale = 2.0 / (n as f64).sqrt();
            let z = |count: u64| (count as f64 - n as f64 / 2.0) * scale;
            let values: Vec<f64> = (0..400_000).map(|_| z(heads(n, &mut rng))).collect();
            let moments = [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)];
            assert_moments(&values, &moments);
        }
    }

    #[test]
    fn gammas_have_the_right_moments() {
        for (entity, shape) in [(0, 0.05), (1, 0.7), (2, 1.0), (3, 2.5), (4, 1e4), (5, 2e10)] {
            let mut rng = rng(entity);
            let gamma = Gamma::new(shape);
            // Centred and scaled by the deviation; skewness 2 / √k, excess kurtosis 6 / k.
            let scale = f64::sqrt(shape);
            let draw = |_| (gamma.sample(&mut rng) - shape) / scale;
            let values: Vec<f64> = (0..400_000).map(draw).collect();
            let moments = [
                (1, 0.0, 1.0),
                (2, 1.0, 2.0 + 6.0 / shape),
                (3, 2.0 / scale, 15.0 + (226.0 + 120.0 / shape) / shape),
            ];
            assert_moments(&values, &moments);
        }
    }

    /// Each moment: its power, its expected value, the variance of a single value's power.
    fn assert_moments(values: &[f64], moments: &[(i32, f64, f64)]) {
        let draws = values.len() as f64;
        for (power, expected, variance) in moments {
            let seen = values.iter().map(|z| z.powi(*power)).sum::<f64>() / draws;
            let off = (seen - expected) / (variance / draws).sqrt();
            assert!(off.abs() < 4.0, "moment {power} is {seen}, {off} sigma off");
        }
    }
}
