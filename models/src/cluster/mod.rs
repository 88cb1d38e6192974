//! One cluster: its nodes, its data, who owns its shards, and what its clients are told.
//!
//! ```text
//!   growth ──crossing──► memory trouble ──► condition ──► cluster bus ──► promotion
//!     ▲                        ▲                                             │
//!     │ writes open?           └── clients arrive: buffers and load ◄── clients follow
//!     └────────────── answer to clients ◄────────────────────────────────────┘
//! ```
//!
//! Nothing here knows of an incident: a primary stalls because its pages no longer fit under its
//! load, its replica is promoted because the bus is silent, and stalls in turn because the same
//! data now meets the same load.
//!
//! A request of a service touches keys of every shard that its workloads have, so the cluster
//! serves a client only if every shard does, and a shard that hangs makes the whole request hang.
//! A shard that holds none of the keys is not asked.

mod accept;
mod backlog;
mod bus;
mod clients;
mod commands;
mod connections;
mod consequence;
mod control;
mod copying;
mod crowding;
mod dataset;
mod deleting;
mod disk;
mod due;
pub mod enlarge;
mod evictions;
mod fading;
mod follow;
mod fragment;
mod fsync;
mod loss;
mod managed;
mod metrics;
mod node;
pub mod operate;
mod paces;
mod partition;
mod pressure;
pub mod queue;
mod repair;
mod replicate;
mod replication;
mod reshard;
mod save;
mod save_clock;
mod save_plan;
mod sentinels;
mod settle;
mod stream;
pub mod subscribers;
mod supervisor;
mod tables;
mod topology;

use std::rc::Rc;

use sim::{SimDuration, SimTime, StreamKey};

pub use evictions::Evicted;
pub use loss::DataLoss;
pub use paces::Pace;
pub use reshard::migrate_time;
pub use topology::{NetworkCut, node_names};

use crate::event::{ClusterTimer, Cx};
use crate::ids::{ClusterId, Fleet, NodeId, ShardId, ViewId};
use crate::layout::ClusterPlan;
use crate::redis::capability::{Condition, Reply};
use crate::redis::growth::GrowthSource;
use crate::redis::memory::{Load, Slowness};
use crate::spec::persistence::PubsubSpec;
use crate::spec::service::Access;
use crate::spec::{RedisSpec, SystemSpec};
use clients::{Clients, in_proportion};
use connections::{Accepting, Standing};
use consequence::Consequence;
use control::{Control, member};
use dataset::Dataset;
use deleting::Deletion;
use demand::Mode;
use demand::answer::{Answer, Cause};
use enlarge::Resizes;
use failover::cluster_bus::{BusHistories, SharedBus};
use node::{Change, Node};
use replication::Replication;
use reshard::Reshard;
use save::Persistence;
use supervisor::Supervisors;
use topology::Topology;

/// A pause that is shorter delays requests and probes, and nobody takes it for an outage.
const NOTICEABLE: SimDuration = SimDuration::from_secs(1);

/// One cluster: parts that own what they are about, and what spans them.
#[derive(Clone, Debug)]
pub struct Cluster {
    id: ClusterId,
    /// What it was built from: its name, its workloads, its cell.
    pub plan: ClusterPlan,
    redis: RedisSpec,
    topology: Topology,
    replication: Replication,
    persistence: Persistence,
    supervisors: Supervisors,
    dataset: Dataset,
    clients: Clients,
    accepting: Accepting,
    control: Control,
    resizes: Resizes,
    deletions: Vec<Deletion>,
    reshards: Vec<Reshard>,
    /// What follows from changes and is still to be done, the next last.
    pending: Vec<Consequence>,
    mode: Mode,
}

/// Effects of an event that the world passes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterEffects {
    /// What clients are told, or what observers can see, may have changed.
    pub changed: bool,
    /// Larger nodes have taken over.
    pub resized: bool,
}

impl ClusterEffects {
    const CHANGED: ClusterEffects = ClusterEffects {
        changed: true,
        resized: false,
    };
}

