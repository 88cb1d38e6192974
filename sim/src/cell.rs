//! Cells of an arrival tree: how one is halved, and what a small one holds.
//!
//! ```text
//! level 0   [            n             ]   n_left ~ Binomial(n, ½)
//! level 1   [  n_left   ][  n - n_left ]   bytes_left / bytes ~ Beta(n_left·k, n_right·k)
//! leaf      [ | || |  | ]                  at most LEAF arrivals: uniform positions
//! ```
//!
//! Given its count, the arrivals of a Poisson process are independent and uniform in operational
//! time, so halves are binomial and leaves are sorted uniforms. Given a sum of independent Gamma
//! sizes, the shares are Dirichlet, which splits by Beta and ends in normalised Gammas. Both hold
//! exactly, so a path opened cell by cell has the law of one drawn arrival by arrival. A cell draws
//! from the generator named by its level and number: always the same numbers, in any order.
//! Bytes are integers: a left half gets its share rounded, the right half what remains.

use rand::RngExt;
use rand_distr::{Binomial, Distribution, Gamma};

use crate::intensity::{POSITION_BITS, POSITION_END, Position};
use crate::streams::{Rng, StreamKey};

/// Cells with at most this many arrivals are drawn one by one.
pub(crate) const LEAF: usize = 48;

/// Up to here fair coins are tossed 64 at a time; beyond, a rejection sampler is quicker.
const TOSSES_MAX: u64 = 1024;

/// Which part of a cell is asked for; sizes are drawn after counts and can be left undrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Counts,
    Sizes,
}

/// A dyadic stretch of operational time and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub level: u32,
    pub number: u64,
    /// Arrivals inside, and in all cells to the left.
    pub count: u64,
    pub count_before: u64,
    /// Their bytes; zero if only counts were asked for.
    pub bytes: u64,
    pub bytes_before: u64,
}

/// The arrivals of a small cell in time order.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    len: usize,
    positions: [Position; LEAF],
    /// Bytes of the cell up to and including each arrival.
    sums: [u64; LEAF],
}

/// What all cells of a tree share: where they draw from, and the shape of sizes.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub key: StreamKey,
    pub shape: Option<f64>,
}

impl Cell {
    pub fn start(&self) -> Position {
        self.number << (POSITION_BITS - self.level)
    }

    pub fn end(&self) -> Position {
        self.start() + (POSITION_END >> self.level)
    }

    pub fn middle(&self) -> Position {
        self.start() + (POSITION_END >> (self.level + 1))
    }

    pub fn is_leaf(&self) -> bool {
        self.count <= LEAF as u64
    }
}

impl Opener {
    /// The two halves of a cell that is not a leaf.
    pub fn split(&self, cell: &Cell, detail: Detail) -> (Cell, Cell) {
        debug_assert!(!cell.is_leaf(), "a leaf is not halved");
        assert!(
            cell.level < POSITION_BITS - 1,
            "positions outnumber arrivals"
        );
        let mut rng = self.key.at(u64::from(cell.level), cell.number);
        let count = heads(cell.count, &mut rng);
        let bytes = match (self.shape, detail) {
            (Some(shape), Detail::Sizes) => {
                let shapes = [count, cell.count - count].map(|n| n as f64 * shape);
                split_bytes(cell.bytes, shapes, &mut rng)
            }
            (None, _) | (_, Detail::Counts) => 0,
        };
        let left = Cell {
            level: cell.level + 1,
            number: cell.number * 2,
            count,
            bytes,
            ..*cell
        };
        let right = Cell {
            number: left.number + 1,
            count: cell.count - count,
            count_before: cell.count_before + count,
            bytes: cell.bytes.saturating_sub(bytes),
            bytes_before: cell.bytes_before + bytes,
            ..left
        };
        (left, right)
    }

    /// The half of a cell that holds `position`.
    pub fn half(&self, cell: &Cell, position: Position, detail: Detail) -> Cell {
        let (left, right) = self.split(cell, detail);
        if position < right.start() {
            left
        } else {
            right
        }
    }

    /// Arrivals, and their bytes, before `position`, which lies in this leaf.
    pub fn before(&self, leaf: &Cell, position: Position, detail: Detail) -> (u64, u64) {
        let mut rng = self.key.at(u64::from(leaf.level), leaf.number);
        let arrived = (0..leaf.count)
            .filter(|_| draw_position(leaf, &mut rng) < position)
            .count();
        let mut bytes = leaf.bytes_before;
        if let (Some(shape), Detail::Sizes, 1..) = (self.shape, detail, arrived) {
            let mut sums = [0; LEAF];
            draw_sums(
                &mut sums[..leaf.count as usize],
                leaf.bytes,
                shape,
                &mut rng,
            );
            bytes += sums[arrived - 1];
        }
        (leaf.count_before + arrived as u64, bytes)
    }

    /// All arrivals of a leaf.
    pub fn open(&self, leaf: &Cell, detail: Detail) -> Leaf {
        let mut rng = self.key.at(u64::from(leaf.level), leaf.number);
        let mut opened = Leaf {
            len: leaf.count as usize,
            positions: [0; LEAF],
            sums: [0; LEAF],
        };
        let positions = &mut opened.positions[..opened.len];
        positions.fill_with(|| draw_position(leaf, &mut rng));
        positions.sort_unstable();
        if let (Some(shape), Detail::Sizes) = (self.shape, detail) {
            draw_sums(&mut opened.sums[..opened.len], leaf.bytes, shape, &mut rng);
        }
        opened
    }
}

impl Leaf {
    /// Where the arrivals lie, ascending.
    pub fn positions(&self) -> &[Position] {
        &self.positions[..self.len]
    }

