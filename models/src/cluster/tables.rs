//! The hash tables of each shard: when they double, and from which size on anybody need look.
//!
//! All nodes of a shard hold the same keys, so they share one state here; buckets are moved at the
//! pace of the cron and of the writes, which reach every node. Doublings can only matter if a limit
//! is less than their bytes away. While those of the next two are not, the tables are dormant:
//! nobody is woken before the third, and a later look finds the doublings of the meantime
//! where they would have happened, to the key. Opening everything wakes for each of them.
//!
//! A process that starts without data has empty tables, and so has one whose last key was deleted
//! (db.c: emptyDb; the cron shrinks a table to what it holds). Where less than a tenth of the
//! buckets is filled after a deletion the cron moves the keys to a smaller table (server.c:
//! htNeedsResize, HASHTABLE_MIN_FILL).
//! Keys that expire on their own leave the tables as large as they are.
//! Left out: that a child which saves puts a doubling off, and readers, who move buckets too.

use sim::{SimDuration, SimTime};

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::ids::ShardId;
use crate::redis::growth::{DatasetSize, Measure};
use crate::redis::table::{self, LOAD_MAX, Table};
use demand::Mode;

/// The tables of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tables {
    main: Growing,
    expires: Growing,
    /// Until when somebody is to be woken already.
    woken_until: Option<SimTime>,
}

/// A table, and when its old buckets will have been moved.
#[derive(Clone, Copy, Debug, Default)]
struct Growing {
    table: Table,
    moved_at: Option<SimTime>,
    /// The last instant at which it was seen to its end.
    seen: SimTime,
    /// Keys over all shards that were stored before the shard lost all: it holds none of them.
    gone: f64,
}

impl PartialEq for Growing {
    /// The same table, whenever it was seen last.
    fn eq(&self, other: &Growing) -> bool {
        let of = |growing: &Growing| (growing.table, growing.moved_at, growing.gone);
        of(self) == of(other)
    }
}

/// A table of which less than this share is filled is made smaller.
const FILL_MIN: f64 = 0.1;

impl Tables {
    /// The tables of a shard that has just loaded its keys.
    pub fn loaded(dataset_size: DatasetSize, now: SimTime) -> Tables {
        let growing = |keys: f64| Growing {
            table: Table::loaded(keys as u64),
            moved_at: None,
            seen: now,
            gone: 0.0,
        };
        Tables {
            main: growing(dataset_size.keys),
            expires: growing(dataset_size.expiring),
            woken_until: None,
        }
    }

    /// The tables of a shard that has just lost all that was ever stored on any shard.
    pub fn emptied(stored: DatasetSize, now: SimTime) -> Tables {
        let growing = |gone: f64| Growing {
            seen: now,
            gone,
            ..Growing::default()
        };
        Tables {
            main: growing(stored.keys),
            expires: growing(stored.expiring),
            woken_until: None,
        }
    }

    /// The same keys, just loaded by new nodes: the part of the shard in what is `stored`.
    pub fn reloaded(self, stored: DatasetSize, share: f64, now: SimTime) -> Tables {
        let growing = |growing: Growing, stored: f64| Growing {
            table: Table::loaded(growing.held(stored, share) as u64),
            moved_at: None,
            seen: now,
            ..growing
        };
        Tables {
            main: growing(self.main, stored.keys),
            expires: growing(self.expires, stored.expiring),
            woken_until: None,
        }
    }

    /// The shard has lost so many of the keys over all shards.
    pub fn lose(&mut self, keys: f64, expire: bool) {
        self.main.gone += keys;
        if expire {
            self.expires.gone += keys;
        }
    }

    /// So many of the keys over all shards that the shard had lost are no longer stored.
    pub fn forget(&mut self, keys: f64, expire: bool) {
        self.main.gone = (self.main.gone - keys).max(0.0);
        if expire {
            self.expires.gone = (self.expires.gone - keys).max(0.0);
        }
    }

    /// The shard, which had `there` of all keys, gets `part` of them from another one.
    pub fn receive(&mut self, from: &Tables, (there, part): (f64, f64)) {
        let mean = |to: f64, from: f64| (to * there + from * part) / (there + part);
        self.main.gone = mean(self.main.gone, from.main.gone);
        self.expires.gone = mean(self.expires.gone, from.expires.gone);
    }

    /// They have been seen to their end by now.
    pub fn seen_at(&mut self, now: SimTime) {
        self.main.seen = now;
        self.expires.seen = now;
    }

