//! What is due to happen to visits: returns, presses, the end of patience.
//!
//! What is due at the same instant comes in the order of whom it concerns (class, place in the
//! class's arrivals, visit, press), never in the order in which it was scheduled: that would depend
//! on what else is played.
//!
//! ```text
//!  lanes: one for each class and cause   ─ ─ ─ ─►┐
//!         delays are constant, so each is        ├─► the earliest head
//!         in order as it is filled       ─ ─ ─ ─►┤
//!  heap:  what came out of order         ───────►┘
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim::{SimDuration, SimTime};

use super::visit::{Visit, Who};

/// What is due to happen to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It begins: a blocked signer comes back.
    Return(Who),
    /// The signer of the visit in this slot presses again.
    Press(u32),
    /// The signer has waited for this press of this visit as long as they will, or the gateway has.
    LosesPatience(u32, u32),
}

/// All that is due, in the order described above.
#[derive(Clone, Debug)]
pub(super) struct DueList {
    lanes: Vec<VecDeque<Entry>>,
    /// When the head of each lane is due, close together to be looked through.
    heads: Vec<SimTime>,
    heap: BinaryHeap<Reverse<Entry>>,
    /// The earliest of all: when, and from which lane; [`HEAP`]: from the heap.
    next: (SimTime, usize),
}

/// Stands for the heap among lanes.
const HEAP: usize = usize::MAX;

/// Ordered by its first three fields, which are unique: the fourth differs between modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: SimTime,
    /// Class and place among its arrivals.
    who: u64,
    /// Number of the visit, number of the press, and what is due.
    what: u64,
    /// The visit's slot, if it has begun.
    slot: u32,
}

/// Bits of [`Entry::who`] for the place among arrivals; the rest are the class.
const INDEX_BITS: u32 = 48;
/// Bits of [`Entry::what`] for the press, above two for the kind; the rest are the visit.
const PRESS_BITS: u32 = 30;
const KIND_MASK: u64 = 3;
const RETURN: u64 = 0;
const PRESS: u64 = 1;
const LOSES_PATIENCE: u64 = 2;
const LANES_PER_CLASS: usize = 3;

impl Entry {
    fn press(&self) -> u32 {
        (self.what >> 2) as u32 & ((1 << PRESS_BITS) - 1)
    }
}

impl DueList {
    pub fn new(classes: usize) -> DueList {
        DueList {
            lanes: vec![VecDeque::new(); classes * LANES_PER_CLASS],
            heads: vec![SimTime::MAX; classes * LANES_PER_CLASS],
            heap: BinaryHeap::new(),
            next: (SimTime::MAX, HEAP),
        }
    }

    /// The instant of what is due first.
    #[inline]
    pub fn next_at(&self) -> SimTime {
        self.next.0
    }

    pub fn push_return(&mut self, at: SimTime, who: Who) {
        self.push(at, who, 0, RETURN, 0);
    }

    /// The signer of the visit in `slot` presses again at `at`.
    pub fn push_press(&mut self, at: SimTime, visit: &Visit, slot: u32) {
        self.push(at, visit.who, visit.presses, PRESS, slot);
    }

    /// The signer of the visit in `slot` ceases at `at` to wait for the newest press.
    pub fn push_loses_patience(&mut self, at: SimTime, visit: &Visit, slot: u32) {
        self.push(at, visit.who, visit.presses, LOSES_PATIENCE, slot);
    }

    fn push(&mut self, at: SimTime, who: Who, press: u32, kind: u64, slot: u32) {
        let round = (who.round as u64) << (PRESS_BITS + 2);
        let entry = Entry {
            at,
            who: (who.class as u64) << INDEX_BITS | who.index,
            what: round | u64::from(press) << 2 | kind,
            slot,
        };
        let first = at < self.next.0 || (at == self.next.0 && self.head_is_after(&entry));
        let number = who.class * LANES_PER_CLASS + kind as usize;
        let lane = &mut self.lanes[number];
        let from = if lane.back().is_some_and(|last| *last > entry) {
            self.heap.push(Reverse(entry));
            HEAP
        } else {
            if lane.is_empty() {
                self.heads[number] = at;
            }
            lane.push_back(entry);
            number
        };
        if first {
            self.next = (at, from);
        }
    }

