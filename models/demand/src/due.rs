//! What is due to happen to visits: returns, presses, the end of patience.
//!
//! What is due at the same instant comes in the order of the visits (class, place in the
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

use crate::visit::{Visit, VisitId};

/// What is due to happen to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It begins: a blocked signer comes back.
    Return(VisitId),
    /// The signer of the visit in this slot presses again.
    Press(u32),
    /// The signer has waited for this press of this visit as long as they will, or the gateway has.
    LosesPatience(u32, u32),
}

/// All that is due, in the order described above.
#[derive(Clone, Debug)]
pub(super) struct DueList {
    lanes: Vec<VecDeque<Entry>>,
    /// Counts as the lane after the last.
    heap: BinaryHeap<Reverse<Entry>>,
    /// When the head of each lane is due; filled up to a power of two.
    heads: Vec<SimTime>,
    /// A tournament of lanes: node i holds the earlier of those of 2i and 2i + 1, the root is 1,
    /// and the lanes themselves are the nodes from `heads.len()` on.
    earlier: Vec<u32>,
}

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
/// Presses have two: after an error, and after the end of patience.
const LANES_PER_CLASS: usize = 4;

impl Entry {
    fn press(&self) -> u32 {
        (self.what >> 2) as u32 & ((1 << PRESS_BITS) - 1)
    }
}

impl DueList {
    pub fn new(classes: usize) -> DueList {
        let lanes = classes * LANES_PER_CLASS;
        let size = (lanes + 1).next_power_of_two();
        let mut list = DueList {
            lanes: vec![VecDeque::new(); lanes],
            heap: BinaryHeap::new(),
            heads: vec![SimTime::MAX; size],
            earlier: (0..2 * size as u32)
                .map(|node| node.saturating_sub(size as u32))
                .collect(),
        };
        (0..size).for_each(|lane| list.replay_lane(lane));
        list
    }

    /// The instant of what is due first.
    #[inline]
    pub fn next_at(&self) -> SimTime {
        self.heads[self.earlier[1] as usize]
    }

    /// Is everything that is due later than this visit's next press at `at`, given its number of
    /// presses so far?
    pub fn is_after(&self, at: SimTime, (class, index): (usize, u64), presses: u32) -> bool {
        let head = self.head(self.earlier[1] as usize);
        let (who, what) = (
            (class as u64) << INDEX_BITS | index,
            u64::from(presses) << 2 | PRESS,
        );
        head.is_none_or(|head| (head.at, head.who, head.what) > (at, who, what))
    }

    pub fn push_return(&mut self, at: SimTime, who: VisitId) {
        self.push(0, at, (who, 0), RETURN, 0);
    }

    /// The signer of the visit in `slot` presses again at `at`, after an error or without answer.
    pub fn push_press(&mut self, at: SimTime, visit: &Visit, slot: u32, after_error: bool) {
        let lane = 1 + usize::from(after_error);
        self.push(lane, at, (visit.who, visit.presses), PRESS, slot);
    }

    /// The user of the visit in `slot` stops waiting for the newest attempt at `at`.
    pub fn push_loses_patience(&mut self, at: SimTime, visit: &Visit, slot: u32) {
        self.push(3, at, (visit.who, visit.presses), LOSES_PATIENCE, slot);
    }

    fn push(
        &mut self,
        lane: usize,
        at: SimTime,
        (who, press): (VisitId, u32),
        kind: u64,
        slot: u32,
    ) {
        let round = (who.round as u64) << (PRESS_BITS + 2);
        let entry = Entry {
            at,
            who: (who.class as u64) << INDEX_BITS | who.index,
            what: round | u64::from(press) << 2 | kind,
            slot,
        };
        let number = who.class * LANES_PER_CLASS + lane;
        let lane = &mut self.lanes[number];
        if lane.back().is_some_and(|last| *last > entry) {
            self.heap.push(Reverse(entry));
            self.set_head(self.lanes.len());
        } else {
            lane.push_back(entry);
            if lane.len() == 1 {
                self.set_head(number);
            }
        }
    }

    /// What is due first. `offset` is the time from the first visit to a round of a class.
    pub fn pop(&mut self, offset: impl Fn(usize, usize) -> SimDuration) -> (SimTime, Due) {
        let first = self.earlier[1] as usize;
        let entry = match self.lanes.get_mut(first) {
            Some(lane) => lane.pop_front(),
            None => self.heap.pop().map(|entry| entry.0),
        };
        let entry = entry.expect("something is due");
        self.set_head(first);
        let due = match entry.what & KIND_MASK {
            RETURN => {
                let class = (entry.who >> INDEX_BITS) as usize;
                let round = (entry.what >> (PRESS_BITS + 2)) as usize;
                Due::Return(VisitId {
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

    /// The head of `lane` has changed.
    fn set_head(&mut self, lane: usize) {
        self.heads[lane] = self.head(lane).map_or(SimTime::MAX, |head| head.at);
        self.replay_lane(lane);
    }

    /// Decides the matches from `lane` up to the root, or to one that another lane still wins.
    fn replay_lane(&mut self, lane: usize) {
        let mut first = lane;
        let mut node = self.heads.len() + lane;
        while node > 1 {
            let other = self.earlier[node ^ 1] as usize;
            let (other_at, first_at) = (self.heads[other], self.heads[first]);
            let tied = other_at == first_at && self.head(other) < self.head(first);
            if other_at < first_at || tied {
                first = other;
            }
            node /= 2;
            if first != lane && self.earlier[node] as usize == first {
                return;
            }
            self.earlier[node] = first as u32;
        }
    }

    fn head(&self, lane: usize) -> Option<&Entry> {
        match self.lanes.get(lane) {
            Some(lane) => lane.front(),
            None if lane == self.lanes.len() => self.heap.peek().map(|entry| &entry.0),
            None => None,
        }
    }

    /// What may still make signers press who are on a visit already: the slot of the visit, and the
    /// press that must still be awaited for it, if any.
    pub fn presses_ahead(&self) -> impl Iterator<Item = (u32, Option<u32>)> + '_ {
        // The first lane of each class holds returns.
        let of_class = self.lanes.chunks(LANES_PER_CLASS);
        let lanes = of_class.flat_map(|lanes| &lanes[1..]).flatten();
        let all = lanes.chain(self.heap.iter().map(|entry| &entry.0));
        all.filter_map(|entry| match entry.what & KIND_MASK {
            PRESS => Some((entry.slot, None)),
            LOSES_PATIENCE => Some((entry.slot, Some(entry.press()))),
            RETURN => None,
            kind => unreachable!("no kind of entry has number {kind}"),
        })
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        let entries: usize = self.lanes.iter().map(VecDeque::len).sum();
        (entries + self.heap.len()) * size_of::<Entry>()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.lanes.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(class: usize, index: u64, presses: u32) -> Visit {
        let who = VisitId::first(class, index, SimTime::ZERO);
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
                due.push_press(at, &visit(*class, *index, 1), *index as u32, true);
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
