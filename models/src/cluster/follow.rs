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
//! connection learns nothing until its clock ticks, or until its servers are restarted. All clients
//! of a cluster move together, with the slowest of its services.

use std::ops::{Index, IndexMut};

use rand::RngExt;
use sim::SimDuration;

use super::Cluster;
use super::node::Node;
use super::topology::Topology;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, Id, NodeId, ShardId};
use crate::layout::ClusterPlan;
use crate::redis::capability::Reply;
use crate::spec::service::{ClientSpec, FollowsSpec};
use crate::spec::{SystemSpec, WorkloadSpec};

/// How clients find out, of the slowest service.
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
    /// Of the clients that use a cluster.
    pub fn new(spec: &SystemSpec, plan: &ClusterPlan) -> Following {
        let here = |name: &str| {
            let mut workloads = plan.workloads.iter().map(|w| &spec.workloads[*w]);
            workloads.any(|workload| workload.name == name)
        };
        let uses = spec
            .services
            .iter()
            .filter(|service| service.needs.iter().any(|need| here(&need.workload)));
        let of = uses.map(|service| Following::of(&service.client));
        of.reduce(Following::slower).unwrap_or(Following {
            takes: SimDuration::ZERO,
            rule: None,
            gives_up: None,
        })
    }

    fn of(client: &ClientSpec) -> Following {
        Following {
            takes: client.topology_refresh,
            rule: client.follows,
            gives_up: client.command_timeout,
        }
    }

    /// What holds for both is what the slower one does.
    fn slower(self, other: Following) -> Following {
        let rule = match (self.rule, other.rule) {
            (None, rule) | (rule, None) => rule,
            (Some(one), Some(two)) => Some(FollowsSpec {
                on_error: one.on_error && two.on_error,
                every: one.every.zip(two.every).map(|(one, two)| one.max(two)),
            }),
        };
        Following {
            takes: self.takes.max(other.takes),
            rule,
            gives_up: self
                .gives_up
                .zip(other.gives_up)
                .map(|(one, two)| one.max(two)),
        }
    }
}

/// The clients of a cluster: what they ask for, and which nodes they take for owners.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// Commands per second on a shard's owner, per unit of its share, and those of them that write.
    pub commands: (f64, f64),
    following: Following,
    /// They are moving to larger nodes.
    pub cutting_over: bool,
    pub connected: Fleet<NodeId, Connected>,
}

/// How clients stand with a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Connected {
    /// Do they know it as the owner of its shard?
    pub known: bool,
    /// Are their connections and their load back on it?
    pub loaded: bool,
}

impl Clients {
    /// All of them know the owners.
    pub fn new(spec: &SystemSpec, plan: &ClusterPlan, topology: &Topology) -> Clients {
        let connected = |node: &Node| Connected {
            known: node.primary,
            loaded: node.primary,
        };
        Clients {
            commands: commands(spec, plan),
            following: Following::new(spec, plan),
            cutting_over: false,
            connected: topology.nodes.values().map(connected).collect(),
        }
    }

    /// The node that they hold for the shard's owner.
    pub fn known_owner(&self, topology: &Topology, shard: ShardId) -> NodeId {
        let known = topology.nodes_of(shard).find(|node| self[*node].known);
        known.expect("clients always know some owner of a shard")
    }

    /// They take this node for the owner of a shard; none of them is connected to it yet.
    pub fn go_to(&mut self, topology: &Topology, shard: ShardId, node: NodeId) {
        for other in topology.nodes_of(shard) {
            self[other] = Connected {
                known: other == node,
                loaded: false,
            };
        }
    }
}

impl Index<NodeId> for Clients {
    type Output = Connected;
    fn index(&self, node: NodeId) -> &Connected {
        &self.connected[node]
    }
}

impl IndexMut<NodeId> for Clients {
    fn index_mut(&mut self, node: NodeId) -> &mut Connected {
        &mut self.connected[node]
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
    /// Clients of a shard may find out that `node` owns it: in `told` from now, if they are told.
    pub(super) fn let_follow(
        &mut self,
        shard: ShardId,
        node: NodeId,
        told: SimDuration,
        cx: &mut Cx,
    ) {
        if let Some(delay) = self.discovery_delay(shard, cx) {
            let timer = ClusterTimer::Follow { shard, node };
            self.after(told + delay, timer, cx);
        }
    }

    /// Clients have learnt of a shard's new owner.
    pub(super) fn on_follow(&mut self, shard: ShardId, node: NodeId, cx: &mut Cx) {
        // Nobody tells clients of a node that they cannot reach; they ask again when they can.
        if self.topology.owners[shard] != node
            || self.clients[node].known
            || !self.topology.clients_reach(node)
        {
            return;
        }
        cx.ledger.trace(cx.now, || {
            format!("clients switch to {}", self.node_name(node))
        });
        self.clients.go_to(&self.topology, shard, node);
        self.replication.end_losses(shard, cx);
        self.take_writes(shard, cx.now);
        self.after(self.redis.reconnect_ramp, ClusterTimer::Ramped(node), cx);
    }

    pub(super) fn on_ramped(&mut self, node: NodeId, cx: &mut Cx) {
        if self.clients[node].known && !self.clients[node].loaded {
            self.clients[node].loaded = true;
            cx.ledger.trace(cx.now, || {
                format!(
                    "{}: all clients have reconnected, with their buffers",
                    self.node_name(node)
                )
            });
        }
    }

    /// The node that clients know does something else now: they may look again.
    pub(super) fn rediscover(&mut self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        let owner = self.topology.owners[shard];
        if self.clients.following.rule.is_some() && self.clients[node].known && owner != node {
            self.let_follow(shard, owner, SimDuration::ZERO, cx);
        }
    }

    /// How soon clients of a shard know its owner; `None` if nothing makes them look.
    fn discovery_delay(&self, shard: ShardId, cx: &Cx) -> Option<SimDuration> {
        let Following {
            takes,
            rule,
            gives_up,
        } = self.clients.following;
        let Some(rule) = rule else {
            return Some(takes);
        };
        let known = self.seen(self.known_owner(shard));
        let by_error = match known.writes {
            Reply::Silence => gives_up,
            Reply::Error(_) | Reply::Fine => Some(SimDuration::ZERO),
        };
        let by_clock = rule.every.map(|every| {
            let mut rng = self
                .control
                .key
                .child(2)
                .at(shard.index() as u64, cx.now.as_nanos());
            every.scaled(rng.random())
        });
        let by_error = by_error.filter(|_| rule.on_error);
        let first = by_error.into_iter().chain(by_clock).min();
        first.map(|first| first + takes)
    }
}
