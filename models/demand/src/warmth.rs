//! How warm a cache in Redis is: the share of its hits that are missing, from a loss of data until
//! requests have brought the keys back.
//!
//! ```text
//!  one number for each request and need      0 ──────── hits × (1 - cold) ──── hits ──── 1
//!                                              hit      │      of a lost key    │  of a key
//!                                                       │      that comes back  │  never kept
//! ```
//!
//! The keys that give hits are asked for equally often. A request that misses one of them, reads it
//! from the store and is still running then puts it back: `1 / keys` of what is missing at a full
//! loss. Two requests for the same key put it back once: a key that was missing when a request went
//! to the store still is with the chance `cold now / cold then`.
//!
//! A cache that evicts has no room for a part of its keys: each that a request brings back takes
//! the place of another one, so that part is missing for as long as there is no more room.
//!
//! Left out: hot keys, which come back first (a real cache regains its hits faster at the beginning
//! and slower at the end). Keys that expire while Redis does not answer are a loss at its return.

use sim::SimDuration;

use crate::inside::{Draw, NeedState, ServiceState};
use crate::population::Misses;
use crate::visit::VisitId;

/// The share that is missing after this share of what there was is lost, if `cold` was missing.
pub fn colder(cold: f64, share: f64) -> f64 {
    1.0 - (1.0 - cold) * (1.0 - share)
}

impl ServiceState<'_> {
    /// Does Redis have what this press asks of a need?
    pub fn hits(&self, who: VisitId, press: u32, need: usize) -> bool {
        let Some(misses) = self.needs[need].spec.misses else {
            return true;
        };
        let cold = self.needs[need].cold_at(self.shard(who, need));
        self.draw(who, Draw::Key(press, need)) < misses.hits * (1.0 - cold)
    }

    /// Does Redis have all that this press asks, and will it have it until data are lost?
    pub fn hits_all(&self, who: VisitId, press: u32) -> bool {
        (0..self.needs.len()).all(|need| self.hits(who, press, need))
    }

    /// Do some requests miss while all caches are as warm as they get?
    pub fn may_miss(&self) -> bool {
        self.needs.iter().any(|need| need.misses_at_best() > 0.0)
    }

    /// How long this press is in stores because Redis misses what it asks, if all caches are as
    /// warm as they get and nobody waits there.
    pub fn in_stores(&self, who: VisitId, press: u32) -> SimDuration {
        let missed = self.needs.iter().enumerate();
        let missed = missed.filter(|(need, _)| !self.hits(who, press, *need));
        let stores = missed.filter_map(|(_, need)| need.spec.fallback);
        stores.fold(SimDuration::ZERO, |sum, store| {
            sum + self.stores[store].spec.takes
        })
    }

    /// The share that is missing now, if what this press asks of a need is a key that comes back;
    /// otherwise none.
    pub fn fills(&self, who: VisitId, press: u32, need: usize) -> f64 {
        let Some(misses) = self.needs[need].spec.misses else {
            return 0.0;
        };
        let cold = self.needs[need].cold_at(self.shard(who, need));
        let drawn = match cold > 0.0 {
            true => self.draw(who, Draw::Key(press, need)),
            false => return 0.0,
        };
        let lost = misses.hits * (1.0 - cold) <= drawn && drawn < misses.hits;
        if lost { cold } else { 0.0 }
    }
}

impl NeedState {
    /// A request has read a key from the store that was missing when the share `then` was.
    pub fn fill(&mut self, line: usize, then: f64) {
        let Some(Misses { keys, .. }) = self.spec.misses else {
            return;
        };
        if then <= 0.0 || !self.answers[line].executes() {
            return;
        }
        let shard = self.shard_of(line);
        let one = 1.0 / self.keys_of(shard, keys).max(1.0);
        let cold = &mut self.cold[shard];
        let left = *cold - one * (*cold / then).min(1.0);
        // The last key that has room is back.
        let least = self.crowded_out[shard];
        *cold = if left < least + 0.5 * one {
            least
        } else {
            left
        };
    }

    /// All parts of the connections find a shard equally cold.
    fn shard_of(&self, line: usize) -> usize {
        line % self.cold.len()
    }

    /// The share of its hits that a shard misses, by the line of some part of the connections.
    fn cold_at(&self, line: usize) -> f64 {
        self.cold[self.shard_of(line)]
    }

    fn keys_of(&self, shard: usize, keys: f64) -> f64 {
        keys * self.spec.shards.get(shard).copied().unwrap_or(1.0)
    }

    /// This share of what a shard holds is lost.
    pub fn lose(&mut self, shard: usize, share: f64) {
        let cold = &mut self.cold[shard];
        *cold = colder(*cold, share);
    }

    /// A shard has no room for this share of its hits.
    pub fn crowd_out(&mut self, shard: usize, share: f64) {
        self.crowded_out[shard] = share;
        self.cold[shard] = self.cold[shard].max(share);
    }

    /// Is nothing missing that will come back?
    pub fn is_as_warm_as_it_gets(&self) -> bool {
        self.cold == self.crowded_out
    }

    /// The most that requests miss while it is as warm as it gets, as a share.
    pub fn misses_at_best(&self) -> f64 {
        let least = self.crowded_out.iter().copied().fold(0.0, f64::max);
        let misses = self.spec.misses;
        misses.map_or(0.0, |misses| 1.0 - misses.hits * (1.0 - least))
    }
}
