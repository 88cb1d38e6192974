//! Disks: a slow fsync that blocks a process, saves that get in its way, and a full disk.

use crate::support::{both_ways, layered_world, lines, moment, said};
use models::moment::MomentKind;
use models::{TrialResult, WorldSpec};

/// One shard with two replicas under Sentinels that act after 5 s.
fn world(schedule: &str, rest: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "1h"
        health_check = []
        fault = []
        signers.visits = "20/s"
        failover = {{ kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
          failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
          latency = "250us", config_save = "3ms" }}
        redis.fullest_shard = "100%"
        redis.node_memory = "8GiB"
        redis.replicas = 2
        redis.shards = 1
        redis.hosts = 3
        redis.persistence.schedule = {{ {schedule} }}
        "#
    );
    layered_world(&[&story, rest])
}

fn told(schedule: &str, rest: &str) -> TrialResult {
    both_ways(&world(schedule, rest), 1)
}

/// `kind` with these keys strikes after 10 minutes.
fn fault(kind: &str, keys: &str) -> String {
    format!(
        r#"fault = [{{ kind = "{kind}", workload = "log", {keys},
          at = {{ kind = "constant", value = "10min" }} }}]
        "#
    )
}

/// How long each stall lasts, in seconds: from a blocked write until the node is well.
fn stalls(result: &TrialResult) -> Vec<f64> {
    let blocks = said(result, "node a: a write to its append-only file blocks");
    let ends = said(result, "node a: runs");
    let after = |at: &f64| ends.iter().find(|end| *end > at).copied();
    let one = |at: &f64| after(at).unwrap_or(f64::NAN) - at;
    blocks.iter().map(one).collect()
}

const APPENDS: &str = "kind = 'append-only', rewrite_growth = '1000000x'";

#[test]
fn a_write_waits_two_seconds_for_an_fsync_and_then_blocks() {
    let slow = |fsync: &str| fault("slow-disk", &format!("fsync = '{fsync}', lasts = '3min'"));
    // Shorter than two seconds: nobody notices.
    let short = told(APPENDS, &slow("1900ms"));
    assert_eq!(stalls(&short), [0.0; 0], "{:?}", lines(&short));
    // Four of six seconds: nobody is taken to be down.
    let six = told(APPENDS, &slow("6s"));
    let (stalled, outcome) = (stalls(&six), &six.outcome);
    assert!((27..=31).contains(&stalled.len()), "{stalled:?}");
    let even = |stall: &f64| (3.9..=4.0).contains(stall);
    assert!(stalled[..26].iter().all(even), "{stalled:?}");
    assert_eq!((outcome.failovers, outcome.acked_lost), (0, 0));
    // Seven of nine seconds: a Sentinel acts, and clients leave the disk behind.
    let nine = told(APPENDS, &slow("9s")).outcome;
    assert_eq!(nine.failovers, 1);
    assert!(nine.downtime_true_s < 15.0, "{}", nine.downtime_true_s);
}

#[test]
fn with_always_each_answer_waits_for_the_disk() {
    let always = format!("{APPENDS}, fsync = 'always'");
    let nine = fault("slow-disk", "fsync = '9s', lasts = '3min'");
    let result = told(&always, &nine);
    assert!(stalls(&result)[0] > 5.0, "{:?}", lines(&result));
    assert_eq!(result.outcome.failovers, 1);
    // A tenth of a second is late and no outage: for the fsync, and half of the one before it.
    let tenth = fault("slow-disk", "fsync = '100ms', lasts = '3min'");
    let late = told(&always, &tenth);
    assert_eq!(late.outcome.failovers, 0);
    assert!(
        !said(&late, "node a: waits for its disk, answers 150ms late").is_empty(),
        "{:?}",
        lines(&late)
    );
    // A good disk costs a few milliseconds all the time.
    let good = "redis.disk = { throughput = '200MB/s', fsync = '2ms', unwritten = '4MB' }";
    let good = told(&always, good);
    assert!(!said(&good, "waits for its disk, answers 3ms late").is_empty());
}

#[test]
fn a_rewrite_in_the_page_cache_makes_an_fsync_slow() {
    // Of 900 MB at 50 MB/s a rewrite lasts 18 s and more; 400 MB in the page cache take 8 s.
    let disk =
        |keys: &str| format!("redis.disk = {{ throughput = '50MB/s', fsync = '5ms', {keys} }}");
    let appends = "kind = 'append-only', rewrite_growth = '0.05x'";
    let cached = told(appends, &disk("unwritten = '400MB'"));
    assert!(cached.outcome.failovers >= 1, "{:?}", lines(&cached));
    let stalled = stalls(&cached);
    assert!((5.9..=6.1).contains(&stalled[0]), "{stalled:?}");
    for fix in [
        disk("unwritten = '32MB'"),
        disk("unwritten = '400MB', no_fsync_on_rewrite = true"),
    ] {
        let result = told(appends, &fix);
        assert_eq!(stalls(&result), [0.0; 0], "{fix}");
        assert_eq!(result.outcome.failovers, 0);
    }
    let never = told(
        &format!("{appends}, fsync = 'no'"),
        &disk("unwritten = '400MB'"),
    );
    assert_eq!(stalls(&never), [0.0; 0]);
}

