//! Who comes: signers of one or several products with their patience and returns, and machine
//! callers.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, PerSec, Probability};

use super::traffic::{BurstsSpec, Series, SurgeSpec, TrafficSpec};

/// What the table `[signers]` goes by among products.
pub const SIGNERS: &str = "signers";

/// The people who come to accept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignersSpec {
    /// The name of the service that they visit and that captures their requests.
    pub service: String,
    /// Visits per second, on average: Poisson, varied by the keys below. About 10/s is enough to
    /// see an outage and quick to simulate.
    pub visits: PerSec,
    /// 24 factors on the rate, one for each local hour of the day from midnight on (see `[clock]`);
    /// absent: all hours are the same.
    pub hourly: Option<Vec<Factor>>,
    /// 7 factors on the rate, one for each day of the week, Monday first; absent: all days are the
    /// same.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all signers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each of which happens once: a campaign, a flood; absent: none.
    #[serde(rename = "surge", default)]
    pub surges: Vec<SurgeSpec>,
    /// The rate as it was recorded, in place of `visits` from its first row on.
    pub recorded: Option<Series>,
    /// A minute counts as down when more than this share of its first attempts fail, such as
    /// `"1%"`.
    pub objective: Probability,
    /// Classes of users: how patient they are and whether they come back. At least one; their
    /// shares add up to 100%.
    #[serde(rename = "class")]
    pub classes: Vec<ClassSpec>,
}

/// A further product whose customers come to accept, counted with the signers and apart from them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductSpec {
    /// Its name in results. Each only once, and not `signers`.
    pub name: String,
    /// The name of the service that captures its requests.
    pub service: String,
    /// Visits per second, on average: Poisson, varied by the keys below.
    pub visits: PerSec,
    /// 24 factors on the rate, one for each local hour of the day from midnight on (see `[clock]`);
    /// absent: all hours are the same.
    pub hourly: Option<Vec<Factor>>,
    /// 7 factors on the rate, one for each day of the week, Monday first; absent: all days are the
    /// same.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all its signers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each of which happens once: a campaign, a flood; absent: none.
    #[serde(rename = "surge", default)]
    pub surges: Vec<SurgeSpec>,
    /// The rate as it was recorded, in place of `visits` from its first row on.
    pub recorded: Option<Series>,
    /// A minute counts as down when more than this share of its first presses fail; absent: as for
    /// `[signers]`.
    pub objective: Option<Probability>,
    /// Kinds of its signers; their shares add up to 100%. Absent: those of `[signers]`.
    #[serde(rename = "class", default)]
    pub classes: Vec<ClassSpec>,
}

/// One kind of signer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassSpec {
    /// Its name, for people.
    pub name: String,
    /// Share of all visits that are of this class.
    pub share: Probability,
    /// How long a user waits for one attempt, above 0s; then they try again or leave.
    pub patience: SimDuration,
    /// Attempts in one visit, the first included; at least 1, which means no retry.
    pub presses_max: u32,
    /// Pause between an error and the next attempt. A user whose patience runs out tries again at
    /// once.
    pub press_again_after: SimDuration,
    /// When a blocked user comes back, counted from the first visit, in ascending order: `["1h",
    /// "1d"]`; `[]`: never.
    pub returns: Vec<SimDuration>,
}

/// Machine callers of a service: they press once and wait for the gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerSpec {
    /// The name of the service that they call.
    pub service: String,
    /// Calls per second, on average: Poisson, varied by the keys below.
    pub calls: PerSec,
    /// 24 factors on the rate, one for each local hour of the day from midnight on (see `[clock]`);
    /// absent: all hours are the same.
    pub hourly: Option<Vec<Factor>>,
    /// 7 factors on the rate, one for each day of the week, Monday first; absent: all days are the
    /// same.
    pub weekly: Option<Vec<Factor>>,
    /// Random bursts of all callers; absent: none.
    pub bursts: Option<BurstsSpec>,
    /// Surges, each of which happens once: a campaign, a flood; absent: none.
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
