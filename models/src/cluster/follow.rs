//! How clients come to know a shard's new owner.
//!
//! ```text
//!  the node they know    their library looks                        and knows `takes` later
//!  sends them on         at once, if it looks on errors
//!  is gone, refuses      at once, if it looks on errors
//!  does not answer       when a command is given up, if one ever is
//!  (whatever it does)    at the next tick of its clock, if it has one
//! ```
//!
//! A client without a command timeout that waits for a node which neither answers nor closes the
//! connection learns nothing until its clock ticks, or until its servers are restarted.
//!
//! Every service follows for itself, so two of them may hold different nodes for the owner of a
//! shard at one time. Services whose libraries follow in the same way share a view. Left out: the
//! processes of a service, which all follow at once.

use rand::RngExt;
use sim::SimDuration;

use super::Cluster;
use super::node::Node;
use super::topology::Topology;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, Id, NodeId, ShardId, ViewId};
use crate::layout::ClusterPlan;
use crate::redis::capability::Reply;
use crate::spec::service::{Access, ClientSpec, FollowsSpec, NeedSpec};
use crate::spec::{ServiceSpec, SystemSpec, WorkloadSpec};

/// How clients find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Following {
    /// From looking to knowing.
    pub takes: SimDuration,
    /// What makes them look; absent: every promotion is told to them.
    pub rule: Option<FollowsSpec>,
    /// When a command without a reply is given up.
    pub gives_up: Option<SimDuration>,
}

impl Following {
    /// Nobody is there to look.
    const NOBODY: Following = Following {
        takes: SimDuration::ZERO,
        rule: None,
        gives_up: None,
    };

    fn of(client: &ClientSpec) -> Following {
        Following {
            takes: client.topology_refresh,
            rule: client.follows,
            gives_up: client.command_timeout,
        }
    }
}

/// Clients that follow a cluster's owners in the same way: those of one service, or of several
/// whose libraries are alike.
#[derive(Clone, Debug)]
pub(super) struct View {
    following: Following,
    /// The services, by name.
    services: Vec<String>,
    /// Their share of the cluster's commands,
    commands: f64,
    /// and of its writes.
    pub writes: f64,
    /// For each shard, losses on record to which they still add.
    losses: Fleet<ShardId, Vec<usize>>,
}

/// The clients of a cluster: what they ask for, and which nodes they take for owners.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// Commands per second on a shard's owner, per unit of its share, and those of them that write.
    pub commands: (f64, f64),
    /// They are moving to larger nodes.
    pub cutting_over: bool,
    pub views: Fleet<ViewId, View>,
    pub connected: Fleet<ViewId, Fleet<NodeId, Connected>>,
    /// The nodes that checks and people take for owners.
    pub observed: Fleet<ShardId, NodeId>,
}

/// How clients stand with a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Connected {
    /// Do they know it as the owner of its shard?
    known: bool,
    /// Are their connections and their load back on it?
    loaded: bool,
}

