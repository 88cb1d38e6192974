//! Redis Sentinel: how a group of Sentinels finds out that a primary is gone, who of them replaces
//! it, and how the others and their clients learn of it.
//!
//! One [`SentinelGroup`] holds the Sentinels that watch one primary, and the data nodes as far as
//! they answer them; yet each Sentinel decides from its own view only, and views change through
//! messages and timers. It does no I/O and keeps its own agenda: the world tells it what happened
//! (`set_node`, `set_sentinel`, `set_reachable`, …), asks [`SentinelGroup::next_at`] when it wants
//! to be called again, and calls [`SentinelGroup::advance`] then.
//!
//! ```text
//!   primary stops ──► no acceptable answer to PING for down-after: SDOWN, in each Sentinel's view
//!                ──► they ask each other: a quorum says so: ODOWN
//!                ──► one asks for votes, a majority of all Sentinels gives them: leader
//!                ──► it picks a replica: SLAVEOF NO ONE; sees it as a primary in INFO
//!                ──► HELLO: the others switch; SLAVEOF for the other replicas; the leader switches
//! ```
//!
//! ```
//! use failover::sentinel::*;
//! use sim::{Purpose, SimDuration, SimTime, Streams};
//! # let spec = SentinelSpec {
//! #     sentinels: 3,
//! #     quorum: 2,
//! #     down_after: SimDuration::from_secs(30),
//! #     failover_timeout: SimDuration::from_mins(3),
//! #     parallel_syncs: 1,
//! #     master_reboot_down_after: SimDuration::ZERO,
//! #     latency: SimDuration::from_micros(250),
//! #     config_save: SimDuration::from_millis(3),
//! # };
//! let node = |role| NodeInit { role, priority: 100 };
//! let replica = NodeRole::Replica { of: Node(0) };
//! let nodes = [node(NodeRole::Primary), node(replica), node(replica)];
//! let key = Streams::for_trial(1, 1).key(Purpose(1), 0);
//! let mut group = SentinelGroup::new(spec, &nodes, key, SimTime::ZERO);
//! assert_eq!(group.next_at(), None, "a healthy group sleeps");
//!
//! let mut heard = SentinelEffects::new();
//! let fault = SimTime::ZERO + SimDuration::from_hours(1);
//! let dead = NodeTruth { process: Process::Dead, ..group.node_truth(Node(0)) };
//! group.set_node(fault, Node(0), dead, &mut heard);
//! while let Some(next) = group.next_at() {
//!     let known = heard.len();
//!     group.advance(next, &mut heard); // in a world: at an event of its agenda
//!     for (at, effect) in heard[known..].to_vec() {
//!         if let SentinelEffect::Reconfigure { node, new_primary, .. } = effect {
//!             let synced = NodeTruth::replica(new_primary); // in a world: when it has copied
//!             group.set_node(at, node, synced, &mut heard);
//!         }
//!     }
//! }
//! let promoted = |e: &SentinelEffect| matches!(e, SentinelEffect::Promote { .. });
//! assert!(heard.iter().any(|(_, effect)| promoted(effect)));
//! assert_ne!(group.view(Sentinel(0)).primary(), Node(0));
//! ```
//!
//! After any call `next_at` may be earlier or later than before. Effects come with their instants,
//! in order. What the world keeps true: `set_node` whenever a node's process, its answers, its role
//! or its stream change, and offsets before a failover among replicas that hold different amounts
//! of data. A node that obeys SLAVEOF plays its new role here at once; the world says when its
//! stream is up.
//!
//! Which rule stands where: S1 `ticks` · S2-S6, S13, S14 `link` · S7, S12 `info` · S8 `hello` · S9,
//! S10 `down` · S11 `timer` · start gate, votes `election` · candidates, promotion,
//! reconfiguration, end `failover` · what nodes answer (S3) `data_node`, `effect` · restarts and
//! partitions `process` · connections and lost messages `network`, `connections` · sleeping while
//! nothing changes `dormancy`, `settled`, `relink`. Each file names the Redis source behind it.
//!
//! Left out, with the way it biases results: several primaries under one group (they share only
//! PINGs between Sentinels); SENTINEL RESET, REMOVE and SET; notification scripts; processing time
//! inside event loops (part of the latency); `maxclients` at the nodes (a Sentinel that must
//! reconnect would hold a full node for down); clocks that are set while they run.

