//! Connections and packets between members: TCP as far as the bus notices it.
//!
//! - A packet takes the latency. On one connection packets keep their order.
//! - A connection takes a round trip to make. A dead process refuses, a hung one's kernel accepts,
//!   a cut-off one does not answer: the request is repeated after 1, 3, 7, … s.
//! - What is sent into a cut stays with the sender's kernel and is repeated after 0.2, 0.6, 1.4, …
//!   s, so the first word after a cut heals comes late, unless the connection was dropped
//!   meanwhile.
//! - A process that dies resets its connections. A host that vanishes does not: cut it off first.
//!
//! Sources: rules C1, C7; `clusterLinkConnectHandler`, `clusterWriteHandler`, `clusterReadHandler`
//! in `src/cluster.c`, Redis 7.0.15; Linux' `TCP_TIMEOUT_INIT` (1 s) and `TCP_RTO_MIN` (0.2 s),
//! each doubling. Left out: full socket buffers (a hung node gets one packet of 3 kB per node
//! timeout and peer, plus a few broadcasts), and lost single packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim::{SimDuration, SimTime};

use super::ids::Member;
use super::loopback::{Loopback, Passage};
use super::packet::{LinkName, Packet};
use super::spec::ClusterBusSpec;
use crate::tcp::{DATA_REPEAT, backoff};

/// What is due at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A member's crons are looked at.
    Crons { member: Member },
    /// The packet with this number in the pool arrives.
    Arrival { packet: u32 },
    /// A connection request arrives or is repeated.
    Connect {
        owner: Member,
        number: u32,
        to: Member,
        attempt: u32,
    },
    /// The owner of a link learns that it stands.
    Connected {
        owner: Member,
        number: u32,
        to: Member,
        incarnation: u32,
    },
    /// The owner of a link learns that it is gone.
    Reset {
        owner: Member,
        number: u32,
        to: Member,
    },
    /// A stalled channel tries again.
    Repeat { channel: u32 },
    /// A process starts (`ClusterBus::boot`).
    Start { member: Member },
    /// The boundary with this number between two stretches of time.
    Boundary { number: u64 },
    /// A change of replication state that came while the bus slept.
    Replication { position: u32 },
    /// What one member sent to another is acknowledged (`loopback`).
    Acknowledged {
        from: Member,
        to: Member,
        number: u32,
    },
}

/// Events, packets under way, and cuts.
#[derive(Clone, Debug)]
pub(super) struct Network {
    now: SimTime,
    queue: BinaryHeap<Reverse<(SimTime, u64, Event)>>,
    sequence: u64,
    pool: Vec<Option<Packet>>,
    free: Vec<u32>,
    members: usize,
    /// Whether packets from one member (row) to another (column) are lost.
    cut: Vec<bool>,
    cuts: usize,
    channels: Vec<Channel>,
    /// No packet leaves a member before an earlier one.
    departed: Vec<SimTime>,
    /// How packets wait for acknowledgements, if they do.
    loopback: Option<Loopback>,
}

/// Packets that one end of a connection has sent into a cut.
#[derive(Clone, Debug)]
struct Channel {
    from: Member,
    to: Member,
    link: LinkName,
    waiting: Vec<Packet>,
    attempt: u32,
}

impl Network {
    pub(super) fn new(members: usize, now: SimTime) -> Network {
        Network {
            now,
            queue: BinaryHeap::new(),
            sequence: 0,
            pool: Vec::new(),
            free: Vec::new(),
            members,
            cut: vec![false; members * members],
            cuts: 0,
            channels: Vec::new(),
            departed: vec![SimTime::ZERO; members],
            loopback: None,
        }
    }

    /// From now on packets wait for acknowledgements as on one machine.
    pub(super) fn fit_one_segment(&mut self) {
        self.loopback = Some(Loopback::default());
    }

    pub(super) fn now(&self) -> SimTime {
        self.now
    }

    pub(super) fn reach(&mut self, time: SimTime) {
        assert!(
            time >= self.now,
            "the bus was advanced to {time}, but it is {}",
            self.now
        );
        self.now = time;
    }

