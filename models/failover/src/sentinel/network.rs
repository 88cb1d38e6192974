//! Time, and what is under way: TCP as far as Sentinels notice it.
//!
//! - A message takes the latency. On one connection messages keep their order.
//! - A connection takes a round trip to make. A dead process refuses, a hung one's kernel accepts,
//!   a cut-off or lost one does not answer: the request is repeated after 1, 3, 7, … s.
//! - What is sent into a cut stays with the sender's kernel and is repeated after 0.2, 0.6, 1.4, …
//!   s, unless the connection is given up meanwhile.
//! - A process that dies resets its connections. A lost host does not: what returns in its place
//!   answers the next message with a reset.
//!
//! Sources: `sentinelReconnectInstance`, `instanceLinkConnectionError` in `src/sentinel.c`,
//! `deps/hiredis/async.c`, Redis 7.0.15; Linux' `TCP_TIMEOUT_INIT` (1 s) and `TCP_RTO_MIN` (0.2 s),
//! each doubling. Left out: full socket buffers (at most 100 commands wait on a connection) and
//! lost single packets.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use sim::{SimDuration, SimTime};

use super::ids::{Party, Sentinel};
use super::message::{ConnName, Inbound};
use crate::tcp::{DATA_REPEAT, SYN_REPEAT, backoff};

/// What is due at some instant.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A Sentinel's timer is looked at.
    Timer { sentinel: Sentinel },
    /// A connection request arrives or is repeated.
    Syn { conn: ConnName, attempt: u32 },
    /// Something arrives on a connection, or about it.
    Arrival(Delivery),
    /// A stalled channel tries again.
    Repeat { channel: usize, number: u64 },
    /// A Sentinel's process starts (`SentinelGroup::boot`).
    Start { sentinel: Sentinel },
    /// The boundary with this number between two stretches of time.
    Boundary { number: u64 },
    /// A sleeping group wakes by itself at this boundary.
    Wake { number: u64 },
}

/// One message under way.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub from: Party,
    pub to: Party,
    pub conn: ConnName,
    /// For commands: the start of the peer's process that the connection was made to.
    pub incarnation: u32,
    pub what: Inbound,
}

