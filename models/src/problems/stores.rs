//! Stores behind Redis and the caches that miss: what is wrong with them, and what they cannot
//! carry.

use std::f64::consts::LN_2;

use sim::SimDuration;
use sim::quantity::Probability;

use crate::findings::Findings;
use crate::spec::service::Access;
use crate::spec::store::{FallbackSpec, stores_of};
use crate::spec::{NeedSpec, ServiceSpec};
use crate::world::WorldSpec;

/// How far the keys in use may be from those that are held.
const APART: f64 = 10.0;

impl WorldSpec {
    pub(super) fn check_stores(&self, found: &mut Findings) {
        found.distinct("store", &self.store_names());
        for (i, store) in self.stores.iter().enumerate() {
            let key = |field: &str| format!("store[{i}].{field}");
            check_capacity(found, key, (store.workers, store.takes, store.busy));
        }
    }

    fn store_names(&self) -> Vec<&str> {
        self.stores
            .iter()
            .map(|store| store.name.as_str())
            .collect()
    }

    /// The needs of service number `i`. Are their stores known?
    pub(super) fn check_needs(&self, found: &mut Findings, i: usize) -> bool {
        let workloads = self.workload_names();
        let mut known = true;
        for (n, need) in self.services[i].needs.iter().enumerate() {
            let key = format!("service[{i}].needs[{n}]");
            found.known(
                format!("{key}.workload"),
                "workload",
                &need.workload,
                &workloads,
            );
            if let Some(fallback) = &need.fallback {
                known &= self.check_fallback(found, &format!("{key}.fallback"), fallback);
            }
            check_misses(found, &key, need);
        }
        known
    }

    /// A fallback names a store, or is one. Is it known what it can carry?
    fn check_fallback(&self, found: &mut Findings, key: &str, fallback: &FallbackSpec) -> bool {
        let own = (fallback.workers, fallback.takes, fallback.queue_limit);
        let Some(name) = &fallback.store else {
            let (Some(workers), Some(takes), Some(_)) = own else {
                found.unless(
                    false,
                    key,
                    "it names no store, and does not say what it can carry",
                    "give `store = \"db\"` and a [[store]], or `workers`, `takes` and \
                     `queue_limit`",
                );
                return false;
            };
            let field = |field: &str| format!("{key}.{field}");
            check_capacity(found, field, (workers, takes, fallback.busy));
            return workers > 0;
        };
        let names = self.store_names();
        found.known(format!("{key}.store"), "store", name, &names);
        let more = own != (None, None, None) || fallback.busy.is_some();
        found.unless(
            !more,
            format!("{key}.store"),
            "the store of this name says what it can carry, and so does this table",
            "give either `store` or the other keys",
        );
        names.contains(&name.as_str())
    }

    /// Stores that cannot carry what may come to them.
    pub(super) fn doubts_about_stores(&self, doubts: &mut Vec<String>) {
        for service in &self.services {
            self.doubt_full_load(doubts, service);
            self.doubt_misses(doubts, service);
            self.doubt_keys_in_use(doubts, service);
        }
        for store in &self.stores {
            let names = |need: &NeedSpec| {
                let of = need.fallback.as_ref().and_then(|of| of.store.as_ref());
                of == Some(&store.name)
            };
            let users = self.services.iter().filter(|s| s.needs.iter().any(names));
            let users: Vec<&str> = users.map(|service| service.name.as_str()).collect();
            if users.is_empty() {
                doubts.push(format!(
                    "nothing uses the store {}: name it in the `fallback` of a need",
                    store.name
                ));
            }
            if users.len() > 1 {
                doubts.push(format!(
                    "the store {} is shared by {}: each has a part of its workers by the requests \
                     that it expects, as if all fell back at once; one that falls back alone could \
                     use more of a real store, and would slow the others down",
                    store.name,
                    users.join(", ")
                ));
            }
        }
    }

    /// All requests, while Redis is down or a cache in it is empty.
    fn doubt_full_load(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let (rate, places) = (self.rate(&service.name), stores_of(&service.needs).1);
        for (number, store) in self.stores_of(service).iter().enumerate() {
            let needs = places
                .iter()
                .filter(|place| **place == Some(number))
                .count();
            let asked = rate * needs as f64;
            let carries = f64::from(store.workers) / store.takes.as_secs_f64();
            if asked > carries {
                doubts.push(format!(
                    "{} may send {asked:.0} requests a second to {}, which carries {carries:.1}: \
                     while Redis is down or its cache is cold the store falls behind, {:.0} % of \
                     these requests fail, and its queue outlasts the outage (`when = \
                     [\"overloaded\"]` holds only once Redis is well again)",
                    service.name,
                    self.store_words(service, number),
                    100.0 * (1.0 - carries / asked)
                ));
            }
        }
    }

