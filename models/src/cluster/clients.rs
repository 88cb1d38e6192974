//! The clients of a cluster: their commands, and the nodes they use as owners.
//!
//! Services with identical client settings share a [`View`]. What changes a view is in `follow.rs`.

use sim::{SimDuration, SimTime};

use super::connections::{Connections, apportion};
use super::follow::Following;
use super::node::Node;
use super::paces::Paces;
use super::topology::Topology;
use crate::event::Cx;
use crate::ids::{Fleet, NodeId, ShardId, ViewId};
use crate::layout::ClusterPlan;
use crate::spec::service::{Access, NeedSpec};
use crate::spec::{ServiceSpec, SystemSpec, WorkloadSpec};

/// Clients with the same view of a cluster's owners: those of one service, of one process, or of
/// several services with identical client settings.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub following: Following,
    /// The services, by name.
    services: Vec<String>,
    /// The process, if each process of the service has its own view.
    process: Option<usize>,
    /// Their parts of each workload's commands, and of its writes.
    parts: Vec<(f64, f64)>,
    /// Their share of the cluster's commands,
    pub commands: f64,
    /// and of its writes.
    pub writes: f64,
    /// How many connections to a primary they have now,
    pub connections: u32,
    /// and how long they try to make one.
    pub connect_timeout: Option<SimDuration>,
    /// For each shard, losses on record to which they still add.
    losses: Fleet<ShardId, Vec<usize>>,
}

/// The clients of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// Commands per second on a shard's owner, per unit of its share, and those of them that write.
    pub commands: (f64, f64),
    /// What they ask for.
    pub paces: Paces,
    /// They are moving to larger nodes.
    pub cutting_over: bool,
    pub views: Fleet<ViewId, View>,
    pub connected: Fleet<ViewId, Fleet<NodeId, Connected>>,
    /// The nodes that checks and people use as owners.
    pub observed: Fleet<ShardId, NodeId>,
}

/// The connections of a view to a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Connected {
    /// Is it the owner of its shard, in this view?
    pub known: bool,
    /// Are their connections and their load back on it?
    pub loaded: bool,
    /// When the connections were closed.
    pub closed: Option<SimTime>,
    /// Has the node been replaced by one with another address?
    pub gone: bool,
    /// Waiting for the next reconnect attempt?
    pub away: bool,
    /// Waiting for the node to be ready?
    pub shut_out: bool,
    /// How far have they got with their connections?
    pub connections: Connections,
}

impl Connected {
    fn known(known: bool, loaded: bool) -> Connected {
        Connected {
            known,
            loaded,
            closed: None,
            gone: false,
            away: false,
            shut_out: false,
            connections: Connections::default(),
        }
    }
}

impl Clients {
    /// All of them know the owners.
    pub fn new(
        spec: &SystemSpec,
        plan: &ClusterPlan,
        topology: &Topology,
        (all, counted): (u32, bool),
    ) -> Clients {
        let connected = |node: &Node| Connected::known(node.primary, node.primary);
        let connected: Fleet<NodeId, Connected> = topology.nodes.values().map(connected).collect();
        let mut views = views(spec, plan, topology, counted);
        connect(&mut views, spec, all);
        let paces = Paces::new(spec, plan);
        let mut clients = Clients {
            commands: paces.commands(),
            paces,
            cutting_over: false,
            connected: Fleet::alike(&views, connected),
            views,
            observed: topology.owners.clone(),
        };
        clients.share_commands();
        clients
    }

    /// What they ask for at present is shared out among the views.
    pub fn share_commands(&mut self) {
        self.commands = self.paces.commands();
        for (_, view) in self.views.iter_mut() {
            (view.commands, view.writes) = self.paces.share(&view.parts);
        }
        shares(&mut self.views, |view| &mut view.commands);
        shares(&mut self.views, |view| &mut view.writes);
    }

    /// No workers, for each view.
    pub fn no_workers(&self) -> Fleet<ViewId, f64> {
        Fleet::alike(&self.views, 0.0)
    }

    pub fn ids(&self) -> impl Iterator<Item = ViewId> + use<> {
        self.views.ids()
    }

    /// The view that a process of a service has.
    pub fn view_of(&self, service: &str, process: usize) -> ViewId {
        let has = |(_, view): &(ViewId, &View)| {
            let is_it = view.process.is_none_or(|number| number == process);
            is_it && view.services.iter().any(|name| name == service)
        };
        let found = self.views.iter().find(has);
        found
            .expect("a service that needs a cluster has a view of it")
            .0
    }

    /// Do they find the current owners when their servers start?
    pub fn refreshes_on_start(&self, view: ViewId) -> bool {
        self.views[view].following.refreshes_on_start()
    }

    /// The node that they use as the shard's owner.
    pub fn known_owner(&self, topology: &Topology, view: ViewId, shard: ShardId) -> NodeId {
        let mut nodes = topology.nodes_of(shard);
        let known = nodes.find(|node| self.connected[view][*node].known);
        known.expect("clients always know some owner of a shard")
    }

