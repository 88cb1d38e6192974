//! Requests that take long although nothing fails: who answers late, what alerts on latency see,
//! and who notices.

use crate::support::{both_ways, lines, moment, small_world, story_world};
use models::moment::MomentKind;
use models::{TrialResult, WorldSpec};
use sim::SimDuration;

/// People look at a graph once in 10 hours, but a page calls them.
const AWAY: &str = r#"
    [people]
    notice = { kind = "constant", value = "10h" }
    notice_unalerted = { kind = "constant", value = "10h" }
    acknowledge = { kind = "constant", value = "30s" }
    diagnose = { kind = "constant", value = "30s" }
    diagnose_named = { kind = "constant", value = "2min" }
    verify = { kind = "constant", value = "2min" }
    "#;

fn alert(name: &str, metric: &str) -> String {
    format!(
        r#"
        [[alert]]
        name = "{name}"
        scrape = "30s"
        hold = "1min"
        missed = "0%"
        names_cause = false
        metric = {{ service = "api", {metric} }}
        "#
    )
}

/// Errors from 1 % of a minute on.
const ERRORS: &str = r#"kind = "errors", threshold = "1%", window = "1min""#;

fn fires(result: &TrialResult, rule: &str) -> Option<f64> {
    moment(result, MomentKind::AlertFires, Some(rule))
}

/// A service waits up to 2 s for both replicas of a primary, and one of them is lost at 10 min: its
/// writes are answered 2 s late, and none fails.
fn waiting(rules: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "1h"
        health_check = []
        [[fault]]
        kind = "host-loss"
        workload = "log"
        host = 1
        at = {{ kind = "constant", value = "10min" }}
        lasts = "20min"
        [redis]
        shards = 1
        hosts = 3
        fullest_shard = "100%"
        node_memory = "4GiB"
        [[service]]
        name = "api"
        workers = 64
        queue_limit = 64
        gateway_timeout = "30s"
        service_time = "20ms"
        needs = [{{ workload = "log", access = "write" }}]
        wait = {{ replicas = 2, timeout = "2s", on_timeout = "accept" }}
        client = {{ retries = 0, backoff = "0s", retries_on = [], topology_refresh = "1s" }}
        {rules}
        {AWAY}
        "#
    );
    story_world(&story)
}

#[test]
fn a_service_that_answers_late_pages_by_its_latency_alone() {
    let mean = alert(
        "slow",
        r#"kind = "latency", threshold = "500ms", window = "1min""#,
    );
    let p99 = r#"kind = "latency", threshold = "500ms", window = "1min", percentile = "99%""#;
    let rules = [alert("errors", ERRORS), mean, alert("p99", p99)].concat();
    let result = both_ways(&waiting(&rules), 1);
    let text = lines(&result).join("\n");
    assert_eq!(result.outcome.failed_attempts, 0, "{text}");
    assert_eq!(fires(&result, "errors"), None, "{text}");
    // A minute of 20 ms and 2 s, half a second on average, is one of 24 % of 2.02 s: reached 14.4 s
    // after the loss. The next scrape comes within 30 s, and it holds for a minute.
    let mean = fires(&result, "slow").expect("it is slow");
    assert!((674.0..=706.0).contains(&mean), "{mean}\n{text}");
    // One request in a hundred of the last minute is slow after 0.6 s.
    let p99 = fires(&result, "p99").expect("it is slow");
    assert!((660.0..=692.0).contains(&p99), "{p99}\n{text}");
    let paged = moment(&result, MomentKind::Paged, Some("slow")).expect("somebody is paged");
    assert_eq!(paged, mean);
    assert!(result.outcome.detect_s.is_none(), "nothing fails");
    // Without it nobody notices.
    let result = both_ways(&waiting(&alert("errors", ERRORS)), 1);
    let noticed = [
        MomentKind::Paged,
        MomentKind::Noticed,
        MomentKind::AlertFires,
    ];
    let anybody = result.moments.iter().any(|m| noticed.contains(&m.kind));
    assert!(!anybody, "{:?}", result.moments);
    assert_eq!(result.outcome.failed_attempts, 0);
}

#[test]
fn a_client_that_gives_up_before_wait_ends_has_failed() {
    let failed = |command_timeout| {
        let mut spec = waiting("");
        spec.services[0].client.command_timeout = Some(command_timeout);
        both_ways(&spec, 1).outcome.failed_attempts
    };
    assert_eq!(failed(SimDuration::from_millis(2001)), 0);
    assert!(failed(SimDuration::from_millis(2000)) > 0);
}

