//! How long the stages of a full resync take (rules R6 and F1 of Redis' replication.c and
//! rdb.c: `startBgsaveForReplication`, `rdbSaveToSlavesSockets`, `readSyncBulkPayload`).
//!
//! ```text
//! diskless  wait -> fork -> save, streamed to the replicas -> flush old data -> load -> catch up
//! disk      wait -> fork -> save to a file -> send the file -> flush old data -> load -> catch up
//! ```
//!
//! The wait and the catching up depend on what else happens (`replication`, `cluster/copying`); the
//! stages between them follow from sizes and measured throughput:
//!
//! ```text
//! save = keys/save_keys + bytes/save_bytes             the child walks the table and serialises
//! send = copies x bytes/network                        the source's link is shared by its copies
//! load = keys/load_keys + bytes/load_bytes
//!        + max(0, bytes - cold.beyond)/cold.fill       memory that the machine does not have yet
//! ```
//!
//! The last term is why a load takes longer than in proportion: a virtual machine's host gives it
//! memory at the first touch, and takes free memory back after a while. A process that fills no
//! more than what lately was in use finds its pages there; what is beyond costs a fault in the
//! host, page by page (measured: 2 us a page at first, 12 to 19 us from 0.5 to 2 GB on). It is a
//! property of the machine and not of Redis, so a scenario may leave it out.
//!
//! Left out: cores that the source, its child and other work share (throughput is what it was when
//! measured), and compression that does better than in the measurement.

use sim::SimDuration;

use crate::spec::redis::SyncSpec;

/// The stages of one full resync whose length follows from sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// The source's single thread is blocked.
    pub fork: SimDuration,
    /// From the fork's end until the replica has everything.
    pub ship: SimDuration,
    /// The replica frees what it had.
    pub flush: SimDuration,
    /// The replica loads.
    pub load: SimDuration,
}

impl Stages {
    /// For `bytes` in `keys`, sent to `copies` replicas, each of which holds `old_keys` so far.
    pub fn new(spec: &SyncSpec, bytes: f64, keys: f64, copies: usize, old_keys: f64) -> Stages {
        let save = keys / spec.save_keys.get() + bytes / spec.save_bytes.get();
        let send = copies as f64 * bytes / spec.network.get();
        let ship = if spec.diskless {
            save.max(send)
        } else {
            save + send
        };
        Stages {
            fork: spec.fork_per_gib.scaled(bytes / (1u64 << 30) as f64),
            ship: SimDuration::from_secs_f64(ship),
            flush: match spec.lazy_flush {
                true => SimDuration::ZERO,
                false => SimDuration::from_secs_f64(old_keys / spec.flush_keys.get()),
            },
            load: load(spec, bytes, keys),
        }
    }

    /// All of them.
    pub fn total(self) -> SimDuration {
        self.fork + self.ship + self.flush + self.load
    }
}

/// Time to bring a copy of `bytes` in `keys` to an empty node that asks alone, from the request to
/// "link up".
pub fn full_sync(spec: &SyncSpec, bytes: f64, keys: f64) -> SimDuration {
    let wait = if spec.diskless {
        spec.delay
    } else {
        SimDuration::ZERO
    };
    wait + Stages::new(spec, bytes, keys, 1, 0.0).total()
}

/// What a command of an append-only file costs over a key of a snapshot: measured with Redis 7.0.15
/// (`ASSUMPTIONS.md`).
const COMMAND: f64 = 2.5;

/// Time to execute so many writes of an append-only file, of so many bytes each.
pub fn replay(spec: &SyncSpec, writes: f64, write_size: f64) -> SimDuration {
    let seconds = COMMAND / spec.load_keys.get() + write_size / spec.load_bytes.get();
    SimDuration::from_secs_f64(writes * seconds)
}

/// Time to load `bytes` in `keys`, from disk or from a stream.
pub fn load(spec: &SyncSpec, bytes: f64, keys: f64) -> SimDuration {
    let cold = spec.cold_memory.map_or(0.0, |cold| {
        (bytes - cold.beyond.as_f64()).max(0.0) / cold.fill.get()
    });
    let warm = keys / spec.load_keys.get() + bytes / spec.load_bytes.get();
    SimDuration::from_secs_f64(warm + cold)
}
