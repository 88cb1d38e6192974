//! Larger nodes that copy what the old ones hold, and slots that move from shard to shard.

use crate::support::{both_ways, lines, moment, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};

/// What happens in a small world with these keys, the same lazy and eager.
fn told(story: &str) -> TrialResult {
    let spec = story_world(story);
    let lazy = trial(&spec, 2, Mode::Lazy);
    let eager = trial(&spec, 2, Mode::Eager);
    assert_eq!(lazy.trace, eager.trace);
    assert_eq!(lazy, eager);
    lazy
}

/// How often the trace says something like this.
fn count(result: &TrialResult, words: &str) -> usize {
    lines(result).iter().filter(|l| l.contains(words)).count()
}

/// A provider that brings larger nodes above a third of the memory.
const SCALER: &str = r#"
    horizon = "1h"
    health_check = []
    fault = []
    [autoscaler]
    target = "33%"
    sustained = "1min"
    provision = { kind = "constant", value = "5min" }
    cool_down = "10min"
    step = "2x"
    ceiling = "2x"
    [people]
    runbook = []
    [redis]
    node_memory = "1GiB"
    "#;

#[test]
fn a_provider_copies_every_primary_and_none_is_larger_than_the_largest() {
    let result = told(SCALER);
    for shard in 1..=3 {
        let primary = format!("shard {shard} node a: is copied to larger nodes");
        assert_eq!(count(&result, &primary), 1, "{:?}", lines(&result));
    }
    assert_eq!(count(&result, "larger nodes take over"), 1);
    assert_eq!(count(&result, "scales out"), 1);
    // 20 ms for each GiB: nobody notices; and the interruption is that of the scenario.
    assert_eq!(result.outcome.downtime_true_s, 1.0);
    let higher = SCALER.replace("target = \"33%\"", "target = \"10%\"");
    // The nodes are of 2 GiB then, and that is the largest.
    assert_eq!(count(&told(&higher), "larger nodes take over"), 1);
}

#[test]
fn a_fork_that_takes_long_is_an_outage_of_the_primary() {
    let slow = format!("{SCALER}\n[redis.sync]\nfork_per_gib = \"5s\"\n");
    let slow = told(&slow);
    // Three shards of 0.3 to 0.4 GiB fork at once, a request needs all of them, and one second is
    // the interruption.
    let down = slow.outcome.downtime_true_s;
    assert!((2.5..3.5).contains(&down), "{down}: {:?}", lines(&slow));
}

#[test]
fn what_is_written_meanwhile_can_keep_the_copy_from_its_end() {
    let limit = "output_limit = { hard = \"64KiB\", soft = \"0B\", soft_for = \"60s\" }";
    let tight = format!(
        "{SCALER}\nbacklog = \"16KiB\"\n[redis.replication]\n{limit}\n[redis.sync]\n\
         save_bytes = \"20MB/s\"\n"
    );
    let result = told(&tight);
    let lost = "the copy to larger nodes is lost, its source's output buffer limit is exceeded";
    assert!(count(&result, lost) >= 2, "{:?}", lines(&result));
    assert!(count(&result, "the copy to larger nodes is given up") > 0);
    assert!(count(&result, "given up, its data cannot be copied") > 0);
    assert_eq!(count(&result, "larger nodes take over"), 0);
    assert_eq!(result.outcome.downtime_true_s, 0.0);
}

#[test]
fn people_copy_a_replica_while_the_primary_hangs() {
    let by_hand = |shard_hangs: &str| {
        format!(
            r#"
            horizon = "1h"
            health_check = []
            failover = {{ kind = "managed", takes = {{ kind = "constant", value = "2h" }},
                         dns_ttl = "5s" }}
            redis = {{ shards = 1, replicas = 1, hosts = 2, fullest_shard = "100%",
                      node_memory = "3GiB" }}
            fault = [{{ kind = "hang", workload = "log", lasts = "50min", {shard_hangs}
                       at = {{ kind = "constant", value = "1min" }} }}]
            [people]
            runbook = [{{ action = {{ kind = "resize", factor = "2x", from = "99%" }},
                         takes = {{ kind = "constant", value = "5min" }} }}]
            "#
        )
    };
    let replica = told(&by_hand(""));
    let copied = count(&replica, "shard 1 node b: is copied");
    assert_eq!(copied, 1, "{:?}", lines(&replica));
    assert!(moment(&replica, MomentKind::ActionDone, Some("resize")).is_some());
    // If nobody runs there is still what is on the disks.
    let nobody = told(&by_hand("on = \"every-node\","));
    assert_eq!(count(&nobody, "is copied to larger nodes"), 0);
    assert_eq!(count(&nobody, "larger nodes take over"), 1);
}

/// Growth fills the first shard, which holds half of the keys; people move slots at 80 %.
fn filling(step: &str) -> TrialResult {
    told(&filling_story(step))
}

