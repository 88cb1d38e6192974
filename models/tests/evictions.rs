//! What evictions cost, in whole trials: bytes that are written over the limit go, users are signed
//! out, caches miss; a volatile policy that runs dry refuses writes.

use crate::support::{
    ONE_NODE, both_ways, layered_world, lines, log, said, service, story_world, trial,
};
use demand::answer::Cause;
use models::{Mode, TrialResult};

/// One shard of 1 GiB at 900 MiB with a log that never expires, which grows at `log` keys a second,
/// and a cache, both of 10 KiB keys.
fn full(policy: &str, log: f64, cache: f64, mode: Mode) -> TrialResult {
    let workload = |name: &str, dataset: &str, rate: f64, holds: &str, expires: bool| {
        format!(
            r#"
            [[workload]]
            name = "{name}"
            dataset = "{dataset}"
            new_keys = "{rate}/s"
            key_length = "24B"
            value_size = "10KiB"
            value_size_shape = "2x"
            expires = {expires}
            holds = "{holds}"
            commands = "3000/s"
            writes = "30%"
            write_size = "1KiB"
            "#
        )
    };
    let log = workload("log", "600MiB", log, "sessions", false);
    let cache = workload("cache", "300MiB", cache, "cache", true);
    let story = format!(
        r#"
        health_check = []
        fault = []
        people.alert_gap = "100%"
        people.notice_unalerted = {{ kind = "log-normal", median = "30d", p90 = "31d" }}
        [redis]
        fullest_shard = "100%"
        node_memory = "2GiB"
        maxmemory = "50%"
        maxmemory_policy = "{policy}"
        {log}
        {cache}
        "#
    );
    trial(&story_world(&story), 1, mode)
}

#[test]
fn at_the_limit_as_much_goes_as_is_written() {
    let small = full("allkeys-random", 1.0, 1.0, Mode::Lazy).outcome;
    let large = full("allkeys-random", 3.0, 3.0, Mode::Lazy).outcome;
    // Beyond the limit every key that comes drives one out: 4 a second more for four hours.
    let more = (large.evicted_keys - small.evicted_keys) as f64;
    let expected = 4.0 * 4.0 * 3600.0;
    assert!((more / expected - 1.0).abs() < 0.02, "{more} of {expected}");
    // By chance, so each workload loses in proportion to what it had been given in all.
    let kept = small.cache_hit_rate.expect("there is a cache");
    let written = |dataset: f64| dataset * 1024.0 / 10.2 + 14_400.0;
    let all = written(600.0) + written(300.0);
    let share = 1.0 - small.evicted_keys as f64 / all;
    assert!((kept - share).abs() < 0.02, "{kept} for {share}");
    let signed_out = small.signed_out as f64 / small.evicted_keys as f64;
    let of_log = written(600.0) / all;
    assert!(
        (signed_out - of_log).abs() < 0.02,
        "{signed_out} for {of_log}"
    );
    assert_eq!(small.failed_attempts, 0);
}

#[test]
fn a_volatile_policy_spares_what_never_expires_until_nothing_else_is_left() {
    let slow = full("volatile-lru", 1.0, 1.0, Mode::Lazy).outcome;
    assert_eq!(slow.signed_out, 0);
    assert!(slow.evicted_keys > 0 && slow.failed_attempts == 0);
    // The log alone outgrows the limit: 3 x 14,400 x 10 KiB are 420 MiB.
    let fast = full("volatile-lru", 4.0, 1.0, Mode::Lazy);
    let outcome = &fast.outcome;
    assert!(outcome.failed[Cause::Oom as usize] > 0, "{outcome:?}");
    let kept = outcome.cache_hit_rate.expect("there is a cache");
    assert!(kept < 0.01, "{kept}");
    let said = lines(&fast);
    let begins = said
        .iter()
        .position(|line| line.contains("starts to evict"));
    let refuses = said.iter().position(|line| line.contains("refuses writes"));
    assert!(
        begins.expect("it evicts") < refuses.expect("it runs dry"),
        "{said:?}"
    );
}

#[test]
fn without_eviction_nothing_goes() {
    let outcome = full("noeviction", 3.0, 3.0, Mode::Lazy).outcome;
    assert_eq!((outcome.evicted_keys, outcome.signed_out), (0, 0));
    assert_eq!(outcome.cache_hit_rate, Some(1.0));
    assert!(outcome.failed[Cause::Oom as usize] > 0);
}

#[test]
fn lazy_and_eager_evict_the_same() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "volatile-ttl",
        "volatile-random",
    ] {
        let run = |mode| full(policy, 4.0, 2.0, mode).outcome;
        assert_eq!(run(Mode::Lazy), run(Mode::Eager), "{policy}");
    }
}

/// One node that has evicted three of four keys of a cache that were ever stored, and what is done
/// to it then: the story from there on.
fn evicted(rest: &str) -> TrialResult {
    let need = "{ workload = \"log\", access = \"write\" }";
    let client = "command_timeout = \"1s\"\ntopology_refresh = \"1s\"";
    let api = service("api", need, client);
    let log = log("800MiB", "20/s", "100/s", "holds = \"cache\"");
    let story = format!(
        r#"
        horizon = "8h"
        health_check = []
        people.runbook = []
        {rest}
        {api}
        [redis]
        node_memory = "2GiB"
        maxmemory = "50%"
        maxmemory_policy = "allkeys-lru"
        persistence.schedule = {{ kind = "append-only", fsync = "everysec" }}
        sync.flush_keys = "10000/s"
        {log}
        "#
    );
    both_ways(&layered_world(&[ONE_NODE, &story]), 1)
}

#[test]
fn what_was_evicted_is_neither_flushed_nor_loaded_nor_deleted_again() {
    // 8 h bring 576,000 keys of some 12 KiB, and 1 GiB holds about 85,000.
    let at = "{ kind = \"constant\", value = \"7h\" }";
    let number = |result: &TrialResult, words: &str| -> f64 {
        let line = lines(result).into_iter().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("{words}: {:?}", lines(result)));
        let words: Vec<&str> = line.split([' ', ':']).collect();
        let found = words.iter().find_map(|word| word.parse().ok());
        found.expect(line)
    };
    let held = 80_000.0..95_000.0;
    let flush = evicted(&format!(
        "fault = [{{ kind = \"flush\", workload = \"log\", share = \"100%\", at = {at} }}]"
    ));
    let keys = number(&flush, "keys are deleted");
    assert!(held.contains(&keys), "{keys}");
    // Evicted before the flush, and again since the node is full anew.
    let all = flush.outcome.evicted_keys as f64;
    assert!((430_000.0..530_000.0).contains(&all), "{all}");
    let hung = said(&flush, "node a: runs")[0] - 7.0 * 3600.0;
    assert!(
        (8.0..9.5).contains(&hung),
        "{hung} s for 10,000 keys a second"
    );
    let crash = evicted(&format!(
        "fault = [{{ kind = \"crash\", workload = \"log\", at = {at} }}]"
    ));
    let bytes = 1024.0 * 1024.0 * 1024.0;
    let loads = said(&crash, "node a: runs")[0] - said(&crash, "node a: loading")[0];
    assert!(loads < bytes / 240e6 * 4.0, "{loads} s");
}
