//! What people do to a cluster by hand, right or wrong: restart nodes, make its clients rediscover
//! the owners, end growth. What they do by a command to a node is in `commands.rs`.

use sim::SimTime;

use super::Cluster;
use super::node::Change;
use super::queue::ExtraGrowth;
use crate::event::Cx;
use crate::ids::{NodeId, ShardId, ViewId};
use crate::redis::capability::{Condition, Reply};
use crate::spec::service::Access;

impl Cluster {
    /// Shards whose owner, as clients know it, does not take writes by itself; if there is none,
    /// all whose owner refuses for the cluster's sake.
    pub fn failing_shards(&self) -> Vec<ShardId> {
        let fails = |reply: fn(&Cluster, NodeId) -> Reply| {
            let fails = |node: NodeId| reply(self, node) != Reply::Fine;
            let fails = |shard: &ShardId| self.known_owners(*shard).any(fails);
            let failing = self.topology.asked_shards().filter(fails);
            failing.collect::<Vec<ShardId>>()
        };
        let by_itself = fails(|cluster, node| cluster.seen(node).writes);
        if by_itself.is_empty() {
            fails(|cluster, node| cluster.reply(node, Access::Write))
        } else {
            by_itself
        }
    }

    /// The nodes that clients hold for the shard's owner.
    fn known_owners(&self, shard: ShardId) -> impl Iterator<Item = NodeId> + '_ {
        self.clients
            .ids()
            .map(move |view| self.known_to(view, shard))
    }

    /// The first of them that fails its clients.
    fn failing_owner(&self, shard: ShardId) -> NodeId {
        let fails = |node: &NodeId| self.reply(*node, Access::Write) != Reply::Fine;
        let mut owners = self.known_owners(shard);
        owners.find(fails).unwrap_or(self.known_owner(shard))
    }

    /// Shards whose owner, as clients know it, does not serve, although its memory is not to blame.
    pub fn shards_without_owner(&self, memory_high: f64, now: SimTime) -> Vec<ShardId> {
        let faulty = |shard: &ShardId| {
            let owner = self.failing_owner(*shard);
            self.topology[owner].fault.is_some() && self.node_usage(owner, now) < memory_high
        };
        self.shards().filter(faulty).collect()
    }

    /// The process of the shard's owner, as clients know it, is asked to stop, and killed if it
    /// does not; a supervisor starts it again, perhaps under a configuration that makes it a
    /// replica of itself. Names the node, unless its host is gone or it is on its way already.
    pub fn restart_owner(
        &mut self,
        shard: ShardId,
        read_only: bool,
        cx: &mut Cx,
    ) -> Option<NodeId> {
        let owner = self.failing_owner(shard);
        let fault = self.topology[owner].fault;
        if matches!(fault, Some(Condition::HostLost | Condition::Killed)) {
            return None;
        }
        self.topology[owner].read_only = read_only;
        self.shut_down(owner);
        self.change(owner, Change::Fault(Some(Condition::Killed)), cx);
        self.settle(cx);
        Some(owner)
    }

    /// Is this node's process down, or reading its data?
    pub fn is_down(&self, node: NodeId) -> bool {
        let fault = self.topology[node].fault;
        matches!(fault, Some(Condition::Killed | Condition::Loading))
    }

    /// Is this node's process reading its data?
    pub fn is_loading(&self, node: NodeId) -> bool {
        self.topology[node].fault == Some(Condition::Loading)
    }

    /// Servers that have just started ask for the owners, and are told of those that they reach.
    pub fn clients_learn_owners(&mut self, view: ViewId, cx: &mut Cx) {
        if self.clients.refreshes_on_start(view) {
            for shard in self.shards() {
                self.on_follow(view, shard, self.clients.observed[shard], cx);
            }
        }
        for shard in self.shards() {
            let node = self.known_to(view, shard);
            if self.is_barred(view, node) {
                self.shut_out(view, node, cx);
            }
            if !self.clients.is_stranded(view, node) {
                self.come_again(view, node, cx);
            }
        }
        self.settle(cx);
    }

    /// Growth bursts of this workload end.
    pub fn stop_growth(&mut self, workload: usize, cx: &mut Cx) {
        self.dataset.stop_bursts(workload, cx.now);
        self.plan_streams(cx);
        self.settle(cx);
    }

    /// The growth bursts and backlogs that may hit this cluster, in the order of their trees.
    pub fn name_surpluses(&mut self, surpluses: Vec<ExtraGrowth>) {
        self.dataset.surpluses = surpluses;
    }

    /// Are the nodes of this plan still to come?
    pub fn awaits(&self, plan: u32) -> bool {
        self.resizes.awaits(plan)
    }
}
