//! Background saves of a cluster's nodes: when they begin, what they cost, and what failing does.
//!
//! ```text
//! grid ──► fork ──► pages are copied as they are written to ──► done
//!           │ blocks the thread (and the bus) while it lasts      │
//!           └──► fails: no memory to promise, disk full, child killed ──► -MISCONF, again in 6 s
//! ```
//!
//! A node's saves stand on a grid of its own with a random phase and a fixed cycle: the time until
//! a save is due, and the time that one of the largest dataset takes. Redis counts from the end of
//! the last save, which was shorter: the model saves a little too rarely. That way a save is known
//! without the saves before it, and as long as none can matter nobody is woken for them. One can
//! matter when the copied pages would take the node to a limit, when the fork would fail, when the
//! fork blocks for as long as somebody's patience or timeout, or while a disk is full.
//! Opening everything saves from the start.
//!
//! What a process has of its saves when it starts again is in `disk.rs`.
//!
//! Left out: while a save runs the rate of writes is that at its beginning; a pause too short for
//! anybody's timeout is not told.

use sim::{Dist, EventKey, Factor, SimDuration, SimTime, StreamKey};

use super::Cluster;
use super::disk::Disk;
use super::node::{Change, Node};
use super::topology::Topology;
use crate::event::{ClusterTimer, Cx, Event};
use crate::ids::{ClusterId, Fleet, Id, NodeId, ShardId};
use crate::layout::ClusterPlan;
use crate::redis::fork::{HUGE_PAGE, Overwritten, PAGE, fork_time, page_tables};
use crate::redis::growth::DatasetSize;
use crate::redis::keyspace::{self, OBJECT};
use crate::redis::memory::Load;
use crate::redis::save::{
    NEVER, RETRY, Victim, fork_succeeds, rewrite_due, save_point_due, victim,
};
use crate::spec::SystemSpec;
use crate::spec::persistence::{PersistenceSpec, SavePointSpec, ScheduleSpec};
use demand::Mode;

/// Loads draw from this child of the key, saves from those by node.
const LOADS: u64 = u64::MAX;

/// The saves of a cluster whose nodes make any.
#[derive(Clone, Debug)]
struct Saves {
    spec: PersistenceSpec,
    /// A fork that blocks for less is noticed by nobody.
    patience: SimDuration,
    plans: Fleet<NodeId, Plan>,
}

/// When a node saves.
#[derive(Clone, Debug)]
struct Plan {
    first: SimTime,
    cycle: SimDuration,
    /// From one rewrite of the append-only file to the next, if there is one.
    rewrites: Option<SimDuration>,
    /// The next save, while saves can matter.
    due: Option<EventKey>,
}

/// What the children of a node's process do to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Child {
    /// The one that saves for the node itself.
    saving: Option<Saving>,
    /// The one that saves for replicas.
    feeding: Option<Saving>,
    /// Did the last one fail, and does that stop writes?
    pub failed: bool,
    /// Until when the disk is full.
    disk_full_until: SimTime,
    /// Since when the process lives.
    alive_since: SimTime,
}

/// A child at work.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Saving {
    since: SimTime,
    ends: SimTime,
    /// What it may come to need twice, and how often that is written to.
    strings: Overwritten,
    writes: f64,
    page: f64,
}

/// What a cluster's nodes write to disk, and read from it.
#[derive(Clone, Debug)]
pub(super) struct Persistence {
    saves: Option<Saves>,
    pub children: Fleet<NodeId, Child>,
    pub disks: Fleet<NodeId, Disk>,
    /// How often each node's process has read its data.
    loads: Fleet<NodeId, u32>,
    /// Does any node fork for a save before the world ends?
    forks: bool,
    /// Bytes of a key's entry, and on average of the string that holds its name.
    entry: f64,
    key_name: f64,
    /// Its name among all random streams.
    pub key: StreamKey,
}

impl Persistence {
    /// Nodes without children; each node's plan of saves is still to be made.
    pub fn new(
        spec: &SystemSpec,
        plan: &ClusterPlan,
        topology: &Topology,
        key: StreamKey,
    ) -> Persistence {
        let on_disk = Plan {
            first: SimTime::ZERO,
            cycle: SimDuration::ZERO,
            rewrites: None,
            due: None,
        };
        let saves = |persistence: &PersistenceSpec| Saves {
            spec: persistence.clone(),
            patience: spec.patience,
            plans: Fleet::alike(&topology.nodes, on_disk),
        };
        Persistence {
            saves: spec.redis.persistence.as_ref().map(saves),
            children: Fleet::alike(&topology.nodes, Child::default()),
            disks: Fleet::alike(&topology.nodes, Disk::at_start(spec.redis)),
            loads: Fleet::alike(&topology.nodes, 0),
            forks: false,
            entry: keyspace::entry(spec.failover.cluster_mode()) as f64,
            key_name: key_name(spec, plan),
            key,
        }
    }