    /// Bytes of the cell up to and including each arrival; the last is the cell's total.
    pub fn sums(&self) -> &[u64] {
        &self.sums[..self.len]
    }
}

/// One arrival somewhere in the cell, all positions equally likely.
fn draw_position(cell: &Cell, rng: &mut Rng) -> Position {
    let bits: u64 = rng.random();
    cell.start() + (bits >> (cell.level + 1))
}

/// Heads in `n` tosses of a fair coin: Binomial(n, ½), exact.
fn heads(n: u64, rng: &mut Rng) -> u64 {
    if n > TOSSES_MAX {
        let binomial = Binomial::new(n, 0.5).expect("a half is a probability");
        return binomial.sample(rng);
    }
    let mut word = || rng.random::<u64>();
    let whole: u32 = (0..n / 64).map(|_| word().count_ones()).sum();
    let part = match n % 64 {
        0 => 0,
        tosses => (word() >> (64 - tosses)).count_ones(),
    };
    u64::from(whole + part)
}

/// The left one's share of `total`, for halves whose sizes add up to these Gamma shapes.
///
/// Beta(a, b) as X / (X + Y) with X ~ Gamma(a), Y ~ Gamma(b): one normal each and logarithms only
/// to decide on a rejection, so the value does not hang on the last bit of a system's `ln`.
fn split_bytes(total: u64, shapes: [f64; 2], rng: &mut Rng) -> u64 {
    if shapes[0] == 0.0 {
        return 0;
    }
    if shapes[1] == 0.0 {
        return total;
    }
    let [left, right] = shapes.map(|shape| gamma(shape).sample(rng));
    rounded_share(total, left, left + right)
}

/// Shares `total` among arrivals in time order, as running sums.
fn draw_sums(sums: &mut [u64], total: u64, shape: f64, rng: &mut Rng) {
    let gamma = gamma(shape);
    let mut weights = [0.0; LEAF];
    let mut weight = 0.0;
    for slot in &mut weights[..sums.len()] {
        weight += gamma.sample(rng);
        *slot = weight;
    }
    for (sum, up_to) in sums.iter_mut().zip(&weights) {
        *sum = rounded_share(total, *up_to, weight);
    }
    if let Some(last) = sums.last_mut() {
        *last = total;
    }
}

/// A Gamma sampler of unit scale.
pub(crate) fn gamma(shape: f64) -> Gamma<f64> {
    Gamma::new(shape, 1.0).expect("a shape is positive")
}

/// `total · part / whole` to the nearest byte, never above `total`; all of it if `whole` is zero,
/// which happens when tiny shapes underflow.
fn rounded_share(total: u64, part: f64, whole: f64) -> u64 {
    if whole <= 0.0 {
        return total;
    }
    let share = total as f64 * (part / whole);
    ((share + 0.5) as u64).min(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, Streams};

    fn rng(entity: u64) -> Rng {
        Streams::for_trial(4, 0).stream(Purpose(0), entity)
    }

    /// Pearson's statistic against Binomial(n, ½), four sigma by Wilson and Hilferty.
    fn assert_binomial(n: u64, draws: u64) {
        let mut rng = rng(n);
        let mut seen = vec![0.0; n as usize + 1];
        (0..draws).for_each(|_| seen[heads(n, &mut rng) as usize] += 1.0);
        let log_factorial = |n: u64| (1..=n).map(|i| (i as f64).ln()).sum::<f64>();
        let log_all = log_factorial(n) - n as f64 * 2f64.ln();
        // Bins too rare for the statistic are put together.
        let (mut statistic, mut bins, mut rest) = (0.0, 0.0, (0.0, 0.0));
        for (k, seen) in (0..).zip(seen) {
            let log_p = log_all - log_factorial(k) - log_factorial(n - k);
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
        for n in [
            2,
            49,
            63,
            64,
            65,
            127,
            128,
            1000,
            TOSSES_MAX,
            TOSSES_MAX + 1,
            3000,
        ] {
            assert_binomial(n, 100_000);
        }
    }

    #[test]
    fn heads_of_huge_counts_have_the_right_moments() {
        for n in [1_000_000, 7_800_000_000, 1 << 45, 1 << 52] {
            let mut rng = rng(n);
            let draws = 200_000;
            let scale = 2.0 / (n as f64).sqrt();
            let z = |count: u64| (count as f64 - n as f64 / 2.0) * scale;
            let values: Vec<f64> = (0..draws).map(|_| z(heads(n, &mut rng))).collect();
            let moment = |k| values.iter().map(|z: &f64| z.powi(k)).sum::<f64>() / draws as f64;
            let moments = [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)];
            for (k, expected, variance) in moments {
                let off = (moment(k) - expected) / (variance / draws as f64).sqrt();
                assert!(off.abs() < 4.0, "n = {n}: moment {k} is {off} sigma off");
            }
        }
    }

    #[test]
    fn shares_never_lose_a_byte() {
        let mut rng = rng(1);
        for round in 0..20_000u64 {
            let total = (round * 7919) % 1000 * (1 << (round % 43));
            let shape = [0.01, 0.5, 3.0, 1e4][round as usize % 4];
            let left = split_bytes(total, [3.0 * shape, 9.0 * shape], &mut rng);
            assert!(left <= total);
            let mut sums = [0; LEAF];
            let sums = &mut sums[..1 + round as usize % LEAF];
            draw_sums(sums, total, shape, &mut rng);
            assert!(sums.is_sorted());
            assert_eq!(sums.last(), Some(&total));
        }
        assert_eq!(split_bytes(9, [0.0, 1.0], &mut rng), 0);
        assert_eq!(split_bytes(9, [1.0, 0.0], &mut rng), 9);
    }
}
