//! A marked Poisson process that is defined in full and opened only where somebody looks.
//!
//! The root draws the total count and the total bytes. Below it every cell of operational time is
//! halved on demand, from a generator named by the cell (`cell.rs`):
//!
//! ```text
//!                  7.8e9 arrivals, 90 days
//!               /                          \
//!          3.9e9                             3.9e9      count_before(t): one path, ~28 halvings
//!        /      \                          /       \
//!      1.9e9   1.9e9                     …          …
//!               …  a leaf: 24 arrivals with instants and sizes
//! ```
//!
//! Any window can be asked for at any time, in any order; the answer is what expanding every
//! arrival one by one would give, byte for byte. Queries about one instant after the other cost
//! only what lies between: a tree remembers the path down to where it looked last, and what was
//! drawn of a cell is kept for later (`opened.rs`). No answer depends on either.
//!
//! ```text
//!   root ─ a ─ b ─ c ─[leaf]   path kept        next leaf: up to b, down to the other half
//!                  └──[next]                    17 halvings become 2 on average
//! ```
//!
//! Left out: arrivals that depend on each other or on the system's state (retries, users that come
//! back). They are not Poisson, and belong to the model that causes them.

use std::cell::RefCell;
use std::rc::Rc;

use rand_distr::{Distribution, Poisson};

use crate::cell::opened::{Opened, TreeName};
use crate::cell::{Cell, Detail, Opener};
use crate::draws::Gamma;
use crate::intensity::{Intensity, POSITION_END, Position};
use crate::streams::{Rng, StreamKey, Streams};
use crate::time::SimTime;

/// Sizes of arrivals: independent, Gamma distributed, rounded to whole bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marks {
    /// The Gamma distribution's shape k (no unit): 1 is exponential, 100 has a deviation of 10 %.
    pub shape: f64,
    /// Mean size in bytes, k times the scale.
    pub mean_bytes: f64,
}

/// One arrival of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it arrives.
    pub at: SimTime,
    /// Its size in bytes; zero in a process without marks.
    pub bytes: u64,
    /// Its place in the whole process, counted from 0 in time order.
    pub index: u64,
}

/// A Poisson process of given intensity, with or without sizes, under one stream key.
#[derive(Clone, Debug)]
pub struct ArrivalTree {
    intensity: Intensity,
    opener: Opener,
    root: Cell,
    /// From the root down to the cell looked at last, with sizes if the process has any.
    path: RefCell<Vec<Cell>>,
}

/// Where the root's totals are drawn: a level that no cell has.
const TOTALS: u64 = 64;

/// Why a process is too large to be drawn; the limits are those of [`ArrivalTree`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ArrivalError {
    /// More arrivals than [`ArrivalTree::EXPECTED_MAX`].
    #[error("{expected:.2e} arrivals are expected, and the most that can be counted is 4.5e15")]
    TooMany {
        /// The expected number of arrivals.
        expected: f64,
    },
    /// More bytes than [`ArrivalTree::EXPECTED_BYTES_MAX`].
    #[error(
        "{expected:.2e} bytes are expected, and the most that can be counted is 4.5e15 (4 PiB)"
    )]
    TooManyBytes {
        /// The expected number of bytes.
        expected: f64,
    },
}

impl ArrivalTree {
    /// The most arrivals that may be expected of one process: 2⁵², 4.5·10¹⁵. Counts are drawn as
    /// floats, which are whole numbers up to twice that.
    pub const EXPECTED_MAX: f64 = (1_u64 << 52) as f64;

    /// The most bytes that may be expected of one process, arrivals times mean size: 2⁵², 4 PiB.
    pub const EXPECTED_BYTES_MAX: f64 = (1_u64 << 52) as f64;

    /// The most bytes that a process brings in: 2⁵³, 8 PiB. A draw beyond it, possible only where a
    /// few sizes of that order are expected, is cut to it.
    pub const BYTES_MAX: u64 = 1 << 53;

