//! A load balancer before five processes of a service, one of which is late to follow a failover.
//!
//! A provider replaces a killed primary after 12 s; clients refresh every 10 minutes, each process
//! with its own phase. So the processes are stuck one after the other for up to 10 minutes.

use crate::support::{lines, service, story_world, trial};
use models::{Mode, TrialResult, WorldSpec};

fn world(balancer: &str) -> WorldSpec {
    let api = service(
        "api",
        "{ workload = \"log\", access = \"write\" }",
        "command_timeout = \"1s\"\ntopology_refresh = \"10ms\"
         follows = { on_error = false, every = \"10min\" }",
    );
    let mut spec = story_world(&format!(
        r#"
        horizon = "1h"
        health_check = []
        fault = [{{ kind = "crash", workload = "log",
          at = {{ kind = "constant", value = "5min" }} }}]
        failover = {{ kind = "managed", takes = {{ kind = "constant", value = "12s" }},
          dns_ttl = "0s" }}
        [redis]
        shards = 1
        hosts = 3
        fullest_shard = "100%"
        node_memory = "4GiB"
        restart_delay = "2h"
        [signers]
        visits = "20/s"
        [people]
        runbook = []
        notice = {{ kind = "constant", value = "2h" }}
        notice_unalerted = {{ kind = "constant", value = "2h" }}
        {api}
        "#
    ));
    let api = &mut spec.services[0];
    (api.workers, api.queue_limit) = (200, 200);
    api.processes = Some(5);
    let balancer = (!balancer.is_empty()).then(|| toml::from_str(balancer));
    api.balancer = balancer.map(|balancer| balancer.expect("a balancer"));
    assert_eq!(spec.problems(), []);
    spec
}

/// As Kubernetes asks its pods whether they are ready.
const READINESS: &str = "check = { every = \"10s\", timeout = \"1s\", fails = 3, passes = 1";

fn with(kind: &str, rest: &str) -> TrialResult {
    let balancer = format!("kind = \"{kind}\"\n{rest}");
    trial(&world(&balancer), 1, Mode::Lazy)
}

fn times(result: &TrialResult, words: &str) -> Vec<f64> {
    let told = result.trace.iter().filter(|(_, line)| line.contains(words));
    told.map(|(at, _)| at.as_secs_f64()).collect()
}

#[test]
fn a_check_takes_a_stuck_process_out_and_back() {
    // None left while all are stuck: up to 30 s of failures and the last timeout of 1 s.
    let strict = with("random", &format!("{READINESS} }}"));
    let none_left = times(&strict, "has no process left");
    assert_eq!(none_left.len(), 1, "{:?}", lines(&strict));
    assert!((321.0..332.0).contains(&none_left[0]), "{none_left:?}");
    // Each is back within a check after it has switched.
    let switched = times(&strict, "switch to");
    let back = times(&strict, "of 5 processes get requests");
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
    let ends = times(&strict, "api: answers");
    assert_eq!(ends, [back[0]], "{:?}", lines(&strict));
    // Without a check it lasts until all but 1 % have switched: the last of five.
    let unchecked = with("random", "");
    let last = times(&unchecked, "switch to")
        .into_iter()
        .fold(0.0, f64::max);
    assert_eq!(times(&unchecked, "api: answers"), [last]);
    assert!(strict.outcome.failed_attempts < unchecked.outcome.failed_attempts);
}

#[test]
fn a_check_that_is_ignored_sends_to_all() {
    let open = with(
        "random",
        &format!("{READINESS}, ignored_below = \"50%\" }}"),
    );
    let told = lines(&open);
    assert!(!told.iter().any(|line| line.contains("has no process left")));
    // Three of five are the first half.
    let switched = times(&open, "switch to");
    let fewer = times(&open, "3 of 5 processes get requests");
    assert!(
        fewer.len() == 1 && (0.0..10.1).contains(&(fewer[0] - switched[2])),
        "{told:?}"
    );
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
            let spec = world(&format!("kind = \"{kind}\"\n{check}"));
            let [lazy, eager] = [Mode::Lazy, Mode::Eager].map(|mode| trial(&spec, 2, mode));
            assert_eq!(lazy, eager, "{kind}");
        }
    }
}
