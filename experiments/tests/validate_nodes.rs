//! `outage validate` on measurements of what one node does.

use std::fs;
use std::path::Path;

use crate::support::{golden, outage, stderr, stdout};
use experiments::progress::Bar;
use experiments::validate::node::{Deed, lines, simulate};
use experiments::validate::{Order, Verdict, read};
use serde_json::Value;
use sim::SimDuration;

const LAG: &str = "\
run_id,cond,min_replicas_max_lag_s,noreplicas_ms
N1-01,N1,2,2140.5
N1-02,N1,2,2810.0
N1-03,N1,4,4430.2
";

const REMOVAL: &str = "\
cond,removal,content,keys,members,removed_cpu_ms
N3,flushall,strings,1000000,1,900
N3,flushall,hash,1,1000000,400
N3,del,hash,1,1000000,400
N3,unlink,hash,1,1000000,0.1
";

const REBORN: &str = "\
cond,restart_after_ms,replicas,keys,sync_delay_s,down_after_ms,emptied_ms,replica_keys,promoted
N4,0,2,1000,0,5000,700,0,0
N4,0,2,1000,0,5000,900,1000,1
";

fn place(text: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("there is room for a directory");
    fs::write(place.path().join("lab.csv"), text).expect("the directory is ours");
    place
}

fn json(text: &str) -> (Option<i32>, Vec<Value>) {
    let place = place(text);
    let arguments = ["validate", "lab.csv", "--json", "--runs", "100"];
    let output = outage(place.path(), &arguments);
    let lines = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output.status.code(), lines)
}

fn quantities(lines: &[Value]) -> Vec<&str> {
    let names = lines.iter().map(|line| line["quantity"].as_str());
    names.map(|name| name.expect("a text")).collect()
}

#[test]
fn rows_are_grouped_by_what_was_done() {
    let (_, lines) = json(LAG);
    assert_eq!(quantities(&lines), ["noreplicas", "noreplicas"]);
    let settings: Vec<&Value> = lines.iter().map(|line| &line["setting"]).collect();
    assert_eq!(
        settings,
        [
            "N1: the only replica stops, min-replicas-max-lag 2s",
            "N1: the only replica stops, min-replicas-max-lag 4s"
        ]
    );
    assert_eq!((&lines[0]["n"], &lines[1]["n"]), (&2.into(), &1.into()));
    assert_eq!(lines[1]["measured_median_s"], 4.4302, "seconds");
    let simulated = lines[1]["simulated_median_s"].as_f64().expect("a number");
    assert!((3.0..6.0).contains(&simulated), "{simulated} s");
}

#[test]
fn a_script_is_answered_at_its_threshold_and_a_miss_ends_with_code_1() {
    let text =
        |busy_ms: &str| format!("busy_reply_threshold_ms,busy_ms\n500,{busy_ms}\n500,{busy_ms}\n");
    let (code, lines) = json(&text("510"));
    assert_eq!((code, quantities(&lines)), (Some(0), vec!["busy"]));
    assert_eq!(lines[0]["simulated_median_s"], 0.5);
    assert_eq!(json(&text("600")).0, Some(1));
}

#[test]
fn what_the_model_has_no_rule_for_is_shown_and_not_judged() {
    let place = place(REMOVAL);
    let output = outage(place.path(), &["validate", "lab.csv", "--runs", "20"]);
    let told = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let after = |words: &str| {
        let (_, rest) = told.split_once(words).expect(words);
        let line = rest.lines().find(|line| line.starts_with("removed"));
        line.expect("a line of figures").to_owned()
    };
    assert!(after("FLUSHALL SYNC, 1000000 strings").ends_with("holds"));
    let members = after("FLUSHALL SYNC, a hash of 1000000 members");
    assert!(members.contains("known miss: the members"), "{members}");
    for words in ["DEL, a hash of", "UNLINK, a hash of"] {
        let line = after(words);
        assert!(line.contains("the model has no rule for it"), "{line}");
    }
    assert!(told.contains("2 compare nothing"), "{told}");
}

#[test]
fn a_rebirth_has_a_time_and_two_shares() {
    let (code, lines) = json(REBORN);
    let expected = ["emptied", "kept_share", "failover_share"];
    assert_eq!((code, quantities(&lines)), (Some(1), expected.to_vec()));
    for share in &lines[1..] {
        assert_eq!(share["measured_median_s"], 0.5, "{share}");
        assert_eq!(share["simulated_median_s"], 0.0, "{share}");
    }
}

