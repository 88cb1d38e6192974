//! Any number of pending events: a tournament of their keys.
//!
//! Each event has a slot, and above the slots' keys stands a tree in which a place holds the lesser
//! of the two keys below it, so that the least of all stands at the top:
//!
//! ```text
//! height 2                 3
//!                  ┌───────┴───────┐
//! height 1         4               3
//!              ┌───┴───┐       ┌───┴───┐
//! slot         7       4       3       –      –: vacant, larger than any key
//! place        0   1   2   3   4   5   6
//! ```
//!
//! A key that changes is played again from its slot to the top: one comparison a level, with a
//! neighbour whose place is known in advance. So there is no branch to mispredict and no load that
//! waits for another, which makes this faster than a heap; and an event that is cancelled leaves at
//! once.
//!
//! Places are numbered from left to right, as drawn. A taller tree only adds places on the right:
//! the tree grows and shrinks with the highest slot in use, and no key moves. The lowest free slot
//! is used first, so the tree gets low again after a burst.
//!
//! The slot of an event that was taken out is left open, its key still in the tree. The next event
//! to come fills it, and one of two plays is saved; most events schedule another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Larger than any key: marks a place without one.
pub(super) const VACANT: u128 = u128::MAX;

/// Events with distinct keys, the least first. A key's slot stands in its lowest bits.
#[derive(Clone, Debug)]
pub(super) struct Tournament<E> {
    /// Keys by place; slot `s` has place `2 s`.
    places: Vec<u128>,
    /// Levels above the slots.
    height: u32,
    /// The key at the top, or lower than any pending one while a slot is open.
    least: u128,
    /// The slot whose event was taken out last, unless its key was played since.
    open: Option<u32>,
    /// Events by slot.
    events: Vec<Option<E>>,
    free: BinaryHeap<Reverse<u32>>,
    len: usize,
}

impl<E> Tournament<E> {
    pub(super) fn new() -> Tournament<E> {
        Tournament {
            places: vec![VACANT],
            height: 0,
            least: VACANT,
            open: None,
            events: Vec::new(),
            free: BinaryHeap::new(),
            len: 0,
        }
    }

    /// The number of events.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// No key is lower.
    #[inline]
    pub(super) fn bound(&self) -> u128 {
        self.least
    }

    /// The least key, `VACANT` if there is none.
    pub(super) fn peek(&self) -> u128 {
        self.open.map_or(self.least, |slot| {
            path(slot, self.height)
                .fold(VACANT, |least, (beside, _)| least.min(self.places[beside]))
        })
    }

    /// The slot that the next event gets.
    #[inline]
    pub(super) fn next_slot(&mut self) -> u32 {
        match self.open {
            Some(slot) => slot,
            None => self.open_lowest(),
        }
    }

    /// Adds an event whose key was made with [`Tournament::next_slot`].
    #[inline]
    pub(super) fn push(&mut self, key: u128, event: E) {
        let slot = self.open.take().expect("a slot was asked for");
        self.events[slot as usize] = Some(event);
        self.len += 1;
        self.play(slot, key);
    }

    /// Makes [`Tournament::bound`] the least key.
    #[inline]
    pub(super) fn close(&mut self) {
        if let Some(slot) = self.open.take() {
            self.vacate(slot);
        }
    }

    /// Takes out the event with the least key. Its slot, `slot`, must be closed.
    #[inline]
    pub(super) fn pop(&mut self, slot: u32) -> E {
        let event = self.events[slot as usize].take();
        self.open = Some(slot);
        self.len -= 1;
        event.expect("a key is played out when its event goes")
    }

    /// Whether the event of this slot is the one with this key's lower half.
    pub(super) fn remove(&mut self, slot: u32, owner: u64) -> bool {
        let place = 2 * slot as usize;
        let taken = self.events.get(slot as usize).is_none_or(Option::is_none);
        if taken || self.places[place] as u64 != owner {
            return false;
        }
        self.close();
        self.events[slot as usize] = None;
        self.len -= 1;
        self.vacate(slot);
        true
    }

    /// Opens the lowest slot that is free, for an event to come.
    #[cold]
    fn open_lowest(&mut self) -> u32 {
        let slot = match self.free.pop() {
            Some(Reverse(slot)) => slot,
            None => {
                self.events.push(None);
                self.events.len() as u32 - 1
            }
        };
        while slot >> self.height != 0 {
            self.height += 1;
            let places = (2 << self.height) - 1;
            if self.places.len() < places {
                self.places.resize(places, VACANT);
            }
            // All keys are on the left of the new top.
            self.places[top(self.height)] = self.least;
        }
        self.open = Some(slot);
        slot
    }

    /// Takes the key of a slot out of the tree.
    fn vacate(&mut self, slot: u32) {
        self.play(slot, VACANT);
        self.free.push(Reverse(slot));
        // Nothing in the right half of the slots: the left half is enough.
        while self.height > 0 && self.places[right_of_top(self.height)] == VACANT {
            self.height -= 1;
        }
    }

    /// Puts `key` into a slot and plays it up to the top.
    #[inline]
    fn play(&mut self, slot: u32, key: u128) {
        let places = &mut self.places[..];
        places[2 * slot as usize] = key;
        let mut least = key;
        for (beside, above) in path(slot, self.height) {
            least = least.min(places[beside]);
            places[above] = least;
        }
        self.least = least;
    }
}

/// From a slot to the top, for each level: the place to compare with, and where the lesser goes.
#[inline]
fn path(slot: u32, height: u32) -> impl Iterator<Item = (usize, usize)> {
    let mut place = 2 * slot as usize;
    (0..height).map(move |level| {
        // A place of this level ends in a zero and as many ones as the level says.
        let (bit, next) = (1 << level, 2 << level);
        let beside = place ^ next;
        place = (place | bit) & !next;
        (beside, place)
    })
}

/// The place at the top of a tree.
fn top(height: u32) -> usize {
    (1 << height) - 1
}

/// The place below the top on the right.
fn right_of_top(height: u32) -> usize {
    top(height) + (1 << (height - 1))
}
