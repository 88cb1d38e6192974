//! Reads an arrival tree from front to back, for whoever asks for many windows one after another.
//!
//! A query of [`ArrivalTree`] walks from the root to a leaf. The reader stays where it was: it
//! keeps the path and the leaf, so that the next window costs the way up to the first common cell
//! and down again, and nothing at all within one leaf.
//!
//! ```text
//!   root ─ a ─ b ─ c ─[leaf]   path kept        next leaf: up to b, down to the other half
//!                  └──[next]                    17 halvings become 2 on average
//! ```
//!
//! It yields what the tree yields, wherever it stands; out of order is only slower.

use crate::arrivals::{Arrival, ArrivalTree};
use crate::cell::{Cell, Leaf};
use crate::intensity::{Intensity, POSITION_END, Position};
use crate::time::SimTime;

/// An [`ArrivalTree`] and a place in it.
#[derive(Clone, Debug)]
pub struct ArrivalReader {
    tree: ArrivalTree,
    /// From the root to the cell of `leaf`.
    path: Vec<Cell>,
    /// The arrivals of the last cell of the path.
    leaf: Option<Leaf>,
}

impl ArrivalReader {
    /// Stands before the first arrival of `tree`.
    pub fn new(tree: ArrivalTree) -> ArrivalReader {
        ArrivalReader {
            path: vec![tree.root()],
            leaf: None,
            tree,
        }
    }

    /// The intensity that the process follows.
    pub fn intensity(&self) -> &Intensity {
        self.tree.intensity()
    }

    /// Arrivals altogether.
    pub fn total(&self) -> u64 {
        self.tree.total()
    }

    /// Arrivals with `at < t`.
    pub fn count_before(&mut self, t: SimTime) -> u64 {
        self.count_before_position(self.tree.intensity().position(t))
    }

    /// Arrivals with `from <= at < to`.
    pub fn count(&mut self, from: SimTime, to: SimTime) -> u64 {
        let (start, end) = self.tree.window(from, to);
        if start >= end {
            return 0;
        }
        let before = self.count_before_position(start);
        self.count_before_position(end) - before
    }

    /// Opens the window: calls `f` with every arrival of `from <= at < to`, in time order.
    pub fn for_each(&mut self, from: SimTime, to: SimTime, mut f: impl FnMut(Arrival)) {
        let window = self.tree.window(from, to);
        let mut next = window.0;
        while next < window.1 {
            let cell = self.seek(next);
            let leaf = self.leaf();
            next = cell.end();
            let Some(first) = leaf.positions().first() else {
                continue;
            };
            let mut piece = self.tree.intensity().piece_of(*first);
            let mut sum = 0;
            let arrivals = leaf.positions().iter().zip(leaf.sums());
            for (index, (position, sum_after)) in (cell.count_before..).zip(arrivals) {
                if (window.0..window.1).contains(position) {
                    f(Arrival {
                        at: self.tree.intensity().instant(*position, &mut piece),
                        bytes: sum_after - sum,
                        index,
                    });
                }
                sum = *sum_after;
            }
        }
    }

    fn count_before_position(&mut self, position: Position) -> u64 {
        if position >= POSITION_END {
            return self.tree.total();
        }
        let cell = self.seek(position);
        let inside = self
            .leaf()
            .positions()
            .partition_point(|other| *other < position);
        cell.count_before + inside as u64
    }

    /// Moves to the leaf that holds `position`.
    fn seek(&mut self, position: Position) -> Cell {
        let holds = |cell: &Cell| (cell.start()..cell.end()).contains(&position);
        let mut cell = *self.path.last().expect("a path has a root");
        if self.leaf.is_none() || !holds(&cell) {
            while !holds(&cell) {
                self.path.pop();
                cell = *self.path.last().expect("the root holds every position");
            }
            while !cell.is_leaf() {
                cell = self.tree.half(&cell, position);
                self.path.push(cell);
            }
            self.leaf = Some(self.tree.open(&cell));
        }
        cell
    }

    fn leaf(&self) -> &Leaf {
        self.leaf.as_ref().expect("the leaf sought is open")
    }
}
