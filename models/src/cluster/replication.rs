//! What each node's stream from its primary is at.

use std::ops::{Index, IndexMut};

use sim::{SimDuration, SimTime, StreamKey};

use super::deleting::Ramp;
use super::paces::Paces;
use super::stream;
use super::topology::Topology;
use crate::ids::{Fleet, Id, NodeId, ShardId};
use crate::layout::ClusterPlan;
use crate::redis::replication::{Cron, History, Lineage};
use crate::spec::SystemSpec;
use failover::cluster_bus::ReplicaLink;

/// The streams of writes between a cluster's nodes.
#[derive(Clone, Debug)]
pub(super) struct Replication {
    pub streams: Fleet<NodeId, Stream>,
    /// For each node its replicas, in order.
    copied_by: Fleet<NodeId, Vec<NodeId>>,
    /// Histories of writes that there were so far.
    histories: u32,
    /// Bytes per second that go into the stream besides those of new keys.
    pub other_writes: f64,
    /// What scripts that delete keys add.
    pub deleting: Vec<Ramp>,
    /// What slots on the move add to the stream of a shard.
    pub moving: Vec<(ShardId, Ramp)>,
    /// Mean size of a write.
    pub write_size: f64,
}

/// A node's stream of writes, as the one who sends it or gets it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stream {
    /// The primary that it copies; none if it is one. Set by [`Replication::set_source`].
    pub follows: Option<NodeId>,
    /// How that goes.
    pub link: Link,
    /// What its bus was told of that last.
    pub heard: ReplicaLink,
    /// Where its data stand: up to date whenever its stream stands still.
    pub lineage: Lineage,
    /// Can it ask to go on from there? Not after a full resync that came to nothing.
    pub positioned: bool,
    /// Its data hold all that was acknowledged up to then, unless its stream runs.
    pub covered: SimTime,
    /// What clients write to this node, if any do.
    pub taking: Option<Taking>,
    /// The share of clients whose commands are in its sockets while it hangs, or were when it hung
    /// last.
    pub queued: f64,
    /// A primary without replicas, since when.
    pub alone: Option<SimTime>,
    /// A primary counts so many replicas that left it behind a cut, each until then: it has not
    /// heard of that.
    pub left_by: Vec<SimTime>,
    /// Its `replicationCron`.
    pub cron: Cron,
    /// Since when its source holds more for it than it may for long.
    pub soft_since: Option<SimTime>,
    /// What its stream waits for, and the number of that wait; an abandoned one says nothing.
    pub due: Option<Due>,
    /// See `due`.
    pub wait: u32,
}

/// The part of a shard's writes that goes to one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taking {
    /// The shard's stream when the node's lineage was up to date last.
    pub mark: u64,
    /// Its share of the writes.
    pub share: f64,
}

impl Taking {
    /// What it has taken of a stream that has come this far.
    pub fn of(self, stream: u64) -> u64 {
        let all = stream.saturating_sub(self.mark);
        if self.share < 1.0 {
            (all as f64 * self.share) as u64
        } else {
            all
        }
    }
}

/// A replica's stream from its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is a primary.
    None,
    /// All writes arrive, a network delay later.
    Streaming,
    /// Nothing arrives.
    Down {
        /// Since when.
        since: SimTime,
        /// Why.
        why: DisconnectCause,
        /// Since when the connection is gone; before, the primary keeps what it could not send. A
        /// replica whose kernel repeats its SYN: when the process that is gone answers that.
        closed_at: Option<SimTime>,
        /// The primary counts it no longer for `min-replicas-to-write`.
        lagging: bool,
        /// Both sides can talk again, and will find out then.
        reconnects_at: Option<SimTime>,
    },
    /// It has asked for a full resync.
    Waiting {
        /// When.
        since: SimTime,
    },
    /// The child saves, and sends to it.
    Receiving(Copying),
    /// It loads what it has received.
    Loading(Copying),
    /// It applies what was held for it meanwhile.
    CatchingUp {
        /// Up to when it had the writes as it began.
        from: SimTime,
        /// When it began.
        began: SimTime,
        /// When it will have them all.
        ends: SimTime,
    },
}

/// A full resync under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copying {
    /// When the child was forked: what it saves is of then.
    pub began: SimTime,
    /// The source's offset then.
    pub offset: u64,
    /// When the child is done.
    pub saved: SimTime,
    /// When the present stage ends.
    pub ends: SimTime,
    /// Since when the source hangs, and sends nothing.
    pub stalled: Option<SimTime>,
    /// The source has cut the replica off, which does not know it yet.
    pub cut_off: bool,
}

/// Why a replica and its primary are disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DisconnectCause {
    /// One of them hangs; the other's kernel connects and waits.
    Hung,
    /// A process is gone, or one of them ended the connection: who connects is told at once.
    Gone,
    /// The network between them is cut.
    Cut,
}

