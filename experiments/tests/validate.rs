//! `outage validate`: the real binary, and what the model is held to.

use std::fs;
use std::path::Path;

use crate::support::{golden, outage, stderr, stdout};
use experiments::progress::Bar;
use experiments::stats::binomial::binomial_p;
use experiments::stats::kolmogorov::two_sample;
use experiments::stats::{LEVEL, quantile};
use experiments::validate::read::Group;
use experiments::validate::{Line, Order, Quantity, Verdict, clients, judge, read};
use failover::lab::{
    ClusterSetting, Fault, MEASURED, Milestones, ProbeSpec, SentinelSteps, Setting, run,
};
use serde_json::Value;
use sim::{SimDuration, Streams};

/// Two settings, three rows each; one row of the second did not fail over.
const SMALL: &str = "\
run_id,cond,node_timeout_ms,fault,hang_s,masters,fail_detect_ms,promote_ms,unavail_ms
A-1,A,1000,crash,,3,1450.1,2260.5,2290.0
A-2,A,1000,crash,,3,1380.0,2100.0,2130.4
A-3,A,1000,crash,,3,1560.9,2700.0,2740.0
B-1,B,2000,hang,3,3,2885.8,3712.8,2997.0
B-2,B,2000,hang,3,3,,,2999.5
B-3,B,2000,hang,3,3,2619.8,3327.8,2996.1
";

fn place(text: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("there is room for a directory");
    fs::write(place.path().join("lab.csv"), text).expect("the directory is ours");
    place
}

fn json(directory: &Path, extra: &[&str]) -> (Option<i32>, Vec<Value>) {
    let arguments = [&["validate", "lab.csv", "--json", "--runs", "300"], extra].concat();
    let output = outage(directory, &arguments);
    let lines = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output.status.code(), lines)
}

