//! The scorecard: what was simulated beside what was reported.
//!
//! A scripted interval holds if its median is within a tenth of what was reported, or within 2 min
//! if that is more, or between the bounds that are given instead. A blind total holds if what was
//! reported lies between the 5th and the 95th percentile of the simulated. A moment that does not
//! come in half of the trials is a miss, and the line says why there is no figure.

use models::TrialResult;
use serde::Serialize;
use sim::SimDuration;

use super::absent::{Absent, Found, why};
use super::{Kind, Replay, Watch, measure, onset, trials};
use crate::error::Error;
use crate::forms::replay::{Check, MeasureSpec, ReplaySpec, Selector, TotalSpec};
use crate::stats::estimate::average;
use crate::stats::quantile;

/// One line of the scorecard. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The scenario.
    pub scenario: String,
    /// `scripted` or `blind`.
    pub mode: &'static str,
    /// The check.
    pub check: String,
    /// What the report says; absent where it gives no number.
    pub reported: Option<f64>,
    /// The least that holds.
    pub low: Option<f64>,
    /// The most that holds.
    pub high: Option<f64>,
    /// What was simulated: the median; absent if it did not come about.
    pub simulated: Option<f64>,
    /// Does it hold?
    pub pass: bool,
    /// Why nothing was simulated that could be compared.
    pub reason: Option<String>,
    /// Are the numbers seconds?
    #[serde(skip)]
    pub times: bool,
}

/// Judges a scripted replay by all of its checks.
///
/// # Errors
/// If a trial of another world cannot be finished, or nobody waits for it any more.
pub fn scripted(
    replay: &Replay,
    seed: u64,
    told: &[TrialResult],
    watch: &dyn Watch,
) -> Result<Vec<Line>, Error> {
    let total = &replay.spec.total;
    let totals = values(told, |trial| total_or_why(&replay.spec, trial));
    let given = (total.at_least, total.at_most);
    let bounds = Bounds::of(total.reported, total.within, given);
    let mut lines = vec![interval(replay, "total", bounds, totals)];
    for (n, check) in replay.spec.checks.iter().enumerate() {
        let (name, spec) = (&check.name, &replay.spec);
        lines.push(match &check.expect {
            Check::Interval {
                from,
                to,
                reported,
                within,
                at_least,
                at_most,
            } => {
                let values = values(told, |trial| between(spec, from, to, trial));
                let bounds = Bounds::of(*reported, *within, (*at_least, *at_most));
                interval(replay, name, bounds, values)
            }
            Check::Count {
                moment,
                at_least,
                at_most,
            } => {
                let count = |trial: &TrialResult| {
                    Ok(moment.count(&trial.moments, onset(spec, trial)) as f64)
                };
                let bounds = (at_least.map(f64::from), at_most.map(f64::from));
                range(replay, name, bounds, values(told, count))
            }
            Check::FailingShare {
                at_least, at_most, ..
            } => {
                let share = |trial: &TrialResult| measure::failing(&check.expect, spec, trial);
                let bounds = (at_least.map(|p| p.get()), at_most.map(|p| p.get()));
                range(replay, name, bounds, values(told, share))
            }
            Check::Latency {
                at_least, at_most, ..
            } => {
                let took = |trial: &TrialResult| measure::latency(&check.expect, spec, trial);
                let bounds = Bounds::of(None, None, (*at_least, *at_most));
                interval(replay, name, bounds, values(told, took))
            }
            Check::Connections { .. } => {
                let most = |trial: &TrialResult| measure::connections(&check.expect, spec, trial);
                let bounds = measure::connection_bounds(&check.expect);
                range(replay, name, bounds, values(told, most))
            }
            Check::Compare {
                measure,
                at_least,
                at_most,
            } => {
                let bounds = (at_least.map(|f| f.get()), at_most.map(|f| f.get()));
                compare(replay, (n, *measure), bounds, told, (seed, watch))?
            }
        });
    }
    Ok(lines)
}

/// Judges a blind replay: the reported total among the simulated.
pub fn blind(replay: &Replay, told: &[TrialResult]) -> Line {
    let TotalSpec {
        reported,
        at_least,
        at_most,
        ..
    } = &replay.spec.total;
    let seconds = |time: &Option<SimDuration>| time.map(SimDuration::as_secs_f64);
    let reported = seconds(reported);
    // An outage that has not ended is longer than any that has.
    let totals: Vec<f64> = told
        .iter()
        .filter(|trial| onset(&replay.spec, trial).is_some())
        .map(|trial| total_of(&replay.spec, trial).unwrap_or(ENDLESS))
        .collect();
    let at = |share| quantile(&totals, share, 0.95).map(|found| found.value);
    let [low, median, high] = [0.05, 0.5, 0.95].map(at);
    // What is only bounded must be able to come about.
    let (least, most) = (
        reported.or(seconds(at_least)).unwrap_or(0.0),
        reported.or(seconds(at_most)).unwrap_or(f64::INFINITY),
    );
    let pass = low.is_some_and(|low| low <= most) && high.is_some_and(|high| least <= high);
    // Between one that ends and one that does not a quantile is a mean of both.
    let ends = |time: Option<f64>| time.filter(|time| *time < ENDLESS / 1e6);
    let found = values(told, |trial| total_or_why(&replay.spec, trial));
    Line {
        mode: Kind::Blind.name(),
        reason: why(&found).filter(|_| ends(median).is_none()),
        low: ends(low),
        high: ends(high),
        simulated: ends(median),
        reported,
        pass,
        ..line(replay, "total")
    }
}

