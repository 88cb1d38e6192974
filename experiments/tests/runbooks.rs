//! The runbooks that are shipped: each is a fragment that fits the built-in scenario, and what it
//! says is what people do there.

use std::fs;
use std::path::Path;

use experiments::builtin::SCENARIOS;
use experiments::document::{Sources, merge::merge, parse::parse};
use experiments::scenario::{read, world};
use models::moment::MomentKind;
use models::{Mode, RunOptions, WorldSpec, run_trial};
use sim::Streams;

/// The built-in scenario with a runbook's steps in place of its own.
fn with(runbook: &str) -> WorldSpec {
    let mut files = Sources::default();
    let mut base = read(&mut files, "incident-2020", &SCENARIOS, Path::new("")).expect("built in");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let text = fs::read_to_string(path.join(runbook)).expect("a readable file");
    let fragment = parse(&mut files, runbook, &text).expect("it is TOML");
    merge(&mut base.root, &fragment);
    world(&base.root).unwrap_or_else(|problems| panic!("{runbook}: {problems:?}"))
}

/// The actions that people begin in the first outage of this trial, in order.
fn actions(spec: &WorldSpec) -> Vec<String> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    let result = run_trial(spec, &Streams::for_trial(2020, 81), &options).expect("it ends");
    let begins = result.moments.into_iter();
    let begins = begins.filter(|moment| moment.kind == MomentKind::ActionBegins);
    begins.map(|moment| moment.subject).collect()
}

#[test]
fn every_runbook_on_disk_is_followed_in_the_built_in_scenario() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut on_disk: Vec<String> = fs::read_dir(directory)
        .expect("a directory of runbooks")
        .map(|entry| entry.expect("an entry").file_name().into_string().unwrap())
        .collect();
    on_disk.sort();
    assert_eq!(
        on_disk,
        ["fail-over.toml", "resize.toml", "restart-first.toml"]
    );
    for (runbook, steps) in [
        ("resize.toml", 2),
        ("restart-first.toml", 3),
        ("fail-over.toml", 3),
    ] {
        assert_eq!(with(runbook).people.runbook.len(), steps, "{runbook}");
    }
    assert_eq!(actions(&with("resize.toml")), ["resize"]);
    assert_eq!(
        actions(&with("restart-first.toml")),
        ["restart-servers", "restart-nodes", "resize"]
    );
    let by_failover = actions(&with("fail-over.toml"));
    assert_eq!(by_failover.first().unwrap(), "fail-over");
    assert_eq!(by_failover.last().unwrap(), "resize");
}
