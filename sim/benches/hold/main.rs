//! The agenda and the run loop against a bare loop over the standard library's `BinaryHeap`,
//! written for each case alone: key (time, order of scheduling), the event an enum in the heap.
//!
//! * W1, the hold model: N events pending, each scheduled again after Exp(1).
//! * W2, M/M/1 at 90% load: two events a customer, two or fewer pending.
//! * W3, a failover toy: beats of six nodes, a queue of requests, a primary that dies.
//!
//! `cargo bench -p sim --bench hold` measures both in turn, round by round, and prints medians and
//! the median ratio of a round. Both sides draw the same numbers and must agree about what
//! happened. `-- W1 100 1000000` (or `W2 CUSTOMERS`, `W3 SECONDS`) runs ours alone and prints
//! `events wall_s cpu_s check`.

// A benchmark reads the clock and prints; nothing here reaches a result of a simulation.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

mod bare;
mod w1;
mod w2;
mod w3;

use std::time::Instant;

const ROUNDS: usize = 9;

/// What one run did: both sides of a comparison must agree on all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outcome {
    events: u64,
    check: Check,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Check {
    /// A hash of the events' names in the order they fired.
    Order(u64),
    /// Mean wait in the queue in seconds.
    WaitMean(f64),
    /// Requests lost.
    Lost(u64),
}

/// Seconds that a run took, set-up left out.
#[derive(Clone, Copy)]
struct Cost {
    wall_s: f64,
    cpu_s: f64,
}

/// One row of the table: a workload on both sides, and the ratio to reach.
struct Case {
    name: &'static str,
    ratio_target: f64,
    ours: fn() -> (Outcome, Cost),
    bare: fn() -> (Outcome, Cost),
}

const CASES: [Case; 5] = [
    Case {
        name: "W1 hold, 100 pending",
        ratio_target: 1.2,
        ours: || w1::ours(100, 10_000_000),
        bare: || w1::bare(100, 10_000_000),
    },
    Case {
        name: "W1 hold, 10,000 pending",
        ratio_target: 1.2,
        ours: || w1::ours(10_000, 10_000_000),
        bare: || w1::bare(10_000, 10_000_000),
    },
    Case {
        name: "W1 hold, 1,000,000 pending",
        ratio_target: 1.2,
        ours: || w1::ours(1_000_000, 2_000_000),
        bare: || w1::bare(1_000_000, 2_000_000),
    },
    Case {
        name: "W2 M/M/1",
        ratio_target: 0.9,
        ours: || w2::ours(5_000_000),
        bare: || w2::bare(5_000_000),
    },
    Case {
        name: "W3 failover",
        ratio_target: 0.9,
        ours: || w3::ours(3_600),
        bare: || w3::bare(3_600),
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|text| !text.starts_with("--"))
        .collect();
    match arguments[..] {
        [] => compare(),
        ["W1", pending, events] => print_run(w1::ours(number(pending) as u32, number(events))),
        ["W2", customers] => print_run(w2::ours(number(customers))),
        ["W3", seconds] => print_run(w3::ours(number(seconds))),
        _ => panic!("write nothing, or W1 N EVENTS, W2 CUSTOMERS, or W3 SECONDS"),
    }
}

fn number(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is not a whole number"))
}

fn print_run((outcome, cost): (Outcome, Cost)) {
    println!(
        "{} {:.6} {:.6} {:?}",
        outcome.events, cost.wall_s, cost.cpu_s, outcome.check
    );
}

fn compare() {
    println!("{ROUNDS} rounds, both sides in turn; million events a second, medians");
    println!(
        "{:<28}{:>8}{:>8}{:>8}{:>8}",
        "", "bare", "ours", "ratio", "goal"
    );
    for case in &CASES {
        let (mut bare_rates, mut ours_rates) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Who goes first alternates, so that neither always inherits a warm or cold machine.
            let ((ours, ours_cost), (bare, bare_cost)) = if round % 2 == 0 {
                let ours = (case.ours)();
                (ours, (case.bare)())
            } else {
                let bare = (case.bare)();
                ((case.ours)(), bare)
            };
            assert_eq!(ours, bare, "{}: the two sides disagree", case.name);
            bare_rates.push(bare.events as f64 / bare_cost.wall_s / 1e6);
            ours_rates.push(ours.events as f64 / ours_cost.wall_s / 1e6);
        }
        let ratios = ours_rates
            .iter()
            .zip(&bare_rates)
            .map(|(ours, bare)| ours / bare);
        let ratio = median(ratios.collect());
        let verdict = if ratio >= case.ratio_target {
            "reached"
        } else {
            "MISSED"
        };
        println!(
            "{:<28}{:>8.2}{:>8.2}{ratio:>8.2}{:>8.2} {verdict}",
            case.name,
            median(bare_rates),
            median(ours_rates),
            case.ratio_target
        );
    }
}

/// Runs `work` and measures it.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (wall, cpu) = (Instant::now(), cpu_s());
    let result = work();
    let wall_s = wall.elapsed().as_secs_f64();
    let cpu_s = match (cpu, cpu_s()) {
        (Some(before), Some(after)) => after - before,
        _ => wall_s,
    };
    (result, Cost { wall_s, cpu_s })
}

/// Seconds this thread has spent on a CPU, where the system tells; coarse, so no ratio uses it.
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
    (nanos > 0).then_some(nanos as f64 / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
