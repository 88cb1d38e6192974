//! Isolation layouts: which workload lives on which cluster, and with how much memory.
//!
//! ```text
//! shared         one cluster of n nodes with M bytes each
//! per-workload   a cluster of n nodes for every workload; node memory in proportion to datasets
//!   equal-memory   the clusters' memory adds up to n x M; more nodes cost more
//!   equal-cost     the additional nodes' monthly base price is taken off their memory
//! ```
//!
//! In proportion, so that every cluster starts equally full; each node still gives its system
//! reserve away, which is the price of isolation that small nodes feel first.

use crate::spec::redis::Budget;
use crate::spec::{LayoutSpec, WorldSpec};

/// One cluster to be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPlan {
    /// Its name in traces and charts.
    pub name: String,
    /// The workloads on it, by their position in the scenario.
    pub workloads: Vec<usize>,
    /// Memory of each of its nodes in bytes.
    pub node_memory: f64,
}

/// Hours of the month that prices refer to.
const HOURS_PER_MONTH: f64 = 730.0;

/// The clusters that the scenario's layout asks for.
pub fn plan(spec: &WorldSpec) -> Vec<ClusterPlan> {
    let node_memory = spec.redis.node_memory.as_f64();
    match spec.layout {
        LayoutSpec::Shared {} => vec![ClusterPlan {
            name: "shared".to_owned(),
            workloads: (0..spec.workloads.len()).collect(),
            node_memory,
        }],
        LayoutSpec::PerWorkload { budget } => per_workload(spec, budget, node_memory),
    }
}

fn per_workload(spec: &WorldSpec, budget: Budget, node_memory: f64) -> Vec<ClusterPlan> {
    let total: f64 = spec.workloads.iter().map(|w| w.dataset.as_f64()).sum();
    let clusters = spec.workloads.len() as f64;
    let memory = match budget {
        Budget::EqualMemory => node_memory,
        Budget::EqualCost => {
            // All nodes' memory is bought by the GiB-hour; each costs its base on top. What the
            // bases of the additional clusters cost is taken off the memory of all.
            let gib_month = spec.price.gib_hour.get() * HOURS_PER_MONTH / (1u64 << 30) as f64;
            let bases = (clusters - 1.0) * spec.price.node_month.get();
            node_memory - bases / gib_month
        }
    };
    let plan = |(i, workload): (usize, &crate::spec::WorkloadSpec)| ClusterPlan {
        name: workload.name.clone(),
        workloads: vec![i],
        node_memory: memory * workload.dataset.as_f64() / total,
    };
    spec.workloads.iter().enumerate().map(plan).collect()
}

/// US dollars per month of nodes with `bytes` of memory in all.
pub fn nodes_per_month(spec: &WorldSpec, nodes: usize, bytes: f64) -> f64 {
    let gib = bytes / (1u64 << 30) as f64;
    gib * spec.price.gib_hour.get() * HOURS_PER_MONTH + nodes as f64 * spec.price.node_month.get()
}
