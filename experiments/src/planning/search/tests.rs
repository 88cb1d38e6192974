//! Searches among designs whose chances are known.

use super::*;
use rand::RngExt as _;
use sim::SimDuration;
use sim::streams::Purpose;
use std::sync::atomic::{AtomicU64, Ordering};

const DAYS: SimDuration = SimDuration::from_days(30);

fn never() -> bool {
    false
}

/// A design costs so much, and has an outage of an hour with this probability.
fn outages<'a>(
    designs: &'a [(f64, f64)],
    runs: &'a AtomicU64,
) -> impl Fn(usize, u64, &Streams) -> Result<Sample, Failure> + Sync + 'a {
    move |n, _, streams| {
        runs.fetch_add(1, Ordering::Relaxed);
        let (cost, chance) = designs[n];
        let luck: f64 = streams.stream(Purpose(1), 0).random();
        let (unavailable, lost) = match luck < chance {
            true => (vec![(10.0, 3_600.0)], 100.0),
            false => (Vec::new(), 0.0),
        };
        Ok(Sample {
            cost,
            lost,
            unavailable,
            ..Sample::default()
        })
    }
}

fn condition(text: &str) -> Condition {
    Condition::parse(text, DAYS).expect("a condition")
}

fn effort(trials: u64) -> Effort<'static> {
    Effort {
        trials,
        precision: None,
        over: &never,
        heard: &|_, _| {},
        ran: &|_| {},
    }
}

/// What is found among designs that must keep a condition, and how many trials that took.
fn found(designs: &[(f64, f64)], text: &str, trials: u64, seed: u64) -> (Found, u64) {
    let conditions = [condition(text)];
    let question = Question {
        conditions: &conditions,
        gate: None,
        values: Values::default(),
        days: 30.0,
    };
    let runs = AtomicU64::new(0);
    let trial = outages(designs, &runs);
    let found = search(designs.len(), &question, &effort(trials), seed, &trial);
    (found, runs.load(Ordering::Relaxed))
}

#[test]
fn the_cheapest_that_keeps_is_found_with_a_fraction_of_all_trials() {
    // 240 designs: every 24 dollars halve the chance of an outage.
    let chance = |n: usize| 0.5_f64.powf(n as f64 / 24.0);
    let designs: Vec<(f64, f64)> = (0..240).map(|n| (100.0 + n as f64, chance(n))).collect();
    let limit = "p_unavailable(30d, 15min) <= 3%";
    let truth = (0..240).find(|n| chance(*n) <= 0.03).expect("one keeps");
    let (found, ran) = found(&designs, limit, 16_384, 1);
    // Designs beside the limit are told from it by many trials only: some stay open.
    let best = found.cheapest.expect("one is known");
    assert!(
        (truth..truth + 12).contains(&best),
        "{best}, and {truth} is the cheapest that keeps"
    );
    let open = cheaper_open(&found);
    assert!((truth..best).all(|n| open.contains(&n)), "{open:?}");
    assert!(ran * 5 <= 240 * 16_384, "{ran} trials");
}

#[test]
fn a_design_beyond_the_limit_is_hardly_ever_chosen() {
    // The cheaper one breaks the condition by a fifth.
    let designs = [(10.0, 0.12), (20.0, 0.02)];
    let mut wrong = 0;
    for seed in 1..=200 {
        let (found, _) = found(&designs, "p_unavailable(30d, 15min) <= 10%", 2_048, seed);
        wrong += usize::from(found.cheapest == Some(0));
    }
    assert!(wrong <= 10, "{wrong} of 200, and 10 are allowed");
}

#[test]
fn what_never_happened_is_not_impossible() {
    let designs = [(10.0, 0.0)];
    let (found, _) = found(&designs, "p_unavailable(30d, 15min) <= 0.01%", 256, 1);
    assert_eq!((found.cheapest, found.cut_short), (None, true));
    let (bounded, kept) = found.designs[0].conditions[0];
    assert_eq!((bounded.value, kept), (0.0, None));
    assert!(bounded.high.expect("a bound") > 0.01);
}

#[test]
fn a_failed_design_is_never_the_answer() {
    let conditions = [condition("p_unavailable(30d, 15min) <= 50%")];
    let question = Question {
        conditions: &conditions,
        gate: None,
        values: Values::default(),
        days: 30.0,
    };
    let trial = |n: usize, number: u64, _: &Streams| match (n, number) {
        (0, 7) => Err(Failure::Failed("a limit".to_owned())),
        _ => Ok(Sample {
            cost: 10.0 * (n + 1) as f64,
            ..Sample::default()
        }),
    };
    let found = search(2, &question, &effort(256), 1, trial);
    assert_eq!(found.cheapest, Some(1));
    assert_eq!(found.designs[0].failed, Some((7, "a limit".to_owned())));
}

#[test]
fn a_gate_is_decided_whatever_the_answer() {
    let conditions = [condition("p_unavailable(30d, 15min) <= 50%")];
    let gate = condition("p_unavailable(30d, 15min) > 5%");
    let question = Question {
        conditions: &conditions,
        gate: Some(&gate),
        values: Values::default(),
        days: 30.0,
    };
    for (chance, expected) in [(0.1, Some(true)), (0.02, Some(false)), (0.05, None)] {
        let runs = AtomicU64::new(0);
        let designs = [(10.0, chance)];
        let trial = outages(&designs, &runs);
        let found = search(1, &question, &effort(8_192), 3, &trial);
        assert_eq!(found.gate.expect("it is asked").1, expected, "{chance}");
    }
}

#[test]
fn the_difference_to_the_first_design_is_as_precise_as_asked() {
    let designs = [(10.0, 0.3), (20.0, 0.02)];
    let conditions = [condition("p_unavailable(30d, 15min) <= 10%")];
    let question = Question {
        conditions: &conditions,
        gate: None,
        values: Values::default(),
        days: 30.0,
    };
    let trials = |precision: Option<f64>| {
        let runs = AtomicU64::new(0);
        let trial = outages(&designs, &runs);
        let effort = Effort {
            precision,
            ..effort(65_536)
        };
        let found = search(2, &question, &effort, 5, &trial);
        assert_eq!((found.cheapest, found.cut_short), (Some(1), false));
        let lost = |n: usize| found.designs[n].samples.iter().map(|s| s.lost);
        let differences: Vec<f64> = lost(0).zip(lost(1)).map(|(a, b)| b - a).collect();
        let mean = crate::stats::mean(&differences, 0.95).expect("an interval");
        (
            differences.len(),
            (mean.high - mean.low) / 2.0 / mean.value.abs(),
        )
    };
    let (usual, _) = trials(None);
    let (more, part) = trials(Some(0.05));
    assert!(more > usual && part <= 0.05, "{more} of {usual}, {part}");
}
