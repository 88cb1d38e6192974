//! A service with several processes, each with its own view of Redis.
//!
//! A provider replaces a killed primary after 12 s; clients refresh every 10 minutes, each process
//! with its own phase.

use crate::support::{both_ways, errors_alert, moment, part, processes, said, trial};
use models::moment::MomentKind;
use models::spec::client::ModeSpec;
use models::{Mode, TrialResult, WorldSpec};

const FAULT_S: f64 = 300.0;
const TAKES_S: f64 = 12.0;
const EVERY_S: f64 = 600.0;

/// Without health checks.
const QUIET: &str = "health_check = []";

fn world(count: u32, rest: &str) -> WorldSpec {
    processes(count, "", rest)
}

/// Seconds from the promotion until each process is with the new primary.
fn switches(result: &TrialResult) -> Vec<f64> {
    let told = said(result, "switch to").into_iter();
    told.map(|at| at - FAULT_S - TAKES_S).collect()
}

#[test]
fn processes_that_look_at_random_times_follow_one_by_one() {
    let trials = 60;
    let (mut stuck, mut lasts) = ([0.0; 4], 0.0);
    for number in 1..=trials {
        let result = trial(&world(20, QUIET), number, Mode::Lazy);
        let switches = switches(&result);
        assert_eq!(switches.len(), 20, "each by itself: {:?}", result.trace);
        for (i, stuck) in stuck.iter_mut().enumerate() {
            let at = EVERY_S * (i + 1) as f64 / 5.0;
            *stuck += switches.iter().filter(|after| **after > at).count() as f64 / 20.0;
        }
        lasts += switches
            .iter()
            .fold(0.0, |last: f64, after| last.max(*after));
    }
    // The share that is still stuck after t is 1 - t / T, and the last of n follows after
    // n / (n + 1) of T on average.
    for (i, stuck) in stuck.iter().enumerate() {
        let (share, expected) = (stuck / trials as f64, 1.0 - (i + 1) as f64 / 5.0);
        let deviation = (expected * (1.0 - expected) / (20.0 * trials as f64)).sqrt();
        assert!(
            (share - expected).abs() < 4.0 * deviation,
            "{share} of {expected}"
        );
    }
    let last = lasts / trials as f64 / EVERY_S;
    let deviation = (20.0 / (21.0 * 21.0 * 22.0) / trials as f64).sqrt();
    assert!((last - 20.0 / 21.0).abs() < 4.0 * deviation, "{last}");
}

#[test]
fn errors_fall_in_many_steps_and_losses_with_them() {
    let result = trial(&world(20, QUIET), 1, Mode::Lazy);
    // Minute by minute, as users see it.
    let minutes = &result.timeline.minutes;
    let share = |minute: u64| {
        let found = minutes.iter().find(|(at, _, _)| *at == minute);
        let (_, ok, failed) = found.expect("the minute is shown");
        *failed as f64 / (ok + failed) as f64
    };
    let shares: Vec<f64> = (6..15).map(share).collect();
    assert!(shares[0] > 0.8, "nearly all at first: {shares:?}");
    let between = shares.iter().filter(|share| (0.05..0.9).contains(*share));
    assert!(between.count() >= 5, "many steps: {shares:?}");
    assert!(
        shares.windows(2).all(|pair| pair[1] < pair[0] + 0.08),
        "{shares:?}"
    );
    let kinds = [
        MomentKind::ServiceDown,
        MomentKind::ServiceDegraded,
        MomentKind::ServiceUp,
    ];
    let told: Vec<MomentKind> = (result.moments.iter().map(|moment| moment.kind))
        .filter(|kind| kinds.contains(kind))
        .collect();
    assert_eq!(told, kinds, "down, then degraded, then up");
}

#[test]
fn one_stuck_process_of_five_is_seen_by_an_alert_and_not_by_ping() {
    let alert = errors_alert("15s", "15%", "1min");
    let ping = r#"
        [[health_check]]
        interval = "10s"
        timeout = "1s"
        actions = ["page"]
        probe = { kind = "ping" }
        judge = { kind = "consecutive", fall = 3, rise = 2 }
        guard = { cool_down = "10min", failovers_max = 3, fail_open = true }
        "#;
    let spec = world(5, &format!("{alert}{ping}"));
    // A trial in which one process is minutes late.
    let mut found = None;
    for number in 1..=40 {
        let result = trial(&spec, number, Mode::Lazy);
        let mut after = switches(&result);
        after.sort_by(f64::total_cmp);
        if after[4] - after[3] > 150.0 {
            found = Some((result, after));
            break;
        }
    }
    let (result, after) = found.expect("one in forty");
    let window = |from: f64, to: f64| {
        let zero = FAULT_S + TAKES_S;
        move |at: sim::SimTime| (zero + from..zero + to).contains(&at.as_secs_f64())
    };
    // One of five is stuck: a fifth of the visits fails, and each of those presses twice. That is
    // above 15 %, so the alert has fired. Redis answers PING throughout.
    let minutes = &result.timeline.minutes;
    let alone = minutes.iter().filter(|(minute, _, _)| {
        let from = *minute as f64 * 60.0 - FAULT_S - TAKES_S;
        from > after[3] + 10.0 && from + 60.0 < after[4]
    });
    let shares: Vec<f64> = alone
        .map(|(_, ok, failed)| *failed as f64 / (ok + failed) as f64)
        .collect();
    assert!(!shares.is_empty());
    for share in &shares {
        assert!((share - 0.4 / 1.2).abs() < 0.08, "{shares:?}");
    }
    let fires = result
        .moments
        .iter()
        .find(|m| m.kind == MomentKind::AlertFires);
    assert!(fires.is_some_and(|fires| window(-12.0, after[4])(fires.at)));
    let row = result
        .timeline
        .rows
        .iter()
        .find(|row| row.label.contains("ping"));
    let spans = &row.expect("a row of the check").spans;
    let stuck = window(after[3], after[4]);
    let down = |span: &&models::outcome::Span| span.tone == models::outcome::Tone::Bad;
    assert!(
        !spans.iter().filter(down).any(|span| stuck(span.from)),
        "{spans:?}"
    );
}