impl Clients {
    /// All of them know the owners.
    pub fn new(spec: &SystemSpec, plan: &ClusterPlan, topology: &Topology) -> Clients {
        let connected = |node: &Node| Connected {
            known: node.primary,
            loaded: node.primary,
        };
        let connected: Fleet<NodeId, Connected> = topology.nodes.values().map(connected).collect();
        let views = views(spec, plan, topology);
        Clients {
            commands: commands(spec, plan),
            cutting_over: false,
            connected: Fleet::alike(&views, connected),
            views,
            observed: topology.owners.clone(),
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = ViewId> + use<> {
        self.views.ids()
    }

    /// Whose view a service has.
    pub fn view_of(&self, service: &str) -> ViewId {
        let has = |(_, view): &(ViewId, &View)| view.services.iter().any(|name| name == service);
        let found = self.views.iter().find(has);
        found
            .expect("a service that needs a cluster has a view of it")
            .0
    }

    /// The node that they hold for the shard's owner.
    pub fn known_owner(&self, topology: &Topology, view: ViewId, shard: ShardId) -> NodeId {
        let mut nodes = topology.nodes_of(shard);
        let known = nodes.find(|node| self.connected[view][*node].known);
        known.expect("clients always know some owner of a shard")
    }

    /// Those who take this node for the owner of its shard.
    pub fn that_know(&self, node: NodeId) -> Vec<ViewId> {
        let knows = |view: &ViewId| self.connected[*view][node].known;
        self.ids().filter(knows).collect()
    }

    /// The share of commands that is sent to a node by clients whose connections are back.
    pub fn loaded(&self, node: NodeId) -> f64 {
        let loaded = self.ids().filter(|view| self.connected[*view][node].loaded);
        loaded.map(|view| self.views[view].commands).sum()
    }

    /// The share of writes that is sent to a node.
    pub fn writing_to(&self, node: NodeId) -> f64 {
        let writing = self.that_know(node).into_iter();
        writing.map(|view| self.views[view].writes).sum()
    }

    pub fn set_loaded(&mut self, view: ViewId, node: NodeId, loaded: bool) {
        self.connected[view][node].loaded = loaded;
    }

    /// They take this node for the owner of a shard; none of them is connected to it yet.
    pub fn go_to(&mut self, topology: &Topology, view: ViewId, shard: ShardId, node: NodeId) {
        for other in topology.nodes_of(shard) {
            self.connected[view][other] = Connected {
                known: other == node,
                loaded: false,
            };
        }
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
    fn name(&self, view: ViewId) -> String {
        if self.views.len() == 1 {
            return "clients".to_owned();
        }
        format!("clients of {}", self.views[view].services.join(" and "))
    }
}

/// The clients of a cluster, grouped by how they follow; of a cluster that nobody uses too.
fn views(spec: &SystemSpec, plan: &ClusterPlan, topology: &Topology) -> Fleet<ViewId, View> {
    let here: Vec<&WorkloadSpec> = plan.workloads.iter().map(|w| &spec.workloads[*w]).collect();
    let needs = |service: &ServiceSpec, name: &str| {
        let mut needs = service.needs.iter();
        needs.any(|need| need.workload == name)
    };
    let uses = |service: &&ServiceSpec| here.iter().any(|w| needs(service, &w.name));
    let followings = spec.services.iter().filter(uses);
    let followings = followings.map(|s| (Following::of(&s.client), Some(s.name.clone())));
    let mut followings: Vec<_> = followings.collect();
    if followings.is_empty() {
        followings.push((Following::NOBODY, None));
    }
    let mut views: Vec<View> = Vec::new();
    for (following, service) in followings {
        match views.iter_mut().find(|view| view.following == following) {
            Some(view) => view.services.extend(service),
            None => views.push(View {
                following,
                services: service.into_iter().collect(),
                commands: 0.0,
                writes: 0.0,
                losses: Fleet::alike(&topology.shares, Vec::new()),
            }),
        }
    }
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
        for view in &mut views {
            let part = |of: &[&str]| {
                let its = of
                    .iter()
                    .filter(|name| view.services.iter().any(|s| s == *name));
                its.count() as f64 / of.len().max(1) as f64
            };
            let (of_all, of_writers) = (part(&all), part(&writers));
            view.commands += workload.commands.get() * of_all;
            view.writes += workload.commands.get() * workload.writes.get() * of_writers;
        }
    }
    shares(&mut views, |view| &mut view.commands);
    shares(&mut views, |view| &mut view.writes);
    views.into_iter().collect()
}

/// Makes amounts shares of their sum; equal ones if there is nothing.
fn shares(views: &mut [View], amount: impl Fn(&mut View) -> &mut f64) {
    let all: f64 = views.iter_mut().map(|view| *amount(view)).sum();
    let equal = 1.0 / views.len() as f64;
    for view in views {
        let amount = amount(view);
        *amount = if all > 0.0 { *amount / all } else { equal };
    }
}

/// Commands per second, and those that write.
fn commands(spec: &SystemSpec, plan: &ClusterPlan) -> (f64, f64) {
    let on_it = plan.workloads.iter().map(|w| &spec.workloads[*w]);
    let of = |workload: &WorkloadSpec| {
        let commands = workload.commands.get();
        (commands, commands * workload.writes.get())
    };
    let (commands, writes) = on_it
        .map(of)
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (commands * plan.part, writes * plan.part)
}

impl Cluster {
    /// All clients of a shard may find out that `node` owns it: in `told` from now, if they are
    /// told.
    pub(super) fn let_all_follow(
        &mut self,
        shard: ShardId,
        node: NodeId,
        told: SimDuration,
        cx: &mut Cx,
    ) {
        for view in self.clients.ids() {
            self.let_follow(view, shard, node, told, cx);
        }
        self.after(told, ClusterTimer::Observe { shard, node }, cx);
    }

    /// A check connects anew each time, so it asks the owner as soon as it can be told of it,
    /// whatever the clients of the services do. So do people.
    pub(super) fn on_observe(&mut self, shard: ShardId, node: NodeId) {
        if self.topology.owners[shard] == node && self.topology.clients_reach(node) {
            self.clients.observed[shard] = node;
        }
    }

    /// The same for clients who share a view.
    pub(super) fn let_follow(
        &mut self,
        view: ViewId,
        shard: ShardId,
        node: NodeId,
        told: SimDuration,
        cx: &mut Cx,
    ) {
        if let Some(delay) = self.discovery_delay(view, shard, cx) {
            let timer = ClusterTimer::Follow { view, shard, node };
            self.after(told + delay, timer, cx);
        }
    }

    /// Clients have learnt of a shard's new owner.
    pub(super) fn on_follow(&mut self, view: ViewId, shard: ShardId, node: NodeId, cx: &mut Cx) {
        // Nobody tells clients of a node that they cannot reach; they ask again when they can.
        if self.topology.owners[shard] != node
            || self.clients.connected[view][node].known
            || !self.topology.clients_reach(node)
        {
            return;
        }
        cx.ledger.trace(cx.now, || {
            let (who, node) = (self.clients.name(view), self.node_name(node));
            format!("{who} switch to {node}")
        });
        self.clients.go_to(&self.topology, view, shard, node);
        self.clients.end_losses(view, shard, cx);
        self.take_writes(shard, cx.now);
        self.after(
            self.redis.reconnect_ramp,
            ClusterTimer::Ramped { view, node },
            cx,
        );
    }

    pub(super) fn on_ramped(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        let Connected { known, loaded } = self.clients.connected[view][node];
        if known && !loaded {
            self.clients.set_loaded(view, node, true);
            cx.ledger.trace(cx.now, || {
                let (who, node) = (self.clients.name(view), self.node_name(node));
                format!("{node}: all {who} have reconnected, with their buffers")
            });
        }
    }

    /// The node that clients know does something else now: they may look again.
    pub(super) fn rediscover(&mut self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        let owner = self.topology.owners[shard];
        if owner == node {
            return;
        }
        for view in self.clients.that_know(node) {
            if self.clients.views[view].following.rule.is_some() {
                self.let_follow(view, shard, owner, SimDuration::ZERO, cx);
            }
        }
    }

    /// How soon clients of a shard know its owner; `None` if nothing makes them look.
    fn discovery_delay(&self, view: ViewId, shard: ShardId, cx: &Cx) -> Option<SimDuration> {
        let Following {
            takes,
            rule,
            gives_up,
        } = self.clients.views[view].following;
        let Some(rule) = rule else {
            return Some(takes);
        };
        let known = self.seen(self.known_to(view, shard));
        let by_error = match known.writes {
            Reply::Silence => gives_up,
            Reply::Error(_) | Reply::Fine => Some(SimDuration::ZERO),
        };
        let by_clock = rule.every.map(|every| {
            let key = self.control.key.child(2);
            // The first view has the key of clients who are all alike.
            let key = match view.index() {
                0 => key,
                other => key.child(other as u64),
            };
            let mut rng = key.at(shard.index() as u64, cx.now.as_nanos());
            every.scaled(rng.random())
        });
        let by_error = by_error.filter(|_| rule.on_error);
        let first = by_error.into_iter().chain(by_clock).min();
        first.map(|first| first + takes)
    }
}
