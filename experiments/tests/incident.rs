//! The built-in incident: what was reported must come out of the model, and its story is kept.
//!
//! `UPDATE_GOLDEN=1 cargo test -p experiments --test all incident` rewrites the kept trace.

use std::path::Path;

use crate::support::{directory, golden, outage, stderr, stdout};
use models::{Mode, RunOptions, TrialResult, WorldSpec, run_trial};
use sim::Streams;

/// What the vendor had on that day.
fn baseline() -> WorldSpec {
    let text = include_str!("../scenarios/incident-2020.toml");
    let spec: WorldSpec = toml::from_str(text).expect("the built-in scenario parses");
    assert_eq!(spec.problems(), []);
    spec
}

fn trials(spec: &WorldSpec, count: u64, story: bool) -> Vec<TrialResult> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story,
        watched: None,
    };
    let one = |trial| run_trial(spec, &Streams::for_trial(2020, trial), &options);
    (0..count)
        .map(|trial| one(trial).expect("the trial ends"))
        .collect()
}

#[test]
fn the_trace_of_a_baseline_trial_tells_the_story() {
    let place = directory();
    let output = outage(place.path(), &["trace", "incident-2020", "--trial", "81"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let kept =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/incident-2020-trial-81.txt");
    golden(&kept, &stdout(&output));
}

#[test]
fn a_trace_does_not_say_the_same_again_and_again() {
    let place = directory();
    let point = "write-canary / shared / none";
    let arguments = ["trace", "incident-2020", "--trial", "17", "--point", point];
    let told = stdout(&outage(place.path(), &arguments));
    let all = told.lines().count();
    let held = told.lines().filter(|line| line.contains("no failover"));
    let held = held.count();
    assert!(held > 0 && held * 4 < all, "{held} of {all} lines");
}

#[test]
fn every_newly_promoted_primary_meets_the_same_limit() {
    let mut outages = 0;
    for result in trials(&baseline(), 200, false) {
        let outcome = &result.outcome;
        if outcome.downtime_true_s > 0.0 {
            assert!(outcome.useless_failovers >= 2, "{outcome:?}");
            outages += 1;
        }
        assert_eq!(outcome.acked_lost, 0, "no stored data was lost");
    }
    assert!(outages > 150, "{outages} of 200 trials have an outage");
}

#[test]
fn the_cluster_answers_while_no_primary_takes_writes() {
    for result in trials(&baseline(), 20, true) {
        let of = |label: &str| {
            let row = result.timeline.rows.iter().find(|row| row.label == label);
            row.unwrap_or_else(|| panic!("{label} has a row"))
        };
        let hangs = of("shared cluster").spans.iter();
        assert!(hangs.clone().any(|span| span.state == "writes hang"));
        let check = &of("ping check").spans;
        assert_eq!(check.len(), 1, "the vendor's check sees nothing: {check:?}");
    }
}

#[test]
fn the_median_outage_is_as_reported_with_nobody_pinned() {
    let mut outages: Vec<f64> = trials(&baseline(), 600, false)
        .iter()
        .filter_map(|result| result.outcome.recover_s)
        .map(|seconds| seconds / 60.0)
        .collect();
    outages.sort_by(f64::total_cmp);
    let median = outages[outages.len() / 2];
    assert!((85.0..=115.0).contains(&median), "median {median:.1} min");
}
