//! What clusters lose of the data that they held: keys that are deleted, processes that do not find
//! all of it on their disks (`disk.rs`), and replicas without all data that are promoted. Caches
//! are cold then, users are signed out, jobs are never done, and what was captured is lost.
//!
//! ```text
//!  the owner starts ──► the shard has lost what its disk lacks ──► replicas copy what is left
//!                                │ a replica is promoted that has not copied it yet
//!                                └──► it brings back what it had; the former owner is stale
//! ```
//!
//! Writes that a failover loses are few, and are counted elsewhere (`stream.rs`). A process that
//! starts empty holds only what is written from then on.

use std::ops::Range;

use sim::SimTime;

use super::Cluster;
use super::disk::Found;
use super::evictions::OfShard;
use super::tables::Tables;
use crate::event::Cx;
use crate::ids::{Id, NodeId, ShardId};
use crate::ledger::LostAcks;
use crate::redis::growth::DatasetSize;
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
    /// The share, above 0.
    pub share: f64,
    /// A failover has brought it back.
    pub undone: bool,
}

/// A start of a shard's owner without all of its data, or a promotion of such a node, and how the
/// shard stood before.
#[derive(Clone, Debug)]
pub(super) struct Emptied {
    at: SimTime,
    /// The owner, and when its process before had gone, if it was the owner already.
    owner: (NodeId, Option<SimTime>),
    found: Found,
    /// The numbers of the losses, and of the windows of acknowledged writes.
    losses: Range<usize>,
    acks: Range<usize>,
    tables: Tables,
    evictions: OfShard,
    /// Jobs that went, by backlog.
    jobs: Vec<DatasetSize>,
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
            let all = loss.share * self.topology.part_asked(loss.shard);
            let asked = loss.shard.index() < self.topology.asked.len();
            match (keys, lines.last_mut()) {
                (Keys::One, _) if !asked => {}
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
            self.dataset.emptied[shard].clear();
            self.lose_data(shard, Some(workload), share, now);
        }
    }

    /// What a shard had lost or evicted before is deleted with the rest, from what was ever stored:
    /// it must not be missing twice. Names the keys that go of each shard, of so many on all of
    /// them.
    pub(super) fn forget_gone(
        &mut self,
        workload: usize,
        share: f64,
        keys: f64,
    ) -> Vec<(ShardId, f64)> {
        let mut deleted = Vec::new();
        let place = self.dataset.place_of(workload);
        for shard in self.shards() {
            let less = self.dataset.evictions.forget_gone(shard, place, share);
            for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
                let memory = self.topology[node].memory;
                self.topology[node].memory = memory.without((memory.gone() - less).max(0.0));
            }
            let bytes = self.dataset.growth.bytes_each(place) * self.topology.shares[shard];
            let expires = self.dataset.evictions.expires(place);
            self.dataset.tables[shard].forget(less / bytes, expires);
            let each = self.dataset.growth.bytes_each(place);
            let here = keys * self.topology.shares[shard] - less / each;
            deleted.push((shard, here.max(0.0)));
        }
        deleted
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
                undone: false,
            });
        }
    }

    /// The process of a shard's owner starts, and finds this: it had all until it went.
    pub(super) fn owner_starts(
        &mut self,
        node: NodeId,
        (found, died): (Found, SimTime),
        cx: &mut Cx,
    ) {
        if matches!(found, Found::UpTo(at) if at >= died) {
            return;
        }
        let shard = self.topology[node].shard;
        let last = self.dataset.emptied[shard].last();
        if last.is_some_and(|last| last.owner == (node, Some(died))) {
            // It went again before it ran.
            return;
        }
        let acks = cx.ledger.lost_acks.len();
        if let Found::UpTo(from) = found {
            for view in self.clients.ids() {
                cx.ledger.lost_acks.push(LostAcks {
                    from,
                    to: cx.now,
                    cluster: self.id,
                    shard,
                    view,
                });
            }
        }
        let acks = acks..cx.ledger.lost_acks.len();
        self.lose_what_lacks((node, Some(died)), found, acks, cx.now);
    }

    /// The process of a replica starts, and finds this.
    pub(super) fn replica_starts(&mut self, node: NodeId, found: Found, now: SimTime) {
        let share = self.topology.share_of(node);
        let stored = self.dataset.growth.bytes_at(now) * share;
        let here = &mut self.topology[node];
        let (covered, gone) = match found {
            Found::Nothing => (SimTime::ZERO, stored),
            Found::UpTo(at) => {
                let newer = self.dataset.growth.newer(at, now).into_iter().sum::<f64>() * share;
                let gone = here.memory.gone() + newer;
                (at, gone.min(stored))
            }
        };
        here.restored = Some(found);
        here.memory = here.memory.without(gone);
        here.lacks_until = here.lacks_until.min(covered);
        let of = &mut self.replication[node];
        of.covered = of.covered.min(covered);
    }

    /// A shard's owner, whose process before it had gone then, holds no more than this, and these
    /// windows of acknowledged writes are lost. A node that has more may be promoted later.
    fn lose_what_lacks(
        &mut self,
        owner: (NodeId, Option<SimTime>),
        found: Found,
        acks: Range<usize>,
        now: SimTime,
    ) {
        let node = owner.0;
        let shard = self.topology[node].shard;
        self.topology[node].lacks_until = now;
        let losses = self.dataset.losses.len();
        let (tables, evictions) = (
            self.dataset.tables[shard],
            self.dataset.evictions.of_shard(shard),
        );
        let share = self.topology.shares[shard];
        let since = match found {
            Found::Nothing => {
                self.lose_all(shard, node, now);
                None
            }
            Found::UpTo(since) => {
                self.lose_since(shard, node, since, now);
                Some(since)
            }
        };
        let jobs = self.dataset.lose_jobs(share, since, now);
        for (workload, jobs) in self.dataset.with_workloads(&jobs) {
            // They count as jobs.
            let place = self.dataset.place_of(workload);
            let keys = jobs.bytes / self.dataset.growth.bytes_each(place);
            self.dataset.evictions.note_lost(shard, place, -keys);
        }
        self.dataset.emptied[shard].push(Emptied {
            at: now,
            owner,
            found,
            losses: losses..self.dataset.losses.len(),
            acks,
            tables,
            evictions,
            jobs,
        });
    }

    /// A shard's owner holds nothing.
    pub(super) fn lose_all(&mut self, shard: ShardId, owner: NodeId, now: SimTime) {
        self.lose_data(shard, None, 1.0, now);
        let stored = self.dataset.growth.size_at(now);
        let share = self.topology.shares[shard];
        let memory = self.topology[owner].memory;
        self.topology[owner].memory = memory.without(stored.bytes * share);
        self.dataset.tables[shard] = Tables::emptied(stored, now);
        let parts = self.dataset.parts_at(now);
        let each = self.dataset.growth.each();
        self.dataset.evictions.wipe(shard, &parts, share, &each);
    }

    /// A shard's owner holds nothing of what was stored after `since`.
    fn lose_since(&mut self, shard: ShardId, owner: NodeId, since: SimTime, now: SimTime) {
        let share = self.topology.shares[shard];
        let newer = self.dataset.growth.newer(since, now).into_iter();
        let added: Vec<f64> = newer.map(|bytes| bytes * share).collect();
        let parts = self.dataset.parts_at(now);
        let stored: Vec<f64> = parts.iter().map(|part| part * share).collect();
        let each = self.dataset.growth.each();
        let lost = self.dataset.evictions.drop(shard, &added, &stored, &each);
        // A replica may have missed some of it already.
        let gone = self.dataset.evictions.bytes(shard);
        let owner = &mut self.topology[owner];
        owner.memory = owner.memory.without(gone);
        for (n, (bytes, part)) in lost.into_iter().enumerate() {
            let workload = self.dataset.evictions.position(n);
            self.lose_data(shard, Some(workload), part, now);
            let expires = self.dataset.evictions.expires(n);
            self.dataset.tables[shard].lose(bytes / each[n] / share, expires);
        }
        let stored = self.dataset.growth.size_at(now);
        self.dataset.tables[shard] = self.dataset.tables[shard].reloaded(stored, share, now);
    }

    /// A node becomes its shard's owner: what it lacks is lost to the shard, and these windows of
    /// acknowledged writes. If it has copied nothing since a former owner held less than all data,
    /// it brings back what that had lost; caches stay as cold as they are.
    pub(super) fn note_promoted(&mut self, node: NodeId, acks: Range<usize>, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        // What it holds is about to change.
        self.note_saves(node, cx.now);
        let emptied = std::mem::take(&mut self.dataset.emptied[shard]);
        let restored = self.topology[node].restored.take();
        if restored != Some(Found::Nothing) {
            // All that was lost since it had a copy.
            let copied = self.topology[node].lacks_until;
            let since = emptied.into_iter().filter(|before| copied < before.at);
            for before in since.collect::<Vec<_>>().into_iter().rev() {
                self.bring_back(shard, before, cx);
            }
        }
        if let Some(found) = restored {
            self.lose_what_lacks((node, None), found, acks, cx.now);
        }
    }

    /// What a shard had lost with its former owner is there again.
    fn bring_back(&mut self, shard: ShardId, before: Emptied, cx: &mut Cx) {
        for loss in &mut self.dataset.losses[before.losses] {
            loss.undone = true;
        }
        for acks in &mut cx.ledger.lost_acks[before.acks] {
            acks.to = acks.from;
        }
        self.dataset.tables[shard] = before.tables;
        self.dataset.evictions.restore(shard, before.evictions);
        self.dataset.find_jobs(&before.jobs);
        self.topology[before.owner.0].restored = Some(before.found);
    }
}
