//! The world: all parts of a trial, and the routes of events between them.
//!
//! There is no behaviour here. Components change themselves, write to the ledger and schedule
//! events; what one wants of another (a probe, a page, a failover, larger nodes) goes through this
//! file, in [`World::handle`] and the few functions below it.

mod actions;
mod build;
mod milestones;
mod probes;
mod settle;
pub mod spec;
#[cfg(test)]
mod tests;
mod visitors;

use sim::{Agenda, Model, SimTime, Streams};

use crate::blast::BlastRadius;
use crate::check::Check;
use crate::check::probe::Probe;
use crate::cluster::Cluster;
use crate::event::{Cx, Event, ServersTimer};
use crate::fault::Fault;
use crate::ids::{AlertId, CheckId, ClusterId, Fleet, ServiceId};
use crate::ledger::Ledger;
use crate::moment::MomentKind;
use crate::people::{People, Symptoms};
use crate::remediation::alert::{Alert, AlertCall, MetricSources};
use crate::remediation::autoscaler::Autoscaler;
use crate::remediation::server_scaler::ServerScaler;
use crate::runbook::PendingOperation;
use crate::service::Service;
pub use build::world;
use demand::Demand;
use probes::Reached;
pub use settle::{count, settle};
pub use spec::WorldSpec;

/// All parts of a trial.
pub struct World<'a> {
    pub(crate) spec: &'a WorldSpec,
    pub(crate) streams: Streams,
    pub(crate) end: SimTime,
    /// How many cells there are, each with services and clusters of its own.
    pub(crate) cells: usize,
    pub(crate) clusters: Fleet<ClusterId, Cluster>,
    pub(crate) services: Fleet<ServiceId, Service>,
    /// Who comes to them.
    pub(crate) demand: Demand,
    pub(crate) checks: Fleet<CheckId, Check>,
    pub(crate) alerts: Fleet<AlertId, Alert>,
    pub(crate) scalers: Option<Fleet<ClusterId, Autoscaler>>,
    /// Of each service that has one.
    pub(crate) server_scalers: Fleet<ServiceId, Option<ServerScaler>>,
    pub(crate) people: People,
    /// What a step of the people still waits for.
    pub(crate) pending: Vec<PendingOperation>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) ledger: Ledger,
    /// The services that capture acceptances.
    pub(crate) captures: Vec<ServiceId>,
    /// When which cluster failed which service.
    pub(crate) blast: BlastRadius,
    /// Bytes of memory paid for, from each instant on.
    pub(crate) paid: Vec<(SimTime, f64)>,
}

impl Model for World<'_> {
    type Event = Event;

    /// A cluster bus goes on while nobody else has anything to do.
    const PASSES: bool = true;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        match event {
            Event::Cluster(id, timer) => {
                let effects = self.clusters[id].on_timer(timer, cx);
                if effects.resized {
                    self.on_resized(id, agenda);
                }
                if effects.changed {
                    self.on_change(id, agenda);
                }
            }
            Event::Check(id, timer) => {
                let (clusters, services, now) = (&self.clusters, &self.services, cx.now);
                let timeout = self.checks[id].spec.timeout;
                let ask = |probe: &dyn Probe, subject| {
                    let target = Reached {
                        clusters,
                        services,
                        subject,
                        now,
                        timeout,
                    };
                    probe.ask(&target)
                };
                for order in self.checks[id].on_timer(timer, ask, cx) {
                    self.carry_out(id, order, agenda);
                }
            }
            Event::Alert(id, timer) => {
                let sources = MetricSources {
                    clusters: &self.clusters,
                    services: &self.services,
                };
                match self.alerts[id].on_timer(timer, &sources, cx) {
                    None => {}
                    Some(AlertCall::Page(page)) => self.people.on_page(page, cx),
                    Some(AlertCall::FalseAlarm(by)) => self.people.on_false_page(by, cx),
                }
            }
            Event::Scaler(id, timer) => self.on_scaler(id, timer, agenda),
            Event::Metrics => self.on_services(agenda),
            Event::Balancer(id, timer) => {
                if self.services[id].on_balancer(timer, cx) {
                    self.on_services(agenda);
                }
            }
            Event::Servers(id, timer) => self.on_server_timer(id, timer, agenda),
            Event::People(timer) => {
                let levels = (self.people.acts_from(), self.spec.people.memory_high.get());
                let slow = self.people.paged_slow();
                let symptoms = Symptoms::seen(&self.clusters, &self.services, levels, slow, cx.now);
                if let Some(event) = self.people.on_timer(timer, symptoms, cx) {
                    self.act(event, agenda);
                }
            }
            Event::Rolls(rolling) => self.roll(rolling, agenda),
            Event::Fault(number) => self.strike(number, agenda),
        }
    }
}

