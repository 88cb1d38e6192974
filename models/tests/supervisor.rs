//! Supervisors: probes that kill processes, waits between restarts, and crash loops.

use crate::support::{ONE_NODE, both_ways, layered_world, lines, said};
use models::TrialResult;

const CRASH: &str = "kind = 'crash'";

/// One node with 900 MiB, which take some 4 s to load, and this supervisor.
fn told(fault: &str, supervisor: &str) -> TrialResult {
    let world = format!(
        r#"
        horizon = "1h"
        fault = [{{ {fault}, workload = "log", at = {{ kind = "constant", value = "10min" }} }}]
        signers.visits = "5/s"
        people = {{ runbook = [] }}
        redis.restart_delay = "2s"
        redis.persistence.schedule = {{ kind = "append-only", rewrite_growth = "0.01x" }}
        redis.supervisor = {{ {supervisor} }}
        "#
    );
    both_ways(&layered_world(&[ONE_NODE, &world]), 1)
}

const LIVENESS: &str = "liveness = { initial_delay = '1s', every = '1s', timeout = '1s', fails = 3";

#[test]
fn a_probe_that_is_shorter_than_a_load_never_lets_it_end() {
    // bitnami 2034, jfrog 1655.
    let looped = told(CRASH, &format!("{LIVENESS} }}"));
    let kills = said(&looped, "fails its liveness probe 3 times").len();
    assert!(kills > 300, "{kills}");
    let down = looped.outcome.downtime_true_s;
    assert!((down - 3_000.0).abs() < 1.0, "{down} s of 50 min");
    // It takes -LOADING for an answer, or is not asked before the startup probe has passed.
    let startup = LIVENESS
        .replace("liveness", "startup")
        .replace("fails = 3", "fails = 30");
    for spared in [
        format!("{LIVENESS}, passes_loading = true }}"),
        format!("{LIVENESS} }}, {startup} }}"),
    ] {
        let spared = told(CRASH, &spared);
        assert!(said(&spared, "probe").is_empty(), "{:?}", lines(&spared));
        assert!(spared.outcome.downtime_true_s < 15.0);
    }
}

#[test]
fn restarts_that_follow_one_another_wait_longer_each_time() {
    let back_off = "back_off = { first = '10s', most = '5min', reset_after = '10min' }";
    let looped = told(CRASH, &format!("{LIVENESS} }}, {back_off}"));
    let killed = said(&looped, "node a: killed");
    let starts = said(&looped, "node a: loading");
    let waits: Vec<f64> = killed
        .iter()
        .zip(&starts)
        .map(|(from, to)| (to - from).round())
        .collect();
    let expected = [2.0, 12.0, 22.0, 42.0, 82.0, 162.0, 302.0, 302.0];
    assert_eq!(waits[..8], expected, "{waits:?}");
}

#[test]
fn a_process_that_hangs_is_killed_after_its_grace() {
    let liveness = "liveness = { initial_delay = '0s', every = '10s', timeout = '1s', fails = 3 }";
    let hangs = "kind = 'hang', lasts = '30min'";
    let killed = told(hangs, liveness);
    let [hung, told_to, dead, back] =
        ["hung", "is told to stop", "killed", "node a: runs"].map(|words| said(&killed, words)[0]);
    assert!(
        (21.0..31.5).contains(&(told_to - hung)),
        "{}",
        told_to - hung
    );
    assert_eq!((dead - told_to).round(), 30.0);
    assert!((5.0..12.0).contains(&(back - dead)), "{}", back - dead);
    // A pause that ends within the timeout passes, and two failures are too few.
    for short in [
        "kind = 'hang', lasts = '900ms'",
        "kind = 'hang', lasts = '15s'",
    ] {
        let short = told(short, liveness);
        assert!(said(&short, "probe").is_empty(), "{:?}", lines(&short));
    }
}

#[test]
fn check_notes_a_probe_that_is_shorter_than_the_longest_load() {
    // 900 MiB load in some 4 s. A file that has doubled holds nearly as many writes again.
    let doubts = |growth: &str, fails: u32| {
        let world = format!(
            r#"
            horizon = "6h"
            fault = []
            people = {{ runbook = [] }}
            redis.persistence.schedule = {{ kind = "append-only", rewrite_growth = "{growth}" }}
            redis.supervisor = {{ liveness = {{ initial_delay = "1s", every = "1s",
              timeout = "1s", fails = {fails} }} }}
            "#
        );
        layered_world(&[ONE_NODE, &world]).doubts().join("\n")
    };
    let later = "about to be rewritten; redis.supervisor.liveness kills it after";
    let grown = doubts("1x", 7);
    assert!(grown.contains(later), "{grown}");
    assert!(!doubts("1x", 60).contains("redis.supervisor.liveness"));
    assert!(!doubts("0.01x", 7).contains("redis.supervisor.liveness"));
    let short = doubts("1x", 2);
    assert!(
        short.contains("killed again and again") && !short.contains(later),
        "{short}"
    );
}
