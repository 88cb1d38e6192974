//! What types cannot say about layouts: every cluster must hold what it starts with.

use crate::findings::Findings;
use crate::layout;
use crate::redis::table;
use crate::spec::redis::CELLS_MAX;
use crate::spec::{LayoutSpec, WorkloadSpec};
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_layout(&self, found: &mut Findings) {
        match self.layout {
            LayoutSpec::Shared {} => {}
            LayoutSpec::BulkheadOnly { calls, .. } => found.unless(
                calls.is_none_or(|calls| calls > 0),
                "layout.calls",
                "no call would ever be let in",
                "give 1 or more, such as 25",
            ),
            LayoutSpec::PerWorkload { .. } | LayoutSpec::PerService { .. } => {
                for (i, workload) in self.workloads.iter().enumerate() {
                    found.unless(
                        workload.dataset.get() > 0,
                        format!("workload[{i}].dataset"),
                        "a cluster of its own is sized by its dataset",
                        "give the bytes that it holds at the start",
                    );
                }
            }
            LayoutSpec::Cells { count, .. } => found.unless(
                (1..=CELLS_MAX).contains(&count),
                "layout.count",
                &format!("a trial has 1 to {CELLS_MAX} cells"),
                "give a number in between, such as 4",
            ),
        }
        self.check_initial_fill(found);
    }

    /// A world that is full from the start has no healthy state to compare with.
    fn check_initial_fill(&self, found: &mut Findings) {
        for plan in layout::plan(&self.layout, &self.system()) {
            let node = plan.node_memory - self.redis.system_reserve.as_f64();
            let on_it = || plan.workloads.iter().map(|w| &self.workloads[*w]);
            let share = self.redis.fullest_shard.get() * plan.part;
            let dataset: f64 = on_it().map(|w| w.dataset.as_f64()).sum();
            let keys: f64 = on_it().map(keys_at_start).sum();
            let table = table::bytes(table::buckets((keys * share) as u64)) as f64;
            let fullest = (dataset * share + table) * self.redis.fragmentation.get();
            let wrong = match self.layout {
                LayoutSpec::Shared {} | LayoutSpec::BulkheadOnly { .. } => {
                    "the fullest shard does not fit into its node at the start".to_owned()
                }
                LayoutSpec::PerWorkload { .. } | LayoutSpec::PerService { .. } => format!(
                    "the {} cluster's fullest shard does not fit into its node at the start, \
                     once the layout has shared the memory out",
                    plan.name
                ),
                LayoutSpec::Cells { .. } if plan.cell > 0 => continue,
                LayoutSpec::Cells { .. } => {
                    "the fullest shard of a cell does not fit into its node at the start, once \
                     the layout has shared the memory out"
                        .to_owned()
                }
            };
            found.unless(
                fullest < node,
                "redis.node_memory",
                &wrong,
                "give larger nodes, more shards or smaller datasets",
            );
        }
    }
}

/// Keys that a workload holds at the start, over all shards.
fn keys_at_start(workload: &WorkloadSpec) -> f64 {
    let known = workload.value_size.get() > 0 && workload.value_size_shape.get() > 0.0;
    let each = known.then(|| workload.bytes_per_key(workload.value_size, false));
    each.map_or(0.0, |each| workload.dataset.as_f64() / each as f64)
}
