//! What one would write without an engine, over the standard library's `BinaryHeap`: plainly, and
//! to be fast.
//!
//! * [`Heap`]: entries of time, order of scheduling and event, compared field by field.
//! * [`PackedHeap`]: time, order and event in one integer, so that a comparison is one of integers
//!   and an entry is 16 bytes.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// An entry of the heap.
pub struct Entry<E> {
    pub time: u64,
    order: u64,
    pub event: E,
}

/// The heap, and the count that breaks ties.
pub struct Heap<E> {
    entries: BinaryHeap<Entry<E>>,
    scheduled: u64,
}

impl<E> Heap<E> {
    pub fn new() -> Heap<E> {
        Heap {
            entries: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    #[inline]
    pub fn push(&mut self, time: u64, event: E) {
        self.entries.push(Entry {
            time,
            order: self.scheduled,
            event,
        });
        self.scheduled += 1;
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        self.entries.pop()
    }
}

/// Time in the upper half, then the order of scheduling, then the event in 16 bits.
pub struct PackedHeap {
    entries: BinaryHeap<Reverse<u128>>,
    scheduled: u64,
}

const EVENT_BITS: u32 = 16;

impl PackedHeap {
    pub fn new() -> PackedHeap {
        PackedHeap {
            entries: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    #[inline]
    pub fn push(&mut self, time: u64, event: u16) {
        let low = self.scheduled << EVENT_BITS | u64::from(event);
        self.entries
            .push(Reverse(u128::from(time) << 64 | u128::from(low)));
        self.scheduled += 1;
    }

    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u16)> {
        let Reverse(entry) = self.entries.pop()?;
        Some(((entry >> 64) as u64, entry as u16))
    }
}

/// Seconds to nanoseconds, without any of the checks that an engine owes its users.
#[inline]
pub fn nanos(secs: f64) -> u64 {
    (secs * 1e9 + 0.5) as u64
}

impl<E> Ord for Entry<E> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // The standard heap gives the greatest first.
        (other.time, other.order).cmp(&(self.time, self.order))
    }
}

impl<E> PartialOrd for Entry<E> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}
