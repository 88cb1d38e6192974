//! The remedy that does not wait for people.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

/// What an autoscaler adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AddsSpec {
    /// Memory: larger nodes for all shards.
    #[default]
    Memory,
    /// Shards with nodes as large as the others, to which slots move. For `failover.kind`
    /// `cluster-bus` and `managed`.
    Shards,
}

/// Automatic scaling of memory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerSpec {
    /// Used share of the nodes' limit, on average over the shards, from which on it acts.
    pub target: Probability,
    /// How long the target must be exceeded.
    pub sustained: SimDuration,
    /// Time until the new nodes exist; copying the data from the primaries comes on top.
    pub provision: Dist,
    /// Least time between two actions.
    pub cool_down: SimDuration,
    /// What it adds; absent: memory. ElastiCache's auto scaling adds shards and never memory.
    #[serde(default)]
    pub adds: AddsSpec,
    /// Memory of the new nodes over the old ones, or shards over those before, rounded up; above
    /// 1x.
    pub step: Factor,
    /// Memory of the largest node that the provider sells over that of the scenario. What would be
    /// larger is not ordered. Of shards: the most over those of the scenario, rounded down.
    pub ceiling: Factor,
}

impl AutoscalerSpec {
    /// The most shards that it brings a cluster to that began with so many.
    pub fn most_shards(&self, shards: u16) -> u16 {
        let most = (f64::from(shards) * self.ceiling.get() + 1e-9).floor();
        match self.adds {
            AddsSpec::Memory => shards,
            AddsSpec::Shards => (most as u16).max(shards),
        }
    }

    /// How many shards it wants for so many, of at most so many.
    pub fn wants_shards(&self, shards: usize, most: u16) -> usize {
        let wanted = (shards as f64 * self.step.get() - 1e-9).ceil() as usize;
        wanted.max(shards + 1).min(usize::from(most))
    }
}
