//! Larger nodes and slots that move: what they do not do.

use sim::SimDuration;

use crate::cluster::migrate_time;
use crate::spec::FailoverSpec;
use crate::spec::autoscaler::AddsSpec;
use crate::spec::service::Keys;
use crate::world::WorldSpec;

/// Beyond so many shards their copies to larger nodes are slow to simulate.
const COPIES_ARE_SLOW: u16 = 250;

impl WorldSpec {
    /// Scaling that never happens, and where the model's shortcuts may change a ranking.
    pub(super) fn doubts_about_scaling(&self, doubts: &mut Vec<String>) {
        self.doubts_about_autoscaler(doubts);
        self.doubt_many_copies(doubts);
        let mut steps = self.people.runbook.iter();
        let by_hand = steps.any(|step| step.action.remedy().moves_slots());
        let scaler = self.autoscaler.as_ref();
        if !by_hand && scaler.is_none_or(|of| of.adds == AddsSpec::Memory) {
            if let Some(of) = self.workloads.iter().find(|of| of.largest_key.is_some()) {
                doubts.push(format!(
                    "workload {}: largest_key changes nothing, since no slots move (no step \
                     rebalance or add-shards, no autoscaler that adds shards)",
                    of.name
                ));
            }
            return;
        }
        let redis = &self.redis;
        let node = redis.node_memory.as_f64();
        let counted = redis.maxmemory_on(node).unwrap_or(f64::INFINITY);
        let host = node - redis.system_reserve.as_f64();
        if counted * redis.lasting_fragmentation().get() >= host {
            doubts.push(
                "slots move away from nodes whose limit is the host's memory and not \
                 redis.maxmemory: a real process that frees keys keeps most of its pages, and the \
                 model gives all of them back (measured: 36 % less data, no page less), so moves \
                 help less than it says"
                    .to_owned(),
            );
        }
        let detects = match &self.failover {
            FailoverSpec::ClusterBus(bus) => bus.node_timeout,
            _ => SimDuration::MAX,
        };
        for workload in &self.workloads {
            let takes = workload.largest_key.map(migrate_time);
            if let Some(takes) = takes.filter(|takes| *takes > detects) {
                doubts.push(format!(
                    "MIGRATE of the largest key of {} stops its node for {}, longer than \
                     failover.node_timeout ({detects}): moving slots may end in a failover",
                    workload.name,
                    takes.rounded_to(SimDuration::from_secs(1))
                ));
            }
        }
        let mut needs = self.services.iter().flat_map(|service| &service.needs);
        if needs.any(|need| need.keys == Some(Keys::One)) {
            doubts.push(
                "services that ask for one key (keys = \"one\") go on asking shards in the \
                 proportions of the start while slots move: a shard that fails fails as many \
                 requests as before, and one that was added none"
                    .to_owned(),
            );
        }
    }

    /// May people or an autoscaler bring larger nodes?
    pub(super) fn enlarges_nodes(&self) -> bool {
        let mut steps = self.people.runbook.iter();
        let by_hand = steps.any(|step| step.action.remedy().enlarges_nodes());
        let scaler = self.autoscaler.as_ref();
        scaler.is_some_and(|of| of.adds == AddsSpec::Memory) || by_hand
    }

    /// Larger nodes for so many shards that it takes long to simulate.
    fn doubt_many_copies(&self, doubts: &mut Vec<String>) {
        let shards = self.redis.shards;
        if self.enlarges_nodes() && shards > COPIES_ARE_SLOW {
            doubts.push(format!(
                "the copies of {shards} shards to larger nodes are slow to simulate: the work \
                 grows with the square of the shards (of 1,000 it took 20 s)"
            ));
        }
    }

    /// An autoscaler that can never act.
    fn doubts_about_autoscaler(&self, doubts: &mut Vec<String>) {
        let Some(scaler) = &self.autoscaler else {
            return;
        };
        let shards = self.redis.shards;
        let never = match scaler.adds {
            AddsSpec::Memory => scaler.step > scaler.ceiling,
            AddsSpec::Shards => scaler.most_shards(shards) <= shards,
        };
        if never {
            doubts.push(format!(
                "the autoscaler never acts: one step (autoscaler.step, {}) is beyond \
                 autoscaler.ceiling ({})",
                scaler.step, scaler.ceiling
            ));
        }
    }
}