    /// Do the nodes make any saves?
    pub fn saves(&self) -> bool {
        self.forks
    }

    /// What they write to disk; `None` for nothing.
    pub fn schedule(&self) -> Option<&ScheduleSpec> {
        let schedule = self.saves.as_ref().map(|saves| &saves.spec.schedule);
        schedule.filter(|schedule| schedule.writes())
    }

    /// When a node's saves should have begun by then, the latest first.
    pub fn saves_until(&self, node: NodeId, at: SimTime) -> impl Iterator<Item = SimTime> {
        let plan = self.saves.as_ref().map(|saves| &saves.plans[node]);
        let plan = plan.filter(|plan| plan.first <= at);
        plan.into_iter().flat_map(move |plan| {
            let cycles = (at - plan.first).as_nanos() / plan.cycle.as_nanos();
            (0..=cycles).rev().map(|n| plan.first + plan.cycle * n)
        })
    }

    /// When the append-only file of a node was rewritten last before then; the trial's start, if
    /// that was not since.
    pub fn rewritten(&self, node: NodeId, at: SimTime) -> SimTime {
        let plan = self.saves.as_ref().map(|saves| &saves.plans[node]);
        let last = plan.and_then(|plan| {
            let since = at.as_nanos().checked_sub(plan.first.as_nanos())?;
            Some(plan.first + plan.rewrites? * (since / plan.rewrites?.as_nanos()))
        });
        last.unwrap_or(SimTime::ZERO)
    }

    /// What a load takes over its median, drawn for each load of a node.
    pub fn load_factor(&mut self, node: NodeId, spread: Option<Factor>) -> f64 {
        let Some(spread) = spread else {
            return 1.0;
        };
        let loads = u64::from(self.loads[node]);
        self.loads[node] += 1;
        let second = SimDuration::from_secs(1);
        let factor = Dist::LogNormal {
            median: second,
            p90: second.scaled(spread.get()),
        };
        let mut rng = self.key.child(LOADS).at(node.index() as u64, loads);
        factor.sample(&mut rng).as_secs_f64()
    }

    /// Plans a node's next save for `at`, and none after the trial's end.
    fn save_at(&mut self, node: NodeId, at: SimTime, cluster: ClusterId, cx: &mut Cx) {
        let saves = self.saves.as_mut().expect("this node saves");
        if let Some(due) = saves.plans[node].due.take() {
            cx.agenda.cancel(due);
        }
        let event = Event::Cluster(cluster, ClusterTimer::SaveDue(node));
        saves.plans[node].due = (at < cx.end).then(|| cx.agenda.at(at, event));
    }
}

/// Mean bytes of the string that holds a key's name.
fn key_name(spec: &SystemSpec, plan: &ClusterPlan) -> f64 {
    let length = |w: &usize| spec.workloads[*w].key_length.get();
    let names = plan.workloads.iter().map(length).map(keyspace::string);
    names.sum::<u64>() as f64 / plan.workloads.len() as f64
}

impl Child {
    /// Resident bytes that they cost at `now`.
    pub fn copied(&self, now: SimTime) -> f64 {
        self.running().map(|saving| saving.copied(now)).sum()
    }

    /// When the first that runs will be done: until then what they copy only grows.
    pub fn ends(&self) -> Option<SimTime> {
        self.running().map(|saving| saving.ends).min()
    }

    fn running(&self) -> impl Iterator<Item = Saving> {
        self.saving.into_iter().chain(self.feeding)
    }

    /// The process has died: its children with it.
    pub fn died(&mut self) {
        self.saving = None;
        self.feeding = None;
        self.failed = false;
    }

    /// Until when the one that saves for replicas is at work.
    pub fn feeds_until(&self) -> Option<SimTime> {
        self.feeding.map(|feeding| feeding.ends)
    }

    /// The one that saves for replicas is killed.
    pub fn stop_feeding(&mut self) {
        self.feeding = None;
    }

    /// Since when its process lives.
    pub fn alive_since(&self) -> SimTime {
        self.alive_since
    }

    /// Its process is there again.
    pub fn lives(&mut self, now: SimTime) {
        self.alive_since = now;
    }
}

