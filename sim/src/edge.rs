//! The edge of a term: its running total, known as precisely as somebody needs it.
//!
//! An edge looks at one instant at a time and keeps the path of cells above it. The cell at the
//! path's end bounds the total; going one cell deeper tightens the bounds, and at a leaf they meet:
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
use crate::intensity::Position;
use crate::term::{Amount, ClosedWindows, Term};
use crate::time::{SimDuration, SimTime};

/// Cells of a path are never deeper than this in practice; more only costs an allocation.
const PATH_CAPACITY: usize = 40;

/// Something that changes a sum: when, and by how many bytes.
pub(crate) type Change = (SimTime, i64);

/// A running total over one tree, together with its cursor.
pub(crate) struct Edge<'a> {
    tree: &'a ArrivalTree,
    amount: Amount,
    closed: Option<&'a ClosedWindows>,
    ahead: SimDuration,
    /// The halves of the root, of one of those, and so on down.
    path: Vec<(Cell, Cell)>,
    /// The cell looked at: the root, or a half of the last pair.
    cell: Cell,
    position: Position,
    rejected: i64,
    /// Bounds of the total before the instant looked at.
    pub low: i64,
    /// See `low`; equal to it once the total is known.
    pub high: i64,
}

impl<'a> Edge<'a> {
    pub fn new(term: &Term<'a>) -> Edge<'a> {
        Edge {
            tree: term.tree,
            amount: term.amount,
            closed: term.closed,
            ahead: term.ahead,
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
        let mut t = t.saturating_add(self.ahead);
        if let Some(closed) = self.closed {
            let (effective, rejected) = closed.effective(t);
            t = effective;
            self.rejected = self.amount.of(rejected.0, rejected.1);
        }
        self.position = self.tree.intensity().position(t);
        self.climb(self.position);
        self.bound();
    }

    /// Halves the uncertainty, more or less; only of use while `low < high`.
    pub fn refine(&mut self) {
        if self.cell.is_leaf() {
            let (count, bytes) = self
                .tree
                .before_in(&self.cell, self.position, self.detail());
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
    pub fn slack(&self) -> i64 {
        self.high - self.low
    }

    /// What the total should be, going by where in its cell the instant lies.
    pub fn guess(&self) -> f64 {
        let (start, end) = (self.cell.start(), self.cell.end());
        let share = (self.position - start) as f64 / (end - start) as f64;
        self.low as f64 + self.slack() as f64 * share
    }

    /// From here on nothing changes.
    pub fn silent_from(&self) -> SimTime {
        self.tree.intensity().end().saturating_sub(self.ahead)
    }

    /// The instant by which a share of what is expected in `[from, to)` should have happened.
    pub fn cut(&self, from: SimTime, to: SimTime, share: f64) -> SimTime {
        let (start, end) = self.window(from, to);
        if start >= end {
            return from;
        }
        let position = start + ((end - start) as f64 * share) as Position;
        self.tree
            .instant(position.min(end - 1))
            .saturating_sub(self.ahead)
    }

    /// Expected bytes of an arrival.
    pub fn mean(&self) -> f64 {
        let total = self.amount.of(self.tree.total(), self.tree.total_bytes());
        total as f64 / self.tree.total().max(1) as f64
    }

    /// Expected number of arrivals in `[from, to)`, rejected ones included.
    pub fn expected(&self, from: SimTime, to: SimTime) -> f64 {
        let intensity = self.tree.intensity();
        let by = |t: SimTime| intensity.cumulative(t.saturating_add(self.ahead));
        by(to) - by(from)
    }

    /// Opens `[from, to)` and appends its changes to `changes`, in time order.
    pub fn open(&mut self, from: SimTime, to: SimTime, changes: &mut Vec<Change>) {
        let window = self.window(from, to);
        if window.0 >= window.1 {
            return;
        }
        let (amount, closed, ahead) = (self.amount, self.closed, self.ahead);
        self.tree.visit(window, |arrival| {
            if closed.is_none_or(|closed| !closed.contains(arrival.at)) {
                let at = arrival.at.saturating_sub(ahead);
                changes.push((at, amount.of(1, arrival.bytes)));
            }
        });
    }

    /// The positions of what changes in `[from, to)`.
    fn window(&self, from: SimTime, to: SimTime) -> (Position, Position) {
        let at = |t: SimTime| t.saturating_add(self.ahead);
        self.tree.window(at(from), at(to))
    }

    /// Climbs to the deepest known cell that holds the position; its end counts as inside.
    fn climb(&mut self, position: Position) {
        while let Some(&(left, right)) = self.path.last() {
            if left.start() <= position && position <= right.end() {
                self.cell = half((left, right), position);
                return;
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

    fn detail(&self) -> Detail {
        if self.amount.sizes {
            Detail::Sizes
        } else {
            Detail::Counts
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
