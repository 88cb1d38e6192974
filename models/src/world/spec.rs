//! The whole scenario of a trial: every table of a file.
//!
//! What types cannot say (a share above what is left, a quorum above the number of observers) is
//! checked by [`WorldSpec::problems`], which returns all findings at once.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use crate::check::spec::CheckSpec;
use crate::fault::FaultSpec;
use crate::layout::LayoutSpec;
use crate::people::spec::PeopleSpec;
use crate::spec::{
    AboutSpec, AlertSpec, AutoscalerSpec, CallerSpec, ClassSpec, ClockSpec, ComponentSpec,
    FailoverSpec, PriceSpec, ProductSpec, RedisSpec, ServiceSpec, SignersSpec, SystemSpec,
    WorkloadSpec,
};

/// Everything that a trial needs to know.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// What the scenario is about, and which of its numbers are reported and which assumed. Read by
    /// people only: it changes no result.
    pub about: AboutSpec,
    /// How long a trial lasts, such as `"1d"`; above `"0s"`. Let it end well after the outage: what
    /// is not over by then is cut off, and counts as still going on.
    pub horizon: SimDuration,
    /// The wall clock, by which `hourly` and `weekly` factors and dated series are told; absent: a
    /// trial starts on a Monday at midnight.
    pub clock: Option<ClockSpec>,
    /// The uses that are made of Redis (a cache, sessions, a queue), one table each; at least one.
    /// Services name those that they need.
    #[serde(rename = "workload")]
    pub workloads: Vec<WorkloadSpec>,
    /// Which workload lives on which cluster.
    pub layout: LayoutSpec,
    /// What a cluster is made of: nodes, memory, limits, replication, saves. All clusters of a
    /// layout follow from this one table.
    pub redis: RedisSpec,
    /// Who promotes a replica when a primary fails.
    pub failover: FailoverSpec,
    /// The programs that use Redis: APIs, web servers, workers behind a gateway; one table each, at
    /// least one.
    #[serde(rename = "service")]
    pub services: Vec<ServiceSpec>,
    /// What a status page lists, each with the services behind it; absent: no availability of
    /// components is told.
    #[serde(rename = "component", default)]
    pub components: Vec<ComponentSpec>,
    /// The people who come: visits at one service, in which they press a button that must be
    /// captured (an acceptance; any request that matters will do). Lost visits are the headline of
    /// a comparison.
    pub signers: SignersSpec,
    /// Further products that people come to, each at a service of its own; absent: none.
    #[serde(rename = "product", default)]
    pub products: Vec<ProductSpec>,
    /// Machine callers of services (other programs, background traffic), who press once, wait for
    /// as long as the gateway does and do not come back; absent: none.
    #[serde(rename = "caller", default)]
    pub callers: Vec<CallerSpec>,
    /// Automatic checks of Redis or of a service, and what follows from their verdict; absent:
    /// nothing is checked.
    #[serde(rename = "health_check", default)]
    pub health_checks: Vec<CheckSpec>,
    /// Rules on metrics that page a human; absent: none. Symptoms that users report are apart from
    /// these: `people.notice`.
    #[serde(rename = "alert", default)]
    pub alerts: Vec<AlertSpec>,
    /// Automatic enlarging of nodes; absent: nodes keep their size until people change it.
    pub autoscaler: Option<AutoscalerSpec>,
    /// The people who fix: how long they take to notice, to come, to find the cause, and what they
    /// then do.
    pub people: PeopleSpec,
    /// What goes wrong and when; absent: nothing does, and only growth can end it.
    #[serde(rename = "fault", default)]
    pub faults: Vec<FaultSpec>,
    /// What it costs, in US dollars. Only comparisons of designs read it; a replay does not.
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

    /// What Redis is made of and sized by, without those who use and operate it.
    pub fn system(&self) -> SystemSpec<'_> {
        SystemSpec {
            horizon: self.horizon,
            workloads: &self.workloads,
            services: &self.services,
            redis: &self.redis,
            failover: &self.failover,
            price: &self.price,
            patience: self.patience(),
        }
    }

    /// The shortest time that anybody waits for an answer before he acts on it.
    fn patience(&self) -> SimDuration {
        let clients = self.services.iter().flat_map(|service| {
            let given = service.client.command_timeout;
            given.into_iter().chain([service.gateway_timeout])
        });
        let signers = self.classes().map(|class| class.patience);
        let checks = self.health_checks.iter().map(|check| check.timeout);
        let bus = match &self.failover {
            FailoverSpec::ClusterBus(bus) => Some(bus.node_timeout / 2),
            FailoverSpec::Sentinel(sentinel) => Some(sentinel.down_after / 2),
            FailoverSpec::Managed(_) | FailoverSpec::Application {} | FailoverSpec::None {} => None,
        };
        let all = clients.chain(signers).chain(checks).chain(bus);
        all.min().unwrap_or(SimDuration::ZERO)
    }
}
