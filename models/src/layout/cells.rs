//! Cells: tenants with services and clusters of their own.
//!
//! A cell holds an equal part of the tenants: 1/k of every dataset, of growth, of traffic, and of
//! the services' servers, which belong to the cell too. What a fault makes grow is one tenant's
//! data, so it hits one cell in full.
//!
//! Left out: tenants of different sizes, and tenants that are moved between cells.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Budget, ClusterPlan, Layout};
use crate::findings::Findings;
use crate::spec::SystemSpec;
use crate::spec::limits::CELLS_MAX;

/// Tenants are divided into cells of equal size, each with its own services, cluster and part of
/// every workload. A fault hits one cell.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many cells: 1 to 64.
    count: u16,
    /// What is kept equal when the layout is compared with the shared one.
    budget: Budget,
}

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        let count = self.cells();
        let part = 1.0 / count as f64;
        let cell = |cell: usize| ClusterPlan {
            name: format!("cell {}", cell + 1),
            workloads: (0..system.workloads.len()).collect(),
            cell,
            part,
            node_memory: self.budget.node_memory(system, count) * part,
        };
        (0..count).map(cell).collect()
    }

    fn cells(&self) -> usize {
        usize::from(self.count)
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            (1..=CELLS_MAX).contains(&self.count),
            format!("{key}.count"),
            &format!("a trial has 1 to {CELLS_MAX} cells"),
            "give a number in between, such as 4",
        );
    }

    fn too_full(&self, _plan: &ClusterPlan) -> String {
        "the fullest shard of a cell does not fit into its node at the start, once the layout has \
         shared the memory out"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    #[test]
    fn a_cell_has_its_part_of_everything() {
        let tables = given::tables();
        let of = |count| Params {
            count,
            budget: Budget::EqualMemory,
        };
        let plans = of(4).place(&tables.system());
        assert_eq!(plans.len(), of(4).cells());
        for (cell, plan) in plans.iter().enumerate() {
            assert_eq!((plan.cell, plan.part), (cell, 0.25));
            let whole = tables.redis.node_memory.as_f64();
            assert_eq!(plan.node_memory, whole / 4.0);
        }
        let wrong = |count| tables.wrong(|system, found| of(count).check("layout", system, found));
        assert_eq!(wrong(64), [""; 0]);
        for count in [0, 65] {
            assert_eq!(wrong(count), ["layout.count"]);
        }
    }
}
