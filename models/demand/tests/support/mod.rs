//! The demand's entry points for tests and benchmarks, which need no limit.

#![allow(dead_code, reason = "not every test needs all of it")]

use demand::{Answers, Demand, DemandOutcome, Mode, Window};
use rand::RngExt;
use sim::{Budget, Rng, SimDuration, SimTime, Streams};

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

/// So many seconds.
pub fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

/// The instant after so many seconds.
pub fn at(s: f64) -> SimTime {
    SimTime::ZERO + seconds(s)
}

/// Any of these.
pub fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())].clone()
}

/// A duration anywhere between two orders of magnitude.
pub fn span(rng: &mut Rng, low: f64, high: f64) -> SimDuration {
    let log = low.ln() + (high / low).ln() * rng.random::<f64>();
    // Round numbers make ties, which are where orders of events show.
    let secs = if rng.random_bool(0.5) {
        (log.exp() * 2.0).round() / 2.0
    } else {
        log.exp()
    };
    seconds(secs.max(0.001))
}
