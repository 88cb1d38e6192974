//! The hash tables of each shard: when they double, and from which size on anybody need look.
//!
//! All nodes of a shard hold the same keys, so they share one state here; buckets are moved at the
//! pace of the cron and of the writes, which reach every node. Doublings can only matter if a limit
//! is less than their bytes away. While those of the next two are not, the tables are dormant:
//! nobody is woken before the third, and a later look finds the doublings of the meantime
//! where they would have happened, to the key. Opening everything wakes for each of them.
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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Growing {
    table: Table,
    moved_at: Option<SimTime>,
    /// The last instant at which it was seen to its end.
    seen: SimTime,
}

impl Tables {
    /// The tables of a shard that has just loaded its keys.
    pub fn loaded(dataset_size: DatasetSize, now: SimTime) -> Tables {
        let growing = |keys: f64| Growing {
            table: Table::loaded(keys as u64),
            moved_at: None,
            seen: now,
        };
        Tables {
            main: growing(dataset_size.keys),
            expires: growing(dataset_size.expiring),
            woken_until: None,
        }
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

impl Cluster {
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
        (keys / self.topology.shares[shard]).ceil()
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
            let keys = dataset_size.measure(measure);
            let doubled = growing.table.doubled();
            if keys < due || (keys < forced && !self.may_double(shard, dataset_size, doubled, now))
            {
                return;
            }
            let until = now + SimDuration::from_nanos(1);
            let at = self
                .dataset
                .growth
                .reached(measure, due, growing.seen, until);
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
