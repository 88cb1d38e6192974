//! What nodes keep on disk, and clients that listen: parts of a node that need not exist.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Bytes, Factor, SizeOrShare};

/// What the nodes keep on disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersistenceSpec {
    /// What is written, and when: a process has that when it starts again.
    pub schedule: ScheduleSpec,
    /// `stop-writes-on-bgsave-error`: after a failed save writes and PING get -MISCONF. Redis ships
    /// `true`. It counts with save points only.
    pub stop_writes_on_bgsave_error: bool,
    /// `vm.overcommit_memory` of the hosts, which decides whether a save may fork at all.
    /// `"always"` describes most hosts.
    pub overcommit: Overcommit,
    /// `oom-score-adj`: when memory runs out, does the kernel kill a saving child before its
    /// server? Redis ships it off (`false`).
    pub oom_score_adj: bool,
    /// Does the kernel back the heap with huge pages (and `disable-thp` is `no`)? A save then
    /// copies 2 MiB at a time. Redis turns it off for itself: `false`.
    pub transparent_huge_pages: bool,
}

/// `vm.overcommit_memory` of the host: may a process be copied that could not be held twice?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overcommit {
    /// 1, as Redis asks for at its start; and in effect 0 on Linux since 5.2.
    Always,
    /// 0 on Linux before 5.2: what the child could come to need must be free now.
    Heuristic,
    /// 2: parent and child together must fit into swap and half of the memory.
    Strict,
}

/// What is written to disk, and when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// `save ""` and `appendonly no`: nothing, as without `redis.persistence`. A process that was
    /// killed starts without data.
    Nothing {},
    /// `save`: a snapshot after some time with some changes. A failed one stops writes, if
    /// `stop_writes_on_bgsave_error`. A process that was killed has lost what was written after its
    /// last finished save began.
    SavePoints {
        /// The points; whichever comes first.
        points: Vec<SavePointSpec>,
    },
    /// `appendonly yes` and `save ""`: every write, and a rewrite when the file has grown by this
    /// much of its base. A process that was killed has lost nothing; one whose host is lost lacks
    /// what was not on the disk yet.
    AppendOnly {
        /// `auto-aof-rewrite-percentage`, as a factor: 1x is 100, as Redis ships, and rewrites a
        /// file that has doubled. From `"1000x"` on it is never rewritten, as with 0, and is taken
        /// to have been so by hand when the trial begins.
        rewrite_growth: Factor,
        /// `auto-aof-rewrite-min-size`: a smaller file is not rewritten. Absent: 64MiB, as Redis
        /// ships.
        rewrite_min: Option<Bytes>,
        /// `appendfsync`; absent: `everysec`, as Redis ships.
        #[serde(default)]
        fsync: Fsync,
    },
    /// `appendonly yes` and `save`: both. A process loads the append-only file (server.c:
    /// loadDataFromDisk), and a failed snapshot stops writes all the same.
    Both {
        /// The save points; whichever comes first.
        points: Vec<SavePointSpec>,
        /// As for `append-only`.
        rewrite_growth: Factor,
        /// As for `append-only`.
        rewrite_min: Option<Bytes>,
        /// As for `append-only`.
        #[serde(default)]
        fsync: Fsync,
    },
}

/// `appendfsync`: when what was appended is forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fsync {
    /// Before a write is answered: a lost host loses nothing.
    Always,
    /// Once a second, by a thread of its own: a lost host loses up to a second.
    #[default]
    Everysec,
    /// When the kernel does: a lost host loses up to half a minute.
    No,
}

/// An append-only file.
#[derive(Clone, Copy, Debug)]
pub struct AppendOnlySpec {
    /// By how much it grows until it is rewritten; absent: it never is.
    pub growth: Option<Factor>,
    /// The least size that is rewritten.
    pub min: Bytes,
    /// When it is forced to the disk.
    pub fsync: Fsync,
}

/// A file that grows to so many times its size is never rewritten.
const NO_REWRITES: f64 = 1_000.0;

impl ScheduleSpec {
    /// Its save points; none if it takes no snapshots.
    pub fn points(&self) -> &[SavePointSpec] {
        match self {
            ScheduleSpec::SavePoints { points } | ScheduleSpec::Both { points, .. } => points,
            ScheduleSpec::Nothing {} | ScheduleSpec::AppendOnly { .. } => &[],
        }
    }