    /// What is due first. `offset` tells how long after the first visit a round of a class begins.
    pub fn pop(&mut self, offset: impl Fn(usize, usize) -> SimDuration) -> (SimTime, Due) {
        let entry = if self.next.1 == HEAP {
            self.heap.pop().map(|entry| entry.0)
        } else {
            let lane = &mut self.lanes[self.next.1];
            let entry = lane.pop_front();
            self.heads[self.next.1] = lane.front().map_or(SimTime::MAX, |head| head.at);
            entry
        };
        self.find_next();
        let entry = entry.expect("something is due");
        let due = match entry.what & KIND_MASK {
            RETURN => {
                let class = (entry.who >> INDEX_BITS) as usize;
                let round = (entry.what >> (PRESS_BITS + 2)) as usize;
                Due::Return(Who {
                    class,
                    index: entry.who & ((1 << INDEX_BITS) - 1),
                    arrived: entry.at - offset(class, round),
                    round,
                })
            }
            PRESS => Due::Press(entry.slot),
            LOSES_PATIENCE => Due::LosesPatience(entry.slot, entry.press()),
            kind => unreachable!("no kind of entry has number {kind}"),
        };
        (entry.at, due)
    }

    fn find_next(&mut self) {
        let heap_at = self.heap.peek().map_or(SimTime::MAX, |entry| entry.0.at);
        let mut next = (heap_at, HEAP);
        for (lane, at) in self.heads.iter().enumerate() {
            if *at < next.0 || (*at == next.0 && self.head(lane) < self.head(next.1)) {
                next = (*at, lane);
            }
        }
        self.next = next;
    }

    fn head(&self, lane: usize) -> Option<&Entry> {
        if lane == HEAP {
            return self.heap.peek().map(|entry| &entry.0);
        }
        self.lanes[lane].front()
    }

    fn head_is_after(&self, entry: &Entry) -> bool {
        self.head(self.next.1).is_none_or(|head| head > entry)
    }

    /// What may still make signers press who are on a visit already: the slot of the visit, and the
    /// press that must still be awaited for it, if any.
    pub fn presses_ahead(&self) -> impl Iterator<Item = (u32, Option<u32>)> + '_ {
        let lanes = self.lanes.iter().flatten();
        let all = lanes.chain(self.heap.iter().map(|entry| &entry.0));
        all.filter_map(|entry| match entry.what & KIND_MASK {
            PRESS => Some((entry.slot, None)),
            LOSES_PATIENCE => Some((entry.slot, Some(entry.press()))),
            RETURN => None,
            kind => unreachable!("no kind of entry has number {kind}"),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.lanes.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(class: usize, index: u64, presses: u32) -> Visit {
        let who = Who {
            class,
            index,
            arrived: SimTime::ZERO,
            round: 0,
        };
        Visit {
            presses,
            ..Visit::new(who, SimTime::ZERO)
        }
    }

    #[test]
    fn order_at_one_instant_is_by_whom_it_concerns() {
        let mut scripts: Vec<(u64, usize, u64)> = Vec::new();
        for i in 0..500u64 {
            scripts.push((i * 7919 % 40, (i * 31 % 3) as usize, i));
        }
        let order = |scripts: &[(u64, usize, u64)]| {
            let mut due = DueList::new(3);
            for (at, class, index) in scripts {
                let at = SimTime::from_nanos(*at);
                due.push_press(at, &visit(*class, *index, 1), *index as u32);
            }
            let mut order = Vec::new();
            while !due.is_empty() {
                let at = due.next_at();
                let popped = due.pop(|_, _| SimDuration::ZERO);
                assert_eq!(popped.0, at);
                order.push(popped);
            }
            order
        };
        let forwards = order(&scripts);
        scripts.reverse();
        assert_eq!(forwards, order(&scripts));
        assert!(forwards.is_sorted_by_key(|(at, _)| *at));
    }
}
