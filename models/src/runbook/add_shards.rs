//! More shards.

use super::*;

/// Let new primaries with their replicas join, empty, and move slots to them until all shards hold
/// equal parts, as `rebalance` does. Nodes are as large as the largest that the cluster has. They
/// exist after `takes`, join at once, and the step is done when the slots have moved. No shard
/// joins a cluster of which a node does not run or a shard does not answer: `redis-cli` refuses. A
/// full cluster, which answers -OOM, can be enlarged. Left out: health checks do not ask the new
/// nodes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many shards the cluster has then, more than `redis.shards`. One that has as many only
    /// moves slots.
    to: u16,
    /// Keys that move per second in all, above 0; absent: as for `rebalance`.
    rate: Option<PerSec>,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("add-shards", "adds shards", 28)
    }

    fn moves_slots(&self) -> bool {
        true
    }

    fn shards_to(&self) -> Option<u16> {
        Some(self.to)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (to, rate) = (usize::from(self.to), self.rate.map(|rate| rate.get()));
        site.move_slots(|cluster, cx| cluster.add_shards(to, rate, cx))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_slots(found, key, self.rate, system);
        found.unless(
            self.to > system.redis.shards,
            format!("{key}.to"),
            "no shard would be added",
            "give more than redis.shards",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_shards_are_waited_for_until_they_have_their_parts() {
        let add = "kind = 'add-shards'\nto = 5";
        let (bench, _) = took_well(add);
        assert_eq!(bench.pending.len(), 1);
        let told = bench.lines().join("\n");
        assert!(told.contains("new shards join, 5 in all"), "{told}");
        assert!(told.contains("keys move to other shards"), "{told}");
        let told = took(add).0.lines().join("\n");
        assert!(told.contains("the cluster is not well"), "{told}");
        assert_eq!(wrong("kind = 'add-shards'\nto = 3"), ["action.to"]);
    }
}