#[derive(Clone, Debug)]
struct Due {
    at: SimTime,
    sequence: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// The earliest is the greatest, as `BinaryHeap` wants it.
    fn cmp(&self, other: &Due) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

/// Events, messages under way, and cuts.
#[derive(Clone, Debug)]
pub(super) struct Network {
    now: SimTime,
    queue: BinaryHeap<Due>,
    sequence: u64,
    nodes: usize,
    parties: usize,
    /// Whether messages from one party (row) to another (column) are lost.
    cut: Vec<bool>,
    cuts: usize,
    /// Whether a party's host is lost.
    lost: Vec<bool>,
    channels: Vec<Channel>,
}

/// What one end of a connection has sent into a cut.
#[derive(Clone, Debug)]
struct Channel {
    from: Party,
    to: Party,
    conn: ConnName,
    waiting: Vec<Delivery>,
    attempt: u32,
}

impl Network {
    pub(super) fn new(nodes: usize, sentinels: usize, now: SimTime) -> Network {
        let parties = nodes + sentinels;
        Network {
            now,
            queue: BinaryHeap::new(),
            sequence: 0,
            nodes,
            parties,
            cut: vec![false; parties * parties],
            cuts: 0,
            lost: vec![false; parties],
            channels: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> SimTime {
        self.now
    }

    pub(super) fn reach(&mut self, time: SimTime) {
        assert!(
            time >= self.now,
            "the group was advanced to {time}, but it is {}",
            self.now
        );
        self.now = time;
    }

    /// Forgets everything that is under way and goes (back) to `time`.
    pub(super) fn restart_at(&mut self, time: SimTime) {
        self.queue.clear();
        self.channels.clear();
        self.now = time;
    }

    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.queue.peek().map(|due| due.at)
    }

    pub(super) fn pop_due(&mut self, until: SimTime) -> Option<Event> {
        if self.next_due()? > until {
            return None;
        }
        let due = self.queue.pop()?;
        self.reach(due.at);
        Some(due.event)
    }

    pub(super) fn schedule(&mut self, at: SimTime, event: Event) {
        assert!(at >= self.now, "an event lies ahead");
        let sequence = self.sequence;
        self.queue.push(Due {
            at,
            sequence,
            event,
        });
        self.sequence += 1;
    }

    fn place(&self, party: Party) -> usize {
        match party {
            Party::Node(node) => node.index(),
            Party::Sentinel(sentinel) => self.nodes + sentinel.index(),
        }
    }

    pub(super) fn set_cut(&mut self, from: Party, to: Party, cut: bool) {
        let place = self.place(from) * self.parties + self.place(to);
        let cell = &mut self.cut[place];
        if *cell != cut {
            *cell = cut;
            self.cuts = if cut { self.cuts + 1 } else { self.cuts - 1 };
        }
    }

    pub(super) fn has_cut(&self, from: Party, to: Party) -> bool {
        self.cut[self.place(from) * self.parties + self.place(to)]
    }

    pub(super) fn set_lost(&mut self, party: Party, lost: bool) {
        let place = self.place(party);
        self.lost[place] = lost;
    }

    /// Whether nothing gets from one to the other.
    pub(super) fn is_cut(&self, from: Party, to: Party) -> bool {
        self.has_cut(from, to) || self.lost[self.place(from)] || self.lost[self.place(to)]
    }

    /// No cut, and nothing held back by an earlier one, lost hosts apart.
    pub(super) fn is_whole(&self) -> bool {
        let lost = |party| self.lost[self.place(party)];
        self.cuts == 0
            && self
                .channels
                .iter()
                .all(|c| c.waiting.is_empty() || lost(c.from) || lost(c.to))
    }

    /// Whether a message that is more than routine is under way.
    pub(super) fn carries(&self, news: impl Fn(&Inbound) -> bool) -> bool {
        let under_way = self.queue.iter().any(|due| match &due.event {
            Event::Arrival(delivery) => news(&delivery.what),
            Event::Timer { .. }
            | Event::Syn { .. }
            | Event::Repeat { .. }
            | Event::Start { .. }
            | Event::Boundary { .. }
            | Event::Wake { .. } => false,
        });
        let mut waiting = self.channels.iter().flat_map(|c| &c.waiting);
        under_way || waiting.any(|delivery| news(&delivery.what))
    }

    pub(super) fn send(&mut self, delivery: Delivery, delay: SimDuration) {
        let Delivery { from, to, conn, .. } = delivery;
        let stalled = self
            .channels
            .iter_mut()
            .find(|c| !c.waiting.is_empty() && c.conn == conn && c.from == from && c.to == to);
        if let Some(channel) = stalled {
            channel.waiting.push(delivery);
        } else if self.is_cut(from, to) {
            self.stall(delivery);
        } else {
            self.schedule(self.now + delay, Event::Arrival(delivery));
        }
    }

    /// A reset or refusal: it is sent once, and lost in a cut.
    pub(super) fn reset(&mut self, conn: ConnName, delay: SimDuration) {
        let (from, to) = (conn.peer, Party::Sentinel(conn.owner));
        if !self.is_cut(from, to) {
            let delivery = Delivery {
                from,
                to,
                conn,
                incarnation: 0,
                what: Inbound::Closed,
            };
            self.schedule(self.now + delay, Event::Arrival(delivery));
        }
    }

    fn stall(&mut self, delivery: Delivery) {
        let channel = Channel {
            from: delivery.from,
            to: delivery.to,
            conn: delivery.conn,
            waiting: vec![delivery],
            attempt: 0,
        };
        let number = channel.conn.number;
        let free = self.channels.iter().position(|c| c.waiting.is_empty());
        let position = free.unwrap_or(self.channels.len());
        match free {
            Some(position) => self.channels[position] = channel,
            None => self.channels.push(channel),
        }
        let repeat = Event::Repeat {
            channel: position,
            number,
        };
        self.schedule(self.now + DATA_REPEAT, repeat);
    }

    /// A stalled channel tries again: everything gets through, or it waits twice as long.
    pub(super) fn repeat(&mut self, position: usize, number: u64, latency: SimDuration) {
        let channel = &mut self.channels[position];
        if channel.conn.number != number || channel.waiting.is_empty() {
            return;
        }
        let (from, to) = (channel.from, channel.to);
        if self.is_cut(from, to) {
            let channel = &mut self.channels[position];
            channel.attempt += 1;
            let wait = backoff(DATA_REPEAT, channel.attempt);
            let repeat = Event::Repeat {
                channel: position,
                number,
            };
            self.schedule(self.now + wait, repeat);
            return;
        }
        for delivery in std::mem::take(&mut self.channels[position].waiting) {
            self.schedule(self.now + latency, Event::Arrival(delivery));
        }
    }

    /// A connection is given up: nothing more is sent on it.
    pub(super) fn forget(&mut self, conn: ConnName) {
        for channel in self.channels.iter_mut().filter(|c| c.conn == conn) {
            channel.waiting.clear();
        }
    }

    /// A connection request that nobody answered is repeated.
    pub(super) fn repeat_syn(&mut self, conn: ConnName, attempt: u32) {
        let at = self.now + backoff(SYN_REPEAT, attempt);
        let attempt = attempt + 1;
        self.schedule(at, Event::Syn { conn, attempt });
    }

    /// How long after the first request, and as which attempt, the next one goes out if `age` has
    /// passed.
    pub(super) fn next_syn(age: SimDuration) -> (SimDuration, u32) {
        let (mut at, mut attempt) = (SimDuration::ZERO, 0);
        while at <= age {
            at += backoff(SYN_REPEAT, attempt);
            attempt += 1;
        }
        (at, attempt)
    }
}
