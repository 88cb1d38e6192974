//! What a process finds when it starts again: nothing, its last save, or its append-only file. What
//! it lacks is lost, unless a replica that has it takes over first.

use crate::support::{ONE_NODE, both_ways, layered_world, lines, said, story_world};
use models::{TrialResult, WorldSpec};

/// Captures a second.
const RATE: f64 = 50.0;

/// Keys a second that are stored on the one shard besides captures.
const KEYS: f64 = 2.0;

const NOTHING: &str = "kind = 'nothing'";
const APPENDS: &str = "kind = 'append-only', rewrite_growth = '1x'";
const SAVES: &str = "kind = 'save-points', points = [{ after = '5min', changes = 100 }]";

const KILLED: &str = "kind = 'crash', workload = 'log'";
const HOST_LOST: &str = "kind = 'host-loss', workload = 'log', host = 0, lasts = '10s'";

/// One shard whose primary goes after 25 minutes and is back soon; `rest` may change that.
fn world(schedule: &str, rest: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "40min"
        fault = [{{ {KILLED}, at = {{ kind = "constant", value = "25min" }} }}]
        signers.visits = "{RATE}/s"
        redis.restart_delay = "10s"
        redis.persistence.schedule = {{ {schedule} }}
        "#
    );
    layered_world(&[ONE_NODE, &story, rest])
}

/// What becomes of it.
fn told(schedule: &str, rest: &str, number: u64) -> TrialResult {
    both_ways(&world(schedule, rest), number)
}

/// Seconds of captures that were lost, in each of six trials.
fn seconds(schedule: &str, fault: &str) -> Vec<f64> {
    let fault = format!("fault = [{{ {fault}, at = {{ kind = 'constant', value = '25min' }} }}]");
    let lost = |number| told(schedule, &fault, number).outcome.acked_lost as f64 / RATE;
    (1..=6).map(lost).collect()
}

fn all(seconds: &[f64], low: f64, high: f64) {
    let within = |lost: &f64| (low..=high).contains(lost);
    assert!(seconds.iter().all(within), "{seconds:?}");
}

fn spread(seconds: &[f64]) -> f64 {
    let most = seconds.iter().copied().fold(0.0, f64::max);
    most - seconds.iter().copied().fold(f64::MAX, f64::min)
}

#[test]
fn a_killed_process_lacks_what_it_had_not_written() {
    let begun = 25.0 * 60.0;
    all(&seconds(NOTHING, KILLED), 0.95 * begun, 1.05 * begun);
    // Five minutes, a second, and what a save takes.
    let saved = seconds(SAVES, KILLED);
    all(&saved, 0.0, 310.0);
    assert!(spread(&saved) > 30.0, "{saved:?}");
    // The kernel has what was appended, whenever the disk gets it.
    for fsync in ["always", "everysec", "no"] {
        let appends = format!("{APPENDS}, fsync = '{fsync}'");
        all(&seconds(&appends, KILLED), 0.0, 0.0);
    }
    let both = SAVES.replace("save-points", "both") + ", rewrite_growth = '1x'";
    all(&seconds(&both, KILLED), 0.0, 0.0);
}

#[test]
fn a_lost_host_lacks_what_had_not_reached_its_disk() {
    let lost = |fsync: &str| seconds(&format!("{APPENDS}, fsync = '{fsync}'"), HOST_LOST);
    all(&lost("always"), 0.0, 0.0);
    let everysec = lost("everysec");
    all(&everysec, 0.0, 1.2);
    assert!(spread(&everysec) > 0.2, "{everysec:?}");
    let kernel = lost("no");
    all(&kernel, 0.0, 33.0);
    assert!(spread(&kernel) > 5.0, "{kernel:?}");
    all(&seconds(SAVES, HOST_LOST), 0.0, 310.0);
}

#[test]
fn keys_count_as_well_as_captures_and_copies_in_a_cache_do_not() {
    let lost = |schedule, rest: &str| told(schedule, rest, 1).outcome.stored_lost as f64;
    let all = lost(NOTHING, "");
    // 600 MiB and 300 MiB in keys of some 10 KiB, and 25 minutes of two a second.
    assert!((85_000.0..95_000.0).contains(&all), "{all}");
    let outcome = told(SAVES, "", 1).outcome;
    let (keys, captures) = (outcome.stored_lost as f64, outcome.acked_lost as f64);
    let expected = captures / RATE * KEYS;
    assert!(
        (keys - expected).abs() < 0.2 * expected + 10.0,
        "{keys} of {expected}"
    );
    assert_eq!(lost(APPENDS, ""), 0.0);
}

/// Sentinels that act after `down_after`.
fn sentinel(down_after: &str) -> String {
    format!(
        r#"
        failover = {{ kind = "sentinel", sentinels = 3, quorum = 2, down_after = "{down_after}",
          failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
          latency = "250us", config_save = "3ms" }}
        "#
    )
}

