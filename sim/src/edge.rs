//! One edge of a term: a count that only grows, known as precisely as somebody needs it.
//!
//! A level with expiry is what came in less what has expired, `S(t) - S(t - d)`: two edges of one
//! tree, each a running total that never falls. An edge looks at one instant at a time and keeps the
//! path of cells above it. The cell at the path's end bounds the total; going one cell deeper
//! tightens the bounds, and at a leaf they meet:
//!
//! ```text
//! [··········low·········|·······cell········|··········]     low <= total(t) <= high
//!                              t
//! ```
//!
//! The next instant is usually near the last, so the path is climbed a little and never rebuilt. It
//! holds both halves of every cell that was split: stepping over to the sibling draws nothing.

use crate::arrivals::ArrivalTree;
use crate::cell::{Cell, Detail};
use crate::crossing::{Amount, ClosedWindows, Term};
use crate::intensity::{POSITION_BITS, Position};
use crate::time::{SimDuration, SimTime};

/// Cells of a path are never deeper than this in practice; more only costs an allocation.
const PATH_CAPACITY: usize = 40;

/// Something that changes a sum: when, and by how many bytes.
pub(crate) type Change = (SimTime, i64);

/// A running total over one tree, delayed by `lag`, together with its cursor.
pub(crate) struct Edge<'a> {
    tree: &'a ArrivalTree,
    amount: Amount,
    closed: Option<&'a ClosedWindows>,
    lag: SimDuration,
    /// The halves of the root, of one of those, and so on down.
    path: Vec<(Cell, Cell)>,
    /// The cell looked at: the root, or a half of the last pair.
    cell: Cell,
    position: Position,
    rejected: i128,
    /// Bounds of the total before the instant looked at.
    low: i128,
    /// See `low`; equal to it once the total is known.
    high: i128,
}

/// All edges that move a sum the same way, looking at one instant together.
pub(crate) struct Side<'a> {
    edges: Vec<Edge<'a>>,
    looks_at: Option<SimTime>,
}

/// What is known of a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub low: i128,
    pub high: i128,
}

impl<'a> Side<'a> {
    pub fn new(edges: Vec<Edge<'a>>) -> Side<'a> {
        Side {
            edges,
            looks_at: None,
        }
    }

    /// What is known without opening anything of the changes strictly before `t`.
    pub fn bounds(&mut self, t: SimTime) -> Bounds {
        if self.looks_at != Some(t) {
            self.edges.iter_mut().for_each(|edge| edge.seek(t));
            self.looks_at = Some(t);
        }
        Bounds {
            low: self.edges.iter().map(|edge| edge.low).sum(),
            high: self.edges.iter().map(|edge| edge.high).sum(),
        }
    }

    /// Better bounds than `known` for the changes strictly before `t`, unless those are exact:
    /// about half as far apart.
    pub fn closer(&mut self, t: SimTime, known: Bounds) -> Bounds {
        let mut bounds = self.bounds(t);
        while bounds.slack() > known.slack() / 2 {
            let vaguest = self.edges.iter_mut().max_by_key(|edge| edge.slack());
            let edge = vaguest.expect("without edges there is no slack");
            let (low, high) = (edge.low, edge.high);
            edge.refine();
            bounds.low += edge.low - low;
            bounds.high += edge.high - high;
        }
        bounds
    }

    /// The exact total of the changes strictly before `t`.
    pub fn total(&mut self, t: SimTime) -> i128 {
        let mut bounds = self.bounds(t);
        while bounds.slack() > 0 {
            bounds = self.closer(t, bounds);
        }
        bounds.low
    }

    /// Expected number of changes in `[from, to)`, rejected ones included.
    pub fn expected(&self, from: SimTime, to: SimTime) -> f64 {
        self.edges.iter().map(|edge| edge.expected(from, to)).sum()
    }

    /// Opens `[from, to)` and adds all changes, times `sign`, to `changes`.
    pub fn open(&mut self, from: SimTime, to: SimTime, sign: i64, changes: &mut Vec<Change>) {
        self.looks_at = None;
        for edge in &mut self.edges {
            edge.open(from, to, sign, changes);
        }
    }
}

impl Bounds {
    /// Nothing is known yet.
    pub const UNKNOWN: Bounds = Bounds {
        low: i128::MIN,
        high: i128::MAX,
    };

