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
    /// What the scenario is about, and which of its numbers are reported and which assumed. For
    /// readers only: it changes no result.
    pub about: AboutSpec,
    /// How long a trial lasts, such as `"1d"`; above `"0s"`. Let it end well after the outage:
    /// whatever is not over by then counts as still going on.
    pub horizon: SimDuration,
    /// The wall clock for `hourly` and `weekly` factors and dated series; absent: a trial starts on
    /// a Monday at midnight.
    pub clock: Option<ClockSpec>,
    /// The uses of Redis (a cache, sessions, a queue), one table each; at least one. Services name
    /// those that they need.
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
    /// What a status page lists, each with the services behind it; absent: no downtime of
    /// components is reported.
    #[serde(rename = "component", default)]
    pub components: Vec<ComponentSpec>,
    /// The users: visits at one service, in which they send a request that must be captured (an
    /// order, a payment, an acceptance). Lost visits are the headline of a comparison.
    pub signers: SignersSpec,
    /// Further products, each with users and a service of its own; absent: none.
    #[serde(rename = "product", default)]
    pub products: Vec<ProductSpec>,
    /// Machine callers of services (other programs, background traffic). They call once, wait as
    /// long as the gateway does and do not come back; absent: none.
    #[serde(rename = "caller", default)]
    pub callers: Vec<CallerSpec>,
    /// Health checks (failure detectors) of Redis or of a service, and what their verdict sets off;
    /// absent: none.
    #[serde(rename = "health_check", default)]
    pub health_checks: Vec<CheckSpec>,
    /// Alert rules on metrics that page the responders; absent: none. Symptoms that users report
    /// are separate: `people.notice`.
    #[serde(rename = "alert", default)]
    pub alerts: Vec<AlertSpec>,
    /// Automatic scaling up of nodes; absent: nodes keep their size until people change it.
    pub autoscaler: Option<AutoscalerSpec>,
    /// The responders (people on call): how long they take to notice, to start work and to
    /// diagnose, and what they do then.
    pub people: PeopleSpec,
    /// What goes wrong and when; absent: nothing, so only growth can cause an outage.
    #[serde(rename = "fault", default)]
    pub faults: Vec<FaultSpec>,
    /// Prices in US dollars. Comparisons of designs use them; a replay does not.
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
            rolls: (self.people.runbook.iter()).any(|step| step.action.remedy().rolls()),
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
