//! Larger nodes: they are made ready, copy the data of those that they replace, and take over.
//!
//! ```text
//! ordered ─provision─► empty ─delay─► the source forks ─► receive ─► load ─► catch up ─► take over
//!                        ▲                                  │
//!                        └── lost, or cut off: three times, then given up ◄──┘
//! ```
//!
//! The copy is a full resync and costs its source what any other does: the fork, the pages that are
//! copied while its child saves, and the writes that it holds meanwhile (`copying.rs`). A provider
//! copies from the primary, whose state decides whether the copy succeeds. People copy from a
//! replica that has the data, else from the primary, and if no process of the shard runs, from its
//! files: that takes as long and costs nobody anything (optimistic).
//!
//! Left out: the replicas among the new nodes copy from the new primary in no time (optimistic).

use std::collections::BTreeMap;

use sim::quantity::Factor;
use sim::{SimDuration, SimTime};

use super::Cluster;
use super::disk::{Disk, Found};
use super::node::Node;
use super::replication::{Copying, Due, Link};
use super::save::Child;
use crate::event::{ClusterTimer, CopyStep, Cx};
use crate::ids::{NodeId, ShardId};
use crate::redis::replication::SECOND;
use crate::redis::save::fork_succeeds;
use crate::redis::sync;
use crate::spec::limits::NODE_MEMORY_MAX;

/// So often is a copy begun before it is given up (an assumption).
const TRIES: u32 = 3;

/// Larger nodes that are being made ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Resizes {
    made: u32,
    pending: Vec<Resize>,
    /// Which copies come from a node, by plan.
    places: BTreeMap<NodeId, Vec<(u32, usize)>>,
}

/// An order of larger nodes.
#[derive(Clone, Debug)]
pub struct Order {
    /// For these shards.
    pub shards: Vec<ShardId>,
    /// Their memory over that of the present ones.
    pub factor: Factor,
    /// Bytes of the largest node that there is; absent: that of the model.
    pub largest: Option<f64>,
    /// From where the data come.
    pub from: CopyFrom,
    /// Time until they exist, empty.
    pub provision: SimDuration,
    /// How long clients wait while they take over.
    pub interruption: SimDuration,
}

/// The node that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFrom {
    /// The shard's primary, as providers do it.
    Primary,
    /// A replica that has the data, else the primary, else files: what people find.
    AnyNode,
}

#[derive(Clone, Debug)]
struct Resize {
    number: u32,
    order: Order,
    copies: Vec<ShardCopy>,
}

/// The copy of one shard.
#[derive(Clone, Debug)]
struct ShardCopy {
    shard: ShardId,
    source: Option<NodeId>,
    stage: Stage,
    tries: u32,
    /// Since when the source holds more than it may for long.
    soft_since: Option<SimTime>,
    /// What it waits for, and the number of that wait.
    due: Due,
    wait: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Empty,
    Receiving(Copying),
    Loading(Copying),
    CatchingUp,
    Ready,
}

impl ShardCopy {
    fn copying(&self) -> Option<Copying> {
        match self.stage {
            Stage::Receiving(copying) | Stage::Loading(copying) => Some(copying),
            Stage::Empty | Stage::CatchingUp | Stage::Ready => None,
        }
    }

    /// Does it read what its source's child saves?
    fn reads(&self, now: SimTime) -> bool {
        matches!(self.stage, Stage::Receiving(copying) if copying.saved > now)
    }
}

impl Resizes {
    /// Are the nodes of this plan still to come?
    pub fn awaits(&self, plan: u32) -> bool {
        self.pending.iter().any(|resize| resize.number == plan)
    }

