//! What blocks a node's thread: freeing old data before a copy, FLUSHALL, slow commands, scripts.

use crate::support::{both_ways, lines, said, story_world};
use models::TrialResult;

/// One shard with two replicas under Sentinels that act after 5 s; `rest` may change that.
fn told(faults: &str, client: &str, rest: &str) -> TrialResult {
    let world = format!(
        r#"
        horizon = "1h"
        health_check = []
        fault = [{{ {faults}, workload = "log", at = {{ kind = "constant", value = "10min" }} }}]
        signers.visits = "20/s"
        redis.node_memory = "8GiB"
        redis.replicas = 2
        {rest}
        [[service]]
        name = "api"
        workers = 64
        queue_limit = 64
        gateway_timeout = "30s"
        service_time = "20ms"
        needs = [{{ workload = "log", access = "write" }}]
        [service.client]
        retries = 0
        backoff = "100ms"
        retries_on = []
        topology_refresh = "10ms"
        {client}
        "#
    );
    both_ways(&story_world(&world), 1)
}

const SENTINEL: &str = r#"
    failover = { kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
      failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
      latency = "250us", config_save = "3ms" }
    redis.fullest_shard = "100%"
    redis.shards = 1
    redis.hosts = 3
    "#;

/// A Redis Cluster of three shards with 15 s.
const CLUSTER: &str = r#"
    failover.node_timeout = "15s"
    redis.shards = 3
    redis.hosts = 9
    redis.fullest_shard = "40%"
    "#;

const SLOW: &str = "command_timeout = '20s'\nfollows = { on_error = true }";
const QUICK: &str = "command_timeout = '1s'\nfollows = { on_error = true }";

#[test]
fn a_failover_for_a_command_that_ends_by_itself_is_not_needed() {
    // 9 s, half an hour apart: promoted after some 6 s. Clients that wait 20 s for an answer have
    // not left by then.
    let twice = "kind = 'slow-command', takes = '9s',
        every = { kind = 'constant', value = '30min' }";
    let slow = told(twice, SLOW, SENTINEL).outcome;
    assert_eq!((slow.failovers, slow.false_failovers), (2, 2));
    // Those that leave after a second reach the promoted node before the command ends.
    let quick = told(twice, QUICK, SENTINEL);
    let outcome = &quick.outcome;
    assert_eq!(
        (outcome.failovers, outcome.false_failovers),
        (2, 0),
        "{:?}",
        lines(&quick)
    );
    // A shorter command is over before anybody acts.
    let short = told("kind = 'slow-command', takes = '4s'", SLOW, SENTINEL).outcome;
    assert_eq!((short.failovers, short.false_failovers), (0, 0));
}

#[test]
fn a_busy_script_fails_nothing_over_where_its_node_is_heard_in_time() {
    let script = "kind = 'busy-script', lasts = '2min'";
    let cluster = told(script, QUICK, CLUSTER);
    let outcome = &cluster.outcome;
    assert_eq!(outcome.failovers, 0, "{:?}", lines(&cluster));
    let [hung, busy, runs] = ["hung", "is busy running a script", "node a: runs"]
        .map(|words| said(&cluster, words).first().copied().expect(words));
    assert_eq!(((busy - hung).round(), (runs - hung).round()), (5.0, 120.0));
    // With less patience than the threshold there is a failover.
    let hasty = CLUSTER.replace("15s", "3s");
    assert_eq!(told(script, QUICK, &hasty).outcome.failovers, 1);
}

#[test]
fn a_sentinel_kills_a_script_that_has_not_written() {
    let script = |writes: &str| format!("kind = 'busy-script', lasts = '2min'{writes}");
    // Nobody hears -BUSY before 5 s, and then all Sentinels agree: 8 s let them hear it.
    let rest = SENTINEL.replace("down_after = \"5s\"", "down_after = \"8s\"");
    let killed = told(&script(""), QUICK, &rest);
    let hung = said(&killed, "hung")[0];
    let ends = said(&killed, "its script is killed by a Sentinel")[0];
    assert!((8.0..10.0).contains(&(ends - hung)), "{}", ends - hung);
    let wrote = told(&script(", writes = true"), QUICK, &rest);
    assert_eq!(wrote.outcome.failovers, 1, "{:?}", lines(&wrote));
    assert!(!said(&wrote, "has written and is not killed").is_empty());
}

#[test]
fn a_flush_of_all_keys_stops_their_nodes_and_a_lazy_one_does_not() {
    // 600 MiB of keys of 10 KiB are too few: 100,000 a second are freed.
    let slowly = "redis.sync.flush_keys = '5000/s'";
    let flush = |lazy: &str, share: &str| {
        let rest = format!("{SENTINEL}\n{slowly}");
        told(
            &format!("kind = 'flush', share = '{share}'{lazy}"),
            QUICK,
            &rest,
        )
    };
    let blocked = flush("", "100%");
    // 60,000 keys or so take 12 s, on the replicas too, so nobody can take over.
    let [hung, runs] = ["node a: hung", "node a: runs"].map(|words| said(&blocked, words)[0]);
    assert!((10.0..14.0).contains(&(runs - hung)), "{}", runs - hung);
    assert!(blocked.outcome.failed_attempts > 100);
    for (lazy, share) in [(", lazy = true", "100%"), ("", "50%")] {
        let spared = flush(lazy, share);
        assert!(said(&spared, "hung").is_empty(), "{:?}", lines(&spared));
        assert_eq!(spared.outcome.failed_attempts, 0);
    }
}

#[test]
fn a_replica_that_frees_its_old_data_is_taken_for_failed() {
    // A former primary that is back copies all anew: it frees what it had first.
    let crash = "kind = 'crash'";
    let rest = |lazy: &str| {
        format!(
            "{}\nredis.restart_delay = '30s'\nredis.sync.flush_keys = '600/s'\n{lazy}",
            CLUSTER
        )
    };
    let frees = "does nothing but free data";
    let blocked = told(crash, QUICK, &rest(""));
    let from = said(&blocked, frees)[0];
    let failed = said(&blocked, "declares")
        .into_iter()
        .filter(|at| *at > from)
        .count();
    assert!(failed > 0, "{:?}", lines(&blocked));
    let lazy = told(crash, QUICK, &rest("redis.sync.lazy_flush = true"));
    assert!(said(&lazy, frees).is_empty());
    assert_eq!(blocked.outcome.failovers, lazy.outcome.failovers);
}
