//! The Redis Cluster bus: how the nodes of one cluster find out that a primary is gone, and who
//! takes its place.
//!
//! One [`ClusterBus`] holds all members of one cluster, yet each decides from its own view only;
//! views change through packets and crons. It does no I/O and keeps its own agenda: the world tells
//! it what happened (`set_process`, `set_reachable`, …), asks [`ClusterBus::next_at`] when it wants
//! to be called again, and calls [`ClusterBus::advance`] then.
//!
//! ```text
//!   primary stops ──► ping unanswered for a node timeout: PFAIL, at each observer's own cron
//!                ──► gossip: a majority of primaries says so: FAIL, told to all at once
//!                ──► its replica waits 0.5-1 s, asks for votes, a majority gives them: promoted
//!                ──► a returning old primary is told by UPDATE, and copies the new one
//! ```
//!
//! ```
//! use failover::cluster_bus::*;
//! use sim::{Purpose, SimDuration, SimTime, Streams};
//! # let spec = ClusterBusSpec {
//! #     version: Version::Redis70,
//! #     node_timeout: SimDuration::from_secs(15),
//! #     replica_validity_factor: 10,
//! #     repl_ping_replica_period: SimDuration::from_secs(10),
//! #     require_full_coverage: true,
//! #     allow_reads_when_down: false,
//! #     migration_barrier: 1,
//! #     allow_replica_migration: true,
//! #     latency: SimDuration::from_micros(250),
//! #     config_save: SimDuration::from_millis(1),
//! # };
//! let member = |shard, role| MemberInit { shard: Shard(shard), role, no_failover: false };
//! let mut layout: Vec<_> = (0..3).map(|shard| member(shard, Role::Primary)).collect();
//! layout.extend((0..3).map(|shard| member(shard, Role::Replica)));
//! let key = Streams::for_trial(1, 1).key(Purpose(1), 0);
//! let mut bus = ClusterBus::new(spec, &layout, key, SimTime::ZERO);
//! assert_eq!(bus.next_at(), None, "a healthy cluster sleeps");
//!
//! let mut heard = BusEffects::new();
//! let fault = SimTime::ZERO + SimDuration::from_hours(1);
//! bus.set_process(fault, Member(0), Process::Dead, &mut heard);
//! while let Some(next) = bus.next_at() {
//!     bus.advance(next, &mut heard); // in a world: at an event of its agenda
//! }
//! let promoted = |e: &BusEffect| matches!(e, BusEffect::Promoted { member: Member(3), .. });
//! assert!(heard.iter().any(|(_, effect)| promoted(effect)));
//! ```
//!
//! After any call `next_at` may be earlier or later than before. Effects come with their instants,
//! in order. What the world keeps true: `set_process`, `set_reachable`, and `set_replication` when
//! a stream stops, comes back or is complete. A replica that was demoted or re-pointed copies
//! nothing until the world says `ReplicaLink::Up`.
//!
//! Which rule stands where: C1, C10, C16 `packet` · C2, C3, C5, C7, C8 `cron` · C4, C10-C13
//! `gossip` · C6, C9, C15, E8, E9 `receive` · E1-E7 and the stale election timer `election` · P1-P4
//! `slots` · P5-P8 `process` · manual failover `manual` · connections and lost packets `network`,
//! `connections`, on one machine `loopback` · the picks of nodes `dict` · the pace of crons `ticks`
//! · what is due when `queue` · sleeping while nothing happens `dormancy` · one bus for all designs
//! of a trial `shared`. Each file names the Redis source behind it.
//!
//! Left out, with the way it biases results: handshakes of new nodes (MEET, FORGET: a cluster that
//! is rebuilt is a new bus); slots that move between shards; processing time inside the event loop
//! (part of the latency: a busy event loop would react some ms later); packet sizes; clocks that
//! disagree (all members read one clock: gossiped PONG times are never in the future).

#![expect(
    clippy::vec_box,
    reason = "a packet keeps its box from the outbox over the wire to the spare ones"
)]

mod birth;
mod connections;
mod cron;
mod dict;
mod dormancy;
mod effect;
mod election;
mod gossip;
mod ids;
mod loopback;
mod manual;
mod network;
mod node;
mod packet;
mod peers;
mod process;
mod queue;
mod receive;
mod shared;
mod slots;
mod spec;
mod ticks;
mod view;

pub use effect::{BusEffect, BusInput, ManualFailover, ManualFailoverError, Process, ReplicaLink};
pub use ids::{Member, Shard};
pub use shared::{BusHistories, SharedBus};
pub use spec::{
    ClusterBusSpec, MEMBERS_MAX, MemberInit, PRIMARIES_MAX, Role, Version, layout_problems,
};
pub use view::{Health, View};

use sim::{SimDuration, SimTime, StreamKey};

use dormancy::Dormancy;
use network::Network;
use node::{Cx, Node, Outbox};
use packet::Stationery;
use peers::Link;
use ticks::ms_of;