impl Saving {
    fn copied(&self, now: SimTime) -> f64 {
        let Saving { strings, page, .. } = self;
        let writes = self.writes * now.saturating_since(self.since).as_secs_f64();
        let dataset_size = strings.keys * (strings.entry + strings.object + strings.value);
        page_tables(dataset_size) + strings.copied(writes, *page)
    }
}

impl Cluster {
    /// Puts a node's saves on a grid that begins now.
    pub(super) fn plan_saves(&mut self, node: NodeId, cx: &mut Cx) {
        let Some(spec) = self
            .persistence
            .saves
            .as_ref()
            .map(|saves| saves.spec.clone())
        else {
            return;
        };
        let share = self.topology.share_of(node);
        let start = self.dataset.growth.size_at(SimTime::ZERO);
        let each = start.bytes / start.keys.max(1.0);
        let most = self.topology[node].memory.limit();
        let largest = DatasetSize::of(most / each.max(1.0), most, false);
        let writes = self.clients.commands.1 * share;
        let snapshot = |point: &SavePointSpec| save_point_due(point.after, point.changes, writes);
        let snapshots = spec.schedule.points().iter().map(snapshot);
        let grown = spec.schedule.append_only();
        let rewrite = grown.map(|(growth, _)| rewrite_due(most, growth.get(), writes * each));
        let due = snapshots.chain(rewrite).min().unwrap_or(NEVER);
        self.persistence.forks |= due < NEVER;
        let cycle = due + self.save_time(largest);
        let rewrites = rewrite.map(|due| due + self.save_time(largest));
        let phase = Dist::Uniform {
            min: SimDuration::ZERO,
            max: cycle,
        };
        let key = self.persistence.key.child(node.index() as u64);
        let phase = phase.sample(&mut key.rng());
        let saves = self.persistence.saves.as_mut().expect("just seen");
        let plan = &mut saves.plans[node];
        if let Some(due) = plan.due.take() {
            cx.agenda.cancel(due);
        }
        plan.first = cx.now + phase;
        plan.cycle = cycle;
        plan.rewrites = rewrites;
    }

    /// Sees to it that the next save of each node is not missed if it can matter.
    pub(super) fn schedule_saves(&mut self, dataset_size: DatasetSize, cx: &mut Cx) {
        if !self.persistence.saves() {
            return;
        }
        for node in self.topology.ids() {
            let Some(saves) = &self.persistence.saves else {
                return;
            };
            if saves.plans[node].due.is_some() || !self.saves_matter(node, dataset_size, cx.now) {
                continue;
            }
            let plan = &saves.plans[node];
            if cx.now < plan.first {
                self.persistence.save_at(node, plan.first, self.id, cx);
                continue;
            }
            let cycles = (cx.now - plan.first).as_nanos() / plan.cycle.as_nanos();
            let last = plan.first + plan.cycle * cycles;
            let next = last + plan.cycle;
            self.find_running(node, last, cx);
            self.persistence.save_at(node, next, self.id, cx);
        }
    }

    /// A save is due.
    pub(super) fn on_save_due(&mut self, node: NodeId, cx: &mut Cx) {
        let saves = self
            .persistence
            .saves
            .as_mut()
            .expect("only saves schedule this");
        saves.plans[node].due = None;
        let (at, child) = (&self.topology[node], &self.persistence.children[node]);
        if at.is_gone() || child.saving.is_some() || at.forking.is_some() {
            return;
        }
        let spec = saves.spec.clone();
        let patience = saves.patience;
        let dataset_size = self.dataset.growth.size_at(cx.now);
        self.settle_tables(dataset_size, cx);
        let share = self.topology.share_of(node);
        let memory = &self.topology[node].memory;
        let resident = memory.resident(dataset_size.bytes * share, self.load(node, cx.now));
        let (available, swap) = memory.host();
        if !fork_succeeds(spec.overcommit, resident, available, swap) {
            self.save_failed(node, (cx.now, "no memory for a fork"), cx);
        } else if cx.now < self.persistence.children[node].disk_full_until {
            self.save_failed(node, (cx.now, "the disk is full"), cx);
        } else {
            self.begin_save(node, cx.now, cx);
            let shard = self.topology[node].shard;
            let pause = fork_time(resident, self.redis.sync.fork_per_gib)
                + self.copies_pages_for(shard, resident);
            if pause >= patience {
                let about = pause.rounded_to(SimDuration::from_millis(1));
                cx.ledger.trace(cx.now, || {
                    format!("{}: blocked by a fork for {about}", self.node_name(node))
                });
                self.change(node, Change::Forking(Some(pause)), cx);
                self.drain(cx);
                self.after(pause, ClusterTimer::Forked(node), cx);
            }
        }
    }

