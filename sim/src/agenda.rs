//! The future event list: what is due, and when.
//!
//! ```text
//!  key                                front: few events, the soonest last
//!  ┌──────┬───────┬──────┐            [ 9 ][ 7 ][ 4 ]──► next
//!  │ time │ order │ slot │
//!  └──────┴───────┴──────┘            rest: any number, in slots
//!   64 bits   40     24               tournament.rs
//! ```
//!
//! Events come out by time; ties go to the event scheduled first. Nothing else decides: no address,
//! no hash, no payload.
//!
//! While few events are pending they lie in one short list that is kept in order. When that is
//! full, others go to the rest, and the list is used again once the rest is nearly empty. An event
//! stays where it was put. The next one is the sooner of the first of both, so neither has to be
//! sooner than the other.

mod tournament;

use crate::time::{SimDuration, SimTime};
use tournament::{Tournament, VACANT};

/// Events not yet due, in the order (time, scheduled first), and the clock.
#[derive(Clone, Debug)]
pub struct Agenda<E> {
    now: SimTime,
    /// In descending order of keys.
    front: Vec<Entry<E>>,
    /// How many events may be in front for another to be put there.
    front_room: usize,
    rest: Tournament<E>,
    /// How many events were ever scheduled.
    scheduled: u64,
    /// How often the clock may pass on, and until when.
    passes: (u64, SimTime),
}

/// Names one scheduled event, for [`Agenda::cancel`]. It stays valid, and names nothing else, after
/// the event has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(u64);

#[derive(Clone, Debug)]
struct Entry<E> {
    key: u128,
    event: E,
}

const SLOT_BITS: u32 = 24;
const ORDER_BITS: u32 = 40;

/// The slot that events in front have in their keys.
const FRONT: u32 = (1 << SLOT_BITS) - 1;

/// The most events in front: with more the tournament is faster.
const FRONT_MAX: usize = 16;

/// With fewer events than this in the rest, the front is used.
const REST_MIN: usize = 8;

impl<E> Agenda<E> {
    /// The most events that may be pending at once, about 16.7 million.
    pub const PENDING_MAX: usize = FRONT as usize;
    /// The most events that may be scheduled in the life of an agenda, about 10¹².
    pub const SCHEDULED_MAX: u64 = (1 << ORDER_BITS) - 1;

    /// Nothing due, and the clock at the start.
    pub fn new() -> Agenda<E> {
        Agenda {
            now: SimTime::ZERO,
            front: Vec::with_capacity(FRONT_MAX),
            front_room: FRONT_MAX,
            rest: Tournament::new(),
            scheduled: 0,
            passes: (0, SimTime::ZERO),
        }
    }

    /// The time of the last event that came out: the present.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Schedules `event` for `delay` from now.
    ///
    /// # Panics
    /// Beyond [`Agenda::PENDING_MAX`] or [`Agenda::SCHEDULED_MAX`].
    #[inline]
    pub fn after(&mut self, delay: SimDuration, event: E) -> EventKey {
        self.schedule(self.now + delay, event)
    }

    /// Schedules `event` for the instant `time`, which may be the present one: it then comes after
    /// all that are already due now.
    ///
    /// # Panics
    /// If `time` lies in the past, or beyond [`Agenda::PENDING_MAX`] or [`Agenda::SCHEDULED_MAX`].
    #[inline]
    pub fn at(&mut self, time: SimTime, event: E) -> EventKey {
        assert!(
            time >= self.now,
            "an event for {time} is scheduled at {}, too late",
            self.now
        );
        self.schedule(time, event)
    }

    // Left to itself the compiler makes this a call: a tenth of the speed of a small model.
    #[inline(always)]
    fn schedule(&mut self, time: SimTime, event: E) -> EventKey {
        assert!(
            self.scheduled < Self::SCHEDULED_MAX,
            "too many events in one agenda"
        );
        let order = self.scheduled << SLOT_BITS;
        self.scheduled += 1;
        if self.front.len() < self.front_room {
            let owner = order | u64::from(FRONT);
            self.insert_in_front(pack(time, owner), event);
            EventKey(owner)
        } else {
            EventKey(self.insert_in_rest(time, order, event))
        }
    }

    #[inline(always)]
    fn insert_in_front(&mut self, key: u128, event: E) {
        let mut place = self.front.len();
        self.front.push(Entry { key, event });
        while place > 0 && self.front[place - 1].key < key {
            self.front.swap(place - 1, place);
            place -= 1;
        }
    }

    /// Apart, so that the way through the front stays short enough to be inlined.
    #[inline(never)]
    fn insert_in_rest(&mut self, time: SimTime, order: u64, event: E) -> u64 {
        let slot = self.rest.next_slot();
        assert!(slot < FRONT, "too many events pending at once");
        let owner = order | u64::from(slot);
        self.rest.push(pack(time, owner), event);
        self.share_out();
        owner
    }

