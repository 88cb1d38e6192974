//! Truth as capabilities: what a node in a given condition really does for clients, replicas and
//! peers.
//!
//! The table is the heart of every gray failure: the cheap observers ask for the left columns, the
//! signers need the right one. It holds what was measured on Redis 7.0.15 (tests compare it with
//! the lab's table) and what `server.c: processCommand` says.
//!
//! | condition | TCP | PING | cluster bus | reads | writes |
//! | --- | --- | --- | --- | --- | --- |
//! | healthy | yes | +PONG | yes | yes | yes |
//! | at `maxmemory`, noeviction | yes | +PONG | yes | yes | -OOM |
//! | failed save | yes | -MISCONF | yes | yes | -MISCONF |
//! | running a script, after `busy-reply-threshold` | yes | -BUSY | yes | -BUSY | -BUSY |
//! | loading | yes | -LOADING | no | -LOADING | -LOADING |
//! | loading a copy, as a replica | yes | -LOADING | yes | -LOADING | -LOADING |
//! | forking, accepting connections, or freeing data | yes | silence | no | silence | silence |
//! | stalled by swap, or stopped | yes | silence | no | silence | silence |
//! | killed | refused | refused | no | refused | refused |
//! | host lost | silence | silence | no | silence | silence |

use demand::answer::Cause;

/// The condition of a node's process and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Runs, with memory to spare.
    Healthy,
    /// Runs, at `maxmemory` with noeviction, as a primary (a replica ignores the limit).
    AtMaxmemory,
    /// Runs, but its last save failed and `stop-writes-on-bgsave-error` holds.
    SaveFailed,
    /// Runs a script that takes long, and says so: it reads and answers between two steps of it
    /// (script.c: scriptInterrupt), but nothing of its cron runs.
    Busy,
    /// Reads its data from disk after a start.
    Loading,
    /// A replica that reads a full copy from its primary; it polls its events meanwhile.
    LoadingCopy,
    /// Its single thread is in `fork`, for as long as the page table takes to copy.
    Forking,
    /// Its single thread makes handshakes with new clients.
    Accepting,
    /// Its single thread frees data: its old ones before it loads a copy, or what was flushed.
    Freeing,
    /// Pages in and out more than it computes: the single thread gets nowhere.
    Stalled,
    /// Stopped by a signal, frozen with its machine, or blocked for good.
    Hung,
    /// The kernel or an operator has killed it; the host answers with a reset.
    Killed,
    /// The host is gone without a word.
    HostLost,
}

/// What comes back to somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What was asked for (for PING: +PONG).
    Fine,
    /// An error, at once.
    Error(Cause),
    /// Nothing, until the asker's own timeout.
    Silence,
}

/// What a node does for each kind of asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Does `connect` succeed?
    pub tcp: Reply,
    /// Does PING bring +PONG?
    pub ping: Reply,
    /// Does its cluster bus take part?
    pub bus: bool,
    /// Does GET work?
    pub reads: Reply,
    /// Does SET work?
    pub writes: Reply,
}

impl Condition {
    /// The row of the table.
    pub fn capabilities(self) -> Capabilities {
        use Reply::{Error, Fine, Silence};
        let row = |tcp, ping, bus, reads, writes| Capabilities {
            tcp,
            ping,
            bus,
            reads,
            writes,
        };
        let (oom, misconf) = (Error(Cause::Oom), Error(Cause::Misconf));
        let (loading, refused) = (Error(Cause::Loading), Error(Cause::Refused));
        let busy = Error(Cause::Busy);
        match self {
            Condition::Healthy => row(Fine, Fine, true, Fine, Fine),
            Condition::AtMaxmemory => row(Fine, Fine, true, Fine, oom),
            Condition::SaveFailed => row(Fine, misconf, true, Fine, misconf),
            Condition::Busy => row(Fine, busy, true, busy, busy),
            Condition::Loading => row(Fine, loading, false, loading, loading),
            Condition::LoadingCopy => row(Fine, loading, true, loading, loading),
            Condition::Stalled
            | Condition::Hung
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing => row(Fine, Silence, false, Silence, Silence),
            Condition::Killed => row(refused, refused, false, refused, refused),
            Condition::HostLost => row(Silence, Silence, false, Silence, Silence),
        }
    }

    /// Does its end of a replication stream live? A fork is too short to matter to it, and so are
    /// handshakes: between two rounds of them it reads and writes. A replica that frees its old
    /// data tells its primary that it lives (replication.c: replicationEmptyDbCallback).
    pub const fn streams(self) -> bool {
        match self {
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::Busy
            | Condition::LoadingCopy
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing => true,
            Condition::Loading
            | Condition::Stalled
            | Condition::Hung
            | Condition::Killed
            | Condition::HostLost => false,
        }
    }

    /// Does its process live and do nothing?
    pub const fn hangs(self) -> bool {
        matches!(self, Condition::Hung | Condition::Stalled)
    }

    /// Short words for traces and charts.
    pub const fn words(self) -> &'static str {
        match self {
            Condition::Healthy => "runs",
            Condition::AtMaxmemory => "refuses writes (-OOM)",
            Condition::SaveFailed => "refuses writes (-MISCONF)",
            Condition::Busy => "is busy running a script (-BUSY)",
            Condition::Loading => "loading",
            Condition::LoadingCopy => "loading a copy",
            Condition::Forking => "forks",
            Condition::Accepting => "does nothing but accept connections",
            Condition::Freeing => "does nothing but free data",
            Condition::Stalled => "stalled by swapping",
            Condition::Hung => "hung",
            Condition::Killed => "killed",
            Condition::HostLost => "host lost",
        }
    }
}
