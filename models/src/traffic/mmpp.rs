//! Bursts as a two-state Markov-modulated Poisson process.
//!
//! ```text
//! rate   high ┌──┐        ┌─────┐           times in a state are exponential
//!        low ─┘  └────────┘     └──────     the first state is drawn from the stationary ones
//! ```
//!
//! With low rate 1, high rate h, and a share p of the time at the high one, the mean is
//! 1 + p (h - 1); the factors are divided by it if the stated mean is to be kept. It is kept over
//! all trials, not in each. Given the switching times arrivals are Poisson, so the process is drawn
//! as an environment: the times before the trial, the arrivals from their trees.

use rand::RngExt as _;
use sim::{Dist, SimTime, Streams};

use super::Steps;
use crate::spec::traffic::{BurstMean, BurstsSpec};
use crate::streams;

/// The factor of the rate over the trial.
pub(super) fn bursts(spec: &BurstsSpec, entity: u64, streams: &Streams, end: SimTime) -> Steps {
    let BurstsSpec::Mmpp {
        high,
        low_mean,
        high_mean,
        mean,
    } = spec;
    let share = high_mean.as_secs_f64() / (low_mean.as_secs_f64() + high_mean.as_secs_f64());
    let low = match mean.unwrap_or(BurstMean::Kept) {
        BurstMean::Kept => 1.0 / (1.0 + share * (high.get() - 1.0)),
        BurstMean::Raised => 1.0,
    };
    let mut rng = streams.stream(streams::BURSTS, entity);
    let mut is_high = rng.random::<f64>() < share;
    let mut at = SimTime::ZERO;
    let mut steps = Steps::new();
    while at < end {
        let (factor, mean) = match is_high {
            true => (low * high.get(), *high_mean),
            false => (low, *low_mean),
        };
        steps.push((at, factor));
        at = at.saturating_add(Dist::Exponential { mean }.sample(&mut rng));
        is_high = !is_high;
    }
    steps
}
