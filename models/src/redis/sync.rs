//! How long a full synchronisation takes (rules R6 and F1 of Redis' replication.c and rdb.c).
//!
//! ```text
//! wait (repl-diskless-sync-delay) -> fork -> save, streamed to the replica -> load
//! ```
//!
//! The child's save and the transfer overlap: the slower one counts. Throughput per key and per
//! byte is measured (see the scenario). Left out: writes that arrive meanwhile and the buffer that
//! they fill; in an outage there are none, which is when the model synchronises.

use sim::SimDuration;

use crate::spec::redis::SyncSpec;

/// Time to bring a copy of `bytes` in `keys` to an empty node, from the request to "link up".
pub fn full_sync(spec: &SyncSpec, bytes: f64, keys: f64) -> SimDuration {
    let gib = bytes / (1u64 << 30) as f64;
    let save = keys / spec.save_keys.get() + bytes / spec.save_bytes.get();
    let transfer = bytes / spec.network.get();
    spec.delay
        + spec.fork_per_gib.scaled(gib)
        + SimDuration::from_secs_f64(save.max(transfer))
        + load(spec, bytes, keys)
}

/// Time to load `bytes` in `keys`, from disk or from a stream.
pub fn load(spec: &SyncSpec, bytes: f64, keys: f64) -> SimDuration {
    SimDuration::from_secs_f64(keys / spec.load_keys.get() + bytes / spec.load_bytes.get())
}
