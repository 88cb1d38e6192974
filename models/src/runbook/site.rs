//! The system as the people who operate it can reach it.

use super::*;
use crate::cluster::enlarge::{CopyFrom, Order};
use crate::event::{Event, Rolling};
use crate::ids::{Fleet, NodeId, ServiceId, ShardId};
use crate::service::Service;
use crate::spec::store::stores_of;

/// What an action works on.
pub struct Site<'a> {
    /// All clusters.
    pub clusters: &'a mut Fleet<ClusterId, Cluster>,
    /// All services; those of one cell after those of another.
    pub services: &'a mut Fleet<ServiceId, Service>,
    /// What the scenario says of them.
    pub system: SystemSpec<'a>,
    /// The clusters that the incident is about.
    pub concerned: Vec<ClusterId>,
    /// What the step under way still waits for.
    pub pending: &'a mut Vec<PendingOperation>,
    /// The present.
    pub cx: Cx<'a>,
}

/// What a step still waits for after it has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingOperation {
    /// New nodes that take over.
    Nodes {
        /// For this cluster.
        cluster: ClusterId,
        /// By this plan.
        plan: u32,
    },
    /// A process that restarts.
    Start {
        /// Of this cluster.
        cluster: ClusterId,
        /// The node.
        node: NodeId,
        /// It has begun to read its data.
        loads: bool,
    },
    /// A script that deletes keys.
    Deletion {
        /// Of this cluster.
        cluster: ClusterId,
        /// The script's number.
        number: usize,
    },
    /// Slots that move to other shards.
    Reshard {
        /// Of this cluster.
        cluster: ClusterId,
        /// The move's number.
        number: usize,
    },
    /// Processes of a service that are still to be restarted.
    Restarts {
        /// Of this service.
        service: ServiceId,
    },
}

impl PendingOperation {
    /// Is it still to come?
    pub fn lasts(&mut self, clusters: &Fleet<ClusterId, Cluster>) -> bool {
        match self {
            PendingOperation::Nodes { cluster, plan } => clusters[*cluster].awaits(*plan),
            PendingOperation::Restarts { .. } => true,
            PendingOperation::Deletion { cluster, number } => {
                clusters[*cluster].is_deleting(*number)
            }
            PendingOperation::Reshard { cluster, number } => {
                clusters[*cluster].is_resharding(*number)
            }
            PendingOperation::Start {
                cluster,
                node,
                loads,
            } => {
                // Killed again while it reads its data, it has had its chance.
                let gone_again = *loads && !clusters[*cluster].is_loading(*node);
                *loads |= clusters[*cluster].is_loading(*node);
                clusters[*cluster].is_down(*node) && !gone_again
            }
        }
    }
}

impl Site<'_> {
    /// Orders new nodes for these shards of every cluster concerned, for the fullest if there are
    /// none; they exist after `takes`. Their memory is so many times that of the present ones, and
    /// at most so many times that of the scenario.
    pub(super) fn order_nodes(
        &mut self,
        (factor, ceiling): (Factor, Option<Factor>),
        takes: SimDuration,
        shards: impl Fn(&Cluster, &Cx) -> Vec<ShardId>,
    ) -> Begun {
        let interruption = self.system.redis.cut_over;
        for id in &self.concerned {
            let (cluster, cx) = (&mut self.clusters[*id], &mut self.cx);
            let mut shards = shards(cluster, cx);
            if shards.is_empty() {
                shards.push(cluster.fullest_shard(cx.now));
            }
            let order = Order {
                shards,
                factor,
                largest: ceiling.map(|ceiling| ceiling.get() * cluster.plan.node_memory),
                from: CopyFrom::AnyNode,
                provision: takes,
                interruption,
            };
            let plan = cluster.plan_resize(order, cx);
            self.pending
                .push(PendingOperation::Nodes { cluster: *id, plan });
        }
        Begun::Nodes
    }

    /// Has slots of every cluster concerned move; the step is done when all have.
    pub(super) fn move_slots(
        &mut self,
        mut moves: impl FnMut(&mut Cluster, &mut Cx) -> Option<usize>,
    ) -> Effect {
        for id in &self.concerned {
            if let Some(number) = moves(&mut self.clusters[*id], &mut self.cx) {
                let cluster = *id;
                let moves = PendingOperation::Reshard { cluster, number };
                self.pending.push(moves);
            }
        }
        Effect::Changed(self.concerned.clone())
    }

    /// Does this to every cluster concerned.
    pub(super) fn change(&mut self, mut what: impl FnMut(&mut Cluster, &mut Cx)) -> Effect {
        for id in &self.concerned {
            what(&mut self.clusters[*id], &mut self.cx);
        }
        Effect::Changed(self.concerned.clone())
    }

    /// A rolling restart goes on after a while; until then the step is not done.
    pub(super) fn roll_on(&mut self, rolling: Rolling) {
        let service = rolling.service;
        self.pending.push(PendingOperation::Restarts { service });
        let event = Event::Rolls(rolling);
        self.cx.agenda.after(rolling.every, event);
    }

    /// Orders it at a service, in every cell: its demand reads it there.
    pub(super) fn control(&mut self, service: &str, control: Control) -> Effect {
        let services = self.system.services;
        let found = services.iter().position(|spec| spec.name == service);
        let found = found.expect("validated: the service exists");
        let in_cells = self.services.iter_mut().skip(found).step_by(services.len());
        for (_, service) in in_cells {
            service.control(self.cx.now, control);
        }
        Effect::Changed(Vec::new())
    }

    /// The store of this name has so many times its workers: every service that falls back to it
    /// has its part.
    pub(super) fn scale_store(&mut self, store: &str, factor: f64) -> Effect {
        for spec in self.system.services {
            let (stores, _) = stores_of(&spec.needs);
            let mut stores = stores.iter();
            let place = stores.position(|of| of.store.as_deref() == Some(store));
            if let Some(place) = place {
                self.control(&spec.name, Control::ScaleStore(place, factor));
            }
        }
        Effect::Changed(Vec::new())
    }

    /// The cluster on which a workload lives, and the workload by position.
    pub(super) fn home(&self, name: &str) -> (ClusterId, usize) {
        let workload = self.system.workload(name);
        let mut clusters = self.clusters.iter();
        let home = clusters.find(|(_, cluster)| cluster.plan.workloads.contains(&workload));
        (home.expect("every workload lives on a cluster").0, workload)
    }
}
