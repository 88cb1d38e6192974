//! What types cannot say about layouts: every cluster must hold what it starts with.

use crate::findings::Findings;
use crate::layout::ClusterPlan;
use crate::redis::table;
use crate::spec::WorkloadSpec;
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_layout(&self, found: &mut Findings) {
        let system = self.system();
        self.layout.layout().check("layout", &system, found);
        self.check_initial_fill(found);
    }

    /// A world that is full from the start has no healthy state to compare with.
    fn check_initial_fill(&self, found: &mut Findings) {
        if self.redis.system_reserve >= self.redis.node_memory {
            return; // that is reported, and nothing would fit
        }
        let layout = self.layout.layout();
        let plans = layout.place(&self.system());
        // Cells are alike: the first speaks for all.
        for plan in plans.into_iter().filter(|plan| plan.cell == 0) {
            let node = plan.node_memory - self.redis.system_reserve.as_f64();
            let fullest = self.used_at_start(&plan) * self.redis.lasting_fragmentation().get();
            let wrong = layout.too_full(&plan);
            found.unless(
                fullest < node,
                "redis.node_memory",
                &wrong,
                "give larger nodes, more shards or smaller datasets",
            );
        }
    }

    /// What the data of a cluster's fullest shard take at the start, as Redis counts them.
    pub(super) fn used_at_start(&self, plan: &ClusterPlan) -> f64 {
        let (dataset, keys) = self.fullest_at_start(plan);
        dataset + table::bytes(table::buckets(keys as u64)) as f64
    }

    /// Bytes and keys of a cluster's fullest shard at the start.
    pub(super) fn fullest_at_start(&self, plan: &ClusterPlan) -> (f64, f64) {
        let share = self.redis.fullest_shard.get() * plan.part;
        let dataset: f64 = self.workloads_on(plan).map(|w| w.dataset.as_f64()).sum();
        let keys: f64 = self.workloads_on(plan).map(keys_at_start).sum();
        (dataset * share, keys * share)
    }

    /// The workloads on a cluster.
    pub(super) fn workloads_on(&self, plan: &ClusterPlan) -> impl Iterator<Item = &WorkloadSpec> {
        plan.workloads.iter().map(|w| &self.workloads[*w])
    }
}

/// Keys that a workload holds at the start, over all shards.
fn keys_at_start(workload: &WorkloadSpec) -> f64 {
    let known = workload.value_size.get() > 0 && workload.value_size_shape.get() > 0.0;
    let each = known.then(|| workload.bytes_per_key(workload.value_size, false));
    each.map_or(0.0, |each| workload.dataset.as_f64() / each as f64)
}
