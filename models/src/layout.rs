//! Isolation layouts: which workload lives on which cluster, and with how much memory.
//!
//! ```text
//! shared         one cluster of n nodes with M bytes each
//! bulkhead-only  the same cluster; every need of a service has a bulkhead (visitors/inside.rs)
//! per-workload   a cluster of n nodes for every workload, node memory in proportion to datasets
//! per-service    a cluster of n nodes for every service and the workloads at home with it
//! cells          k clusters of n nodes, each with all workloads of 1/k of the tenants
//!   equal-memory   the clusters' memory adds up to n x M; more nodes cost more
//!   equal-cost     the additional nodes' monthly base price is taken off their memory
//! ```
//!
//! In proportion, so that every cluster starts equally full; each node still gives its system
//! reserve away, which is the price of isolation that small nodes feel first.
//!
//! A workload is one set of data and stands in one place: under `per-service` it is at home with
//! the first service that writes it, else with the first that reads it, and other services reach
//! it there. They still fail with it; who shares nothing is on its own.
//!
//! A cell holds an equal part of the tenants: 1/k of every dataset, of growth, of traffic, and of
//! the services' servers, which belong to the cell too. What a fault makes grow is one tenant's
//! data, so it hits one cell in full.
//!
//! Left out: tenants of different sizes, and tenants that are moved between cells.

use crate::spec::redis::Budget;
use crate::spec::service::Access;
use crate::spec::{LayoutSpec, PriceSpec, SystemSpec};

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

/// Hours of the month that prices refer to.
const HOURS_PER_MONTH: f64 = 730.0;

/// The clusters that the scenario's layout asks for, cell by cell.
pub fn plan(layout: &LayoutSpec, spec: &SystemSpec) -> Vec<ClusterPlan> {
    let all: Vec<usize> = (0..spec.workloads.len()).collect();
    match *layout {
        LayoutSpec::Shared {} | LayoutSpec::BulkheadOnly { .. } => vec![ClusterPlan {
            name: "shared".to_owned(),
            workloads: all,
            cell: 0,
            part: 1.0,
            node_memory: spec.redis.node_memory.as_f64(),
        }],
        LayoutSpec::PerWorkload { budget } => {
            let alone = |i: usize| (spec.workloads[i].name.clone(), vec![i]);
            apart(spec, budget, all.into_iter().map(alone).collect())
        }
        LayoutSpec::PerService { budget } => apart(spec, budget, homes(spec)),
        LayoutSpec::Cells { count, budget } => {
            let count = usize::from(count);
            let part = 1.0 / count as f64;
            let cell = |cell: usize| ClusterPlan {
                name: format!("cell {}", cell + 1),
                workloads: all.clone(),
                cell,
                part,
                node_memory: memory(spec, budget, count) * part,
            };
            (0..count).map(cell).collect()
        }
    }
}

/// How many cells there are, each with services and clusters of its own.
pub fn cells(layout: &LayoutSpec) -> usize {
    match *layout {
        LayoutSpec::Cells { count, .. } => usize::from(count),
        LayoutSpec::Shared {}
        | LayoutSpec::BulkheadOnly { .. }
        | LayoutSpec::PerWorkload { .. }
        | LayoutSpec::PerService { .. } => 1,
    }
}

/// A cluster for each group of workloads, node memory in proportion to datasets.
fn apart(spec: &SystemSpec, budget: Budget, groups: Vec<(String, Vec<usize>)>) -> Vec<ClusterPlan> {
    let dataset = |workloads: &[usize]| -> f64 {
        let datasets = workloads.iter().map(|w| spec.workloads[*w].dataset);
        datasets.map(|dataset| dataset.as_f64()).sum()
    };
    let total: f64 = groups.iter().map(|(_, workloads)| dataset(workloads)).sum();
    let memory = memory(spec, budget, groups.len());
    let plan = |(name, workloads): (String, Vec<usize>)| ClusterPlan {
        name,
        node_memory: memory * dataset(&workloads) / total,
        workloads,
        cell: 0,
        part: 1.0,
    };
    groups.into_iter().map(plan).collect()
}

/// The workloads at home with each service, and those that no service needs, each for itself.
fn homes(spec: &SystemSpec) -> Vec<(String, Vec<usize>)> {
    let uses = |workload: usize, access: Access| {
        let name = &spec.workloads[workload].name;
        spec.services.iter().position(|service| {
            let mut needs = service.needs.iter();
            needs.any(|need| need.workload == *name && need.access == access)
        })
    };
    let home = |workload: usize| {
        let writes = uses(workload, Access::Write);
        writes.or_else(|| uses(workload, Access::Read))
    };
    let of_service = |(i, service): (usize, &crate::spec::ServiceSpec)| {
        let workloads = (0..spec.workloads.len()).filter(|w| home(*w) == Some(i));
        (service.name.clone(), workloads.collect::<Vec<usize>>())
    };
    let served = spec.services.iter().enumerate().map(of_service);
    let served = served.filter(|(_, workloads)| !workloads.is_empty());
    let idle = (0..spec.workloads.len()).filter(|w| home(*w).is_none());
    let alone = |w: usize| (spec.workloads[w].name.clone(), vec![w]);
    served.chain(idle.map(alone)).collect()
}

/// Memory of a node over all of so many clusters.
fn memory(spec: &SystemSpec, budget: Budget, clusters: usize) -> f64 {
    let node_memory = spec.redis.node_memory.as_f64();
    match budget {
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

/// US dollars per month of nodes with `bytes` of memory in all.
pub fn nodes_per_month(price: &PriceSpec, nodes: usize, bytes: f64) -> f64 {
    let gib = bytes / (1u64 << 30) as f64;
    gib * price.gib_hour.get() * HOURS_PER_MONTH + nodes as f64 * price.node_month.get()
}