    /// Decides where the next event is put.
    #[inline]
    fn share_out(&mut self) {
        let few = self.rest.len() < REST_MIN;
        self.front_room = if few { FRONT_MAX } else { 0 };
    }

    /// Takes back an event. False if it is no longer pending: it fired, or was cancelled before.
    pub fn cancel(&mut self, key: EventKey) -> bool {
        let slot = slot_of(key.0);
        if slot < FRONT {
            let removed = self.rest.remove(slot, key.0);
            self.share_out();
            return removed;
        }
        let place = self
            .front
            .iter()
            .position(|entry| entry.key as u64 == key.0);
        if let Some(place) = place {
            self.front.remove(place);
        }
        place.is_some()
    }

    /// Takes out the next event and moves the clock to it.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        self.pop_before(SimTime::MAX)
    }

    /// Takes out the next event if it is due before `end` (or if `end` is [`SimTime::MAX`], which
    /// is no limit), and moves the clock to it.
    #[inline]
    pub fn pop_before(&mut self, end: SimTime) -> Option<(SimTime, E)> {
        let limit = match end {
            SimTime::MAX => VACANT,
            end => pack(end, 0),
        };
        match self.front.last() {
            Some(next) if next.key < self.rest.bound() => self.pop_front(limit),
            _ => self.pop_rest(limit),
        }
    }

    #[inline]
    fn pop_front(&mut self, limit: u128) -> Option<(SimTime, E)> {
        let next = self.front.pop_if(|next| next.key < limit)?;
        self.now = time_of(next.key);
        Some((self.now, next.event))
    }

    /// As [`Agenda::pop_before`] where an event of the rest may be the next.
    #[inline(never)]
    fn pop_rest(&mut self, limit: u128) -> Option<(SimTime, E)> {
        self.rest.close();
        let key = self.rest.bound();
        if self.front.last().is_some_and(|next| next.key < key) {
            return self.pop_front(limit);
        }
        if key >= limit {
            return None;
        }
        let event = self.rest.pop(slot_of(key as u64));
        self.share_out();
        self.now = time_of(key);
        Some((self.now, event))
    }

    /// When the next event is due.
    pub fn peek_time(&self) -> Option<SimTime> {
        let front = self.front.last().map_or(VACANT, |next| next.key);
        let key = front.min(self.rest.peek());
        (key != VACANT).then(|| time_of(key))
    }

    /// Moves the clock to `time` and returns true, if an event scheduled now for then would be the
    /// next to come out in this run. The caller then does the work of that event at once, without
    /// scheduling it; the run still counts it.
    pub fn pass(&mut self, time: SimTime) -> bool {
        let (left, end) = self.passes;
        let next = time >= self.now && self.peek_time().is_none_or(|due| time < due);
        if left == 0 || time >= end || !next {
            return false;
        }
        self.passes.0 -= 1;
        self.now = time;
        true
    }

    /// So many more events may be handled in this run, before `end`.
    pub(crate) fn allow(&mut self, events: u64, end: SimTime) {
        self.passes = (events, end);
    }

    /// How many may still be handled.
    pub(crate) fn allowed(&self) -> u64 {
        self.passes.0
    }

    /// The number of events pending.
    pub fn len(&self) -> usize {
        self.front.len() + self.rest.len()
    }

    /// True if nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the clock forward to `time` while nothing happens.
    ///
    /// # Panics
    /// If `time` lies in the past, or an event is due before it.
    pub fn advance_to(&mut self, time: SimTime) {
        assert!(
            time >= self.now,
            "the clock would run back from {} to {time}",
            self.now
        );
        let skipped = self.peek_time().is_some_and(|due| due < time);
        assert!(!skipped, "an event is due before {time}");
        self.now = time;
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Agenda<E> {
        Agenda::new()
    }
}

fn pack(time: SimTime, owner: u64) -> u128 {
    u128::from(time.as_nanos()) << 64 | u128::from(owner)
}

fn time_of(key: u128) -> SimTime {
    SimTime::from_nanos((key >> 64) as u64)
}

