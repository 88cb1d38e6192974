//! Background saves of a cluster's nodes: when they begin, what they cost, and what failing does.
//!
//! ```text
//! due ───► fork ──► pages are copied as they are written to ──► done
//!           │ blocks the thread (and the bus) while it lasts      │
//!           └──► fails: no memory to promise, disk full, child killed ──► -MISCONF, again in 6 s
//! ```
//!
//! When they begin, one after the other, is in `save_clock.rs` and `save_plan.rs`. As long as none
//! can matter nobody is woken for them. One can matter when the copied pages would take the node to
//! a limit, when the fork would fail, when the fork blocks for as long as somebody's patience or
//! timeout, while a disk is full or slow, and while another child feeds replicas. Opening
//! everything saves from the start.
//!
//! What a process has of its saves when it starts again is in `disk.rs`.
//!
//! Left out: while a save runs the rate of writes is that at its beginning; a pause too short for
//! anybody's timeout is not told.

use sim::{Dist, EventKey, Factor, SimDuration, SimTime, StreamKey};

use super::Cluster;
use super::disk::Disk;
use super::node::{Change, Node};
use super::save_clock::Clock;
use super::topology::Topology;
use crate::event::{ClusterTimer, Cx, Event};
use crate::ids::{ClusterId, Fleet, Id, NodeId};
use crate::layout::ClusterPlan;
use crate::redis::fork::{HUGE_PAGE, Overwritten, PAGE, fork_time, page_tables};
use crate::redis::growth::DatasetSize;
use crate::redis::keyspace::{self, OBJECT};
use crate::redis::memory::Load;
use crate::redis::save::{RETRY, Victim, fork_succeeds, victim};
use crate::spec::SystemSpec;
use crate::spec::persistence::{PersistenceSpec, ScheduleSpec};
use demand::Mode;

/// A process looks for work ten times a second (server.c: serverCron, `hz`).
pub(super) const CRON: SimDuration = SimDuration::from_millis(100);

/// Loads draw from this child of the key, saves from those by node.
const LOADS: u64 = u64::MAX;

/// The saves of a cluster whose nodes make any.
#[derive(Clone, Debug)]
pub(super) struct Saves {
    pub spec: PersistenceSpec,
    /// A fork that blocks for less is noticed by nobody.
    patience: SimDuration,
    pub plans: Fleet<NodeId, Plan>,
}

/// When a node saves.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub clock: Clock,
    /// The next save, while saves can matter.
    pub due: Option<EventKey>,
}

/// What the children of a node's process do to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Child {
    /// The one that saves for the node itself.
    pub saving: Option<Saving>,
    /// The one that saves for replicas.
    feeding: Option<Saving>,
    /// Did the last one fail, and does that stop writes?
    pub failed: bool,
    /// Can its append-only file not be written?
    pub append_fails: bool,
    /// Until when the disk is full.
    pub disk_full_until: SimTime,
}

/// A child at work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Saving {
    since: SimTime,
    ends: SimTime,
    /// What it may come to need twice, and how often that is written to.
    strings: Overwritten,
    writes: f64,
    page: f64,
}

/// When a save fails.
#[derive(Clone, Copy, Debug)]
enum Failed {
    ToBegin,
    ToEnd,
}

