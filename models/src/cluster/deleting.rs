//! Keys that a script deletes one by one: it takes time, and replicas are told of every key.
//!
//! ```text
//! delete_keys ──► each step: a part of the keys is gone ──► … ──► done
//!             └── DELs flow into the stream all the while
//! ```
//!
//! The script keeps the owners' threads busy. Others are served between its batches, late by less
//! than a millisecond, which nobody notices. UNLINK is no faster for values of up to 64 elements
//! (lazyfree.c: LAZYFREE_THRESHOLD).

use sim::{SimDuration, SimTime};

use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::NodeId;
use crate::redis::commands::del_bytes;

/// Keys that one shard deletes per second if nothing holds the script back: measured with Redis
/// 7.0.15, a pipeline of DELs in random order: 360,000 (values of 1000 bytes) to 590,000 (of 16).
const RATE: f64 = 500_000.0;

/// A long deletion is played in so many steps, after a first one of this length.
const STEPS: u32 = 32;
const FIRST: SimDuration = SimDuration::from_secs(1);

/// A script at work.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    workload: usize,
    share: f64,
    takes: SimDuration,
    /// For how long it has deleted, and when that was noted.
    done: SimDuration,
    noted: SimTime,
    /// The owners, and how often their processes had gone when it began: it ends with one of them.
    owners: Vec<(NodeId, u64)>,
    stopped: bool,
    ramp: usize,
}

/// Bytes of DELs that flow into the stream of all shards from one instant to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    from: SimTime,
    to: SimTime,
    bytes: f64,
}

impl Ramp {
    /// So many bytes from one instant to another.
    pub fn new((from, to): (SimTime, SimTime), bytes: f64) -> Ramp {
        Ramp { from, to, bytes }
    }

    /// Nothing more flows, if it has not all flowed by now.
    pub fn end(&mut self, now: SimTime) {
        if now < self.to {
            (self.bytes, self.to) = (self.by(now), now);
        }
    }

    /// What has flowed by then.
    pub fn by(&self, at: SimTime) -> f64 {
        let whole = (self.to - self.from).as_secs_f64().max(1e-9);
        let part = at.saturating_since(self.from).as_secs_f64();
        self.bytes * (part / whole).min(1.0)
    }
}

impl Cluster {
    /// A script deletes a share of a workload's keys on every shard, so many keys per second on
    /// each, if the owners of all of them execute DEL: it stops at one that does not. Its number,
    /// if that takes a while.
    pub fn delete_keys(
        &mut self,
        workload: usize,
        (share, rate): (f64, Option<f64>),
        cx: &mut Cx,
    ) -> Option<usize> {
        let keys = self.keys_held(workload, cx.now) * share;
        let shares = self.topology.shares.values();
        let fullest = shares.copied().fold(0.0, f64::max);
        let seconds = keys * fullest / rate.unwrap_or(RATE);
        let takes = SimDuration::from_secs_f64(seconds).max(SimDuration::from_millis(1));
        let ramp = self.replication.deleting.len();
        let key_length = self.dataset.key_lengths[self.dataset.place_of(workload)];
        if !self.can_delete(cx) {
            return None;
        }
        self.replication.deleting.push(Ramp {
            from: cx.now,
            to: cx.now.saturating_add(takes),
            bytes: keys * del_bytes(key_length),
        });
        self.plan_streams(cx);
        if takes < NOTICEABLE {
            self.delete(workload, share, cx);
            return None;
        }
        cx.ledger.trace(cx.now, || {
            let (name, about) = (&self.plan.name, takes.rounded_to(NOTICEABLE));
            format!("{name} cluster: {keys:.0} keys are to be deleted, {about}")
        });
        let number = self.deletions.len();
        let owners = self.topology.owners.values().copied();
        let owners = owners.map(|owner| (owner, self.persistence.disks[owner].deaths()));
        self.deletions.push(Deletion {
            workload,
            share,
            takes,
            done: SimDuration::ZERO,
            noted: cx.now,
            owners: owners.collect(),
            stopped: false,
            ramp,
        });
        // The first keys make room at once.
        self.after(FIRST, ClusterTimer::Deletes { number }, cx);
        Some(number)
    }

