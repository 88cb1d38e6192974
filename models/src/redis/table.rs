//! The hash tables of a node: their steps, and how long the old one lives beside the new.
//!
//! ```text
//! bytes │            ┌──────┐             key 2^k + 1 allocates a table of 2^(k+1) buckets; the
//!       │            │      └──────       old one is freed when its last bucket has been moved
//!       │────────────┘
//!       └────────────┴──────┴───────► keys
//! ```
//!
//! Buckets are moved by commands (one each, dict.c: `_dictRehashStep`) and by the cron: with
//! `activerehashing` it spends a millisecond of every 100 ms on it (server.c: databasesCron), not
//! while a child saves. A table is not enlarged while a child saves (server.c:
//! updateDictResizePolicy; the exception at five keys a bucket is out of reach in one save), nor
//! beyond `maxmemory` until it holds 1.618 keys a bucket (server.c: dictExpandAllowed).
//! Left out: tables that shrink while keys go one by one.

use sim::SimDuration;

use super::allocator::allocated;

/// Bytes of a bucket: a pointer.
const BUCKET: u64 = 8;

/// The first table (dict.h: DICT_HT_INITIAL_SIZE).
const BUCKETS_MIN: u64 = 4;

/// Above this many keys a bucket a table is enlarged even beyond `maxmemory` (server.h:
/// HASHTABLE_MAX_LOAD_FACTOR).
pub const LOAD_MAX: f64 = 1.618;

/// Buckets that one call of the cron moves in its millisecond, which the clock's granularity
/// stretches to up to two: measured on Redis 7.0.15, 4,700 of 2^17 and 4,100 of 2^19 buckets.
/// Small tables, which a processor's caches hold, move faster.
const MOVED_BY_CRON: f64 = 4400.0;

/// Calls of the cron per second (`hz`).
const CRONS: f64 = 10.0;

/// Buckets of a table that has grown to hold `keys`; none without keys.
pub fn buckets(keys: u64) -> u64 {
    match keys {
        0 => 0,
        _ => keys.next_power_of_two().max(BUCKETS_MIN),
    }
}

/// Bytes of a table of so many buckets.
pub fn bytes(buckets: u64) -> u64 {
    match buckets {
        0 => 0,
        _ => allocated(buckets * BUCKET),
    }
}

/// How long moving `old` buckets takes a node that executes so many commands per second.
pub fn rehash_time(old: u64, commands: f64) -> SimDuration {
    SimDuration::from_secs_f64(old as f64 / (commands + CRONS * MOVED_BY_CRON))
}

/// One table as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Buckets of the table that takes new keys.
    pub buckets: u64,
    /// Buckets of the table that is being emptied into it; 0 if none is.
    pub old: u64,
}

impl Table {
    /// The table of a node that has loaded `keys`: the file says how many will come, so it is
    /// allocated once (rdb.c: RDB_OPCODE_RESIZEDB).
    pub fn loaded(keys: u64) -> Table {
        Table {
            buckets: buckets(keys),
            old: 0,
        }
    }

    /// Bytes of both tables.
    pub fn bytes(self) -> u64 {
        bytes(self.buckets) + bytes(self.old)
    }

    /// The table after the key has come that makes it grow.
    pub fn doubled(self) -> Table {
        Table {
            buckets: (2 * self.buckets).max(BUCKETS_MIN),
            old: self.buckets,
        }
    }

    /// The table after its last old bucket has been moved.
    pub fn settled(self) -> Table {
        Table { old: 0, ..self }
    }
}
