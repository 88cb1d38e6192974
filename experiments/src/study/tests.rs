//! Plans of small studies, and what is said about wrong ones.

use super::*;
use crate::document::parse::parse;

const STUDY: &str = r#"
title = "two by three"
scenario = "base.toml"
trials = 4
seed = 1
[baseline]
check = "ping"
layout = "own"
[[factor]]
name = "check"
[[factor.level]]
name = "none"
unset = ["health_check"]
[[factor.level]]
name = "ping"
[[factor]]
name = "layout"
[[factor.level]]
name = "shared"
set = { layout = { kind = "shared" } }
[[factor.level]]
name = "own"
[[point]]
name = "odd one"
levels = { check = "none", layout = "shared" }
set = { layout = { kind = "cells", cells = 4 } }
"#;

const BASE: &str =
    "horizon = \"1d\"\n[layout]\nkind = \"own\"\nbudget = 1\n[[health_check]]\na = 1\n";

fn planned(study: &str) -> Result<Plan, String> {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("base.toml"), BASE).unwrap();
    let mut sources = Sources::default();
    let root = parse(&mut sources, "study.toml", study).unwrap();
    let found = Found {
        name: "small".into(),
        directory: place.path().into(),
        root,
    };
    plan(&mut sources, &found).map_err(|error| error.to_string())
}

#[test]
fn the_baseline_comes_first_and_single_points_last() {
    let plan = planned(STUDY).unwrap();
    let labels: Vec<&str> = plan
        .points
        .iter()
        .map(|point| point.label.as_str())
        .collect();
    let expected = [
        "ping / own",
        "none / shared",
        "none / own",
        "ping / shared",
        "odd one",
    ];
    assert_eq!(labels, expected);
    assert_eq!(plan.points[0].levels, [1, 1]);
    assert!(plan.points[4].single);
}

#[test]
fn fragments_are_merged_point_by_point() {
    let plan = planned(STUDY).unwrap();
    let layout = |point: usize| {
        plan.points[point]
            .tree
            .get("layout")
            .unwrap()
            .to_toml()
            .to_string()
    };
    assert_eq!(layout(0), "{ budget = 1, kind = \"own\" }");
    assert_eq!(layout(1), "{ kind = \"shared\" }");
    assert_eq!(layout(4), "{ cells = 4, kind = \"cells\" }");
    let has_check = |point: usize| plan.points[point].tree.entry("health_check").is_some();
    assert_eq!([0, 1, 2, 3].map(has_check), [true, false, false, true]);
}

#[test]
fn the_hash_follows_values_and_not_comments() {
    let hash = |study: &str| planned(study).unwrap().hash;
    assert_eq!(hash(STUDY), hash(&format!("# a remark\n{STUDY}")));
    assert_ne!(hash(STUDY), hash(&STUDY.replace("cells = 4", "cells = 5")));
}

#[test]
fn wrong_names_are_told_with_their_place_and_the_nearest() {
    let cases = [
        (
            "layout = \"own\"\n[[",
            "layout = \"owm\"\n[[",
            "study.toml:8:10",
            "did you mean `own`",
        ),
        (
            "layout = \"own\"\n[[",
            "[[",
            "study.toml:6:2",
            "add `layout = …`",
        ),
        (
            "[\"health_check\"]",
            "[\"health_chek\"]",
            "study.toml:13:10",
            "mean `health_check`",
        ),
        (
            "name = \"check\"",
            "name = \"lost\"",
            "study.toml:10:8",
            "choose another name",
        ),
        (
            "name = \"shared\"",
            "name = \"own\"",
            "study.toml:22:8",
            "a name of its own",
        ),
        (
            "trials = 4",
            "trials = 1",
            "study.toml:4:10",
            "write at least 2",
        ),
        (
            "trials = 4",
            "trails = 4",
            "study.toml:4:1",
            "did you mean `trials`?",
        ),
        (
            "base.toml",
            "bsae.toml",
            "study.toml:3:12",
            "relative to this file",
        ),
    ];
    for (from, to, place, help) in cases {
        let told = planned(&STUDY.replacen(from, to, 1)).unwrap_err();
        assert!(
            told.contains(place) && told.contains(help),
            "{place}, {help}:\n{told}"
        );
    }
}

#[test]
fn an_objective_needs_a_known_measure_and_its_unit() {
    let objective = |measure: &str, at_most: &str| {
        let text = format!("measure = \"{measure}\"\nstatistic = \"p95\"\nat_most = {at_most}\n");
        planned(&format!("{STUDY}[[objective]]\n{text}"))
    };
    assert!(objective("downtime_true_s", "\"10min\"").is_ok());
    assert!(objective("lost", "100").is_ok());
    assert!(
        objective("lots", "100")
            .unwrap_err()
            .contains("did you mean `lost`")
    );
    assert!(
        objective("downtime_true_s", "600")
            .unwrap_err()
            .contains("has no unit")
    );
}