#[test]
fn many_processes_that_follow_alike_are_as_one() {
    let alike = |processes: u32| {
        let mut spec = world(processes, QUIET);
        spec.services[0].client.follows = None;
        trial(&spec, 3, Mode::Lazy).outcome
    };
    let (one, many) = (alike(1), alike(10));
    assert_eq!(one.downtime_true_s, many.downtime_true_s);
    let (a, b) = (one.failed_attempts as f64, many.failed_attempts as f64);
    assert!((a - b).abs() < 6.0 * (a + b).sqrt(), "{a} and {b}");
}

#[test]
fn connections_with_a_longest_life_find_the_primary_as_often() {
    // Of a name that the provider moves; a fixed address stays what it is.
    let with = |every: Option<&str>, recycle: Option<&str>, mode: ModeSpec| {
        let mut spec = world(7, QUIET);
        let client = &mut spec.services[0].client;
        let pool = "size = 1000\nprocesses = 7\nwait = \"0s\"";
        let recycle = recycle.map_or(String::new(), |life| format!("\nrecycle = \"{life}\""));
        client.pool = Some(part(&format!("{pool}{recycle}")));
        client.mode = Some(mode);
        let follows = client.follows.as_mut().expect("they have rules");
        follows.every = every.map(|every| every.parse().expect("a duration"));
        assert_eq!(spec.problems(), []);
        trial(&spec, 2, Mode::Lazy).outcome
    };
    let lives = with(None, Some("10min"), ModeSpec::Dns);
    assert_eq!(lives, with(Some("10min"), None, ModeSpec::Dns));
    assert_eq!(lives, with(Some("1h"), Some("10min"), ModeSpec::Dns));
    let never = with(None, None, ModeSpec::Dns).failed_attempts;
    assert!(2 * lives.failed_attempts < never, "{lives:?}");
    let address = with(None, Some("10min"), ModeSpec::Address);
    assert_eq!(address.failed_attempts, never);
}

#[test]
fn opening_everything_changes_nothing_about_processes() {
    for number in 1..=4 {
        both_ways(&world(7, QUIET), number);
    }
}

#[test]
fn processes_add_no_capacity() {
    // 12 workers, a second per request, and 14 visits a second: a seventh finds no free worker,
    // however many processes share the workers.
    let refused = |processes: u32| {
        let mut spec = world(processes, QUIET);
        spec.faults.clear();
        spec.horizon = sim::SimDuration::from_mins(40);
        let service = &mut spec.services[0];
        (service.workers, service.queue_limit) = (12, 0);
        service.service_time = sim::SimDuration::from_secs(1);
        spec.signers.visits = sim::PerSec::new(14.0).expect("a rate");
        trial(&spec, 1, Mode::Lazy).outcome.failed_attempts as f64
    };
    let (one, eight) = (refused(1), refused(8));
    assert!(one > 3000.0, "{one}");
    assert!(
        eight > one,
        "apart they use their workers worse: {eight} against {one}"
    );
}

/// Clients that never look again: their processes have to be restarted.
fn restarted(rolling: &str) -> WorldSpec {
    let mut spec = world(4, QUIET);
    let follows = spec.services[0].client.follows.as_mut();
    follows.expect("they have rules").every = None;
    spec.people.runbook = vec![part(&format!(
        "action = {{ kind = \"restart-servers\"{rolling} }}
         takes = {{ kind = \"constant\", value = \"0s\" }}"
    ))];
    let minutes = |text: &str| part(&format!("kind = \"constant\"\nvalue = \"{text}\""));
    (spec.people.notice, spec.people.notice_unalerted) = (minutes("3min"), minutes("3min"));
    (spec.people.acknowledge, spec.people.diagnose) = (minutes("1min"), minutes("1min"));
    assert_eq!(spec.problems(), []);
    spec
}

#[test]
fn a_rolling_restart_moves_the_clients_of_one_process_after_the_other() {
    let spec = restarted(", rolling = { at_once = 1, every = \"2min\" }");
    let result = both_ways(&spec, 1);
    // People act 5 min after the crash.
    let after = |minutes: f64| minutes * 60.0 - TAKES_S;
    assert_eq!(switches(&result), [5.0, 7.0, 9.0, 11.0].map(after));
    let done = moment(&result, MomentKind::ActionDone, None);
    assert_eq!(done, Some(FAULT_S + 660.0));
    // A quarter of the visits for each process that is still with the dead node; who fails presses
    // twice.
    let minutes = &result.timeline.minutes;
    for (minute, failing) in [(7, 1.0_f64), (11, 0.75), (13, 0.5), (15, 0.25), (18, 0.0)] {
        let found = minutes.iter().find(|(at, _, _)| *at == minute);
        let (_, ok, failed) = found.expect("the minute is shown");
        let share = *failed as f64 / (ok + failed) as f64;
        let expected = 2.0 * failing / (1.0 + failing);
        assert!((share - expected).abs() < 0.05, "minute {minute}: {share}");
    }
    let two = restarted(", rolling = { at_once = 2, every = \"2min\" }");
    let two = switches(&trial(&two, 1, Mode::Lazy));
    assert_eq!(two, [5.0, 5.0, 7.0, 7.0].map(after));
    // All at once they share a view, and switch together.
    let at_once = switches(&trial(&restarted(""), 1, Mode::Lazy));
    assert_eq!(at_once, [5.0].map(after));
}
