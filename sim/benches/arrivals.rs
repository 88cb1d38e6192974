//! What an answer of the arrival tree costs, against opening every arrival.
//!
//! `cargo bench -p sim --bench arrivals [-- part of a name]`. Medians over many trials; each trial
//! has its own tree, so no path is ever walked twice and the branch predictor learns nothing.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use sim::{
    ArrivalTree, Intensity, Marks, Purpose, SimDuration, SimTime, Streams, Term, first_reach,
    first_reach_eager,
};

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
    crossings(&season, &steady(1.0));
    for (what, marks) in [("instants", None), ("instants and sizes", Some(MARKS))] {
        expansion(what, &tree(&fifty_minutes, marks, 7));
    }
}

/// When one node is full.
fn crossings(season: &Intensity, day: &Intensity) {
    let make = |trial, entity, profile: &Intensity, factor| {
        let key = Streams::for_trial(1, trial).key(Purpose(1), entity);
        ArrivalTree::new(key, profile.scaled(factor), Some(MARKS))
    };
    let filled = |terms: &[Term], bound| {
        let found = first_reach(terms, bound, SimTime::ZERO, SimTime::MAX);
        found.map_or(0, SimTime::as_nanos)
    };
    measure("node full, 7.8e9 arrivals", TRIALS, |trial| {
        let tree = make(trial, 0, season, 1.0);
        filled(&[Term::sizes(&tree)], 4_000_000_000_000)
    });
    measure("node full, ten terms", TRIALS, |trial| {
        let trees: Vec<_> = (0..10)
            .map(|entity| make(trial, entity, season, 0.1))
            .collect();
        let terms: Vec<Term> = trees.iter().map(Term::sizes).collect();
        filled(&terms, 4_000_000_000_000)
    });
    let tree = make(0, 0, day, 1.0);
    let (terms, bound) = ([Term::sizes(&tree)], 46_000_000_000);
    measure("a day's node full, 8.6e7 arrivals, lazily", 201, |_| {
        filled(&terms, bound)
    });
    measure("the same, opening every arrival", 3, |_| {
        let found = first_reach_eager(&terms, bound, SimTime::ZERO, SimTime::MAX);
        assert_eq!(found.map_or(0, SimTime::as_nanos), filled(&terms, bound));
        0
    });
}

fn after(days: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(days * 86_400.0)
}

fn measure(what: &str, trials: u64, mut f: impl FnMut(u64) -> u64) {
    if !chosen(what) {
        return;
    }
    let nanos = median((0..trials).map(|trial| {
        let start = Instant::now();
        black_box(f(trial));
        start.elapsed().as_nanos() as f64
    }));
    println!("{what:<50} {:>10.2} us", nanos / 1e3);
}

fn expansion(what: &str, tree: &ArrivalTree) {
    if !chosen(what) {
        return;
    }
    let nanos = median((0..21).map(|_| {
        let start = Instant::now();
        let mut sum = 0;
        tree.for_each(SimTime::ZERO, SimTime::MAX, |arrival| {
            sum ^= arrival.at.as_nanos() ^ arrival.bytes;
        });
        black_box(sum);
        start.elapsed().as_nanos() as f64 / tree.total() as f64
    }));
    println!("open all: {what:<40} {nanos:>10.2} ns an arrival");
}

/// Whether the command line asks for this measurement, or for none in particular.
fn chosen(what: &str) -> bool {
    let mut wanted = std::env::args().skip(1).filter(|arg| arg != "--bench");
    wanted.next().is_none_or(|part| what.contains(&part))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