    /// What misses a warm cache.
    fn doubt_misses(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let (rate, places) = (self.rate(&service.name), stores_of(&service.needs).1);
        for (number, store) in self.stores_of(service).iter().enumerate() {
            let here = service.needs.iter().zip(&places);
            let here = here.filter(|(_, place)| **place == Some(number));
            let misses = |need: &NeedSpec| need.misses.map_or(0.0, |of| 1.0 - of.hits.get());
            let asked = rate * here.map(|(need, _)| misses(need)).sum::<f64>();
            let carries = f64::from(store.workers) / store.takes.as_secs_f64();
            if asked >= carries {
                doubts.push(format!(
                    "{asked:.1} requests a second of {} miss the warm cache and go to {}, which \
                     carries {carries:.1}: it is overloaded before anything fails",
                    service.name,
                    self.store_words(service, number)
                ));
            }
        }
    }

    /// A cache whose `warms` speaks of far more or fewer keys than its workload holds.
    fn doubt_keys_in_use(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let rate = self.rate(&service.name);
        for need in &service.needs {
            let workload = self.workloads.iter().find(|of| of.name == need.workload);
            let (Some(misses), Some(workload)) = (need.misses, workload) else {
                continue;
            };
            let in_use = rate * misses.hits.get() * misses.warms.as_secs_f64() / LN_2;
            let each = workload.bytes_per_key(workload.value_size, self.failover.cluster_mode());
            let held = workload.dataset.as_f64() / each as f64;
            if in_use > 0.0 && !(1.0 / APART..APART).contains(&(in_use / held)) {
                doubts.push(format!(
                    "needs.misses.warms = {} of {} for {} stands for {in_use:.0} keys in use, and \
                     the workload holds {held:.0}: with all of them in use half of the hits would \
                     take {} to come back",
                    misses.warms,
                    service.name,
                    need.workload,
                    misses
                        .warms
                        .scaled(held / in_use)
                        .rounded_to(SimDuration::from_secs(60))
                ));
            }
        }
    }

    /// A service's store with its figures.
    fn store_words(&self, service: &ServiceSpec, number: usize) -> String {
        let fallback = stores_of(&service.needs).0[number];
        let store = fallback.full(&self.stores);
        let busy = store.busy.map_or(0.0, Probability::get);
        let part = self.stores_of(service)[number];
        let name = match &fallback.store {
            Some(name) => format!("the store {name}"),
            None => "its fallback".to_owned(),
        };
        let part = match f64::from(part.workers) < store.free().round() {
            true => format!(", of which it has {}", part.workers),
            false => String::new(),
        };
        format!(
            "{name} ({} workers × (1 - {:.0} % busy) / {}{part})",
            store.workers,
            100.0 * busy,
            store.takes
        )
    }
}

/// A store must be able to do something.
fn check_capacity(
    found: &mut Findings,
    key: impl Fn(&str) -> String,
    (workers, takes, busy): (u32, SimDuration, Option<Probability>),
) {
    found.unless(
        workers > 0,
        key("workers"),
        "nobody would do the work",
        "give at least 1",
    );
    found.unless(
        takes > SimDuration::ZERO,
        key("takes"),
        "a store that takes no time has no limit",
        "give a positive duration such as \"20ms\"",
    );
    found.unless(
        busy.is_none_or(|busy| busy.get() < 1.0),
        key("busy"),
        "its own work leaves nothing for anybody",
        "give less than 100%",
    );
}

/// What is missing in Redis is somewhere else.
fn check_misses(found: &mut Findings, key: &str, need: &NeedSpec) {
    let Some(misses) = need.misses else {
        return;
    };
    found.unless(
        need.fallback.is_some(),
        format!("{key}.misses"),
        "what Redis does not have must be read somewhere else",
        "give the need a `fallback`",
    );
    found.unless(
        need.access == Access::Read,
        format!("{key}.misses"),
        "only a read can miss, and this need writes",
        "give the need `access = \"read\"`, or leave `misses` out",
    );
    found.unless(
        misses.hits.get() > 0.0,
        format!("{key}.misses.hits"),
        "a cache that never hits is none",
        "give more than 0%",
    );
    found.unless(
        misses.lifetime != Some(SimDuration::ZERO),
        format!("{key}.misses.lifetime"),
        "an entry would be gone at once",
        "give a positive duration such as \"1h\"",
    );
    found.unless(
        misses.warms > SimDuration::ZERO,
        format!("{key}.misses.warms"),
        "a cache that is warm at once is never cold",
        "give a positive duration such as \"10min\"",
    );
    let Some(hot) = misses.hot else {
        return;
    };
    let (keys, requests) = (hot.keys.get(), hot.requests.get());
    found.unless(
        0.0 < keys && keys < 1.0,
        format!("{key}.misses.hot.keys"),
        "hot keys are some of all keys",
        "give more than 0% and less than 100%, such as \"20%\"",
    );
    found.unless(
        requests >= keys,
        format!("{key}.misses.hot.requests"),
        "hot keys are asked for more often than the others",
        "give more than `keys`, such as \"80%\"",
    );
}
