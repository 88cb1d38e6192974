//! What nodes keep on disk, and so what a process has when it starts again.
//!
//! | `schedule` | its process was killed | its host was lost |
//! | --- | --- | --- |
//! | `nothing` | nothing | nothing |
//! | `save-points` | what it had when its last finished save began | the same |
//! | `append-only`, `both` with `always` | all | all |
//! | with `everysec` | all | what it had up to a second before |
//! | with `no` | all | what it had up to half a minute before |
//!
//! A write is answered after it was appended (server.c: beforeSleep flushes the append-only file
//! before it writes replies), and what the kernel has taken outlives a killed process. With
//! `everysec` writes wait in the process while an fsync is at work (aof.c: flushAppendOnlyFile): a
//! slow one (`fsync.rs`) makes them as old as it is. With both, a
//! process loads the append-only file (server.c: loadDataFromDisk). A full resync leaves a file
//! behind, whatever the schedule: at the replica, which loads it from there (replication.c:
//! readSyncBulkPayload), and at a primary that does not send it diskless (rdb.c:
//! rdbSaveBackground). A process that is asked to stop, and can, saves first if it has save points
//! (server.c: prepareForShutdown).
//!
//! What the owner of a shard does not find is lost, unless a replica that has it is promoted before
//! it copies the owner's data (`loss.rs`).
//!
//! Left out: the last save before the trial lies at its start; keys that were deleted are not there
//! again if a process loads a save from before; a replica that finds its position in a save asks
//! for a full copy all the same.

use rand::RngExt;
use sim::{SimDuration, SimTime};

use super::Cluster;
use super::save::Persistence;
use crate::event::Cx;
use crate::ids::{Id, NodeId};
use crate::redis::capability::Condition;
use crate::redis::sync;
use crate::spec::RedisSpec;
use crate::spec::persistence::{AppendOnlySpec, Fsync};

/// How much of what was written a lost host may lack draws from this one.
const UNSYNCED: u64 = u64::MAX - 1;

/// With `appendfsync everysec`: a thread syncs once a second (aof.c: flushAppendOnlyFile).
const EVERY_SECOND: SimDuration = SimDuration::from_secs(1);

/// With `appendfsync no`: Linux writes out what has waited for 30 s, and looks every 5 s
/// (`dirty_expire_centisecs`, `dirty_writeback_centisecs`): every 32.5 s on average.
const KERNEL_WRITES: SimDuration = SimDuration::from_millis(32_500);

/// What a process finds on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// No data.
    Nothing,
    /// What its shard held then.
    UpTo(SimTime),
}

/// The disk of a node.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// Files that are there besides those that its living process has saved.
    held: Found,
    /// When its process went last, and how often that happened.
    died: (SimTime, u64),
    /// When its process was started last.
    started: SimTime,
    /// Since when slow fsyncs follow one another, and how long each takes.
    pub syncing: Option<(SimTime, SimDuration)>,
    /// What is watched for is the last thing that was planned.
    watch: u32,
    /// Its process was asked to stop, and can.
    stops: bool,
}

impl Persistence {
    /// How old the newest data are that had not reached a node's disk when its host was lost.
    pub fn unsynced(&self, node: NodeId, fsync: Fsync) -> SimDuration {
        let every = match fsync {
            Fsync::Always => return SimDuration::ZERO,
            Fsync::Everysec => EVERY_SECOND,
            Fsync::No => KERNEL_WRITES,
        };
        let deaths = self.disks[node].deaths();
        let mut rng = self.key.child(UNSYNCED).at(node.index() as u64, deaths);
        every.scaled(rng.random::<f64>())
    }
}

impl Disk {
    /// What is on a disk when the trial begins.
    pub fn at_start(redis: &RedisSpec) -> Disk {
        let writes = (redis.persistence.as_ref()).is_some_and(|spec| spec.schedule.writes());
        Disk::new(match writes {
            true => Found::UpTo(SimTime::ZERO),
            false => Found::Nothing,
        })
    }

    /// A disk with this on it.
    pub fn new(held: Found) -> Disk {
        Disk {
            held,
            died: (SimTime::ZERO, 0),
            started: SimTime::ZERO,
            syncing: None,
            watch: 0,
            stops: false,
        }
    }

    /// A full resync leaves a file of what its source had then.
    pub fn keep(&mut self, copied: SimTime) {
        self.held = self.held.max(Found::UpTo(copied));
    }

    /// What was planned before is not watched for any more.
    pub fn next_watch(&mut self) -> u32 {
        self.watch += 1;
        self.watch
    }

    /// Is this still watched for?
    pub fn is_watch(&self, watch: u32) -> bool {
        self.watch == watch
    }

    /// Up to when what was written has been appended at `now`: writes wait in the process while an
    /// fsync is at work, one of which begins each second or when the last is done.
    fn appended_by(&self, now: SimTime) -> SimTime {
        let Some((first, takes)) = self.syncing else {
            return now;
        };
        let every = takes.max(EVERY_SECOND);
        let before = (now - first).as_nanos() / every.as_nanos();
        let since = first + every * before;
        if now < since + takes { since } else { now }
    }

    /// How often its process has gone.
    pub fn deaths(&self) -> u64 {
        self.died.1
    }
}

impl Cluster {
    /// Asks a process to stop, if it can: it saves what it has first.
    pub(super) fn shut_down(&mut self, node: NodeId) {
        let can = self.executes(node) && !self.persistence.children[node].failed;
        self.persistence.disks[node].stops = can && self.persistence.schedule().is_some();
    }

