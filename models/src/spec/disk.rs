//! The disk of a node: what an append-only file waits for.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Bytes, BytesPerSec};

/// The disk of each node. An `fsync` of the append-only file waits for what a child (a save, a
/// rewrite, a copy for replicas that is not diskless) has left in the page cache. With `everysec` a
/// write waits up to 2 s for it while clients are served, and then blocks the only thread (aof.c:
/// flushAppendOnlyFile); with `always` every answer waits for it; with `no` nothing does.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskSpec {
    /// Bytes that it writes per second, such as `"125MB/s"` (the base of a gp3 volume of Amazon
    /// EBS). Saves are no faster than this.
    pub throughput: BytesPerSec,
    /// What an `fsync` takes when the disk has nothing else to do: `"1ms"` to `"5ms"` on a volume
    /// in a network, `"10ms"` on a hard disk (assumptions).
    pub fsync: SimDuration,
    /// What a child leaves in the page cache until the disk has written it. A process that syncs
    /// what it saves piece by piece (`rdb-save-incremental-fsync yes` and
    /// `aof-rewrite-incremental-fsync yes`, as Redis ships them) leaves 4MB (since 7.0; 32MB
    /// before); one that does not, and a disk that does not keep up, leave up to `vm.dirty_bytes`,
    /// or `vm.dirty_background_ratio`: 10 % of the memory as Linux ships.
    pub unwritten: Bytes,
    /// `no-appendfsync-on-rewrite`: nothing is synced while a child is at work, so nothing waits
    /// for it, and a lost host may lack half a minute. Absent: no, as Redis ships it.
    #[serde(default)]
    pub no_fsync_on_rewrite: bool,
}

impl DiskSpec {
    /// How long the disk writes what a child has left.
    pub fn backlog(&self) -> SimDuration {
        SimDuration::from_secs_f64(self.unwritten.as_f64() / self.throughput.get())
    }
}