/// What a cluster's nodes write to disk, and read from it.
#[derive(Clone, Debug)]
pub(super) struct Persistence {
    pub saves: Option<Saves>,
    pub children: Fleet<NodeId, Child>,
    pub disks: Fleet<NodeId, Disk>,
    /// How often each node's process has read its data.
    loads: Fleet<NodeId, u32>,
    /// Does any node fork for a save before the world ends?
    pub forks: bool,
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
        let saves = |persistence: &PersistenceSpec| Saves {
            spec: persistence.clone(),
            patience: spec.patience,
            plans: Fleet::alike(
                &topology.nodes,
                Plan {
                    clock: Clock::stopped(&persistence.schedule),
                    due: None,
                },
            ),
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

    /// A node's clock, if it saves.
    pub fn clock(&self, node: NodeId) -> Option<&Clock> {
        self.saves.as_ref().map(|saves| &saves.plans[node].clock)
    }

    /// The same, to be set.
    pub fn clock_mut(&mut self, node: NodeId) -> Option<&mut Clock> {
        let saves = self.saves.as_mut();
        saves.map(|saves| &mut saves.plans[node].clock)
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

    /// A node's clock has been set anew: the event that was planned for its next save is void.
    pub fn forget_due(&mut self, node: NodeId, cx: &mut Cx) {
        let plan = self.saves.as_mut().map(|saves| &mut saves.plans[node]);
        if let Some(due) = plan.and_then(|plan| plan.due.take()) {
            cx.agenda.cancel(due);
        }
    }

    /// Plans an event for a node's next save, and none after the trial's end.
    pub(super) fn plan_next(&mut self, node: NodeId, cluster: ClusterId, cx: &mut Cx) {
        self.forget_due(node, cx);
        let saves = self.saves.as_mut().expect("this node saves");
        let plan = &mut saves.plans[node];
        let event = Event::Cluster(cluster, ClusterTimer::SaveDue(node));
        let at = plan.clock.next().max(cx.now);
        plan.due = (at < cx.end).then(|| cx.agenda.at(at, event));
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
        self.append_fails = false;
    }

    /// Are writes refused since something was not written to disk?
    pub fn stops_writes(&self) -> bool {
        self.failed || self.append_fails
    }

    /// Until when the last of them is at work.
    pub fn runs_until(&self) -> Option<SimTime> {
        self.running().map(|saving| saving.ends).max()
    }

    /// Until when the one that saves for replicas is at work.
    pub fn feeds_until(&self) -> Option<SimTime> {
        self.feeding.map(|feeding| feeding.ends)
    }

    /// The one that saves for replicas is killed.
    pub fn stop_feeding(&mut self) {
        self.feeding = None;
    }

    /// Until when the one that saves for the node itself is at work.
    pub fn saves_until(&self) -> Option<SimTime> {
        self.saving.map(|saving| saving.ends)
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
    /// A save is due.
    pub(super) fn on_save_due(&mut self, node: NodeId, cx: &mut Cx) {
        let saves = self
            .persistence
            .saves
            .as_mut()
            .expect("only saves schedule this");
        saves.plans[node].due = None;
        if saves.plans[node].clock.next() > cx.now {
            self.persistence.plan_next(node, self.id, cx);
            return;
        }
        // A process has one child at a time (server.c: hasActiveChildProcess).
        let forks = self.topology[node].forking.map(|_| cx.now + CRON);
        let feeds = self.persistence.children[node].feeds_until();
        if let Some(later) = forks.max(feeds).filter(|later| *later > cx.now) {
            let clock = self.persistence.clock_mut(node).expect("it saves");
            clock.hold_until(later);
            self.persistence.plan_next(node, self.id, cx);
            return;
        }
        let saves = self.persistence.saves.as_ref().expect("it saves");
        let spec = saves.spec.clone();
        let patience = saves.patience;
        let dataset_size = self.dataset.growth.size_at(cx.now);
        self.settle_tables(dataset_size, cx);
        let share = self.topology.share_of(node);
        let memory = &self.topology[node].memory;
        let resident = memory.resident(dataset_size.bytes * share, self.load(node, cx.now));
        // What a node lacks may have been deleted since.
        let resident = resident.max(0.0);
        let (available, swap) = memory.host();
        if !fork_succeeds(spec.overcommit, resident, available, swap) {
            self.save_failed(node, (Failed::ToBegin, "no memory for a fork"), cx);
        } else if cx.now < self.persistence.children[node].disk_full_until {
            self.save_failed(node, (Failed::ToBegin, "the disk is full"), cx);
        } else {
            self.begin_save(node, cx);
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
            let pace = self.pace_of_writes(node);
            if let Some(clock) = self.persistence.clock_mut(node) {
                clock.saved_elsewhere(fed.since, cx.now, pace);
            }
        }
        let saving = self.persistence.children[node]
            .saving
            .take_if(|saving| is_done(*saving));
        self.watch_disk(node, cx);
        if saving.is_none() {
            return;
        }
        if cx.now < self.persistence.children[node].disk_full_until {
            self.save_failed(node, (Failed::ToEnd, "the disk is full"), cx);
            return;
        }
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
                if saving.is_some() {
                    let why = (Failed::ToEnd, "the kernel has killed the child");
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
        self.watch_disk(node, cx);
        self.after(ends - cx.now, ClusterTimer::Saved(node), cx);
        // What its own save copies matters beside it.
        self.schedule_saves(dataset_size, cx);
    }

    /// A node's disk is full for a while.
    pub fn fill_disk(&mut self, node: NodeId, lasts: SimDuration, cx: &mut Cx) {
        let full_until = &mut self.persistence.children[node].disk_full_until;
        *full_until = (*full_until).max(cx.now.saturating_add(lasts));
        cx.ledger
            .trace(cx.now, || format!("{}: disk full", self.node_name(node)));
        self.meet_full_disk(node, cx);
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

    pub(super) fn saves_matter(
        &self,
        node: NodeId,
        dataset_size: DatasetSize,
        now: SimTime,
    ) -> bool {
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
            || self.saves_matter_to_disk(node)
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

    fn begin_save(&mut self, node: NodeId, cx: &mut Cx) {
        let pace = self.pace_of_writes(node);
        let takes = self.save_of(node, self.dataset.growth.bytes_at(cx.now));
        let clock = self.persistence.clock_mut(node).expect("this node saves");
        clock.begin(cx.now, takes, pace);
        self.open_save(node, (cx.now, cx.now.saturating_add(takes.0)), cx);
    }

    pub(super) fn open_save(
        &mut self,
        node: NodeId,
        (since, ends): (SimTime, SimTime),
        cx: &mut Cx,
    ) {
        let open = self.dataset.growth.open_at(since);
        let saving = self.saving(node, self.size_held(node, since), (since, ends), open);
        self.persistence.children[node].saving = Some(saving);
        self.watch_disk(node, cx);
        self.after(ends - cx.now, ClusterTimer::Saved(node), cx);
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
        let disk = self.redis.disk.map(|disk| disk.throughput.get());
        let rate = disk.map_or(sync.save_bytes.get(), |disk| {
            disk.min(sync.save_bytes.get())
        });
        let seconds = dataset_size.keys / sync.save_keys.get() + dataset_size.bytes / rate;
        SimDuration::from_secs_f64(seconds)
    }

    /// A save has failed: it is tried again.
    fn save_failed(&mut self, node: NodeId, (failed, why): (Failed, &str), cx: &mut Cx) {
        if !self.persistence.children[node].failed {
            cx.ledger.trace(cx.now, || {
                format!("{}: its save failed: {why}", self.node_name(node))
            });
        }
        let saves = self.persistence.saves.as_mut().expect("this node saves");
        let stops =
            saves.spec.stop_writes_on_bgsave_error && !saves.spec.schedule.points().is_empty();
        let (clock, again) = (&mut saves.plans[node].clock, cx.now + RETRY);
        match failed {
            Failed::ToBegin => clock.fail_due(again),
            Failed::ToEnd => clock.fail_last(again),
        }
        self.change(node, Change::SaveFailed(stops), cx);
        self.drain(cx);
        self.persistence.plan_next(node, self.id, cx);
    }
}