    /// Keys were deleted: the part of the shard in what is still `stored` may need smaller tables.
    fn shrink(&mut self, stored: DatasetSize, (share, pace): (f64, f64), now: SimTime) {
        self.main.shrink(stored.keys, (share, pace), now);
        self.expires.shrink(stored.expiring, (share, pace), now);
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> f64 {
        (self.main.table.bytes() + self.expires.table.bytes()) as f64
    }

    /// Bytes that the next two doublings of each would add at most.
    pub fn bytes_ahead(&self) -> f64 {
        let ahead = |growing: Growing| growing.table.doubled().doubled().bytes();
        (ahead(self.main) + ahead(self.expires)) as f64 - self.bytes()
    }
}

impl Growing {
    /// Keys in the table, of so many over all shards.
    fn held(&self, stored: f64, share: f64) -> f64 {
        ((stored - self.gone) * share).max(0.0)
    }

    fn shrink(&mut self, stored: f64, (share, pace): (f64, f64), now: SimTime) {
        let (keys, old) = (self.held(stored, share), self.table.buckets);
        if keys < 1.0 {
            (self.table, self.moved_at) = (Table::default(), None);
        } else if keys < FILL_MIN * old as f64 && old > table::buckets(1) {
            let buckets = table::buckets(keys as u64);
            self.table = Table { buckets, old };
            self.moved_at = Some(now + table::rehash_time(old, pace));
        }
    }
}

impl Cluster {
    /// Keys were deleted on all shards.
    pub(super) fn shrink_tables(&mut self, now: SimTime) {
        let stored = self.dataset.growth.size_at(now);
        for shard in self.shards() {
            let share = self.topology.shares[shard];
            let pace = self.clients.commands.1 * share;
            self.dataset.tables[shard].shrink(stored, (share, pace), now);
        }
    }

    /// A shard's tables at `now`, with the doublings that nobody was woken for.
    pub(super) fn tables_at(
        &self,
        shard: ShardId,
        dataset_size: DatasetSize,
        now: SimTime,
    ) -> Tables {
        let mut tables = self.dataset.tables[shard];
        self.bring_up(&mut tables.main, Measure::Keys, shard, dataset_size, now);
        self.bring_up(
            &mut tables.expires,
            Measure::Expiring,
            shard,
            dataset_size,
            now,
        );
        tables
    }

    /// Brings all tables up to now, and plans to be woken when old ones are gone.
    pub(super) fn settle_tables(&mut self, dataset_size: DatasetSize, cx: &mut Cx) {
        for shard in self.shards() {
            let mut tables = self.tables_at(shard, dataset_size, cx.now);
            let moved = tables
                .main
                .moved_at
                .into_iter()
                .chain(tables.expires.moved_at);
            let next = moved.min();
            if let Some(at) = next
                && tables.woken_until != next
            {
                self.after(at - cx.now, ClusterTimer::Rehashed, cx);
            }
            tables.woken_until = next;
            self.dataset.tables[shard] = tables;
        }
    }

    /// Sizes at which a shard's tables have to be looked at next: at their next doubling if that
    /// can matter by now, else at the third.
    pub(super) fn doublings(
        &self,
        shard: ShardId,
        awake: bool,
    ) -> impl Iterator<Item = (Measure, f64)> + '_ {
        let tables = &self.dataset.tables[shard];
        let bound = move |growing: Growing, measure| {
            let loads = if awake || self.mode == Mode::Eager {
                [1.0, LOAD_MAX]
            } else {
                [4.0; 2]
            };
            loads.map(|load| (measure, self.keys_beyond(growing, load, shard)))
        };
        let main = bound(tables.main, Measure::Keys).into_iter();
        main.chain(bound(tables.expires, Measure::Expiring))
    }

    /// Keys over all shards from which on this shard's table holds more than `load` a bucket.
    fn keys_beyond(&self, growing: Growing, load: f64, shard: ShardId) -> f64 {
        let keys = (growing.table.buckets as f64 * load).floor() + 1.0;
        (growing.gone + keys / self.topology.shares[shard]).ceil()
    }