fn filling_story(step: &str) -> String {
    format!(
        r#"
        horizon = "2h"
        health_check = []
        [redis]
        fullest_shard = "50%"
        maxmemory = "85%"
        [people]
        memory_high = "70%"
        runbook = [{step}]
        [[alert]]
        name = "memory"
        metric = {{ kind = "memory", threshold = "70%" }}
        scrape = "10s"
        hold = "0s"
        missed = "0%"
        names_cause = true
        [[fault]]
        kind = "growth-burst"
        starts = {{ kind = "constant", value = "5min" }}
        reference = "1700MiB"
        fills_in = {{ kind = "constant", value = "60min" }}
        ends_at = "0.8x"
        value_size = "10KiB"
        workloads = [{{ workload = "log", weight = "1x" }}]
        "#
    )
}

#[test]
fn equal_shards_carry_what_one_full_shard_refuses() {
    let takes = "takes = { kind = \"constant\", value = \"1min\" }";
    let wait = filling(&format!("{{ action = {{ kind = \"wait\" }}, {takes} }}"));
    assert!(count(&wait, "refuses writes (-OOM)") > 0);
    assert!(wait.outcome.downtime_true_s > 600.0);
    let moved = filling(&format!(
        "{{ action = {{ kind = \"rebalance\" }}, {takes} }}"
    ));
    assert_eq!(count(&moved, "all shards hold equal parts"), 1);
    assert_eq!(count(&moved, "(-OOM)"), 0, "{:?}", lines(&moved));
    assert_eq!(moved.outcome.downtime_true_s, 0.0);
    // Too slow, they come after the refusals.
    let late = filling(&format!(
        "{{ action = {{ kind = \"rebalance\", rate = \"10/s\" }}, {takes} }}"
    ));
    let (down, waited) = (late.outcome.downtime_true_s, wait.outcome.downtime_true_s);
    assert!(down < waited, "{down} of {waited}");
}

/// People add a fourth shard, or an autoscaler does.
#[test]
fn shards_that_join_get_their_part_and_are_paid_for() {
    let takes = "takes = { kind = \"constant\", value = \"1min\" }";
    let wait = filling(&format!("{{ action = {{ kind = \"wait\" }}, {takes} }}"));
    let added = filling(&format!(
        "{{ action = {{ kind = \"add-shards\", to = 4 }}, {takes} }}"
    ));
    assert_eq!(count(&added, "new shards join, 4 in all"), 1);
    assert_eq!(count(&added, "all shards hold equal parts"), 1);
    assert_eq!(added.outcome.downtime_true_s, 0.0);
    assert!(added.outcome.cost_per_month_usd > wait.outcome.cost_per_month_usd);
    let scaler = SCALER.replace("step = \"2x\"", "adds = \"shards\"\nstep = \"1.2x\"");
    let scaled = told(&scaler);
    assert_eq!(count(&scaled, "new shards join, 4 in all"), 1);
    assert_eq!(count(&scaled, "all shards hold equal parts"), 1);
    assert_eq!(scaled.outcome.downtime_true_s, 0.0);
}

#[test]
fn a_large_key_stops_its_nodes_while_it_moves() {
    let takes = "takes = { kind = \"constant\", value = \"1min\" }";
    let story = filling_story(&format!(
        "{{ action = {{ kind = \"rebalance\" }}, {takes} }}"
    ));
    // The first shard holds half of the keys and gives a third of them away, so that one key in six
    // moves.
    let told = |members: u32| {
        let mut spec = story_world(&story);
        spec.workloads[0].largest_key = Some(members);
        let moves = |number: &u64| {
            let result = trial(&spec, *number, Mode::Lazy);
            count(&result, "MIGRATE of a large key") > 0
        };
        let moving: Vec<u64> = (1..=24).filter(moves).collect();
        assert!((1..=9).contains(&moving.len()), "{} of 24", moving.len());
        let first = moving.into_iter().take(2);
        first
            .map(|number| both_ways(&spec, number))
            .collect::<Vec<_>>()
    };
    // 2.2 s: nobody is declared failed, and the move goes on.
    for result in told(2_000_000) {
        assert_eq!(count(&result, "all shards hold equal parts"), 1);
        assert_eq!(count(&result, "promoted"), 0);
        let down = result.outcome.downtime_true_s;
        assert!((1.5..3.5).contains(&down), "{down}: {:?}", lines(&result));
    }
    // 33 s are beyond the node timeout: a replica is promoted, and the move ends. People may try
    // again.
    for result in told(30_000_000) {
        assert!(count(&result, "promoted") > 0, "{:?}", lines(&result));
        assert!(count(&result, "the move of slots has ended") > 0);
    }
    // 110 s: redis-cli gives up after a minute.
    for result in told(100_000_000) {
        assert!(count(&result, ", 1min") > 0, "{:?}", lines(&result));
        assert!(count(&result, "the move of slots has ended") > 0);
    }
}
