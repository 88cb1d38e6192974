//! Opened visits: who is in play, what each has written so far, and what is due to happen next.
//!
//! ```text
//!  Due::Return ──► visit ── press ──► attempt ──► answered in time? ─ no ─► Due::Press ─┐
//!                    ▲                   │ waits in the queue                           │
//!                    │                   └─► Due::LosesPatience ──────────────────────► │
//!                    └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! What is due at the same instant comes in the order of who it concerns (class, place in the
//! class's arrivals, visit, press), never in the order in which it was scheduled: that would depend
//! on what else was opened.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim::SimTime;

/// One visit in play.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub who: Who,
    /// The first press of this visit.
    pub began: SimTime,
    /// Presses so far.
    pub presses: u32,
    /// The press that waits in the queue while the signer waits for it; 0: none.
    pub awaited: u32,
    /// Attempts that wait in the queue, and what is due.
    pub open: u32,
    /// Attempts that wrote.
    pub writes: u32,
    /// The write that came first.
    pub first_write: Option<Write>,
    /// Is something of it still under way at the horizon?
    pub unfinished: bool,
}

/// A signer on one of their visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// The position of the class among all that come to the service.
    pub class: usize,
    /// The place among the arrivals of the class.
    pub index: u64,
    /// When the first visit began.
    pub arrived: SimTime,
    /// 0 for the first visit, then the number of the return.
    pub round: usize,
}

/// An executed write. Ordered by time; of two at the same instant the earlier press counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Write {
    pub at: SimTime,
    pub press: u32,
    pub spooled: bool,
}

impl Visit {
    pub fn new(who: Who, began: SimTime) -> Visit {
        Visit {
            who,
            began,
            presses: 0,
            awaited: 0,
            open: 0,
            writes: 0,
            first_write: None,
            unfinished: false,
        }
    }

    pub fn wrote(&mut self, write: Write) {
        self.writes += 1;
        self.first_write = Some(self.first_write.map_or(write, |first| first.min(write)));
    }
}

/// What is due to happen to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It begins: a blocked signer comes back.
    Return(Who),
    /// The signer presses again.
    Press(u32),
    /// The signer has waited for this press of this visit as long as they will, or the gateway has.
    LosesPatience(u32, u32),
}

/// All that is due, in the order described above.
#[derive(Clone, Debug, Default)]
pub(super) struct DueList {
    heap: BinaryHeap<Reverse<Entry>>,
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
const RETURN: u64 = 0;
const PRESS: u64 = 1;
const LOSES_PATIENCE: u64 = 2;

impl DueList {
    /// The instant of what is due first.
    #[inline]
    pub fn next_at(&self) -> SimTime {
        self.heap.peek().map_or(SimTime::MAX, |entry| entry.0.at)
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
        self.heap.push(Reverse(Entry {
            at,
            who: (who.class as u64) << INDEX_BITS | who.index,
            what: round | u64::from(press) << 2 | kind,
            slot,
        }));
    }

    /// What is due first. `offset` tells how long after the first visit a round of a class begins.
    pub fn pop(&mut self, offset: impl Fn(usize, usize) -> sim::SimDuration) -> (SimTime, Due) {
        let Reverse(entry) = self.heap.pop().expect("something is due");
        let press = (entry.what >> 2) as u32 & ((1 << PRESS_BITS) - 1);
        let due = match entry.what & 3 {
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
            LOSES_PATIENCE => Due::LosesPatience(entry.slot, press),
            kind => unreachable!("no kind of entry has number {kind}"),
        };
        (entry.at, due)
    }

    /// The slots of visits that have begun and for which something is due, once for each.
    pub fn begun(&self) -> impl Iterator<Item = u32> + '_ {
        let begun = self.heap.iter().filter(|entry| entry.0.what & 3 != RETURN);
        begun.map(|entry| entry.0.slot)
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

/// The visits in play; a slot is used again when its visit is over.
#[derive(Clone, Debug, Default)]
pub(super) struct InPlay {
    slots: Vec<Visit>,
    free: Vec<u32>,
}

impl InPlay {
    pub fn insert(&mut self, visit: Visit) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = visit;
            return slot;
        }
        self.slots.push(visit);
        u32::try_from(self.slots.len() - 1).expect("fewer than 2³² visits are in play")
    }

    pub fn remove(&mut self, slot: u32) -> Visit {
        self.free.push(slot);
        self.slots[slot as usize]
    }

    pub fn at(&mut self, slot: u32) -> &mut Visit {
        &mut self.slots[slot as usize]
    }

    pub fn get(&self, slot: u32) -> &Visit {
        &self.slots[slot as usize]
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }
}
