//! How the keys that a workload adds vary: by hour and day, with time, in steps, from trial to
//! trial.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::Factor;

/// What multiplies `new_keys`. Everything that is given does; absent: nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrowthSpec {
    /// A factor for each local hour of the day, 24 of them, the first for the hour after midnight;
    /// absent: every hour is like the others. Factors with a mean of 1 keep the stated rate.
    pub hourly: Option<Vec<Factor>>,
    /// A factor for each day of the week, 7 of them, Monday first; absent: every day is like the
    /// others.
    pub weekly: Option<Vec<Factor>>,
    /// Factor of `new_keys` over 30 days, applied day by day from the start of the trial on:
    /// `"1.1x"` for 10 % more keys a second each month. Absent: the rate does not drift.
    pub monthly: Option<Factor>,
    /// Steps of the rate that stay: a deploy that writes twice as much, a table that is split.
    #[serde(default, rename = "step")]
    pub steps: Vec<StepSpec>,
    /// How well `new_keys` is known, at least `"1x"`: in 90 of 100 trials the rate lies between
    /// `new_keys` divided by it and `new_keys` times it, log-normal about `new_keys`. Every design
    /// meets the same rate in the same trial. Absent: it is as stated in all of them.
    pub band: Option<Factor>,
}

/// A step of the rate of new keys, which stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// When, from the trial's start.
    pub at: Dist,
    /// From then on there are so many times as many new keys.
    pub factor: Factor,
}

/// What `monthly` is about.
pub const MONTH: SimDuration = SimDuration::from_days(30);

impl GrowthSpec {
    /// The mean factor of a week, steps and drift aside.
    pub fn mean(&self) -> f64 {
        let mean = |factors: &Option<Vec<Factor>>| {
            let factors = factors.as_deref().filter(|factors| !factors.is_empty());
            factors.map_or(1.0, |factors| {
                factors.iter().map(|factor| factor.get()).sum::<f64>() / factors.len() as f64
            })
        };
        mean(&self.hourly) * mean(&self.weekly)
    }

    /// The highest factor of all that are known beforehand, over a trial of this length.
    pub fn highest(&self, horizon: SimDuration) -> f64 {
        let most = |factors: &Option<Vec<Factor>>| {
            let factors = factors.iter().flatten().map(|factor| factor.get());
            factors.reduce(f64::max).unwrap_or(1.0)
        };
        let steps: f64 = self
            .steps
            .iter()
            .map(|step| step.factor.get().max(1.0))
            .product();
        let months = horizon.as_secs_f64() / MONTH.as_secs_f64();
        let drift = self.monthly.map_or(1.0, |factor| factor.get().powf(months));
        // One trial in a million is beyond three times the band.
        let band = self.band.map_or(1.0, |band| band.get().powi(3));
        most(&self.hourly) * most(&self.weekly) * steps * drift.max(1.0) * band
    }
}