    /// Keys of a workload that are there, on all shards: not those that were lost or evicted.
    fn keys_held(&mut self, workload: usize, now: SimTime) -> f64 {
        for shard in self.shards() {
            self.record_evictions(shard, now);
        }
        let place = self.dataset.place_of(workload);
        let missing = self.dataset.evictions.of_workload_missing(place);
        let keys = missing / self.dataset.growth.bytes_each(place);
        (self.dataset.held(workload, now).keys - keys).max(0.0)
    }

    /// Is this script still at work?
    pub fn is_deleting(&self, number: usize) -> bool {
        let deletion = &self.deletions[number];
        deletion.done < deletion.takes && !deletion.stopped
    }

    /// A further part of what a script deletes is gone.
    pub(super) fn on_deletes(&mut self, number: usize, cx: &mut Cx) {
        let deletion = self.deletions[number].clone();
        let same = |(owner, deaths): &(NodeId, u64)| {
            let serves = self.topology.owners[self.topology[*owner].shard] == *owner;
            serves && self.persistence.disks[*owner].deaths() == *deaths
        };
        if !deletion.owners.iter().all(same) || !self.can_delete(cx) {
            self.deletions[number].stopped = true;
            cx.ledger.trace(cx.now, || {
                format!(
                    "{} cluster: the script that deletes has ended",
                    self.plan.name
                )
            });
            self.replication.deleting[deletion.ramp].end(cx.now);
            self.plan_streams(cx);
            return;
        }
        let takes = deletion.takes.as_secs_f64();
        let since = (cx.now - deletion.noted).as_secs_f64();
        let left = 1.0 - deletion.share * deletion.done.as_secs_f64() / takes;
        self.delete(deletion.workload, deletion.share * since / takes / left, cx);
        let done = deletion.done + (cx.now - deletion.noted);
        (self.deletions[number].done, self.deletions[number].noted) = (done, cx.now);
        if done < deletion.takes {
            let each = deletion.takes.scaled(1.0 / f64::from(STEPS));
            let next = each.min(deletion.takes.saturating_sub(done));
            self.after(next, ClusterTimer::Deletes { number }, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::given;
    use crate::ids::Id;
    use crate::ledger::Ledger;
    use sim::Agenda;

    #[test]
    fn replicas_get_a_del_for_every_key() {
        let tables = given::tables();
        let (mut agenda, mut ledger) = (Agenda::<Event>::new(), Ledger::new(false));
        let cx = &mut Cx::new(SimTime::ZERO + tables.horizon, &mut agenda, &mut ledger);
        let mut cluster = tables.cluster();
        cluster.start(cx);
        let owner = NodeId::from_index(0);
        let minute = SimTime::ZERO + SimDuration::from_secs(60);
        let before = cluster.offset(owner, minute);
        let keys = cluster.dataset.held(0, SimTime::ZERO).keys;
        // All of them in a minute.
        let fullest = cluster
            .topology
            .shares
            .values()
            .copied()
            .fold(0.0, f64::max);
        let rate = keys * fullest / 60.0;
        let number = cluster.delete_keys(0, (1.0, Some(rate)), cx);
        assert!(number.is_some_and(|number| cluster.is_deleting(number)));
        let more = (cluster.offset(owner, minute) - before) as f64;
        let length = cluster.dataset.key_lengths[0];
        let expected = keys * cluster.topology.share_of(owner) * del_bytes(length);
        assert!((more - expected).abs() < 2.0, "{more} of {expected}");
        // Half of them by half of the time.
        let half = SimTime::ZERO + SimDuration::from_secs(30);
        let ramp = cluster.replication.deleting[0];
        assert!((ramp.by(half) / ramp.by(minute) - 0.5).abs() < 1e-9);
        assert_eq!(del_bytes(24), 44.0);
    }
}