    /// The process that `key` names. The tree uses positions of the whole key: give it its own.
    ///
    /// # Panics
    /// Where [`ArrivalTree::try_new`] returns an error or panics.
    pub fn new(key: StreamKey, intensity: Intensity, marks: Option<Marks>) -> ArrivalTree {
        ArrivalTree::try_new(key, intensity, marks).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, where `key` is one of these streams: what is drawn is kept there for all trees of
    /// this key, intensity and marks.
    ///
    /// # Panics
    /// Where [`ArrivalTree::try_new`] returns an error or panics.
    pub fn of(
        streams: &Streams,
        key: StreamKey,
        intensity: Intensity,
        marks: Option<Marks>,
    ) -> ArrivalTree {
        let tree = ArrivalTree::build(streams.shared(), key, intensity, marks);
        tree.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The process that `key` names, unless it is too large.
    ///
    /// # Errors
    /// If more arrivals than [`ArrivalTree::EXPECTED_MAX`] or more bytes than
    /// [`ArrivalTree::EXPECTED_BYTES_MAX`] are expected.
    ///
    /// # Panics
    /// If the marks' shape or mean is not positive and finite.
    pub fn try_new(
        key: StreamKey,
        intensity: Intensity,
        marks: Option<Marks>,
    ) -> Result<ArrivalTree, ArrivalError> {
        ArrivalTree::build(Rc::default(), key, intensity, marks)
    }

    fn build(
        opened: Rc<Opened>,
        key: StreamKey,
        intensity: Intensity,
        marks: Option<Marks>,
    ) -> Result<ArrivalTree, ArrivalError> {
        check_size(intensity.total(), marks)?;
        let mut rng = key.at(TOTALS, 0);
        let count = draw_count(intensity.total(), &mut rng);
        let bytes = marks.map_or(0, |marks| draw_bytes(count, marks, &mut rng));
        let shape = marks.map(|marks| marks.shape);
        let name = TreeName {
            key,
            count,
            bytes,
            shape: shape.map(f64::to_bits),
        };
        let opener = Opener {
            key,
            shape,
            tree: opened.number(name),
            opened,
        };
        let root = Cell {
            level: 0,
            number: 0,
            count,
            count_before: 0,
            bytes,
            bytes_before: 0,
        };
        Ok(ArrivalTree {
            intensity,
            opener,
            root,
            path: RefCell::default(),
        })
    }

    /// Arrivals altogether.
    pub fn total(&self) -> u64 {
        self.root.count
    }

    /// Bytes of all arrivals.
    pub fn total_bytes(&self) -> u64 {
        self.root.bytes
    }

    /// The intensity that the process follows.
    pub fn intensity(&self) -> &Intensity {
        &self.intensity
    }

    /// Arrivals with `from <= at < to`.
    pub fn count(&self, from: SimTime, to: SimTime) -> u64 {
        self.totals(from, to).0
    }

    /// Bytes of the arrivals with `from <= at < to`.
    pub fn bytes(&self, from: SimTime, to: SimTime) -> u64 {
        self.totals(from, to).1
    }

    /// Arrivals with `at < t`.
    pub fn count_before(&self, t: SimTime) -> u64 {
        self.totals_before(t).0
    }

    /// Bytes of the arrivals with `at < t`.
    pub fn bytes_before(&self, t: SimTime) -> u64 {
        self.totals_before(t).1
    }

    /// Opens the window: calls `f` with every arrival of `from <= at < to`, in time order.
    pub fn for_each(&self, from: SimTime, to: SimTime, f: impl FnMut(Arrival)) {
        self.visit(self.window(from, to), f);
    }

    /// The arrival at place `index`, counted from 0 in time order.
    pub fn nth(&self, index: u64) -> Option<Arrival> {
        if index >= self.root.count {
            return None;
        }
        let mut cell = self.root;
        while !cell.is_leaf() {
            let (left, right) = self.opener.split(&cell, Detail::Sizes);
            cell = if index < right.count_before {
                left
            } else {
                right
            };
        }
        Some(self.arrival_in(&cell, (index - cell.count_before) as usize))
    }

    /// Arrivals with `from <= at < to`, and their bytes.
    pub(crate) fn totals(&self, from: SimTime, to: SimTime) -> (u64, u64) {
        let (start, end) = self.window(from, to);
        if start >= end {
            return (0, 0);
        }
        let (before, after) = (self.before(start), self.before(end));
        (after.0 - before.0, after.1 - before.1)
    }

    /// Arrivals with `at < t`, and their bytes.
    pub(crate) fn totals_before(&self, t: SimTime) -> (u64, u64) {
        self.before(self.intensity.position(t))
    }

    /// The cell that holds everything.
    pub(crate) fn root(&self) -> Cell {
        self.root
    }

    /// The two halves of a cell that is not a leaf.
    pub(crate) fn split(&self, cell: &Cell, detail: Detail) -> (Cell, Cell) {
        self.opener.split(cell, detail)
    }

    /// Arrivals and bytes before `position`, which lies in `leaf`.
    pub(crate) fn before_in(&self, leaf: &Cell, position: Position, detail: Detail) -> (u64, u64) {
        self.opener.before(leaf, position, detail)
    }

    /// Arrivals and bytes before `position`.
    fn before(&self, position: Position) -> (u64, u64) {
        if position >= POSITION_END {
            return (self.root.count, self.root.bytes);
        }
        let cell = self.seek(position, |cell| position == cell.start());
        if position == cell.start() {
            return (cell.count_before, cell.bytes_before);
        }
        self.opener.before(&cell, position, Detail::Sizes)
    }

    /// Moves to the leaf that holds `position`, or to the first cell above it that is `enough`.
    fn seek(&self, position: Position, enough: impl Fn(&Cell) -> bool) -> Cell {
        let mut path = self.path.borrow_mut();
        let holds = |cell: &Cell| (cell.start()..cell.end()).contains(&position);
        while path.last().is_some_and(|cell| !holds(cell)) {
            path.pop();
        }
        if path.is_empty() {
            path.push(self.root);
        }
        let mut cell = path[path.len() - 1];
        while !cell.is_leaf() && !enough(&cell) {
            cell = self.opener.half(&cell, position, Detail::Sizes);
            path.push(cell);
        }
        cell
    }

    /// Calls `f` with the arrivals whose position lies in the window.
    pub(crate) fn visit(&self, window: (Position, Position), mut f: impl FnMut(Arrival)) {
        let mut next = window.0;
        while next < window.1 {
            let cell = self.seek(next, |_| false);
            next = cell.end();
            let leaf = self.opener.open(&cell, Detail::Sizes);
            let Some(first) = leaf.positions().first() else {
                continue;
            };
            let mut piece = self.intensity.piece_of(*first);
            let mut sum = 0;
            let arrivals = leaf.positions().iter().zip(leaf.sums());
            for (index, (position, sum_after)) in (cell.count_before..).zip(arrivals) {
                if (window.0..window.1).contains(position) {
                    f(Arrival {
                        at: self.intensity.instant(*position, &mut piece),
                        bytes: sum_after - sum,
                        index,
                    });
                }
                sum = *sum_after;
            }
        }
    }

    /// When an arrival at `position` arrives.
    pub(crate) fn instant(&self, position: Position) -> SimTime {
        let mut piece = self.intensity.piece_of(position);
        self.intensity.instant(position, &mut piece)
    }

    /// The positions of `[from, to)`.
    pub(crate) fn window(&self, from: SimTime, to: SimTime) -> (Position, Position) {
        (self.intensity.position(from), self.intensity.position(to))
    }

    fn arrival_in(&self, cell: &Cell, place: usize) -> Arrival {
        let leaf = self.opener.open(cell, Detail::Sizes);
        let position = leaf.positions()[place];
        let sum_before = place.checked_sub(1).map_or(0, |last| leaf.sums()[last]);
        Arrival {
            at: self.instant(position),
            bytes: leaf.sums()[place] - sum_before,
            index: cell.count_before + place as u64,
        }
    }
}

fn check_size(expected: f64, marks: Option<Marks>) -> Result<(), ArrivalError> {
    if expected > ArrivalTree::EXPECTED_MAX {
        return Err(ArrivalError::TooMany { expected });
    }
    let expected = marks.map_or(0.0, |marks| expected * marks.mean_bytes);
    if expected > ArrivalTree::EXPECTED_BYTES_MAX {
        return Err(ArrivalError::TooManyBytes { expected });
    }
    Ok(())
}

fn draw_count(expected: f64, rng: &mut Rng) -> u64 {
    if expected == 0.0 {
        return 0;
    }
    let poisson = Poisson::new(expected).expect("the expected number is positive and finite");
    poisson.sample(rng) as u64
}

fn draw_bytes(count: u64, marks: Marks, rng: &mut Rng) -> u64 {
    let Marks { shape, mean_bytes } = marks;
    assert!(shape > 0.0 && shape.is_finite(), "shape {shape}");
    assert!(mean_bytes > 0.0, "mean size {mean_bytes}");
    if count == 0 {
        return 0;
    }
    let total = Gamma::new(shape * count as f64).sample(rng) * (mean_bytes / shape);
    ((total + 0.5) as u64).min(ArrivalTree::BYTES_MAX)
}
