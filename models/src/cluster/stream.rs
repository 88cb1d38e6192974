//! The stream of writes: how much of it there is at any instant, who takes it, and what is lost of
//! it when a replica is promoted that had not got it.
//!
//! A shard's stream is a function of time, evaluated where somebody looks: the bytes of new keys,
//! exact to the key, and whole writes of mean size, evenly spaced, for as long as writes are let
//! in; and the DELs of scripts that people run (`deleting.rs`). The clients of a view write to one
//! node of a shard at a time (the one that they know, or its owner if that one sends them on); its
//! offset moves by their share of the writes.
//!
//! What a promotion loses is a window of time for each view: from the instant up to which the
//! promoted node had all acknowledged writes, until these clients write to no former primary any
//! more. Nothing is counted here; who was answered inside the window is found from the arrival
//! trees at the end.
//!
//! Left out: expiry and eviction, whose deletions go into the stream as well.

use rand::RngExt;
use sim::{SimDuration, SimTime, StreamKey};

use super::Cluster;
use super::node::Node;
use super::replication::{Stream, Taking};
use crate::event::Cx;
use crate::ids::{Id, NodeId, ShardId, ViewId};
use crate::ledger::LostAcks;
use crate::redis::capability::Condition;
use crate::redis::replication::{Cron, SECOND};

/// The bus draws from positions of the same stream; phases of crons are a sub-stream of it.
const CRON: u64 = u64::MAX;

/// A node's `replicationCron`, at a phase of its own.
pub(super) fn cron(key: StreamKey, node: NodeId) -> Cron {
    let phase = key.child(CRON).at(node.index() as u64, 0).random::<f64>();
    Cron {
        phase: SimDuration::from_secs_f64(phase * SECOND.as_secs_f64()),
    }
}

impl Cluster {
    /// Bytes of writes to a shard that were accepted by `at`, if writes stay as they are.
    pub(super) fn stream(&self, shard: ShardId, at: SimTime) -> u64 {
        let share = self.topology.shares[shard];
        let rate = self.replication.other_writes * share / self.replication.write_size.max(1.0);
        let writes = (rate * self.dataset.growth.open_for(at).as_secs_f64()).floor();
        let deletes: f64 = self
            .replication
            .deleting
            .iter()
            .map(|ramp| ramp.by(at))
            .sum();
        (self.dataset.growth.added_at(at) * share) as u64
            + (writes * self.replication.write_size) as u64
            + (deletes * share) as u64
            + self.moved_by(shard, at) as u64
    }

    /// A node's offset at `at`, which is at most a network delay back.
    pub(super) fn offset(&self, node: NodeId, at: SimTime) -> u64 {
        let shard = self.topology[node].shard;
        let Stream {
            lineage, taking, ..
        } = &self.replication[node];
        let taken = taking.map_or(0, |taking| taking.of(self.stream(shard, at)));
        lineage.offset() + taken
    }

    /// Brings a node's lineage up to date.
    pub(super) fn note_offset(&mut self, node: NodeId, now: SimTime) {
        if let Some(Taking { share, .. }) = self.replication[node].taking {
            let offset = self.offset(node, now);
            let mark = self.stream(self.topology[node].shard, now);
            self.replication[node].lineage.advance_to(offset);
            self.replication[node].taking = Some(Taking { mark, share });
        }
    }

    /// Whatever goes by the rate of writes, or by a shard's share of them, is brought up to now,
    /// before one of these changes.
    pub(super) fn bring_up_streams(&mut self, cx: &mut Cx) {
        let stored = self.dataset.growth.size_at(cx.now);
        self.settle_tables(stored, cx);
        self.note_all_saves(cx.now);
        for node in self.nodes() {
            self.note_offset(node, cx.now);
        }
    }

