//! From a mean rate to the intensity that arrivals follow in one trial.
//!
//! ```text
//!  rate(t) = recorded(t), or the stated mean       spec
//!          × hourly(t) × weekly(t)                 by local wall clock
//!          × bursts(t)                             drawn: mmpp.rs
//!          × surge(t) × surge(t) …                 drawn: surge.rs
//! ```
//!
//! All of them are steps, so their product is one piecewise constant [`Intensity`] and arrival
//! trees stay exact. What is drawn is drawn before the trial from streams of the population, never
//! of a class, a cell or a design: every design meets the same bursts and surges.
//!
//! New keys of a workload vary in the same way (`keys.rs`).
//!
//! Left out: rates that change continuously, signers who come because others could not, and bursts
//! that several populations share.

mod keys;
mod mmpp;
mod profile;
mod surge;

use sim::{Intensity, SimDuration, SimTime, Streams};

use crate::spec::clock::ClockSpec;
use crate::spec::traffic::{Series, TrafficSpec};
pub use keys::{growth, keys};

/// A step function: from each instant on so much; it begins at zero and ascends.
pub type Steps = Vec<(SimTime, f64)>;

/// The intensity of the population `entity` up to the horizon.
pub fn intensity(
    traffic: &TrafficSpec,
    clock: Option<&ClockSpec>,
    entity: u64,
    streams: &Streams,
    horizon: SimDuration,
) -> Intensity {
    let end = SimTime::ZERO + horizon;
    Intensity::piecewise(&rates(traffic, clock, entity, streams, horizon), end)
}

/// The same as steps.
pub fn rates(
    traffic: &TrafficSpec,
    clock: Option<&ClockSpec>,
    entity: u64,
    streams: &Streams,
    horizon: SimDuration,
) -> Steps {
    let end = SimTime::ZERO + horizon;
    let stated = traffic.rate.get();
    let mut factors = vec![match traffic.recorded {
        Some(series) => recorded(series, clock, stated),
        None => vec![(SimTime::ZERO, stated)],
    }];
    let monday = ClockSpec::since_monday(clock);
    factors.extend(
        traffic
            .hourly
            .map(|hours| profile::hourly(hours, monday, end)),
    );
    factors.extend(
        traffic
            .weekly
            .map(|days| profile::weekly(days, monday, end)),
    );
    factors.extend(
        traffic
            .bursts
            .map(|bursts| mmpp::bursts(bursts, entity, streams, end)),
    );
    let surges = traffic.surges.iter().enumerate();
    factors.extend(surges.map(|(i, surge)| surge::surge(surge, i as u64, entity, streams)));
    product(&factors, end)
}

/// The rate as it was recorded; before its first row the stated one.
fn recorded(series: &Series, clock: Option<&ClockSpec>, stated: f64) -> Steps {
    let mut steps = vec![(SimTime::ZERO, stated)];
    for (since, rate) in series.rates(clock) {
        match u64::try_from(since) {
            Ok(since @ 1..) => steps.push((SimTime::from_nanos(since), rate)),
            // Rows that begin before the trial: the last of them is in force at its start.
            Ok(0) | Err(_) => steps[0].1 = rate,
        }
    }
    steps
}

/// All factors multiplied, with a piece wherever one of them begins.
fn product(factors: &[Steps], end: SimTime) -> Steps {
    joined(factors, end, |values| values.product())
}

/// What becomes of the values of all at each instant at which one of them begins another piece.
pub fn joined<T>(
    factors: &[Steps],
    end: SimTime,
    value: impl Fn(&mut dyn Iterator<Item = f64>) -> T,
) -> Vec<(SimTime, T)> {
    let starts = factors.iter().flatten().map(|(from, _)| *from);
    let mut starts: Vec<SimTime> = starts.filter(|from| *from < end).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut at = vec![0; factors.len()];
    let now = |from: SimTime| {
        let mut current = at.iter_mut().zip(factors).map(|(at, steps)| {
            while steps.get(*at + 1).is_some_and(|next| next.0 <= from) {
                *at += 1;
            }
            steps[*at].1
        });
        (from, value(&mut current))
    };
    starts.into_iter().map(now).collect()
}
