//! The typed input of a trial: what stands in a scenario file.
//!
//! A scenario is TOML: snake_case keys, kebab-case values, every quantity with its unit, unknown
//! keys refused. What types cannot say (a share above what is left, a quorum above the number of
//! observers) is checked by [`WorldSpec::problems`], which returns all findings at once.
//! No field has a default in code: an optional part that is absent does not exist in that world.

pub mod alert;
pub mod check;
pub mod clock;
pub mod fault;
pub mod people;
pub mod persistence;
pub mod price;
mod problems;
pub mod redis;
pub mod replication;
pub mod runbook;
mod schema;
pub mod service;
pub mod signers;
pub mod traffic;

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

pub use alert::{AlertSpec, MetricSpec};
pub use check::{ActionSpec, CheckSpec, GuardSpec, JudgeSpec, ProbeSpec};
pub use clock::ClockSpec;
pub use fault::FaultSpec;
pub use people::{AutoscalerSpec, PeopleSpec};
pub use price::{PriceSpec, Usd};
pub use problems::Problem;
pub use redis::{FailoverSpec, LayoutSpec, RedisSpec, WorkloadSpec};
pub use runbook::{RemedySpec, StepSpec, WhenSpec};
pub use service::{ComponentSpec, NeedSpec, ServiceSpec};
pub use signers::{CallerSpec, ClassSpec, ProductSpec, SignersSpec};
pub use traffic::TrafficSpec;

/// Everything that a trial needs to know.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// What the scenario is about, and which of its numbers are reported and which assumed.
    pub about: AboutSpec,
    /// How long a trial lasts.
    pub horizon: SimDuration,
    /// The wall clock; absent: a trial starts on a Monday at midnight.
    pub clock: Option<ClockSpec>,
    /// The uses that are made of Redis.
    #[serde(rename = "workload")]
    pub workloads: Vec<WorkloadSpec>,
    /// Which workload lives on which cluster.
    pub layout: LayoutSpec,
    /// What a cluster is made of.
    pub redis: RedisSpec,
    /// Who promotes a replica.
    pub failover: FailoverSpec,
    /// The APIs.
    #[serde(rename = "service")]
    pub services: Vec<ServiceSpec>,
    /// What the status page lists.
    #[serde(rename = "component", default)]
    pub components: Vec<ComponentSpec>,
    /// The people who come to accept.
    pub signers: SignersSpec,
    /// Further products that people come to accept.
    #[serde(rename = "product", default)]
    pub products: Vec<ProductSpec>,
    /// Machine callers of other services.
    #[serde(rename = "caller", default)]
    pub callers: Vec<CallerSpec>,
    /// The services' own checks of Redis, and what follows from a verdict.
    #[serde(rename = "health_check", default)]
    pub health_checks: Vec<CheckSpec>,
    /// Rules that page.
    #[serde(rename = "alert", default)]
    pub alerts: Vec<AlertSpec>,
    /// Automatic scaling of memory, if there is any.
    pub autoscaler: Option<AutoscalerSpec>,
    /// The people who fix.
    pub people: PeopleSpec,
    /// What goes wrong.
    #[serde(rename = "fault", default)]
    pub faults: Vec<FaultSpec>,
    /// What it costs.
    pub price: PriceSpec,
}

impl WorldSpec {
    /// The services that capture acceptances: that of the signers first, then by product.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        let products = self.products.iter().map(|product| product.service.as_str());
        std::iter::once(self.signers.service.as_str()).chain(products)
    }

    /// All kinds of signers.
    pub fn classes(&self) -> impl Iterator<Item = &ClassSpec> {
        let products = self.products.iter().flat_map(|product| &product.classes);
        self.signers.classes.iter().chain(products)
    }
}

/// The scenario in words, with its sources.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AboutSpec {
    /// One line.
    pub title: String,
    /// What a public report states.
    #[serde(default)]
    pub reported: Vec<FactSpec>,
    /// What we assume, and why.
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
