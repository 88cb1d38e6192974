//! Memory pressure: what it does to each node now, and at which dataset size it matters next.

use super::{Cluster, ClusterTimer, Watched};
use crate::event::{Cx, Event};
use crate::redis::memory::Trouble;

impl Cluster {
    /// What memory does to a node at this size of the datasets.
    pub(super) fn trouble(&self, node: usize, bytes: f64) -> Option<Trouble> {
        if self.nodes[node].fault.is_some() {
            return None;
        }
        let (dataset, trouble) = self.nodes[node].memory.trouble(self.load(node))?;
        (bytes >= (dataset / self.shares[self.nodes[node].shard]).ceil()).then_some(trouble)
    }

    /// The next instant at which memory matters to a node or to an observer.
    pub(super) fn schedule_memory(&mut self, bytes: f64, cx: &mut Cx) {
        let next = self
            .thresholds()
            .filter(|bound| *bound > bytes)
            .min_by(f64::total_cmp);
        let forecast = (next, self.growth.turns());
        if self.forecast == Some(forecast) {
            return;
        }
        self.forecast = Some(forecast);
        if let Some(key) = self.memory_event.take() {
            cx.agenda.cancel(key);
        }
        let Some(next) = next else { return };
        if let Some(at) = self.growth.when_reaches(next, cx.now, cx.end) {
            let event = Event::Cluster(self.id, ClusterTimer::Memory);
            self.memory_event = Some(cx.agenda.at(at, event));
        }
    }

    /// Dataset sizes over all shards at which something happens: trouble, or a watched usage.
    fn thresholds(&self) -> impl Iterator<Item = f64> + '_ {
        let over_all =
            |node: usize, dataset: f64| (dataset / self.shares[self.nodes[node].shard]).ceil();
        let troubles = (0..self.nodes.len()).filter_map(move |node| {
            let (dataset, _) = self.nodes[node].memory.trouble(self.load(node))?;
            Some(over_all(node, dataset))
        });
        let watched = self.watched.iter().flat_map(move |watched| match *watched {
            Watched::AnyShard(share) => self
                .shards()
                .map(|shard| self.at_usage(shard, share))
                .collect(),
            Watched::Average(share) => vec![self.at_average(share)],
        });
        troubles.chain(watched)
    }

    /// The dataset size over all shards at which a shard's owner uses this share of its limit.
    fn at_usage(&self, shard: usize, share: f64) -> f64 {
        let node = self.known_owner(shard);
        let dataset = self.nodes[node]
            .memory
            .dataset_at_usage(share, self.load(node));
        (dataset / self.shares[shard]).ceil() + 1.0
    }

    /// The dataset size over all shards at which the owners' usage averages this share: usage is
    /// linear in it, so two points tell.
    fn at_average(&self, share: f64) -> f64 {
        let usage = |bytes: f64| -> f64 {
            let of = |shard: usize| {
                let node = self.known_owner(shard);
                let memory = &self.nodes[node].memory;
                memory.used(bytes * self.shares[shard], self.load(node)) / memory.limit()
            };
            self.shards().map(of).sum::<f64>() / self.shares.len() as f64
        };
        let (empty, slope) = (usage(0.0), usage(1e12) - usage(0.0));
        ((share - empty) / slope * 1e12).ceil() + 1.0
    }
}