mod birth;
mod connections;
mod data_node;
mod dormancy;
mod down;
mod effect;
mod election;
mod failover;
mod hello;
mod ids;
mod info;
mod link;
mod message;
mod network;
mod process;
mod relink;
mod settled;
mod spec;
mod ticks;
mod timer;
mod view;
mod watcher;

pub use effect::{
    Abort, ManualFailoverError, NodeRole, NodeTruth, PingReply, Process, ReplicaLink,
    SentinelEffect,
};
pub use ids::{Node, Party, Sentinel};
pub use spec::{NodeInit, SentinelSpec, node_problems};
pub use view::View;

use sim::{SimDuration, SimTime, StreamKey};

use data_node::DataNode;
use dormancy::Dormancy;
use network::Network;
use ticks::ms_of;
use watcher::{Cx, Outbox, Watcher};

/// What happened, each at its instant, in order.
pub type SentinelEffects = Vec<(SimTime, SentinelEffect)>;

/// All Sentinels that watch one primary, its data nodes, and the messages between them.
#[derive(Clone, Debug)]
pub struct SentinelGroup {
    spec: SentinelSpec,
    key: StreamKey,
    /// What to add to the world's time to get the group's clock: far from zero, as a Unix time is,
    /// and at a random place within its second.
    clock_offset: SimDuration,
    watchers: Vec<Watcher>,
    nodes: Vec<DataNode>,
    network: Network,
    dormancy: Dormancy,
    outbox: Outbox,
    /// No message leaves a Sentinel before an earlier one.
    departed: Vec<SimTime>,
}

impl SentinelGroup {
    /// When the group next has something to do. While it is dormant: never, or shortly before the
    /// next attempt to replace a primary that could not be replaced.
    pub fn next_at(&self) -> Option<SimTime> {
        self.network
            .next_due()
            .map(|due| due.saturating_sub(self.clock_offset))
    }

    /// Handles everything that is due until `now`, and at it.
    pub fn advance(&mut self, now: SimTime, out: &mut SentinelEffects) {
        let until = now + self.clock_offset;
        while let Some(event) = self.network.pop_due(until) {
            self.handle(event, out);
        }
        self.network.reach(until);
    }

    /// The configuration that this group runs with.
    pub fn spec(&self) -> &SentinelSpec {
        &self.spec
    }

    /// What `sentinel` would tell a client that asks it, if its process runs.
    pub fn view(&self, sentinel: Sentinel) -> View<'_> {
        View::new(&self.watchers[sentinel.index()])
    }

    /// What the group was last told about a node, or what the node has obeyed since.
    pub fn node_truth(&self, node: Node) -> NodeTruth {
        self.nodes[node.index()]
            .truth
            .shifted_back(self.clock_offset)
    }

    /// What a Sentinel's process does.
    pub fn sentinel_process(&self, sentinel: Sentinel) -> Process {
        self.watchers[sentinel.index()].process
    }

    /// The data nodes of this group.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..u16::try_from(self.nodes.len()).expect("at most 65535 nodes")).map(Node)
    }

    /// The Sentinels of this group.
    pub fn sentinels(&self) -> impl Iterator<Item = Sentinel> + use<> {
        (0..self.spec.sentinels).map(Sentinel)
    }

    /// Reports an effect, in the world's time.
    fn emit(&self, effect: SentinelEffect, out: &mut SentinelEffects) {
        out.push((self.network.now() - self.clock_offset, effect));
    }

    /// Lets a Sentinel act: one turn of its event loop, with the timer at its end if that is due.
    /// Then carries out what it wanted.
    fn act<R>(
        &mut self,
        sentinel: Sentinel,
        out: &mut SentinelEffects,
        action: impl FnOnce(&mut Watcher, &mut Cx) -> R,
    ) -> R {
        let now = self.network.now();
        let watcher = &mut self.watchers[sentinel.index()];
        assert!(
            watcher.process == Process::Running,
            "only a running process acts"
        );
        let mut cx = Cx {
            me: sentinel,
            ms: ms_of(now),
            spec: &self.spec,
            out: &mut self.outbox,
        };
        let result = action(watcher, &mut cx);
        let timer = watcher.ticks.wake(now);
        if timer {
            watcher.timer(&mut cx);
        }
        self.ship(sentinel, timer, out);
        self.plan_timer(sentinel);
        result
    }
}
