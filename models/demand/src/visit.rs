//! Visits that are played: who is in play, and what each has written so far.
//!
//! ```text
//!  begins ──► press ──► attempt: served at once, or waits in the queue ──┐
//!               ▲                                                        ▼
//!               └──── due: presses again ◄──── shown an error, or out of patience
//!  over when nothing of it waits and nothing is due: its first write decides
//! ```
//!
//! Only visits that cannot be concluded at once are kept.

use sim::SimTime;

/// One visit in play.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub who: VisitId,
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
pub(super) struct VisitId {
    /// The position of the class among all that come to the service.
    pub class: usize,
    /// The place among the arrivals of the class.
    pub index: u64,
    /// When the first visit began.
    pub arrived: SimTime,
    /// 0 for the first visit, then the number of the return.
    pub round: usize,
}

/// An attempt, as far as its signer is concerned: when it was made, its number within the visit,
/// the slot of the visit, and the process that it went to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Press {
    pub at: SimTime,
    pub number: u32,
    pub visit: u32,
    pub process: u32,
}

/// An executed write. Ordered by time; of two at the same instant the earlier press counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Write {
    pub at: SimTime,
    pub press: u32,
    pub spooled: bool,
    /// The process that executed it.
    pub process: u32,
}

impl VisitId {
    /// The first visit of an arrival.
    pub fn first(class: usize, index: u64, arrived: SimTime) -> VisitId {
        VisitId {
            class,
            index,
            arrived,
            round: 0,
        }
    }
}

impl Visit {
    pub fn new(who: VisitId, began: SimTime) -> Visit {
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

/// The active visits; a slot is used again when its visit is over.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveVisits {
    slots: Vec<Visit>,
    free: Vec<u32>,
}

impl ActiveVisits {
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

    /// Bytes that they take.
    pub fn memory(&self) -> usize {
        self.slots.len() * size_of::<Visit>() + self.free.len() * size_of::<u32>()
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }
}
