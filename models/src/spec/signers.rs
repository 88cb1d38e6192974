//! Who comes: signers of one or several products with their patience and returns, and machine
//! callers.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, PerSec, Probability};

use super::traffic::{BurstsSpec, Series, SurgeSpec, TrafficSpec};

/// The people who come to accept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignersSpec {
    /// The service that captures acceptances.
    pub service: String,
    /// Visits per second, on average. Poisson.
    pub visits: PerSec,
    /// The rate in each local hour of the day over the average, from midnight on; absent: even.
    pub hourly: Option<Vec<Factor>>,
    /// The rate on each day of the week over the average, Monday first; absent: even.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all signers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each once.
    #[serde(rename = "surge", default)]
    pub surges: Vec<SurgeSpec>,
    /// The rate as it was recorded, in place of `visits` from its first row on.
    pub recorded: Option<Series>,
    /// A minute counts as down when more than this share of its first presses fail.
    pub objective: Probability,
    /// Kinds of signers; their shares add up to 100 %.
    #[serde(rename = "class")]
    pub classes: Vec<ClassSpec>,
}

/// A further product whose customers come to accept, counted with the signers and apart from them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductSpec {
    /// Its name.
    pub name: String,
    /// The service that captures its acceptances.
    pub service: String,
    /// Visits per second, on average. Poisson.
    pub visits: PerSec,
    /// The rate in each local hour of the day over the average, from midnight on; absent: even.
    pub hourly: Option<Vec<Factor>>,
    /// The rate on each day of the week over the average, Monday first; absent: even.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all its signers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each once.
    #[serde(rename = "surge", default)]
    pub surges: Vec<SurgeSpec>,
    /// The rate as it was recorded, in place of `visits` from its first row on.
    pub recorded: Option<Series>,
    /// A minute counts as down when more than this share of its first presses fail; absent: as for
    /// `[signers]`.
    pub objective: Option<Probability>,
    /// Kinds of signers; their shares add up to 100 %. None: those of `[signers]`.
    #[serde(rename = "class", default)]
    pub classes: Vec<ClassSpec>,
}

/// One kind of signer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassSpec {
    /// Its name.
    pub name: String,
    /// Share of all visits.
    pub share: Probability,
    /// How long one press is waited for.
    pub patience: SimDuration,
    /// Presses in one visit, the first included.
    pub presses_max: u32,
    /// Pause between an error that is shown and the next press.
    pub press_again_after: SimDuration,
    /// When a blocked signer comes back, counted from the first visit; empty: never.
    pub returns: Vec<SimDuration>,
}

/// Machine callers of a service: they press once and wait for the gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerSpec {
    /// The service that they call.
    pub service: String,
    /// Calls per second, on average. Poisson.
    pub calls: PerSec,
    /// The rate in each local hour of the day over the average, from midnight on; absent: even.
    pub hourly: Option<Vec<Factor>>,
    /// The rate on each day of the week over the average, Monday first; absent: even.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all callers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each once.
    #[serde(rename = "surge", default)]
    pub surges: Vec<SurgeSpec>,
    /// The rate as it was recorded, in place of `calls` from its first row on.
    pub recorded: Option<Series>,
}

impl SignersSpec {
    /// How its rate varies.
    pub fn traffic(&self) -> TrafficSpec<'_> {
        TrafficSpec {
            rate: self.visits,
            hourly: self.hourly.as_deref(),
            weekly: self.weekly.as_deref(),
            bursts: self.bursts.as_ref(),
            surges: &self.surges,
            recorded: self.recorded.as_ref(),
        }
    }
}

impl CallerSpec {
    /// How its rate varies.
    pub fn traffic(&self) -> TrafficSpec<'_> {
        TrafficSpec {
            rate: self.calls,
            hourly: self.hourly.as_deref(),
            weekly: self.weekly.as_deref(),
            bursts: self.bursts.as_ref(),
            surges: &self.surges,
            recorded: self.recorded.as_ref(),
        }
    }
}

impl ProductSpec {
    /// How its rate varies.
    pub fn traffic(&self) -> TrafficSpec<'_> {
        TrafficSpec {
            rate: self.visits,
            hourly: self.hourly.as_deref(),
            weekly: self.weekly.as_deref(),
            bursts: self.bursts.as_ref(),
            surges: &self.surges,
            recorded: self.recorded.as_ref(),
        }
    }
}
