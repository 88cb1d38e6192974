//! What a cluster's workloads hold: growth, tables, what was deleted and evicted of it, and the
//! sizes at which somebody is to be woken.

use std::collections::BTreeMap;

use sim::{EventKey, SimTime};

use super::crowding::Crowding;
use super::evictions::Evictions;
use super::loss::DataLoss;
use super::loss::Emptied;
use super::pressure::{Bounds, Search, Settled, Watched};
use super::queue::ExtraGrowth;
use super::tables::Tables;
use super::topology::Topology;
use crate::ids::{Fleet, ShardId};
use crate::layout::ClusterPlan;
use crate::redis::growth::{DatasetSize, Growth, GrowthSource};
use crate::redis::keyspace::SLOT_LINKS;
use crate::spec::SystemSpec;
use demand::Mode;

/// The datasets of a cluster, over all shards.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    pub growth: Growth,
    /// The workloads on it, by position in the scenario.
    workloads: Vec<usize>,
    /// The names of all workloads of the scenario.
    pub names: Vec<String>,
    /// Lengths of their keys' names, of those that are here.
    pub key_lengths: Vec<u64>,
    /// Members of the largest key of each, if one is large.
    pub largest_keys: Vec<Option<u32>>,
    /// By workload on it: what it held at the start, and what was deleted of it.
    loaded: Vec<DatasetSize>,
    pub deleted: Vec<DatasetSize>,
    /// What a cache would notice of lost data.
    pub losses: Vec<DataLoss>,
    /// When a node of a shard first had all the memory that it may have.
    pub full: BTreeMap<ShardId, SimTime>,
    /// Jobs that were lost, on all shards.
    pub jobs_lost: f64,
    /// Starts of shards' owners without data that replicas may still hold, in time order.
    pub emptied: Fleet<ShardId, Vec<Emptied>>,
    /// Growth bursts and backlogs, in the order of their trees.
    pub surpluses: Vec<ExtraGrowth>,
    /// The hash tables of each shard.
    pub tables: Fleet<ShardId, Tables>,
    pub evictions: Evictions,
    pub crowding: Crowding,
    /// What is missing of keys with a lifetime is about to be forgotten.
    pub fades: bool,
    pub watched: Vec<Watched>,
    /// When a size is reached that matters to somebody.
    pub event: Option<(EventKey, SimTime)>,
    /// The state in which all nodes were settled last, unless sizes that matter move with time.
    pub settled: Option<Settled>,
    /// The bounds that the event is for, and the growth's turn in which it was planned.
    pub forecast: Option<(Bounds, u32, Option<SimTime>)>,
    /// What is known of when each of the bounds is reached.
    pub searches: [Option<Search>; 8],
}

impl Dataset {
    /// What the workloads of `plan` hold at time zero, and how they grow.
    pub fn new(
        spec: &SystemSpec,
        plan: &ClusterPlan,
        topology: &Topology,
        adding: Vec<GrowthSource>,
        mode: Mode,
    ) -> Dataset {
        let starts = starts(spec, plan);
        let start = starts
            .iter()
            .copied()
            .fold(DatasetSize::default(), DatasetSize::with);
        let key_length = |w: &usize| spec.workloads[*w].key_length.get();
        let table = |share: &f64| Tables::loaded(start.share(*share), SimTime::ZERO);
        let on_top = if spec.failover.cluster_mode() {
            SLOT_LINKS
        } else {
            0
        };
        let growth = Growth::new(starts, adding, on_top, mode);
        Dataset {
            workloads: plan.workloads.clone(),
            names: spec.workloads.iter().map(|w| w.name.clone()).collect(),
            key_lengths: plan.workloads.iter().map(key_length).collect(),
            largest_keys: (plan.workloads.iter())
                .map(|w| spec.workloads[*w].largest_key)
                .collect(),
            deleted: vec![DatasetSize::default(); plan.workloads.len()],
            losses: Vec::new(),
            full: BTreeMap::new(),
            jobs_lost: 0.0,
            emptied: Fleet::alike(&topology.shares, Vec::new()),
            surpluses: Vec::new(),
            tables: topology.shares.values().map(table).collect(),
            evictions: Evictions::new(spec, plan, &topology.shares),
            crowding: Crowding::new(spec, &plan.workloads, &topology.shares),
            loaded: growth.lasting().to_vec(),
            growth,
            fades: false,
            watched: Vec::new(),
            event: None,
            settled: None,
            forecast: None,
            searches: [None; 8],
        }
    }

    /// A size is reached that matters to somebody: all nodes are to be settled.
    pub fn reached(&mut self) {
        self.event = None;
        self.settled = None;
    }

    /// Bytes of each workload that were ever stored by `now`, less what was deleted.
    pub fn parts_at(&self, now: SimTime) -> Vec<f64> {
        let stored = self.growth.parts_at(now).into_iter().zip(&self.deleted);
        stored.map(|(stored, gone)| stored - gone.bytes).collect()
    }

    /// Where a workload stands among those that are here.
    pub fn place_of(&self, workload: usize) -> usize {
        let place = self.workloads.iter().position(|of| *of == workload);
        place.expect("the workload lives here")
    }

    /// Which of the growth's sources a surplus is: they come after the steady ones.
    pub fn source_of(&self, surplus: usize) -> usize {
        self.workloads.len() + surplus
    }

    /// Growth bursts of a workload end.
    pub fn stop_bursts(&mut self, workload: usize, now: SimTime) {
        for i in 0..self.surpluses.len() {
            let surplus = &self.surpluses[i];
            if surplus.workload == workload && !surplus.is_backlog() {
                self.growth.stop(self.source_of(i), now);
            }
        }
    }

    /// What there is of a workload, over all shards, if nothing was lost.
    pub fn held(&self, workload: usize, now: SimTime) -> DatasetSize {
        let steady = self.place_of(workload);
        let of_it = |i: &usize| self.surpluses[*i].workload == workload;
        let surpluses = (0..self.surpluses.len()).filter(of_it);
        let sources = std::iter::once(steady).chain(surpluses.map(|i| self.source_of(i)));
        let brought = sources.map(|source| self.growth.brought_by(source, now));
        let held = brought.fold(self.loaded[steady], DatasetSize::with);
        held.without(self.deleted[steady])
    }

    /// A share of a workload's keys is deleted, jobs that wait among them: which that is.
    pub fn delete(&mut self, workload: usize, share: f64, now: SimTime) -> DatasetSize {
        let steady = self.place_of(workload);
        let gone = self.held(workload, now).share(share).whole();
        self.deleted[steady] = self.deleted[steady].with(gone);
        self.backlogs_lose(workload, share, now);
        self.growth.delete(now, gone);
        gone
    }
}

/// What each of a cluster's workloads holds at the start, in whole keys.
fn starts(spec: &SystemSpec, plan: &ClusterPlan) -> Vec<DatasetSize> {
    let cluster = spec.failover.cluster_mode();
    let one = |w: &usize| {
        let workload = &spec.workloads[*w];
        let each = workload.bytes_per_key(workload.value_size, cluster);
        let bytes = (workload.dataset.as_f64() * plan.part) as u64;
        DatasetSize::of((bytes / each) as f64, bytes as f64, workload.expires)
    };
    plan.workloads.iter().map(one).collect()
}
