//! What exporters on a cluster's nodes show, beside its usage.

use sim::SimTime;

use super::Cluster;
use crate::redis::capability::Reply;
use crate::redis::growth::Measure;
use crate::redis::memory::Load;

impl Cluster {
    /// Does some node answer nothing, or is there nobody to answer? An exporter that gets an error
    /// (-LOADING, -MISCONF) has an answer.
    pub fn some_node_down(&self) -> bool {
        (0..self.nodes.len()).any(|node| !self.responds(node))
    }

    /// Is there a shard none of whose nodes answers and holds itself for a primary?
    pub fn some_shard_without_primary(&self) -> bool {
        let serves = |node: usize, shard: usize| {
            let at = &self.nodes[node];
            at.shard == shard && at.primary && self.responds(node)
        };
        let mut shards = self.shards();
        shards.any(|shard| !(0..self.nodes.len()).any(|node| serves(node, shard)))
    }

    fn responds(&self, node: usize) -> bool {
        let seen = self.seen(node);
        seen.tcp == Reply::Fine && seen.ping != Reply::Silence
    }

    /// Bytes of the datasets, over all shards, at `at`, which is not in the future.
    pub fn dataset_at(&self, at: SimTime) -> f64 {
        self.growth.bytes_at(at)
    }

    /// The datasets' size, over all shards, at which some shard's owner reaches its limit.
    pub fn dataset_at_limit(&self, now: SimTime) -> f64 {
        let held = self.growth.held_at(now);
        let size = |shard: usize| {
            let tables = self.tables_at(shard, held, now).bytes();
            self.limit_with_tables(shard, tables, now)
        };
        self.asked_shards().map(size).fold(f64::INFINITY, f64::min)
    }

    /// A size that it is not below before the next event, whatever tables double until then.
    pub fn dataset_at_limit_at_least(&self, now: SimTime) -> f64 {
        let size = |shard: usize| {
            let tables = &self.tables[shard];
            self.limit_with_tables(shard, tables.bytes() + tables.bytes_ahead(), now)
        };
        self.asked_shards().map(size).fold(f64::INFINITY, f64::min)
    }

    fn limit_with_tables(&self, shard: usize, tables: f64, now: SimTime) -> f64 {
        let owner = self.known_owner(shard);
        let load = Load {
            tables,
            ..self.load(owner, now)
        };
        self.nodes[owner].memory.dataset_at_usage(1.0, load) / self.shares[shard]
    }

    fn asked_shards(&self) -> impl Iterator<Item = usize> + '_ {
        self.shards().filter(|shard| self.shares[*shard] > 0.0)
    }

    /// The first instant of `[from, to)` at which the datasets are this large, if writes stay as
    /// they are.
    pub fn when_dataset_reaches(&self, bytes: f64, from: SimTime, to: SimTime) -> Option<SimTime> {
        self.growth.when_reaches(Measure::Bytes, bytes, from, to)
    }

    /// Do buffers grow with time at present, and not with keys?
    pub fn buffers_grow(&self) -> bool {
        self.nodes.iter().any(|node| node.slow.is_some())
    }

    /// When keys were deleted last by hand.
    pub fn deleted_at(&self) -> Option<SimTime> {
        self.growth.deleted_at()
    }

    /// A number that changes whenever a forecast of growth no longer holds.
    pub fn turns(&self) -> u32 {
        self.growth.turns()
    }
}
