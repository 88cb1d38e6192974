//! What eviction costs: keys of each workload that went, users who were signed out, cache misses.
//! Users whose sessions are lost with all data (`loss.rs`) are counted here too.
//!
//! ```text
//! written ──────────────────────────╱───── notional dataset: all that was ever stored
//!                                 ╱ │
//! held    ───────────────────────╱──┴───── at maxmemory: what goes over is evicted
//!                                ▲ begins
//! ```
//!
//! What has been evicted by an instant is what the notional dataset, whose keys come and expire but
//! are never evicted, has beyond the limit, and need not be followed key by key. It is put on
//! record when a limit changes and at the end of the trial, shared out among workloads by the
//! policy (`evict.rs`). What was evicted stays away when larger nodes take over.
//!
//! A key with a lifetime that is evicted would have expired half a lifetime later, on average, if
//! any may go; another one has then to go in its place (`fading.rs`). Where the oldest go first
//! more of them go, each a little before its end.
//!
//! Left out: keys that are stored again after a miss (a cache's growth is net of that), and the
//! peak of buffers that fill and drain between two records.

use sim::{SimDuration, SimTime};

use super::Cluster;
use crate::event::Cx;
use crate::ids::{Fleet, ShardId};
use crate::layout::ClusterPlan;
use crate::ledger::Ledger;
use crate::redis::evict::{Evictable, Pool};
use crate::spec::redis::Holds;
use crate::spec::{SystemSpec, WorkloadSpec};

/// The TTL that keys with one are taken to have been given, in seconds, if a scenario does not say
/// (`lifetime`): only whose is shorter matters.
const TTL: f64 = 86_400.0;

/// A node that lacks less than this part of its limit is full.
const NEARLY: f64 = 1.0 / 128.0;

/// What has been evicted of one cluster's workloads.
#[derive(Clone, Debug)]
pub(super) struct Evictions {
    workloads: Vec<Workload>,
    /// Bytes by shard and workload.
    gone: Fleet<ShardId, Vec<f64>>,
    /// Of those, bytes that went at once, with a process that started empty.
    wiped: Fleet<ShardId, Vec<f64>>,
    /// Bytes that were evicted and would have expired since.
    expired: Fleet<ShardId, Vec<f64>>,
    /// Shards that have begun.
    begun: Fleet<ShardId, bool>,
    /// By shard and workload: the share of its keys that was lost at once, by a flush or a restart
    /// without data, and how many keys these are.
    lost: Fleet<ShardId, Vec<(f64, f64)>>,
    /// By shard: keys that were stored and are lost by mistake; copies in caches do not count.
    stored_lost: Fleet<ShardId, f64>,
}

/// What is on record of one shard; by workload, as in [`Evictions`].
#[derive(Clone, Debug)]
pub(super) struct OfShard {
    gone: Vec<f64>,
    wiped: Vec<f64>,
    lost: Vec<(f64, f64)>,
    stored_lost: f64,
}

#[derive(Clone, Debug)]
struct Workload {
    /// Its position in the scenario.
    position: usize,
    name: String,
    holds: Option<Holds>,
    commands: f64,
    expires: bool,
    lifetime: Option<SimDuration>,
}

/// What evictions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evicted {
    /// Keys that went.
    pub keys: u64,
    /// Those of them that nobody expected to go: without a TTL, of no cache and no session.
    pub stored: u64,
    /// Sessions that went, by eviction or with all data.
    pub sessions: u64,
    /// Keys that were stored and are lost by mistake.
    pub stored_lost: u64,
    /// Jobs that waited and are lost.
    pub jobs_lost: u64,
    /// The share of requests to a cache that find their key, of the cache that has lost most.
    pub hit_rate: Option<f64>,
}

