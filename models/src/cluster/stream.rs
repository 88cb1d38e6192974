//! The stream of writes: how much of it there is at any instant, who takes it, and what is lost of
//! it when a replica is promoted that had not got it.
//!
//! A shard's stream is a function of time, evaluated where somebody looks: the bytes of new keys,
//! exact to the key, and whole writes of mean size, evenly spaced, for as long as writes are let
//! in. Clients write to one node of a shard at a time (the one that they know, or its owner if that
//! one sends them on), and only there the offset moves.
//!
//! What a promotion loses is a window of time: from the instant up to which the promoted node had
//! all acknowledged writes, until clients write to no former primary any more. Nothing is counted
//! here; who was answered inside the window is found from the arrival trees at the end.
//!
//! Left out: several clients with different views of the owner (see ASSUMPTIONS.md); expiry and
//! eviction, whose deletions go into the stream as well.

use rand::RngExt;
use sim::{SimDuration, SimTime, StreamKey};

use super::node::Link;
use super::{Cluster, Node};
use crate::event::Cx;
use crate::layout::ClusterPlan;
use crate::redis::capability::Condition;
use crate::redis::replication::{Cron, History, Lineage, SECOND};
use crate::spec::{SystemSpec, WorkloadSpec};
use failover::cluster_bus::ReplicaLink;

/// The bus draws from positions of the same stream; phases of crons are a sub-stream of it.
const CRON: u64 = u64::MAX;

/// A node's `replicationCron`, at a phase of its own.
pub(super) fn cron(key: StreamKey, node: usize) -> Cron {
    let phase = key.child(CRON).at(node as u64, 0).random::<f64>();
    Cron {
        phase: SimDuration::from_secs_f64(phase * SECOND.as_secs_f64()),
    }
}

/// Bytes per second of writes that add no key.
pub(super) fn other_writes(plan: &ClusterPlan, spec: &SystemSpec) -> f64 {
    let of = |workload: &WorkloadSpec| {
        let writes = workload.commands.get() * workload.writes.get() - workload.new_keys.get();
        writes.max(0.0) * workload.write_size.as_f64()
    };
    let writes: f64 = plan.workloads.iter().map(|w| of(&spec.workloads[*w])).sum();
    writes * plan.part
}

/// Mean size of a write over all workloads; zero if nobody writes.
pub(super) fn write_size(plan: &ClusterPlan, spec: &SystemSpec) -> f64 {
    let writes = |workload: &WorkloadSpec| workload.commands.get() * workload.writes.get();
    let workloads = || plan.workloads.iter().map(|w| &spec.workloads[*w]);
    let all: f64 = workloads().map(writes).sum();
    let bytes: f64 = workloads().map(|w| writes(w) * w.write_size.as_f64()).sum();
    if all > 0.0 { bytes / all } else { 0.0 }
}

impl Cluster {
    /// Bytes of writes to a shard that were accepted by `at`, if writes stay as they are.
    fn stream(&self, shard: usize, at: SimTime) -> u64 {
        let share = self.shares[shard];
        let rate = self.other_writes * share / self.write_size.max(1.0);
        let writes = (rate * self.growth.open_for(at).as_secs_f64()).floor();
        (self.growth.added_at(at) * share) as u64 + (writes * self.write_size) as u64
    }

    /// A node's offset at `at`, which is at most a network delay back.
    pub(super) fn offset(&self, node: usize, at: SimTime) -> u64 {
        let Node {
            lineage,
            taking,
            shard,
            ..
        } = &self.nodes[node];
        let taken = taking.map_or(0, |mark| self.stream(*shard, at).saturating_sub(mark));
        lineage.offset() + taken
    }

    /// Brings a node's lineage up to date.
    pub(super) fn note_offset(&mut self, node: usize, now: SimTime) {
        if self.nodes[node].taking.is_some() {
            let offset = self.offset(node, now);
            let mark = self.stream(self.nodes[node].shard, now);
            self.nodes[node].lineage.advance_to(offset);
            self.nodes[node].taking = Some(mark);
        }
    }

    /// Clients write to one node of the shard from now on: the one that they know, or, if that is a
    /// replica and sends them on, the owner.
    pub(super) fn take_writes(&mut self, shard: usize, now: SimTime) {
        let known = self.known_owner(shard);
        let taker = if self.nodes[known].primary {
            known
        } else {
            self.owners[shard]
        };
        let mark = self.stream(shard, now);
        for node in 0..self.nodes.len() {
            if self.nodes[node].shard == shard {
                self.note_offset(node, now);
                self.nodes[node].taking = (node == taker).then_some(mark);
            }
        }
    }

    /// A name for a new history.
    pub(super) fn new_history(&mut self) -> History {
        self.histories += 1;
        History(self.histories)
    }

