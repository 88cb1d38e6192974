//! A provider's failover: its control plane watches processes, promotes a replica after a time that
//! only the provider knows, and moves the primary's name to it.
//!
//! ```text
//! primary stops answering ──drawn──► replica promoted ──TTL──► name resolved anew ──► clients
//! ```
//!
//! The control plane sees what its node agents see: a process that answers is well, so a primary
//! that refuses writes at `maxmemory` stays where it is. A node that comes back becomes a replica.
//! All clients of a cluster share one resolver's cache, which was filled at a random moment before
//! the promotion: they follow together, later than the first and earlier than the last real one.

use rand::RngExt;
use sim::SimDuration;

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::redis::capability::Condition;
use crate::spec::redis::ManagedSpec;

/// What a control plane keeps in mind.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    spec: ManagedSpec,
    /// Counts, by shard, the times that its primary stopped or went on.
    turns: Vec<u32>,
}

impl Provider {
    pub(super) fn new(spec: &ManagedSpec, shards: usize) -> Provider {
        Provider {
            spec: spec.clone(),
            turns: vec![0; shards],
        }
    }
}

impl Cluster {
    /// The control plane hears of a node's process.
    pub(super) fn tell_provider(&mut self, node: usize, condition: Condition, cx: &mut Cx) {
        let shard = self.nodes[node].shard;
        let Some(provider) = &mut self.provider else {
            return;
        };
        if self.owners[shard] != node {
            return;
        }
        provider.turns[shard] += 1;
        if !condition.capabilities().bus {
            self.await_provider(shard, cx);
        }
    }

    fn await_provider(&self, shard: usize, cx: &mut Cx) {
        let Some(provider) = &self.provider else {
            return;
        };
        let turn = provider.turns[shard];
        let mut rng = self.bus_key.at(shard as u64, u64::from(turn));
        let takes = provider.spec.takes.sample(&mut rng);
        self.after(takes, ClusterTimer::Provider { shard, turn }, cx);
    }

    /// The control plane acts, unless the primary has answered since.
    pub(super) fn on_provider(&mut self, shard: usize, turn: u32, cx: &mut Cx) {
        let Some(provider) = &mut self.provider else {
            return;
        };
        if provider.turns[shard] != turn {
            return;
        }
        provider.turns[shard] += 1;
        let fit = |n: &usize| self.has_data(*n) && self.nodes[*n].capabilities().bus;
        let Some(replica) = self.best_replica(shard, cx.now, fit) else {
            cx.ledger.say(cx.now, || {
                format!("provider: no replica of {} shard {}", self.name, shard + 1)
            });
            self.await_provider(shard, cx);
            return;
        };
        self.on_promoted(shard, replica, cx);
        self.all_follow(shard, replica);
    }

    /// From a promotion until clients can learn of it: what the name's time to live has left.
    pub(super) fn told_after(&self, shard: usize) -> SimDuration {
        let Some(provider) = &self.provider else {
            return SimDuration::ZERO;
        };
        let draw = self.bus_key.child(1);
        let mut rng = draw.at(shard as u64, u64::from(provider.turns[shard]));
        let left: f64 = rng.random();
        provider.spec.dns_ttl.scaled(left)
    }
}
