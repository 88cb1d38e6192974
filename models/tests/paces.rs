//! Commands that follow the growth of their workload, or the visits.

use crate::support::{ONE_NODE, both_ways, layered_world, log, said, service, story_world};
use models::{TrialResult, WorldSpec};

/// Four times as much in the second hour.
const HOURS: &str = "[\"1x\", \"4x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \
                     \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \
                     \"1x\", \"1x\", \"1x\", \"1x\", \"1x\", \"1x\"]";

fn api() -> String {
    let need = r#"{ workload = "log", access = "write" }"#;
    let client = "command_timeout = \"1s\"\ntopology_refresh = \"1s\"";
    service("api", need, client)
}

fn follows(what: &str) -> String {
    format!("commands_follow = \"{what}\"\ngrowth.hourly = {HOURS}")
}

/// A node of which a tenth is swapped out, so that a command takes 0.4 ms more on average: 1,000 a
/// second fill two fifths of its thread.
fn swapping(follows: &str, rest: &str) -> TrialResult {
    let story = format!(
        r#"
        horizon = "4h"
        {rest}
        fault = [{{ kind = "growth-burst", starts = {{ kind = "constant", value = "10min" }},
            reference = "100MiB", fills_in = {{ kind = "constant", value = "10min" }},
            ends_at = "1x", value_size = "10KiB",
            workloads = [{{ workload = "log", weight = "1x" }}] }}]
        {}
        [redis]
        node_memory = "1GiB"
        system_reserve = "110MiB"
        swap = true
        swap_fault = "1ms"
        fragmentation = "1.1x"
        command_time = "1us"
        {}
        "#,
        api(),
        log("800MiB", "0/s", "1000/s", follows)
    );
    let mut spec: WorldSpec = layered_world(&[ONE_NODE, &story]);
    spec.redis.maxmemory = None;
    spec.people.runbook.clear();
    both_ways(&spec, 1)
}

#[test]
fn a_node_that_swaps_stalls_in_the_busy_hour() {
    let stalls = |result: &TrialResult| said(result, "node a: stalled");
    let steady = swapping("", "");
    assert!(stalls(&steady).is_empty(), "{:?}", steady.trace);
    let hour = 3600.0;
    let busy = swapping(&follows("growth"), "");
    assert_eq!(stalls(&busy), [hour], "{:?}", busy.trace);
    let back = said(&busy, "node a: runs");
    assert_eq!(back.last(), Some(&(2.0 * hour)), "{:?}", busy.trace);
    // Visits have hours of their own.
    let visits = format!("signers.hourly = {HOURS}");
    let busy = swapping("commands_follow = \"visits\"", &visits);
    assert_eq!(stalls(&busy), [hour], "{:?}", busy.trace);
    assert!(stalls(&swapping("", &visits)).is_empty());
}

#[test]
fn a_replica_that_was_away_in_the_busy_hour_needs_a_full_copy() {
    // 900 KiB a second for 90 s are 79 MiB of a backlog of 160 MiB; four times as much is not.
    let resyncs = |follows: &str, at: &str| {
        let story = format!(
            r#"
            horizon = "2h"
            health_check = []
            people.runbook = []
            failover = {{ kind = "none" }}
            redis.fullest_shard = "100%"
            redis.node_memory = "8GiB"
            redis.backlog = "160MiB"
            redis.replication.output_limit.hard = "8GiB"
            redis.replication.output_limit.soft = "8GiB"
            {}
            {}
            [[fault]]
            kind = "partition"
            workload = "log"
            at = {{ kind = "constant", value = "{at}" }}
            lasts = "90s"
            hosts = [1]
            clients = "others"
            "#,
            api(),
            log("800MiB", "0/s", "3000/s", follows)
        );
        let result = both_ways(&story_world(&story), 3);
        let node = "shard 1 node b: ";
        (
            said(&result, &format!("{node}partial resync")).len(),
            said(&result, &format!("{node}requests a full resync")).len(),
        )
    };
    assert_eq!(resyncs("", "90min"), (1, 0));
    assert_eq!(resyncs(&follows("growth"), "30min"), (1, 0));
    assert_eq!(resyncs(&follows("growth"), "90min"), (0, 1));
    // The hour changes while it is away: 45 s at one rate and 45 s at the other are 198 MiB.
    assert_eq!(resyncs(&follows("growth"), "3555s"), (0, 1));
}