#[test]
fn replicas_of_a_primary_that_is_back_first_copy_what_it_found() {
    // kubeblocks 10753, bitnami 11083: back after 14 s, before Sentinel acts at 20 s.
    let rest = sentinel("20s") + "redis.replicas = 2\nredis.hosts = 3\nredis.restart_delay = '14s'";
    for number in 1..=3 {
        let empty = told(NOTHING, &rest, number);
        assert_eq!(empty.outcome.failovers, 0);
        let lost = empty.outcome.acked_lost as f64 / RATE;
        assert!((1_400.0..1_600.0).contains(&lost), "{lost} s");
        assert!(empty.outcome.stored_lost > 85_000);
        // All three have next to nothing, so both copies are made at once.
        let synced = said(&empty, "in sync").len();
        assert!(synced >= 2, "{:?}", lines(&empty));
        let saved = told(SAVES, &rest, number).outcome;
        let lost = saved.acked_lost as f64 / RATE;
        assert!((0.0..310.0).contains(&lost), "{lost} s");
        let kept = told(APPENDS, &rest, number).outcome;
        assert_eq!((kept.acked_lost, kept.stored_lost), (0, 0));
    }
}

#[test]
fn a_save_that_fails_leaves_the_one_before() {
    // The disk is full from minute 10 on, so all since about minute 5 to 10 is lost.
    let rest = format!(
        r#"
        fault = [{{ {KILLED}, at = {{ kind = "constant", value = "25min" }} }},
          {{ kind = "disk-full", workload = "log", lasts = "20min",
            at = {{ kind = "constant", value = "10min" }} }}]
        "#
    );
    let lost = |number| {
        let mut spec = world(SAVES, &rest);
        let saves = spec.redis.persistence.as_mut().expect("it saves");
        saves.stop_writes_on_bgsave_error = false;
        both_ways(&spec, number).outcome.acked_lost as f64 / RATE
    };
    let lost: Vec<f64> = (1..=6).map(lost).collect();
    all(&lost, 14.5 * 60.0, 20.5 * 60.0);
}

#[test]
fn a_process_that_is_asked_to_stop_saves_first() {
    let rest = |fault: &str| {
        format!(
            r#"
            fault = [{fault}]
            redis.maxmemory = "23%"
            [people]
            notice_unalerted = {{ kind = "constant", value = "1min" }}
            diagnose = {{ kind = "constant", value = "1min" }}
            [[people.runbook]]
            action = {{ kind = "restart-nodes" }}
            takes = {{ kind = "constant", value = "1min" }}
            "#
        )
    };
    let lost = |schedule, fault| {
        let result = told(schedule, &rest(fault), 1);
        assert!(!said(&result, "loading").is_empty(), "{:?}", lines(&result));
        result.outcome.acked_lost as f64 / RATE
    };
    // It is full, refuses writes and is restarted: it can save. One that hangs cannot.
    let hangs = r#"{ kind = "hang", workload = "log", lasts = "20min",
        at = { kind = "constant", value = "5min" } }"#;
    assert_eq!(lost(SAVES, ""), 0.0);
    let hung = lost(SAVES, hangs);
    assert!(hung > 1.0, "{hung} s");
}

#[test]
fn jobs_that_wait_go_with_the_process() {
    let rest = format!(
        r#"
        horizon = "26min"
        signers.visits = "1/s"
        fault = [{{ {KILLED}, at = {{ kind = "constant", value = "25min" }} }},
          {{ kind = "slow-consumers", workload = "cache", slowdown = "40x",
            at = {{ kind = "constant", value = "20min" }} }}]
        "#
    );
    let lost = |schedule: &str| told(schedule, &rest, 1).outcome.jobs_lost as f64;
    // Five minutes at 100 a second that come and 3.75 that are done.
    let (every, none) = (lost(NOTHING), lost(APPENDS));
    assert!((28_000.0..30_000.0).contains(&every), "{every}");
    assert_eq!(none, 0.0);
    let some = lost(SAVES);
    assert!(some > 0.0 && some <= every, "{some}");
}

