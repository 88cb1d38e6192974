//! What an answer of the arrival tree costs, against opening every arrival.
//!
//! `cargo bench -p sim --bench arrivals`. Medians over many trials; each trial has its own tree, so
//! no path is ever walked twice and the branch predictor learns nothing.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use sim::{ArrivalTree, Intensity, Marks, Purpose, SimDuration, SimTime, Streams};

const TRIALS: u64 = 2_001;
const MARKS: Marks = Marks {
    shape: 2.0,
    mean_bytes: 600.0,
};

fn main() {
    let steady = |days| Intensity::constant(1000.0, SimTime::ZERO, after(days));
    let tree = |intensity: &Intensity, marks, trial| {
        let key = Streams::for_trial(1, trial).key(Purpose(1), 0);
        ArrivalTree::new(key, intensity.clone(), marks)
    };
    let (season, fifty_minutes) = (steady(90.0), steady(50.0 / 1440.0));

    let instants = |trial: u64| after(0.5 / 24.0 * (0.3 + 0.7 * (trial % 97) as f64 / 97.0));
    measure("create a tree", TRIALS, |trial| {
        tree(&season, Some(MARKS), trial).total_bytes()
    });
    measure("count before an instant, 3e6 arrivals", TRIALS, |trial| {
        tree(&fifty_minutes, None, trial).count_before(instants(trial))
    });
    measure("bytes before an instant, 3e6 arrivals", TRIALS, |trial| {
        tree(&fifty_minutes, Some(MARKS), trial).bytes_before(instants(trial))
    });
    measure("count in a second, 7.8e9 arrivals", TRIALS, |trial| {
        let from = after(30.0 + (trial % 97) as f64 / 3.0);
        tree(&season, None, trial).count(from, from + SimDuration::from_secs(1))
    });
    measure("node full, 7.8e9 arrivals", TRIALS, |trial| {
        let full = tree(&season, Some(MARKS), trial).first_reaching_bytes(4_000_000_000_000);
        full.map_or(0, |arrival| arrival.at.as_nanos())
    });
    for (what, marks) in [("instants", None), ("instants and sizes", Some(MARKS))] {
        expansion(what, &tree(&fifty_minutes, marks, 7));
    }
}

fn after(days: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(days * 86_400.0)
}

fn measure(what: &str, trials: u64, mut f: impl FnMut(u64) -> u64) {
    let nanos = median((0..trials).map(|trial| {
        let start = Instant::now();
        black_box(f(trial));
        start.elapsed().as_nanos() as f64
    }));
    println!("{what:<44} {:>10.2} us", nanos / 1e3);
}

fn expansion(what: &str, tree: &ArrivalTree) {
    let nanos = median((0..21).map(|_| {
        let start = Instant::now();
        let mut sum = 0;
        tree.for_each(SimTime::ZERO, SimTime::MAX, |arrival| {
            sum ^= arrival.at.as_nanos() ^ arrival.bytes;
        });
        black_box(sum);
        start.elapsed().as_nanos() as f64 / tree.total() as f64
    }));
    println!("open all: {what:<34} {nanos:>10.2} ns an arrival");
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
