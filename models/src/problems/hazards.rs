//! What types cannot say about hazards.

use crate::fault::TURNS_MAX;
use crate::findings::Findings;
use crate::spec::FailoverSpec;
use crate::spec::redis::host_of;
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_hazards(&self, found: &mut Findings) {
        let Some(hazards) = &self.hazards else { return };
        let least = self.horizon.scaled(1.0 / TURNS_MAX as f64);
        for hazard in hazards.all() {
            let name = hazard.kind.name();
            found.unless(
                hazard.every > least,
                format!("hazards.every.{name}"),
                &format!("it would come more than {TURNS_MAX} times in a trial"),
                "give a longer time from one to the next",
            );
            match hazard.lasts {
                Some(lasts) => {
                    let key = format!("hazards.lasts.{name}");
                    let drawn = found.dist(key.clone(), lasts);
                    found.unless(
                        !drawn || lasts.mean() < hazard.every,
                        key,
                        "it would come again before it ends",
                        "give a shorter time than in `hazards.every`",
                    );
                }
                None => found.unless(
                    hazard.kind.is_instant(),
                    format!("hazards.every.{name}"),
                    "nothing is said of how long it lasts",
                    &format!("give hazards.lasts.{name} too"),
                ),
            }
        }
        found.unless(
            self.redis
                .zones
                .is_none_or(|zones| (1..=self.redis.hosts).contains(&zones)),
            "redis.zones",
            "there are not so many hosts",
            "give a number from 1 to redis.hosts",
        );
    }

    /// A zone with which the majority of primaries goes.
    pub(super) fn doubts_about_zones(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let FailoverSpec::ClusterBus(_) = self.failover else {
            return;
        };
        let Some(zones) = redis.zones.filter(|zones| *zones > 1) else {
            return;
        };
        let nodes = 1 + usize::from(redis.replicas);
        let primaries = (0..usize::from(redis.shards)).map(|shard| shard * nodes);
        let mut in_zone = vec![0; usize::from(zones)];
        for primary in primaries {
            in_zone[usize::from(host_of(primary, redis.hosts) % zones)] += 1;
        }
        let (zone, most) =
            (in_zone.iter().enumerate().max_by_key(|(_, count)| **count)).expect("there are zones");
        if 2 * most >= usize::from(redis.shards) {
            doubts.push(format!(
                "zone {zone} carries {most} of {} primaries when a trial begins: without it no \
                 majority is left that could elect a replica; place primaries in other zones \
                 (`redis.hosts` says which node stands where)",
                redis.shards
            ));
        }
    }
}