#[test]
fn json_is_an_array_of_the_pinned_records() {
    let place = place(SMALL);
    let (code, lines) = json(place.path(), &[]);
    assert!(code == Some(0) || code == Some(1), "{code:?}");
    let quantities: Vec<&str> = lines
        .iter()
        .map(|l| l["quantity"].as_str().unwrap())
        .collect();
    let expected = [
        "detect",
        "promote",
        "unavailable",
        "detect",
        "promote",
        "unavailable",
        "failover_share",
    ];
    assert_eq!(quantities, expected);
    let keys: Vec<&str> = lines[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let pinned = "setting,quantity,n,measured_median_s,simulated_median_s,median_rel,\
                  measured_p95_s,simulated_p95_s,p95_rel,ks,p";
    assert_eq!(keys.join(","), pinned);
    assert_eq!(lines[0]["n"], 3);
    assert_eq!(lines[0]["measured_median_s"], 1.4501, "seconds");
    let simulated = lines[0]["simulated_median_s"].as_f64().unwrap();
    assert!((1.3..1.7).contains(&simulated), "{simulated} s");
    let relative = lines[0]["median_rel"].as_f64().unwrap();
    assert!((relative - (simulated / 1.4501 - 1.0)).abs() < 1e-9);
    assert_eq!(lines[3]["n"], 2, "of three rows, one was not detected");
    let share = &lines[6];
    assert_eq!((&share["n"], &share["ks"]), (&Value::from(3), &Value::Null));
    assert!((share["measured_median_s"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(share["measured_p95_s"], Value::Null);
}

#[test]
fn what_never_happened_is_null_and_not_nothing() {
    let text = "cond,node_timeout_ms,require_full_coverage,fail_detect_ms,promote_ms,unavail_ms\n\
                C6,2000,no,2732.8,,\nC6,2000,no,2221.3,,\n";
    let place = place(text);
    let (_, lines) = json(place.path(), &[]);
    for line in &lines[1..] {
        assert_eq!(line["n"], 0, "{line}");
        for key in [
            "measured_median_s",
            "simulated_median_s",
            "median_rel",
            "ks",
            "p",
        ] {
            assert_eq!(line[key], Value::Null, "{line}");
        }
    }
    let output = outage(place.path(), &["validate", "lab.csv", "--runs", "50"]);
    assert!(
        stdout(&output).contains("never, in both"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("full coverage no"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn rows_are_grouped_by_setting_and_missing_columns_have_the_standard_values() {
    let place = place(SMALL);
    let words = |text: &str, name: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        let groups = read::groups(&[path.display().to_string()]).unwrap();
        let words = groups.into_iter().map(|group| (group.words, group.runs));
        words.collect::<Vec<_>>()
    };
    let bare = words("node_timeout_ms,promote_ms\n500,1\n500,2\n", "my-lab.csv");
    let expected = "my-lab: crash, node timeout 500ms, 3 masters with 1 replica each".to_owned();
    assert_eq!(bare, [(expected, 2)]);
    let sentinel = "cond,down_after_ms,fault,sentinels,dead_sentinels,quorum,unavail_ms\n\
                    S1,1000,crash,3,0,2,1\nS1,1000,crash,5,1,3,1\nS1,1000,hang,5,1,3,1\n\
                    S1,1000,crash,5,1,3,1\n";
    let found = words(sentinel, "s.csv");
    let expected = [
        (
            "S1: crash, down-after 1s, 2 replicas, 3 sentinels, quorum 2",
            1,
        ),
        (
            "S1: crash, down-after 1s, 2 replicas, 5 sentinels, quorum 3, 1 of them dead",
            2,
        ),
        (
            "S1: hang, down-after 1s, 2 replicas, 5 sentinels, quorum 3, 1 of them dead",
            1,
        ),
    ];
    assert_eq!(
        found,
        expected.map(|(words, rows)| (words.to_owned(), rows))
    );
}

#[test]
fn the_built_in_measurements_are_all_there() {
    let groups = read::groups(&[]).unwrap();
    let rows: usize = groups.iter().map(|group| group.runs).sum();
    let held_out = 24 + 20 + 24 + 20 + 20 + 20;
    assert_eq!(
        rows,
        80 + 40 + 30 + 10 + 84 + 16 + 8 + 60 + 30 + 60 + held_out
    );
    assert_eq!(groups.len(), 26);
    let help = outage(Path::new("."), &["validate", "--help"]);
    assert!(stdout(&help).contains("Built in are 26 settings"));
}

#[test]
fn the_bytes_depend_on_seed_and_runs_and_on_nothing_else() {
    let place = place(SMALL);
    let one = json(place.path(), &["--threads", "1"]);
    assert_eq!(one, json(place.path(), &["--threads", "2"]));
    assert_eq!(
        one,
        json(place.path(), &["--seed", "1"]),
        "1 is the default"
    );
    assert_ne!(one, json(place.path(), &["--seed", "2"]));
}

#[test]
fn a_missed_bound_is_told_and_ends_with_code_1() {
    let place = place(SMALL);
    let held = outage(place.path(), &["validate", "lab.csv", "--runs", "300"]);
    let slow = SMALL
        .replace(",2260.5,", ",4260.5,")
        .replace(",2100.0,", ",4100.0,");
    fs::write(place.path().join("lab.csv"), slow).unwrap();
    let missed = outage(place.path(), &["validate", "lab.csv", "--runs", "300"]);
    assert_eq!(missed.status.code(), Some(1), "{}", stdout(&missed));
    let line = |output| {
        let text = stdout(output);
        let found = text.lines().find(|line: &&str| line.starts_with("promote"));
        found.expect("a line").to_owned()
    };
    assert!(
        line(&missed).contains("misses: median"),
        "{}",
        line(&missed)
    );
    assert!(line(&held).ends_with("holds"), "{}", line(&held));
}

#[test]
fn every_mistake_of_a_file_is_reported_with_line_column_and_remedy() {
    let place = place("");
    let mut told = String::new();
    let mistakes = [
        ("nothing in it", String::new()),
        ("no rows", SMALL.lines().next().unwrap().to_owned() + "\n"),
        (
            "a number that is none",
            SMALL.replace("A-2,A,1000", "A-2,A,1s"),
        ),
        ("a time that is none", SMALL.replace("2130.4", "2,130.4")),
        (
            "a quoted word for a time",
            SMALL.replace("2130.4", "\"n/a\""),
        ),
        (
            "a fault that nobody knows",
            SMALL.replace("B-2,B,2000,hang", "B-2,B,2000,freeze"),
        ),
        (
            "a crash that ends",
            SMALL.replace("2000,hang,3,3,,", "2000,crash,3,3,,"),
        ),
        (
            "nothing to compare",
            SMALL.replace("_ms\n", "\n").replace("_ms,", ","),
        ),
        (
            "a column misspelt",
            SMALL.replace("fail_detect_ms,promote_ms,unavail_ms", "a,b,unavial_ms"),
        ),
        ("a column twice", SMALL.replace("promote_ms", "unavail_ms")),
        ("no timeout", SMALL.replace("A-3,A,1000", "A-3,A,")),
        (
            "too many nodes",
            SMALL
                .replace("hang_s,masters", "replicas_per_master,masters")
                .replace("hang,3,3", "hang,9,99")
                .replace("1000,crash,,3", "1000,crash,1,3"),
        ),
        ("several", SMALL.replace("1000,crash,,3", "50,crash,,0")),
    ];
    for (what, text) in mistakes {
        fs::write(place.path().join("lab.csv"), &text).unwrap();
        let output = outage(place.path(), &["validate", "lab.csv"]);
        assert_eq!(output.status.code(), Some(2), "{what}: {}", stdout(&output));
        assert_eq!(stdout(&output), "", "{what}: results only");
        told.push_str(&format!("## {what}\n{}\n", stderr(&output)));
    }
    let missing = outage(place.path(), &["validate", "lab.cvs"]);
    assert_eq!(missing.status.code(), Some(2));
    told.push_str(&format!("## no such file\n{}", stderr(&missing)));
    golden(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed-measurements.txt"),
        &told,
    );
}

/// Where there are twenty rows and more, the model holds every bound, also under the settings that
/// were measured after it was built. A test of a dozen rows would be one of the dozen.
#[test]
fn the_model_holds_the_bounds() {
    let order = Order {
        runs: 1500,
        seed: 1,
    };
    let groups = read::groups(&[]).unwrap();
    let lines = judge(&groups, order, &mut Bar::new("runs", 1)).unwrap();
    let many: Vec<&Line> = lines.iter().filter(|line| line.measured.n >= 20).collect();
    let settings = "C1 twice, C2, C3, S1 twice, S2, S6, X1 to X6";
    assert_eq!(many.len(), 3 * 14, "{settings}");
    for line in many {
        assert_eq!(line.verdict(), Verdict::Holds, "{line:?}");
    }
    let shares: Vec<&Line> = lines
        .iter()
        .filter(|line| line.quantity == Quantity::FailoverShare)
        .collect();
    assert_eq!(shares.len(), 7, "lengths of a hang");
    for line in shares {
        assert!(line.share_p.expect("it is simulated") > 0.01, "{line:?}");
    }
}

/// Every measured library, mode and fault is simulated, and holds or misses for a known reason. A
/// fix of the model or of a preset must remove the reason.
#[test]
fn client_libraries_follow_as_measured_or_for_known_reasons_do_not() {
    let lines = clients::lines(1, &mut Bar::new("runs", 1)).unwrap();
    // The preset of redis-rs has no table for Sentinel.
    assert_eq!(lines.len(), 6 * 3 * 3 + 2 * 3);
    let mut known = 0;
    for line in &lines {
        assert_eq!(line.measured.runs, 10, "{}", line.setting);
        match line.verdict() {
            Verdict::Holds => assert_eq!(line.known, None, "{} holds", line.setting),
            Verdict::Known(_) => known += 1,
            Verdict::Misses(_) | Verdict::Undefined(_) => panic!("{line:?}"),
        }
    }
    assert_eq!(known, 8 + 3 + 3 + 1);
}

/// The values of a column of a built-in file, of the rows with this timeout, be it a node timeout
/// or down-after.
fn column(file: &str, timeout_ms: u64, name: &str) -> Vec<f64> {
    let measured = MEASURED
        .iter()
        .find(|measured| measured.file.starts_with(file));
    let text = measured.expect("a built-in file").text;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|found| found == name);
    let timeout = place("node_timeout_ms").or(place("down_after_ms")).unwrap();
    let wanted = place(name).expect(name);
    let rows = reader.records().map(Result::unwrap);
    rows.filter(|row| row[timeout] == timeout_ms.to_string())
        .filter_map(|row| row[wanted].parse().ok())
        .collect()
}

/// What leads to detection and promotion is as measured too, step by step.
#[test]
fn suspicions_and_elections_come_when_a_real_redis_has_them() {
    let hang = Fault::Hang {
        resumed_after: None,
    };
    let runs = |node_timeout_ms: u64, fault: Fault| -> Vec<Milestones> {
        let setting = Setting::Cluster(ClusterSetting {
            node_timeout: SimDuration::from_millis(node_timeout_ms),
            masters: 3,
            replicas_per_master: 1,
            require_full_coverage: true,
            without_replica: false,
            fault,
            probe: ProbeSpec {
                interval: SimDuration::from_millis(10),
                timeout: SimDuration::from_millis(200),
            },
        });
        let one = |number| {
            run(&setting, None, &Streams::for_trial(1, number))
                .unwrap()
                .servers
        };
        (1..=1000).map(one).collect()
    };
    type Step = fn(&Milestones) -> Option<SimDuration>;
    let steps: [(&str, Step); 4] = [
        ("pfail_first_any_ms", |run| run.pfail_first_any),
        ("pfail_first_master_ms", |run| run.pfail_first_master),
        ("pfail_last_master_ms", |run| run.pfail_last_master),
        ("election_start_ms", |run| run.election_start),
    ];
    for (file, node_timeout_ms, fault) in [
        ("P1", 1000, Fault::Crash),
        ("P1", 5000, Fault::Crash),
        ("P2", 2000, hang),
    ] {
        let runs = runs(node_timeout_ms, fault);
        for (name, step) in steps {
            let measured = column(file, node_timeout_ms, name);
            let simulated = runs.iter().filter_map(step);
            let simulated: Vec<f64> = simulated.map(|span| span.as_secs_f64() * 1e3).collect();
            let test = two_sample(&measured, &simulated).expect("both have happened");
            assert!(test.p > 0.01, "{file} {node_timeout_ms} {name}: {test:?}");
        }
    }
}

/// The servers of as many runs, at the phases of the measured ones in turn.
fn servers(group: &Group, runs: usize) -> Vec<Milestones> {
    let phases = group.phases.iter().copied().cycle();
    let one = |(number, phase)| {
        let streams = Streams::for_trial(1, number);
        run(&group.setting, Some(phase), &streams).unwrap().servers
    };
    (1..).zip(phases).take(runs).map(one).collect()
}

/// The group of the built-in measurements of a condition with Sentinels and this down-after.
fn sentinel_group<'a>(groups: &'a [Group], condition: &str, down_after_ms: u64) -> &'a Group {
    let down_after = SimDuration::from_millis(down_after_ms);
    let fits = |group: &&Group| match &group.setting {
        Setting::Sentinel(setting) => {
            group.words.starts_with(condition) && setting.down_after == down_after
        }
        Setting::Cluster(_) => false,
    };
    groups.iter().find(fits).expect("it is built in")
}

/// The steps of a failover by Sentinels keep the bounds that detection and promotion are held to.
#[test]
fn sentinels_take_every_step_when_real_ones_do() {
    type Step = fn(&SentinelSteps) -> Option<SimDuration>;
    let steps: [(&str, Step); 8] = [
        ("sdown_first_ms", |run| run.sdown_first),
        ("sdown_second_ms", |run| run.sdown_second),
        ("sdown_last_ms", |run| run.sdown_last),
        ("elected_ms", |run| run.elected),
        ("selected_ms", |run| run.selected),
        ("promoted_seen_ms", |run| run.promoted_seen),
        ("switch_master_first_ms", |run| run.switch_first),
        ("switch_master_last_ms", |run| run.switch_last),
    ];
    let groups = read::groups(&[]).unwrap();
    for (condition, down_after_ms) in [("S1", 1000), ("S1", 5000), ("S2", 2000), ("S6", 1000)] {
        let runs = servers(sentinel_group(&groups, condition, down_after_ms), 2000);
        let judged = |name: &str, spans: Vec<SimDuration>| {
            let measured = column(condition, down_after_ms, name);
            let simulated = spans.iter().map(|span| span.as_secs_f64() * 1e3);
            let simulated: Vec<f64> = simulated.collect();
            let of = |values: &[f64], share| quantile(values, share, LEVEL).unwrap().value;
            let apart = of(&simulated, 0.5) - of(&measured, 0.5);
            let tail = of(&simulated, 0.95) / of(&measured, 0.95) - 1.0;
            let test = two_sample(&measured, &simulated).expect("both have happened");
            let told = format!("{condition} {down_after_ms} {name}: {apart} ms, {test:?}, {tail}");
            assert!(apart.abs() / of(&measured, 0.5) <= 0.05, "{told}");
            assert!(tail.abs() <= 0.10, "{told}");
            assert!(test.p > 0.01 || apart.abs() <= 50.0, "{told}");
        };
        for (name, step) in steps {
            let spans = runs.iter().filter_map(|run| step(&run.sentinels));
            judged(name, spans.collect());
        }
        let elections = runs.iter().filter_map(|run| run.election_start);
        judged("election_start_ms", elections.collect());
    }
}

/// A Sentinel that switches right after it tried to reach the old primary waits a second for its
/// next attempt, and holds the new primary for down if that is down-after; what the others said
/// about the old one still counts, so a quorum is there at once.
#[test]
fn second_failovers_and_second_elections_are_as_rare_as_real_ones() {
    const RUNS: usize = 2000;
    let groups = read::groups(&[]).unwrap();
    let runs = servers(sentinel_group(&groups, "S6", 1000), RUNS);
    let both = |name: &str| [column("S1", 1000, name), column("S6", 1000, name)].concat();
    let elections = both("elections_started");
    let two = elections.iter().filter(|n| **n == 2.0).count();
    let again = both("second_failover_ms").len();
    let share = |fits: fn(&Milestones) -> bool| {
        runs.iter().filter(|r| fits(r)).count() as f64 / RUNS as f64
    };
    let second = share(|run| run.sentinels.second_failover.is_some());
    let tried = share(|run| run.elections > 1);
    for (hits, share) in [(again, second), (two, tried)] {
        let p = binomial_p(elections.len(), hits, share);
        assert!(
            p > 0.01,
            "{hits} of {} against {share}: p {p}",
            elections.len()
        );
    }
}