/// What a replica's stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Both can talk again.
    Rejoin,
    /// The connection is given up: too long a silence, or too much is held.
    Tear,
    /// The primary counts it no longer.
    Lag,
    /// The source forks for it, and for all who wait.
    Fork,
    /// It has received everything.
    Received,
    /// It has loaded everything.
    Loaded,
    /// It has all writes.
    CaughtUp,
    /// The source holds more for it than it may for long.
    SoftLimit,
    /// The source holds more for it than it may.
    CutOff,
}

impl Link {
    /// The copy that it is getting.
    fn copying(self) -> Option<Copying> {
        let (Link::Receiving(copying) | Link::Loading(copying)) = self else {
            return None;
        };
        Some(copying)
    }

    /// Does the connection stand, with what could not be sent held at the primary?
    fn is_held(self) -> bool {
        matches!(
            self,
            Link::Down {
                closed_at: None,
                ..
            }
        )
    }
}

impl Stream {
    /// Its process starts, and does not know where it stood.
    pub fn restart(&mut self, history: History) {
        self.lineage.restart(history);
        self.positioned = false;
        self.heard = ReplicaLink::NeverSynced;
        self.left_by.clear();
    }

    /// What its node says of it once it has no connection any more: `repl_down_since` is set when a
    /// connected replica loses its primary, and only then (replication.c:
    /// replicationHandleMasterDisconnection).
    pub fn link_lost(&self, now: SimTime) -> ReplicaLink {
        match self.heard {
            ReplicaLink::Up | ReplicaLink::Silent { .. } => ReplicaLink::Down { since: now },
            ReplicaLink::Down { since } => ReplicaLink::Down { since },
            ReplicaLink::NeverSynced => ReplicaLink::NeverSynced,
        }
    }

    /// It is a primary's from now on: a new history, from where it ended.
    fn promote(&mut self, history: History, now: SimTime) {
        if self.positioned {
            self.lineage.promote(history);
        } else {
            self.lineage.restart(history);
        }
        self.positioned = true;
        self.link = Link::None;
        self.wait += 1;
        self.alone = Some(now);
    }

    /// Its node has all of its shard's data, in a new history.
    fn reset_topology(&mut self, history: History, alone: bool, now: SimTime) {
        self.lineage = Lineage::new(history);
        self.link = if self.follows.is_none() {
            Link::None
        } else {
            Link::Streaming
        };
        self.positioned = true;
        self.heard = ReplicaLink::Up;
        self.covered = now;
        self.taking = None;
        self.alone = (self.follows.is_none() && alone).then_some(now);
        self.soft_since = None;
        self.wait += 1;
    }
}

impl Replication {
    /// Every replica of `topology` follows its shard's owner, and has all that it has.
    pub fn new(
        spec: &SystemSpec,
        plan: &ClusterPlan,
        topology: &Topology,
        key: StreamKey,
    ) -> Replication {
        let stream = |node: NodeId| {
            let shard = topology[node].shard;
            let owner = topology.owners[shard];
            let (follows, link) = if node == owner {
                (None, Link::None)
            } else {
                (Some(owner), Link::Streaming)
            };
            let history = History(shard.index() as u32);
            Stream {
                follows,
                link,
                heard: ReplicaLink::Up,
                lineage: Lineage::new(history),
                positioned: true,
                covered: SimTime::ZERO,
                taking: None,
                queued: 0.0,
                alone: (spec.redis.replicas == 0).then_some(SimTime::ZERO),
                left_by: Vec::new(),
                cron: stream::cron(key, node),
                soft_since: None,
                due: None,
                wait: 0,
            }
        };
        let paces = Paces::new(spec, plan);
        let streams: Fleet<NodeId, Stream> = topology.ids().map(stream).collect();
        let mut copied_by = Fleet::alike(&streams, Vec::new());
        for (node, stream) in streams.iter() {
            if let Some(source) = stream.follows {
                copied_by[source].push(node);
            }
        }
        Replication {
            streams,
            copied_by,
            histories: topology.shares.len() as u32,
            other_writes: paces.other_writes(),
            write_size: paces.write_size(),
            deleting: Vec::new(),
            moving: Vec::new(),
        }
    }

    /// Those who copy `node`, as far as they know.
    pub fn followers(&self, node: NodeId) -> Vec<NodeId> {
        self.copied_by[node].clone()
    }