impl Cluster {
    /// The cluster of `plan`, healthy at time zero.
    pub fn new(
        id: ClusterId,
        plan: &ClusterPlan,
        spec: &SystemSpec,
        adding: Vec<GrowthSource>,
        (bus_key, save_key): (StreamKey, StreamKey),
        histories: Rc<BusHistories>,
        mode: Mode,
    ) -> Cluster {
        let redis = part_of(spec.redis, plan.part).on_nodes_of(plan.node_memory);
        let topology = Topology::new(plan, &redis, spec.most_shards);
        let accepting = Accepting::new(spec, &redis, topology.nodes.len());
        let counted = (redis.connections, accepting.counts);
        let mut cluster = Cluster {
            id,
            plan: plan.clone(),
            replication: Replication::new(spec, plan, &topology, bus_key),
            persistence: Persistence::new(spec, plan, &topology, save_key),
            supervisors: Supervisors::new(redis.supervisor, &topology.nodes, save_key),
            dataset: Dataset::new(spec, plan, &topology, adding, mode),
            clients: Clients::new(spec, plan, &topology, counted),
            accepting,
            control: Control::new(spec.failover, bus_key, histories),
            topology,
            redis,
            resizes: Resizes::default(),
            deletions: Vec::new(),
            reshards: Vec::new(),
            pending: Vec::new(),
            mode,
        };
        cluster.topology.joined = usize::from(cluster.redis.shards);
        cluster.open_all();
        for shard in cluster.shards() {
            cluster.take_writes(shard, SimTime::ZERO);
        }
        cluster
            .control
            .set_up(&cluster.topology, SimTime::ZERO, mode);
        cluster
    }

    /// What part `part` of the clients of a view is told at this instant if it uses the cluster in
    /// this way: it waits while a node forks or makes handshakes, however short that is.
    pub fn answer_at_once(&self, view: ViewId, access: Access, part: usize) -> Answer {
        let shards = self.topology.asked_shards();
        if shards
            .map(|s| self.known_to(view, s))
            .any(|n| self.pauses(n))
        {
            return Answer::Hang;
        }
        self.answer_of_all(view, |shard| {
            self.reply_to(view, shard, access, (part, true))
        })
    }

    /// What clients that know the owners best are told at present.
    pub fn answer(&self, access: Access) -> Answer {
        let best = |view| self.answer_to(view, access, 0);
        let mut answers = self.clients.ids().map(best);
        let first = answers.next().expect("a cluster has clients");
        answers.find(|answer| answer.captures()).unwrap_or(first)
    }

    /// Can some clients not write at present?
    pub fn fails_somebody(&self) -> bool {
        let mut views = self.clients.ids();
        let last = self.connection_parts() - 1;
        views.any(|view| !self.answer_to(view, Access::Write, last).captures())
    }

    /// What these clients are told at present if they use the cluster in this way.
    pub fn answer_to(&self, view: ViewId, access: Access, part: usize) -> Answer {
        self.answer_of_all(view, |shard| {
            self.reply_to(view, shard, access, (part, false))
        })
    }

    fn answer_of_all(&self, view: ViewId, reply: impl Fn(ShardId) -> Reply) -> Answer {
        if self.clients.cutting_over {
            return Answer::Hang;
        }
        let (mut answer, mut slowest) = (Answer::Ok, None);
        for shard in self.topology.asked_shards() {
            match reply(shard) {
                Reply::Silence => return Answer::Hang,
                Reply::Error(cause) if answer == Answer::Ok => answer = Answer::Error(cause),
                Reply::Fine => slowest = slowest.max(self.slow_by(view, shard)),
                Reply::Error(_) => {}
            }
        }
        match answer {
            Answer::Ok => late(slowest),
            error => error,
        }
    }

    /// How late the node answers that clients reach when they ask for a shard.
    fn slow_by(&self, view: ViewId, shard: ShardId) -> Option<Slowness> {
        let node = self.known_to(view, shard);
        match self.redirects(node) {
            true => self.topology[self.topology.owners[shard]].slow_by,
            false => self.topology[node].slow_by,
        }
    }

    /// How late a node answers because it swaps.
    pub fn late_by(&self, node: NodeId) -> SimDuration {
        let slow_by = self.topology[node].slow_by;
        slow_by.map_or(SimDuration::ZERO, Slowness::late)
    }