    /// Forgets everything that is under way and goes (back) to `time`.
    pub(super) fn restart_at(&mut self, time: SimTime) {
        self.queue.clear();
        self.pool.clear();
        self.free.clear();
        self.channels.clear();
        self.departed.fill(SimTime::ZERO);
        if let Some(loopback) = &mut self.loopback {
            loopback.clear();
        }
        self.now = time;
    }

    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.queue.peek().map(|Reverse((due, _, _))| *due)
    }

    pub(super) fn pop_due(&mut self, until: SimTime) -> Option<Event> {
        if self.next_due()? > until {
            return None;
        }
        let Reverse((due, _, event)) = self.queue.pop()?;
        self.reach(due);
        Some(event)
    }

    pub(super) fn schedule(&mut self, at: SimTime, event: Event) {
        assert!(at >= self.now, "an event lies ahead");
        self.queue.push(Reverse((at, self.sequence, event)));
        self.sequence += 1;
    }

    pub(super) fn set_cut(&mut self, from: Member, to: Member, cut: bool) {
        let cell = &mut self.cut[from.index() * self.members + to.index()];
        if *cell != cut {
            *cell = cut;
            self.cuts = if cut { self.cuts + 1 } else { self.cuts - 1 };
        }
    }

    pub(super) fn is_cut(&self, from: Member, to: Member) -> bool {
        self.cut[from.index() * self.members + to.index()]
    }

    /// No cut, and nothing held back by an earlier one.
    pub(super) fn is_whole(&self) -> bool {
        self.cuts == 0 && self.channels.iter().all(|c| c.waiting.is_empty())
    }

    /// Sends a packet; `answers` says whether its receiver reads it at once.
    pub(super) fn send(
        &mut self,
        packet: Packet,
        delay: SimDuration,
        answers: bool,
        spec: &ClusterBusSpec,
    ) {
        let (from, to, number) = (packet.from, packet.to, packet.link.number);
        let passage = match &mut self.loopback {
            Some(loopback) if packet.link.owner == from => {
                loopback.admit(packet, self.now + delay, answers, spec.latency * 2)
            }
            Some(_) | None => Passage::Goes(packet),
        };
        match passage {
            Passage::Goes(packet) => self.put_through(packet, delay, spec),
            Passage::Waits { until, first: true } => {
                self.schedule(until, Event::Acknowledged { from, to, number });
            }
            Passage::Waits { .. } => {}
        }
    }

    /// What waited on a connection goes out.
    pub(super) fn acknowledged(
        &mut self,
        ends: (Member, Member),
        number: u32,
        answers: bool,
        spec: &ClusterBusSpec,
    ) {
        let Some(loopback) = &mut self.loopback else {
            return;
        };
        let waiting = loopback.release(ends, number, self.now, answers, spec.latency * 2);
        for packet in waiting {
            self.put_through(packet, SimDuration::ZERO, spec);
        }
    }

    fn put_through(&mut self, packet: Packet, delay: SimDuration, spec: &ClusterBusSpec) {
        let (from, to, link) = (packet.from, packet.to, packet.link);
        let stalled = self
            .channels
            .iter_mut()
            .find(|c| c.from == from && c.to == to && c.link == link && !c.waiting.is_empty());
        if let Some(channel) = stalled {
            channel.waiting.push(packet);
        } else if self.is_cut(from, to) {
            self.stall(packet);
        } else {
            self.dispatch(packet, delay, spec);
        }
    }

    fn dispatch(&mut self, packet: Packet, delay: SimDuration, spec: &ClusterBusSpec) {
        let departed = &mut self.departed[packet.from.index()];
        *departed = (self.now + delay).max(*departed);
        let at = *departed + spec.latency;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.pool.push(None);
                u32::try_from(self.pool.len() - 1).expect("fewer than 2^32 packets under way")
            }
        };
        self.pool[index as usize] = Some(packet);
        self.schedule(at, Event::Arrival { packet: index });
    }

    fn stall(&mut self, packet: Packet) {
        let channel = Channel {
            from: packet.from,
            to: packet.to,
            link: packet.link,
            waiting: vec![packet],
            attempt: 0,
        };
        let position = match self.channels.iter().position(|c| c.waiting.is_empty()) {
            Some(position) => {
                self.channels[position] = channel;
                position
            }
            None => {
                self.channels.push(channel);
                self.channels.len() - 1
            }
        };
        let channel = u32::try_from(position).expect("few channels");
        self.schedule(self.now + DATA_REPEAT, Event::Repeat { channel });
    }

    /// A stalled channel tries again: everything gets through, or it waits twice as long.
    pub(super) fn repeat(&mut self, position: u32, link_lives: bool, spec: &ClusterBusSpec) {
        let channel = &mut self.channels[position as usize];
        if !link_lives {
            channel.waiting.clear();
            return;
        }
        let (from, to) = (channel.from, channel.to);
        if self.is_cut(from, to) {
            let channel = &mut self.channels[position as usize];
            channel.attempt += 1;
            let wait = backoff(DATA_REPEAT, channel.attempt);
            self.schedule(self.now + wait, Event::Repeat { channel: position });
            return;
        }
        let waiting = std::mem::take(&mut self.channels[position as usize].waiting);
        for packet in waiting {
            self.dispatch(packet, SimDuration::ZERO, spec);
        }
    }

    /// Which link a stalled channel belongs to, and who is at its other end.
    pub(super) fn channel(&self, position: u32) -> (LinkName, Member) {
        let Channel { from, to, link, .. } = self.channels[position as usize];
        (link, if link.owner == from { to } else { from })
    }

    pub(super) fn take(&mut self, index: u32) -> Packet {
        self.free.push(index);
        self.pool[index as usize]
            .take()
            .expect("a packet arrives once")
    }
}
