//! Caches that evict: what a full node has no room for is read from the store behind it, until
//! there are larger nodes.

use crate::support::{ONE_NODE, ONE_PRESS, both_ways, layered_world, log, said, service, trial};
use models::{Mode, TrialResult, WorldSpec};

/// 20 requests a second, each of one press, read a cache that hits 90 %. Its 600 MiB grow by ten
/// keys of 10 KiB a second on a node that evicts from 1 GiB on. The store behind it answers
/// `carries` requests a second.
fn world(policy: &str, misses: &str, carries: u32, rest: &str) -> WorldSpec {
    let need = format!(
        r#"{{ workload = "log", access = "read",
            misses = {{ hits = "90%", warms = "5min"{misses} }},
            fallback = {{ workers = {carries}, takes = "1s", queue_limit = 0 }} }}"#
    );
    let api = service(
        "api",
        &need,
        "command_timeout = \"200ms\"\ntopology_refresh = \"1s\"",
    );
    let log = log("600MiB", "10/s", "100/s", "holds = \"cache\"");
    let story = format!(
        r#"
        horizon = "6h"
        fault = []
        {rest}
        [redis]
        node_memory = "2GiB"
        maxmemory = "50%"
        maxmemory_policy = "{policy}"
        {log}
        [signers]
        visits = "20/s"
        {ONE_PRESS}
        {api}
        "#
    );
    layered_world(&[ONE_NODE, &story])
}

fn alone(policy: &str, misses: &str, carries: u32) -> TrialResult {
    let mut spec = world(policy, misses, carries, "");
    spec.people.runbook.clear();
    both_ways(&spec, 1)
}

/// The share of the keys that has no room after so many seconds; the node is full after about 1 h.
fn missing(at: f64) -> f64 {
    let log = &world("allkeys-random", "", 8, "").workloads[0];
    let each = log.bytes_per_key(log.value_size, false) as f64 / 1024.0;
    let (start, limit) = (600.0 * 1024.0, 1020.0 * 1024.0);
    (1.0 - limit / (start + 10.0 * each * at)).max(0.0)
}

/// The share that finds `workers` busy which are asked for so much (Erlang's loss formula).
fn lost_share(workers: u32, load: f64) -> f64 {
    (1..=workers).fold(1.0, |lost, n| load * lost / (f64::from(n) + load * lost))
}

/// What the store cannot carry, of 20 requests a second in 6 h.
fn refused(carries: u32, hits_gone: impl Fn(f64) -> f64) -> f64 {
    let asked = |at: f64| 20.0 * (1.0 - 0.9 * (1.0 - hits_gone(missing(at))));
    let lost = |minute: u32| {
        let asked = asked(f64::from(60 * minute));
        asked * lost_share(carries, asked)
    };
    (0..6 * 60).map(lost).sum::<f64>() * 60.0
}

#[test]
fn what_a_full_cache_has_no_room_for_is_read_from_the_store() {
    let carries = alone("allkeys-random", "", 60).outcome;
    assert_eq!(carries.failed_attempts, 0);
    let hits = carries.cache_hit_rate.expect("there is a cache");
    let expected = 0.9 * (1.0 - missing(6.0 * 3600.0));
    assert!((hits - expected).abs() < 0.01, "{hits} for {expected}");
    // A store that carries the warm cache alone fails more and more requests.
    let failed = alone("allkeys-random", "", 8).outcome.failed_attempts as f64;
    let expected = refused(8, |share| share);
    assert!(
        (failed / expected - 1.0).abs() < 0.02,
        "{failed} for {expected}"
    );
}

#[test]
fn hot_keys_stay_under_policies_that_know_them() {
    let hot = r#", hot = { keys = "20%", requests = "80%" }"#;
    let failed = |policy: &str, misses: &str| {
        let mut spec = world(policy, misses, 6, "");
        spec.people.runbook.clear();
        trial(&spec, 1, Mode::Lazy).outcome.failed_attempts
    };
    let evenly = failed("allkeys-random", "");
    let (random, least_used) = (failed("allkeys-random", hot), failed("allkeys-lfu", hot));
    // The coldest four fifths of the keys get a fifth of the requests.
    let expected = refused(6, |share| share / 4.0);
    assert!(
        (least_used as f64 / expected - 1.0).abs() < 0.03,
        "{least_used} for {expected}, {evenly} evenly"
    );
    let oldest = failed("allkeys-lru", hot);
    // Chance takes hot keys, too, but they are back at their next miss.
    let order = [least_used, oldest, random, evenly];
    assert!(order.is_sorted(), "{order:?}");
    assert!(random < evenly / 2, "{order:?}");
}

#[test]
fn larger_nodes_bring_it_back() {
    let rest = r#"
        [people]
        notice = { kind = "constant", value = "1min" }
        notice_unalerted = { kind = "constant", value = "1min" }
        runbook = [{ action = { kind = "resize", factor = "4x", from = "50%" },
            takes = { kind = "constant", value = "20min" } }]"#;
    let stuck = alone("allkeys-random", "", 12);
    let helped = both_ways(&world("allkeys-random", "", 12, rest), 1);
    let done = said(&helped, "larger nodes take over")[0];
    let last = *said(&helped, "api: answers").last().expect("errors end");
    // Half of the hits that are missing are back in 5 min.
    assert!((0.0..1800.0).contains(&(last - done)), "{done} s, {last} s");
    let (with, without) = (helped.outcome, stuck.outcome);
    assert!(with.failed_attempts < without.failed_attempts);
    let hits = with.cache_hit_rate.expect("there is a cache");
    assert!((hits - 0.9).abs() < 0.01, "{hits}");
}
