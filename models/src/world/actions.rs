//! What people's actions do to the world, wise or not.
//!
//! | action | begins | takes effect after `takes` | and is done |
//! | --- | --- | --- | --- |
//! | resize, rebuild | new nodes are ordered | they exist, empty | when they have taken over |
//! | restart-nodes | | processes are killed | when they have read their data, or died of it |
//! | all others | | at once | at once |
//!
//! Actions concern the clusters that do not take writes, and the one that a page was about. Those
//! on a service's requests are only recorded with it, for whoever evaluates its requests.

use sim::{Agenda, SimDuration, SimTime};

use super::{World, fails};
use crate::cluster::operate::Demand;
use crate::event::{Cx, Event};
use crate::ids::ClusterId;
use crate::people::Deed;
use crate::spec::RemedySpec;
use crate::spec::service::Access;
use demand::Control;
use demand::answer::Answer;

/// What a step still waits for after it has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// New nodes that take over.
    NewNodes {
        /// For this cluster.
        cluster: ClusterId,
        /// By this plan.
        plan: u32,
    },
    /// A process that starts anew.
    Start {
        /// Of this cluster.
        cluster: ClusterId,
        /// The node.
        node: usize,
        /// It has begun to read its data.
        loads: bool,
    },
}

impl World<'_> {
    /// What people do now.
    pub(crate) fn act(&mut self, deed: Deed, agenda: &mut Agenda<Event>) {
        let runbook = &self.spec.people.runbook;
        match deed {
            Deed::Begin(step, takes) => self.begin(&runbook[step].action, takes, agenda),
            Deed::Effect(step) => self.take_effect(&runbook[step].action, agenda),
        }
    }

    /// Something about a cluster has changed: is what people wait for done?
    pub(crate) fn review(&mut self, agenda: &mut Agenda<Event>) {
        if self.works.is_empty() {
            return;
        }
        let clusters = &self.clusters;
        self.works.retain_mut(|work| match work {
            Work::NewNodes { cluster, plan } => clusters[*cluster].awaits(*plan),
            Work::Start {
                cluster,
                node,
                loads,
            } => {
                // Killed again while it reads its data, it has had its chance.
                let gone_again = *loads && !clusters[*cluster].is_loading(*node);
                *loads |= clusters[*cluster].is_loading(*node);
                clusters[*cluster].is_down(*node) && !gone_again
            }
        });
        if self.works.is_empty() {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            self.people.on_done(cx);
        }
    }

    fn begin(&mut self, action: &RemedySpec, takes: SimDuration, agenda: &mut Agenda<Event>) {
        let (factor, from) = match action {
            RemedySpec::Resize { factor, from } => (*factor, Some(from.get())),
            RemedySpec::Rebuild { factor } => (*factor, None),
            RemedySpec::RestartServers {}
            | RemedySpec::RestartNodes { .. }
            | RemedySpec::FailOver {}
            | RemedySpec::RaiseMaxmemory { .. }
            | RemedySpec::RaiseOutputLimit { .. }
            | RemedySpec::DeleteKeys { .. }
            | RemedySpec::StopGrowth { .. }
            | RemedySpec::ShedLoad { .. }
            | RemedySpec::StopRetries { .. }
            | RemedySpec::ScaleServers { .. }
            | RemedySpec::MendConsumers { .. }
            | RemedySpec::Wait {} => return,
        };
        let interruption = self.spec.redis.cut_over;
        for id in self.concerned(agenda.now()) {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            let cluster = &mut self.clusters[id];
            let mut shards = match from {
                Some(from) => cluster.shards_from(from, cx),
                None => cluster.failing_shards(),
            };
            if shards.is_empty() {
                shards.push(cluster.fullest_shard(cx.now));
            }
            let plan = cluster.plan_resize(shards, factor, takes, interruption, cx);
            self.works.push(Work::NewNodes { cluster: id, plan });
        }
        if self.works.is_empty() {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            self.people.on_done(cx);
        }
    }

    fn take_effect(&mut self, action: &RemedySpec, agenda: &mut Agenda<Event>) {
        let touched = match action {
            RemedySpec::Resize { .. } | RemedySpec::Rebuild { .. } => {
                let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                self.people.on_copying(cx);
                return;
            }
            RemedySpec::RestartServers {} => self.restart_servers(agenda),
            RemedySpec::RestartNodes { read_only } => self.restart_nodes(*read_only, agenda),
            RemedySpec::FailOver {} => self.fail_over(agenda),
            RemedySpec::RaiseMaxmemory { to } => {
                let concerned = self.concerned(agenda.now());
                for id in &concerned {
                    let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                    self.clusters[*id].raise_maxmemory(*to, cx);
                }
                concerned
            }
            RemedySpec::RaiseOutputLimit { to } => {
                let concerned = self.concerned(agenda.now());
                for id in &concerned {
                    let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                    self.clusters[*id].raise_output_limit(*to, cx);
                }
                concerned
            }
            RemedySpec::DeleteKeys { workload, share } => {
                let (id, workload) = self.home(workload);
                let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                self.clusters[id].delete_keys(workload, share.get(), cx);
                vec![id]
            }
            RemedySpec::StopGrowth { workload } => {
                let (id, position) = self.home(workload);
                let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                cx.ledger
                    .say(cx.now, || format!("the {workload} data grows no longer"));
                self.clusters[id].stop_growth(position, cx);
                vec![id]
            }
            RemedySpec::ShedLoad { service, share } => {
                self.control(service, Control::Shed(share.get()), agenda)
            }
            RemedySpec::StopRetries { service } => {
                self.control(service, Control::StopRetries, agenda)
            }
            RemedySpec::ScaleServers { service, factor } => {
                self.control(service, Control::Scale(factor.get()), agenda)
            }
            RemedySpec::MendConsumers { workload, factor } => {
                let (id, workload) = self.home(workload);
                let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                let factor = factor.map_or(1.0, |factor| factor.get());
                self.clusters[id].consumers_back(workload, factor, cx);
                vec![id]
            }
            RemedySpec::Wait {} => Vec::new(),
        };
        let waits = !self.works.is_empty();
        for id in touched {
            self.on_change(id, agenda);
        }
        if !waits {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            self.people.on_done(cx);
        }
    }

    /// Servers of every service that fails; their clients ask anew for the owners.
    fn restart_servers(&mut self, agenda: &mut Agenda<Event>) -> Vec<ClusterId> {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        cx.ledger.say(cx.now, || {
            "servers are restarted; Redis stays as it is".to_owned()
        });
        let mut asked: Vec<ClusterId> = Vec::new();
        for (_, service) in self.services.iter_mut() {
            if !service.works() {
                service.control(cx.now, Control::Restart);
                asked.extend(service.needs().iter().map(|need| need.cluster));
            }
        }
        asked.sort();
        asked.dedup();
        for id in &asked {
            self.clusters[*id].clients_learn_owners(cx);
        }
        asked
    }

    fn restart_nodes(&mut self, read_only: bool, agenda: &mut Agenda<Event>) -> Vec<ClusterId> {
        let concerned = self.concerned(agenda.now());
        for id in &concerned {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            let cluster = &mut self.clusters[*id];
            for shard in cluster.failing_shards() {
                let node = cluster.restart_owner(shard, read_only, cx);
                self.works.extend(node.map(|node| Work::Start {
                    cluster: *id,
                    node,
                    loads: false,
                }));
            }
        }
        concerned
    }

    fn fail_over(&mut self, agenda: &mut Agenda<Event>) -> Vec<ClusterId> {
        let concerned = self.concerned(agenda.now());
        for id in &concerned {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            let cluster = &mut self.clusters[*id];
            for shard in cluster.failing_shards() {
                let chosen = cluster.fail_over(shard, Demand::Answers, cx);
                cx.ledger
                    .say(cx.now, || format!("on call: {}", chosen.words(cluster)));
            }
        }
        concerned
    }

    /// Orders it at the service, in every cell.
    fn control(
        &mut self,
        service: &str,
        control: Control,
        agenda: &mut Agenda<Event>,
    ) -> Vec<ClusterId> {
        let services = &self.spec.services;
        let found = services.iter().position(|spec| spec.name == service);
        let found = found.expect("validated: actions name services");
        let in_cells = self.services.iter_mut().skip(found).step_by(services.len());
        for (_, service) in in_cells {
            service.control(agenda.now(), control);
        }
        Vec::new()
    }

    /// The clusters that do not take writes, and the one that a page was about; if there are none,
    /// those without which a service has failed lately.
    fn concerned(&self, now: SimTime) -> Vec<ClusterId> {
        let about = self.people.about();
        let clusters = self.clusters.iter();
        let concerned =
            clusters.filter(|(id, c)| c.answer(Access::Write) != Answer::Ok || about == Some(*id));
        let concerned: Vec<ClusterId> = concerned.map(|(id, _)| id).collect();
        if !concerned.is_empty() {
            return concerned;
        }
        let services = self.services.iter();
        let failing = services.filter(|(_, service)| fails(service, now));
        let mut needed: Vec<ClusterId> = failing
            .flat_map(|(_, service)| service.needs().iter().map(|need| need.cluster))
            .collect();
        needed.sort();
        needed.dedup();
        needed
    }

    /// The cluster on which a workload lives, and the workload by position.
    fn home(&self, name: &str) -> (ClusterId, usize) {
        let workload = self.spec.workloads.iter().position(|w| w.name == name);
        let workload = workload.expect("validated: actions name workloads");
        let mut clusters = self.clusters.iter();
        let home = clusters.find(|(_, cluster)| cluster.workloads.contains(&workload));
        (home.expect("every workload lives on a cluster").0, workload)
    }
}