    fn copies_of(&self, source: NodeId) -> impl Iterator<Item = &ShardCopy> + '_ {
        let copy = |(plan, place): (u32, usize)| {
            let mut pending = self.pending.iter();
            let resize = pending.find(|resize| resize.number == plan);
            &resize.expect("its places go with it").copies[place]
        };
        self.places_of(source).iter().map(move |at| copy(*at))
    }

    fn places_of(&self, source: NodeId) -> &[(u32, usize)] {
        self.places.get(&source).map_or(&[], Vec::as_slice)
    }

    /// A copy comes from this node now, or from none.
    fn set_source(&mut self, at: (u32, usize), source: Option<NodeId>) {
        let Some(copy) = self.copy(at) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut copy.source, source) {
            self.forget(before, |place| place == at);
        }
        if let Some(source) = source {
            self.places.entry(source).or_default().push(at);
        }
    }

    fn forget(&mut self, source: NodeId, gone: impl Fn((u32, usize)) -> bool) {
        if let Some(places) = self.places.get_mut(&source) {
            places.retain(|at| !gone(*at));
            if places.is_empty() {
                self.places.remove(&source);
            }
        }
    }

    /// Takes out a plan.
    fn remove(&mut self, found: usize) -> Resize {
        let resize = self.pending.remove(found);
        for source in resize.copies.iter().filter_map(|copy| copy.source) {
            self.forget(source, |(plan, _)| plan == resize.number);
        }
        resize
    }

    /// The offset from which on a node holds its stream for new nodes, if it does.
    pub fn held_from(&self, source: NodeId) -> Option<u64> {
        let copyings = self.copies_of(source).filter_map(ShardCopy::copying);
        copyings.map(|copying| copying.offset).min()
    }

    /// Until when what it holds for them only grows.
    pub fn holds_until(&self, source: NodeId) -> Option<SimTime> {
        let copyings = self.copies_of(source).filter_map(ShardCopy::copying);
        let until = |copying: Copying| match copying.stalled {
            Some(_) => SimTime::MAX,
            None => copying.ends,
        };
        copyings.map(until).min()
    }

    /// Does a new node read what a node's child saves?
    pub fn reads(&self, source: NodeId, now: SimTime) -> bool {
        self.copies_of(source).any(|copy| copy.reads(now))
    }

    /// The places of copies for which this holds, by plan.
    fn places(&self, holds: impl Fn(&ShardCopy) -> bool) -> Vec<(u32, usize)> {
        let mut found = Vec::new();
        for resize in &self.pending {
            let copies = resize.copies.iter().enumerate();
            let of_plan = copies.filter(|(_, copy)| holds(copy));
            found.extend(of_plan.map(|(place, _)| (resize.number, place)));
        }
        found
    }

    fn copy(&mut self, (plan, place): (u32, usize)) -> Option<&mut ShardCopy> {
        let mut pending = self.pending.iter_mut();
        let resize = pending.find(|resize| resize.number == plan)?;
        Some(&mut resize.copies[place])
    }
}

impl Cluster {
    /// Larger nodes will exist, copy the data and then take over. The number names the plan.
    pub fn plan_resize(&mut self, order: Order, cx: &mut Cx) -> u32 {
        let shards = order.shards.iter();
        let copy = shards.map(|shard| self.full_sync(*shard, cx.now)).max();
        let copy = copy.expect("a resize names a shard");
        self.resizes.made += 1;
        let number = self.resizes.made;
        let (ready, copied) = (order.provision.rounded_to(SECOND), copy.rounded_to(SECOND));
        cx.ledger.trace(cx.now, || {
            format!(
                "{} cluster: larger nodes in {ready}, then a full copy in {copied}",
                self.plan.name
            )
        });
        let copy = |shard: &ShardId| ShardCopy {
            shard: *shard,
            source: None,
            stage: Stage::Empty,
            tries: 0,
            soft_since: None,
            due: Due::Fork,
            wait: 0,
        };
        let copies = order.shards.iter().map(copy).collect();
        let at = cx.now + order.provision + self.asks_after();
        self.resizes.pending.push(Resize {
            number,
            order,
            copies,
        });
        for at_place in self.resizes.places(|_| true) {
            if at_place.0 == number {
                self.await_copy(at_place, (at, Due::Fork), cx);
            }
        }
        number
    }

    /// A source forks so long after it was asked.
    fn asks_after(&self) -> SimDuration {
        match self.redis.sync.diskless {
            true => self.redis.sync.delay,
            false => SimDuration::ZERO,
        }
    }

    /// Gives a plan up.
    pub fn abandon(&mut self, plan: u32, cx: &mut Cx) {
        let found = self.resizes.pending.iter().position(|r| r.number == plan);
        if let Some(found) = found {
            let resize = self.resizes.remove(found);
            self.dataset.settled = None;
            for source in resize.copies.iter().filter_map(|copy| copy.source) {
                self.end_feeding(source, cx.now);
            }
        }
    }