#[test]
fn a_child_that_writes_a_snapshot_outlives_the_replicas_that_it_saved_for() {
    // The buffer for replicas overflows long before the save of 20 s ends. With save points the
    // child goes on, and the next one has to wait for it (networking.c: freeClient).
    let begins = |schedule: &str, diskless: bool| {
        let result = both_ways(
            &story_world(&format!(
                r#"
                horizon = "40min"
                health_check = []
                fault = [{{ kind = "partition", workload = "log", hosts = [1], clients = "others",
                  lasts = "15s", at = {{ kind = "constant", value = "10min" }} }}]
                failover = {{ kind = "none" }}
                people = {{ runbook = [] }}
                redis.fullest_shard = "100%"
                redis.node_memory = "4GiB"
                redis.replicas = 2
                redis.shards = 1
                redis.hosts = 3
                redis.backlog = "16KiB"
                redis.sync.diskless = {diskless}
                redis.sync.save_bytes = "50MB/s"
                redis.replication.output_limit = {{ hard = "4MiB", soft = "0B", soft_for = "60s" }}
                redis.persistence.schedule = {{ {schedule} }}
                "#
            )),
            1,
        );
        said(&result, "full resync begins").len()
    };
    let points = "kind = 'save-points', points = [{ after = '10h', changes = 1 }]";
    let appends = "kind = 'append-only', rewrite_growth = '1000000x'";
    let [kept, killed, streamed] = [
        begins(points, false),
        begins(appends, false),
        begins(points, true),
    ];
    assert!((70..95).contains(&kept), "{kept}");
    assert!(killed > 2 * kept, "{killed} against {kept}");
    assert!(streamed > kept, "{streamed} against {kept}");
}

#[test]
fn a_process_that_is_killed_while_it_loads_loses_nothing_more() {
    // Killed three times, it never runs, and the replica that is promoted then has all.
    let again = |at: &str| format!("{{ {KILLED}, at = {{ kind = 'constant', value = '{at}' }} }}");
    let faults = [again("25min"), again("1503s"), again("1506s")].join(", ");
    let alone = format!("fault = [{faults}]\nredis.restart_delay = '1s'");
    let once = format!("fault = [{}]\nredis.restart_delay = '1s'", again("25min"));
    let (looped, single) = (
        told(SAVES, &alone, 1).outcome,
        told(SAVES, &once, 1).outcome,
    );
    assert_eq!(looped.stored_lost, single.stored_lost);
    let bus = "failover = { kind = 'cluster-bus', version = 'redis-7.0', node_timeout = '5s',
        replica_validity_factor = 10, repl_ping_replica_period = '10s',
        require_full_coverage = true, allow_reads_when_down = false, migration_barrier = 1,
        allow_replica_migration = true, latency = '250us', config_save = '1ms' }";
    let shards =
        "redis.shards = 3\nredis.hosts = 6\nredis.replicas = 1\nredis.restart_delay = '1s'";
    let kept = told(SAVES, &format!("fault = [{faults}]\n{bus}\n{shards}"), 1);
    assert_eq!(kept.outcome.failovers, 1, "{:?}", lines(&kept));
    assert!(
        kept.outcome.acked_lost < 100 && kept.outcome.stored_lost < 20,
        "{:?}",
        kept.outcome
    );
}

#[test]
fn a_node_that_still_is_a_primary_takes_over_again() {
    // It is back before a Sentinel has made it a replica, and its successor dies.
    let faults = "fault = [{ kind = 'crash', workload = 'log',
          at = { kind = 'constant', value = '25min' } },
        { kind = 'crash', workload = 'log', at = { kind = 'constant', value = '1507s' } }]";
    let rest = format!(
        "{faults}\nredis.replicas = 1\nredis.hosts = 3\nredis.restart_delay = '6s'\n{}",
        sentinel("5s")
    );
    let result = told(SAVES, &rest, 1);
    let down = result.outcome.downtime_true_s;
    assert!(down < 60.0, "{down} s: {:?}", lines(&result));
}

#[test]
fn a_process_that_starts_is_not_fragmented_and_gets_so_again() {
    // 900 MiB and what comes on top, twice that resident: killed at 2.4 GiB. Loaded again it takes
    // little more than 1.3 GiB, and is as fragmented as before after it was written three times.
    let rest = |fresh: &str| {
        format!(
            r#"
            horizon = "4h"
            fault = [{{ kind = "growth-burst", reference = "400MiB", ends_at = "1x",
              starts = {{ kind = "constant", value = "10min" }}, value_size = "10KiB",
              fills_in = {{ kind = "constant", value = "30min" }},
              workloads = [{{ workload = "log", weight = "1x" }}] }}]
            people = {{ runbook = [] }}
            [redis]
            node_memory = "2500MiB"
            swap = false
            fragmentation = "2x"
            {fresh}
            "#
        )
    };
    let killed = |fresh: &str| said(&told(APPENDS, &rest(fresh), 1), "node a: killed");
    let as_before = killed("fresh_fragmentation = '2x'");
    assert!(as_before.len() > 100, "{}", as_before.len());
    // 1.3 GiB at 1.2 MB a second: nine tenths of three times are some 50 minutes.
    let fresh = killed("");
    let again: Vec<f64> = fresh.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((4..8).contains(&fresh.len()), "{fresh:?}");
    all(&again, 1_800.0, 3_900.0);
    let late = killed("fragments_after = '30x'");
    assert_eq!(late.len(), 1);
    // A tenth is wasted at most, from the start on: 1.4 GiB.
    assert!(killed("active_defrag = true").is_empty());
}
