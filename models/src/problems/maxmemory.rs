//! What `outage check` notes of a `maxmemory` in bytes, which does not follow the node.

use sim::quantity::{Bytes, SizeOrShare};

use super::mib;
use crate::layout::ClusterPlan;
use crate::redis::evict::Evictable;
use crate::world::WorldSpec;

impl WorldSpec {
    /// Keys that a cluster evicts a second once it is full, at the stated rate.
    pub(super) fn evictions_of(&self, plan: &ClusterPlan) -> f64 {
        let evicts = self.redis.maxmemory_policy.evictable() != Evictable::Nothing;
        let new = self
            .workloads_on(plan)
            .map(|workload| workload.new_keys.get());
        let new: f64 = new.sum();
        if evicts { new } else { 0.0 }
    }

    pub(super) fn doubts_about_bytes(&self, doubts: &mut Vec<String>) {
        if let Some(SizeOrShare::Size(limit)) = self.redis.maxmemory {
            doubts.extend(self.doubt_larger_nodes(limit));
            doubts.extend(self.doubt_other_nodes(limit));
        }
    }

    /// Larger nodes that Redis may not use.
    fn doubt_larger_nodes(&self, limit: Bytes) -> Option<String> {
        let steps = self.people.runbook.iter();
        let last = (steps.map(|step| step.action.remedy()).rev())
            .find(|step| step.enlarges_nodes() || step.maxmemory().is_some());
        let raised_last = last.is_none_or(|step| step.maxmemory().is_some());
        let enlarges = match (&self.autoscaler, raised_last) {
            (None, true) => return None,
            (None, false) => "the step resize",
            (Some(_), true) => "the autoscaler",
            (Some(_), false) => "the step resize and the autoscaler",
        };
        Some(format!(
            "maxmemory = {limit} stays as it is on the larger nodes of {enlarges}, as redis.conf \
             does: Redis refuses writes or evicts as before; give a share of the node's memory, \
             such as \"75%\", or take raise-maxmemory as a later step"
        ))
    }

    /// Nodes of another size than the limit was written for.
    fn doubt_other_nodes(&self, limit: Bytes) -> Option<String> {
        let plans = self.layout.layout().place(&self.system());
        let node = self.redis.node_memory.as_f64();
        // Cells are alike: the first speaks for all.
        let others = plans.iter().filter(|plan| plan.cell == 0);
        let others = others.filter(|plan| plan.node_memory != node);
        let limits = others.filter_map(|plan| {
            let there = self.redis.maxmemory_on(plan.node_memory)?;
            Some(format!(
                "{} on the {} of {}",
                mib(there),
                mib(plan.node_memory),
                plan.name
            ))
        });
        let limits: Vec<String> = limits.collect();
        (!limits.is_empty()).then(|| {
            format!(
                "maxmemory = {limit} is for nodes with redis.node_memory = {}, and the layout \
                 gives others, which get it in proportion: {}; in bytes that stayed as they are, \
                 smaller nodes might never reach it",
                self.redis.node_memory,
                limits.join(", ")
            )
        })
    }
}