    /// Up to when a replica's data hold what was acknowledged. One that catches up is taken to have
    /// nothing of it yet: some milliseconds too little, seconds after a full synchronisation.
    pub(super) fn covered(&self, node: usize, now: SimTime) -> SimTime {
        match self.nodes[node].link {
            Link::Streaming => now.saturating_sub(self.redis.latency),
            Link::CatchingUp { from, .. } => from,
            Link::None
            | Link::Apart { .. }
            | Link::Waiting { .. }
            | Link::Receiving(_)
            | Link::Loading(_) => self.nodes[node].covered,
        }
    }

    /// The replica of a shard that has most of what was acknowledged, of those that are fit.
    pub(super) fn best_replica(
        &self,
        shard: usize,
        now: SimTime,
        fit: impl Fn(&usize) -> bool,
    ) -> Option<usize> {
        let mut replicas = self.replicas_of(shard);
        replicas.retain(fit);
        // Of equals the first, as `max_by_key` would take the last.
        replicas.reverse();
        replicas.into_iter().max_by_key(|n| self.covered(*n, now))
    }

    /// Does a replica hold its primary's data, if not the latest?
    pub(super) fn has_data(&self, node: usize) -> bool {
        match self.nodes[node].link {
            Link::Streaming | Link::CatchingUp { .. } => true,
            Link::Apart { .. } => self.nodes[node].positioned,
            Link::None | Link::Waiting { .. } | Link::Receiving(_) | Link::Loading(_) => false,
        }
    }

    /// A promotion puts on record what it loses; clients add to it while they write to a former
    /// primary.
    pub(super) fn lose_writes(&mut self, shard: usize, promoted: usize, cx: &mut Cx) {
        let from = self.covered(promoted, cx.now);
        self.losses[shard].push(cx.ledger.lost_acks.len());
        cx.ledger.lost_acks.push((from, cx.end, self.id));
    }

    /// No client writes to a former primary of the shard any more.
    pub(super) fn end_losses(&mut self, shard: usize, cx: &mut Cx) {
        for loss in self.losses[shard].drain(..) {
            cx.ledger.lost_acks[loss].1 = cx.now;
        }
    }

    /// A process starts, and does not know where it stood, or it goes on after it hung.
    ///
    /// A primary that hung under load finds its clients' last commands in its sockets and executes
    /// them before it reads from the bus that it was deposed (rule P7): it has diverged.
    pub(super) fn process_changed(
        &mut self,
        node: usize,
        before: Condition,
        after: Condition,
        cx: &Cx,
    ) {
        self.note_offset(node, cx.now);
        if matches!(before, Condition::Killed | Condition::HostLost) {
            let history = self.new_history();
            self.nodes[node].lineage.restart(history);
            self.nodes[node].positioned = false;
            self.nodes[node].heard = ReplicaLink::NeverSynced;
        }
        let hangs = |condition| matches!(condition, Condition::Hung | Condition::Stalled);
        if hangs(after) && !hangs(before) {
            self.nodes[node].queued = self.nodes[node].known;
        }
        let Node { primary, shard, .. } = self.nodes[node];
        let deposed = primary && self.owners[shard] != node;
        if hangs(before) && after.streams() && deposed && self.nodes[node].queued {
            let writes = self.commands.1 / self.commands.0.max(1e-9);
            let queued = (f64::from(self.redis.connections) * writes).floor();
            let offset = self.nodes[node].lineage.offset();
            let more = (queued * self.write_size) as u64;
            self.nodes[node].lineage.advance_to(offset + more);
        }
    }

    /// A replica now belongs to another shard: nothing that it has counts there.
    pub(super) fn change_shard(&mut self, node: usize, shard: usize, cx: &Cx) {
        self.note_offset(node, cx.now);
        let history = self.new_history();
        let moved = &mut self.nodes[node];
        moved.shard = shard;
        moved.lineage.restart(history);
        moved.positioned = false;
        moved.heard = ReplicaLink::NeverSynced;
        moved.covered = SimTime::ZERO;
        moved.taking = None;
    }

    /// All nodes of a shard hold the same data, in a new history.
    pub(super) fn copy_all(&mut self, shard: usize, cx: &mut Cx) {
        self.end_losses(shard, cx);
        let history = self.new_history();
        let owner = self.owners[shard];
        let replicas = self.replicas_of(shard);
        for n in replicas.iter().chain([&owner]) {
            let node = &mut self.nodes[*n];
            node.lineage = Lineage::new(history);
            node.follows = (*n != owner).then_some(owner);
            node.link = if *n == owner {
                Link::None
            } else {
                Link::Streaming
            };
            node.positioned = true;
            node.heard = ReplicaLink::Up;
            node.covered = cx.now;
            node.taking = None;
            node.alone = (*n == owner && replicas.is_empty()).then_some(cx.now);
            node.soft_since = None;
            node.wait += 1;
        }
        self.take_writes(shard, cx.now);
    }

    /// The cluster's state is set up anew: all of a shard follow its owner.
    pub(super) fn set_up_anew(&mut self, shard: usize, cx: &mut Cx) {
        let owner = self.owners[shard];
        for node in self.replicas_of(shard) {
            if self.nodes[node].follows != Some(owner) {
                self.follow_primary(node, owner, cx);
                self.drain(cx);
            }
        }
    }
}
