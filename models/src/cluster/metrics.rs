//! What exporters on a cluster's nodes show, beside its usage.

use sim::SimTime;

use super::Cluster;
use crate::ids::{Id, NodeId, ShardId};
use crate::redis::capability::Reply;
use crate::redis::growth::Measure;
use crate::redis::memory::Load;

impl Cluster {
    /// Used memory of the shard's owner as a share of its limit.
    pub fn usage(&self, shard: ShardId, now: SimTime) -> f64 {
        self.node_usage(self.known_owner(shard), now)
    }

    /// Used memory of a node as a share of its limit.
    pub fn node_usage(&self, node: NodeId, now: SimTime) -> f64 {
        let shard = self.topology[node].shard;
        let dataset_size = self.dataset.growth.size_at(now);
        let tables = self.tables_at(shard, dataset_size, now).bytes();
        let memory = &self.topology[node].memory;
        let load = Load {
            tables,
            ..self.load(node, now)
        };
        memory.used(dataset_size.bytes * self.topology.shares[shard], load) / memory.limit()
    }

    /// Used memory over the shards' limits, on average: what a provider's metric shows.
    pub fn usage_average(&self, now: SimTime) -> f64 {
        let sum: f64 = self.shards().map(|shard| self.usage(shard, now)).sum();
        sum / self.shards().len() as f64
    }

    /// The shard that is fullest by its owner's share of its limit.
    pub fn fullest_shard(&self, now: SimTime) -> ShardId {
        let usage = |shard: &ShardId| self.usage(*shard, now);
        let fullest = self.shards().max_by(|a, b| usage(a).total_cmp(&usage(b)));
        fullest.expect("a cluster has a shard")
    }

    /// Does some node answer nothing, or is there nobody to answer? An exporter that gets an error
    /// (-LOADING, -MISCONF) has an answer.
    pub fn some_node_down(&self) -> bool {
        self.topology.ids().any(|node| !self.responds(node))
    }

    /// Is there a shard none of whose nodes answers and holds itself for a primary?
    pub fn some_shard_without_primary(&self) -> bool {
        let serves = |node: NodeId, shard: ShardId| {
            let at = &self.topology[node];
            at.shard == shard && at.primary && self.responds(node)
        };
        let mut shards = self.shards();
        shards.any(|shard| !self.topology.ids().any(|node| serves(node, shard)))
    }

    /// When a node of each shard first had all the memory that it may have, by the shard's name.
    pub fn full(&self) -> Vec<(String, SimTime)> {
        let name = |shard: ShardId| format!("{} shard {}", self.plan.name, shard.index() + 1);
        let full = self.dataset.full.iter();
        full.map(|(shard, at)| (name(*shard), *at)).collect()
    }

    /// Does a node fork at present?
    pub fn is_forking(&self) -> bool {
        let mut nodes = self.nodes();
        nodes.any(|node| self.topology[node].forking.is_some())
    }

    /// Bytes of the largest node that a shard has.
    pub fn largest_node(&self) -> f64 {
        let nodes = self.nodes();
        nodes
            .map(|node| self.topology[node].bytes)
            .fold(0.0, f64::max)
    }

    fn responds(&self, node: NodeId) -> bool {
        let seen = self.seen(node);
        seen.tcp == Reply::Fine && seen.ping != Reply::Silence
    }

    /// Bytes of the datasets, over all shards, at `at`, which is not in the future.
    pub fn dataset_at(&self, at: SimTime) -> f64 {
        self.dataset.growth.bytes_at(at)
    }

    /// Can the datasets become smaller by themselves?
    pub fn dataset_falls(&self) -> bool {
        self.dataset.growth.falls()
    }

    /// The datasets' size, over all shards, at which some shard's owner reaches its limit.
    pub fn dataset_at_limit(&self, now: SimTime) -> f64 {
        let dataset_size = self.dataset.growth.size_at(now);
        let size = |shard: ShardId| {
            let tables = self.tables_at(shard, dataset_size, now).bytes();
            self.limit_with_tables(shard, tables, now)
        };
        self.topology
            .asked_shards()
            .map(size)
            .fold(f64::INFINITY, f64::min)
    }

    /// A size that it is not below before the next event, whatever tables double until then.
    pub fn dataset_at_limit_at_least(&self, now: SimTime) -> f64 {
        let size = |shard: ShardId| {
            let tables = &self.dataset.tables[shard];
            self.limit_with_tables(shard, tables.bytes() + tables.bytes_ahead(), now)
        };
        self.topology
            .asked_shards()
            .map(size)
            .fold(f64::INFINITY, f64::min)
    }

    fn limit_with_tables(&self, shard: ShardId, tables: f64, now: SimTime) -> f64 {
        let owner = self.known_owner(shard);
        let load = Load {
            tables,
            ..self.load(owner, now)
        };
        self.topology[owner].memory.dataset_at_usage(1.0, load) / self.topology.shares[shard]
    }

    /// The first instant of `[from, to)` at which the datasets are this large, if writes stay as
    /// they are.
    pub fn when_dataset_reaches(&self, bytes: f64, from: SimTime, to: SimTime) -> Option<SimTime> {
        self.dataset
            .growth
            .when_reaches(Measure::Bytes, bytes, from, to)
    }

    /// Do buffers grow with time at present, and not with keys?
    pub fn buffers_grow(&self) -> bool {
        self.topology.nodes.values().any(|node| node.slow.is_some())
    }

    /// When keys were deleted last by hand.
    pub fn deleted_at(&self) -> Option<SimTime> {
        self.dataset.growth.deleted_at()
    }

    /// A number that changes whenever a forecast of growth no longer holds.
    pub fn turns(&self) -> u32 {
        self.dataset.growth.turns()
    }
}