    fn bring_up(
        &self,
        growing: &mut Growing,
        measure: Measure,
        shard: ShardId,
        dataset_size: DatasetSize,
        now: SimTime,
    ) {
        loop {
            match growing.moved_at {
                Some(at) if at > now => return,
                Some(at) => {
                    growing.table = growing.table.settled();
                    growing.moved_at = None;
                    growing.seen = at;
                }
                None => {}
            }
            let due = self.keys_beyond(*growing, 1.0, shard);
            let forced = self.keys_beyond(*growing, LOAD_MAX, shard);
            let (growth, until) = (&self.dataset.growth, now + SimDuration::from_nanos(1));
            let keys = dataset_size.measure(measure);
            if keys < due && !growth.falls() {
                return;
            }
            // Keys that have expired since may have been there.
            let at = growth.reached(measure, due, growing.seen, until);
            if keys < due && at.is_none() {
                growing.seen = now;
                return;
            }
            let doubled = growing.table.doubled();
            if keys < forced && !self.may_double(shard, dataset_size, doubled, now) {
                return;
            }
            growing.seen = at.unwrap_or(now);
            growing.table = doubled;
            let pace = self.clients.commands.1 * self.topology.shares[shard];
            growing.moved_at = Some(growing.seen + table::rehash_time(doubled.old, pace));
        }
    }

    /// A table is not enlarged beyond `maxmemory` (server.c: dictExpandAllowed).
    fn may_double(
        &self,
        shard: ShardId,
        dataset_size: DatasetSize,
        doubled: Table,
        now: SimTime,
    ) -> bool {
        let owner = self.topology.owners[shard];
        let dataset = dataset_size.bytes * self.topology.shares[shard];
        let more = table::bytes(doubled.buckets) as f64;
        self.topology[owner]
            .memory
            .allows(dataset, self.load(owner, now), more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::given;
    use crate::ids::{Id, NodeId};
    use crate::ledger::Ledger;
    use sim::Agenda;

    /// What becomes of the small world's tables, as this is done to its cluster: bytes of the first
    /// shard's and of the second's.
    fn bytes(done: impl Fn(&mut Cluster, &mut Cx)) -> (Cluster, [f64; 2]) {
        let tables = given::tables();
        let (mut agenda, mut ledger) = (Agenda::<Event>::new(), Ledger::new(false));
        let end = SimTime::ZERO + tables.horizon;
        let cx = &mut Cx::new(end, &mut agenda, &mut ledger);
        let mut cluster = tables.cluster();
        cluster.start(cx);
        done(&mut cluster, cx);
        let of = |shard| cluster.dataset.tables[ShardId::from_index(shard)].bytes();
        let found = [of(0), of(1)];
        (cluster, found)
    }

    #[test]
    fn without_keys_there_are_no_tables_and_with_few_they_are_small() {
        let [first, second] = bytes(|_, _| {}).1;
        assert!(first > 0.0 && second > 0.0);
        let delete = |share| {
            bytes(move |cluster, cx| {
                for workload in 0..2 {
                    cluster.delete_keys(workload, (share, None), cx);
                }
            })
        };
        assert_eq!(delete(1.0).1, [0.0; 2]);
        // Half of the keys need no other table. Of a hundredth, a small one beside the old.
        assert_eq!(delete(0.5).1, [first, second]);
        let (few, [beside, _]) = delete(0.99);
        assert!(
            first < beside && beside < 1.1 * first,
            "{beside} of {first}"
        );
        let hour = SimTime::ZERO + SimDuration::from_hours(1);
        let stored = few.dataset.growth.size_at(SimTime::ZERO);
        let later = few.tables_at(ShardId::from_index(0), stored, hour).bytes();
        assert!(later < 0.1 * first, "{later} of {first}");
    }

    #[test]
    fn a_shard_that_lost_all_has_tables_for_what_is_written_from_then_on() {
        let lost = ShardId::from_index(0);
        let [_, other] = bytes(|_, _| {}).1;
        let (cluster, left) = bytes(|cluster, _| {
            let owner = cluster.topology.owners[lost];
            assert_eq!(owner, NodeId::from_index(0));
            cluster.lose_all(lost, owner, SimTime::ZERO);
        });
        assert_eq!(left, [0.0, other]);
        let later = SimTime::ZERO + SimDuration::from_hours(1);
        let stored = cluster.dataset.growth.size_at(later);
        let new = stored.keys - cluster.dataset.growth.size_at(SimTime::ZERO).keys;
        let held = (new * cluster.topology.shares[lost]).floor() as u64;
        let tables = cluster.tables_at(lost, stored, later);
        assert!(held > 100, "{held}");
        assert_eq!(tables.main.table.buckets, table::buckets(held));
    }
}