    /// What it says of the append-only file; `None` without one.
    pub fn append_only(&self) -> Option<AppendOnlySpec> {
        match self {
            ScheduleSpec::AppendOnly {
                rewrite_growth,
                rewrite_min,
                fsync,
            }
            | ScheduleSpec::Both {
                rewrite_growth,
                rewrite_min,
                fsync,
                ..
            } => Some(AppendOnlySpec {
                growth: Some(*rewrite_growth).filter(|growth| growth.get() < NO_REWRITES),
                min: rewrite_min.unwrap_or(Bytes::new(64 << 20)),
                fsync: *fsync,
            }),
            ScheduleSpec::Nothing {} | ScheduleSpec::SavePoints { .. } => None,
        }
    }

    /// Is anything written at all?
    pub fn writes(&self) -> bool {
        !matches!(self, ScheduleSpec::Nothing {})
    }
}

/// One save point.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePointSpec {
    /// Time that must have passed since the last save, such as `"15min"`. Both conditions must
    /// hold. It is counted on every node, replicas too, from a random moment before the trial, so
    /// no save can be set to a time of day.
    pub after: SimDuration,
    /// Keys that must have changed since the last save; at least 1.
    pub changes: u64,
}

/// Subscribers of channels, if there are any, and their limits.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PubsubSpec {
    /// Subscribers of each primary that keep up: a connection's memory each.
    pub subscribers: u32,
    /// `client-output-buffer-limit pubsub`, hard: a subscriber is cut off at once above this;
    /// `"0B"` is no limit. Redis ships 32MiB.
    pub hard_limit: Bytes,
    /// `client-output-buffer-limit pubsub`, soft: cut off when above this for `soft_time`; at most
    /// `hard_limit`; `"0B"` is no limit. Redis ships 8MiB.
    pub soft_limit: Bytes,
    /// How long `soft_limit` may be exceeded continuously. Redis ships 60s.
    pub soft_time: SimDuration,
    /// `maxmemory-clients`, in bytes (`"1GiB"`, the same on nodes of any size) or as a share of
    /// `maxmemory` (`"5%"`); absent, `"0B"` or `"0%"`: no limit on all clients together.
    pub maxmemory_clients: Option<SizeOrShare>,
    /// What the kernel buffers for one connection before data pile up in the process: about 100kB
    /// on a network; measured on loopback: 3.2MB.
    pub socket_buffers: Bytes,
}

/// A key of a table, what is wrong with it, and what to write instead.
pub type Finding = (&'static str, &'static str, &'static str);

impl PersistenceSpec {
    /// What cannot be.
    pub fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let takes_snapshots = match &self.schedule {
            ScheduleSpec::SavePoints { .. } | ScheduleSpec::Both { .. } => true,
            ScheduleSpec::Nothing {} | ScheduleSpec::AppendOnly { .. } => false,
        };
        let points = self.schedule.points();
        if takes_snapshots && points.is_empty() {
            let help = "give at least one point, or kind = \"nothing\" or \"append-only\"";
            found.push(("schedule.points", "no snapshot would ever be saved", help));
        }
        if points.iter().any(|point| point.changes == 0) {
            let wrong = "without a change there is nothing to save";
            found.push(("schedule.points", wrong, "give at least 1 change"));
        }
        found
    }
}

impl PubsubSpec {
    /// What cannot be.
    pub fn problems(&self, maxmemory: bool) -> Vec<Finding> {
        let mut found = Vec::new();
        let (hard, soft) = (self.hard_limit.get(), self.soft_limit.get());
        if hard > 0 && soft > hard {
            let wrong = "the hard limit cuts off before this one is reached";
            let help = "give at most hard_limit, or \"0B\" for no limit";
            found.push(("soft_limit", wrong, help));
        }
        if matches!(self.maxmemory_clients, Some(SizeOrShare::Share(_))) && !maxmemory {
            let wrong = "there is no maxmemory of which it could be a share";
            let help = "set redis.maxmemory too, or give bytes";
            found.push(("maxmemory_clients", wrong, help));
        }
        found
    }
}
