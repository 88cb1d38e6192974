//! What was lost of keys with a lifetime matters less and less: they would have expired by now, and
//! others have come in their place.
//!
//! ```text
//! missing │╲
//!         │ ╲_             lost at once; every eighth of a lifetime a part of it is forgotten
//!         │   ╲__          (by e^-2 in a lifetime, half a lifetime on average: as long as what was
//!         └──────╲───► t   lost had left, on average)
//! ```
//!
//! Left out: that what is missing goes evenly, and is gone for good after one lifetime.

use sim::SimDuration;

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::redis::growth::DatasetSize;

/// Steps to a lifetime.
const STEPS: f64 = 8.0;

/// A rest of what is missing, of all that there is, that is forgotten at once.
const REST: f64 = 1e-3;

impl Cluster {
    /// Sees to it that what is missing of keys with a lifetime is forgotten in time.
    pub(super) fn plan_fading(&mut self, cx: &mut Cx) {
        if !self.dataset.growth.falls() || self.dataset.fades {
            return;
        }
        let evicts = |shard| self.evicts(shard, cx.now);
        if !self.misses_keys() && !self.shards().any(evicts) {
            return;
        }
        let lifetimes = (0..self.plan.workloads.len()).filter_map(|w| self.lifetime(w));
        let step = lifetimes.min().map(|least| least.scaled(1.0 / STEPS));
        let step = step.expect("it falls").max(SimDuration::from_millis(1));
        self.dataset.fades = true;
        self.after(step, ClusterTimer::Fades { step }, cx);
    }

    /// A part of what is missing would have expired by now.
    pub(super) fn on_fades(&mut self, step: SimDuration, cx: &mut Cx) {
        self.dataset.fades = false;
        for shard in self.shards() {
            self.record_evictions(shard, cx.now);
        }
        self.settle_tables(self.dataset.growth.size_at(cx.now), cx);
        self.note_all_saves(cx.now);
        let parts = self.dataset.growth.parts_at(cx.now);
        for (place, part) in parts.into_iter().enumerate() {
            let Some(lifetime) = self.lifetime(place) else {
                continue;
            };
            let fades = -(-2.0 * step.as_secs_f64() / lifetime.as_secs_f64()).exp_m1();
            self.forget_lost(place, (fades, part));
            let deleted = self.dataset.deleted[place];
            let rest = deleted.bytes * (1.0 - fades) < REST * part;
            let gone = if rest {
                deleted
            } else {
                deleted.share(fades).whole()
            };
            if gone != DatasetSize::default() {
                self.dataset.deleted[place] = deleted.without(gone);
                self.dataset.growth.forget_deleted(cx.now, gone);
            }
        }
    }

    /// A share of what each shard misses of a workload is forgotten.
    fn forget_lost(&mut self, place: usize, (fades, part): (f64, f64)) {
        for shard in self.shards() {
            let share = self.topology.shares[shard];
            let evictions = &mut self.dataset.evictions;
            let before = evictions.bytes(shard);
            let most = part * share;
            let less = evictions.fade((shard, place), fades, (REST * most, most));
            if less <= 0.0 {
                continue;
            }
            for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
                // What it has evicted itself is no part of what it lacked when it got its data.
                let memory = self.topology[node].memory;
                let its = less * (memory.gone() / before).min(1.0);
                self.topology[node].memory = memory.without((memory.gone() - its).max(0.0));
            }
            let bytes = self.dataset.growth.bytes_each(place) * share;
            let expires = self.dataset.evictions.expires(place);
            self.dataset.tables[shard].forget(less / bytes, expires);
        }
    }

    fn misses_keys(&self) -> bool {
        (0..self.plan.workloads.len()).any(|place| {
            let deleted = self.dataset.deleted[place].bytes > 0.0;
            let gone = || self.dataset.evictions.of_workload_missing(place) > 0.0;
            self.lifetime(place).is_some() && (deleted || gone())
        })
    }

    fn lifetime(&self, place: usize) -> Option<SimDuration> {
        self.dataset.growth.lifetime(place)
    }
}