/// What misses is told in `models/lab/README.md`; a change of the model that moves a verdict must
/// tell it there, too.
#[test]
fn the_built_in_measurements_hold_but_for_what_is_known() {
    let groups = read::measurements(&[]).expect("they are read").nodes;
    assert_eq!(groups.len(), 5 + 5 + 12 + 4 + 2 + 4);
    let rows: usize = groups.iter().map(|group| group.runs).sum();
    assert_eq!(rows, 100 + 60 + 120 + 80 + 50 + 40);
    let order = Order { runs: 500, seed: 1 };
    let lines = lines(&groups, order, &mut Bar::new("runs", 1)).expect("they are simulated");
    assert_eq!(lines.len(), 5 + 5 + 12 + 3 * (4 + 2) + 4);
    let missed = lines
        .iter()
        .filter(|line| matches!(line.verdict(), Verdict::Misses(_)));
    let missed: Vec<&str> = missed.map(|line| line.setting.as_str()).collect();
    let reborn = |after: &str, delay: &str| {
        format!(
            "N4: a primary is back empty after {after}, 2 replicas, 20000 keys, sync delay \
             {delay}, down-after 5s"
        )
    };
    let silent = |lag: &str| format!("N1: the only replica stops, min-replicas-max-lag {lag}");
    let expected = [
        silent("1s"),
        silent("2s"),
        "N2: a script spins, busy-reply-threshold 100ms".to_owned(),
        "N3: FLUSHALL SYNC, 300000 strings".to_owned(),
        reborn("0s", "0s"),
        reborn("1s", "0s"),
        reborn("0s", "5s"),
        reborn("1s", "5s"),
    ];
    assert_eq!(missed, expected);
    let count = |verdict: fn(&Verdict) -> bool| {
        lines.iter().filter(|line| verdict(&line.verdict())).count()
    };
    assert_eq!(count(|verdict| matches!(verdict, Verdict::Known(_))), 1);
    // Deletions of one key, and evictions.
    assert_eq!(
        count(|verdict| matches!(verdict, Verdict::Undefined(_))),
        7 + 4
    );
}

/// A primary refuses writes from `max-lag` minus one to `max-lag` plus two seconds after its
/// replica has stopped: both clocks are cut to whole seconds.
#[test]
fn whole_seconds_decide_when_a_primary_refuses_writes() {
    for seconds in [1.0, 10.0] {
        let deed = Deed::Silence {
            max_lag: SimDuration::from_secs_f64(seconds),
        };
        let runs = simulate(&deed, Order { runs: 500, seed: 3 }).expect("it is simulated");
        let least = runs.seconds.iter().copied().fold(f64::MAX, f64::min);
        let most = runs.seconds.iter().copied().fold(0.0, f64::max);
        assert!(least > seconds - 1.0 && least < seconds - 0.5, "{least}");
        assert!(most < seconds + 2.01 && most > seconds + 1.5, "{most}");
    }
}

#[test]
fn every_mistake_of_a_file_about_nodes_is_reported_with_its_remedy() {
    let mistakes = [
        ("no time", LAG.replace("noreplicas_ms", "norepl_ms")),
        ("no setting", LAG.replace("N1-02,N1,2,", "N1-02,N1,,")),
        ("a lag beyond the run", LAG.replace("N1,4,", "N1,400,")),
        ("a time that is none", LAG.replace("2810.0", "2.8s")),
        ("an unknown command", REMOVAL.replace("unlink", "unlnik")),
        ("half a key", REMOVAL.replace("hash,1,", "hash,0.5,")),
        ("more than there was", REBORN.replace(",1000,1", ",1001,1")),
        ("a failover too many", REBORN.replace(",1000,1", ",1000,2")),
    ];
    let mut told = String::new();
    for (what, text) in mistakes {
        let place = place(&text);
        let output = outage(place.path(), &["validate", "lab.csv"]);
        assert_eq!(output.status.code(), Some(2), "{what}: {}", stdout(&output));
        told.push_str(&format!("## {what}\n{}\n", stderr(&output)));
    }
    golden(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed-nodes.txt"),
        &told,
    );
}