fn slot_of(owner: u64) -> u32 {
    owner as u32 & FRONT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    fn drain<E>(agenda: &mut Agenda<E>) -> Vec<E> {
        std::iter::from_fn(|| agenda.pop().map(|(_, event)| event)).collect()
    }

    #[test]
    fn time_decides_then_the_order_of_scheduling() {
        let mut agenda = Agenda::new();
        for (time, event) in [(5, 'd'), (3, 'a'), (5, 'e'), (3, 'b'), (4, 'c'), (5, 'f')] {
            agenda.at(at(time), event);
        }
        assert_eq!(drain(&mut agenda), ['a', 'b', 'c', 'd', 'e', 'f']);
        assert_eq!(agenda.now(), at(5));
    }

    #[test]
    fn an_event_for_the_present_comes_after_those_already_due() {
        let mut agenda = Agenda::new();
        agenda.at(at(1), 'a');
        agenda.at(at(1), 'b');
        assert_eq!(agenda.pop(), Some((at(1), 'a')));
        agenda.after(SimDuration::ZERO, 'c');
        assert_eq!(drain(&mut agenda), ['b', 'c']);
    }

    #[test]
    fn a_cancelled_event_never_moves_the_clock() {
        let mut agenda = Agenda::new();
        let timeout = agenda.at(at(10), "timeout");
        assert!(agenda.cancel(timeout));
        assert!(!agenda.cancel(timeout));
        assert!(agenda.is_empty());
        assert_eq!(agenda.peek_time(), None);
        assert_eq!(agenda.pop(), None);
        assert_eq!(agenda.now(), SimTime::ZERO);
    }

    #[test]
    fn a_key_names_one_event_for_ever() {
        let mut agenda = Agenda::new();
        let first = agenda.at(at(1), 1);
        agenda.pop();
        let second = agenda.at(at(2), 2);
        assert_ne!(first, second);
        assert!(!agenda.cancel(first));
        assert_eq!(agenda.len(), 1);
        assert!(agenda.cancel(second));
    }

    #[test]
    fn cancelled_timeouts_do_not_pile_up() {
        let mut agenda = Agenda::new();
        for request in 0..100_000 {
            let timeout = agenda.after(SimDuration::from_secs(1), 'x');
            agenda.after(SimDuration::from_micros(1), 'r');
            assert_eq!(agenda.pop(), Some((at(1_000 * (request + 1)), 'r')));
            assert!(agenda.cancel(timeout));
        }
        assert!(agenda.is_empty());
    }

    #[test]
    fn a_burst_goes_to_the_rest_and_the_front_is_used_again() {
        let mut agenda = Agenda::new();
        let keys: Vec<EventKey> = (0..1_000).map(|i| agenda.at(at(1_000 - i), i)).collect();
        assert_eq!(
            (agenda.front.len(), agenda.rest.len()),
            (FRONT_MAX, 1_000 - FRONT_MAX)
        );
        // Those of odd numbers go, wherever they are.
        assert!(
            keys.iter()
                .skip(1)
                .step_by(2)
                .all(|key| agenda.cancel(*key))
        );
        assert!(!agenda.cancel(keys[1]) && !agenda.cancel(keys[999]));
        let left: Vec<u64> = (0..500).map(|i| 998 - 2 * i).collect();
        assert_eq!(drain(&mut agenda), left);
        assert!(!agenda.cancel(keys[0]) && !agenda.cancel(keys[998]));
        agenda.after(SimDuration::ZERO, 0);
        assert_eq!((agenda.front.len(), agenda.rest.len()), (1, 0));
    }

    #[test]
    fn nothing_is_popped_at_or_after_the_end() {
        let mut agenda = Agenda::new();
        agenda.at(at(5), 'a');
        agenda.at(SimTime::MAX, 'z');
        assert_eq!(agenda.pop_before(at(5)), None);
        assert_eq!(agenda.now(), SimTime::ZERO);
        assert_eq!(agenda.pop_before(at(6)), Some((at(5), 'a')));
        assert_eq!(agenda.pop(), Some((SimTime::MAX, 'z')));
    }

    #[test]
    fn the_clock_passes_only_to_what_would_be_next_in_a_run() {
        let mut agenda = Agenda::new();
        agenda.at(at(5), 'a');
        assert!(!agenda.pass(at(1)));
        agenda.allow(2, at(9));
        assert!(agenda.pass(at(3)) && !agenda.pass(at(5)));
        assert_eq!(agenda.pop(), Some((at(5), 'a')));
        assert!(!agenda.pass(at(4)) && !agenda.pass(at(9)));
        assert!(agenda.pass(at(8)) && !agenda.pass(at(8)));
        assert_eq!((agenda.now(), agenda.allowed()), (at(8), 0));
    }

    #[test]
    #[should_panic(expected = "too late")]
    fn the_past_cannot_be_scheduled() {
        let mut agenda = Agenda::new();
        agenda.at(at(2), 'a');
        agenda.pop();
        agenda.at(at(1), 'b');
    }

    #[test]
    #[should_panic(expected = "an event is due before")]
    fn the_clock_never_passes_an_event() {
        let mut agenda = Agenda::new();
        agenda.at(at(2), 'a');
        agenda.advance_to(at(2));
        agenda.advance_to(at(3));
    }
}
