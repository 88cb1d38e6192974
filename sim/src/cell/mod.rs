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

pub(crate) mod opened;

use std::rc::Rc;

use rand::RngExt;

use crate::draws::{Gamma, heads};
use crate::intensity::{POSITION_BITS, POSITION_END, Position};
use crate::stream_key::{Rng, StreamKey};
use opened::{Opened, Split};

/// Cells with at most this many arrivals are drawn one by one.
pub(crate) const LEAF: usize = 48;

/// Below this a cell would be a single position.
const LEVEL_MAX: u32 = POSITION_BITS - 1;

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
    /// Bytes of the cell up to and including each arrival; zero while only counts were asked for.
    sums: [u64; LEAF],
    /// Where sizes are drawn from, until they are.
    sizes: Option<Rng>,
}

/// What all cells of a tree share: where they draw from, the shape of sizes, and what was drawn.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub key: StreamKey,
    pub shape: Option<f64>,
    /// The tree's number in `opened`.
    pub tree: u64,
    pub opened: Rc<Opened>,
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

    /// One half, given what the left one holds. Written so that neither side needs a jump: which
    /// side it is cannot be predicted.
    fn half(&self, (count, bytes): (u64, u64), right: bool) -> Cell {
        let (count_right, bytes_right) = (self.count - count, self.bytes.saturating_sub(bytes));
        Cell {
            level: self.level + 1,
            number: self.number * 2 + u64::from(right),
            count: if right { count_right } else { count },
            count_before: self.count_before + if right { count } else { 0 },
            bytes: if right { bytes_right } else { bytes },
            bytes_before: self.bytes_before + if right { bytes } else { 0 },
        }
    }

    pub fn is_leaf(&self) -> bool {
        self.count <= LEAF as u64
    }
}

impl Opener {
    /// The two halves of a cell that is not a leaf.
    pub fn split(&self, cell: &Cell, detail: Detail) -> (Cell, Cell) {
        let left = self.left(cell, detail);
        (cell.half(left, false), cell.half(left, true))
    }

    /// The half of a cell, not a leaf, that holds `position`.
    pub fn half(&self, cell: &Cell, position: Position, detail: Detail) -> Cell {
        cell.half(self.left(cell, detail), position >= cell.middle())
    }

    /// Arrivals and bytes of the left half: what a cell's generator is for.
    #[inline]
    fn left(&self, cell: &Cell, detail: Detail) -> (u64, u64) {
        let mut splits = self.opened.splits.borrow_mut();
        let split = splits.get(self.tree, cell, || self.draw_left(cell, detail));
        match (split.bytes, detail) {
            (Some(bytes), _) => (split.count, bytes),
            (None, Detail::Counts) => (split.count, 0),
            (None, Detail::Sizes) => {
                *split = self.draw_left(cell, detail);
                (split.count, split.bytes.unwrap_or(0))
            }
        }
    }

    /// Counts come before sizes, so that they are the same whether sizes are drawn or not.
    fn draw_left(&self, cell: &Cell, detail: Detail) -> Split {
        debug_assert!(!cell.is_leaf(), "a leaf is not halved");
        assert!(cell.level < LEVEL_MAX, "positions outnumber arrivals");
        let mut rng = self.key.at(u64::from(cell.level), cell.number);
        let count = heads(cell.count, &mut rng);
        let bytes = match (self.shape, detail) {
            (Some(shape), Detail::Sizes) => {
                let shapes = [count, cell.count - count].map(|n| n as f64 * shape);
                Some(split_bytes(cell.bytes, shapes, &mut rng))
            }
            (Some(_), Detail::Counts) => None,
            (None, _) => Some(0),
        };
        Split { count, bytes }
    }

    /// Arrivals, and their bytes, before `position`, which lies in this leaf.
    pub fn before(&self, leaf: &Cell, position: Position, detail: Detail) -> (u64, u64) {
        self.look(leaf, detail, |opened| {
            let arrived = opened
                .positions()
                .partition_point(|other| *other < position);
            let bytes = arrived.checked_sub(1).map_or(0, |last| opened.sums[last]);
            (
                leaf.count_before + arrived as u64,
                leaf.bytes_before + bytes,
            )
        })
    }

    /// All arrivals of a leaf.
    pub fn open(&self, leaf: &Cell, detail: Detail) -> Leaf {
        self.look(leaf, detail, Leaf::clone)
    }

    fn look<T>(&self, leaf: &Cell, detail: Detail, f: impl FnOnce(&Leaf) -> T) -> T {
        let mut leaves = self.opened.leaves.borrow_mut();
        let opened = leaves.get(self.tree, leaf, || self.draw_leaf(leaf));
        if let (Some(shape), Detail::Sizes) = (self.shape, detail)
            && let Some(mut rng) = opened.sizes.take()
        {
            draw_sums(&mut opened.sums[..opened.len], leaf.bytes, shape, &mut rng);
        }
        f(opened)
    }

    fn draw_leaf(&self, leaf: &Cell) -> Leaf {
        let mut rng = self.key.at(u64::from(leaf.level), leaf.number);
        let mut opened = Leaf {
            len: leaf.count as usize,
            positions: [0; LEAF],
            sums: [0; LEAF],
            sizes: None,
        };
        let positions = &mut opened.positions[..opened.len];
        positions.fill_with(|| draw_position(leaf, &mut rng));
        positions.sort_unstable();
        opened.sizes = Some(rng);
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

/// The left one's share of `total`, for halves whose sizes add up to these Gamma shapes.
///
/// Beta(a, b) as X / (X + Y) with X ~ Gamma(a), Y ~ Gamma(b): no logarithm enters the value, so it
/// does not hang on the last bit of a system's `ln`.
fn split_bytes(total: u64, shapes: [f64; 2], rng: &mut Rng) -> u64 {
    if shapes[0] == 0.0 {
        return 0;
    }
    if shapes[1] == 0.0 {
        return total;
    }
    let [left, right] = shapes.map(|shape| Gamma::new(shape).sample(rng));
    rounded_share(total, left, left + right)
}

/// Shares `total` among arrivals in time order, as running sums.
fn draw_sums(sums: &mut [u64], total: u64, shape: f64, rng: &mut Rng) {
    let gamma = Gamma::new(shape);
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