#[test]
fn a_full_disk_stops_writes_at_once_or_ends_the_process() {
    let full = fault("disk-full", "lasts = '5min'") + "failover = { kind = 'none' }";
    let result = told(APPENDS, &full);
    let refused = said(&result, "node a: refuses writes (-MISCONF)");
    assert_eq!(refused, [600.0], "{:?}", lines(&result));
    let again = said(&result, "node a: its append-only file is written again");
    assert!((900.0..=901.0).contains(&again[0]), "{again:?}");
    assert!((299.0..303.0).contains(&result.outcome.downtime_true_s));
    // Snapshots alone fail at the next save.
    let saves = "kind = 'save-points', points = [{ after = '2h', changes = 1 }]";
    let saves = told(saves, &full);
    assert_eq!(said(&saves, "-MISCONF"), [0.0; 0]);
    // It promised to sync every write, and exits until it can.
    let always = told(&format!("{APPENDS}, fsync = 'always'"), &full);
    let exits = said(&always, "node a: cannot append to its file, and exits");
    assert!(exits.len() > 3, "{:?}", lines(&always));
    assert!(exits.last().is_some_and(|last| *last < 900.0));
    let down = always.outcome.downtime_true_s;
    assert!((290.0..340.0).contains(&down), "{down}");
}

#[test]
fn people_repair_a_disk() {
    let full = fault("disk-full", "lasts = '40min'");
    let people = r#"
        failover = { kind = "none" }
        [people]
        notice_unalerted = { kind = "constant", value = "5min" }
        diagnose = { kind = "constant", value = "2min" }
        [[people.runbook]]
        action = { kind = "repair-disk" }
        takes = { kind = "constant", value = "1min" }
        "#;
    let result = told(APPENDS, &(full + people));
    let repaired = moment(&result, MomentKind::ActionDone, Some("repair-disk"));
    let end = 600.0 + result.outcome.downtime_true_s - repaired.expect("they repair it");
    assert!((0.0..=1.1).contains(&end), "{end}: {:?}", lines(&result));
}

#[test]
fn check_says_what_blocks_and_what_starts_over_for_ever() {
    let notes = |schedule: &str, rest: &str| world(schedule, rest).doubts().join("\n");
    let disk = |unwritten: &str| {
        format!(
            "redis.disk = {{ throughput = '50MB/s', fsync = '5ms', unwritten = '{unwritten}' }}"
        )
    };
    let appends = "kind = 'append-only', rewrite_growth = '1x'";
    assert!(notes(appends, &disk("500MB")).contains("a write blocks it for about 8.005s"));
    assert!(!notes(appends, &disk("32MB")).contains("blocks"));
    assert!(notes(appends, "").contains("nothing is said of their disks"));
    assert!(!notes(APPENDS, "").contains("disks"));
    let limit = |hard: &str| {
        format!(
            "redis.backlog = '256KiB'
             redis.replication.output_limit = {{ hard = '{hard}', soft = '0B', soft_for = '60s' }}"
        )
    };
    assert!(notes(APPENDS, &limit("1MiB")).contains("for ever"));
    assert!(!notes(APPENDS, &limit("256MiB")).contains("for ever"));
}

#[test]
fn what_waits_for_an_fsync_is_not_on_the_disk_yet() {
    // The fsync begins with the fault, and takes nine seconds.
    let lost = |schedule: &str, what: &str, at: &str| {
        let faults = format!(
            r#"
            redis.replicas = 0
            redis.hosts = 1
            failover = {{ kind = "none" }}
            fault = [{{ kind = "slow-disk", workload = "log", fsync = "9s", lasts = "3min",
              at = {{ kind = "constant", value = "10min" }} }},
              {{ {what}, workload = "log", at = {{ kind = "constant", value = "{at}" }} }}]
            "#
        );
        let result = told(schedule, &faults);
        let line = lines(&result)
            .into_iter()
            .find(|line| line.contains("starts without"));
        line.map(|line| line.rsplit(' ').next().expect("a time").to_owned())
    };
    let (killed, gone) = (
        "kind = 'crash'",
        "kind = 'host-loss', host = 0, lasts = '10s'",
    );
    assert_eq!(lost(APPENDS, killed, "601900ms"), Some("1.9s".to_owned()));
    assert_eq!(lost(APPENDS, killed, "599s"), None);
    // It blocks from two seconds on, and takes nothing more.
    assert_eq!(lost(APPENDS, killed, "605s"), Some("5s".to_owned()));
    // The next one begins when the first is done.
    assert_eq!(lost(APPENDS, killed, "610s"), Some("1s".to_owned()));
    // And up to a second that the fsync was to bring there.
    let lacks = lost(APPENDS, gone, "601900ms").expect("it lacks some");
    let lacks: f64 = lacks.trim_end_matches('s').parse().expect("seconds");
    assert!((1.9..2.9).contains(&lacks), "{lacks}");
    let always = format!("{APPENDS}, fsync = 'always'");
    assert_eq!(lost(&always, killed, "601900ms"), None);
}

#[test]
fn with_always_a_slow_disk_answers_late_and_to_everybody() {
    let always = format!("{APPENDS}, fsync = 'always'");
    let slow = |fsync: &str| fault("slow-disk", &format!("fsync = '{fsync}', lasts = '2min'"));
    for fsync in ["900ms", "1500ms", "2500ms"] {
        let result = told(&always, &slow(fsync));
        let outcome = &result.outcome;
        assert_eq!(outcome.failovers, 0, "{fsync}");
        assert!(
            outcome.lost < 30,
            "{fsync}: {} of 2,400: {:?}",
            outcome.lost,
            lines(&result)
        );
    }
}