impl Evicted {
    /// Of several clusters.
    pub fn with(self, other: Evicted) -> Evicted {
        let rates = self.hit_rate.into_iter().chain(other.hit_rate);
        Evicted {
            keys: self.keys + other.keys,
            stored: self.stored + other.stored,
            sessions: self.sessions + other.sessions,
            stored_lost: self.stored_lost + other.stored_lost,
            jobs_lost: self.jobs_lost + other.jobs_lost,
            hit_rate: rates.reduce(f64::min),
        }
    }
}

impl Evictions {
    /// Nothing yet.
    pub fn new(spec: &SystemSpec, plan: &ClusterPlan, shards: &Fleet<ShardId, f64>) -> Evictions {
        let workload = |w: &usize| {
            let WorkloadSpec {
                name,
                holds,
                commands,
                expires,
                lifetime,
                ..
            } = &spec.workloads[*w];
            Workload {
                position: *w,
                name: name.clone(),
                holds: *holds,
                commands: commands.get(),
                expires: *expires,
                lifetime: *lifetime,
            }
        };
        let workloads: Vec<Workload> = plan.workloads.iter().map(workload).collect();
        Evictions {
            gone: Fleet::alike(shards, vec![0.0; workloads.len()]),
            wiped: Fleet::alike(shards, vec![0.0; workloads.len()]),
            expired: Fleet::alike(shards, vec![0.0; workloads.len()]),
            begun: Fleet::alike(shards, false),
            lost: Fleet::alike(shards, vec![(0.0, 0.0); workloads.len()]),
            stored_lost: Fleet::alike(shards, 0.0),
            workloads,
        }
    }

    /// A shard loses this share of a workload, or of all; `keys` of each are or were there. A key
    /// that is lost twice counts once.
    pub fn sign_out(
        &mut self,
        (shard, workload): (ShardId, Option<usize>),
        share: f64,
        keys: impl Fn(usize) -> f64,
    ) {
        for (n, (missing, lost)) in self.lost[shard].iter_mut().enumerate() {
            if workload.is_none_or(|position| position == self.workloads[n].position) {
                let more = (1.0 - *missing) * share;
                (*missing, *lost) = (*missing + more, *lost + more * keys(n));
            }
        }
    }

    /// What is on record of a shard.
    pub fn of_shard(&self, shard: ShardId) -> OfShard {
        OfShard {
            gone: self.gone[shard].clone(),
            wiped: self.wiped[shard].clone(),
            lost: self.lost[shard].clone(),
            stored_lost: self.stored_lost[shard],
        }
    }

    /// A shard holds again what it held then.
    pub fn restore(&mut self, shard: ShardId, then: OfShard) {
        self.gone[shard] = then.gone;
        self.wiped[shard] = then.wiped;
        self.lost[shard] = then.lost;
        self.stored_lost[shard] = then.stored_lost;
    }

    /// A shard holds nothing of what was ever stored: the `parts` of each workload over all
    /// shards, whose keys take so many bytes `each`.
    pub fn wipe(&mut self, shard: ShardId, parts: &[f64], share: f64, each: &[f64]) {
        let stored: Vec<f64> = parts.iter().map(|part| part * share).collect();
        self.drop(shard, &stored, &stored, each);
    }

    /// A shard has lost so many bytes of each workload, of those `stored` in all; the last are the
    /// first that go. What that is of each, in bytes and as a share of what it held.
    pub fn drop(
        &mut self,
        shard: ShardId,
        bytes: &[f64],
        stored: &[f64],
        each: &[f64],
    ) -> Vec<(f64, f64)> {
        let mut all = Vec::new();
        for n in 0..self.workloads.len() {
            let (gone, wiped) = (&mut self.gone[shard][n], &mut self.wiped[shard][n]);
            let held = (stored[n] - *gone).max(0.0);
            let lost = bytes[n].clamp(0.0, held);
            (*gone, *wiped) = (*gone + lost, *wiped + lost);
            self.note_lost(shard, n, lost / each[n]);
            all.push((lost, if held > 0.0 { lost / held } else { 0.0 }));
        }
        all
    }

