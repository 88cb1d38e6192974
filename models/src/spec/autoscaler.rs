//! The remedy that does not wait for people.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

/// Automatic scaling of memory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerSpec {
    /// Used share of the nodes' limit, on average over the shards, from which on it acts.
    pub target: Probability,
    /// How long the target must be exceeded.
    pub sustained: SimDuration,
    /// Time until the new nodes exist; copying the data comes on top.
    pub provision: Dist,
    /// Least time between two actions.
    pub cool_down: SimDuration,
    /// Memory of the new nodes over the old ones, above 1x.
    pub step: Factor,
    /// Memory of a node over that of the scenario, at most.
    pub ceiling: Factor,
}
