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

use sim::{SimDuration, SimTime};

use super::ids::Member;
use super::loopback::{Loopback, SendDecision};
use super::packet::{LinkName, Packet};
use super::queue::Queue;
use super::spec::ClusterBusSpec;
use crate::tcp::{Cuts, DATA_REPEAT, Repeat, Stalled};

/// What is due at some instant.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A member's crons are looked at.
    Crons { member: Member },
    /// A packet arrives.
    Arrival { packet: Box<Packet> },
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
    Repeat { channel: usize },
    /// A process starts (`ClusterBus::boot`).
    Start { member: Member },
    /// The boundary with this number between two stretches of time.
    Boundary { number: u64 },
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
    queue: Queue,
    cuts: Cuts,
    /// Whether a member has no process, so that it refuses connections.
    dead: Vec<bool>,
    /// Packets that one end of a connection has sent into a cut.
    stalled: Stalled<(Member, Member, LinkName), Box<Packet>>,
    /// No packet leaves a member before an earlier one.
    departed: Vec<SimTime>,
    /// How packets wait for acknowledgements, if they do.
    loopback: Option<Loopback>,
}

impl Network {
    pub(super) fn new(members: usize, now: SimTime) -> Network {
        Network {
            now,
            queue: Queue::new(members),
            cuts: Cuts::new(members),
            dead: vec![true; members],
            stalled: Stalled::default(),
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

    /// Forgets everything that is under way and goes (back) to `time`; returns the packets.
    pub(super) fn restart_at(&mut self, time: SimTime) -> Vec<Box<Packet>> {
        let mut packets = self.queue.clear();
        packets.extend(self.stalled.clear());
        self.departed.fill(SimTime::ZERO);
        if let Some(loopback) = &mut self.loopback {
            packets.extend(loopback.clear());
        }
        self.now = time;
        packets
    }

    /// Packets under way, and a few other things that are due.
    pub(super) fn under_way(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.queue.next_due()
    }

    pub(super) fn pop_due(&mut self, until: SimTime) -> Option<Event> {
        let (due, event) = self.queue.pop(until)?;
        self.now = due;
        Some(event)
    }

    pub(super) fn schedule(&mut self, at: SimTime, event: Event) {
        assert!(at >= self.now, "an event lies ahead");
        self.queue.schedule(at, event);
    }

    /// The agenda looks at a member's crons at `at` and, until then, no more.
    pub(super) fn plan_crons(&mut self, member: Member, at: SimTime) {
        assert!(at >= self.now, "an event lies ahead");
        self.queue.plan_crons(member, at);
    }

    pub(super) fn cancel_crons(&mut self, member: Member) {
        self.queue.cancel_crons(member);
    }

    pub(super) fn set_dead(&mut self, member: Member, dead: bool) {
        self.dead[member.index()] = dead;
    }

    /// Whether a connection from one to the other would be refused at once.
    pub(super) fn refuses(&self, from: Member, to: Member) -> bool {
        self.dead[to.index()] && !self.is_cut(from, to) && !self.is_cut(to, from)
    }

    pub(super) fn set_cut(&mut self, from: Member, to: Member, cut: bool) {
        self.cuts.set(from.index(), to.index(), cut);
    }

    pub(super) fn is_cut(&self, from: Member, to: Member) -> bool {
        self.cuts.is_cut(from.index(), to.index())
    }

    /// No cut, and nothing held back by an earlier one.
    pub(super) fn is_whole(&self) -> bool {
        self.cuts.is_none() && self.stalled.is_empty()
    }

    /// Sends a packet; `answers` says whether its receiver reads it at once.
    pub(super) fn send(
        &mut self,
        packet: Box<Packet>,
        delay: SimDuration,
        answers: bool,
        spec: &ClusterBusSpec,
    ) {
        let Some(loopback) = &mut self.loopback else {
            self.put_through(packet, delay, spec);
            return;
        };
        if packet.link.owner != packet.from {
            self.put_through(packet, delay, spec);
            return;
        }
        let (from, to, number) = (packet.from, packet.to, packet.link.number);
        match loopback.admit(packet, self.now + delay, answers, spec.latency * 2) {
            SendDecision::Goes(packet) => self.put_through(packet, delay, spec),
            SendDecision::Waits { until, first: true } => {
                self.schedule(until, Event::Acknowledged { from, to, number });
            }
            SendDecision::Waits { .. } => {}
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

    fn put_through(&mut self, packet: Box<Packet>, delay: SimDuration, spec: &ClusterBusSpec) {
        let (from, to) = (packet.from, packet.to);
        if self.is_whole() {
            self.dispatch(packet, delay, spec);
            return;
        }
        let channel = (from, to, packet.link);
        let cut = self.is_cut(from, to);
        match self.stalled.hold(channel, packet, cut) {
            Ok(None) => {}
            Ok(Some(channel)) => {
                self.schedule(self.now + DATA_REPEAT, Event::Repeat { channel });
            }
            Err(packet) => self.dispatch(packet, delay, spec),
        }
    }

    fn dispatch(&mut self, packet: Box<Packet>, delay: SimDuration, spec: &ClusterBusSpec) {
        let departed = &mut self.departed[packet.from.index()];
        *departed = (self.now + delay).max(*departed);
        self.queue.deliver(*departed + spec.latency, packet);
    }

    /// A stalled channel tries again: everything gets through, or it waits twice as long. Returns
    /// the packets that are lost because their link is gone.
    pub(super) fn repeat(
        &mut self,
        channel: usize,
        link_lives: bool,
        spec: &ClusterBusSpec,
    ) -> Vec<Box<Packet>> {
        if !link_lives {
            return self.stalled.give_up(channel);
        }
        let (from, to, _) = self.stalled.name(channel);
        match self.stalled.repeat(channel, self.is_cut(from, to)) {
            Repeat::After(wait) => self.schedule(self.now + wait, Event::Repeat { channel }),
            Repeat::Through(packets) => {
                for packet in packets {
                    self.dispatch(packet, SimDuration::ZERO, spec);
                }
            }
        }
        Vec::new()
    }

    /// Which link a stalled channel belongs to, and who is at its other end.
    pub(super) fn channel(&self, channel: usize) -> (LinkName, Member) {
        let (from, to, link) = self.stalled.name(channel);
        (link, if link.owner == from { to } else { from })
    }
}
