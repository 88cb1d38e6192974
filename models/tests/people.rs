//! What people do: every action in a small world, for better and for worse; and the steps of the
//! runbook, to the second.

use crate::support::{lines, said, small_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};
use sim::{SimDuration, SimTime};

/// One step that begins as soon as its turn comes and takes a minute.
fn step(action: &str) -> String {
    format!("{{ action = {action}, takes = {{ kind = \"constant\", value = \"1min\" }} }}")
}

/// Notice after 1 min, acknowledge 1 min, diagnose 2 min (1 min if named), verify 1 min.
fn people(runbook: &[String]) -> String {
    format!(
        r#"{{ notice = {{ kind = "constant", value = "1min" }},
        notice_unalerted = {{ kind = "constant", value = "1min" }}, alert_gap = "0%",
        acknowledge = {{ kind = "constant", value = "1min" }},
        diagnose = {{ kind = "constant", value = "2min" }},
        diagnose_named = {{ kind = "constant", value = "1min" }},
        verify = {{ kind = "constant", value = "1min" }}, memory_high = "80%",
        look = {{ kind = "constant", value = "5min" }},
        runbook = [{}] }}"#,
        runbook.join(", ")
    )
}

/// Nobody but people acts, and a killed process stays away.
const ALONE: [(&str, &str); 2] = [("health_check", "[]"), ("failover", r#"{ kind = "none" }"#)];

/// The primary of the fullest shard hangs from the tenth minute on.
const HANG: (&str, &str) = (
    "fault",
    r#"[{ kind = "hang", workload = "log", lasts = "3h",
        at = { kind = "constant", value = "10min" } }]"#,
);

