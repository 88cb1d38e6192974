//! The future event list: what is due, and when.
//!
//! ```text
//!  keys, a heap            slots, where the events lie
//!  ┌──────┬───────┬────┐   ┌─────────────────────┐
//!  │ time │ order │ 2 ─┼─┐ │ 0 pending           │
//!  │ time │ order │ 0  │ │ │ 1 free              │
//!  └──────┴───────┴────┘ └►│ 2 pending           │
//!   64 bits   40     24    └─────────────────────┘
//! ```
//!
//! Events come out by time; ties go to the event scheduled first. Nothing else decides: no address,
//! no hash, no payload. The heap moves 16-byte keys only, and an event stays where it was put.
//!
//! A cancelled event is dropped at once. Its key stays behind, is never at the top of the heap, and
//! so never reaches the clock. Once such keys are the majority they are swept out together, so a
//! model that cancels a timeout for each request keeps a heap as small as its requests in flight.

mod heap;

use crate::time::{SimDuration, SimTime};
use heap::KeyHeap;

/// Events not yet due, in the order (time, scheduled first), and the clock.
#[derive(Clone, Debug)]
pub struct Agenda<E> {
    now: SimTime,
    keys: KeyHeap,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    /// Keys in the heap whose event was cancelled.
    cancelled: usize,
    /// How many events were ever scheduled.
    scheduled: u64,
    /// What `scheduled` is multiplied by to decide ties: 1, except in a test for hidden order.
    tie_stride: u64,
}

/// Names one scheduled event, for [`Agenda::cancel`]. It stays valid, and names nothing else, after
/// the event has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(u64);

#[derive(Clone, Debug)]
struct Slot<E> {
    /// Whose event this is or was: tells a key from one that had the slot earlier.
    owner: EventKey,
    event: Option<E>,
}

const SLOT_BITS: u32 = 24;
const ORDER_BITS: u32 = 40;

impl<E> Agenda<E> {
    /// The most events that may be pending at once, about 16.7 million.
    pub const PENDING_MAX: usize = (1 << SLOT_BITS) - 1;
    /// The most events that may be scheduled in the life of an agenda, about 10¹².
    pub const SCHEDULED_MAX: u64 = (1 << ORDER_BITS) - 1;

    /// Nothing due, and the clock at the start.
    pub fn new() -> Agenda<E> {
        Agenda {
            now: SimTime::ZERO,
            keys: KeyHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            cancelled: 0,
            scheduled: 0,
            tie_stride: 1,
        }
    }

    /// An agenda for a test that nothing hangs on the order of ties: events of the same instant
    /// come out in an order that `seed` decides, the same one each time.
    pub fn with_ties_shuffled(seed: u64) -> Agenda<E> {
        // Multiplying by an odd number modulo a power of two is a permutation.
        Agenda {
            tie_stride: crate::streams::mix(seed) | 1,
            ..Agenda::new()
        }
    }

    /// The time of the last event that came out: the present.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Schedules `event` for `delay` from now.
    ///
    /// # Panics
    /// Beyond the range of time (584 years) or of [`Agenda::PENDING_MAX`].
    #[inline]
    pub fn after(&mut self, delay: SimDuration, event: E) -> EventKey {
        self.schedule(self.now + delay, event)
    }

    /// Schedules `event` for the instant `time`, which may be the present one: it then comes after
    /// all that are already due now.
    ///
    /// # Panics
    /// If `time` lies in the past, or beyond [`Agenda::PENDING_MAX`].
    #[inline]
    pub fn at(&mut self, time: SimTime, event: E) -> EventKey {
        assert!(
            time >= self.now,
            "an event for {time} is scheduled at {}, too late",
            self.now
        );
        self.schedule(time, event)
    }

    fn schedule(&mut self, time: SimTime, event: E) -> EventKey {
        assert!(
            self.scheduled < Self::SCHEDULED_MAX,
            "too many events in one agenda"
        );
        let order = self.scheduled.wrapping_mul(self.tie_stride) & Self::SCHEDULED_MAX;
        self.scheduled += 1;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.slots.len() as u32,
        };
        let owner = EventKey(order << SLOT_BITS | u64::from(slot));
        let filled = Slot {
            owner,
            event: Some(event),
        };
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = filled,
            None => {
                assert!(
                    self.slots.len() < Self::PENDING_MAX,
                    "too many events pending at once"
                );
                self.slots.push(filled);
            }
        }
        self.keys.push(pack(time, owner));
        owner
    }

    /// Takes back an event. False if it is no longer pending: it fired, or was cancelled before.
    pub fn cancel(&mut self, key: EventKey) -> bool {
        let slot = &mut self.slots[slot_of(key)];
        if slot.owner != key || slot.event.is_none() {
            return false;
        }
        slot.event = None;
        self.cancelled += 1;
        // A majority pays for the sweep: each key is swept at most once per cancellation.
        if self.cancelled * 2 > self.keys.len() {
            self.sweep();
        } else {
            self.drop_cancelled_top();
        }
        true
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
        let (time, owner) = unpack(self.keys.peek()?);
        if time >= end && end != SimTime::MAX {
            return None;
        }
        self.keys.pop();
        let slot = slot_of(owner);
        let event = self.slots[slot]
            .event
            .take()
            .expect("a cancelled key is never at the top");
        self.free.push(slot as u32);
        if self.cancelled > 0 {
            self.drop_cancelled_top();
        }
        self.now = time;
        Some((time, event))
    }

    /// When the next event is due.
    pub fn peek_time(&self) -> Option<SimTime> {
        self.keys.peek().map(|key| unpack(key).0)
    }

    /// The number of events pending.
    pub fn len(&self) -> usize {
        self.keys.len() - self.cancelled
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

    fn drop_cancelled_top(&mut self) {
        while let Some(key) = self.keys.peek() {
            let slot = slot_of(unpack(key).1);
            if self.slots[slot].event.is_some() {
                return;
            }
            self.keys.pop();
            self.free.push(slot as u32);
            self.cancelled -= 1;
        }
    }

    fn sweep(&mut self) {
        let Agenda {
            keys, slots, free, ..
        } = self;
        keys.retain(|key| {
            let slot = slot_of(unpack(key).1);
            let pending = slots[slot].event.is_some();
            if !pending {
                free.push(slot as u32);
            }
            pending
        });
        self.cancelled = 0;
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Agenda<E> {
        Agenda::new()
    }
}

fn pack(time: SimTime, owner: EventKey) -> u128 {
    u128::from(time.as_nanos()) << 64 | u128::from(owner.0)
}

fn unpack(key: u128) -> (SimTime, EventKey) {
    (
        SimTime::from_nanos((key >> 64) as u64),
        EventKey(key as u64),
    )
}

fn slot_of(key: EventKey) -> usize {
    (key.0 & ((1 << SLOT_BITS) - 1)) as usize
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
        assert!(agenda.slots.len() < 10, "{} slots", agenda.slots.len());
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
    fn shuffled_ties_are_the_same_events_in_another_order() {
        let mut agenda = Agenda::with_ties_shuffled(7);
        for event in 0..100 {
            agenda.at(at(event / 50), event);
        }
        let mut order = drain(&mut agenda);
        assert!(!order.is_sorted());
        assert!(order[..50].iter().all(|event| *event < 50));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
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
