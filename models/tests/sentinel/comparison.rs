//! Simulated against measured: the lab's conditions on a real Redis 7.0.15, `models/lab/*.csv`.
//!
//! The table goes to the test's output; `cargo test -p models --test sentinel comparison --
//! --nocapture` shows it.

use std::fmt::Write as _;

use models::failover::sentinel::Process;

use crate::lab::{Condition, Run, run};
use crate::stats::{binomial_p, ks_p, quantile};

const RUNS: u64 = 2000;

const CRASH: Condition = Condition {
    down_after_ms: 1000,
    replicas: 2,
    sentinels: 3,
    quorum: 2,
    dead_sentinels: 0,
    fault: Process::Dead,
    watch_ms: 5_000,
};
const CRASH_5000: Condition = Condition {
    down_after_ms: 5000,
    ..CRASH
};
const HANG_2000: Condition = Condition {
    down_after_ms: 2000,
    fault: Process::Hung,
    ..CRASH
};
const CRASH_WATCHED: Condition = Condition {
    watch_ms: 8_000,
    ..CRASH
};

/// A column of the lab's files and what it is called here.
type Column = (&'static str, fn(&Run) -> Option<f64>);

const COLUMNS: [Column; 11] = [
    ("sdown_first_ms", |r| r.sdown.first().copied()),
    ("sdown_second_ms", |r| r.sdown.get(1).copied()),
    ("sdown_last_ms", |r| r.sdown.last().copied()),
    ("fail_detect_ms", |r| r.fail_detect),
    ("election_start_ms", |r| r.election_start),
    ("elected_ms", |r| r.elected),
    ("selected_ms", |r| r.selected),
    ("promote_ms", |r| r.promote),
    ("promoted_seen_ms", |r| r.promoted_seen),
    ("switch_master_first_ms", |r| {
        r.switch_master.first().copied()
    }),
    ("switch_master_last_ms", |r| r.switch_master.last().copied()),
];

/// The rows of a lab file at one setting, each as the named columns.
fn rows(file: &str, down_after_ms: u64, columns: &[&str]) -> Vec<Vec<Option<f64>>> {
    let path = format!("{}/lab/{file}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(path).expect("the lab's files are checked in");
    let header = reader.headers().expect("a header").clone();
    let position = |name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .expect("a known column")
    };
    let setting = position("down_after_ms");
    let wanted: Vec<usize> = columns.iter().map(|name| position(name)).collect();
    reader
        .records()
        .map(|record| record.expect("a row"))
        .filter(|record| record[setting] == down_after_ms.to_string())
        .map(|record| wanted.iter().map(|c| record[*c].parse().ok()).collect())
        .collect()
}

/// Runs with the phases that the lab drew, each in turn.
fn simulate(file: &str, condition: &Condition, runs: u64) -> Vec<Run> {
    let phases: Vec<f64> = rows(file, condition.down_after_ms, &["phase_ms"])
        .iter()
        .map(|row| row[0].expect("every run has a phase"))
        .collect();
    let phase = |seed: u64| phases[seed as usize % phases.len()];
    (0..runs)
        .map(|seed| run(condition, phase(seed), seed))
        .collect()
}

/// One line of the table, and whether it stays within the project's bounds.
fn compare(
    table: &mut String,
    file: &str,
    condition: &Condition,
    runs: &[Run],
    column: Column,
) -> bool {
    let measured: Vec<f64> = rows(file, condition.down_after_ms, &[column.0])
        .iter()
        .filter_map(|r| r[0])
        .collect();
    let simulated: Vec<f64> = runs.iter().filter_map(column.1).collect();
    let of = |q: f64| (quantile(&measured, q), quantile(&simulated, q));
    let ((m50, s50), (m95, s95)) = (of(0.5), of(0.95));
    let p = ks_p(&measured, &simulated);
    let (d50, d95) = (100.0 * (s50 / m50 - 1.0), 100.0 * (s95 / m95 - 1.0));
    let within = d50.abs() <= 5.0 && d95.abs() <= 10.0 && (p > 0.01 || (s50 - m50).abs() <= 50.0);
    writeln!(
        table,
        "{} {:>5} {:<22} {:>3} {m50:>6.0} {s50:>6.0} {d50:>+5.1}% {m95:>6.0} {s95:>6.0} \
         {d95:>+5.1}% {p:>6.3}",
        &file[..2],
        condition.down_after_ms,
        column.0,
        measured.len(),
    )
    .expect("a string takes it");
    within
}

#[test]
#[allow(clippy::print_stdout)] // the table is what this test is for
fn comparison_with_a_real_sentinel() {
    let mut table = String::from(
        "     down  column                   n  median: real sim        p95: real sim       KS p\n",
    );
    let mut outside = Vec::new();
    for (file, condition) in [
        ("S1_sentinel_crash", &CRASH),
        ("S1_sentinel_crash", &CRASH_5000),
        ("S2_sentinel_hang", &HANG_2000),
        ("S6_sentinel_crash_second_failover", &CRASH_WATCHED),
    ] {
        let runs = simulate(file, condition, RUNS);
        for column in COLUMNS {
            if !compare(&mut table, file, condition, &runs, column) {
                outside.push((file, condition.down_after_ms, column.0));
            }
        }
        let two = runs.iter().filter(|r| r.elections_started > 1).count();
        let second = runs.iter().filter(|r| r.second_failover.is_some()).count();
        let aborts = runs.iter().filter(|r| r.aborts > 0).count();
        writeln!(
            table,
            "  two tried: {two}, second failover: {second}, aborts: {aborts} of {RUNS}"
        )
        .expect("a string takes it");
    }
    println!("{table}");
    assert!(outside.is_empty(), "outside the bounds: {outside:?}");
}

#[test]
fn comparison_of_what_happens_more_than_once() {
    // A Sentinel that switches right after it tried to reach the old primary waits a second for its
    // next attempt, and holds the new primary for down if that is down-after; what the others said
    // about the old one still counts, so a quorum is there at once.
    let file = "S6_sentinel_crash_second_failover";
    let runs = simulate(file, &CRASH_WATCHED, RUNS);
    let share =
        |fits: fn(&Run) -> bool| runs.iter().filter(|r| fits(r)).count() as f64 / RUNS as f64;
    let columns = ["second_failover_ms", "elections_started"];
    let mut lab = rows(file, 1000, &columns);
    lab.extend(rows("S1_sentinel_crash", 1000, &columns));
    let again = lab.iter().filter(|row| row[0].is_some()).count();
    let two = lab.iter().filter(|row| row[1] == Some(2.0)).count();
    let second = share(|r| r.second_failover.is_some());
    let tried = share(|r| r.elections_started > 1);
    for (n, hits, share) in [(lab.len(), again, second), (lab.len(), two, tried)] {
        let p = binomial_p(n, hits, share);
        assert!(p > 0.01, "{hits} of {n} against {share}: p {p}");
    }
}
