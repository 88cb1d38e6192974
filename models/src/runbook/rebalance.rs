//! Equal shards for unequal ones.

use super::*;

/// Move slots from the fullest shards to the others until all hold equal parts (`redis-cli
/// --cluster rebalance`): slot migration, without new nodes. Keys move in batches, one after the
/// other; a full shard frees memory as they go. The step is done when all have moved. It ends where
/// it stands if an owner changes, dies, hangs or refuses: a target at `maxmemory` refuses them
/// with -OOM, a source at `maxmemory` goes on.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Keys that move per second in all, above 0. Absent: as fast as `redis-cli` of Redis 7.0.15
    /// moves them in batches of 10, measured on one machine of two cores: 1500/s for values up to
    /// 1000 bytes, 570/s for 10 KiB. With batches of 100 it was 6900/s for 1000 bytes.
    rate: Option<PerSec>,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("rebalance", "moves slots to other shards", 27)
    }

    fn moves_slots(&self) -> bool {
        true
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let rate = self.rate.map(|rate| rate.get());
        site.move_slots(|cluster, cx| cluster.rebalance(rate, cx))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_slots(found, key, self.rate, system);
        found.unless(
            system.redis.shards > 1 || !system.failover.has_slots(),
            key.to_owned(),
            "there is no other shard to which keys could move",
            "give redis.shards = 2 or more, or leave this step out",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_shard_is_waited_for_until_it_is_as_full_as_the_others() {
        let rebalance = "kind = 'rebalance'";
        let (bench, _) = took_well(rebalance);
        assert_eq!(bench.pending.len(), 1);
        let told = bench.lines().join("\n");
        assert!(told.contains("keys move to other shards"), "{told}");
        let told = took(rebalance).0.lines().join("\n");
        assert!(told.contains("does not execute MIGRATE"), "{told}");
        let none = "kind = 'rebalance'\nrate = '0/s'";
        assert_eq!(wrong(none), ["action.rate"]);
    }
}