    /// The views that use this node as the owner of its shard.
    pub fn that_use(&self, node: NodeId) -> Vec<ViewId> {
        let uses = |view: &ViewId| {
            let connected = &self.connected[*view][node];
            connected.known && !connected.gone
        };
        self.ids().filter(uses).collect()
    }

    /// Those of them that are connected to it.
    pub fn that_know(&self, node: NodeId) -> Vec<ViewId> {
        let mut views = self.that_use(node);
        views.retain(|view| {
            let Connected { away, shut_out, .. } = self.connected[*view][node];
            !away && !shut_out
        });
        views
    }

    /// The share of commands that is sent to a node by clients whose connections are back.
    pub fn loaded(&self, node: NodeId) -> f64 {
        let loaded = self.ids().filter(|view| self.connected[*view][node].loaded);
        let sends = |view: ViewId| {
            let View {
                commands,
                connections,
                ..
            } = &self.views[view];
            commands * self.connected[view][node].connections.served(*connections)
        };
        loaded.map(sends).sum()
    }

    /// Connections of clients to a node: those that are open where they are counted, else all of
    /// those that are back.
    pub fn open(&self, node: NodeId, counted: bool) -> u32 {
        let of = |view: ViewId| {
            let Connected {
                loaded,
                connections,
                ..
            } = &self.connected[view][node];
            match counted {
                true => connections.open,
                false => self.views[view].connections * u32::from(*loaded),
            }
        };
        self.ids().map(of).sum()
    }

    /// The share of clients that are back on a node, by their connections: how many subscribers
    /// are.
    pub fn back(&self, node: NodeId) -> f64 {
        let of = |views: &mut dyn Iterator<Item = ViewId>| -> f64 {
            views
                .map(|view| f64::from(self.views[view].connections))
                .sum()
        };
        let back = |view: &ViewId| self.connected[*view][node].loaded;
        match of(&mut self.ids()) {
            0.0 => f64::from(u8::from(self.ids().any(|view| back(&view)))),
            all => of(&mut self.ids().filter(back)) / all,
        }
    }

    /// The share of writes that is sent to a node.
    pub fn writing_to(&self, node: NodeId) -> f64 {
        let writing = self.that_know(node).into_iter();
        writing.map(|view| self.views[view].writes).sum()
    }

    /// The connections of a view to a node are closed, unless they already were.
    pub fn close(&mut self, view: ViewId, node: NodeId, now: SimTime) {
        self.connected[view][node].closed.get_or_insert(now);
    }

    /// All connections to a node are open again.
    pub fn connect(&mut self, node: NodeId) {
        for (_, connected) in self.connected.iter_mut() {
            let connected = &mut connected[node];
            connected.closed = connected.closed.filter(|_| connected.shut_out);
        }
    }

    pub fn set_loaded(&mut self, view: ViewId, node: NodeId, loaded: bool) {
        self.connected[view][node].loaded = loaded;
    }

    /// A view switches to this node; its connections are not ramped up yet.
    pub fn go_to(&mut self, topology: &Topology, view: ViewId, shard: ShardId, node: NodeId) {
        for other in topology.nodes_of(shard) {
            self.connected[view][other] = Connected::known(other == node, false);
        }
    }

    /// This node replaces the one that the view uses, under an address that clients do not know
    /// yet.
    pub fn strand(
        &mut self,
        topology: &Topology,
        view: ViewId,
        shard: ShardId,
        node: NodeId,
        now: SimTime,
    ) {
        self.go_to(topology, view, shard, node);
        let connected = &mut self.connected[view][node];
        (connected.closed, connected.gone) = (Some(now), true);
    }

    /// Does the view have no connection to the node it uses, although the node may accept one?
    pub fn is_stranded(&self, view: ViewId, node: NodeId) -> bool {
        let connected = &self.connected[view][node];
        connected.gone || connected.away || connected.shut_out
    }

    /// A promotion puts on record what it loses, as number `loss` of the ledger; clients add to it
    /// while they write to a former primary.
    pub fn loses(&mut self, view: ViewId, shard: ShardId, loss: usize) {
        self.views[view].losses[shard].push(loss);
    }

    /// They write to no former primary of the shard any more.
    pub fn end_losses(&mut self, view: ViewId, shard: ShardId, cx: &mut Cx) {
        for loss in self.views[view].losses[shard].drain(..) {
            cx.ledger.lost_acks[loss].to = cx.now;
        }
    }

    /// Who they are, for the story: all clients, or those of some services.
    pub fn name(&self, view: ViewId) -> String {
        if self.views.len() == 1 {
            return "clients".to_owned();
        }
        let View {
            services, process, ..
        } = &self.views[view];
        let services = services.join(" and ");
        match process {
            Some(process) => format!("clients of {services}, process {}", process + 1),
            None => format!("clients of {services}"),
        }
    }
}

impl View {
    /// The number of views that its service is split into.
    fn processes(&self, spec: &SystemSpec) -> usize {
        let Some(service) = self.services.first().filter(|_| self.process.is_some()) else {
            return 1;
        };
        let found = spec.services.iter().find(|spec| spec.name == *service);
        found.map_or(1, ServiceSpec::process_count)
    }
}

