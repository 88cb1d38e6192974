//! The whole scenario of a trial: every table of a file.
//!
//! What types cannot say (a share above what is left, a quorum above the number of observers) is
//! checked by [`WorldSpec::problems`], which returns all findings at once.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use crate::check::spec::CheckSpec;
use crate::cluster;
use crate::fault::FaultSpec;
use crate::layout::LayoutSpec;
use crate::people::spec::PeopleSpec;
use crate::spec::hazard::HazardsSpec;
use crate::spec::store::{FallbackSpec, Store, stores_of};
use crate::spec::{
    AboutSpec, AlertSpec, AutoscalerSpec, CallerSpec, ClassSpec, ClockSpec, ComponentSpec,
    FailoverSpec, PriceSpec, ProductSpec, RedisSpec, ServiceSpec, SignersSpec, StoreSpec,
    SystemSpec, TrafficSpec, WorkloadSpec,
};
use demand::Control;

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
    /// Slower stores behind Redis that several needs fall back to; absent: none, or each need has
    /// its own.
    #[serde(rename = "store", default)]
    pub stores: Vec<StoreSpec>,
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
    /// What happens by itself in the course of a year, at random; absent: nothing.
    pub hazards: Option<HazardsSpec>,
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

    /// Who sends requests to which service, and how many.
    pub fn traffic(&self) -> impl Iterator<Item = (&str, TrafficSpec<'_>)> {
        let signers = std::iter::once((&self.signers.service, self.signers.traffic()));
        let products = self.products.iter().map(|p| (&p.service, p.traffic()));
        let callers = self.callers.iter().map(|c| (&c.service, c.traffic()));
        let all = signers.chain(products).chain(callers);
        all.map(|(service, traffic)| (service.as_str(), traffic))
    }

    /// Requests a second that a service gets, without factors of the hour and bursts.
    pub fn rate(&self, service: &str) -> f64 {
        let here = self.traffic().filter(|(of, _)| *of == service);
        here.map(|(_, traffic)| traffic.rate.get()).sum()
    }

    /// The stores of a service, over all its processes and cells, each with its share of the
    /// requests that may come to it.
    pub fn stores_of(&self, service: &ServiceSpec) -> Vec<Store> {
        let (stores, _) = stores_of(&service.needs);
        let part = |fallback: &&FallbackSpec| {
            fallback
                .full(&self.stores)
                .part(self.share_of(service, fallback))
        };
        stores.iter().map(part).collect()
    }

    /// The share of a store that a service has: by the requests that come to it if all who share
    /// the store fall back at once.
    fn share_of(&self, service: &ServiceSpec, fallback: &FallbackSpec) -> f64 {
        if fallback.store.is_none() {
            return 1.0;
        }
        let uses = |service: &ServiceSpec| {
            let needs = service
                .needs
                .iter()
                .filter_map(|need| need.fallback.as_ref());
            needs.filter(|of| of.store == fallback.store).count() as f64
        };
        let load = |service: &ServiceSpec| uses(service) * self.rate(&service.name);
        let all: f64 = self.services.iter().map(load).sum();
        if all > 0.0 {
            return load(service) / all;
        }
        let users = self.services.iter().filter(|service| uses(service) > 0.0);
        1.0 / users.count().max(1) as f64
    }

    /// What traces and charts call the nodes.
    pub fn node_names(&self) -> Vec<String> {
        let clusters = self.layout.layout().place(&self.system());
        let clusters: Vec<&str> = clusters.iter().map(|plan| plan.name.as_str()).collect();
        cluster::node_names(&clusters, &self.redis)
    }

    /// What Redis is made of and sized by, without those who use and operate it.
    pub fn system(&self) -> SystemSpec<'_> {
        SystemSpec {
            horizon: self.horizon,
            workloads: &self.workloads,
            services: &self.services,
            stores: &self.stores,
            redis: &self.redis,
            failover: &self.failover,
            price: &self.price,
            connections_growth: self.connections_growth(),
            patience: self.patience(),
            rolls: (self.people.runbook.iter()).any(|step| step.action.remedy().rolls()),
            most_shards: self.most_shards(),
        }
    }

    /// The most shards that people or an autoscaler may bring a cluster to.
    fn most_shards(&self) -> u16 {
        let shards = self.redis.shards;
        let steps = self.people.runbook.iter();
        let by_hand = steps.filter_map(|step| step.action.remedy().shards_to());
        let scaled = self.autoscaler.as_ref().map(|of| of.most_shards(shards));
        by_hand.chain(scaled).fold(shards, u16::max)
    }

    /// How many times the connections of the start services have with all servers that an
    /// autoscaler or a step of the runbook may add.
    pub(crate) fn connections_growth(&self) -> f64 {
        let (mut now, mut most) = (0.0, 0.0);
        for service in &self.services {
            let servers = service.servers.as_ref();
            let by_itself = servers.map_or(1.0, |s| f64::from(s.most) / f64::from(s.count.max(1)));
            let by_step = |control| match control {
                Control::Scale(factor) => factor,
                Control::Restart
                | Control::Shed(_)
                | Control::StopRetries
                | Control::ScaleStore(..) => 1.0,
            };
            // Each factor is relative to the start, so a later step replaces an earlier one.
            let steps = self.controls_of(&service.name).map(by_step);
            let workers = f64::from(service.workers);
            now += workers;
            most += workers * steps.fold(by_itself, f64::max);
        }
        if now > 0.0 { most / now } else { 1.0 }
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