/// Seconds that stand for an outage which does not end before the horizon.
const ENDLESS: f64 = 1e15;

/// The total of the outage in seconds.
pub fn total_of(spec: &ReplaySpec, trial: &TrialResult) -> Option<f64> {
    total_or_why(spec, trial).ok()
}

fn total_or_why(spec: &ReplaySpec, trial: &TrialResult) -> Found {
    let zero = onset(spec, trial);
    let from = match &spec.total.from {
        Some(from) => measure::found(from, zero, trial)?,
        None => zero.ok_or(Absent::Onset)?,
    };
    let to = measure::found(&spec.total.to, zero, trial)?;
    Ok(to.saturating_since(from).as_secs_f64())
}

/// The value of a measure in one trial.
pub fn measured(spec: &ReplaySpec, measure: MeasureSpec, trial: &TrialResult) -> f64 {
    match measure {
        MeasureSpec::Lost => trial.outcome.lost as f64,
        MeasureSpec::AckedLost => trial.outcome.acked_lost as f64,
        MeasureSpec::StoredLost => trial.outcome.stored_lost as f64,
        MeasureSpec::Downtime => trial.outcome.downtime_true_s,
        MeasureSpec::Components => trial.components.iter().map(|c| c.downtime_true_s).sum(),
        MeasureSpec::Total => total_of(spec, trial).unwrap_or(0.0),
    }
}

fn line(replay: &Replay, check: &str) -> Line {
    Line {
        scenario: replay.name.clone(),
        mode: Kind::Scripted.name(),
        check: check.to_owned(),
        reported: None,
        low: None,
        high: None,
        simulated: None,
        pass: false,
        reason: None,
        times: true,
    }
}

/// The time between two moments in seconds; negative if they come the other way round.
fn between(spec: &ReplaySpec, from: &Selector, to: &Selector, trial: &TrialResult) -> Found {
    let zero = onset(spec, trial);
    let from = measure::found(from, zero, trial)?;
    let to = measure::found(to, zero, trial)?;
    let apart = to.saturating_since(from).as_secs_f64();
    Ok(apart - from.saturating_since(to).as_secs_f64())
}

fn values(told: &[TrialResult], of: impl Fn(&TrialResult) -> Found) -> Vec<Found> {
    told.iter().map(of).collect()
}

/// The median, if there is one in more than half of the trials.
fn median(values: &[Found]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    if known.len() * 2 <= values.len() {
        return None;
    }
    quantile(&known, 0.5, 0.95).map(|found| found.value)
}

/// What is reported of a time, and the bounds that follow, in seconds.
struct Bounds {
    reported: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Bounds {
    fn of(
        reported: Option<SimDuration>,
        within: Option<SimDuration>,
        (at_least, at_most): (Option<SimDuration>, Option<SimDuration>),
    ) -> Bounds {
        let reported = reported.map(SimDuration::as_secs_f64);
        let usual = |reported: f64| (reported / 10.0).max(120.0);
        let within = |reported| within.map_or(usual(reported), SimDuration::as_secs_f64);
        let or = |at: Option<f64>, bound: Option<SimDuration>| {
            at.or(bound.map(SimDuration::as_secs_f64))
        };
        Bounds {
            reported,
            low: or(reported.map(|at| at - within(at)), at_least),
            high: or(reported.map(|at| at + within(at)), at_most),
        }
    }
}

fn interval(replay: &Replay, check: &str, bounds: Bounds, values: Vec<Found>) -> Line {
    Line {
        reported: bounds.reported,
        times: true,
        ..range(replay, check, (bounds.low, bounds.high), values)
    }
}

fn range(
    replay: &Replay,
    check: &str,
    (low, high): (Option<f64>, Option<f64>),
    values: Vec<Found>,
) -> Line {
    let simulated = median(&values);
    let pass = simulated.is_some_and(|value| {
        low.is_none_or(|low| low <= value) && high.is_none_or(|high| value <= high)
    });
    Line {
        low,
        high,
        simulated,
        pass,
        reason: why(&values).filter(|_| simulated.is_none()),
        times: false,
        ..line(replay, check)
    }
}

fn compare(
    replay: &Replay,
    (check, measure): (usize, MeasureSpec),
    (low, high): (Option<f64>, Option<f64>),
    told: &[TrialResult],
    (seed, watch): (u64, &dyn Watch),
) -> Result<Line, Error> {
    let world = replay.world(Kind::Scripted, replay.other(check));
    let world = world.expect("it was checked as the scenario was read");
    let world = (&replay.spec, &world);
    let others = trials(&replay.name, world, seed, told.len() as u64, watch)?;
    let mean = |told: &[TrialResult]| {
        let values: Vec<f64> = told
            .iter()
            .map(|trial| measured(&replay.spec, measure, trial))
            .collect();
        average(&values)
    };
    let (before, after) = (mean(told), mean(&others));
    let ratio = (before > 0.0).then(|| after / before);
    let holds =
        |ratio: f64| low.is_none_or(|low| low <= ratio) && high.is_none_or(|high| ratio <= high);
    Ok(Line {
        low,
        high,
        simulated: ratio,
        pass: ratio.is_some_and(holds),
        reason: match ratio {
            Some(_) => None,
            None => Some(Absent::NothingToCompare.words().to_owned()),
        },
        times: false,
        ..line(replay, &replay.spec.checks[check].name)
    })
}
