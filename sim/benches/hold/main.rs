//! The agenda and the run loop against bare loops over the standard library's `BinaryHeap`, written
//! for each case alone: plainly, with the fields of a struct as key, and for W2 and W3 once more to
//! be fast, with time, order of scheduling and event packed in one integer (`bare.rs`).
//!
//! * W1, the hold model: N events pending, each scheduled again after Exp(1).
//! * W2, M/M/1 at 90% load: two events a customer, two or fewer pending.
//! * W3, a failover toy: beats of six nodes, a queue of requests, a primary that dies.
//!
//! `cargo bench -p sim --bench hold` measures all sides in turn, round by round, and prints medians
//! and the median ratio of a round, by CPU time, which other work on the machine disturbs less. All
//! sides draw the same numbers and must agree about what happened. `-- W1 100 1000000` (or
//! `W2 CUSTOMERS`, `W3 SECONDS`) runs ours alone and prints `events wall_s cpu_s check`; a last
//! word `plain` or `packed` runs that bare loop instead, for a count of instructions.
//!
//! Criterion and divan measure one function after the other, minutes apart. On a machine with other
//! work a ratio of two such figures says little, so the rounds are our own.

// A benchmark reads the clock and prints; nothing here reaches a result of a simulation.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

mod bare;
mod w1;
mod w2;
mod w3;

use std::time::Instant;

const ROUNDS: usize = 9;

/// What one run did: all sides of a comparison must agree on all of it.
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

type Run = fn() -> (Outcome, Cost);

/// One row of the table: a workload on all sides, and the ratio to reach against the last of them.
struct Case {
    name: &'static str,
    ratio_target: f64,
    ours: Run,
    /// The plain loop, then the one written to be fast.
    bare: &'static [Run],
}

const CASES: [Case; 5] = [
    Case {
        name: "W1 hold, 100 pending",
        ratio_target: 1.4,
        ours: || w1::ours(100, 10_000_000),
        bare: &[|| w1::bare(100, 10_000_000)],
    },
    Case {
        name: "W1 hold, 10,000 pending",
        ratio_target: 1.4,
        ours: || w1::ours(10_000, 10_000_000),
        bare: &[|| w1::bare(10_000, 10_000_000)],
    },
    Case {
        name: "W1 hold, 1,000,000 pending",
        ratio_target: 1.4,
        ours: || w1::ours(1_000_000, 2_000_000),
        bare: &[|| w1::bare(1_000_000, 2_000_000)],
    },
    Case {
        name: "W2 M/M/1",
        ratio_target: 1.0,
        ours: || w2::ours(5_000_000),
        bare: &[|| w2::bare(5_000_000), || w2::packed(5_000_000)],
    },
    Case {
        name: "W3 failover",
        ratio_target: 1.0,
        ours: || w3::ours(3_600),
        bare: &[|| w3::bare(3_600), || w3::packed(3_600)],
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|text| !text.starts_with("--"))
        .collect();
    let (pending, events) = (|text| number(text) as u32, number);
    let run = match arguments[..] {
        [] => return compare(),
        ["W1", n, count] => w1::ours(pending(n), events(count)),
        ["W1", n, count, "plain"] => w1::bare(pending(n), events(count)),
        ["W2", customers] => w2::ours(number(customers)),
        ["W2", customers, "plain"] => w2::bare(number(customers)),
        ["W2", customers, "packed"] => w2::packed(number(customers)),
        ["W3", seconds] => w3::ours(number(seconds)),
        ["W3", seconds, "plain"] => w3::bare(number(seconds)),
        ["W3", seconds, "packed"] => w3::packed(number(seconds)),
        _ => panic!("write nothing, or W1 N EVENTS, W2 CUSTOMERS, or W3 SECONDS [plain|packed]"),
    };
    print_run(run);
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
    println!("{ROUNDS} rounds, all sides in turn; million events a CPU second, medians");
    println!(
        "{:<28}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "", "plain", "packed", "ours", "/plain", "/packed", "goal"
    );
    for case in &CASES {
        let rounds: Vec<Vec<f64>> = (0..ROUNDS).map(|round| speeds(case, round)).collect();
        let median_of = |figure: &dyn Fn(&Vec<f64>) -> f64| median(rounds.iter().map(figure));
        // Ours stands first in a round.
        let speed = |side: usize| median_of(&|round| round[side]);
        let ratio = |side: usize| median_of(&|round| round[0] / round[side]);
        let has_packed = case.bare.len() == 2;
        let or_dash = |figure: Option<f64>| figure.map_or("-".into(), |x| format!("{x:.2}"));
        let Case {
            name,
            ratio_target: goal,
            ..
        } = case;
        let reached = ratio(case.bare.len()) >= *goal;
        println!(
            "{name:<28}{:>8.2}{:>8}{:>8.2}{:>8.2}{:>8}{goal:>8.2} {}",
            speed(1),
            or_dash(has_packed.then(|| speed(2))),
            speed(0),
            ratio(1),
            or_dash(has_packed.then(|| ratio(2))),
            if reached { "reached" } else { "MISSED" }
        );
    }
}

/// One round of a case: million events a CPU second of ours and of the bare loops, all of which
/// must have done the same.
fn speeds(case: &Case, round: usize) -> Vec<f64> {
    let sides: Vec<Run> = [case.ours].iter().chain(case.bare).copied().collect();
    // The order alternates, so that nobody always inherits a warm or cold machine.
    let mut order: Vec<usize> = (0..sides.len()).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    let mut speeds = vec![0.0; sides.len()];
    let mut outcome = None;
    for side in order {
        let (done, cost) = sides[side]();
        let first = *outcome.get_or_insert(done);
        assert_eq!(first, done, "{}: the sides disagree", case.name);
        speeds[side] = done.events as f64 / cost.cpu_s / 1e6;
    }
    speeds
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
