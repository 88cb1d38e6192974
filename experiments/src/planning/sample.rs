//! What one trial of a design says to a planner.

use models::TrialResult;
use serde::Serialize;
use sim::SimTime;

use crate::forms::condition::{Event, Loss, Quantity};

/// What is lost is worth, in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Values {
    /// A request that is lost.
    pub request: f64,
    /// A record that is lost.
    pub record: f64,
    /// An hour in which too many requests fail.
    pub degraded_hour: f64,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When each shard was full, by its name, in seconds; not those that never were.
    pub full: Vec<(String, f64)>,
    /// Spans in which nothing succeeded: start and length in seconds.
    pub unavailable: Vec<(f64, f64)>,
    /// Spans in which too many requests failed, likewise.
    pub degraded: Vec<(f64, f64)>,
    /// Requests that were lost.
    pub lost: f64,
    /// Acknowledged writes, stored keys and jobs that were lost, or evicted by mistake.
    pub records_lost: f64,
    /// Dollars a month.
    pub cost: f64,
}

impl Sample {
    /// What a trial shows.
    pub fn of(result: &TrialResult) -> Sample {
        let milestones = &result.milestones;
        let span =
            |(from, to): &(SimTime, SimTime)| (from.as_secs_f64(), (*to - *from).as_secs_f64());
        let full = milestones.full.iter();
        let outcome = &result.outcome;
        Sample {
            full: full
                .map(|(name, at)| (name.clone(), at.as_secs_f64()))
                .collect(),
            unavailable: milestones.unavailable.iter().map(span).collect(),
            degraded: milestones.degraded.iter().map(span).collect(),
            lost: outcome.lost as f64,
            records_lost: (outcome.acked_lost
                + outcome.stored_lost
                + outcome.jobs_lost
                + milestones.stored_evicted) as f64,
            cost: outcome.cost_per_month_usd,
        }
    }

    /// When some node was full, in seconds.
    pub fn first_full(&self) -> Option<f64> {
        self.full.iter().map(|(_, at)| *at).reduce(f64::min)
    }

    /// Does it happen?
    pub fn has(&self, event: Event) -> bool {
        let longer_than = |spans: &[(f64, f64)], within: f64, least: f64| {
            let mut spans = spans.iter();
            spans.any(|(from, length)| *from < within && *length > least)
        };
        match event {
            Event::Full { within } => self
                .first_full()
                .is_some_and(|at| at <= within.as_secs_f64()),
            Event::Unavailable { within, longer } => {
                let (within, longer) = (within.as_secs_f64(), longer.as_secs_f64());
                longer_than(&self.unavailable, within, longer)
            }
            Event::Degraded { within, longer } => {
                let (within, longer) = (within.as_secs_f64(), longer.as_secs_f64());
                longer_than(&self.degraded, within, longer)
            }
            Event::DataLost => self.records_lost > 0.0,
        }
    }

    /// What is lost over the trial.
    pub fn loss(&self, loss: Loss, values: &Values) -> f64 {
        match loss {
            Loss::Requests => self.lost,
            Loss::Records => self.records_lost,
            Loss::Money => {
                let degraded: f64 = self.degraded.iter().map(|(_, length)| length).sum();
                self.lost * values.request
                    + self.records_lost * values.record
                    + degraded / 3600.0 * values.degraded_hour
            }
        }
    }

    /// What a quantity is in this trial, of `days` days: 1 or 0 of a probability.
    pub fn value(&self, quantity: Quantity, values: &Values, days: f64) -> f64 {
        match quantity {
            Quantity::Chance(event) => f64::from(u8::from(self.has(event))),
            Quantity::Rate(loss, per) => self.loss(loss, values) * per / days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::SimDuration;

    #[test]
    fn an_outage_counts_if_it_begins_in_time_and_lasts_long_enough() {
        let sample = Sample {
            unavailable: vec![(100.0, 60.0), (5_000.0, 900.0)],
            degraded: vec![(100.0, 7_200.0)],
            lost: 10.0,
            ..Sample::default()
        };
        let outage = |within, longer| {
            let [within, longer] = [within, longer].map(SimDuration::from_secs);
            sample.has(Event::Unavailable { within, longer })
        };
        assert!(outage(86_400, 899) && !outage(86_400, 900));
        assert!(outage(101, 59) && !outage(101, 60) && !outage(100, 1));
        let values = Values {
            request: 2.0,
            record: 5.0,
            degraded_hour: 100.0,
        };
        assert_eq!(sample.loss(Loss::Money, &values), 220.0);
        let per_year = Quantity::Rate(Loss::Requests, 365.0);
        assert_eq!(sample.value(per_year, &values, 73.0), 50.0);
    }
}
