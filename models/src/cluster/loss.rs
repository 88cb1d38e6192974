//! What clusters lose of the data that they held: keys that are deleted, processes that start
//! empty, and replicas without data that are promoted. Caches are cold then, users are signed out,
//! and what was captured before and is nowhere else is lost.
//!
//! Writes that a failover loses are few, and are counted elsewhere (`stream.rs`). A process that
//! starts empty holds only what is written from then on.

use sim::SimTime;

use super::Cluster;
use super::evictions::OfShard;
use super::tables::Tables;
use crate::event::Cx;
use crate::ids::{Id, NodeId, ShardId};
use crate::spec::service::Keys;

/// A share of what a shard held is gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataLoss {
    /// When.
    pub at: SimTime,
    /// The shard.
    pub shard: ShardId,
    /// The workload, by position in the scenario; absent: all of them.
    pub workload: Option<usize>,
    /// The share; 0 if a failover has brought it back.
    pub share: f64,
}

/// A shard whose owner started without data, and how it stood before.
#[derive(Clone, Debug)]
pub(super) struct Emptied {
    at: SimTime,
    owner: NodeId,
    /// The number of the loss.
    loss: usize,
    tables: Tables,
    evictions: OfShard,
}

impl DataLoss {
    /// Is this workload concerned?
    pub fn concerns(&self, workload: usize) -> bool {
        self.workload.is_none_or(|of| of == workload)
    }
}

/// What a need notices of a loss: when, which of its lines (one for each shard, or one for all) and
/// the share.
pub type LostLine = (SimTime, usize, f64);

impl Cluster {
    /// What was lost so far, in time order.
    pub fn losses(&self) -> &[DataLoss] {
        &self.dataset.losses
    }

    /// What was lost of a workload, without the first `seen` losses, as a need sees it whose
    /// requests touch these keys. For one that touches all, shards that lose data at one instant
    /// are one loss.
    pub fn lost(&self, workload: usize, keys: Keys, seen: usize) -> Vec<LostLine> {
        let mut lines: Vec<LostLine> = Vec::new();
        let losses = self.dataset.losses[seen..].iter();
        for loss in losses.filter(|loss| loss.concerns(workload)) {
            let all = loss.share * self.topology.shares[loss.shard];
            match (keys, lines.last_mut()) {
                (Keys::One, _) => lines.push((loss.at, loss.shard.index(), loss.share)),
                (Keys::All, Some((at, _, share))) if *at == loss.at => {
                    *share = (*share + all).min(1.0);
                }
                (Keys::All, _) => lines.push((loss.at, 0, all)),
            }
        }
        lines
    }

    /// Keys of a workload are deleted on every shard.
    pub(super) fn note_deleted(&mut self, workload: usize, share: f64, now: SimTime) {
        for shard in self.shards() {
            self.dataset.emptied[shard] = None;
            self.lose_data(shard, Some(workload), share, now);
        }
    }

    /// What a shard had lost before is deleted with the rest, from what was ever stored: it must
    /// not be missing twice.
    pub(super) fn forget_wiped(&mut self, workload: usize, share: f64) {
        let place = self.dataset.place_of(workload);
        for shard in self.shards() {
            let less = self.dataset.evictions.forget_wiped(shard, place, share);
            for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
                let memory = self.topology[node].memory;
                self.topology[node].memory = memory.without((memory.gone() - less).max(0.0));
            }
            let bytes = self.dataset.growth.bytes_each(place) * self.topology.shares[shard];
            let expires = self.dataset.evictions.expires(place);
            self.dataset.tables[shard].forget(less / bytes, expires);
        }
    }

    fn lose_data(&mut self, shard: ShardId, workload: Option<usize>, share: f64, at: SimTime) {
        if share > 0.0 {
            let parts = self.dataset.growth.parts_at(at);
            let part = self.topology.shares[shard];
            let keys = |n: usize| parts[n] * part / self.dataset.growth.bytes_each(n);
            self.dataset
                .evictions
                .sign_out((shard, workload), share, keys);
            self.dataset.losses.push(DataLoss {
                at,
                shard,
                workload,
                share,
            });
        }
    }

    /// A process starts. Does it start without data? If it is its shard's owner, the shard has lost
    /// all; a replica has none until it has copied its primary's.
    pub(super) fn starts_empty(&mut self, node: NodeId, cx: &mut Cx) -> bool {
        if !self.redis.restart_empty {
            return false;
        }
        cx.ledger
            .trace(cx.now, || format!("{}: starts empty", self.node_name(node)));
        let shard = self.topology[node].shard;
        match self.topology.owners[shard] == node {
            true => {
                let before = Emptied {
                    at: cx.now,
                    owner: node,
                    loss: self.dataset.losses.len(),
                    tables: self.dataset.tables[shard],
                    evictions: self.dataset.evictions.of_shard(shard),
                };
                self.lose_all(shard, node, cx.now);
                self.dataset.emptied[shard] = Some(before);
            }
            false => {
                self.topology[node].empty = true;
                self.empty_memory(node, cx.now);
            }
        }
        true
    }

    /// A shard's owner holds nothing.
    pub(super) fn lose_all(&mut self, shard: ShardId, owner: NodeId, now: SimTime) {
        self.lose_data(shard, None, 1.0, now);
        self.empty_memory(owner, now);
        self.dataset.tables[shard] = Tables::emptied(self.dataset.growth.size_at(now), now);
        let parts = self.dataset.parts_at(now);
        let share = self.topology.shares[shard];
        self.dataset.evictions.wipe(shard, &parts, share);
    }

    /// A process holds nothing of what was ever stored by now.
    fn empty_memory(&mut self, node: NodeId, now: SimTime) {
        let stored = self.dataset.growth.bytes_at(now) * self.topology.share_of(node);
        let memory = self.topology[node].memory;
        self.topology[node].memory = memory.without(stored);
    }

    /// A node becomes its shard's owner: if it is empty, so is the shard. If it has copied nothing
    /// since the former owner started empty, it brings back what the shard held before; caches stay
    /// as cold as they are.
    pub(super) fn note_promoted(&mut self, node: NodeId, now: SimTime) {
        let shard = self.topology[node].shard;
        let emptied = self.dataset.emptied[shard].take();
        if std::mem::take(&mut self.topology[node].empty) {
            self.lose_all(shard, node, now);
        } else if let Some(before) = emptied
            && self.replication[node].covered <= before.at
        {
            self.dataset.losses[before.loss].share = 0.0;
            self.dataset.tables[shard] = before.tables;
            self.dataset.evictions.restore(shard, before.evictions);
            self.topology[before.owner].empty = true;
        }
    }
}