    /// Keys of a workload are lost by mistake; fewer than said before, if negative.
    pub fn note_lost(&mut self, shard: ShardId, workload: usize, keys: f64) {
        if self.workloads[workload].holds != Some(Holds::Cache) {
            self.stored_lost[shard] = (self.stored_lost[shard] + keys).max(0.0);
        }
    }

    /// The position of a workload in the scenario.
    pub fn position(&self, workload: usize) -> usize {
        self.workloads[workload].position
    }

    /// A share of a workload is deleted, and what was missing of it is no longer to be taken out of
    /// a shard: so many bytes. What was evicted stays counted.
    pub fn forget_gone(&mut self, shard: ShardId, workload: usize, share: f64) -> f64 {
        let (gone, wiped) = (
            &mut self.gone[shard][workload],
            &mut self.wiped[shard][workload],
        );
        let less = *gone * share;
        self.expired[shard][workload] += (*gone - *wiped) * share;
        (*gone, *wiped) = (*gone - less, *wiped * (1.0 - share));
        less
    }

    /// A share of what a shard misses of a workload would have expired by now, all of it if no more
    /// than `rest` is left, and what is beyond the bytes that there would be: so many bytes.
    pub fn fade(
        &mut self,
        (shard, workload): (ShardId, usize),
        share: f64,
        (rest, most): (f64, f64),
    ) -> f64 {
        let (gone, wiped) = (
            &mut self.gone[shard][workload],
            &mut self.wiped[shard][workload],
        );
        if *gone <= 0.0 {
            return 0.0;
        }
        let left = (*gone * (1.0 - share)).min(most);
        let share = if left < rest { 1.0 } else { 1.0 - left / *gone };
        let less = *gone * share;
        self.expired[shard][workload] += (*gone - *wiped) * share;
        (*gone, *wiped) = (*gone - less, *wiped * (1.0 - share));
        self.lost[shard][workload].0 *= 1.0 - share;
        less
    }

    /// Bytes of a workload that are missing on all shards, whatever the reason.
    pub fn of_workload_missing(&self, workload: usize) -> f64 {
        self.gone.values().map(|gone| gone[workload]).sum()
    }

    /// A part of the keys of a shard, those that have gone included, belongs to another one, which
    /// had `there` of all keys and gets `part` of them.
    pub fn reshard(
        &mut self,
        (from, to): (ShardId, ShardId),
        of_source: f64,
        (there, part): (f64, f64),
    ) {
        for n in 0..self.workloads.len() {
            for bytes in [&mut self.gone, &mut self.wiped] {
                let moved = bytes[from][n] * of_source;
                bytes[from][n] -= moved;
                bytes[to][n] += moved;
            }
            let (missing, keys) = self.lost[from][n];
            let moved = keys * of_source;
            self.lost[from][n].1 -= moved;
            let (missing_there, keys_there) = self.lost[to][n];
            let missing = (missing_there * there + missing * part) / (there + part);
            self.lost[to][n] = (missing, keys_there + moved);
        }
    }

    /// Do the keys of a workload carry a TTL?
    pub fn expires(&self, workload: usize) -> bool {
        self.workloads[workload].expires
    }

    /// Bytes of a workload that have been evicted from a shard.
    pub fn evicted_from(&self, shard: ShardId, workload: usize) -> f64 {
        self.gone[shard][workload] - self.wiped[shard][workload]
    }

    /// Bytes of a workload that have been evicted from all shards.
    fn of_workload(&self, workload: usize) -> f64 {
        let shards = self.gone.values().zip(self.wiped.values());
        shards
            .map(|(gone, wiped)| gone[workload] - wiped[workload])
            .sum()
    }

    /// Bytes of a workload that were evicted from all shards and would have expired since.
    fn expired_of(&self, workload: usize) -> f64 {
        self.expired.values().map(|expired| expired[workload]).sum()
    }