    fn await_copy(&mut self, at: (u32, usize), (when, due): (SimTime, Due), cx: &mut Cx) {
        let Some(copy) = self.resizes.copy(at) else {
            return;
        };
        copy.wait += 1;
        copy.due = due;
        let step = CopyStep {
            plan: at.0,
            place: at.1,
            wait: copy.wait,
        };
        self.after(
            when.saturating_since(cx.now),
            ClusterTimer::Copies(step),
            cx,
        );
    }

    /// What a copy waited for is due. True if larger nodes have taken over.
    pub(super) fn on_copy(&mut self, step: CopyStep, cx: &mut Cx) -> bool {
        let at = (step.plan, step.place);
        let copy = self.resizes.copy(at).filter(|copy| copy.wait == step.wait);
        let Some(copy) = copy.cloned() else {
            return false;
        };
        match (copy.due, copy.stage) {
            (Due::Fork, _) => self.begin_copy_of(at, copy.shard, cx),
            (Due::Tear, _) => self.fail_copy(at, "its source does not answer", cx),
            (Due::CutOff, _) => {
                self.fail_copy(at, "its source's output buffer limit is exceeded", cx);
            }
            (Due::SoftLimit, _) => {
                self.set_copy(at, |copy| copy.soft_since = Some(cx.now));
                self.plan_copy(at, cx);
            }
            (Due::Received, Stage::Receiving(copying)) => {
                let bytes = self.copied_bytes(copy.shard, copying);
                let keys = self.dataset.growth.keys(bytes);
                let ends = cx.now + sync::load(&self.redis.sync, bytes, keys);
                let loading = Stage::Loading(Copying { ends, ..copying });
                self.set_copy(at, |copy| copy.stage = loading);
                self.plan_copy(at, cx);
            }
            (Due::Loaded, Stage::Loading(copying)) => {
                let source = copy.source.expect("it is copied");
                let held = self.head(source, cx.now).saturating_sub(copying.offset);
                let ends = cx.now + self.applies_in(copy.shard, held);
                self.set_copy(at, |copy| copy.stage = Stage::CatchingUp);
                self.await_copy(at, (ends, Due::CaughtUp), cx);
            }
            (Due::CaughtUp, _) => {
                self.set_copy(at, |copy| copy.stage = Stage::Ready);
                return self.take_over_if_ready(step.plan, cx);
            }
            (due, stage) => unreachable!("{due:?} was not planned for {stage:?}"),
        }
        false
    }

    fn set_copy(&mut self, at: (u32, usize), set: impl FnOnce(&mut ShardCopy)) {
        self.dataset.settled = None;
        if let Some(copy) = self.resizes.copy(at) {
            set(copy);
        }
    }

    /// Bytes that a copy has of a shard.
    fn copied_bytes(&self, shard: ShardId, copying: Copying) -> f64 {
        self.bytes_held(self.topology.owners[shard], copying.began)
    }

    /// The node that is copied.
    fn source_of(&self, shard: ShardId, from: CopyFrom, now: SimTime) -> Option<NodeId> {
        let runs =
            |node: &NodeId| self.condition(*node).streams() && self.topology.clients_reach(*node);
        let owner = Some(self.topology.owners[shard]).filter(runs);
        match from {
            CopyFrom::Primary => owner,
            CopyFrom::AnyNode => {
                let fit = |node: &NodeId| runs(node) && self.replication.has_data(*node);
                self.best_replica(shard, now, fit).or(owner)
            }
        }
    }

    /// The empty nodes of a shard ask for their copy.
    fn begin_copy_of(&mut self, at: (u32, usize), shard: ShardId, cx: &mut Cx) {
        let mut pending = self.resizes.pending.iter();
        let resize = pending.find(|resize| resize.number == at.0);
        let from = resize.expect("it is pending").order.from;
        let Some(source) = self.source_of(shard, from, cx.now) else {
            match from {
                CopyFrom::Primary => self.fail_copy(at, "the primary cannot be copied", cx),
                CopyFrom::AnyNode => {
                    // It has waited as long as a source does before it forks.
                    let takes = self.full_sync(shard, cx.now);
                    let takes = takes.saturating_sub(self.asks_after());
                    self.await_copy(at, (cx.now + takes, Due::CaughtUp), cx);
                }
            }
            return;
        };
        self.find_running(source, cx);
        let child = self.persistence.children[source].runs_until();
        if let Some(done) = child.filter(|done| *done > cx.now) {
            // One child at a time (server.c: hasActiveChildProcess).
            let next = self.replication[source].cron.from(done + CLEARLY);
            self.await_copy(at, (next, Due::Fork), cx);
            return;
        }
        if !self.may_fork(source, cx) {
            self.fail_copy(at, "its source has no memory for a fork", cx);
            return;
        }
        let (copying, stages) = self.fork_for_copies(source, 1, cx);
        let about = stages.total().rounded_to(SECOND);
        cx.ledger.trace(cx.now, || {
            let name = self.node_name(source);
            format!("{name}: is copied to larger nodes, {about}")
        });
        self.resizes.set_source(at, Some(source));
        self.set_copy(at, |copy| copy.stage = Stage::Receiving(copying));
        self.plan_copy(at, cx);
        self.block_for_fork(source, stages, cx);
    }

