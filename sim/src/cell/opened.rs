//! What has been drawn of the arrival trees of one trial, so that nothing is drawn twice.
//!
//! Every cell draws from a generator of its own name, so a cell that was drawn before may be looked
//! up instead: the answer is the same to the last bit, no matter what asked first. All trees of a
//! trial share one cache, and so do the designs that meet this trial on one thread. Two trees of
//! the same key, totals and shape are the same tree.
//!
//! ```text
//!   (tree, cell) ──► hash ──► [ slot | slot | slot | … ]     what was there before is overwritten
//! ```
//!
//! Both tables start small, double as they fill, and stop at a fixed size: memory does not grow
//! with the length of a trial. What has been overwritten is drawn again.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::cell::{Cell, Leaf};
use crate::stream_key::StreamKey;

/// Most halvings that are kept.
const SPLITS_MAX: usize = 1 << 16;

/// Most leaves that are kept; one takes 0.8 KiB.
const LEAVES_MAX: usize = 1 << 11;

/// Slots of a table that holds anything, at first.
const SLOTS_MIN: usize = 1 << 5;

/// The cells that have been opened.
#[derive(Debug)]
pub(crate) struct Opened {
    trees: RefCell<BTreeMap<TreeName, u64>>,
    pub splits: RefCell<Table<Split>>,
    pub leaves: RefCell<Table<Leaf>>,
}

/// What the cells of a tree follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TreeName {
    pub key: StreamKey,
    pub count: u64,
    pub bytes: u64,
    /// The bits of the shape of its sizes, if they have one.
    pub shape: Option<u64>,
}

/// What the left half of a cell holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub count: u64,
    /// None if only counts were asked for so far.
    pub bytes: Option<u64>,
}

/// A hash table that forgets: each entry has one place, and a newer one takes it.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Option<(CellName, T)>>,
    used: usize,
    slots_max: usize,
}

/// A tree's number, and a cell's: the root is 1, and the halves of cell n are 2n and 2n + 1.
type CellName = (u64, u64);

impl Default for Opened {
    /// Nothing yet.
    fn default() -> Opened {
        Opened {
            trees: RefCell::default(),
            splits: RefCell::new(Table::new(SPLITS_MAX)),
            leaves: RefCell::new(Table::new(LEAVES_MAX)),
        }
    }
}

impl Opened {
    /// The number of a tree; trees of one name share theirs.
    pub fn number(&self, name: TreeName) -> u64 {
        let mut trees = self.trees.borrow_mut();
        let next = trees.len() as u64;
        *trees.entry(name).or_insert(next)
    }
}

impl<T> Table<T> {
    fn new(slots_max: usize) -> Table<T> {
        Table {
            slots: Vec::new(),
            used: 0,
            slots_max,
        }
    }

    /// What is known of a cell; made now if nothing is.
    #[inline]
    pub fn get(&mut self, tree: u64, cell: &Cell, make: impl FnOnce() -> T) -> &mut T {
        let name = (tree, 1 << cell.level | cell.number);
        let mut place = self.place(name);
        if !matches!(self.slots.get(place), Some(Some((known, _))) if *known == name) {
            if self.used * 2 >= self.slots.len() && self.slots.len() < self.slots_max {
                self.grow();
                place = self.place(name);
            }
            self.used += usize::from(self.slots[place].is_none());
            self.slots[place] = Some((name, make()));
        }
        let slot = self.slots[place].as_mut().expect("it was just filled");
        &mut slot.1
    }

    /// Where an entry belongs: the high bits of a product, into which all of the name go.
    fn place(&self, (tree, cell): CellName) -> usize {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (cell.wrapping_mul(GOLDEN) ^ tree).wrapping_mul(GOLDEN);
        (mixed >> 32) as usize & self.slots.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(SLOTS_MIN);
        let mut before = Vec::with_capacity(len);
        before.resize_with(len, || None);
        std::mem::swap(&mut before, &mut self.slots);
        self.used = 0;
        for slot in before.into_iter().flatten() {
            let place = self.place(slot.0);
            self.used += usize::from(self.slots[place].is_none());
            self.slots[place] = Some(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(level: u32, number: u64) -> Cell {
        Cell {
            level,
            number,
            count: 0,
            count_before: 0,
            bytes: 0,
            bytes_before: 0,
        }
    }

    #[test]
    fn a_table_returns_what_belongs_to_the_name_and_stays_within_its_size() {
        let mut table: Table<(u64, u32, u64)> = Table::new(256);
        let mut made = 0;
        for round in 0..4u64 {
            for tree in 0..3 {
                for (level, number) in [(0, 0), (1, 0), (1, 1), (2, 3), (40, 1 << 39), (61, 7)] {
                    let value = (tree, level, number);
                    let found = table.get(tree, &cell(level, number), || {
                        made += 1;
                        value
                    });
                    assert_eq!(*found, value, "round {round}");
                }
            }
        }
        assert!(made < 54, "most are found again: {made}");
        for number in 0..10_000 {
            let found = table.get(7, &cell(20, number), || (7, 20, number));
            assert_eq!(*found, (7, 20, number));
        }
        assert_eq!(table.slots.len(), 256);
    }

    #[test]
    fn trees_of_one_name_share_a_number() {
        let opened = Opened::default();
        let name = |count| TreeName {
            key: crate::Streams::for_trial(1, 1).key(crate::Purpose(1), 1),
            count,
            bytes: 0,
            shape: None,
        };
        let numbers = [3, 4, 3].map(|count| opened.number(name(count)));
        assert_eq!(numbers, [0, 1, 0]);
    }
}