impl World<'_> {
    /// Time zero: every part says how it stands, and schedules what it waits for.
    pub(crate) fn start(&mut self, agenda: &mut Agenda<Event>) {
        for (number, fault) in self.faults.iter().enumerate() {
            if fault.at < self.end {
                agenda.at(fault.at, Event::Fault(number));
            }
        }
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let system = self.spec.system();
        for fault in &self.faults {
            fault.record(&system, cx);
        }
        self.people.start(cx);
        for (_, check) in self.checks.iter_mut() {
            check.start(cx);
        }
        for (_, alert) in self.alerts.iter_mut() {
            alert.start(cx);
        }
        for service in self.services.values() {
            for at in service.overload_changes().filter(|at| *at < self.end) {
                cx.agenda.at(at, Event::Metrics);
            }
        }
        for (_, cluster) in self.clusters.iter_mut() {
            cluster.start(cx);
        }
        for id in self.clusters.ids() {
            self.on_change(id, agenda);
        }
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        for (id, service) in self.services.iter() {
            if let Some(scaler) = &mut self.server_scalers[id] {
                scaler.start(service, cx);
            }
        }
    }

    /// Something about a cluster may have changed: its dependants and observers are notified.
    pub(crate) fn on_change(&mut self, id: ClusterId, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        if let Some(scalers) = &mut self.scalers {
            scalers[id].reconsider(&mut self.clusters[id], cx);
        }
        for (_, service) in self.services.iter_mut() {
            service.refresh(&self.clusters, cx);
        }
        self.blast.refresh(id, &self.services, cx.now);
        self.on_metrics(agenda);
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        for (_, check) in self.checks.iter_mut() {
            check.wake(Some(id), cx);
        }
        self.review(agenda);
    }

    /// The metrics of a service may show something else: alerts look at them, and people may
    /// notice.
    fn on_metrics(&mut self, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let sources = MetricSources {
            clusters: &self.clusters,
            services: &self.services,
        };
        for (_, alert) in self.alerts.iter_mut() {
            alert.reconsider(&sources, cx);
        }
        let scalers = self.server_scalers.iter_mut();
        for scaler in scalers.filter_map(|(_, scaler)| scaler.as_mut()) {
            scaler.reconsider(cx);
        }
        let fails = |(_, service): (ServiceId, &Service)| !service.meets_objective();
        if self.services.iter().any(fails) {
            self.people.on_symptom(cx);
        }
    }

    /// An event of the autoscaler of a service's servers.
    fn on_server_timer(&mut self, id: ServiceId, timer: ServersTimer, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let scaler = self.server_scalers[id].as_mut();
        let scaler = scaler.expect("only autoscalers of servers schedule this");
        let service = &mut self.services[id];
        if let Some(control) = scaler.on_timer(timer, service, &self.streams, cx) {
            service.control(cx.now, control);
            self.on_services(agenda);
        }
    }

    /// Services work differently now, or their metrics show another overload.
    pub(crate) fn on_services(&mut self, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        for (_, service) in self.services.iter_mut() {
            service.refresh(&self.clusters, cx);
        }
        for (_, check) in self.checks.iter_mut() {
            check.wake(None, cx);
        }
        self.on_metrics(agenda);
        self.on_servers(agenda);
    }

    /// Services have more or fewer servers: so many more or fewer connections do their clusters
    /// have.
    fn on_servers(&mut self, agenda: &mut Agenda<Event>) {
        let system = self.spec.system();
        for id in self.clusters.ids() {
            let users = self.services.values().filter(|service| service.uses(id));
            let (mut now, mut start) = (0.0, 0.0);
            let mut of_views = self.clusters[id].no_workers();
            for service in users {
                let all = service.workers();
                now += all;
                start += service.workers_at_start();
                let each = all / service.processes().len() as f64;
                for view in service.views_of(id) {
                    of_views[view] += each;
                }
            }
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            let factor = now / start;
            let cluster = &mut self.clusters[id];
            if start > 0.0 && cluster.scale_connections(&system, factor, &of_views, cx) {
                self.on_change(id, agenda);
            }
        }
    }

    fn on_resized(&mut self, id: ClusterId, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        if let Some(scalers) = &mut self.scalers {
            scalers[id].on_resized(cx);
        }
        self.note_paid(agenda.now());
    }

    /// Fault number `number` strikes.
    fn strike(&mut self, number: usize, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let fault = &self.faults[number];
        let hit = self
            .clusters
            .iter_mut()
            .find(|(_, cluster)| fault.hits(&cluster.plan));
        let (id, cluster) = hit.expect("every workload lives on a cluster");
        cx.ledger.moment(cx.now, MomentKind::Fault, fault.kind);
        fault.strike.strike(cluster, cx);
        self.on_change(id, agenda);
    }
}
