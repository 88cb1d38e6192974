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
//! Left out here: the memory that the copies for larger nodes cost; they are taken from a replica.

mod bus;
mod consequence;
mod copying;
mod due;
mod evictions;
mod follow;
mod make;
mod managed;
mod mend;
mod metrics;
mod node;
pub mod operate;
mod partition;
mod pressure;
pub mod queue;
mod replicate;
mod save;
mod sentinels;
mod settle;
mod stream;
pub mod subscribers;
mod tables;

use sim::{EventKey, SimTime, StreamKey};

pub use evictions::Evicted;
use node::Change;
pub use node::{Link, Node};
pub use partition::Cut;
pub use save::Child;

use crate::event::{ClusterTimer, Cx};
use crate::ids::ClusterId;
use crate::layout::ClusterPlan;
use crate::redis::capability::{Condition, Reply};
use crate::redis::growth::{Adding, Growth, Held};
use crate::redis::keyspace::SLOT_LINKS;
use crate::redis::memory::Load;
use crate::spec::service::Access;
use crate::spec::{FailoverSpec, RedisSpec, SystemSpec};
use consequence::Consequence;
use demand::Mode;
use demand::answer::{Answer, Cause};
use evictions::Evictions;
use failover::cluster_bus::{ClusterBus, Member};
use failover::sentinel::SentinelGroup;
use follow::Following;
use make::{commands, nodes, part_of, provider, shares, starts};
use queue::Surplus;
use tables::Tables;

/// One cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    id: ClusterId,
    /// Its name in traces and charts.
    pub name: String,
    /// The workloads on it, by position.
    pub workloads: Vec<usize>,
    /// The cell that it serves.
    pub cell: usize,
    /// Its name among all random streams.
    pub entity: u64,
    redis: RedisSpec,
    nodes: Vec<Node>,
    /// Share of the datasets in each shard.
    shares: Vec<f64>,
    evictions: Evictions,
    growth: Growth,
    /// By workload: what it held at the start, and what was deleted of it.
    loaded: Vec<Held>,
    deleted: Vec<Held>,
    /// Growth bursts and backlogs, in the order of their trees.
    surpluses: Vec<Surplus>,
    /// The workloads' names.
    names: Vec<String>,
    /// The hash tables of each shard.
    tables: Vec<Tables>,
    saves: Option<save::Saves>,
    /// Mean bytes of the string that holds a key's name.
    key_name: f64,
    save_key: StreamKey,
    /// The node that owns each shard, as its majority sees it.
    owners: Vec<usize>,
    /// For each shard, losses on record to which clients still add.
    losses: Vec<Vec<usize>>,
    /// Histories of writes that there were so far.
    histories: u32,
    /// Bytes per second that go into the stream besides those of new keys.
    other_writes: f64,
    /// Mean size of a write.
    write_size: f64,
    /// Hosts that are cut off from the others at present.
    cut: Option<Cut>,
    bus: Option<ClusterBus>,
    /// By shard; empty if no Sentinel watches.
    sentinels: Vec<SentinelGroup>,
    sentinel_event: Option<(EventKey, SimTime)>,
    provider: Option<managed::Provider>,
    bus_key: StreamKey,
    /// What the trace said last of the bus' view.
    said_ok: bool,
    bus_event: Option<(EventKey, SimTime)>,
    memory_event: Option<(EventKey, SimTime)>,
    /// The state in which all nodes were settled last, unless sizes that matter move with time.
    settled: Option<pressure::Settled>,
    /// The bounds that the memory event is for, and the growth's turn in which it was planned.
    forecast: Option<(pressure::Bounds, u32, Option<SimTime>)>,
    /// Commands per second on a shard's owner, per unit of its share, and those of them that write.
    commands: (f64, f64),
    following: Following,
    cutting_over: bool,
    plans: operate::Plans,
    watched: Vec<Watched>,
    failover: FailoverSpec,
    /// What follows from changes and is still to be done, the next last.
    pending: Vec<Consequence>,
    mode: Mode,
}

