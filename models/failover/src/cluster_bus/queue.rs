//! What is due when: the bus' own agenda.
//!
//! Three kinds of entries, each kept where it is cheapest: packets mostly arrive in the order in
//! which they leave, so a plain queue holds them; each member has one next look at its crons, so a
//! list by member holds them, and which is first (a look takes longer than going through the list);
//! the rest goes into a heap. What is due at the same instant comes in the order in which it was
//! scheduled, as if there was one queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim::SimTime;

use super::ids::{Member, members};
use super::network::Event;
use super::packet::Packet;

/// When, and the how-manieth entry it is: no two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

/// Everything that is due.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sequence: u64,
    arrivals: VecDeque<(Key, Box<Packet>)>,
    others: BinaryHeap<Reverse<Entry>>,
    /// The next look at each member's crons.
    crons: Vec<Key>,
    /// The member whose look is first.
    first: Member,
}

const NEVER: Key = Key(u128::MAX);

impl Key {
    fn new(at: SimTime, number: u64) -> Key {
        Key(u128::from(at.as_nanos()) << 64 | u128::from(number))
    }

    fn at(self) -> SimTime {
        SimTime::from_nanos((self.0 >> 64) as u64)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Queue {
    pub(super) fn new(members: usize) -> Queue {
        Queue {
            sequence: 0,
            arrivals: VecDeque::new(),
            others: BinaryHeap::new(),
            crons: vec![NEVER; members],
            first: Member(0),
        }
    }

    /// Packets, and a few other entries.
    pub(super) fn len(&self) -> usize {
        self.arrivals.len() + self.others.len()
    }

    fn key(&mut self, at: SimTime) -> Key {
        self.sequence += 1;
        Key::new(at, self.sequence)
    }

    pub(super) fn schedule(&mut self, at: SimTime, event: Event) {
        let key = self.key(at);
        self.others.push(Reverse(Entry { key, event }));
    }

    pub(super) fn deliver(&mut self, at: SimTime, packet: Box<Packet>) {
        let key = self.key(at);
        if self.arrivals.back().is_none_or(|(last, _)| *last < key) {
            self.arrivals.push_back((key, packet));
        } else {
            let event = Event::Arrival { packet };
            self.others.push(Reverse(Entry { key, event }));
        }
    }

    /// The next look at a member's crons, in place of the one that was planned.
    pub(super) fn plan_crons(&mut self, member: Member, at: SimTime) {
        let key = self.key(at);
        self.set_crons(member, key);
    }

    pub(super) fn cancel_crons(&mut self, member: Member) {
        self.set_crons(member, NEVER);
    }

    fn set_crons(&mut self, member: Member, key: Key) {
        self.crons[member.index()] = key;
        if key < self.first_crons() {
            self.first = member;
        } else if member == self.first {
            let looks = members(self.crons.len());
            let first = looks.min_by_key(|member| self.crons[member.index()]);
            self.first = first.unwrap_or(member);
        }
    }

    fn first_crons(&self) -> Key {
        self.crons[self.first.index()]
    }

    /// The keys of what is first of each kind: crons, arrivals and others.
    fn heads(&self) -> [Key; 3] {
        let arrival = self.arrivals.front().map_or(NEVER, |(key, _)| *key);
        let other = self.others.peek().map_or(NEVER, |Reverse(entry)| entry.key);
        [self.first_crons(), arrival, other]
    }

    /// When something is next due.
    pub(super) fn next_due(&self) -> Option<SimTime> {
        let [cron, arrival, other] = self.heads();
        let next = cron.min(arrival).min(other);
        (next != NEVER).then(|| next.at())
    }

    /// What is due first, if that is at `until` or before.
    pub(super) fn pop(&mut self, until: SimTime) -> Option<(SimTime, Event)> {
        let [cron, arrival, other] = self.heads();
        let next = cron.min(arrival).min(other);
        if next == NEVER || next.at() > until {
            return None;
        }
        let event = if next == arrival {
            let (_, packet) = self.arrivals.pop_front()?;
            Event::Arrival { packet }
        } else if next == cron {
            let member = self.first;
            self.cancel_crons(member);
            Event::Crons { member }
        } else {
            self.others.pop()?.0.event
        };
        Some((next.at(), event))
    }

    /// Empties the queue; returns the packets that were under way.
    pub(super) fn clear(&mut self) -> Vec<Box<Packet>> {
        self.crons.fill(NEVER);
        let mut packets: Vec<_> = self.arrivals.drain(..).map(|(_, packet)| packet).collect();
        for Reverse(entry) in self.others.drain() {
            if let Event::Arrival { packet } = entry.event {
                packets.push(packet);
            }
        }
        packets
    }
}
