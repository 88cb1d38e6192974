//! The agenda and the run loop against a bare loop over the standard library's `BinaryHeap`,
//! written for each case alone: key (time, order of scheduling), the event an enum in the heap.
//!
//! * W1, the hold model: N events pending, each scheduled again after Exp(1).
//! * W2, M/M/1 at 90% load: two events a customer, two or fewer pending.
//! * W3, a failover toy: beats of six nodes, a queue of requests, a primary that dies.
//!
//! `cargo bench -p sim --bench hold` measures both in turn, round by round, and prints medians and
//! the median ratio of a round, by CPU time, which other work on the machine disturbs less. Both
//! sides draw the same numbers and must agree about what happened. `-- W1 100 1000000` (or
//! `W2 CUSTOMERS`, `W3 SECONDS`) runs ours alone and prints `events wall_s cpu_s check`.

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
    println!("{ROUNDS} rounds, both sides in turn; million events a CPU second, medians");
    println!(
        "{:<28}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "", "bare", "ours", "ratio", "(wall)", "goal"
    );
    for case in &CASES {
        let rounds: Vec<[(Outcome, Cost); 2]> =
            (0..ROUNDS).map(|round| both(case, round)).collect();
        let rates = |side: usize, cost: fn(&Cost) -> f64| -> Vec<f64> {
            let of_round = |round: &[(Outcome, Cost); 2]| {
                let (outcome, spent) = &round[side];
                outcome.events as f64 / cost(spent) / 1e6
            };
            rounds.iter().map(of_round).collect()
        };
        let ratio = |cost: fn(&Cost) -> f64| {
            let (bare, ours) = (rates(0, cost), rates(1, cost));
            median(
                ours.iter()
                    .zip(bare)
                    .map(|(ours, bare)| ours / bare)
                    .collect(),
            )
        };
        let (bare, ours) = (
            median(rates(0, |cost| cost.cpu_s)),
            median(rates(1, |cost| cost.cpu_s)),
        );
        let (by_cpu, by_wall) = (ratio(|cost| cost.cpu_s), ratio(|cost| cost.wall_s));
        let Case {
            name,
            ratio_target: goal,
            ..
        } = case;
        let verdict = if by_cpu >= *goal { "reached" } else { "MISSED" };
        println!(
            "{name:<28}{bare:>8.2}{ours:>8.2}{by_cpu:>8.2}{by_wall:>8.2}{goal:>8.2} {verdict}"
        );
    }
}

/// One round of a case: the bare loop and ours, which must have done the same.
fn both(case: &Case, round: usize) -> [(Outcome, Cost); 2] {
    // Who goes first alternates, so that neither always inherits a warm or cold machine.
    let sides = if round.is_multiple_of(2) {
        let ours = (case.ours)();
        [(case.bare)(), ours]
    } else {
        let bare = (case.bare)();
        [bare, (case.ours)()]
    };
    assert_eq!(
        sides[0].0, sides[1].0,
        "{}: the two sides disagree",
        case.name
    );
    sides
}

/// Runs `work` and measures it.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (wall, cpu) = (Instant::now(), cpu_s());
    let result = work();
    let wall_s = wall.elapsed().as_secs_f64();
    let cpu_s = match (cpu, cpu_s()) {
        (Some(before), Some(after)) if after > before => after - before,
        _ => wall_s,
    };
    (result, Cost { wall_s, cpu_s })
}

/// Seconds this thread has spent on a CPU, where the system tells, to a few milliseconds.
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos as f64 / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
