//! What a cache that evicts has no room for: the share of a workload's keys that is missing for as
//! long as its nodes are full, however often requests bring keys back.
//!
//! ```text
//! missing │            ▁▂▃▃▄▅▅▆│
//!         │       ▁▂▃▅▆        │ larger nodes have taken over: what is missing
//!         └──────┴─────────────┴──► t      comes back with the requests for it
//!              full
//! ```
//!
//! Evictions are recorded at the same moments: at intervals from the first eviction on, shorter
//! ones while the dataset grows or shrinks faster, and whenever nodes get more room.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::loss::LostLine;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, Id, ShardId};
use crate::redis::evict::hits_gone;
use crate::spec::SystemSpec;
use crate::spec::service::Keys;
use crate::spec::store::MissesSpec;

/// The shortest interval between two looks, and the longest as a fraction of the trial.
const LEAST: SimDuration = SimDuration::from_secs(5);
const MOST: u64 = 256;

/// The most looks in a trial: a small cache that turns over fast is not followed more closely.
const LOOKS: u64 = 2048;

/// If the dataset has changed by more than this share of what is held since the last look, the next
/// interval is halved; at half of it or less, doubled.
const MOVES: f64 = 1.0 / 32.0;

/// What one cluster has no room for.
#[derive(Clone, Debug)]
pub(super) struct Crowding {
    /// By workload of the cluster: can requests for it miss?
    matters: Vec<bool>,
    /// By shard and workload: the bytes that had been evicted before its owner became full.
    before: Fleet<ShardId, Vec<f64>>,
    changes: Vec<Change>,
    /// How long until the next look, and the size of all datasets at the last one.
    looks: Option<(SimDuration, f64)>,
}

/// From `at` on a shard has no room for this share of a workload.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: SimTime,
    shard: ShardId,
    place: usize,
    share: f64,
}

impl Crowding {
    /// Nothing yet. `workloads` are those of the cluster, by position in the scenario.
    pub fn new(spec: &SystemSpec, workloads: &[usize], shards: &Fleet<ShardId, f64>) -> Crowding {
        let matters = |workload: &usize| {
            let name = &spec.workloads[*workload].name;
            let mut needs = spec.services.iter().flat_map(|service| &service.needs);
            needs.any(|need| need.misses.is_some() && need.workload == *name)
        };
        Crowding {
            matters: workloads.iter().map(matters).collect(),
            before: Fleet::alike(shards, vec![0.0; workloads.len()]),
            changes: Vec::new(),
            looks: None,
        }
    }
}

impl Cluster {
    /// A shard evicts for the first time: the looks begin.
    pub(super) fn watch_crowding(&mut self, cx: &mut Cx) {
        if self.dataset.crowding.looks.is_none() {
            let size = self.dataset.growth.bytes_at(cx.now);
            self.dataset.crowding.looks = Some((LEAST, size));
            self.after(SimDuration::ZERO, ClusterTimer::LooksForRoom, cx);
        }
    }

    /// Records what has been evicted, and plans the next look.
    pub(super) fn on_looks_for_room(&mut self, cx: &mut Cx) {
        self.settle_tables(self.dataset.growth.size_at(cx.now), cx);
        self.note_all_saves(cx.now);
        self.note_crowding(cx.now);
        let Some((every, before)) = self.dataset.crowding.looks else {
            return;
        };
        let size = self.dataset.growth.bytes_at(cx.now);
        // What was evicted long ago is no part of what moves.
        let workloads = 0..self.plan.workloads.len();
        let missing = workloads.map(|place| self.dataset.evictions.of_workload_missing(place));
        let held = size - missing.sum::<f64>();
        let moved = (size - before).abs() / held.max(1.0);
        let every = match moved {
            much if much > MOVES => every / 2,
            little if little <= MOVES / 2.0 => every * 2,
            _ => every,
        };
        let trial = cx.end - SimTime::ZERO;
        let every = every.min(trial / MOST).max(trial / LOOKS).max(LEAST);
        self.dataset.crowding.looks = Some((every, size));
        self.after(every, ClusterTimer::LooksForRoom, cx);
    }

    /// Puts on record what shards have no room for.
    pub(super) fn note_crowding(&mut self, now: SimTime) {
        if self.dataset.crowding.looks.is_none() {
            return;
        }
        let parts = self.dataset.parts_at(now);
        for shard in self.shards() {
            self.record_evictions(shard, now);
            let crowded = self.is_crowded(shard, now);
            for (place, part) in parts.iter().enumerate() {
                if self.dataset.crowding.matters[place] {
                    let stored = part * self.topology.shares[shard];
                    self.note_crowding_of((shard, place), crowded.then_some(stored), now);
                }
            }
        }
    }

    fn note_crowding_of(
        &mut self,
        (shard, place): (ShardId, usize),
        stored: Option<f64>,
        now: SimTime,
    ) {
        let evicted = self.dataset.evictions.evicted_from(shard, place);
        let crowding = &mut self.dataset.crowding;
        let before = &mut crowding.before[shard][place];
        *before = match stored {
            Some(_) => before.min(evicted),
            // What there is room for now comes back.
            None => evicted,
        };
        let share = match stored {
            Some(stored) if stored > 0.0 => ((evicted - *before) / stored).min(1.0),
            Some(_) | None => 0.0,
        };
        let its = |change: &&Change| (change.shard, change.place) == (shard, place);
        let last = crowding.changes.iter().rev().find(its);
        if last.map_or(0.0, |last| last.share) != share {
            crowding.changes.push(Change {
                at: now,
                shard,
                place,
                share,
            });
        }
    }

    /// Changes of what there is no room for.
    pub fn crowding(&self) -> usize {
        self.dataset.crowding.changes.len()
    }

    /// What there is no room for of a workload, as a need sees it whose requests touch these keys:
    /// from when on, of which of its lines, and the share of its hits. Without the first `seen`
    /// changes.
    pub fn crowded_out(
        &self,
        workload: usize,
        keys: Keys,
        misses: MissesSpec,
        seen: usize,
    ) -> Vec<LostLine> {
        if self.crowding() == seen {
            return Vec::new();
        }
        let mut now = vec![0.0; self.shards().len()];
        let mut lines: Vec<(usize, LostLine)> = Vec::new();
        for (number, change) in self.dataset.crowding.changes.iter().enumerate() {
            if self.dataset.evictions.position(change.place) != workload {
                continue;
            }
            let shard = change.shard.index();
            let asked = self.topology.part_asked(change.shard);
            let share = hits_gone(misses, change.share, self.redis.maxmemory_policy);
            now[shard] = share * asked;
            match keys {
                Keys::One if asked <= 0.0 => {}
                Keys::One => lines.push((number, (change.at, shard, share))),
                Keys::All => lines.push((number, (change.at, 0, now.iter().sum()))),
            }
        }
        let new = lines.into_iter().skip_while(|(number, _)| *number < seen);
        new.map(|(_, line)| line).collect()
    }
}