/// A usage at which an observer wants to be woken.
#[derive(Clone, Copy, Debug)]
enum Watched {
    AnyShard(f64),
    Average(f64),
}

/// What came of an event, for the world to pass on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// What clients are told, or what observers can see, may have changed.
    pub changed: bool,
    /// Larger nodes have taken over.
    pub resized: bool,
}

impl Cluster {
    /// The cluster of `plan`, healthy at time zero.
    pub fn new(
        id: ClusterId,
        plan: &ClusterPlan,
        spec: &SystemSpec,
        adding: Vec<Adding>,
        (bus_key, save_key): (StreamKey, StreamKey),
        mode: Mode,
    ) -> Cluster {
        let redis = part_of(&spec.redis, plan.part);
        let shards = usize::from(redis.shards);
        let shares = shares(&redis);
        let starts = starts(spec, plan);
        let start = starts.iter().copied().fold(Held::default(), Held::with);
        let table = |share: &f64| Tables::loaded(start.share(*share), SimTime::ZERO);
        let on_top = if spec.failover.cluster_mode() {
            SLOT_LINKS
        } else {
            0
        };
        let nodes = nodes(&redis, plan.node_memory, shards, bus_key);
        let mut cluster = Cluster {
            id,
            name: plan.name.clone(),
            workloads: plan.workloads.clone(),
            cell: plan.cell,
            entity: plan.entity(),
            saves: save::Saves::new(spec, nodes.len()),
            key_name: make::key_name(spec, plan),
            save_key,
            tables: shares.iter().map(table).collect(),
            evictions: Evictions::new(spec, plan, shards),
            surpluses: Vec::new(),
            names: spec.workloads.iter().map(|w| w.name.clone()).collect(),
            deleted: vec![Held::default(); plan.workloads.len()],
            loaded: starts.clone(),
            growth: Growth::new(starts, adding, on_top, mode),
            owners: make::owners(&redis),
            losses: vec![Vec::new(); shards],
            histories: shards as u32,
            other_writes: stream::other_writes(plan, spec),
            write_size: stream::write_size(plan, spec),
            cut: None,
            bus: None,
            sentinels: Vec::new(),
            sentinel_event: None,
            provider: provider(&spec.failover, shards),
            bus_key,
            said_ok: true,
            bus_event: None,
            memory_event: None,
            settled: None,
            forecast: None,
            commands: commands(spec, plan),
            following: Following::new(spec, plan),
            nodes,
            shares,
            redis,
            cutting_over: false,
            plans: operate::Plans::default(),
            watched: Vec::new(),
            failover: spec.failover.clone(),
            pending: Vec::new(),
            mode,
        };
        for shard in 0..shards {
            cluster.take_writes(shard, SimTime::ZERO);
        }
        cluster.bus = cluster.new_bus(SimTime::ZERO);
        cluster.sentinels = cluster.new_sentinels(SimTime::ZERO);
        cluster
    }

    /// What a client that uses the cluster in this way is told at this instant: it waits while a
    /// node forks, however short that is.
    pub fn answer_at_once(&self, access: Access) -> Answer {
        let forks = |shard: &usize| {
            let condition = self.condition(self.known_owner(*shard));
            condition == Condition::Forking && self.shares[*shard] > 0.0
        };
        if self.shards().any(|shard| forks(&shard)) {
            return Answer::Hang;
        }
        self.answer(access)
    }

    /// What a client that uses the cluster in this way is told at present.
    pub fn answer(&self, access: Access) -> Answer {
        if self.cutting_over {
            return Answer::Hang;
        }
        let mut answer = Answer::Ok;
        // Nobody asks a shard that holds none of the keys.
        for shard in self.shards().filter(|shard| self.shares[*shard] > 0.0) {
            match self.reply(self.known_owner(shard), access) {
                Reply::Silence => return Answer::Hang,
                Reply::Error(cause) if answer == Answer::Ok => answer = Answer::Error(cause),
                Reply::Error(_) | Reply::Fine => {}
            }
        }
        answer
    }