/// Writes are refused from some time on.
const FULL: (&str, &str) = ("redis.maxmemory", r#""70%""#);

fn run(changes: &[(&str, &str)], runbook: &[String]) -> TrialResult {
    let people = people(runbook);
    let mut all = ALONE.to_vec();
    all.extend(changes);
    all.push(("people", &people));
    let spec = small_world(&all);
    let lazy = trial(&spec, 2, Mode::Lazy);
    assert_eq!(lazy, trial(&spec, 2, Mode::Eager));
    lazy
}

/// When this happened first.
#[track_caller]
fn first(result: &TrialResult, what: MomentKind, subject: &str) -> SimTime {
    let mut found = times(result, what, subject);
    assert!(
        !found.is_empty(),
        "no {what:?} of {subject}: {:?}",
        lines(result)
    );
    found.remove(0)
}

fn times(result: &TrialResult, what: MomentKind, subject: &str) -> Vec<SimTime> {
    let moments = result.moments.iter();
    let found = moments.filter(|moment| moment.kind == what && moment.subject == subject);
    found.map(|moment| moment.at).collect()
}

fn mins(n: u64) -> SimDuration {
    SimDuration::from_mins(n)
}

/// The service is down until the action is done, and from then on up.
#[track_caller]
fn helps(result: &TrialResult, action: &str) {
    let (begins, done) = (
        first(result, MomentKind::ActionBegins, action),
        first(result, MomentKind::ActionDone, action),
    );
    let up = times(result, MomentKind::ServiceUp, "api");
    let within = |at: &SimTime| begins < *at && *at <= done + SimDuration::from_secs(2);
    assert!(up.iter().any(within), "{up:?} {begins} {done}");
    assert_eq!(times(result, MomentKind::ActionBegins, action).len(), 1);
    let told = times(result, MomentKind::StoodDown, "on call");
    assert_eq!(told, [done + mins(1)], "verified, and gone");
}

#[test]
fn restarted_servers_learn_the_owners_anew() {
    // The bus promotes, but clients keep asking the old owner.
    let changes = [("failover", CLUSTER_BUS), ("service", STUBBORN), HANG];
    let helped = run(&changes, &[step(r#"{ kind = "restart-servers" }"#)]);
    helps(&helped, "restart-servers");
    let waited = run(&changes, &[step(r#"{ kind = "wait" }"#)]);
    let up = first(&waited, MomentKind::ServiceUp, "api");
    assert!(up > first(&helped, MomentKind::ServiceUp, "api") + mins(60));
}

const CLUSTER_BUS: &str = r#"{ kind = "cluster-bus", version = "redis-7.0", node_timeout = "5s",
    replica_validity_factor = 10, repl_ping_replica_period = "10s", require_full_coverage = true,
    allow_reads_when_down = false, migration_barrier = 1, allow_replica_migration = true,
    latency = "250us", config_save = "1ms" }"#;

const STUBBORN: &str = r#"[{ name = "api", workers = 64, queue_limit = 4096,
    gateway_timeout = "30s", service_time = "20ms",
    needs = [{ workload = "log", access = "write" }, { workload = "cache", access = "read" }],
    client = { retries = 0, backoff = "100ms", retries_on = [], topology_refresh = "2h" } }]"#;

#[test]
fn restarted_servers_do_not_mend_redis() {
    let result = run(&[HANG], &[step(r#"{ kind = "restart-servers" }"#)]);
    let restarts = times(&result, MomentKind::ActionDone, "restart-servers");
    assert!(restarts.len() > 5, "again and again: {restarts:?}");
    let up = first(&result, MomentKind::ServiceUp, "api");
    assert_eq!(
        up,
        SimTime::ZERO + mins(190),
        "when the hang ends by itself"
    );
}

#[test]
fn a_restarted_node_that_hung_reads_its_data_and_serves() {
    let result = run(&[HANG], &[step(r#"{ kind = "restart-nodes" }"#)]);
    helps(&result, "restart-nodes");
    let begins = first(&result, MomentKind::ActionBegins, "restart-nodes");
    let up = first(&result, MomentKind::ServiceUp, "api");
    let waits = up - (begins + mins(1));
    let delay = SimDuration::from_secs(5);
    assert!(waits > delay, "it is started again, and reads: {waits}");
}

#[test]
fn a_restarted_node_that_is_full_is_full_again_and_read_from_no_more() {
    let wait = run(&[FULL], &[step(r#"{ kind = "wait" }"#)]);
    let restart = run(&[FULL], &[step(r#"{ kind = "restart-nodes" }"#)]);
    let refused = |result: &TrialResult| {
        let refused = demand::answer::Cause::Refused;
        result.outcome.failed[refused as usize]
    };
    assert_eq!(refused(&wait), 0);
    assert!(refused(&restart) > 0, "worse than waiting");
    assert_eq!(restart.outcome.recover_s, None, "full for good");
}

#[test]
fn people_fail_over_to_a_replica_that_answers() {
    helps(
        &run(&[HANG], &[step(r#"{ kind = "fail-over" }"#)]),
        "fail-over",
    );
}

#[test]
fn a_failover_of_a_full_shard_is_useless() {
    let result = run(&[FULL], &[step(r#"{ kind = "fail-over" }"#)]);
    assert!(
        result.outcome.useless_failovers >= 2,
        "{:?}",
        result.outcome
    );
    assert_eq!(result.outcome.recover_s, None, "full for good");
}

#[test]
fn a_higher_limit_lets_writes_in_at_once() {
    let action = r#"{ kind = "raise-maxmemory", to = "1.2x" }"#;
    let result = run(&[FULL], &[step(action)]);
    let done = first(&result, MomentKind::ActionDone, "raise-maxmemory");
    assert_eq!(first(&result, MomentKind::ServiceUp, "api"), done);
}

#[test]
fn a_limit_above_the_memory_ends_in_a_stall() {
    let action = r#"{ kind = "raise-maxmemory", to = "10x" }"#;
    let result = run(&[FULL], &[step(action)]);
    let raised = first(&result, MomentKind::ActionDone, "raise-maxmemory");
    let stalls = |(at, line): &&(SimTime, String)| *at > raised && line.contains("stalled");
    assert!(result.trace.iter().any(|line| stalls(&line)));
}

#[test]
fn deleted_keys_make_room_and_growth_goes_on() {
    let action = r#"{ kind = "delete-keys", workload = "log", share = "20%" }"#;
    let result = run(&[FULL], &[step(action)]);
    let done = times(&result, MomentKind::ActionDone, "delete-keys");
    assert_eq!(first(&result, MomentKind::ServiceUp, "api"), done[0]);
    assert!(done.len() > 1, "it fills up again, and is emptied again");
    let nothing = r#"{ kind = "delete-keys", workload = "log", share = "0%" }"#;
    let result = run(&[FULL], &[step(nothing)]);
    assert!(times(&result, MomentKind::ServiceUp, "api").is_empty());
}

#[test]
fn a_script_that_deletes_takes_its_time() {
    // Some 60 MiB in keys of 10 KiB: 6,000 of them, at 50 a second.
    let action = r#"{ kind = "delete-keys", workload = "log", share = "20%", rate = "50/s" }"#;
    let result = run(&[FULL], &[step(action)]);
    let began = said(&result, "keys are to be deleted")[0];
    let parts = said(&result, "keys are deleted");
    // A first part after a second, and then 32 even ones, of which the last is shorter.
    let each: Vec<f64> = parts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((parts[0] - began - 1.0).abs() < 1e-6);
    assert!(each[..31].iter().all(|gap| (gap - each[0]).abs() < 1e-6));
    let took = parts[32] - began;
    assert!((32.0 * each[0] - took).abs() < 1e-3, "{took}");
    let done = times(&result, MomentKind::ActionDone, "delete-keys")[0];
    assert_eq!(done.as_secs_f64(), parts[32]);
    // It serves from the first keys on that are gone.
    assert_eq!(
        first(&result, MomentKind::ServiceUp, "api").as_secs_f64(),
        parts[0]
    );
}

#[test]
fn a_node_that_hangs_executes_no_command_of_theirs() {
    let delete = r#"{ kind = "delete-keys", workload = "log", share = "20%" }"#;
    let result = run(&[HANG], &[step(delete)]);
    let tries = said(&result, "no keys are deleted").len();
    assert!(tries > 5, "they try again and again: {tries}");
    assert!(said(&result, "keys are deleted").len() == tries);
}

/// Pages at half of the limit, and names it.
const EARLY: (&str, &str) = (
    "alert",
    r#"[{ name = "memory", metric = { kind = "memory", threshold = "60%" }, scrape = "10s",
        hold = "0s", missed = "0%", names_cause = true }]"#,
);

#[test]
fn growth_that_is_rolled_back_in_time_fills_nothing() {
    let high = people(&[
        step(r#"{ kind = "stop-growth", workload = "log" }"#),
        step(r#"{ kind = "stop-growth", workload = "cache" }"#),
    ]);
    let high = high.replace("80%", "60%");
    let world = |people: &str| {
        let mut changes = ALONE.to_vec();
        changes.extend([("redis.maxmemory", r#""80%""#), EARLY, ("people", people)]);
        let spec = small_world(&changes);
        let lazy = trial(&spec, 2, Mode::Lazy);
        assert_eq!(lazy, trial(&spec, 2, Mode::Eager));
        lazy
    };
    assert_eq!(world(&high).outcome.downtime_true_s, 0.0);
    let wait = people(&[step(r#"{ kind = "wait" }"#)]).replace("80%", "60%");
    assert!(world(&wait).outcome.downtime_true_s > 0.0);
}

#[test]
fn larger_nodes_take_over_with_their_data() {
    let action = r#"{ kind = "resize", factor = "2x", from = "1%" }"#;
    let result = run(&[FULL], &[step(action)]);
    helps(&result, "resize");
    let (begins, done) = (
        first(&result, MomentKind::ActionBegins, "resize"),
        first(&result, MomentKind::ActionDone, "resize"),
    );
    assert!(done > begins + mins(1), "the copy comes on top");
}

#[test]
fn a_cluster_is_rebuilt_where_it_fails() {
    let result = run(&[HANG], &[step(r#"{ kind = "rebuild", factor = "1x" }"#)]);
    helps(&result, "rebuild");
}

#[test]
fn a_step_that_has_not_helped_is_followed_by_the_next_and_the_list_by_itself() {
    let wait = step(r#"{ kind = "wait" }"#);
    let again = wait.replace("action", "diagnose_after = true, action");
    let result = run(
        &[HANG],
        &[wait, again, step(r#"{ kind = "restart-servers" }"#)],
    );
    let down = first(&result, MomentKind::ServiceDown, "api");
    let at = |minutes: &[u64]| minutes.iter().map(|m| down + mins(*m)).collect::<Vec<_>>();
    // 1 notice, 1 acknowledge, 2 diagnose; 1 takes, 1 verify; then 2 diagnose again.
    let waits = times(&result, MomentKind::ActionBegins, "wait");
    assert_eq!(waits[..2], at(&[4, 6])[..]);
    let restarts = times(&result, MomentKind::ActionBegins, "restart-servers");
    assert_eq!(restarts[0], down + mins(10));
    // Over again, after a diagnosis by people who know the system by now.
    assert_eq!(waits[2], down + mins(13));
    assert_eq!(times(&result, MomentKind::Noticed, "on call"), at(&[1]));
    assert_eq!(
        times(&result, MomentKind::Acknowledged, "on call"),
        at(&[2])
    );
}

#[test]
fn a_decision_takes_its_time_and_is_dropped_when_all_is_well() {
    let wait = step(r#"{ kind = "fail-over" }"#);
    let decide = r#"decide = { kind = "constant", value = "7min" }, action"#;
    let result = run(&[HANG], &[wait.replace("action", decide)]);
    let down = first(&result, MomentKind::ServiceDown, "api");
    let begins = first(&result, MomentKind::ActionBegins, "fail-over");
    assert_eq!(begins, down + mins(11));
    let short = (HANG.0, &*HANG.1.replace("3h", "10min"));
    let result = run(&[short], &[wait.replace("action", decide)]);
    assert!(times(&result, MomentKind::ActionBegins, "fail-over").is_empty());
    assert_eq!(
        times(&result, MomentKind::StoodDown, "on call"),
        [down + mins(11)]
    );
}

#[test]
fn conditions_and_chances_leave_steps_out() {
    let only = |condition: &str| {
        step(r#"{ kind = "fail-over" }"#).replace("action", &format!("{condition}, action"))
    };
    let taken = |condition: &str| {
        let runbook = [only(condition), step(r#"{ kind = "restart-nodes" }"#)];
        let result = run(&[HANG], &runbook);
        !times(&result, MomentKind::ActionBegins, "fail-over").is_empty()
    };
    for (condition, expected) in [
        (r#"when = ["unnamed"]"#, true),
        (r#"when = ["named"]"#, false),
        (r#"when = ["failing", "node-gone"]"#, true),
        (r#"when = ["not-failing"]"#, false),
        (r#"when = ["memory-high"]"#, false),
        (r#"chance = "0%""#, false),
        (r#"chance = "100%""#, true),
    ] {
        assert_eq!(taken(condition), expected, "{condition}");
    }
}

#[test]
fn who_has_no_runbook_watches_until_it_is_over() {
    let result = run(&[HANG], &[]);
    assert_eq!(
        first(&result, MomentKind::ServiceUp, "api"),
        SimTime::ZERO + mins(190)
    );
    assert!(
        result
            .moments
            .iter()
            .all(|m| m.kind != MomentKind::ActionBegins)
    );
    assert_eq!(times(&result, MomentKind::StoodDown, "on call").len(), 1);
}

#[test]
fn the_hour_of_day_decides_how_soon_somebody_comes() {
    let hour = |factor: &str, which: usize| {
        let mut hours = vec!["\"1x\""; 24];
        hours[which] = factor;
        format!("[{}]", hours.join(", "))
    };
    let acknowledged = |hours: &str| {
        let people = people(&[step(r#"{ kind = "wait" }"#)]);
        let people = people.replacen('{', &format!("{{ hourly = {hours},"), 1);
        let mut changes = ALONE.to_vec();
        changes.extend([HANG, ("people", &*people)]);
        let result = trial(&small_world(&changes), 2, Mode::Lazy);
        first(&result, MomentKind::Acknowledged, "on call")
            - first(&result, MomentKind::Noticed, "on call")
    };
    assert_eq!(acknowledged(&hour("\"3x\"", 0)), mins(3));
    assert_eq!(acknowledged(&hour("\"3x\"", 1)), mins(1));
}

#[test]
fn people_may_go_by_the_clock_of_a_report() {
    let times = r#"{ minute_zero = "9min", noticed = "3min", acknowledged = "7min",
        cause_known = "20min" }"#
        .replace('\n', " ");
    let run = |times: &str, runbook: &[String]| {
        let people = people(runbook);
        let mut all = ALONE.to_vec();
        all.extend([HANG, ("people", &people), ("people.reported", times)]);
        let spec = small_world(&all);
        let lazy = trial(&spec, 2, Mode::Lazy);
        assert_eq!(lazy, trial(&spec, 2, Mode::Eager));
        lazy
    };
    let step = r#"{ action = { kind = "wait" }, begins_at = "31min",
        takes = { kind = "constant", value = "2min" } }"#
        .replace('\n', " ");
    let result = run(&times, &[step]);
    let minute = |kind| {
        let found = result.moments.iter().find(|m| m.kind == kind);
        found.map(|moment| moment.at.as_secs_f64() / 60.0 - 9.0)
    };
    let expected = [
        (MomentKind::Noticed, 3.0),
        (MomentKind::Acknowledged, 7.0),
        (MomentKind::CauseKnown, 20.0),
        (MomentKind::ActionBegins, 31.0),
        (MomentKind::ActionDone, 33.0),
    ];
    for (kind, at) in expected {
        assert_eq!(minute(kind), Some(at), "{kind:?}: {:?}", result.moments);
    }
    // A time that has passed does not count: the delay does.
    let late = r#"{ minute_zero = "0s", noticed = "1min" }"#;
    let late = run(late, &[]);
    let without = run("{}", &[]);
    assert_eq!(late.moments, without.moments);
}
