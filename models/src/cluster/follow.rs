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

use rand::RngExt;
use sim::SimDuration;

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::layout::ClusterPlan;
use crate::redis::capability::Reply;
use crate::spec::SystemSpec;
use crate::spec::service::{ClientSpec, FollowsSpec};

/// How clients find out, of the slowest service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Following {
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

impl Cluster {
    /// Clients of a shard may find out that `node` owns it: in `told` from now, if they are told.
    pub(super) fn let_follow(&mut self, shard: usize, node: usize, told: SimDuration, cx: &mut Cx) {
        if let Some(delay) = self.finds_out(shard, cx) {
            let timer = ClusterTimer::Follow { shard, node };
            self.after(told + delay, timer, cx);
        }
    }

    /// The node that clients know does something else now: they may look again.
    pub(super) fn look_again(&mut self, node: usize, cx: &mut Cx) {
        let shard = self.nodes[node].shard;
        let owner = self.owners[shard];
        if self.following.rule.is_some() && self.nodes[node].known && owner != node {
            self.let_follow(shard, owner, SimDuration::ZERO, cx);
        }
    }

    /// How soon clients of a shard know its owner; `None` if nothing makes them look.
    fn finds_out(&self, shard: usize, cx: &Cx) -> Option<SimDuration> {
        let Following {
            takes,
            rule,
            gives_up,
        } = self.following;
        let Some(rule) = rule else {
            return Some(takes);
        };
        let known = self.seen(self.known_owner(shard));
        let by_error = match known.writes {
            Reply::Silence => gives_up,
            Reply::Error(_) | Reply::Fine => Some(SimDuration::ZERO),
        };
        let by_clock = rule.every.map(|every| {
            let mut rng = self.bus_key.child(2).at(shard as u64, cx.now.as_nanos());
            every.scaled(rng.random())
        });
        let by_error = by_error.filter(|_| rule.on_error);
        let first = by_error.into_iter().chain(by_clock).min();
        first.map(|first| first + takes)
    }
}