    /// Keys of a workload that were lost at once, on all shards.
    fn lost_keys(&self, workload: usize) -> u64 {
        let lost = self.lost.values().map(|shard| shard[workload].1);
        lost.sum::<f64>().round() as u64
    }

    /// Bytes that have gone from a shard.
    pub fn bytes(&self, shard: ShardId) -> f64 {
        self.gone[shard].iter().sum()
    }
}

impl Cluster {
    /// Says so when a shard's owner starts to evict.
    pub(super) fn trace_evictions(&mut self, cx: &mut Cx) {
        for shard in self.shards() {
            if self.dataset.evictions.begun[shard] || !self.evicts(shard, cx.now) {
                continue;
            }
            self.dataset.evictions.begun[shard] = true;
            self.dataset.full.entry(shard).or_insert(cx.now);
            cx.ledger.trace(cx.now, || {
                let name = self.node_name(self.topology.owners[shard]);
                format!("{name}: at maxmemory, starts to evict keys")
            });
            self.watch_crowding(cx);
        }
    }

    /// Does a shard's owner hold more than it may, and keys that may go?
    pub(super) fn evicts(&self, shard: ShardId, now: SimTime) -> bool {
        self.beyond(shard, now) > 0.0
    }

    /// Has a shard's owner no room for all that was stored, and evicts keys for what comes?
    pub(super) fn is_crowded(&self, shard: ShardId, now: SimTime) -> bool {
        let owner = self.topology.owners[shard];
        let limit = self.topology[owner].memory.limit();
        let full = |over: f64| over > -limit * NEARLY;
        self.may_evict() && self.over(shard, now).is_some_and(full)
    }

    fn may_evict(&self) -> bool {
        let mut workloads = self.dataset.evictions.workloads.iter();
        match self.redis.maxmemory_policy.evictable() {
            Evictable::Nothing => false,
            Evictable::Volatile => workloads.any(|workload| workload.expires),
            Evictable::Everything => true,
        }
    }

    /// Puts on record what has been evicted of a shard by now: none of its nodes has it any more.
    pub(super) fn record_evictions(&mut self, shard: ShardId, now: SimTime) {
        let excess = self.beyond(shard, now);
        if excess <= 0.0 {
            return;
        }
        let share = self.topology.shares[shard];
        let parts = self.dataset.growth.parts_at(now);
        let pool = |(part, (workload, gone)): (&f64, (&Workload, &f64))| Pool {
            bytes: (part * share - gone).max(0.0),
            uses: workload.commands / part.max(1.0),
            ttl: (workload.lifetime.map(SimDuration::as_secs_f64))
                .or(workload.expires.then_some(TTL)),
        };
        let Evictions {
            workloads, gone, ..
        } = &self.dataset.evictions;
        let known = workloads.iter().zip(&gone[shard]);
        let pools: Vec<Pool> = parts.iter().zip(known).map(pool).collect();
        let evicted = self.redis.maxmemory_policy.evicted(&pools, excess);
        for (n, more) in evicted.iter().enumerate() {
            self.dataset.evictions.gone[shard][n] += more;
            let keys = more / self.dataset.growth.bytes_each(n) / share;
            let expires = self.dataset.evictions.expires(n);
            self.dataset.tables[shard].lose(keys, expires);
        }
        let all: f64 = evicted.iter().sum();
        for node in self.topology.nodes_of(shard).collect::<Vec<_>>() {
            let memory = self.topology[node].memory;
            self.topology[node].memory = memory.evict(all);
        }
    }

    /// Bytes of a shard beyond what its owner may hold, that have not been put on record.
    pub(super) fn beyond(&self, shard: ShardId, now: SimTime) -> f64 {
        match self.may_evict() {
            true => self.over(shard, now).unwrap_or(0.0),
            false => 0.0,
        }
    }

    /// The same; below zero where there is room.
    fn over(&self, shard: ShardId, now: SimTime) -> Option<f64> {
        let owner = self.topology.owners[shard];
        let memory = &self.topology[owner].memory;
        let limit = memory.evicts_from(self.load(owner, now))?;
        Some(self.dataset.growth.bytes_at(now) * self.topology.shares[shard] - limit)
    }