    /// What a client is told that uses one shard of the cluster in this way; `at_once` counts short
    /// pauses.
    pub fn answer_of(
        &self,
        view: ViewId,
        shard: ShardId,
        access: Access,
        (part, at_once): (usize, bool),
    ) -> Answer {
        let pauses = at_once && self.pauses(self.known_to(view, shard));
        if pauses || self.clients.cutting_over {
            return Answer::Hang;
        }
        match self.reply_to(view, shard, access, (part, at_once)) {
            Reply::Silence => Answer::Hang,
            Reply::Error(cause) => Answer::Error(cause),
            Reply::Fine => late(self.slow_by(view, shard)),
        }
    }

    /// May clients be told something at this instant that is over before they notice it?
    pub fn may_pause(&self) -> bool {
        let mut nodes = self.topology.nodes.values();
        self.accepting.counts || nodes.any(|node| node.pauses_briefly())
    }

    /// Does a node's thread pause?
    fn pauses(&self, node: NodeId) -> bool {
        let condition = self.condition(node);
        matches!(
            condition,
            Condition::Forking | Condition::Accepting | Condition::Freeing
        )
    }

    /// What the node that these clients use as the shard's owner answers.
    fn reply_to(
        &self,
        view: ViewId,
        shard: ShardId,
        access: Access,
        (part, at_once): (usize, bool),
    ) -> Reply {
        let node = self.known_to(view, shard);
        if self.clients.is_stranded(view, node) {
            return Reply::Error(Cause::Refused);
        }
        let reply = self.reply(node, access);
        match self.standing(view, node, part, at_once) {
            _ if matches!(reply, Reply::Silence | Reply::Error(Cause::Refused)) => reply,
            Standing::Connected => reply,
            Standing::Waiting => Reply::Silence,
            Standing::Pausing => Reply::Error(Cause::Refused),
            Standing::Refused => Reply::Error(Cause::MaxClients),
        }
    }

    /// The share of requests that ask each shard for one key: that of keys at the start.
    pub fn shares(&self) -> &[f64] {
        self.topology.asked.values().as_slice()
    }

    /// What `node` replies to a client that takes it for an owner.
    pub fn reply(&self, node: NodeId, access: Access) -> Reply {
        let capabilities = self.seen(node);
        if self.redirects(node) {
            // -MOVED comes before -LOADING and all else (server.c: processCommand).
            let owner = self.topology.owners[self.topology[node].shard];
            return self.reply(owner, access);
        }
        let reply = match access {
            Access::Read => capabilities.reads,
            Access::Write => capabilities.writes,
        };
        let reads_anyway =
            |bus: &SharedBus| access == Access::Read && bus.spec().allow_reads_when_down;
        let serves = |bus: &SharedBus| bus.ok(member(node)) || reads_anyway(bus);
        match (self.control.bus(), reply) {
            (_, Reply::Silence | Reply::Error(Cause::Refused)) => reply,
            // Looked at before everything else that a node may say (server.c: processCommand);
            // `cluster-allow-reads-when-down` as in cluster.c: getNodeByQuery.
            (Some(bus), _) if !serves(bus) => Reply::Error(Cause::ClusterDown),
            (None, Reply::Fine) if access == Access::Write && self.is_replica(node) => {
                Reply::Error(Cause::Readonly)
            }
            (_, Reply::Fine) if access == Access::Write && !self.has_good_replicas(node) => {
                Reply::Error(Cause::NoReplicas)
            }
            (_, reply) => reply,
        }
    }

    /// Does a node redirect clients to the owner of its shard (-MOVED)?
    fn redirects(&self, node: NodeId) -> bool {
        let seen = self.seen(node);
        let ok = self.control.bus().is_some_and(|bus| bus.ok(member(node)));
        ok && node != self.topology.owners[self.topology[node].shard]
            && self.is_replica(node)
            && seen.tcp == Reply::Fine
            && seen.writes != Reply::Silence
    }

    /// Does a node hold itself for a replica?
    pub fn is_replica(&self, node: NodeId) -> bool {
        !self.topology[node].primary || self.topology[node].read_only
    }

    /// Its shards.
    pub fn shards(&self) -> impl DoubleEndedIterator<Item = ShardId> + ExactSizeIterator + use<> {
        self.topology.shards()
    }

