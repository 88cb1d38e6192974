//! Trials that fail, on the real binary: everything else is kept, and it is said what is missing.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{CROWD, command, directory, outage, stderr, stdout};
use serde_json::Value;

/// The small study, with trials that panic as `OUTAGE_TEST_PANIC` asks.
fn study(place: &Path, panics: &str) -> Output {
    let arguments = ["compare", "study.toml", "--out", "out"];
    let mut command = command(place, &arguments);
    command.env("OUTAGE_TEST_PANIC", panics);
    command.output().expect("the binary starts")
}

fn read(place: &Path, name: &str) -> String {
    fs::read_to_string(place.join("out").join(name)).expect(name)
}

fn rows_of(place: &Path, design: &str) -> Vec<String> {
    let rows = read(place, "outcomes.csv");
    let begins = format!("{design},");
    let rows = rows.lines().filter(|row| row.starts_with(&begins));
    rows.map(str::to_owned).collect()
}

#[test]
fn one_failed_trial_costs_one_row_and_is_told_with_the_command_that_replays_it() {
    let place = directory();
    let whole = study(place.path(), "");
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let before = read(place.path(), "outcomes.csv");
    let output = study(place.path(), "write-canary / shared:3");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let told = stderr(&output);
    let replay = "outage trace study.toml --trial 3 --seed 7 --point 'write-canary / shared'";
    assert!(
        told.contains("trial 3 of `write-canary / shared` failed"),
        "{told}"
    );
    assert!(
        told.contains("OUTAGE_TEST_PANIC asks for this panic"),
        "{told}"
    );
    assert!(told.contains(replay), "{told}");
    assert!(
        !told.contains("RUST_BACKTRACE"),
        "a panic is told once: {told}"
    );

    let missing = "write-canary / shared,3,";
    let others = before.lines().filter(|row| !row.starts_with(missing));
    let others: Vec<&str> = others.collect();
    assert_eq!(
        read(place.path(), "outcomes.csv")
            .lines()
            .collect::<Vec<_>>(),
        others
    );
    assert_eq!(before.lines().count(), others.len() + 1);

    let text = stdout(&output);
    assert!(text.contains("INCOMPLETE: 3 of 4 trials"), "{text}");
    assert!(text.contains("ranked nowhere: write-canary / shared (1 of 4 trials)"));
    assert!(
        text.contains("it loses the fewest requests of the 6 designs"),
        "{text}"
    );
    let page = read(place.path(), "report.html");
    assert!(page.contains("Which trials failed?") && page.contains("INCOMPLETE"));
    assert!(read(place.path(), "charts/lost.svg").contains("1 design is incomplete"));
}

#[test]
fn an_incomplete_design_is_compared_over_the_trials_that_both_have_and_ranked_nowhere() {
    let place = directory();
    study(place.path(), "larger nodes:1");
    let manifest: Value = serde_json::from_str(&read(place.path(), "manifest.json")).unwrap();
    assert_eq!(manifest["failed"][0]["point"], "larger nodes");
    assert_eq!(manifest["points"][6]["trials"], 3);
    assert_eq!(manifest["trials"], 4);
    let json: Value = serde_json::from_str(&read(place.path(), "summary.json")).unwrap();
    let design = &json["summary"]["designs"][6];
    assert_eq!(design["incomplete"], true);
    assert_eq!(design["lost"]["mean"]["n"], 3);
    assert_eq!(design["against_baseline"]["difference"]["n"], 3);
    assert_eq!(design["probability_best"], Value::Null);
    assert_ne!(
        json["summary"]["best"], 6,
        "without its failure it is the best"
    );
    let others = json["summary"]["designs"][1]["against_baseline"]["difference"]["n"].clone();
    assert_eq!(others, 4);
    let csv = read(place.path(), "summary.csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let header = rows.headers().unwrap().clone();
    let row = rows.records().last().unwrap().unwrap();
    let of = |name: &str| &row[header.iter().position(|found| found == name).expect(name)];
    assert_eq!(
        [of("point"), of("trials"), of("trials_missing")],
        ["larger nodes", "3", "1"]
    );
    assert_eq!([of("pairs"), of("probability_best")], ["3", ""]);
}

#[test]
fn without_a_complete_baseline_nothing_is_ranked_and_everything_is_kept() {
    let place = directory();
    let output = study(place.path(), "ping / shared:2");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("Nothing is ranked: 1 of 4 trials of the baseline"),
        "{text}"
    );
    assert!(
        text.contains(", n = 3"),
        "differences say how many pairs they have: {text}"
    );
    assert!(!text.contains("probability"), "{text}");
    assert_eq!(rows_of(place.path(), "ping / shared").len(), 3);
    assert_eq!(rows_of(place.path(), "larger nodes").len(), 4);
    let json: Value = serde_json::from_str(&read(place.path(), "summary.json")).unwrap();
    assert_eq!(json["summary"]["standing"], "baseline-incomplete");
    assert_eq!(json["summary"]["best"], Value::Null);
}