    /// A child may be done.
    pub(super) fn on_saved(&mut self, node: NodeId, cx: &mut Cx) {
        let is_done = |saving: Saving| saving.ends == cx.now;
        let feeding = &mut self.persistence.children[node].feeding;
        if let Some(fed) = feeding.take_if(|feeding| is_done(*feeding))
            && !self.redis.sync.diskless
        {
            self.persistence.disks[node].keep(fed.since);
        }
        let saving = self.persistence.children[node]
            .saving
            .take_if(|saving| is_done(*saving));
        let Some(saving) = saving else {
            return;
        };
        if cx.now < self.persistence.children[node].disk_full_until {
            self.save_failed(node, (saving.since, "the disk is full"), cx);
            return;
        }
        self.persistence.disks[node].saved(saving.since);
        if self.persistence.children[node].failed {
            cx.ledger.trace(cx.now, || {
                format!("{}: save finished", self.node_name(node))
            });
            self.change(node, Change::SaveFailed(false), cx);
        }
    }

    /// The kernel would kill the server of a node; if its child goes first, that is all.
    pub(super) fn child_goes_first(&mut self, node: NodeId, cx: &mut Cx) -> bool {
        let Child {
            saving, feeding, ..
        } = self.persistence.children[node];
        if saving.is_none() && feeding.is_none() {
            return false;
        }
        let adjusts = |saves: &Saves| saves.spec.oom_score_adj;
        match victim(self.persistence.saves.as_ref().is_some_and(adjusts)) {
            Victim::Server => {
                let subject = if saving.is_some() {
                    "its save"
                } else {
                    "its replicas"
                };
                cx.ledger.trace(cx.now, || {
                    let name = self.node_name(node);
                    format!("{name}: pages copied for {subject} reach the limit")
                });
                false
            }
            Victim::Child => {
                self.persistence.children[node].saving = None;
                self.persistence.children[node].feeding = None;
                if let Some(saving) = saving {
                    let why = (saving.since, "the kernel has killed the child");
                    self.save_failed(node, why, cx);
                }
                if feeding.is_some() {
                    self.stop_feeding(node, cx);
                    self.drain(cx);
                }
                true
            }
        }
    }

    /// A child that saves for replicas has been forked, and will be done at `ends`.
    pub(super) fn feed(&mut self, node: NodeId, ends: SimTime, cx: &mut Cx) {
        let dataset_size = self.dataset.growth.size_at(cx.now);
        let share = self.topology.share_of(node);
        let open = self.dataset.growth.open_at(cx.now);
        let feeding = self.saving(node, dataset_size.share(share), (cx.now, ends), open);
        self.persistence.children[node].feeding = Some(feeding);
        self.after(ends - cx.now, ClusterTimer::Saved(node), cx);
        // What its own save copies matters beside it.
        self.schedule_saves(dataset_size, cx);
    }

    /// The disk of a shard's owner is full for a while.
    pub fn fill_disk(&mut self, shard: ShardId, lasts: SimDuration, cx: &mut Cx) {
        let owner = self.topology.owners[shard];
        self.persistence.children[owner].disk_full_until = cx.now + lasts;
        cx.ledger
            .trace(cx.now, || format!("{}: disk full", self.node_name(owner)));
        self.settle(cx);
    }

    /// The dataset size, over all shards, from which on a node's saves matter whatever happens.
    pub(super) fn saves_matter_from(&self, node: NodeId, load: Load) -> Option<f64> {
        let saves = self.persistence.saves.as_ref()?;
        let Node { shard, memory, .. } = &self.topology[node];
        let (available, swap) = memory.host();
        // The most that a save can copy, and the pages' tables.
        let copied = memory.limit() * 2.0;
        let most = self.largest_copy(node).min(copied) + page_tables(available);
        let gib = (1u64 << 30) as f64;
        let each = self.redis.sync.fork_per_gib + self.copies_pages_for(*shard, gib);
        let blocks = saves.patience.as_secs_f64() / each.as_secs_f64();
        let mut resident = (available - most).min(blocks * gib);
        // Halvings of a size that fits without a doubt.
        while resident > 1.0 && !fork_succeeds(saves.spec.overcommit, resident, available, swap) {
            resident /= 2.0;
        }
        // Nor may doublings of the tables, which nobody is woken for, take it there unseen.
        let ahead = self.dataset.tables[*shard].bytes_ahead();
        let dataset = memory.dataset_at_resident(resident.max(0.0), load) - ahead;
        Some((dataset / self.topology.shares[*shard]).ceil())
    }