    /// What evictions have come to by `now`. `hits` says of a workload, by its position in the
    /// scenario, which share of requests finds what was not evicted, if a need of it can miss.
    pub fn evicted(&mut self, now: SimTime, hits: impl Fn(usize) -> Option<f64>) -> Evicted {
        for shard in self.shards() {
            self.record_evictions(shard, now);
        }
        let parts = self.dataset.growth.parts_at(now);
        let stored_lost = self.dataset.evictions.stored_lost.values().sum::<f64>();
        let mut sum = Evicted {
            stored_lost: stored_lost.round() as u64,
            jobs_lost: self.dataset.jobs_lost.round() as u64,
            ..Evicted::default()
        };
        for (n, workload) in self.dataset.evictions.workloads.iter().enumerate() {
            let gone = self.dataset.evictions.of_workload(n);
            let all = gone + self.dataset.evictions.expired_of(n);
            let keys = (all / self.dataset.growth.bytes_each(n)).round() as u64;
            let left = if parts[n] > 0.0 {
                1.0 - gone / parts[n]
            } else {
                1.0
            };
            // Nobody who stores keys without a TTL expects them to go.
            let stays = workload.holds.is_none() && !workload.expires;
            sum = sum.with(Evicted {
                keys,
                stored: if stays { keys } else { 0 },
                sessions: match workload.holds {
                    Some(Holds::Sessions) => keys + self.dataset.evictions.lost_keys(n),
                    Some(Holds::Cache) | None => 0,
                },
                hit_rate: match (hits(workload.position), workload.holds) {
                    (Some(hits), _) => Some(hits),
                    (None, Some(Holds::Cache)) => Some(left),
                    (None, Some(Holds::Sessions) | None) => None,
                },
                ..Evicted::default()
            });
        }
        sum
    }

    /// Whatever was stored is held by its shard's owner, or is on record as gone: evicted, deleted,
    /// or lost with a process. Two accounts are kept of that, by node and by workload.
    pub fn assert_data_adds_up(&self, now: SimTime) {
        let parts = self.dataset.growth.parts_at(now);
        for shard in self.shards() {
            let share = self.topology.shares[shard];
            let (gone, wiped) = (
                &self.dataset.evictions.gone[shard],
                &self.dataset.evictions.wiped[shard],
            );
            let stored = parts.iter().sum::<f64>() * share;
            let slack = 1.0 + stored * 1e-9;
            let in_order = |bytes: &[f64]| bytes.windows(2).all(|pair| pair[0] <= pair[1] + slack);
            for (n, part) in parts.iter().enumerate() {
                let most = [0.0, wiped[n], gone[n], part * share];
                let workload = &self.dataset.evictions.workloads[n];
                // What is missing of keys that expire is looked at in steps.
                let counted = if workload.lifetime.is_some() { 3 } else { 4 };
                assert!(in_order(&most[..counted]), "{}: {most:?}", workload.name);
            }
            let owner = self.topology.owners[shard];
            let missing = self.topology[owner].memory.gone();
            let most = [wiped.iter().sum(), missing, gone.iter().sum()];
            assert!(in_order(&most), "{}: {most:?}", self.node_name(owner));
        }
    }

    /// The story of what evictions have come to.
    pub fn trace_evicted(&self, now: SimTime, ledger: &mut Ledger) {
        for (n, workload) in self.dataset.evictions.workloads.iter().enumerate() {
            let evictions = &self.dataset.evictions;
            let gone = evictions.of_workload(n) + evictions.expired_of(n);
            if gone > 0.0 {
                ledger.trace(now, || {
                    let keys = (gone / self.dataset.growth.bytes_each(n)).round();
                    format!(
                        "{}: {keys} keys have been evicted by the end",
                        workload.name
                    )
                });
            }
        }
    }
}