#[test]
fn a_design_without_a_single_trial_is_nowhere_a_zero() {
    for design in ["ping / shared", "nobody / shared"] {
        let place = directory();
        let output = study(place.path(), &format!("{design}:*"));
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        let text = stdout(&output);
        let begins = format!("{design} ");
        let row = text.lines().find(|line| line.starts_with(&begins)).unwrap();
        let expected = ["–", "–", "–", "INCOMPLETE:", "0", "of", "4", "trials"];
        let found: Vec<&str> = row[begins.len()..].split_whitespace().collect();
        assert_eq!(found[..8], expected, "{row}");
        assert_eq!(found[8..], ["–"; 5], "{row}");
        assert!(rows_of(place.path(), design).is_empty());
        assert!(read(place.path(), "report.html").contains("Which trials failed?"));
    }
}

/// The small study with one more design, which more people visit than it can serve.
fn with_crowd() -> tempfile::TempDir {
    let place = directory();
    let study = place.path().join("study.toml");
    let text = fs::read_to_string(&study).unwrap();
    fs::write(&study, text.replace("[[objective]]", CROWD)).unwrap();
    place
}

#[test]
fn a_trial_that_reaches_a_limit_costs_its_row_and_says_which_limit_and_how_to_see_it() {
    for (option, limit) in [("--trial-events", "300000"), ("--trial-memory", "256KiB")] {
        let place = with_crowd();
        let arguments = ["compare", "study.toml", "--out", "out", option, limit];
        let output = outage(place.path(), &arguments);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("trial 1 of `crowd` failed: it reached the limit of "));
        assert!(told.contains(&format!("({option} sets it)")), "{told}");
        assert!(rows_of(place.path(), "crowd").is_empty());
        assert_eq!(rows_of(place.path(), "larger nodes").len(), 4);
        let replay = told
            .lines()
            .find_map(|line| line.split_once("see it happen: "));
        let (_, replay) = replay.expect("every failure has its command");
        let words = shell_words::split(replay).unwrap();
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let again = outage(place.path(), &words);
        assert_eq!(again.status.code(), Some(3), "{}", stderr(&again));
        assert!(stderr(&again).contains(&format!("({option} sets it)")));
    }
}

#[test]
fn a_trial_may_take_only_so_long() {
    let place = directory();
    let arguments = [
        "compare",
        "study.toml",
        "--out",
        "out",
        "--trial-time",
        "1ns",
    ];
    let output = outage(place.path(), &arguments);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("the limit of 1ns of running time"), "{told}");
    assert!(told.contains("(--trial-time sets it)"), "{told}");
}

#[test]
fn a_client_whose_trial_fails_is_missing_from_the_table_and_no_other_is() {
    let place = directory();
    let whole = outage(place.path(), &["clients", "--trials", "1", "--json"]);
    let arguments = [
        "clients",
        "--trials",
        "1",
        "--json",
        "--trial-events",
        "20000",
    ];
    let output = outage(place.path(), &arguments);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let rows = |output: &Output| -> Vec<Value> { serde_json::from_str(&stdout(output)).unwrap() };
    let (all, kept) = (rows(&whole), rows(&output));
    let failed = stderr(&output).matches("(--trial-events sets it)").count();
    assert!(!kept.is_empty() && failed > 0);
    assert_eq!(kept.len() + failed, all.len());
    assert!(
        kept.iter().all(|row| all.contains(row)),
        "as without a limit"
    );
}