    fn saves_matter(&self, node: NodeId, dataset_size: DatasetSize, now: SimTime) -> bool {
        let child = &self.persistence.children[node];
        let from = match self.persistence.saves() {
            true => self.saves_matter_from(node, self.load(node, now)),
            false => None,
        };
        self.mode == Mode::Eager
            || child.failed
            || now < child.disk_full_until
            || self.topology[node].slow.is_some()
            || child.feeding.is_some()
            || from.is_some_and(|from| dataset_size.bytes >= from)
    }

    /// What the save of the largest dataset can copy.
    fn largest_copy(&self, node: NodeId) -> f64 {
        let dataset_size = self.dataset.growth.size_at(SimTime::ZERO);
        let share = self.topology.share_of(node);
        let most = self.topology[node].memory.limit();
        let keys = dataset_size.keys * share * most / (dataset_size.bytes * share).max(1.0);
        let dataset_size = DatasetSize::of(keys, most, false);
        let ends = SimTime::ZERO + self.save_time(dataset_size);
        let saving = self.saving(node, dataset_size, (SimTime::ZERO, ends), true);
        let writes = saving.writes * (saving.ends - saving.since).as_secs_f64();
        saving.strings.copied(writes, saving.page)
    }

    /// A save that began before anybody was woken for it, if it still runs.
    fn find_running(&mut self, node: NodeId, since: SimTime, cx: &mut Cx) {
        let child = &self.persistence.children[node];
        let alive = !self.topology[node].is_gone() && child.alive_since <= since;
        let dataset_size = self.dataset.growth.size_at(since);
        let share = self.topology.share_of(node);
        let ends = since + self.save_time(dataset_size.share(share));
        if alive && child.saving.is_none() && ends > cx.now {
            self.begin_save(node, since, cx);
        }
    }

    fn begin_save(&mut self, node: NodeId, since: SimTime, cx: &mut Cx) {
        let dataset_size = self.dataset.growth.size_at(since);
        let share = self.topology.share_of(node);
        let open = self.dataset.growth.open_at(since);
        let dataset_size = dataset_size.share(share);
        let ends = since + self.save_time(dataset_size);
        let saving = self.saving(node, dataset_size, (since, ends), open);
        self.persistence.children[node].saving = Some(saving);
        self.after(saving.ends - cx.now, ClusterTimer::Saved(node), cx);
    }

    /// The child that saves a shard's data.
    fn saving(
        &self,
        node: NodeId,
        dataset_size: DatasetSize,
        (since, ends): (SimTime, SimTime),
        open: bool,
    ) -> Saving {
        let huge = |saves: &Saves| saves.spec.transparent_huge_pages;
        let huge = self
            .persistence
            .saves
            .as_ref()
            .map_or(self.redis.huge_page_copy.is_some(), huge);
        let Persistence {
            entry, key_name, ..
        } = self.persistence;
        let object = OBJECT as f64;
        let value = dataset_size.bytes / dataset_size.keys.max(1.0) - entry - object - key_name;
        let strings = Overwritten {
            keys: dataset_size.keys,
            entry,
            object,
            value: value.max(0.0),
        };
        let writes = self.clients.commands.1 * self.topology.share_of(node);
        Saving {
            since,
            ends,
            strings,
            writes: if open { writes } else { 0.0 },
            page: if huge { HUGE_PAGE } else { PAGE },
        }
    }

    /// How long a child writes.
    pub(super) fn save_time(&self, dataset_size: DatasetSize) -> SimDuration {
        let sync = &self.redis.sync;
        let seconds =
            dataset_size.keys / sync.save_keys.get() + dataset_size.bytes / sync.save_bytes.get();
        SimDuration::from_secs_f64(seconds)
    }

    /// A save that began then has failed.
    fn save_failed(&mut self, node: NodeId, (began, why): (SimTime, &str), cx: &mut Cx) {
        self.persistence.disks[node].save_failed(began);
        if !self.persistence.children[node].failed {
            cx.ledger.trace(cx.now, || {
                format!("{}: its save failed: {why}", self.node_name(node))
            });
        }
        let saves = self.persistence.saves.as_ref().expect("this node saves");
        let stops =
            saves.spec.stop_writes_on_bgsave_error && !saves.spec.schedule.points().is_empty();
        self.change(node, Change::SaveFailed(stops), cx);
        self.drain(cx);
        self.persistence.save_at(node, cx.now + RETRY, self.id, cx);
    }
}