    /// How much is not known.
    pub fn slack(self) -> i128 {
        self.high - self.low
    }
}

impl<'a> Edge<'a> {
    pub fn new(term: &Term<'a>, lag: SimDuration) -> Edge<'a> {
        Edge {
            tree: term.tree,
            amount: term.amount,
            closed: term.closed,
            lag,
            path: Vec::with_capacity(PATH_CAPACITY),
            cell: term.tree.root(),
            position: 0,
            rejected: 0,
            low: 0,
            high: 0,
        }
    }

    /// Looks at the changes strictly before `t`.
    pub fn seek(&mut self, t: SimTime) {
        let mut t = t.saturating_sub(self.lag);
        if let Some(closed) = self.closed {
            let (effective, rejected) = closed.effective(t);
            t = effective;
            self.rejected = self.amount.of(rejected.0, rejected.1);
        }
        self.position = self.tree.intensity().position(t);
        self.climb(self.position, self.position);
        self.bound();
    }

    /// Halves the uncertainty, more or less; only of use while `low < high`.
    pub fn refine(&mut self) {
        if self.cell.is_leaf() {
            let (count, bytes) = self.tree.before(&self.cell, self.position, self.detail());
            self.low = self.amount.of(count, bytes) - self.rejected;
            self.high = self.low;
        } else {
            let halves = self.tree.split(&self.cell, self.detail());
            self.path.push(halves);
            self.cell = half(halves, self.position);
            self.bound();
        }
    }

    /// What is not known of the total.
    pub fn slack(&self) -> i128 {
        self.high - self.low
    }

    /// Expected number of changes in `[from, to)`, rejected ones included.
    pub fn expected(&self, from: SimTime, to: SimTime) -> f64 {
        let (start, end) = self.window(from, to);
        let share = (end - start) as f64 / (1u64 << POSITION_BITS) as f64;
        share * self.tree.total() as f64
    }

    /// Opens `[from, to)` and adds its changes, times `sign`, to `changes`, in time order.
    pub fn open(&mut self, from: SimTime, to: SimTime, sign: i64, changes: &mut Vec<Change>) {
        let window = self.window(from, to);
        if window.0 >= window.1 {
            return;
        }
        self.climb(window.0, window.1);
        let (amount, closed, lag) = (self.amount, self.closed, self.lag);
        let (tree, detail) = (self.tree, self.detail());
        tree.visit(&self.cell, window, detail, &mut |arrival| {
            if closed.is_none_or(|closed| !closed.contains(arrival.at)) {
                let bytes = i64::try_from(amount.of(1, arrival.bytes)).expect("below 2⁶³ bytes");
                changes.push((arrival.at + lag, sign * bytes));
            }
        });
    }

    /// Climbs to the deepest known cell that holds both positions; its end counts as inside.
    fn climb(&mut self, start: Position, end: Position) {
        while let Some(&(left, right)) = self.path.last() {
            if left.start() <= start && end <= right.end() {
                let apart = start < left.end() && end > left.end();
                self.cell = half((left, right), start);
                if !apart {
                    return;
                }
            }
            self.path.pop();
        }
        self.cell = self.tree.root();
    }

    /// Bounds from the cell looked at; at its very ends the total is known.
    fn bound(&mut self) {
        let cell = &self.cell;
        let before = self.amount.of(cell.count_before, cell.bytes_before);
        let inside = self.amount.of(cell.count, cell.bytes);
        let (at_start, at_end) = (self.position == cell.start(), self.position == cell.end());
        self.low = before + if at_end { inside } else { 0 } - self.rejected;
        self.high = before + if at_start { 0 } else { inside } - self.rejected;
    }

    fn window(&self, from: SimTime, to: SimTime) -> (Position, Position) {
        let ends = [from, to].map(|t| t.saturating_sub(self.lag));
        self.tree.window(ends[0], ends[1])
    }

    fn detail(&self) -> Detail {
        match self.amount {
            Amount::Sizes => Detail::Sizes,
            Amount::Each(_) => Detail::Counts,
        }
    }
}

/// The half that holds `position`.
fn half((left, right): (Cell, Cell), position: Position) -> Cell {
    if position < right.start() {
        left
    } else {
        right
    }
}