    /// A process is gone: what is on its disk is settled. How long it took to stop.
    pub(super) fn note_died(
        &mut self,
        node: NodeId,
        condition: Condition,
        now: SimTime,
    ) -> SimDuration {
        self.note_saves(node, now);
        let stops = std::mem::take(&mut self.persistence.disks[node].stops);
        let schedule = self.persistence.schedule();
        let appends = schedule.is_some_and(|schedule| schedule.append_only().is_some());
        let saves = stops && schedule.is_some_and(|schedule| !schedule.points().is_empty());
        let written = match stops {
            true => Found::UpTo(now),
            false => self.written(node, condition, now),
        };
        let has = self.has_data_of(node, now);
        let disk = &mut self.persistence.disks[node];
        // If there is an append-only file, Redis reads nothing else.
        let files = if appends { Found::Nothing } else { disk.held };
        disk.held = written.max(files).min(has);
        disk.died = (now, disk.died.1 + 1);
        disk.syncing = None;
        if let Some(clock) = self.persistence.clock_mut(node) {
            clock.stop(now);
        }
        match saves {
            true => self.save_time(self.size_held(node, now)),
            false => SimDuration::ZERO,
        }
    }

    /// What a process that has just gone had written to its disk.
    fn written(&self, node: NodeId, condition: Condition, now: SimTime) -> Found {
        let Some(schedule) = self.persistence.schedule() else {
            return Found::Nothing;
        };
        match schedule.append_only() {
            Some(AppendOnlySpec { fsync, .. }) if condition == Condition::HostLost => {
                // What an fsync is to bring there is not there before it is done.
                let now = self.persistence.disks[node].appended_by(now);
                let no_sync = self.redis.disk.is_some_and(|disk| disk.no_fsync_on_rewrite);
                let child = self.persistence.children[node].runs_until() > Some(now);
                let fsync = if no_sync && child { Fsync::No } else { fsync };
                let lacks = self.persistence.unsynced(node, fsync);
                Found::UpTo(now.saturating_sub(lacks))
            }
            // Writes wait in its memory while an fsync is at work.
            Some(_) => Found::UpTo(self.persistence.disks[node].appended_by(now)),
            None => {
                let clock = self.persistence.clock(node);
                let saved = clock.and_then(|clock| clock.saved(now));
                saved.map_or(Found::Nothing, Found::UpTo)
            }
        }
    }

    /// What a process holds in memory.
    fn has_data_of(&self, node: NodeId, now: SimTime) -> Found {
        match (self.topology[node].restored, self.replication[node].follows) {
            (Some(found), _) => found,
            (None, None) => Found::UpTo(now),
            (None, Some(_)) => {
                let latency = self.redis.latency;
                Found::UpTo(self.replication.covered(node, now, latency))
            }
        }
    }

    /// A process has read its data: its saves count from its start.
    pub(super) fn note_lives(&mut self, node: NodeId, now: SimTime) {
        let started = self.persistence.disks[node].started;
        let pace = self.pace_of_writes(node);
        let (_, bytes) = self.save_of(node, self.dataset.growth.bytes_at(now));
        if let Some(clock) = self.persistence.clock_mut(node) {
            clock.start((started, now), pace, bytes);
        }
    }

    /// A process starts, and has what it finds on its disk. How long it reads that; `None` if it
    /// finds nothing.
    pub(super) fn start_from_disk(&mut self, node: NodeId, cx: &mut Cx) -> Option<SimDuration> {
        self.persistence.disks[node].started = cx.now;
        let Disk { held, died, .. } = self.persistence.disks[node];
        match held {
            Found::Nothing => cx
                .ledger
                .trace(cx.now, || format!("{}: starts empty", self.node_name(node))),
            Found::UpTo(at) if died.0.saturating_since(at) >= SimDuration::from_millis(1) => {
                cx.ledger.trace(cx.now, || {
                    let age = (died.0 - at).rounded_to(SimDuration::from_millis(1));
                    format!("{}: starts without its last {age}", self.node_name(node))
                })
            }
            Found::UpTo(_) => {}
        }
        let shard = self.topology[node].shard;
        if self.topology.owners[shard] == node {
            self.owner_starts(node, (held, died.0), cx);
        } else {
            self.replica_starts(node, held, cx.now);
        }
        (held != Found::Nothing).then(|| self.reading_time(node, died.0))
    }

    /// How long a process reads what it finds.
    fn reading_time(&self, node: NodeId, died: SimTime) -> SimDuration {
        let bytes = self.bytes_held(node, died);
        let keys = self.dataset.growth.keys(bytes);
        sync::load(&self.redis.sync, bytes, keys) + self.replaying_time(node, died)
    }
    /// How long a process executes what was appended to the file since its last rewrite.
    fn replaying_time(&self, node: NodeId, died: SimTime) -> SimDuration {
        let schedule = self.persistence.schedule();
        if schedule.is_none_or(|schedule| schedule.append_only().is_none()) {
            return SimDuration::ZERO;
        }
        // As if writes had been let in all the time.
        let clock = self.persistence.clock(node).expect("it has a file");
        let since = clock.since_rewrite(died);
        let rate = self.clients.commands.1 * self.topology.share_of(node);
        let writes = rate * since.as_secs_f64();
        sync::replay(&self.redis.sync, writes, self.replication.write_size)
    }
}
