//! What an append-only file waits for: a slow `fsync` blocks the only thread of a process.
//!
//! ```text
//! everysec   fsync ─────────── F ────────────►  the next fsync
//!            ├─ a write is postponed, 2 s ─┤ write(2) blocks until F │
//!            └─ clients are answered       └─ nobody is answered, not even the bus
//! always     every round of the event loop waits for F before it answers
//! no         the kernel writes when it likes, and nobody waits
//! ```
//!
//! The rules are those of aof.c: flushAppendOnlyFile. F is what the disk takes, or a `slow-disk`
//! fault, and on top the time to write what a child has left in the page cache. Writes are taken to
//! be evenly spaced. With `always` an F of two seconds or more is played as a stall of F after each
//! round of a tenth of a second; a shorter one makes answers late by half as much again, for the
//! round that runs when a command comes.
//!
//! Left out: writes that the kernel throttles since too much is unwritten (`vm.dirty_ratio`), which
//! would stall `appendfsync no` as well; saves that take longer on a disk that a fault has slowed;
//! a process that refuses writes for other reasons is taken to append all the same.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::node::Change;
use crate::event::{Blocked, ClusterTimer, Cx};
use crate::ids::NodeId;
use crate::redis::capability::Condition;
use crate::redis::memory::Slowness;
use crate::redis::save::POSTPONED;
use crate::spec::persistence::Fsync;

/// With `always` a shorter fsync makes answers late, and a longer one silences the process: nobody
/// is taken to be down for less than twice that.
const LATE: SimDuration = SimDuration::from_secs(2);

/// In which a process that has synced executes what has come meanwhile (an assumption).
const ROUND: SimDuration = SimDuration::from_millis(100);

/// A shorter stall is nothing to anybody.
const SHORT: SimDuration = SimDuration::from_millis(1);

impl Cluster {
    /// When a node's append-only file is synced; `None` without one.
    fn syncs(&self) -> Option<Fsync> {
        let file = self.persistence.schedule()?.append_only()?;
        Some(file.fsync)
    }

    /// Does a child write to a node's disk?
    fn child_writes(&self, node: NodeId, now: SimTime) -> bool {
        let child = &self.persistence.children[node];
        let feeds = child.feeds_until().filter(|_| !self.redis.sync.diskless);
        feeds
            .into_iter()
            .chain(child.saves_until())
            .any(|ends| now < ends)
    }

    /// How long an fsync takes on a node that begins now.
    fn fsync_takes(&self, node: NodeId, now: SimTime) -> SimDuration {
        let disk = self.redis.disk;
        let child = self.child_writes(node, now);
        if child && disk.is_some_and(|disk| disk.no_fsync_on_rewrite) {
            return SimDuration::ZERO;
        }
        let usual = disk.map_or(SimDuration::ZERO, |disk| disk.fsync);
        let slow = self.topology[node].slow_disk.map(|(_, fsync)| fsync);
        let behind = disk.filter(|_| child).map(|disk| disk.backlog());
        slow.unwrap_or(usual) + behind.unwrap_or_default()
    }

    /// Does it matter to a node's clients whether it saves, because of its disk?
    pub(super) fn saves_matter_to_disk(&self, node: NodeId) -> bool {
        let Some(syncs) = self.syncs() else {
            return false;
        };
        let stalls = match syncs {
            Fsync::Always => SHORT,
            Fsync::Everysec => POSTPONED,
            Fsync::No => return false,
        };
        let waits = (self.redis.disk).is_some_and(|disk| disk.fsync + disk.backlog() >= stalls);
        waits || self.topology[node].slow_disk.is_some()
    }

    /// How late a node answers that waits for its disk before it does.
    pub(super) fn waits_for_disk(&self, node: NodeId, now: SimTime) -> Option<Slowness> {
        let takes = self.fsync_takes(node, now);
        let waits = self.syncs() == Some(Fsync::Always) && takes < LATE;
        waits.then(|| Slowness::of(takes.scaled(1.5))).flatten()
    }

    /// A node's process, its children or its disk do something else: when a write blocks next.
    pub(super) fn watch_disk(&mut self, node: NodeId, cx: &mut Cx) {
        let Some(syncs) = self.syncs() else { return };
        let watch = self.persistence.disks[node].next_watch();
        let appends = matches!(
            self.beneath(node),
            Condition::Healthy | Condition::SaveFailed
        );
        let writes = self.pace_of_writes(node).changes;
        // When the disk is well again what it has held up is done.
        let well = self.topology[node]
            .slow_disk
            .map(|(until, _)| until.saturating_since(cx.now));
        let takes = self.fsync_takes(node, cx.now);
        let takes = well.map_or(takes, |well| takes.min(well));
        if self.condition(node).hangs() {
            return; // what it waits for goes on
        }
        let slow = syncs == Fsync::Everysec && takes >= SHORT;
        self.persistence.disks[node].syncing = slow.then_some((cx.now, takes));
        if !appends || writes <= 0.0 || takes < LATE {
            return;
        }
        let gap = SimDuration::from_secs_f64(1.0 / writes);
        let (waits, blocks) = match syncs {
            Fsync::Always => (gap.max(ROUND), takes),
            Fsync::Everysec => (gap + POSTPONED, takes.saturating_sub(gap + POSTPONED)),
            Fsync::No => return,
        };
        if blocks >= SHORT {
            let blocked = Blocked {
                watch,
                lasts: blocks,
            };
            let timer = ClusterTimer::DiskBlocks(node, blocked);
            self.after(waits, timer, cx);
        }
    }