    /// Has the host memory for a fork? Where nothing is said of persistence it has.
    fn may_fork(&mut self, node: NodeId, cx: &mut Cx) -> bool {
        let Some(saves) = &self.persistence.saves else {
            return true;
        };
        let overcommit = saves.spec.overcommit;
        let dataset_size = self.dataset.growth.size_at(cx.now);
        self.settle_tables(dataset_size, cx);
        let bytes = dataset_size.bytes * self.topology.share_of(node);
        let memory = &self.topology[node].memory;
        let resident = memory.resident(bytes, self.load(node, cx.now)).max(0.0);
        let (available, swap) = memory.host();
        fork_succeeds(overcommit, resident, available, swap)
    }

    /// Plans the end of a copy's stage, or what comes before it.
    fn plan_copy(&mut self, at: (u32, usize), cx: &mut Cx) {
        let copy = self.resizes.copy(at).map(|copy| copy.clone());
        let Some((copy, source)) = copy.and_then(|copy| Some((copy.clone(), copy.source?))) else {
            return;
        };
        let next = match copy.stage {
            Stage::Receiving(Copying {
                stalled: Some(since),
                ..
            }) => {
                let silent = since.saturating_add(self.redis.replication.timeout + SECOND);
                (silent.max(cx.now), Due::Tear)
            }
            Stage::Receiving(copying) => {
                self.or_cut_off(source, copying, Due::Received, copy.soft_since, cx.now)
            }
            Stage::Loading(copying) => {
                self.or_cut_off(source, copying, Due::Loaded, copy.soft_since, cx.now)
            }
            Stage::Empty | Stage::CatchingUp | Stage::Ready => return,
        };
        self.await_copy(at, next, cx);
    }

    /// Writes are let in or kept out: what fills buffers is planned again.
    pub(super) fn plan_copies(&mut self, cx: &mut Cx) {
        for at in self.resizes.places(|copy| copy.copying().is_some()) {
            self.plan_copy(at, cx);
        }
    }

    /// A node's process does something else: copies of it go on, wait, or are lost.
    pub(super) fn reconsider_copies(&mut self, node: NodeId, cx: &mut Cx) {
        let condition = self.condition(node);
        let (streams, hangs) = (condition.streams(), condition.hangs());
        for at in self.resizes.places_of(node).to_vec() {
            let Some(copy) = self.resizes.copy(at) else {
                continue;
            };
            let under_way = matches!(copy.stage, Stage::CatchingUp) || copy.copying().is_some();
            if under_way && !streams && !hangs {
                self.fail_copy(at, "its source's process is gone", cx);
                continue;
            }
            let Stage::Receiving(copying) = copy.stage else {
                continue;
            };
            let copying = match copying.stalled {
                None if hangs => Copying {
                    stalled: Some(cx.now),
                    ..copying
                },
                Some(since) if streams => Copying {
                    ends: copying.ends + cx.now.saturating_since(since),
                    stalled: None,
                    ..copying
                },
                _ => continue,
            };
            self.set_copy(at, |copy| copy.stage = Stage::Receiving(copying));
            self.plan_copy(at, cx);
        }
    }

    /// The child that saved for new nodes is gone: their copies with it.
    pub(super) fn lose_copies(&mut self, source: NodeId, cx: &mut Cx) {
        for at in self.resizes.places_of(source).to_vec() {
            let copy = self.resizes.copy(at);
            if copy.is_some_and(|copy| copy.reads(cx.now)) {
                self.fail_copy(at, "the child that saved for it was killed", cx);
            }
        }
    }

