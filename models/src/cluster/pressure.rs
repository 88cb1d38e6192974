//! Memory pressure: what it does to each node now, and at which dataset size it matters next.

use super::{Cluster, ClusterTimer, Watched};
use crate::event::{Cx, Event};
use crate::redis::growth::{Held, Measure};
use crate::redis::memory::Trouble;

/// The next size of each measure at which something happens, if anything does.
pub(super) type Bounds = [(Measure, Option<f64>); 4];

impl Cluster {
    /// What memory does to a node that belongs to datasets of this size: the worst of it.
    pub(super) fn trouble(&self, node: usize, held: Held) -> Option<Trouble> {
        if self.nodes[node].fault.is_some() {
            return None;
        }
        let share = self.shares[self.nodes[node].shard];
        let troubles = self.nodes[node].memory.troubles(self.load(node));
        let reached = troubles
            .into_iter()
            .flatten()
            .filter(|(measure, size, _)| held.measure(*measure) >= (size / share).ceil());
        reached.map(|(_, _, trouble)| trouble).max()
    }

    /// The next instant at which memory matters to a node or to an observer.
    pub(super) fn schedule_memory(&mut self, held: Held, cx: &mut Cx) {
        let bounds = self.bounds(held);
        let forecast = (bounds, self.growth.turns());
        if self.forecast == Some(forecast) {
            return;
        }
        self.forecast = Some(forecast);
        if let Some(key) = self.memory_event.take() {
            cx.agenda.cancel(key);
        }
        let reached = |(measure, bound): (Measure, Option<f64>)| {
            self.growth.when_reaches(measure, bound?, cx.now, cx.end)
        };
        if let Some(at) = bounds.into_iter().filter_map(reached).min() {
            let event = Event::Cluster(self.id, ClusterTimer::Memory);
            self.memory_event = Some(cx.agenda.at(at, event));
        }
    }

    /// The next sizes of the datasets, over all shards, at which something happens.
    fn bounds(&self, held: Held) -> Bounds {
        let mut bounds = [
            Measure::Bytes,
            Measure::Lasting,
            Measure::Keys,
            Measure::Expiring,
        ]
        .map(|measure| (measure, None));
        let mut add = |measure: Measure, size: f64| {
            if size > held.measure(measure) {
                let found = bounds.iter_mut().find(|(m, _)| *m == measure);
                let (_, bound) = found.expect("every measure has a bound");
                *bound = Some(bound.map_or(size, |lowest: f64| lowest.min(size)));
            }
        };
        let mut all_awake = false;
        for watched in &self.watched {
            if let Watched::Average(share) = watched {
                let (size, close) = (self.at_average(*share, 0.0), self.at_average(*share, 1.0));
                all_awake |= close <= held.bytes && size > held.bytes;
                add(Measure::Bytes, size);
                add(Measure::Bytes, close);
            }
        }
        for shard in self.shards() {
            let mut awake = all_awake;
            for (measure, size) in self.thresholds(shard) {
                add(measure, size);
                // From here on doublings of the shard's tables may take it there.
                let ahead = self.tables[shard].bytes_ahead() / self.shares[shard];
                let close = size - ahead.ceil();
                awake |= close <= held.measure(measure) && size > held.measure(measure);
                add(measure, close);
            }
            for (measure, size) in self.doublings(shard, awake) {
                add(measure, size);
            }
        }
        bounds
    }

    /// Sizes over all shards at which a shard has trouble, or a watched usage.
    fn thresholds(&self, shard: usize) -> impl Iterator<Item = (Measure, f64)> + '_ {
        let over_all = move |size: f64| (size / self.shares[shard]).ceil();
        let nodes = (0..self.nodes.len()).filter(move |node| self.nodes[*node].shard == shard);
        let troubles = nodes.flat_map(move |node| {
            let troubles = self.nodes[node].memory.troubles(self.load(node));
            let size = move |(measure, size, _): (Measure, f64, Trouble)| (measure, over_all(size));
            troubles.into_iter().flatten().map(size)
        });
        let watched = self
            .watched
            .iter()
            .filter_map(move |watched| match *watched {
                Watched::AnyShard(share) => Some((Measure::Bytes, self.at_usage(shard, share))),
                Watched::Average(_) => None,
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

    /// The dataset size over all shards at which the owners' usage averages this share, with so
    /// much of the tables' next doublings: usage is linear in it between them, so two points tell.
    fn at_average(&self, share: f64, doublings: f64) -> f64 {
        let usage = |bytes: f64| -> f64 {
            let of = |shard: usize| {
                let node = self.known_owner(shard);
                let memory = &self.nodes[node].memory;
                let more = doublings * self.tables[shard].bytes_ahead();
                let used = memory.used(bytes * self.shares[shard], self.load(node)) + more;
                used / memory.limit()
            };
            self.shards().map(of).sum::<f64>() / self.shares.len() as f64
        };
        let (empty, slope) = (usage(0.0), usage(1e12) - usage(0.0));
        ((share - empty) / slope * 1e12).ceil() + 1.0
    }
}