    /// A write to the append-only file blocks for so long, unless the disk is well again before.
    pub(super) fn on_disk_blocks(&mut self, node: NodeId, blocked: Blocked, cx: &mut Cx) {
        let Blocked { watch, lasts } = blocked;
        if !self.persistence.disks[node].is_watch(watch) {
            return;
        }
        cx.ledger.trace(cx.now, || {
            let about = lasts.rounded_to(SimDuration::from_millis(1));
            let name = self.node_name(node);
            format!("{name}: a write to its append-only file blocks for {about}: fsync is slow")
        });
        self.stop_answering(node, lasts, cx);
    }

    /// Each fsync takes so long on a node's disk, for a while.
    pub fn slow_disk(
        &mut self,
        node: NodeId,
        (lasts, fsync): (SimDuration, SimDuration),
        cx: &mut Cx,
    ) {
        let until = cx.now.saturating_add(lasts);
        self.topology[node].slow_disk = Some((until, fsync));
        cx.ledger.trace(cx.now, || {
            let fsync = fsync.rounded_to(SimDuration::from_millis(1));
            format!(
                "{}: its disk takes {fsync} for each fsync",
                self.node_name(node)
            )
        });
        self.find_running(node, cx);
        self.watch_disk(node, cx);
        self.after(lasts, ClusterTimer::DiskWell(node), cx);
        self.settle(cx);
    }

    /// A disk that was slow or full may be well again.
    pub(super) fn on_disk_well(&mut self, node: NodeId, cx: &mut Cx) {
        let ended = |(until, _): &(SimTime, SimDuration)| *until <= cx.now;
        if self.topology[node]
            .slow_disk
            .take_if(|slow| ended(slow))
            .is_some()
        {
            cx.ledger.trace(cx.now, || {
                format!("{}: its disk is as fast as before", self.node_name(node))
            });
            self.watch_disk(node, cx);
        }
        let full = cx.now < self.persistence.children[node].disk_full_until;
        if !full && self.persistence.children[node].append_fails {
            cx.ledger.trace(cx.now, || {
                format!(
                    "{}: its append-only file is written again",
                    self.node_name(node)
                )
            });
            self.change(node, Change::AppendFails(false), cx);
        }
    }

    /// A process meets a full disk: what it cannot append it refuses, or it exits, if it has
    /// promised to sync every write (aof.c: flushAppendOnlyFile).
    pub(super) fn meet_full_disk(&mut self, node: NodeId, cx: &mut Cx) {
        let full_until = self.persistence.children[node].disk_full_until;
        let writes = self.pace_of_writes(node).changes > 0.0;
        if cx.now >= full_until || !writes || self.topology[node].is_gone() {
            return;
        }
        match self.syncs() {
            None => {}
            Some(Fsync::Always) => {
                cx.ledger.trace(cx.now, || {
                    format!(
                        "{}: cannot append to its file, and exits",
                        self.node_name(node)
                    )
                });
                self.change(node, Change::Fault(Some(Condition::Killed)), cx);
            }
            Some(Fsync::Everysec | Fsync::No) => {
                self.change(node, Change::AppendFails(true), cx);
                // It tries again each second (server.c: serverCron).
                let again = self.replication[node].cron.from(full_until);
                self.after(again - cx.now, ClusterTimer::DiskWell(node), cx);
            }
        }
    }

    /// All disks of the cluster are as they should be from now on.
    pub fn repair_disks(&mut self, cx: &mut Cx) {
        for node in self.topology.ids() {
            let full_until = &mut self.persistence.children[node].disk_full_until;
            let was_full = *full_until > cx.now;
            *full_until = (*full_until).min(cx.now);
            if let Some((until, _)) = &mut self.topology[node].slow_disk {
                *until = cx.now;
            }
            if was_full || self.topology[node].slow_disk.is_some() {
                let again = self.replication[node].cron.from(cx.now);
                self.after(again - cx.now, ClusterTimer::DiskWell(node), cx);
            }
        }
        self.settle(cx);
    }
}