    /// A copy is lost: it begins anew, and after some times that is given up with all the order.
    fn fail_copy(&mut self, at: (u32, usize), why: &str, cx: &mut Cx) {
        let Some(copy) = self.resizes.copy(at) else {
            return;
        };
        let source = copy.source;
        copy.stage = Stage::Empty;
        copy.soft_since = None;
        copy.tries += 1;
        let gives_up = copy.tries >= TRIES;
        self.resizes.set_source(at, None);
        self.dataset.settled = None;
        let then = if gives_up { "is given up" } else { "is lost" };
        cx.ledger.trace(cx.now, || {
            let name = &self.plan.name;
            format!("{name} cluster: the copy to larger nodes {then}, {why}")
        });
        if gives_up {
            self.abandon(at.0, cx);
        } else {
            let again = cx.now + self.asks_after().max(SECOND);
            self.await_copy(at, (again, Due::Fork), cx);
        }
        if let Some(source) = source {
            self.end_feeding(source, cx.now);
        }
    }

    fn take_over_if_ready(&mut self, plan: u32, cx: &mut Cx) -> bool {
        let ready = |resize: &Resize| {
            let mut copies = resize.copies.iter();
            resize.number == plan && copies.all(|copy| copy.stage == Stage::Ready)
        };
        let Some(found) = self.resizes.pending.iter().position(ready) else {
            return false;
        };
        let resize = self.resizes.remove(found);
        for shard in &resize.order.shards {
            self.replace_nodes(*shard, &resize.order, cx);
        }
        for shard in self.shards() {
            self.reset_topology(shard, cx);
        }
        self.control.set_up(&self.topology, cx.now, self.mode);
        self.cut_bus(true, cx);
        self.tell_control_ok(cx);
        self.clients.cutting_over = true;
        self.after(resize.order.interruption, ClusterTimer::CutOverDone, cx);
        cx.ledger.trace(cx.now, || {
            format!("{} cluster: larger nodes take over", self.plan.name)
        });
        self.note_crowding(cx.now);
        true
    }

    /// New, larger nodes with all of the shard's data; the first is the primary. The cluster's
    /// state is reset, so the bus starts from a healthy one.
    fn replace_nodes(&mut self, shard: ShardId, order: &Order, cx: &mut Cx) {
        self.record_evictions(shard, cx.now);
        let gone = self.dataset.evictions.bytes(shard);
        let nodes: Vec<NodeId> = self.topology.nodes_of(shard).collect();
        let first = nodes[0];
        for n in nodes {
            let node = &mut self.topology[n];
            // Enlarged again and again, a node becomes the largest that there is.
            let sold = order.largest.unwrap_or(f64::INFINITY);
            let largest = NODE_MEMORY_MAX.as_f64().min(sold).max(node.bytes);
            let (host, bytes) = (node.host, (node.bytes * order.factor.get()).min(largest));
            let mut larger = Node::new(shard, host, (&self.redis, bytes), n == first);
            larger.memory = larger.memory.without(gone).evicted_as(&node.memory);
            larger.fragments = node.fragments;
            larger.lacks_until = cx.now;
            *node = larger;
            self.supervisors.replace(n);
            self.persistence.children[n] = Child::default();
            self.persistence.disks[n] = Disk::new(Found::UpTo(cx.now));
            self.plan_saves(n, cx);
            self.freshen(n, cx);
            for at in self.resizes.places_of(n).to_vec() {
                self.fail_copy(at, "its source was replaced", cx);
            }
        }
        // The addresses that clients know are gone: they follow as they follow a promotion.
        self.clients.observed[shard] = first;
        for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
            self.drop_connections(node);
        }
        for view in self.clients.ids() {
            self.clients
                .strand(&self.topology, view, shard, first, cx.now);
        }
        let stored = self.dataset.growth.size_at(cx.now);
        let share = self.topology.shares[shard];
        self.dataset.tables[shard] = self.dataset.tables[shard].reloaded(stored, share, cx.now);
        self.topology.owners[shard] = first;
        self.copy_all(shard, cx);
        let told = self.notified_at(shard);
        self.publish_owner(shard, first, told, cx);
    }

    /// How far the stream has come that a node sends on at `at`: a replica's is its primary's.
    pub(super) fn head(&self, node: NodeId, at: SimTime) -> u64 {
        let stream = &self.replication[node];
        match (stream.follows, stream.link) {
            (Some(primary), Link::Streaming) => self.offset(primary, at),
            _ => self.offset(node, at),
        }
    }
}

/// After the end of a child, and not at it.
const CLEARLY: SimDuration = SimDuration::from_nanos(1);