#[test]
fn a_threshold_above_what_requests_take_stays_quiet() {
    let mean = alert(
        "slow",
        r#"kind = "latency", threshold = "2100ms", window = "1min""#,
    );
    assert_eq!(fires(&both_ways(&waiting(&mean), 1), "slow"), None);
}

/// Forty visits a second; a surge at 1 h brings more than eight workers of 100 ms can serve. They
/// queue, and are all answered before the gateway gives them up.
fn queueing(rules: &str, step: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "2h"
        health_check = []
        fault = []
        [signers]
        visits = "40/s"
        objective = "1%"
        surge = [{{ at = {{ kind = "constant", value = "1h" }}, factor = "2.2x",
          lasts = {{ kind = "constant", value = "4min" }} }}]
        [[signers.class]]
        name = "person"
        share = "100%"
        patience = "60s"
        presses_max = 1
        press_again_after = "1s"
        returns = []
        [[service]]
        name = "api"
        workers = 8
        queue_limit = 5000
        gateway_timeout = "60s"
        service_time = "100ms"
        needs = [{{ workload = "log", access = "write" }}]
        client = {{ retries = 0, backoff = "0s", retries_on = [], topology_refresh = "1s" }}
        {rules}
        {AWAY}
        {step}
        "#
    );
    story_world(&story)
}

#[test]
fn a_queue_in_which_nobody_fails_is_counted_and_pages() {
    let slow = alert(
        "slow",
        r#"kind = "latency", threshold = "3s", window = "1min""#,
    );
    let rules = [alert("errors", ERRORS), slow].concat();
    let result = both_ways(&queueing(&rules, ""), 1);
    let text = lines(&result).join("\n");
    assert_eq!(result.outcome.failed_attempts, 0, "{text}");
    assert_eq!(fires(&result, "errors"), None);
    // 8 a second too many: a queue of 480 after a minute, which takes 6 s. The first minute, 3 s on
    // average, is known a gateway timeout after its end, and the second, 9 s, a minute later.
    let fired = fires(&result, "slow").expect("requests queue");
    assert!((3720.0..=3900.0).contains(&fired), "{fired}\n{text}");
    // People who are paged for it add servers because it is slow.
    let rule = alert(
        "slow",
        r#"kind = "latency", threshold = "1s", window = "1min""#,
    );
    let result = both_ways(&queueing(&rule, STEP), 1);
    let text = lines(&result).join("\n");
    assert!(text.contains("on call: brings up more servers"), "{text}");
}

const STEP: &str = r#"
    [[people.runbook]]
    action = { kind = "scale-servers", service = "api", factor = "2x" }
    takes = { kind = "constant", value = "1min" }
    when = ["slow"]
    "#;

#[test]
fn a_node_that_swaps_answers_late_before_it_stalls() {
    // 200 commands a second on the fullest shard: with 4 pages of 1 ms each, a share m of swapped
    // pages makes a command 4 m ms long, and 1.25 times the memory would be needed to stall.
    let changes = [
        ("health_check", "[]"),
        ("failover", r#"{ kind = "none" }"#),
        ("redis.swap_fault", "\"10ms\""),
        ("people.runbook", "[]"),
    ];
    let mut spec = small_world(&changes);
    for workload in &mut spec.workloads {
        workload.commands = "100/s".parse().expect("a rate");
    }
    let result = both_ways(&spec, 3);
    let text = lines(&result).join("\n");
    let lates: Vec<SimDuration> = result
        .trace
        .iter()
        .filter_map(|(_, line)| {
            let late = line.strip_prefix("shared shard 1 node a: swaps, answers ")?;
            late.strip_suffix(" late")?.parse().ok()
        })
        .collect();
    assert!(lates.len() > 2, "{text}");
    assert!(lates.windows(2).all(|pair| pair[0] < pair[1]), "{lates:?}");
    let stalls = lines(&result)
        .iter()
        .position(|line| line.contains("node a: stalled"));
    let late = lines(&result)
        .iter()
        .position(|line| line.contains("node a: swaps"));
    assert!(late.is_some() && late < stalls, "{text}");
    assert!(text.contains("api: answers 4ms late"), "{text}");
}