    /// What a client is told that uses one shard of the cluster in this way.
    pub fn answer_of(&self, shard: usize, access: Access) -> Answer {
        let owner = self.known_owner(shard);
        if self.cutting_over || self.condition(owner) == Condition::Forking {
            return Answer::Hang;
        }
        match self.reply(owner, access) {
            Reply::Silence => Answer::Hang,
            Reply::Error(cause) => Answer::Error(cause),
            Reply::Fine => Answer::Ok,
        }
    }

    /// The share of keys in each shard.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// What `node` replies to a client that takes it for an owner.
    pub fn reply(&self, node: usize, access: Access) -> Reply {
        let capabilities = self.seen(node);
        let reply = match access {
            Access::Read => capabilities.reads,
            Access::Write => capabilities.writes,
        };
        let reads_anyway =
            |bus: &ClusterBus| access == Access::Read && bus.spec().allow_reads_when_down;
        let serves = |bus: &ClusterBus| bus.view(Member(node as u16)).ok() || reads_anyway(bus);
        match (&self.bus, reply) {
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

    /// Does a node hold itself for a replica?
    pub fn is_replica(&self, node: usize) -> bool {
        !self.nodes[node].primary || self.nodes[node].read_only
    }

    /// Its shards.
    pub fn shards(&self) -> std::ops::Range<usize> {
        0..self.shares.len()
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node that clients and checks hold for the shard's owner.
    pub fn known_owner(&self, shard: usize) -> usize {
        let known = self
            .nodes
            .iter()
            .position(|node| node.shard == shard && node.known);
        known.expect("clients always know some owner of a shard")
    }

    /// Used memory of the shard's owner as a share of its limit.
    pub fn usage(&self, shard: usize, now: SimTime) -> f64 {
        self.node_usage(self.known_owner(shard), now)
    }

    /// Used memory of a node as a share of its limit.
    pub fn node_usage(&self, node: usize, now: SimTime) -> f64 {
        let shard = self.nodes[node].shard;
        let held = self.growth.held_at(now);
        let tables = self.tables_at(shard, held, now).bytes();
        let memory = &self.nodes[node].memory;
        let load = Load {
            tables,
            ..self.load(node, now)
        };
        memory.used(held.bytes * self.shares[shard], load) / memory.limit()
    }

    /// Used memory over the shards' limits, on average: what a provider's metric shows.
    pub fn usage_average(&self, now: SimTime) -> f64 {
        let sum: f64 = self.shards().map(|shard| self.usage(shard, now)).sum();
        sum / self.shares.len() as f64
    }

    /// The shard that is fullest by its owner's share of its limit.
    pub fn fullest_shard(&self, now: SimTime) -> usize {
        let usage = |shard: &usize| self.usage(*shard, now);
        let fullest = self.shards().max_by(|a, b| usage(a).total_cmp(&usage(b)));
        fullest.expect("a cluster has a shard")
    }

    /// Bytes of memory that are paid for at present.
    pub fn bytes_paid(&self) -> f64 {
        self.nodes.iter().map(|node| node.bytes).sum()
    }

    /// A name for a node in traces and charts: the shard is the one that it was made for.
    pub fn node_name(&self, node: usize) -> String {
        let per_shard = 1 + usize::from(self.redis.replicas);
        let letter = char::from(b'a' + (node % per_shard) as u8);
        format!("{} shard {} node {letter}", self.name, node / per_shard + 1)
    }

    /// Somebody wants to be woken when any shard's usage reaches this share of its limit.
    pub fn watch_usage(&mut self, share: f64) {
        self.watched.push(Watched::AnyShard(share));
    }

    /// Somebody wants to be woken when the shards' usage is on average this share of their limits.
    pub fn watch_average(&mut self, share: f64) {
        self.watched.push(Watched::Average(share));
    }

    /// The trial begins.
    pub fn start(&mut self, cx: &mut Cx) {
        self.tell_bus_ok(cx);
        self.tell_sentinels_ok(cx);
        for node in 0..self.nodes.len() {
            self.plan_saves(node, self.save_key, cx);
        }
        self.settle(cx);
    }

    /// An event of this cluster's own.
    pub fn on_timer(&mut self, timer: ClusterTimer, cx: &mut Cx) -> News {
        let mut news = News {
            changed: true,
            resized: false,
        };
        match timer {
            ClusterTimer::Memory => {
                self.memory_event = None;
                self.settled = None;
            }
            ClusterTimer::Rehashed => {}
            ClusterTimer::Bus => {
                self.bus_event = None;
                news.changed = self.advance_bus(cx);
                if !news.changed {
                    self.schedule_bus(cx);
                    return news;
                }
            }
            ClusterTimer::Sentinels => {
                self.sentinel_event = None;
                news.changed = self.advance_sentinels(cx);
                if !news.changed {
                    self.schedule_sentinels(cx);
                    return news;
                }
            }
            ClusterTimer::Provider { shard, turn } => self.on_provider(shard, turn, cx),
            ClusterTimer::Follow { shard, node } => self.on_follow(shard, node, cx),
            ClusterTimer::Ramped(node) => self.on_ramped(node, cx),
            ClusterTimer::Restart(node) => self.on_start(node, Condition::Killed, cx),
            ClusterTimer::HostBack(node) => self.on_start(node, Condition::HostLost, cx),
            ClusterTimer::SentinelBack { host } => self.set_sentinel_on(host, true, cx),
            ClusterTimer::Loaded(node) => self.on_loaded(node, cx),
            ClusterTimer::LoadKilled(node) => self.on_load_killed(node, cx),
            ClusterTimer::SaveDue(node) => self.on_save_due(node, cx),
            ClusterTimer::Saved(node) => self.on_saved(node, cx),
            ClusterTimer::Slow(node) => self.on_slow(node, cx),
            ClusterTimer::FaultEnds(node) => self.end_fault(node, cx),
            ClusterTimer::ConsumersBack { workload } => self.consumers_back(workload, 1.0, cx),
            ClusterTimer::Drains { surplus } => self.on_drains(surplus, cx),
            ClusterTimer::Stream { node, wait } => self.on_stream(node, wait, cx),
            ClusterTimer::Forked(node) => self.change(node, Change::Forking(None), cx),
            ClusterTimer::Mended => self.mend(cx),
            ClusterTimer::CutOver { plan } => news.resized = self.on_cut_over(plan, cx),
            ClusterTimer::CutOverDone => self.cutting_over = false,
        }
        self.settle(cx);
        news
    }

    /// What lies on a node at `now`, its tables as of the last event.
    fn load(&self, node: usize, now: SimTime) -> Load {
        let Node {
            shard,
            loaded,
            primary,
            child,
            slow,
            ..
        } = &self.nodes[node];
        let (shard, loaded, primary) = (*shard, *loaded, *primary);
        let (commands, writes) = self.commands;
        let subscribers = self.redis.pubsub.map_or(0, |pubsub| pubsub.subscribers);
        let connections = f64::from(self.redis.connections + subscribers);
        let buffers = connections * self.redis.connection_memory.as_f64();
        let slow = slow.map_or(0.0, |slow| slow.used(now));
        let held = self.held_for_replicas(node, now);
        Load {
            primary,
            tables: self.tables[shard].bytes(),
            buffers: slow + held + if loaded { buffers } else { 0.0 },
            uncounted: held,
            copied: child.copied(now),
            commands: self.shares[shard] * if loaded { commands } else { writes },
        }
    }

    fn condition(&self, node: usize) -> Condition {
        self.nodes[node].condition()
    }

    fn replicas_of(&self, shard: usize) -> Vec<usize> {
        let owner = self.owners[shard];
        let is_replica = |n: &usize| self.nodes[*n].shard == shard && *n != owner;
        (0..self.nodes.len()).filter(is_replica).collect()
    }
}
