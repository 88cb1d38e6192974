//! A load balancer before five processes of a service, one of which is late to follow a failover.
//!
//! A provider replaces a killed primary after 12 s; clients refresh every 10 minutes, each process
//! with its own phase. So the processes are stuck one after the other for up to 10 minutes.

use crate::support::{both_ways, lines, part, processes, said, trial};
use demand::answer::Cause;
use models::{Mode, TrialResult, WorldSpec};

fn world(balancer: &str) -> WorldSpec {
    let mut spec = processes(5, "command_timeout = \"1s\"", "health_check = []");
    spec.services[0].balancer = (!balancer.is_empty()).then(|| part(balancer));
    assert_eq!(spec.problems(), []);
    spec
}

/// As Kubernetes asks its pods whether they are ready.
const READINESS: &str = "check = { every = \"10s\", timeout = \"1s\", fails = 3, passes = 1";

fn with(kind: &str, rest: &str) -> TrialResult {
    let balancer = format!("kind = \"{kind}\"\n{rest}");
    trial(&world(&balancer), 1, Mode::Lazy)
}

#[test]
fn a_check_takes_a_stuck_process_out_and_back() {
    // None left while all are stuck: up to 30 s of failures and the last timeout of 1 s.
    let strict = with("random", &format!("{READINESS} }}"));
    let none_left = said(&strict, "has no process left");
    assert_eq!(none_left.len(), 1, "{:?}", lines(&strict));
    assert!((321.0..332.0).contains(&none_left[0]), "{none_left:?}");
    // Each is back within a check after it has switched.
    let switched = said(&strict, "switch to");
    let back = said(&strict, "of 5 processes get requests");
    let switched: Vec<f64> = switched
        .into_iter()
        .filter(|at| *at > none_left[0])
        .collect();
    assert_eq!(switched.len(), back.len(), "{:?}", lines(&strict));
    for (switched, back) in switched.iter().zip(&back) {
        assert!(
            (0.0..10.1).contains(&(back - switched)),
            "{switched} {back}"
        );
    }
    // From then on nobody who is let in fails: it ends with the first process that has switched.
    let ends = said(&strict, "api: answers");
    assert_eq!(ends, [back[0]], "{:?}", lines(&strict));
    // Without a check it lasts until all but 1 % have switched: the last of five.
    let unchecked = with("random", "");
    let last = said(&unchecked, "switch to")
        .into_iter()
        .fold(0.0, f64::max);
    assert_eq!(said(&unchecked, "api: answers"), [last]);
    assert!(strict.outcome.failed_attempts < unchecked.outcome.failed_attempts);
}

#[test]
fn a_check_that_is_ignored_sends_to_all() {
    let open = with(
        "random",
        &format!("ignored_below = \"50%\"\n{READINESS} }}"),
    );
    let told = lines(&open);
    assert!(!told.iter().any(|line| line.contains("has no process left")));
    // Three of five are the first half.
    let switched = said(&open, "switch to");
    let fewer = said(&open, "3 of 5 processes get requests");
    assert!(
        fewer.len() == 1 && (0.0..10.1).contains(&(fewer[0] - switched[2])),
        "{told:?}"
    );
}

#[test]
fn a_check_that_waits_for_the_end_of_a_hang_passes() {
    // Asked every 4 s, with 3.6 s to answer; the primary hangs from 300 to 308 s.
    let check = "check = { every = '4s', timeout = '3600ms', fails = 1, passes = 1 }";
    let mut spec = world(&format!("kind = 'random'\n{check}"));
    spec.faults = vec![part(
        "kind = 'hang'\nworkload = 'log'\nlasts = '8s'
        at = { kind = 'constant', value = '5min' }",
    )];
    let mut waited = 0;
    for number in 1..=10 {
        let result = both_ways(&spec, number);
        let (out, back) = (said(&result, "no process left"), said(&result, "5 of 5"));
        let ([out], [back]) = (&out[..], &back[..]) else {
            panic!("{:?}", lines(&result));
        };
        // A check that fails is over 3.6 s after it has begun, and so is one that waits for the end
        // of the hang; one that begins after that passes at once.
        let after = (back - out) % 4.0;
        let (waits, at_once) = (after < 0.01, (after - 0.4).abs() < 0.01);
        assert!(waits || at_once, "{out} {back}");
        let most = if waits { 3.61 } else { 0.41 };
        assert!((0.0..most).contains(&(back - 308.0)), "{out} {back}");
        waited += u64::from(waits);
    }
    assert!(waited >= 5, "nine in ten: {waited}");
}

#[test]
fn a_check_does_not_fail_for_the_connections_of_others() {
    // A quarter of the connections is refused on each process, and the check is not among them.
    let mut spec = world(&format!("kind = \"random\"\n{READINESS} }}"));
    spec.faults.clear();
    (spec.redis.connections, spec.redis.maxclients) = (2_000, Some(1_500));
    let result = trial(&spec, 1, Mode::Lazy);
    let refused = result.outcome.failed[Cause::MaxClients as usize];
    assert!(refused > 0 && refused == result.outcome.failed_attempts);
    let none_left = said(&result, "no process left");
    assert!(none_left.is_empty(), "{:?}", lines(&result));
}