/// The views of a cluster; one without clients if no service uses it.
fn views(
    spec: &SystemSpec,
    plan: &ClusterPlan,
    topology: &Topology,
    counted: bool,
) -> Fleet<ViewId, View> {
    let here: Vec<&WorkloadSpec> = plan.workloads.iter().map(|w| &spec.workloads[*w]).collect();
    let needs = |service: &ServiceSpec, name: &str| {
        let mut needs = service.needs.iter();
        needs.any(|need| need.workload == name)
    };
    let uses = |service: &&ServiceSpec| here.iter().any(|w| needs(service, &w.name));
    let followings = spec.services.iter().filter(uses);
    let supervisor = spec.redis.supervisor;
    let readiness = supervisor.is_some_and(|spec| spec.readiness.is_some());
    let following = |s: &ServiceSpec| Following::of(&s.client, spec.failover, readiness);
    let mut views: Vec<View> = Vec::new();
    let view = |following, service: Option<&ServiceSpec>, process| View {
        following,
        services: Vec::from_iter(service.map(|service| service.name.clone())),
        process,
        parts: Vec::new(),
        commands: 0.0,
        writes: 0.0,
        connections: 0,
        connect_timeout: service.and_then(connect_timeout),
        losses: Fleet::alike(&topology.shares, Vec::new()),
    };
    for service in followings {
        let following = following(service);
        let processes = service.process_count();
        if processes > 1 && (following.is_periodic() || spec.rolls) {
            let of_process = |process| view(following, Some(service), Some(process));
            views.extend((0..processes).map(of_process));
            continue;
        }
        let alike = |view: &&mut View| {
            let waits = !counted || view.connect_timeout == connect_timeout(service);
            view.following == following && view.process.is_none() && waits
        };
        match views.iter_mut().find(alike) {
            Some(view) => view.services.push(service.name.clone()),
            None => views.push(view(following, Some(service), None)),
        }
    }
    if views.is_empty() {
        views.push(view(Following::NOBODY, None, None));
    }
    share_workloads(&mut views, spec, &here);
    views.into_iter().collect()
}

/// What each view sends of the commands of these workloads.
fn share_workloads(views: &mut [View], spec: &SystemSpec, here: &[&WorkloadSpec]) {
    for workload in here {
        // Its commands are split evenly between the services that need it, its writes between
        // those that write.
        let users = |writes: bool| {
            let needs = |need: &&NeedSpec| {
                need.workload == workload.name && (!writes || need.access == Access::Write)
            };
            let users = spec.services.iter();
            let users = users.filter(move |service| service.needs.iter().any(|n| needs(&n)));
            users
                .map(|service| service.name.as_str())
                .collect::<Vec<_>>()
        };
        let (all, writers) = (users(false), users(true));
        for view in &mut *views {
            let part = |of: &[&str]| {
                let its = of
                    .iter()
                    .filter(|name| view.services.iter().any(|s| s == *name));
                let part = its.count() as f64 / of.len().max(1) as f64;
                part / view.processes(spec) as f64
            };
            view.parts.push((part(&all), part(&writers)));
        }
    }
}

/// How long a service's client tries to make a connection, if it gives up at all.
fn connect_timeout(service: &ServiceSpec) -> Option<SimDuration> {
    let timeout = service.client.connect_timeout;
    timeout.filter(|timeout| *timeout > SimDuration::ZERO)
}

/// Shares a primary's connections out among the views, in proportion to their workers.
fn connect(views: &mut Fleet<ViewId, View>, spec: &SystemSpec, all: u32) {
    let workers = |view: &View| {
        let services = spec.services.iter();
        let its = services.filter(|service| view.services.contains(&service.name));
        its.map(|service| f64::from(service.workers)).sum::<f64>() / view.processes(spec) as f64
    };
    let weights: Vec<f64> = views.values().map(workers).collect();
    for ((_, view), wanted) in views.iter_mut().zip(in_proportion(all, &weights)) {
        view.connections = wanted;
    }
}

/// Whole parts of `all` in proportion to `weights`; equal ones if there are none.
pub(super) fn in_proportion(all: u32, weights: &[f64]) -> Vec<u32> {
    const FINE: f64 = 1e6;
    let sum: f64 = weights.iter().sum();
    let share = |weight: &f64| if sum > 0.0 { weight / sum } else { 1.0 };
    let asked: Vec<u32> = weights
        .iter()
        .map(|weight| (share(weight) * FINE).round() as u32)
        .collect();
    apportion(all, &asked)
}

/// Makes amounts shares of their sum; equal ones if there is nothing.
fn shares(views: &mut Fleet<ViewId, View>, amount: impl Fn(&mut View) -> &mut f64) {
    let all: f64 = views.iter_mut().map(|(_, view)| *amount(view)).sum();
    let equal = 1.0 / views.len() as f64;
    for (_, view) in views.iter_mut() {
        let amount = amount(view);
        *amount = if all > 0.0 { *amount / all } else { equal };
    }
}
