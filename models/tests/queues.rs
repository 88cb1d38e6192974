//! Queues in Redis: how fast a backlog fills it, and how long it takes to be worked off.

use crate::support::{small_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};
use sim::Bytes;

/// One shard of 1.5 GiB with some 900 MiB in it. From minute 60 on jobs of 10 KiB come in at 100 a
/// second and are worked off at 150 / 40.
fn slow(fault: &str, people: &str, mode: Mode) -> TrialResult {
    let fault = format!(
        r#"[{{ kind = "slow-consumers", workload = "cache", slowdown = "40x",
               at = {{ kind = "constant", value = "60min" }} {fault} }}]"#
    );
    let constant = |value: &str| format!(r#"{{ kind = "constant", value = "{value}" }}"#);
    let world = small_world(&[
        ("health_check", "[]"),
        ("fault", &fault),
        ("redis.shards", "1"),
        ("redis.hosts", "3"),
        ("redis.swap", "false"),
        ("redis.fullest_shard", r#""100%""#),
        ("redis.node_memory", r#""2GiB""#),
        ("redis.maxmemory", r#""75%""#),
        ("people.alert_gap", r#""0%""#),
        ("people.notice", &constant("5min")),
        ("people.acknowledge", &constant("3min")),
        ("people.diagnose", &constant("15min")),
        ("people.verify", &constant("60s")),
        ("people.runbook", &format!("[{people}]")),
    ]);
    trial(&world, 1, mode)
}

fn minute(result: &TrialResult, what: MomentKind) -> f64 {
    let found = result.moments.iter().find(|moment| moment.kind == what);
    let at = found
        .unwrap_or_else(|| panic!("{} happens", what.name()))
        .at;
    at.as_secs_f64() / 60.0
}

const RESTORE: &str = r#"{ action = { kind = "restore-consumers", workload = "cache" },
    takes = { kind = "constant", value = "2min" } }"#;

/// Jobs a second that pile up, and those by which consumers at their pace outrun what comes in.
const FILLS: f64 = 100.0 - 150.0 / 40.0;
const DRAINS: f64 = 150.0 - 100.0;

#[test]
fn a_backlog_takes_as_long_to_drain_as_it_took_to_fill_times_the_rates() {
    let lasts = r#", lasts = "5min""#;
    let result = slow(lasts, "", Mode::Lazy);
    let (back, done) = (
        minute(&result, MomentKind::BacklogDrains),
        minute(&result, MomentKind::BacklogDone),
    );
    assert_eq!(back, 65.0);
    let expected = 5.0 * FILLS / DRAINS;
    let took = done - back;
    assert!(
        (took / expected - 1.0).abs() < 0.03,
        "{took:.2} of {expected:.2} min"
    );
    assert_eq!(result.outcome.failovers, 0);
}

#[test]
fn redis_is_full_when_the_rates_say_so_and_serves_as_soon_as_jobs_are_taken_out() {
    let result = slow("", RESTORE, Mode::Lazy);
    let full = minute(&result, MomentKind::ServiceDown);
    // What is free after an hour of 2 keys a second (clients and tables take 10 MiB), over what
    // a job takes, at the rate of the backlog.
    let world = small_world(&[]);
    let job = world.workloads[1].bytes_per_key(Bytes::from_kib(10), true) as f64 / 1_048_576.0;
    let free = 1536.0 - 900.0 - 10.0 - 2.0 * 3600.0 * job;
    let expected = 60.0 + free / job / (FILLS + 2.0) / 60.0;
    assert!((full - expected).abs() < 0.2, "{full:.2} of {expected:.2}");
    let restored = minute(&result, MomentKind::BacklogDrains);
    assert!((restored - full - 25.0).abs() < 0.1, "{restored:.2}");
    let again = minute(&result, MomentKind::ServiceUp);
    assert!(again - restored < 1.0, "{again:.2} after {restored:.2}");
    let (took, filled) = (
        minute(&result, MomentKind::BacklogDone) - restored,
        full - 60.0,
    );
    let expected = filled * FILLS / DRAINS;
    assert!(
        (took / expected - 1.0).abs() < 0.03,
        "{took:.2} of {expected:.2} min"
    );
}

#[test]
fn twice_the_consumers_drain_four_times_as_fast() {
    let twice = RESTORE.replace(" },\n", ", factor = \"2x\" },\n");
    assert_ne!(twice, RESTORE);
    let drains = |help: &str| {
        let result = slow("", help, Mode::Lazy);
        minute(&result, MomentKind::BacklogDone) - minute(&result, MomentKind::BacklogDrains)
    };
    // 300 - 100 jobs a second in place of 150 - 100.
    let (once, twice) = (drains(RESTORE), drains(&twice));
    assert!((once / twice - 4.0).abs() < 0.05, "{once} and {twice} min");
}

#[test]
fn deleting_keys_takes_its_part_of_the_backlog() {
    let delete = r#"{ action = { kind = "delete-keys", workload = "cache", share = "50%" },
        takes = { kind = "constant", value = "1s" } }, "#;
    let step = RESTORE.replace(" },\n", " }, follows_up = true,\n");
    let drains = |runbook: &str| {
        let result = slow("", runbook, Mode::Lazy);
        minute(&result, MomentKind::BacklogDone) - minute(&result, MomentKind::BacklogDrains)
    };
    let (whole, half) = (drains(RESTORE), drains(&format!("{delete}{step}")));
    // For a minute and more, until the step that follows up, jobs come in again.
    let more = 3.1 * FILLS / DRAINS;
    let expected = whole / 2.0 + more;
    assert!((half - expected).abs() < 0.7, "{half} of {expected} min");
}

#[test]
fn lazy_is_eager_with_a_queue() {
    for (fault, people) in [("", RESTORE), (r#", lasts = "8min""#, "")] {
        assert_eq!(
            slow(fault, people, Mode::Lazy),
            slow(fault, people, Mode::Eager)
        );
    }
}