    /// It has changed: streams go on from here.
    pub(super) fn mark_streams(&mut self, cx: &mut Cx) {
        for shard in self.shards() {
            let mark = self.stream(shard, cx.now);
            for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
                if let Some(taking) = &mut self.replication[node].taking {
                    taking.mark = mark;
                }
            }
        }
        self.dataset.settled = None;
        self.plan_streams(cx);
    }

    /// Clients write to these nodes of the shard from now on: each view to the one that it knows,
    /// or, if that is a replica and sends it on, to the owner.
    pub(super) fn take_writes(&mut self, shard: ShardId, now: SimTime) {
        let takes = |view: ViewId| {
            let known = self.known_to(view, shard);
            let sent_on = !self.topology[known].primary;
            let node = if sent_on {
                self.topology.owners[shard]
            } else {
                known
            };
            (node, self.clients.views[view].writes)
        };
        let writes = |view: &ViewId| {
            let known = self.known_to(*view, shard);
            !self.clients.is_stranded(*view, known)
        };
        let writing = self.clients.ids().filter(writes);
        let takers: Vec<(NodeId, f64)> = writing.map(takes).collect();
        let mark = self.stream(shard, now);
        for node in self.topology.ids() {
            if self.topology[node].shard == shard {
                self.note_offset(node, now);
                let its = takers.iter().filter(|(taker, _)| *taker == node);
                let share: f64 = its.map(|(_, share)| share).sum();
                self.replication[node].taking = (share > 0.0).then_some(Taking { mark, share });
            }
        }
    }

    /// The replica of a shard that has most of what was acknowledged, of those that are fit.
    pub(super) fn best_replica(
        &self,
        shard: ShardId,
        now: SimTime,
        fit: impl Fn(&NodeId) -> bool,
    ) -> Option<NodeId> {
        let mut replicas = self.topology.replicas_of(shard);
        replicas.retain(fit);
        // Of equals the first, as `max_by_key` would take the last.
        replicas.reverse();
        let covered = |n: &NodeId| self.replication.covered(*n, now, self.redis.latency);
        replicas.into_iter().max_by_key(covered)
    }

    /// A promotion puts on record what it loses; clients add to it while they write to a former
    /// primary.
    pub(super) fn lose_writes(&mut self, shard: ShardId, promoted: NodeId, cx: &mut Cx) {
        let from = self
            .replication
            .covered(promoted, cx.now, self.redis.latency);
        for view in self.clients.ids() {
            let (to, cluster) = (cx.end, self.id);
            self.clients.loses(view, shard, cx.ledger.lost_acks.len());
            cx.ledger.lost_acks.push(LostAcks {
                from,
                to,
                cluster,
                shard,
                view,
            });
        }
    }

    /// A process starts, and does not know where it stood, or it goes on after it hung.
    ///
    /// A primary that hung under load finds its clients' last commands in its sockets and executes
    /// them before it reads from the bus that it was deposed (rule P7): it has diverged.
    pub(super) fn process_changed(
        &mut self,
        node: NodeId,
        before: Condition,
        after: Condition,
        cx: &mut Cx,
    ) {
        self.note_offset(node, cx.now);
        if matches!(before, Condition::Killed | Condition::HostLost) {
            let history = self.replication.new_history();
            self.replication[node].restart(history);
        }
        if after.hangs() && !before.hangs() {
            self.replication[node].queued = self.clients.writing_to(node);
        }
        if after.hangs() != before.hangs() {
            self.note_saves(node, cx.now);
            if let Some(clock) = self.persistence.clock_mut(node) {
                clock.set_paused(after.hangs(), cx.now);
            }
        }
        let Node { primary, shard, .. } = &self.topology[node];
        let deposed = *primary && self.topology.owners[*shard] != node;
        let stood = before.hangs() || before == Condition::Busy;
        if stood && after.streams() && after != Condition::Busy && deposed {
            self.note_needless(node, cx);
        }
        if before.hangs() && after.streams() && deposed && self.replication[node].queued > 0.0 {
            let (commands, writes) = self.clients.commands;
            let writes = writes / commands.max(1e-9);
            let queued =
                (f64::from(self.redis.connections) * writes * self.replication[node].queued)
                    .floor();
            let offset = self.replication[node].lineage.offset();
            let more = (queued * self.replication.write_size) as u64;
            self.replication[node].lineage.advance_to(offset + more);
        }
    }

    /// A primary that hung goes on, and another node was promoted meanwhile: in vain, if no client
    /// has left the old one yet.
    fn note_needless(&self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        let mut views = self.clients.ids();
        if views.all(|view| self.known_to(view, shard) == node) {
            cx.ledger.false_failovers += 1;
            cx.ledger.trace(cx.now, || {
                let [old, new] = [node, self.topology.owners[shard]].map(|n| self.node_name(n));
                format!("{old} goes on before any client has left it: {new} was not needed")
            });
        }
    }

    /// A replica now belongs to another shard: nothing that it has counts there.
    pub(super) fn change_shard(&mut self, node: NodeId, shard: ShardId, cx: &Cx) {
        self.note_offset(node, cx.now);
        self.note_saves(node, cx.now);
        let history = self.replication.new_history();
        self.topology.move_to(node, shard);
        let moved = &mut self.replication[node];
        moved.restart(history);
        moved.covered = SimTime::ZERO;
        moved.taking = None;
    }

    /// All nodes of a shard hold the same data, in a new history.
    pub(super) fn copy_all(&mut self, shard: ShardId, cx: &mut Cx) {
        for view in self.clients.ids() {
            self.clients.end_losses(view, shard, cx);
        }
        let history = self.replication.new_history();
        let owner = self.topology.owners[shard];
        let replicas = self.topology.replicas_of(shard);
        for n in replicas.iter().chain([&owner]) {
            let source = (*n != owner).then_some(owner);
            let alone = replicas.is_empty();
            self.replication
                .reset_topology(*n, history, source, alone, cx.now);
        }
        self.take_writes(shard, cx.now);
    }

    /// The cluster's state is reset: all of a shard follow its owner.
    pub(super) fn reset_topology(&mut self, shard: ShardId, cx: &mut Cx) {
        let owner = self.topology.owners[shard];
        for node in self.topology.replicas_of(shard) {
            if self.replication[node].follows != Some(owner) {
                self.follow_primary(node, owner, cx);
                self.drain(cx);
            }
        }
    }
}
