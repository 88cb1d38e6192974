//! The slower stores behind Redis, such as a database: what they can carry, and who shares them.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::Probability;

use super::NeedSpec;

/// A slower store, such as a database, that several needs fall back to: `[[store]]`. The needs of
/// one service share its queue. Services, their processes and cells each have a part of its
/// workers and of its queue, by the requests that they expect, as if all fell back at once. Each
/// process needs a worker of its own there.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSpec {
    /// Its name, by which `service.needs.fallback` and `scale-store` refer to it. Each only once.
    pub name: String,
    /// Requests that it works on at the same time, those of its own work included; at least 1. The
    /// part of each service, less what `busy` takes, must have a worker for each of its processes
    /// (`service.processes`), in each cell of the layout.
    pub workers: u32,
    /// What each request takes there.
    pub takes: SimDuration,
    /// Requests that may wait for it; one more fails at once.
    pub queue_limit: u32,
    /// The share of its workers that its own work keeps busy in normal times: requests that never
    /// went through Redis. Below 100%; absent: none. That work keeps its workers, so the store
    /// has so much less for these requests.
    pub busy: Option<Probability>,
}

/// The slower store that a need falls back to: `{ store = "db" }` names a `[[store]]`, or the keys
/// of one that only this need has stand here.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackSpec {
    /// The name of a `[[store]]`; absent: the keys below say what the store is.
    pub store: Option<String>,
    /// Requests that it works on at the same time, those of its own work included; at least 1. Less
    /// what `busy` takes, there must be a worker for each process of the service
    /// (`service.processes`), in each cell of the layout. Needed without `store`.
    pub workers: Option<u32>,
    /// What each request takes there. Needed without `store`.
    pub takes: Option<SimDuration>,
    /// Requests that may wait for it; one more fails at once. Needed without `store`.
    pub queue_limit: Option<u32>,
    /// The share of its workers that its own work keeps busy in normal times: requests that never
    /// went through Redis. Below 100%; absent: none.
    pub busy: Option<Probability>,
}

/// What Redis does not have although it answers: it is a cache (cache-aside), and the request reads
/// what is missing from `fallback` and puts it into Redis.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissesSpec {
    /// Hit rate while the cache is warm, as `keyspace_hits` and `keyspace_misses` of INFO show it;
    /// above 0%. The rest of the requests goes to `fallback` at all times.
    pub hits: Probability,
    /// Time to warm up: from a cache that has lost all keys until half of the hits are back, at the
    /// mean rate of the service's requests and with a store that answers them all; above 0s. It
    /// stands for the number of keys in use, which are taken to be asked for equally often (an
    /// assumption). More requests bring them back sooner; requests that the store fails,
    /// or that are given up before it answers, bring back nothing.
    pub warms: SimDuration,
    /// How long an entry lives (its TTL), above 0s. Entries are of all ages, and while Redis does
    /// not answer none is renewed, so after an outage that long the cache is empty. Absent: they
    /// live for ever.
    pub lifetime: Option<SimDuration>,
    /// How uneven requests are, for what evictions cost: under LRU and LFU policies hot keys stay,
    /// under the others they come back sooner. Absent: all keys are asked for equally often. It
    /// does not change how a cache warms up (`warms`).
    pub hot: Option<HotSpec>,
}

/// A few keys that many requests ask for.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HotSpec {
    /// The share of the keys, above 0% and below 100%.
    pub keys: Probability,
    /// The share of the requests that ask for them, at least `keys` and at most 100%: with 20% and
    /// 80% a fifth of the keys gets four of five requests.
    pub requests: Probability,
}

/// What the needs of one service that share a queue have of a store. A part of a worker is made up
/// for by `takes`.
pub use demand::Fallback as Store;

