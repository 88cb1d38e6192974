//! Random worlds in which Redis is a cache of something slower.

use models::WorldSpec;
use models::spec::service::Access;
use rand::RngExt as _;
use sim::Rng;

fn pick(rng: &mut Rng, values: &[&'static str]) -> &'static str {
    values[rng.random_range(0..values.len())]
}

/// Services that use Redis as a cache of one store, data that it loses, and people who help.
pub fn caches(spec: &mut WorldSpec, rng: &mut Rng) {
    let least = spec.layout.layout().cells() * 4 * spec.services.len();
    let store = format!(
        "name = \"db\"\nworkers = {}\ntakes = \"{}\"\nqueue_limit = {}\nbusy = \"{}\"",
        least * [3, 8, 40][rng.random_range(0..3)],
        pick(rng, &["50ms", "1s", "8s"]),
        pick(rng, &["0", "20", "500"]),
        pick(rng, &["0%", "0%", "30%"]),
    );
    spec.stores = vec![toml::from_str(&store).expect("a store")];
    for number in 0..spec.services.len() {
        // Who expects no requests has no part of a store that is shared.
        let idle = spec.rate(&spec.services[number].name) <= 0.0;
        let own = "workers = 40\ntakes = \"1s\"\nqueue_limit = 5";
        let fallback = if idle { own } else { "store = \"db\"" };
        for need in &mut spec.services[number].needs {
            let misses = format!(
                "hits = \"{}\"\nwarms = \"{}\"\nlifetime = \"{}\"\n{}",
                pick(rng, &["60%", "95%", "100%"]),
                pick(rng, &["20s", "5min"]),
                pick(rng, &["10s", "10min", "10d"]),
                pick(rng, &["", "hot = { keys = \"20%\", requests = \"80%\" }"]),
            );
            let misses = toml::from_str(&misses).expect("misses");
            let may_miss = rng.random_range(0..3) > 0 && need.access == Access::Read;
            need.misses = may_miss.then_some(misses);
            need.fallback = Some(toml::from_str(fallback).expect("a fallback"));
        }
    }
    if rng.random_range(0..3) == 0 {
        let kept = spec.redis.persistence.take();
        if !spec.problems().is_empty() {
            // A save is to fail.
            spec.redis.persistence = kept;
        }
    }
    if rng.random_range(0..2) == 0 {
        let policy = pick(rng, &["allkeys-random", "allkeys-lru", "volatile-ttl"]);
        let policy = toml::Value::from(policy).try_into().expect("a policy");
        spec.redis.maxmemory_policy = policy;
        if spec.redis.maxmemory.is_none() || !spec.problems().is_empty() {
            spec.redis.maxmemory = Some("30%".parse().expect("a share"));
        }
    }
    let flush = r#"kind = "flush"
        workload = "log"
        at = { kind = "uniform", min = "0s", max = "50min" }
        share = "100%""#;
    spec.faults.push(toml::from_str(flush).expect("a fault"));
    let step = r#"
        action = { kind = "scale-store", store = "db", factor = "3x" }
        takes = { kind = "exponential", mean = "2min" }
        "#;
    let step = toml::from_str(step).expect("a step");
    spec.people.runbook.insert(0, step);
}
