//! The typed tables of a scenario file: workloads, Redis, services, who comes.
//!
//! A scenario is TOML: snake_case keys, kebab-case values, every quantity with its unit, unknown
//! keys refused. No field has a default in code: an optional part that is absent does not exist in
//! that world. Parts that can be chosen (probes, layouts, actions, faults) hold their own tables;
//! [`crate::world::spec`] puts all of them together.

pub mod alert;
pub mod autoscaler;
pub mod balancer;
pub mod client;
pub mod clock;
pub mod disk;
pub mod growth;
pub mod hazard;
pub mod limits;
pub mod persistence;
pub mod price;
pub mod redis;
pub mod replication;
mod schema;
pub mod service;
pub mod signers;
pub mod store;
pub mod supervisor;
mod system;
pub mod target;
pub mod traffic;

use schemars::JsonSchema;
use serde::Deserialize;

pub use alert::{AlertSpec, MetricSpec};
pub use autoscaler::AutoscalerSpec;
pub use client::ClientSpec;
pub use clock::ClockSpec;
pub use price::{PriceSpec, Usd};
pub use redis::{FailoverSpec, RedisSpec, WorkloadSpec};
pub use service::{ComponentSpec, NeedSpec, ServiceSpec};
pub use signers::{CallerSpec, ClassSpec, ProductSpec, SignersSpec};
pub use store::StoreSpec;
pub use system::SystemSpec;
pub use traffic::TrafficSpec;

/// The scenario in words, with its sources.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AboutSpec {
    /// One line: who, when, what happened.
    pub title: String,
    /// What a public report states, each with its source; absent: nothing.
    #[serde(default)]
    pub reported: Vec<FactSpec>,
    /// What is assumed because nothing is reported, each with its reason; absent: nothing.
    #[serde(default)]
    pub assumed: Vec<FactSpec>,
}

/// One statement and where it comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactSpec {
    /// The statement, or the key of the scenario that it is about.
    pub what: String,
    /// Its source, or the reason for assuming it.
    pub why: String,
}