impl MissesSpec {
    /// The share of the entries that expire while Redis does not answer for so long.
    pub fn expired(&self, after: SimDuration) -> f64 {
        let of = |lifetime: SimDuration| after.as_secs_f64() / lifetime.as_secs_f64();
        let share = self.lifetime.map_or(0.0, of).min(1.0);
        // A short pause is nothing.
        if share < 0.001 { 0.0 } else { share }
    }
}

impl FallbackSpec {
    /// The store in full: the one of this name, or the one that stands here.
    ///
    /// # Panics
    /// If there is none: a checked scenario names a store or gives all its keys.
    pub fn full(&self, stores: &[StoreSpec]) -> StoreSpec {
        if let Some(name) = &self.store {
            let found = stores.iter().find(|store| store.name == *name);
            return found.expect("validated: the store exists").clone();
        }
        let own = || {
            Some(StoreSpec {
                name: String::new(),
                workers: self.workers?,
                takes: self.takes?,
                queue_limit: self.queue_limit?,
                busy: self.busy,
            })
        };
        own().expect("validated: a store has all its keys")
    }
}

impl StoreSpec {
    /// Requests at the same time that its own work leaves.
    pub fn free(&self) -> f64 {
        let busy = self.busy.map_or(0.0, Probability::get);
        f64::from(self.workers) * (1.0 - busy)
    }

    /// The part of a service that expects this share of the requests.
    pub fn part(&self, share: f64) -> Store {
        let exact = self.free() * share;
        let workers = exact.round().max(1.0);
        let takes = match workers == exact || exact <= 0.0 {
            true => self.takes,
            false => self.takes.scaled(workers / exact),
        };
        Store {
            workers: workers as u32,
            takes,
            queue_limit: (f64::from(self.queue_limit) * share).round() as u32,
        }
    }
}

/// The stores of a service in the order in which its needs name them, and the store of each need by
/// its position among them.
pub fn stores_of(needs: &[NeedSpec]) -> (Vec<&FallbackSpec>, Vec<Option<usize>>) {
    let mut stores: Vec<&FallbackSpec> = Vec::new();
    let mut places = Vec::with_capacity(needs.len());
    for need in needs {
        places.push(need.fallback.as_ref().map(|fallback| {
            let known = stores.iter();
            let mut same =
                known.map(|known| known.store.is_some() && known.store == fallback.store);
            same.position(|same| same).unwrap_or_else(|| {
                stores.push(fallback);
                stores.len() - 1
            })
        }));
    }
    (stores, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(busy: &str) -> StoreSpec {
        let keys = "name = 'db'\nworkers = 10\ntakes = '100ms'\nqueue_limit = 50";
        toml::from_str(&format!("{keys}\n{busy}")).expect("a store")
    }

    #[test]
    fn a_part_carries_its_share_exactly() {
        let all = store("").part(1.0);
        let takes = SimDuration::from_millis(100);
        assert_eq!((all.workers, all.takes, all.queue_limit), (10, takes, 50));
        // 7 of 10 workers are free: 70 requests a second, of which 40 % are 28.
        let part = store("busy = '30%'").part(0.4);
        assert_eq!((part.workers, part.queue_limit), (3, 20));
        let carries = f64::from(part.workers) / part.takes.as_secs_f64();
        assert!((carries - 28.0).abs() < 1e-6, "{carries}");
    }

    #[test]
    fn needs_of_one_service_share_a_store_by_its_name() {
        let need = |fallback: &str| -> NeedSpec {
            let text = format!("workload = 'cache'\naccess = 'read'\n{fallback}");
            toml::from_str(&text).expect("a need")
        };
        let own = "fallback = { workers = 2, takes = '1s', queue_limit = 0 }";
        let db = "fallback = { store = 'db' }";
        let needs = [need(db), need(own), need(""), need(db), need(own)];
        let (stores, places) = stores_of(&needs);
        assert_eq!(stores.len(), 3);
        assert_eq!(places, [Some(0), Some(1), None, Some(0), Some(2)]);
    }
}
