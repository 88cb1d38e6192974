//! A service is up, degraded or down by the share of requests that fail, and alerts and people see
//! it.

use crate::support::{ONE_PRESS, errors_alert, service, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};

/// Nobody presses twice. A primary without replicas hangs for two hours; 20 requests a second have
/// a command timeout of 200 ms.
fn full(need: &str, rest: &str) -> TrialResult {
    let api = service(
        "api",
        &format!("{{ workload = \"log\", access = \"write\", {need} }}"),
        "command_timeout = \"200ms\"\ntopology_refresh = \"1s\"",
    );
    let story = format!(
        r#"
        horizon = "8h"
        health_check = []
        fault = [{{ kind = "hang", workload = "log", lasts = "2h",
          at = {{ kind = "constant", value = "1h" }} }}]
        {rest}
        [redis]
        replicas = 0
        hosts = 3
        [failover]
        node_timeout = "15s"
        require_full_coverage = false
        [signers]
        visits = "20/s"
        {ONE_PRESS}
        [people]
        runbook = []
        notice = {{ kind = "constant", value = "5min" }}
        notice_unalerted = {{ kind = "constant", value = "5min" }}
        {api}
        "#
    );
    trial(&story_world(&story), 3, Mode::Lazy)
}

fn moments(result: &TrialResult, kind: MomentKind) -> usize {
    result.moments.iter().filter(|m| m.kind == kind).count()
}

/// A store with so many workers.
fn store(workers: u32) -> String {
    format!("fallback = {{ workers = {workers}, takes = \"500ms\", queue_limit = 0 }}")
}

#[test]
fn a_store_that_carries_the_load_hides_the_failure() {
    // Ten of thirty workers are busy on average, so that nobody finds all of them busy.
    let carries = full(&store(30), "");
    assert_eq!(moments(&carries, MomentKind::ServiceDegraded), 0);
    assert_eq!(moments(&carries, MomentKind::ServiceDown), 0);
    assert_eq!(moments(&carries, MomentKind::Noticed), 0);
    assert_eq!(carries.outcome.downtime_true_s, 0.0);
}

#[test]
fn a_store_that_is_too_small_fails_requests_and_people_notice() {
    // 20 a second, and it does 16: a fifth fails, and more as they do not come evenly.
    let degraded = full(&store(8), "");
    assert_eq!(moments(&degraded, MomentKind::ServiceDegraded), 1);
    assert_eq!(
        moments(&degraded, MomentKind::ServiceDown),
        0,
        "most succeed"
    );
    assert!(moments(&degraded, MomentKind::Noticed) >= 1);
    let failed = degraded.outcome.failed_attempts as f64;
    assert!(failed > 0.1 * 2.0 * 3600.0 * 20.0, "{failed} attempts");
    assert!(degraded.outcome.downtime_observed_s > 6000.0);
    assert_eq!(
        degraded.outcome.downtime_true_s, 0.0,
        "some request could succeed"
    );
    assert!(degraded.outcome.recover_s.is_some_and(|s| s > 7000.0));
    // An alert on errors sees it: 5 % of five minutes are reached in 75 s, and hold for a minute.
    let alerted = full(&store(8), &errors_alert("30s", "5%", "5min"));
    let mut fires = alerted.moments.iter();
    let fires = fires.find(|m| m.kind == MomentKind::AlertFires);
    let after = fires.expect("it fires").at.as_secs_f64() - 3600.0;
    assert!((135.0..200.0).contains(&after), "{after} s");
    // It does 4 of 20.
    let down = full(&store(2), "");
    assert_eq!(moments(&down, MomentKind::ServiceDown), 1);
}

#[test]
fn one_bad_shard_of_several_degrades() {
    // 40 % of the keys lie in the shard that hangs.
    let shard = full("keys = \"one\"", "");
    assert_eq!(
        moments(&shard, MomentKind::ServiceDegraded),
        1,
        "{:?}",
        shard.moments
    );
    assert_eq!(moments(&shard, MomentKind::ServiceDown), 0);
    assert!(moments(&shard, MomentKind::Noticed) >= 1);
    let all = full("keys = \"all\"", "");
    assert_eq!(moments(&all, MomentKind::ServiceDown), 1);
    assert_eq!(moments(&all, MomentKind::ServiceUp), 1);
}

#[test]
fn a_need_that_can_be_spared_fails_nothing() {
    let spared = full("optional = true", "");
    assert_eq!(moments(&spared, MomentKind::ServiceDown), 0);
    assert_eq!(moments(&spared, MomentKind::ServiceDegraded), 0);
    // Its requests wait 200 ms each, and there are workers for that.
    assert_eq!(spared.outcome.abandoned, 0);
}

#[test]
fn incidents_that_lie_apart_are_told_apart() {
    // A blip of 20 s at one hour, a hang of 40 min a day later, and a page for the second.
    let blips = r#"
        horizon = "3d"
        health_check = []
        fault = [
          { kind = "hang", workload = "log", lasts = "20s",
            at = { kind = "constant", value = "1h" } },
          { kind = "hang", workload = "log", lasts = "40min",
            at = { kind = "constant", value = "30h" } },
          { kind = "hang", workload = "log", lasts = "10min",
            at = { kind = "constant", value = "31h" } },
        ]
        [redis]
        replicas = 0
        hosts = 3
        node_memory = "8GiB"
        [failover]
        node_timeout = "15s"
        [people]
        runbook = []
        notice = { kind = "constant", value = "5min" }
        notice_unalerted = { kind = "constant", value = "5min" }
        "#;
    let outcome = trial(&story_world(blips), 3, Mode::Lazy).outcome;
    let detect = outcome.detect_s.expect("they notice");
    assert!((295.0..310.0).contains(&detect), "{detect} s");
    // 40 min, and 10 min that begin 20 min later: one incident of 70 min.
    let recover = outcome.recover_s.expect("it ends");
    assert!((4190.0..4230.0).contains(&recover), "{recover} s");
}
