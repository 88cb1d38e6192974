//! Objectives, and whether the trials show that a design keeps them.

use crate::forms::study::{Objective, Statistic};
use crate::rows::read::Rows;
use crate::stats::{LEVEL, mean, quantile};

/// An objective and whether a design keeps it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Judged {
    /// The objective.
    pub objective: Objective,
    /// What the design has.
    pub value: Option<f64>,
    /// Met, missed, or `None` where the interval does not decide.
    pub kept: Option<bool>,
}

/// Whether a design keeps an objective.
pub fn judged(rows: &Rows, point: usize, objective: &Objective) -> Judged {
    let bound = objective.at_most.value();
    let values = with_endless(rows, point, &objective.measure);
    let values: Vec<f64> = values.into_iter().flatten().collect();
    let share = match objective.statistic {
        Statistic::Mean => None,
        Statistic::Median => Some(0.5),
        Statistic::P95 => Some(0.95),
    };
    let found = match share {
        // The mean of what never ends is beyond every bound.
        None if values.contains(&f64::INFINITY) => Some((f64::INFINITY, Some(ENDLESS))),
        None => mean(&values, LEVEL).map(|e| (e.value, Some((e.low, e.high)))),
        Some(share) => quantile(&values, share, LEVEL).map(|q| (q.value, q.interval)),
    };
    // What an incomplete design would have is not known.
    let complete = rows.manifest.is_complete(point);
    let kept = found
        .filter(|_| complete)
        .and_then(|(_, interval)| interval)
        .and_then(|(low, high)| match (high <= bound, low > bound) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        });
    Judged {
        objective: objective.clone(),
        value: found.map(|(value, _)| value),
        kept,
    }
}

/// The interval of a time that never ends.
const ENDLESS: (f64, f64) = (f64::INFINITY, f64::INFINITY);

/// A measure in each trial. A trial whose outage was never noticed, or never ended, counts as
/// infinite, so it breaks every bound.
pub fn with_endless(rows: &Rows, point: usize, measure: &str) -> Vec<Option<f64>> {
    let values = rows.optional(measure, point);
    if !["detect_s", "recover_s"].contains(&measure) {
        return values;
    }
    let down = rows.values("downtime_true_s", point);
    let of_trial = |(value, down): (Option<f64>, &f64)| match value {
        None if *down > 0.0 => Some(f64::INFINITY),
        value => value,
    };
    values.into_iter().zip(down).map(of_trial).collect()
}
