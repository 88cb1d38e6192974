//! What is due when: the bus' own agenda.
//!
//! Three kinds of entries, each kept where it is cheapest: packets mostly arrive in the order in
//! which they leave, so a plain queue holds them; each member has one next look at its crons, so a
//! tree with a leaf per member finds the earliest; the rest goes into a heap. What is due at the
//! same instant comes in the order in which it was scheduled, as if there was one queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim::SimTime;

use super::ids::Member;
use super::network::Event;
use super::packet::Packet;

/// When, and the how-manieth entry it is: no two are equal.
type Key = (SimTime, u64);

/// Everything that is due.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sequence: u64,
    arrivals: VecDeque<(Key, Box<Packet>)>,
    others: BinaryHeap<Reverse<Entry>>,
    /// The earliest look at crons below each node of the tree: the root is number 1, the children
    /// of number n are 2 n and 2 n + 1, and the members are the last half.
    crons: Vec<(Key, Member)>,
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

const NEVER: (Key, Member) = ((SimTime::MAX, u64::MAX), Member(0));

impl Queue {
    pub(super) fn new(members: usize) -> Queue {
        Queue {
            sequence: 0,
            arrivals: VecDeque::new(),
            others: BinaryHeap::new(),
            crons: vec![NEVER; 2 * members.next_power_of_two()],
        }
    }

    fn key(&mut self, at: SimTime) -> Key {
        self.sequence += 1;
        (at, self.sequence)
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
        self.set_crons(member, (key, member));
    }

    pub(super) fn cancel_crons(&mut self, member: Member) {
        self.set_crons(member, NEVER);
    }

    fn set_crons(&mut self, member: Member, entry: (Key, Member)) {
        let mut place = self.crons.len() / 2 + member.index();
        self.crons[place] = entry;
        while place > 1 {
            place /= 2;
            let earlier = self.crons[2 * place].min(self.crons[2 * place + 1]);
            if self.crons[place] == earlier {
                return;
            }
            self.crons[place] = earlier;
        }
    }

    /// When something is next due.
    pub(super) fn next_due(&self) -> Option<SimTime> {
        let cron = self.crons[1].0;
        let arrival = self.arrivals.front().map_or(cron, |(key, _)| *key);
        let other = self.others.peek().map_or(cron, |Reverse(entry)| entry.key);
        let next = cron.min(arrival).min(other);
        (next != NEVER.0).then_some(next.0)
    }

    /// What is due first, if that is at `until` or before.
    pub(super) fn pop(&mut self, until: SimTime) -> Option<(SimTime, Event)> {
        let (cron, member) = self.crons[1];
        let arrival = self.arrivals.front().map_or(NEVER.0, |(key, _)| *key);
        let other = self
            .others
            .peek()
            .map_or(NEVER.0, |Reverse(entry)| entry.key);
        let next = cron.min(arrival).min(other);
        if next.0 > until || next == NEVER.0 {
            return None;
        }
        let event = if next == arrival {
            let (_, packet) = self.arrivals.pop_front()?;
            Event::Arrival { packet }
        } else if next == cron {
            self.cancel_crons(member);
            Event::Crons { member }
        } else {
            self.others.pop()?.0.event
        };
        Some((next.0, event))
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
