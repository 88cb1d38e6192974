//! The demand's entry points for tests and benchmarks, which need no limit.

#![allow(dead_code, reason = "not every test needs all of it")]

use demand::{Answers, Demand, DemandOutcome, Mode, Window};
use sim::{Budget, SimTime, Streams};

/// [`demand::evaluate`] without a limit.
pub fn evaluate(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
    mode: Mode,
) -> DemandOutcome {
    let outcome = demand::evaluate(
        demand,
        answers,
        streams,
        horizon,
        mode,
        &Budget::unlimited(),
    );
    outcome.expect("there is no limit").outcome
}

/// [`demand::look`] at the first population, without a limit.
pub fn look(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
    around: (SimTime, SimTime),
) -> Option<Window> {
    let window = demand::look(
        demand,
        0,
        answers,
        streams,
        horizon,
        around,
        &Budget::unlimited(),
    );
    window.expect("there is no limit")
}