#[test]
fn a_further_press_reaches_another_process() {
    let (sticky, random) = (with("sticky", ""), with("random", ""));
    assert_eq!(
        sticky.outcome.visits, random.outcome.visits,
        "the same visits"
    );
    assert!(
        (random.outcome.blocked as f64) < 0.8 * sticky.outcome.blocked as f64,
        "{} of {}",
        random.outcome.blocked,
        sticky.outcome.blocked
    );
    // `sticky` is what happens without a balancer.
    assert_eq!(sticky.outcome, trial(&world(""), 1, Mode::Lazy).outcome);
}

#[test]
fn opening_everything_changes_nothing_about_balancers() {
    for kind in ["sticky", "random", "round-robin", "least-busy"] {
        for check in ["", "check"] {
            let check = match check {
                "" => String::new(),
                _ => format!("{READINESS} }}"),
            };
            both_ways(&world(&format!("kind = \"{kind}\"\n{check}")), 2);
        }
    }
}

/// Envoy's outlier detection with its times, of at most two processes.
const OUTLIERS: &str = "outliers = { fails = 5, every = '10s', ejected_for = '30s', \
    longest = '5min', at_most = '40%' }";

#[test]
fn a_process_whose_requests_fail_is_ejected_and_tried_again() {
    let result = both_ways(&world(&format!("kind = 'round-robin'\n{OUTLIERS}")), 1);
    let told = lines(&result);
    let (mut waits, mut events) = (Vec::new(), Vec::new());
    for process in 1..=5 {
        let out = said(&result, &format!("process {process} fail, it is ejected"));
        let back = said(&result, &format!("process {process} is no longer ejected"));
        assert!(back.len().abs_diff(out.len()) <= 1, "{told:?}");
        let (mut times, mut returned) = (0.0_f64, 0.0);
        for (out, back) in out.iter().zip(&back) {
            // The n-th lasts n times as long, up to five minutes, and ends with a sweep; for each
            // sweep in between one is forgotten.
            let sweeps = ((out - returned) / 10.0).floor();
            times = (times - sweeps).max(0.0) + 1.0;
            returned = *back;
            let lasts = (30.0 * times).min(300.0);
            let late = back - out - lasts;
            assert!((0.0..10.0).contains(&late), "{process}: {out} {back}");
            events.extend([(*out, 1), (*back, -1)]);
        }
        // Unlike the ejections of a process these follow no rule but that of the requests.
        let again = out.iter().skip(1).zip(&back).map(|(out, back)| out - back);
        waits.extend(again);
    }
    events.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut ejected = 0;
    for (_, change) in events {
        ejected += change;
        assert!(ejected <= 2, "at most 40 %: {told:?}");
    }
    // Five requests at five to seven a second, or as long as two others are out.
    waits.retain(|wait| *wait < 5.0);
    assert!(waits.len() >= 5, "{told:?}");
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!((0.5..1.6).contains(&mean), "{waits:?}");
    let stuck = with("round-robin", "");
    assert!(result.outcome.failed_attempts < stuck.outcome.failed_attempts);
}

#[test]
fn a_check_that_passes_ends_an_ejection() {
    // Without one a process stays out for an hour; asked every 10 s it is back once it switched.
    let hour = "ignored_below = '1%'\noutliers = { fails = 5, every = '10s', \
        ejected_for = '1h', longest = '1h', at_most = '100%' }";
    let alone = with("random", hour);
    assert!(
        said(&alone, "is no longer ejected").is_empty(),
        "{:?}",
        lines(&alone)
    );
    let check = "check = { every = '10s', timeout = '1s', fails = 1000, passes = 1 }";
    let spec = world(&format!("kind = 'random'\n{hour}\n{check}"));
    let checked = both_ways(&spec, 1);
    let (switched, back) = (
        said(&checked, "switch to"),
        said(&checked, "is no longer ejected"),
    );
    assert_eq!(
        (switched.len(), back.len()),
        (5, 5),
        "{:?}",
        lines(&checked)
    );
    for (switched, back) in switched.iter().zip(&back) {
        assert!(
            (0.0..10.1).contains(&(back - switched)),
            "{switched} {back}"
        );
    }
}

#[test]
fn processes_that_hang_alike_are_ejected_together() {
    // Five requests of a process come in about 1.3 s, and each fails 5 s after it came: as long as
    // the last processes are out, nobody waits for another timeout.
    let client = "command_timeout = \"5s\"";
    let mut spec = processes(5, client, "health_check = []");
    let most = OUTLIERS.replace("40%", "100%");
    spec.services[0].balancer = Some(part(&format!("kind = 'random'\n{most}")));
    spec.faults = vec![part(
        "kind = 'hang'\nworkload = 'log'\nlasts = '1min'
        at = { kind = 'constant', value = '5min' }",
    )];
    spec.failover = part("kind = 'none'");
    assert_eq!(spec.problems(), []);
    let result = both_ways(&spec, 1);
    let ejected = said(&result, "it is ejected");
    let first: Vec<f64> = ejected.into_iter().take(5).collect();
    assert_eq!(first.len(), 5, "{:?}", lines(&result));
    // The last one gets all twenty a second.
    let all = first.iter().all(|at| (305.2..309.0).contains(at));
    assert!(all, "{first:?}");
}