    fn copying_from(&self, source: NodeId) -> impl Iterator<Item = &Stream> + '_ {
        self.copied_by[source].iter().map(|node| &self[*node])
    }

    /// Sets the primary that a node copies, or none; returns the one before.
    pub fn set_source(&mut self, node: NodeId, source: Option<NodeId>) -> Option<NodeId> {
        let before = std::mem::replace(&mut self[node].follows, source);
        if let Some(before) = before {
            self.copied_by[before].retain(|copy| *copy != node);
        }
        if let Some(source) = source {
            let copies = &mut self.copied_by[source];
            let place = copies.partition_point(|copy| *copy < node);
            copies.insert(place, node);
        }
        before
    }

    /// A replica is a primary from now on: a new history, from where its stream ended.
    pub fn promote(&mut self, node: NodeId, now: SimTime) {
        let history = self.new_history();
        self.set_source(node, None);
        self[node].promote(history, now);
    }

    /// A node has all of its shard's data, in this history; `alone`: the shard has no replicas.
    pub fn reset_topology(
        &mut self,
        node: NodeId,
        history: History,
        source: Option<NodeId>,
        alone: bool,
        now: SimTime,
    ) {
        self.set_source(node, source);
        self[node].reset_topology(history, alone, now);
    }

    /// A name for a new history.
    pub fn new_history(&mut self) -> History {
        self.histories += 1;
        History(self.histories)
    }

    /// Replicas that acknowledge a write as soon as they are asked: those whose stream runs.
    pub fn acknowledging(&self, primary: NodeId) -> usize {
        let copies = self.copying_from(primary);
        copies
            .filter(|stream| stream.link == Link::Streaming)
            .count()
    }

    /// Replicas that have answered a primary lately, as it sees it (R10).
    pub fn good_replicas(&self, primary: NodeId) -> usize {
        let good = |stream: &&Stream| match stream.link {
            Link::Streaming | Link::CatchingUp { .. } => true,
            Link::Down {
                closed_at, lagging, ..
            } => closed_at.is_none() && !lagging,
            Link::None | Link::Waiting { .. } | Link::Receiving(_) | Link::Loading(_) => false,
        };
        self.copying_from(primary).filter(good).count() + self[primary].left_by.len()
    }

    /// Has a primary any replicas connected? Its backlog's time to live runs while it has none.
    pub fn note_alone(&mut self, primary: NodeId, now: SimTime) {
        let connected = |stream: &Stream| match stream.link {
            Link::None => false,
            Link::Down { closed_at, .. } => closed_at.is_none(),
            Link::Streaming
            | Link::Waiting { .. }
            | Link::Receiving(_)
            | Link::Loading(_)
            | Link::CatchingUp { .. } => true,
        };
        let any = self.copying_from(primary).any(connected);
        let alone = &mut self[primary].alone;
        *alone = if any { None } else { alone.or(Some(now)) };
    }

    /// The copies of `source` that are being received.
    pub fn copies(&self, source: NodeId) -> impl Iterator<Item = Copying> + '_ {
        self.copying_from(source).filter_map(|stream| {
            let Link::Receiving(copying) = stream.link else {
                return None;
            };
            Some(copying)
        })
    }

    /// The replicas that wait for a copy of `source`, and since when.
    pub fn waiting(&self, source: NodeId) -> Vec<(NodeId, SimTime)> {
        let waits = |node: &NodeId| match self[*node].link {
            Link::Waiting { since } => Some((*node, since)),
            _ => None,
        };
        self.copied_by[source].iter().filter_map(waits).collect()
    }

    /// The offset from which on a source holds its stream for replicas, if it does: of all that
    /// wait for the same stream the slowest counts, since they share its blocks (replication.c:
    /// feedReplicationBuffer, from 7.0 on; before, each replica had a buffer of its own).
    pub fn held_from(&self, source: NodeId) -> Option<u64> {
        let from = |stream: &Stream| match stream.link.copying() {
            Some(copying) => (!copying.cut_off).then_some(copying.offset),
            None => stream.link.is_held().then(|| stream.lineage.offset()),
        };
        self.copying_from(source).filter_map(from).min()
    }

    /// Until when what a source holds for replicas only grows: the first of them has a stage behind
    /// it.
    pub fn holds_until(&self, source: NodeId) -> Option<SimTime> {
        let until = |stream: &Stream| match stream.link.copying() {
            Some(Copying {
                stalled: Some(_), ..
            }) => Some(SimTime::MAX),
            Some(copying) => Some(copying.ends),
            None => stream.link.is_held().then_some(SimTime::MAX),
        };
        self.copying_from(source).filter_map(until).min()
    }

    /// Up to when a replica's data hold what was acknowledged; `latency` is a network delay. One
    /// that catches up is taken to have nothing of it yet: some milliseconds too little, seconds
    /// after a full resync.
    pub fn covered(&self, node: NodeId, now: SimTime, latency: SimDuration) -> SimTime {
        match self[node].link {
            Link::Streaming => now.saturating_sub(latency),
            Link::CatchingUp { from, .. } => from,
            Link::None
            | Link::Down { .. }
            | Link::Waiting { .. }
            | Link::Receiving(_)
            | Link::Loading(_) => self[node].covered,
        }
    }

    /// Does a replica hold its primary's data, if not the latest?
    pub fn has_data(&self, node: NodeId) -> bool {
        match self[node].link {
            Link::Streaming | Link::CatchingUp { .. } => true,
            Link::Down { .. } => self[node].positioned,
            Link::None | Link::Waiting { .. } | Link::Receiving(_) | Link::Loading(_) => false,
        }
    }
}

impl Index<NodeId> for Replication {
    type Output = Stream;
    fn index(&self, node: NodeId) -> &Stream {
        &self.streams[node]
    }
}

impl IndexMut<NodeId> for Replication {
    fn index_mut(&mut self, node: NodeId) -> &mut Stream {
        &mut self.streams[node]
    }
}