    /// Its nodes.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        self.topology.ids()
    }

    /// The node that checks and people hold for the shard's owner.
    pub fn known_owner(&self, shard: ShardId) -> NodeId {
        self.clients.observed[shard]
    }

    /// The node that these clients hold for the shard's owner.
    fn known_to(&self, view: ViewId, shard: ShardId) -> NodeId {
        self.clients.known_owner(&self.topology, view, shard)
    }

    /// The view of this cluster that a process of a service has.
    pub fn view_of(&self, service: &str, process: usize) -> ViewId {
        self.clients.view_of(service, process)
    }

    /// Bytes of memory that are paid for at present.
    pub fn bytes_paid(&self) -> f64 {
        self.nodes().map(|node| self.topology[node].bytes).sum()
    }

    /// A name for a node in traces and charts: the shard is the one that it was made for.
    pub fn node_name(&self, node: NodeId) -> String {
        self.topology.name_of(node)
    }

    /// No workers, for each view of the cluster.
    pub fn no_workers(&self) -> Fleet<ViewId, f64> {
        self.clients.no_workers()
    }

    /// Services have so many times the servers that they began with, and each server its
    /// connections, shared out by the workers that each view has now. True if that is a change.
    pub fn scale_connections(
        &mut self,
        system: &SystemSpec,
        factor: f64,
        workers: &Fleet<ViewId, f64>,
        cx: &mut Cx,
    ) -> bool {
        let all = f64::from(part_of(system.redis, self.plan.part).connections);
        let connections = (all * factor).round() as u32;
        let wanted = in_proportion(connections, workers.values().as_slice());
        let views = self.clients.views.values().zip(&wanted);
        let moved = views.into_iter().any(|(view, n)| view.connections != *n);
        if self.redis.connections == connections && !(self.accepting.counts && moved) {
            return false;
        }
        self.redis.connections = connections;
        self.set_wanted(&wanted, cx);
        self.dataset.settled = None;
        self.settle(cx);
        true
    }

    /// The trial begins.
    pub fn start(&mut self, cx: &mut Cx) {
        self.tell_control_ok(cx);
        for node in self.topology.ids() {
            self.plan_saves(node, cx);
        }
        self.plan_pace(cx);
        self.settle(cx);
    }

    /// An event of this cluster's own.
    pub fn on_timer(&mut self, timer: ClusterTimer, cx: &mut Cx) -> ClusterEffects {
        let mut effects = ClusterEffects::CHANGED;
        match timer {
            ClusterTimer::Memory => self.dataset.reached(),
            ClusterTimer::Rehashed => {}
            ClusterTimer::Fades { step } => self.on_fades(step, cx),
            ClusterTimer::Expires => self.dataset.settled = None,
            ClusterTimer::Control => {
                self.control.event = None;
                effects.changed = self.advance_control(cx);
                if !effects.changed {
                    self.schedule_control(cx);
                    return effects;
                }
            }
            ClusterTimer::Provider { shard, turn } => self.on_provider(shard, turn, cx),
            ClusterTimer::Follow { view, shard, node } => self.on_follow(view, shard, node, cx),
            ClusterTimer::Published { shard, node } => self.on_published(shard, node, cx),
            ClusterTimer::Ramped { view, node } => self.on_ramped(view, node, cx),
            ClusterTimer::Arrive {
                view,
                node,
                count,
                tries,
            } => self.on_arrive(view, node, count, tries, cx),
            ClusterTimer::Accept(node) => {
                effects.changed = self.on_accept(node, cx);
                if !effects.changed {
                    return effects;
                }
            }
            ClusterTimer::Accepted { node, round } => self.on_accepted(node, round, cx),
            ClusterTimer::GiveUp { view, node, since } => self.on_give_up(view, node, since, cx),
            ClusterTimer::AskAgain { view, node } => self.on_ask_again(view, node, cx),
            ClusterTimer::Restart(node) => self.on_start(node, Condition::Killed, cx),
            ClusterTimer::HostBack(node) => self.on_start(node, Condition::HostLost, cx),
            ClusterTimer::SentinelBack { host } => self.set_sentinel_on(host, true, cx),
            ClusterTimer::Loaded(node) => self.on_loaded(node, cx),
            ClusterTimer::LoadKilled(node) => self.on_load_killed(node, cx),
            ClusterTimer::SaveDue(node) => self.on_save_due(node, cx),
            ClusterTimer::DiskBlocks(node, blocked) => self.on_disk_blocks(node, blocked, cx),
            ClusterTimer::Fragments(node, step) => self.on_fragments(node, step, cx),
            ClusterTimer::Deletes { number } => self.on_deletes(number, cx),
            ClusterTimer::Reshards { number } => self.on_reshards(number, cx),
            ClusterTimer::DiskWell(node) => self.on_disk_well(node, cx),
            ClusterTimer::Saved(node) => self.on_saved(node, cx),
            ClusterTimer::Slow(node) => self.on_slow(node, cx),
            ClusterTimer::FaultEnds(node) => self.end_fault(node, cx),
            ClusterTimer::ConsumersBack { workload } => self.consumers_back(workload, 1.0, cx),
            ClusterTimer::Drains { surplus } => self.on_drains(surplus, cx),
            ClusterTimer::Stream { node, wait } => self.on_stream(node, wait, cx),
            ClusterTimer::Forked(node) => self.change(node, Change::Forking(None), cx),
            ClusterTimer::Freed(node) => self.on_freed(node, cx),
            ClusterTimer::Probes { node, process } => self.on_probe(node, process, cx),
            ClusterTimer::ProbeTimesOut { node, process } => self.on_no_answer(node, process, cx),
            ClusterTimer::Readiness { node, turn } => self.on_readiness(node, turn, cx),
            ClusterTimer::Stops { node, process } => self.on_stops(node, process, cx),
            ClusterTimer::GraceEnds { node, process } => self.on_grace_ends(node, process, cx),
            ClusterTimer::SaysBusy(node) => self.says_busy(node, cx),
            ClusterTimer::Flushed { owner, takes } => self.on_flushed(owner, takes, cx),
            ClusterTimer::Pace => self.on_pace(cx),
            ClusterTimer::LooksForRoom => self.on_looks_for_room(cx),
            ClusterTimer::Lags(primary) => self.forget_left(primary, cx.now),
            ClusterTimer::PartitionHealed => self.heal_partition(cx),
            ClusterTimer::Copies(step) => effects.resized = self.on_copy(step, cx),
            ClusterTimer::CutOverDone => self.clients.cutting_over = false,
        }
        self.settle(cx);
        effects
    }

    /// What lies on a node at `now`, its tables as of the last event.
    fn load(&self, node: NodeId, now: SimTime) -> Load {
        let Node {
            shard,
            primary,
            slow,
            ..
        } = &self.topology[node];
        let loaded = self.clients.loaded(node);
        let buffers = self.clients_on(node) * self.redis.connection_memory.as_f64();
        let slow = slow.map_or(0.0, |slow| slow.used(now));
        let dataset_size = self.held_for_replicas(node, now);
        Load {
            primary: *primary,
            tables: self.dataset.tables[*shard].bytes(),
            buffers: slow + dataset_size + buffers,
            uncounted: dataset_size,
            copied: self.persistence.children[node].copied(now),
            commands: self.commands_of(node, loaded),
        }
    }

    /// Connections of clients and subscribers at a node; none at one that is gone.
    fn clients_at(&self, node: NodeId) -> u64 {
        match self.topology[node].is_gone() {
            true => 0,
            false => self.clients_on(node).round() as u64,
        }
    }

    /// The same, as if the process were there.
    fn clients_on(&self, node: NodeId) -> f64 {
        let subscribers = self.redis.pubsub.map_or(0, |pubsub| pubsub.subscribers);
        let open = self.clients.open(node, self.accepting.counts);
        f64::from(open) + f64::from(subscribers) * self.clients.back(node)
    }
}

/// The answer of a node that serves, at once or slowly.
fn late(slow_by: Option<Slowness>) -> Answer {
    slow_by.map_or(Answer::Ok, |slow_by| Answer::Late(slow_by.late()))
}

/// What a cluster is made of that has this part of the clients.
fn part_of(redis: &RedisSpec, part: f64) -> RedisSpec {
    let share = |clients: u32| (f64::from(clients) * part).ceil() as u32;
    let pubsub = redis.pubsub.map(|pubsub| PubsubSpec {
        subscribers: share(pubsub.subscribers),
        ..pubsub
    });
    let mut sync = redis.sync;
    if let Some(disk) = redis.disk.filter(|_| !sync.diskless) {
        // The file that replicas get is written first.
        if disk.throughput < sync.save_bytes {
            sync.save_bytes = disk.throughput;
        }
    }
    RedisSpec {
        connections: share(redis.connections),
        sync,
        pubsub,
        ..redis.clone()
    }
}
