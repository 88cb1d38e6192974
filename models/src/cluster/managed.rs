//! A provider's failover: its control plane watches processes, promotes a replica after a time that
//! only the provider knows, and moves the primary's name to it.
//!
//! ```text
//! primary stops answering ──drawn──► replica promoted ──TTL──► name resolved again ──► clients
//! ```
//!
//! The control plane sees what its node agents see: a process that answers is well, so a primary
//! that refuses writes at `maxmemory` stays where it is. It is on the clients' side of a
//! partition: a primary behind it does not answer. A node that comes back becomes a replica.
//! All clients of a cluster share one resolver's cache, which was filled at a random moment before
//! the promotion: they follow together, later than the first and earlier than the last real one.

use rand::RngExt;
use sim::SimDuration;

use super::Cluster;
use super::control::Decider;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, Id, NodeId, ShardId};
use crate::redis::capability::Condition;
use crate::spec::redis::ManagedSpec;

/// What a control plane keeps in mind.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    spec: ManagedSpec,
    /// Counts, by shard, the times that its primary stopped or went on.
    turns: Fleet<ShardId, u32>,
}

impl Provider {
    pub(super) fn new(spec: &ManagedSpec, shards: &Fleet<ShardId, f64>) -> Provider {
        Provider {
            spec: spec.clone(),
            turns: Fleet::alike(shards, 0),
        }
    }
}

impl Cluster {
    /// The control plane hears of a node's process.
    pub(super) fn notify_provider(&mut self, node: NodeId, condition: Condition, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        let Some(provider) = self.control.provider_mut() else {
            return;
        };
        if self.topology.owners[shard] != node {
            return;
        }
        provider.turns[shard] += 1;
        if !condition.capabilities().bus {
            self.await_provider(shard, cx);
        }
    }

    /// A partition begins or ends. The control plane is on the clients' side: a primary that they
    /// cannot reach does not answer.
    pub(super) fn notify_provider_of_reach(&mut self, cx: &mut Cx) {
        for shard in self.shards() {
            let owner = self.topology.owners[shard];
            let answers = self.topology.clients_reach(owner) && self.capabilities(owner).bus;
            let Some(provider) = self.control.provider_mut() else {
                return;
            };
            provider.turns[shard] += 1;
            if !answers {
                self.await_provider(shard, cx);
            }
        }
    }

    fn await_provider(&self, shard: ShardId, cx: &mut Cx) {
        let Decider::Provider(provider) = &self.control.decider else {
            return;
        };
        let turn = provider.turns[shard];
        let mut rng = self.control.key.at(shard.index() as u64, u64::from(turn));
        let takes = provider.spec.takes.sample(&mut rng);
        self.after(takes, ClusterTimer::Provider { shard, turn }, cx);
    }

    /// The control plane acts, unless the primary has answered since.
    pub(super) fn on_provider(&mut self, shard: ShardId, turn: u32, cx: &mut Cx) {
        let Some(provider) = self.control.provider_mut() else {
            return;
        };
        if provider.turns[shard] != turn {
            return;
        }
        provider.turns[shard] += 1;
        let fit = |n: &NodeId| {
            let answers = self.topology.clients_reach(*n) && self.capabilities(*n).bus;
            answers && self.replication.has_data(*n)
        };
        let Some(replica) = self.best_replica(shard, cx.now, fit) else {
            cx.ledger.trace(cx.now, || {
                format!(
                    "provider: no replica of {} shard {}",
                    self.plan.name,
                    shard.index() + 1
                )
            });
            self.await_provider(shard, cx);
            return;
        };
        self.on_promoted(shard, replica, cx);
        self.all_follow(shard, replica);
    }

    /// From a promotion until clients can learn of it: what the name's time to live has left.
    pub(super) fn notified_at(&self, shard: ShardId) -> SimDuration {
        let Decider::Provider(provider) = &self.control.decider else {
            return SimDuration::ZERO;
        };
        let draw = self.control.key.child(1);
        let mut rng = draw.at(shard.index() as u64, u64::from(provider.turns[shard]));
        let left: f64 = rng.random();
        provider.spec.dns_ttl.scaled(left)
    }
}
