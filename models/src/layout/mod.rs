//! Isolation layouts, with one file for each: which workload lives on which cluster, and with how
//! much memory.
//!
//! ```text
//! shared         one cluster of n nodes with M bytes each
//! bulkhead-only  the same cluster; every need of a service has a bulkhead
//! per-workload   a cluster of n nodes for every workload, node memory in proportion to datasets
//! per-service    a cluster of n nodes for every service and the workloads at home with it
//! split          a cluster for each group of workloads that is split off, one for the others; node
//!                memory in proportion to datasets, or as given
//! cells          k clusters of n nodes, each with all workloads of 1/k of the tenants
//!   equal-memory   the clusters' memory adds up to n x M; more nodes cost more
//!   equal-cost     the additional nodes' monthly base price is taken off their memory
//! ```
//!
//! In proportion, so that every cluster starts equally full; each node still gives its system
//! reserve away, which is the price of isolation that small nodes feel first.
//!
//! To add a layout, write its file, and name it below: its module, its variant and its arm.

mod bulkhead_only;
mod cells;
mod per_service;
mod per_workload;
mod shared;
mod split;

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::{PriceSpec, SystemSpec};

/// Which workload lives on which cluster.
#[allow(missing_docs)] // each file says what its layout is
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayoutSpec {
    Shared(shared::Params),
    BulkheadOnly(bulkhead_only::Params),
    PerWorkload(per_workload::Params),
    PerService(per_service::Params),
    Cells(cells::Params),
    Split(split::Params),
}

impl LayoutSpec {
    /// What places workloads.
    pub fn layout(&self) -> &dyn Layout {
        match self {
            LayoutSpec::Shared(params) => params,
            LayoutSpec::BulkheadOnly(params) => params,
            LayoutSpec::PerWorkload(params) => params,
            LayoutSpec::PerService(params) => params,
            LayoutSpec::Cells(params) => params,
            LayoutSpec::Split(params) => params,
        }
    }
}

/// One kind of layout.
pub trait Layout {
    /// The clusters that it asks for, cell by cell.
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan>;

    /// How many cells there are, each with services and clusters of its own.
    fn cells(&self) -> usize {
        1
    }

    /// The bulkhead of a service's need that has none of its own: calls in each process, and how
    /// long one waits.
    fn bulkhead(&self) -> Option<(u32, SimDuration)> {
        None
    }

    /// What types cannot say about its keys, which stand at `key`.
    fn check(&self, _key: &str, _system: &SystemSpec, _found: &mut Findings) {}

    /// What is wrong if a cluster's fullest shard does not fit into its node at the start.
    fn too_full(&self, _plan: &ClusterPlan) -> String {
        "the fullest shard does not fit into its node at the start".to_owned()
    }
}

/// One cluster to be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPlan {
    /// Its name in traces and charts.
    pub name: String,
    /// The workloads on it, by their position in the scenario.
    pub workloads: Vec<usize>,
    /// The cell that it serves, from 0; without cells there is one.
    pub cell: usize,
    /// The part of its workloads' data, growth and traffic that it has.
    pub part: f64,
    /// Memory of each of its nodes in bytes.
    pub node_memory: f64,
}

impl ClusterPlan {
    /// Names it among all random streams: the first workload on it, and the cell. The first cell
    /// has the name that a cluster without cells has.
    pub fn entity(&self) -> u64 {
        of_cell(self.workloads[0] as u64, self.cell)
    }
}

/// The name of something in a cell among all random streams; in the first cell its own.
pub fn of_cell(entity: u64, cell: usize) -> u64 {
    entity + ((cell as u64) << 32)
}

/// The name of something in a process of a service; in the first process its own.
pub fn of_process(entity: u64, process: usize) -> u64 {
    entity + ((process as u64) << 48)
}

/// Hours of the month that prices refer to.
const HOURS_PER_MONTH: f64 = 730.0;

/// What two layouts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// The same total memory; more nodes then cost more.
    EqualMemory,
    /// The same cost a month; what the additional nodes cost is taken off their memory.
    EqualCost,
}

impl Budget {
    /// Memory of a node over all of so many clusters.
    fn node_memory(self, spec: &SystemSpec, clusters: usize) -> f64 {
        let node_memory = spec.redis.node_memory.as_f64();
        match self {
            Budget::EqualMemory => node_memory,
            Budget::EqualCost => {
                // All nodes' memory is bought by the GiB-hour; each costs its base on top. What the
                // bases of the additional clusters cost is taken off the memory of all.
                let gib_month = spec.price.gib_hour.get() * HOURS_PER_MONTH / (1u64 << 30) as f64;
                let bases = (clusters as f64 - 1.0) * spec.price.node_month.get();
                node_memory - bases / gib_month
            }
        }
    }
}

/// One cluster on nodes as the scenario gives them.
fn one_cluster(system: &SystemSpec) -> Vec<ClusterPlan> {
    vec![ClusterPlan {
        name: "shared".to_owned(),
        workloads: (0..system.workloads.len()).collect(),
        cell: 0,
        part: 1.0,
        node_memory: system.redis.node_memory.as_f64(),
    }]
}

/// A cluster for each group of workloads, node memory in proportion to datasets.
fn apart(spec: &SystemSpec, budget: Budget, groups: Vec<(String, Vec<usize>)>) -> Vec<ClusterPlan> {
    let dataset = |workloads: &[usize]| -> f64 {
        let datasets = workloads.iter().map(|w| spec.workloads[*w].dataset);
        datasets.map(|dataset| dataset.as_f64()).sum()
    };
    let total: f64 = groups.iter().map(|(_, workloads)| dataset(workloads)).sum();
    let memory = budget.node_memory(spec, groups.len());
    let plan = |(name, workloads): (String, Vec<usize>)| ClusterPlan {
        name,
        node_memory: memory * dataset(&workloads) / total,
        workloads,
        cell: 0,
        part: 1.0,
    };
    groups.into_iter().map(plan).collect()
}

/// Memory can be shared out in proportion to datasets.
fn check_datasets(system: &SystemSpec, found: &mut Findings) {
    for (i, workload) in system.workloads.iter().enumerate() {
        found.unless(
            workload.dataset.get() > 0,
            format!("workload[{i}].dataset"),
            "a cluster of its own is sized by its dataset",
            "give the bytes that it holds at the start",
        );
    }
}

/// What is wrong if one of several clusters does not hold what it starts with.
fn too_full_apart(plan: &ClusterPlan) -> String {
    format!(
        "the {} cluster's fullest shard does not fit into its node at the start, once the layout \
         has shared the memory out",
        plan.name
    )
}

/// US dollars per month of nodes with `bytes` of memory in all.
pub fn nodes_per_month(price: &PriceSpec, nodes: usize, bytes: f64) -> f64 {
    let gib = bytes / (1u64 << 30) as f64;
    gib * price.gib_hour.get() * HOURS_PER_MONTH + nodes as f64 * price.node_month.get()
}
