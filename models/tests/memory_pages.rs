//! A responder paged for memory acts on it, and an alert that keeps firing pages again.
//!
//! Memory grows to about 85 % of `maxmemory` within hours, and stays there; without a page, people
//! act from 90 %.

use crate::support::{story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};

fn told(alert: &str, runbook: &str) -> TrialResult {
    let story = format!(
        r#"
        horizon = "6h"
        health_check = []
        fault = [{{ kind = "growth-burst", starts = {{ kind = "constant", value = "10min" }},
          reference = "3GiB", fills_in = {{ kind = "constant", value = "11h" }}, ends_at = "0.55x",
          value_size = "10KiB", workloads = [{{ workload = "log", weight = "1x" }}] }}]
        failover = {{ kind = "none" }}
        [redis]
        shards = 1
        hosts = 3
        fullest_shard = "100%"
        node_memory = "4GiB"
        maxmemory = "75%"
        [[alert]]
        name = "memory"
        scrape = "1min"
        hold = "5min"
        missed = "0%"
        names_cause = true
        {alert}
        [people]
        memory_high = "90%"
        runbook = [{runbook}]
        acknowledge = {{ kind = "constant", value = "5min" }}
        diagnose_named = {{ kind = "constant", value = "5min" }}
        "#
    );
    trial(&story_world(&story), 3, Mode::Lazy)
}

const AT_TWO_THIRDS: &str = r#"metric = { kind = "memory", threshold = "65%" }"#;

const RESIZE: &str = r#"{ action = { kind = "resize", factor = "2x", from = "50%" },
    when = ["memory-high"], takes = { kind = "constant", value = "20min" } }"#;

fn count(result: &TrialResult, kind: MomentKind) -> usize {
    result.moments.iter().filter(|m| m.kind == kind).count()
}

#[test]
fn who_is_paged_below_their_own_limit_acts_all_the_same() {
    let result = told(AT_TWO_THIRDS, RESIZE);
    assert_eq!(count(&result, MomentKind::AlertFires), 1);
    assert_eq!(
        count(&result, MomentKind::ActionDone),
        1,
        "{:?}",
        result.trace
    );
    let down = result.outcome.downtime_true_s;
    assert!(down < 5.0, "the cut-over alone: {down} s");
    // Without a page nobody acts below 90 %, which is not reached.
    let metric = AT_TWO_THIRDS.replace("65%", "99%");
    let unpaged = told(&metric, RESIZE);
    assert_eq!(count(&unpaged, MomentKind::AlertFires), 0);
    assert_eq!(
        count(&unpaged, MomentKind::ActionDone),
        0,
        "{:?}",
        unpaged.trace
    );
}

#[test]
fn who_can_do_nothing_about_memory_goes_and_is_paged_again() {
    let repeats = |repeat: &str| told(&format!("{AT_TWO_THIRDS}\n{repeat}"), "");
    let (fires, paged) = (MomentKind::AlertFires, MomentKind::Paged);
    let hourly = repeats("repeat = \"1h\"");
    assert_eq!(count(&hourly, fires), 1, "it fires once, throughout");
    let first = hourly.moments.iter().find(|m| m.kind == fires);
    let left = 6.0 - first.expect("it does").at.as_secs_f64() / 3600.0;
    assert!(left > 2.0);
    assert_eq!(count(&hourly, paged), 1 + left as usize);
    assert_eq!(count(&hourly, MomentKind::StoodDown), 1 + left as usize);
    // Alertmanager's default: 4 h.
    assert_eq!(count(&repeats(""), paged), 1 + (left / 4.0) as usize);
}

#[test]
fn a_step_for_memory_is_taken_although_nothing_fails_any_more() {
    // A small raise of the limit does not help; larger nodes do.
    let steps = r#"
        { action = { kind = "raise-maxmemory", to = "1.01x" }, when = ["memory-high"],
          takes = { kind = "constant", value = "3min" } },
        { action = { kind = "resize", factor = "2x", from = "50%" }, when = ["memory-high"],
          follows_up = true, takes = { kind = "constant", value = "10min" } }"#;
    let low = told(AT_TWO_THIRDS, steps);
    let done: Vec<&str> = low
        .moments
        .iter()
        .filter(|m| m.kind == MomentKind::ActionDone)
        .map(|m| m.subject.as_str())
        .collect();
    assert_eq!(done, ["raise-maxmemory", "resize"], "{:?}", low.trace);
    let took = |kind: MomentKind| {
        let mut found = low
            .moments
            .iter()
            .filter(|m| m.kind == kind && m.subject == "resize");
        found.next().expect("it is").at
    };
    let lasts = (took(MomentKind::ActionDone) - took(MomentKind::ActionBegins)).as_secs_f64();
    assert!(lasts > 600.0, "{lasts} s: new nodes, and a copy");
}
