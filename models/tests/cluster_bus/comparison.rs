//! Simulated against measured: the lab's conditions on a real Redis 7.0.15, `models/lab/*.csv`.
//!
//! The table goes to the test's output; `cargo test -p models comparison -- --nocapture` shows it.

use std::fmt::Write as _;

use models::failover::cluster_bus::Process;

use crate::lab::{Condition, Run, run};
use crate::stats::{binomial_p, ks_p, quantile};

const RUNS: u64 = 2000;

const CRASH: Condition = Condition {
    node_timeout_ms: 1000,
    masters: 3,
    replicas: 1,
    fault: Process::Dead,
    hang_s: None,
    without_replica: false,
    full_coverage: true,
};
const CRASH_5000: Condition = Condition {
    node_timeout_ms: 5000,
    ..CRASH
};
const HANG_2000: Condition = Condition {
    node_timeout_ms: 2000,
    fault: Process::Hung,
    ..CRASH
};
const CRASH_2_REPLICAS: Condition = Condition {
    node_timeout_ms: 2000,
    replicas: 2,
    ..CRASH
};

/// A column of the lab's files and what it is called here.
type Column = (&'static str, fn(&Run) -> Option<f64>);

const MAIN: [Column; 3] = [
    ("fail_detect_ms", |r| r.fail_detect),
    ("election_start_ms", |r| r.election_start),
    ("promote_ms", |r| r.promote),
];
const SUSPICION: [Column; 4] = [
    ("pfail_first_any_ms", |r| r.pfail_first_any),
    ("pfail_first_master_ms", |r| r.pfail_first_master),
    ("pfail_last_master_ms", |r| r.pfail_last_master),
    ("fail_detect_ms", |r| r.fail_detect),
];

/// The rows of a lab file, each as the named columns.
fn rows(file: &str, node_timeout_ms: u64, columns: &[&str]) -> Vec<Vec<Option<f64>>> {
    let path = format!("{}/lab/{file}.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the lab's files are checked in");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let position = |name: &str| {
        header
            .iter()
            .position(|h| *h == name)
            .expect("a known column")
    };
    let setting = position("node_timeout_ms");
    let wanted: Vec<usize> = columns.iter().map(|name| position(name)).collect();
    lines
        .filter(|fields| fields[setting] == node_timeout_ms.to_string())
        .map(|fields| wanted.iter().map(|c| fields[*c].parse().ok()).collect())
        .collect()
}

fn simulate(condition: &Condition, runs: u64) -> Vec<Run> {
    (0..runs).map(|seed| run(condition, seed)).collect()
}

/// One line of the table. `strict` holds it to the project's bounds.
fn compare(
    table: &mut String,
    file: &str,
    condition: &Condition,
    runs: &[Run],
    column: Column,
    strict: bool,
) {
    let measured: Vec<f64> = rows(file, condition.node_timeout_ms, &[column.0])
        .iter()
        .filter_map(|r| r[0])
        .collect();
    let simulated: Vec<f64> = runs.iter().filter_map(column.1).collect();
    let of = |q: f64| (quantile(&measured, q), quantile(&simulated, q));
    let ((m50, s50), (m95, s95)) = (of(0.5), of(0.95));
    let p = ks_p(&measured, &simulated);
    let name = &file[..2];
    let (d50, d95) = (100.0 * (s50 / m50 - 1.0), 100.0 * (s95 / m95 - 1.0));
    let line = format!(
        "{name} {:>5} {:<22} {:>3} {m50:>6.0} {s50:>6.0} {d50:>+5.1}% {m95:>6.0} {s95:>6.0} \
         {d95:>+5.1}% {p:>6.3}",
        condition.node_timeout_ms,
        column.0,
        measured.len(),
    );
    writeln!(table, "{line}").expect("a string takes it");
    if strict {
        assert!(d50.abs() <= 5.0, "median off by more than 5 %: {line}");
        assert!(
            d95.abs() <= 10.0,
            "95th percentile off by more than 10 %: {line}"
        );
        assert!(p > 0.01, "distributions differ: {line}");
    }
}

#[test]
#[allow(clippy::print_stdout)] // the table is what this test is for
fn comparison_with_a_real_redis() {
    let mut table = String::from(
        "     NT column                   n  median: real sim        p95: real sim       KS p\n",
    );
    let crash = simulate(&CRASH, RUNS);
    let crash_5000 = simulate(&CRASH_5000, RUNS);
    let hang = simulate(&HANG_2000, RUNS);
    let two_replicas = simulate(&CRASH_2_REPLICAS, RUNS);
    for column in MAIN {
        compare(&mut table, "C1_cluster_crash", &CRASH, &crash, column, true);
        compare(
            &mut table,
            "C1_cluster_crash",
            &CRASH_5000,
            &crash_5000,
            column,
            true,
        );
        compare(
            &mut table,
            "C2_cluster_hang",
            &HANG_2000,
            &hang,
            column,
            true,
        );
        let file = "C3_cluster_crash_2_replicas";
        compare(
            &mut table,
            file,
            &CRASH_2_REPLICAS,
            &two_replicas,
            column,
            true,
        );
    }
    // Eight runs each: shown, not held to bounds.
    for column in SUSPICION {
        let file = "P1_cluster_crash_debuglog_pfail";
        compare(&mut table, file, &CRASH, &crash, column, false);
        compare(&mut table, file, &CRASH_5000, &crash_5000, column, false);
        compare(
            &mut table,
            "P2_cluster_hang_debuglog_pfail",
            &HANG_2000,
            &hang,
            column,
            false,
        );
    }
    println!("{table}");
}

#[test]
#[allow(clippy::print_stdout)]
fn comparison_of_short_hangs() {
    for hang_s in [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0] {
        let lab = rows("C7_cluster_short_hang", 2000, &["hang_s", "promote_ms"]);
        let lab: Vec<_> = lab.iter().filter(|r| r[0] == Some(hang_s)).collect();
        let failed_over = lab.iter().filter(|r| r[1].is_some()).count();
        let condition = Condition {
            hang_s: Some(hang_s),
            ..HANG_2000
        };
        let runs = simulate(&condition, 500);
        let share = runs.iter().filter(|r| r.promote.is_some()).count() as f64 / 500.0;
        let p = binomial_p(lab.len(), failed_over, share);
        println!(
            "hang {hang_s} s: {failed_over} of {} real, {share:.2} sim, p {p:.3}",
            lab.len()
        );
        assert!(
            p > 0.01,
            "hang {hang_s} s: {failed_over} of {} against {share}",
            lab.len()
        );
    }
}

#[test]
fn comparison_without_a_replica() {
    for full_coverage in [true, false] {
        let condition = Condition {
            without_replica: true,
            full_coverage,
            node_timeout_ms: 2000,
            ..CRASH
        };
        for run in simulate(&condition, 50) {
            let detect = run.fail_detect.expect("two of three primaries agree");
            assert!(
                (2100.0..4200.0).contains(&detect),
                "real: 2221 to 3329, here {detect}"
            );
            assert_eq!(run.promote, None);
            assert_eq!(run.other_shard_down, full_coverage);
        }
    }
}
