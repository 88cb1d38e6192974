//! Who comes: signers with their patience and returns, and machine callers.

use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, PerSec, Probability};

/// The people who come to accept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignersSpec {
    /// The service that captures acceptances.
    pub service: String,
    /// Visits per second, on average over a day. Poisson.
    pub visits: PerSec,
    /// The rate in each hour of the day over the average, from the trial's start on; absent: even.
    pub hourly: Option<Vec<Factor>>,
    /// A minute counts as down when more than this share of its first presses fail.
    pub objective: Probability,
    /// Kinds of signers; their shares add up to 100 %.
    #[serde(rename = "class")]
    pub classes: Vec<ClassSpec>,
}

/// One kind of signer.
#[derive(Clone, Debug, Deserialize)]
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerSpec {
    /// The service that they call.
    pub service: String,
    /// Calls per second. Poisson.
    pub calls: PerSec,
}