/// What happened, each at its instant, in order.
pub type BusEffects = Vec<(SimTime, BusEffect)>;

/// All members of one Redis Cluster and the packets between them.
#[derive(Clone, Debug)]
pub struct ClusterBus {
    spec: ClusterBusSpec,
    /// The node timeout in milliseconds.
    node_timeout: u64,
    key: StreamKey,
    /// What to add to the world's time to get the cluster's clock (`network::Network::now`): far
    /// from zero, as a Unix time is, and at a random place within its second.
    clock_offset: SimDuration,
    nodes: Vec<Node>,
    names: Vec<u64>,
    network: Network,
    dormancy: Dormancy,
    outbox: Outbox,
    stationery: Stationery,
    /// All members are to look again at what their crons are needed for.
    all_recheck: bool,
}

impl ClusterBus {
    /// When the bus next has something to do; never, while it is dormant.
    pub fn next_at(&self) -> Option<SimTime> {
        let due = if self.all_recheck {
            Some(self.network.now())
        } else if self.dormant() {
            self.dormancy.noticed_at()
        } else {
            self.network.next_due()
        };
        due.map(|due| due.saturating_sub(self.clock_offset))
    }

    /// Packets that are under way, or that a process has yet to read.
    fn packets(&self) -> usize {
        let unread = self.nodes.iter().map(|node| node.inbox.len());
        self.network.under_way() + unread.sum::<usize>()
    }

    /// Handles everything that is due until `now`, and at it.
    pub fn advance(&mut self, now: SimTime, out: &mut BusEffects) {
        let until = now + self.clock_offset;
        if self.dormant() && self.dormancy.noticed_at().is_some_and(|at| at <= until) {
            self.wake(now, out);
        }
        self.recheck_all();
        while let Some(event) = self.network.pop_due(until) {
            self.handle(event, out);
        }
        self.network.reach(until);
    }

    /// Packets fit one TCP segment each from now on, as on one machine: some wait 40 ms for an
    /// acknowledgement.
    pub fn set_loopback(&mut self) {
        self.network.fit_one_segment();
    }

    /// Gives the cluster configuration that this bus runs with.
    pub fn spec(&self) -> &ClusterBusSpec {
        &self.spec
    }

    /// What `member` would tell a client that asks it.
    pub fn view(&self, member: Member) -> View<'_> {
        View::new(&self.nodes[member.index()])
    }

    /// Members of this cluster.
    pub fn members(&self) -> impl Iterator<Item = Member> + use<> {
        ids::members(self.nodes.len())
    }

    /// Lets a member act: one turn of its event loop, with the cron at its end if that is due. Then
    /// carries out what it wanted.
    fn act<R>(
        &mut self,
        member: Member,
        out: &mut BusEffects,
        action: impl FnOnce(&mut Node, &mut Cx) -> R,
    ) -> R {
        let now = self.network.now();
        let node = &mut self.nodes[member.index()];
        let mut cx = Cx {
            now,
            ms: ms_of(now),
            spec: &self.spec,
            node_timeout: self.node_timeout,
            names: &self.names,
            out: &mut self.outbox,
            stationery: &mut self.stationery,
        };
        let turns = node.process.turns();
        if turns {
            node.ticks.skip_until(now, node.need);
        }
        let result = action(node, &mut cx);
        if turns {
            node.run_due_cron(&mut cx);
        }
        let saved = node.before_sleep(&mut cx);
        self.ship(member, saved, out);
        result
    }

    /// Sends what a member left in the outbox, and reports its effects in the world's time.
    fn ship(&mut self, member: Member, saved: bool, out: &mut BusEffects) {
        for effect in self.outbox.effects.drain(..) {
            let at = self.network.now() - self.clock_offset;
            out.push((at, effect.shifted_back(self.clock_offset)));
        }
        if !self.outbox.connects.is_empty() {
            let connects = std::mem::take(&mut self.outbox.connects);
            for (to, link) in &connects {
                self.try_connect(*to, *link, 0);
            }
            self.outbox.connects = connects;
            self.outbox.connects.clear();
        }
        if !self.outbox.packets.is_empty() {
            self.send_all(member, saved);
        }
        self.plan_cron(member);
    }

    /// Sends the packets in the outbox; a member that wrote `nodes.conf` (`saved`) is late by that.
    fn send_all(&mut self, member: Member, saved: bool) {
        let delay = if saved {
            self.spec.config_save
        } else {
            SimDuration::ZERO
        };
        for mut packet in self.outbox.packets.drain(..) {
            let node = &mut self.nodes[member.index()];
            if packet.link.owner == member {
                match node.peers.link(packet.to) {
                    Link::Open { incarnation, .. } => packet.incarnation = incarnation,
                    Link::Connecting { .. } => {
                        node.unsent.push(packet);
                        continue;
                    }
                    Link::Closed => {
                        self.stationery.recycle(packet);
                        continue;
                    }
                }
            }
            let answers = self.nodes[packet.to.index()].process.reads();
            self.network.send(packet, delay, answers, &self.spec);
        }
    }
}
