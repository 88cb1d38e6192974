//! `outage sweep`: a study is made of a scenario and the values of some keys, kept, and run.

use std::fs;
use std::path::Path;

use crate::support::{directory, outage, stderr, stdout};
use serde_json::Value;

fn sweep(place: &Path, arguments: &[&str]) -> std::process::Output {
    outage(
        place,
        &[&["sweep", "small.toml", "--out", "out"], arguments].concat(),
    )
}

fn read(place: &Path, name: &str) -> Value {
    let text = fs::read_to_string(place.join("out").join(name)).expect("it is written");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn every_combination_of_the_values_is_compared() {
    let place = directory();
    let place = place.path();
    let memory = ["--vary", "redis.node_memory=1GiB..4GiB:log:3"];
    let keys = ["--vary", "workload[0].new_keys=1/s,5/s", "--trials", "3"];
    let output = sweep(place, &[memory.as_slice(), &keys].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary = read(place, "summary.json");
    let designs = summary["summary"]["designs"].as_array().expect("designs");
    let labels: Vec<&str> = designs
        .iter()
        .filter_map(|of| of["label"].as_str())
        .collect();
    // The scenario's own values first.
    assert_eq!(labels.len(), 6, "{labels:?}");
    assert!(labels[0].starts_with("1GiB"), "{labels:?}");
    for label in ["2GiB / 5/s", "4GiB / 1/s"] {
        assert!(labels.contains(&label), "{labels:?}");
    }
    let lost = |label: &str| {
        let found = designs.iter().find(|of| of["label"] == label).expect(label);
        found["lost"]["mean"]["value"].as_f64().expect("a number")
    };
    assert!(lost("4GiB / 1/s") < lost("1GiB / 1/s"), "{labels:?}");
    // Two keys make a map.
    let charts = fs::read_dir(place.join("out/charts")).expect("charts");
    let names = charts.map(|chart| chart.expect("a file").file_name());
    assert!(
        names
            .into_iter()
            .any(|name| name.to_string_lossy().starts_with("heat-"))
    );
    // The study is a file to go on from, and says the same.
    let again = ["compare", "out.toml", "--out", "again"];
    assert_eq!(outage(place, &again).status.code(), Some(0));
    let rows =
        |directory: &str| fs::read(place.join(directory).join("outcomes.csv")).expect("rows");
    assert_eq!(rows("out"), rows("again"));
}

#[test]
fn the_cheapest_value_that_keeps_what_is_asked_is_searched() {
    let place = directory();
    let arguments = ["--vary", "redis.node_memory=1GiB,4GiB", "--trials", "64"];
    let keep = ["--keep", "p_full(1h) <= 30%"];
    let output = sweep(place.path(), &[arguments.as_slice(), &keep].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let plan = read(place.path(), "plan.json");
    assert_eq!(plan["cheapest"], "4GiB");
    assert!(stdout(&output).contains("4GiB"), "{}", stdout(&output));
}

#[test]
fn mistakes_are_told_and_nothing_is_lost() {
    let place = directory();
    let place = place.path();
    let refused = |arguments: &[&str]| {
        let output = sweep(place, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        stderr(&output)
    };
    let caret = refused(&["--vary", "redis.node_memory=1GiB..4MiB"]);
    assert!(
        caret.contains("redis.node_memory=1GiB..4MiB\n") && caret.contains('^'),
        "{caret}"
    );
    let unknown = refused(&["--vary", "redis.node_memry=1GiB,4GiB"]);
    assert!(unknown.contains("node_memory"), "{unknown}");
    let value = refused(&["--vary", "redis.node_memory=1s,4s"]);
    assert!(value.contains("node_memory"), "{value}");
    let table = refused(&["--vary", "redis=1,2"]);
    assert!(table.contains("has no single value"), "{table}");
    let list = refused(&["--vary", "workload[7].new_keys=1/s,2/s"]);
    assert!(list.contains("no such key in this list"), "{list}");
    let first = ["--vary", "workload[0].new_keys=1/s,2/s"];
    let both = [
        first.as_slice(),
        &["--vary", "workload[1].new_keys=1/s,2/s"],
    ]
    .concat();
    assert!(refused(&both).contains("stands in a list of which another key varies"));
    let study = outage(place, &["sweep", "study.toml", "--vary", "horizon=1h,2h"]);
    assert!(stderr(&study).contains("is a study"), "{}", stderr(&study));
    // A file of the user's own stays.
    fs::write(place.join("out.toml"), "mine").expect("a file");
    assert!(refused(&["--vary", "redis.replicas=0..1"]).contains("would be replaced"));
    assert_eq!(
        fs::read_to_string(place.join("out.toml")).expect("it is there"),
        "mine"
    );
}
