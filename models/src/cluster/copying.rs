//! Full resyncs: who waits, who shares a child, who is cut off and starts over.
//!
//! ```text
//! Waiting     until the oldest has waited repl-diskless-sync-delay, or the child is done (R6, R9)
//! Receiving   the source forks, and hangs that long; its child saves, all who waited receive
//! Loading     the replica frees its old data and loads; data commands get -LOADING (R7)
//! CatchingUp  what the source has held since the fork
//! ```
//!
//! All who wait when the child is forked share it, and the source's link; one that comes later
//! waits for the next child, unless a file is being written, which it may share (`syncCommand`).
//! What is written since the fork is held by the source. When that exceeds the output buffer's
//! limit the replica is cut off: it notices at once while it receives, and only after its load
//! otherwise (it does not read from the connection). Then it asks again, and where writes times
//! duration exceed the limit it will do so for ever (R8).
//!
//! A source that hangs meanwhile sends nothing: a replica that receives waits for `repl-timeout`,
//! and one that loads does not need it before it is done.
//!
//! The pages that are copied while the child runs, and what is held beyond the backlog, count
//! towards what the source's host has to hold, and not towards `maxmemory`.
//!
//! A node has one child at a time, be it for itself or for replicas (server.c:
//! hasActiveChildProcess): who asks while a save runs waits for its end.
//!
//! Left out: a source that serves more slowly while its child runs; a fork for replicas that fails.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::consequence::Consequence;
use super::node::{Change, Node};
use super::replication::{Copying, DisconnectCause, Due, Link};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ShardId};
use crate::moment::MomentKind;
use crate::redis::fork::{Busy, copies_pages_for};
use crate::redis::growth::DatasetSize;
use crate::redis::replication::{Overflow, overflow};
use crate::redis::sync::{self, Stages};
use failover::cluster_bus::ReplicaLink;

impl Cluster {
    /// Bytes of the dataset that a node has: not what is gone, nor what its shard evicts just now.
    pub(super) fn bytes_held(&self, node: NodeId, at: SimTime) -> f64 {
        let Node { shard, memory, .. } = &self.topology[node];
        let stored = self.dataset.growth.bytes_at(at) * self.topology.shares[*shard];
        (stored - memory.gone() - self.beyond(*shard, at).max(0.0)).max(0.0)
    }

    /// The same with its keys.
    pub(super) fn size_held(&self, node: NodeId, at: SimTime) -> DatasetSize {
        let stored = self.dataset.growth.size_at(at);
        let share = self.topology.share_of(node);
        let held = self.bytes_held(node, at);
        let part = held / (stored.bytes * share).max(1.0);
        stored.share(share * part.min(1.0))
    }

    /// How long a full copy of a shard takes now to an empty node that asks alone.
    pub(super) fn full_sync(&self, shard: ShardId, now: SimTime) -> SimDuration {
        let bytes = self.bytes_held(self.topology.owners[shard], now);
        sync::full_sync(&self.redis.sync, bytes, self.dataset.growth.keys(bytes))
    }

    /// A replica waits for a child of its source; or shares the one that is writing a file.
    pub(super) fn ask_for_copy(&mut self, replica: NodeId, cx: &mut Cx) {
        let source = self.replication[replica].follows.expect("a replica asks");
        let now = cx.now;
        self.find_running(source, cx);
        let shared = self
            .replication
            .copies(source)
            .find(|copying| copying.saved > now);
        match shared {
            Some(copying) if !self.redis.sync.diskless => {
                self.share_copy(replica, source, copying, cx);
            }
            Some(_) | None => self.set_stream(replica, Link::Waiting { since: now }, cx),
        }
    }

    /// A replica joins those that a file is being written for; one more copy goes over the link.
    fn share_copy(&mut self, replica: NodeId, source: NodeId, copying: Copying, cx: &mut Cx) {
        let same = |n: &NodeId| {
            let link = self.replication[*n].link;
            matches!(link, Link::Receiving(other) if other.began == copying.began)
        };
        let mut sharing = self.replication.followers(source);
        sharing.retain(same);
        let bytes = self.bytes_held(source, copying.began);
        let keys = self.dataset.growth.keys(bytes);
        let copies = 1 + sharing.len();
        let stages = Stages::new(&self.redis.sync, bytes, keys, copies, keys);
        let ends = copying.began + stages.fork + stages.ship;
        let copying = Copying { ends, ..copying };
        for other in sharing {
            self.set_stream(other, Link::Receiving(copying), cx);
            self.drain(cx);
        }
        self.begin_copy(replica, copying, stages, cx);
    }

    /// A replica begins to receive a copy.
    fn begin_copy(&mut self, replica: NodeId, copying: Copying, stages: Stages, cx: &mut Cx) {
        let about = stages.total().rounded_to(SimDuration::from_secs(1));
        cx.ledger.trace(cx.now, || {
            let name = self.node_name(replica);
            format!("{name}: full resync begins, {about}")
        });
        cx.ledger
            .moment(cx.now, MomentKind::SyncBegins, &self.node_name(replica));
        self.replication[replica].positioned = false;
        self.set_stream(replica, Link::Receiving(copying), cx);
    }

    /// When a source forks for those who wait (`shouldStartChildReplication`).
    pub(super) fn fork_due(&self, source: NodeId, now: SimTime) -> Option<SimTime> {
        let oldest = self
            .replication
            .waiting(source)
            .iter()
            .map(|(_, since)| *since)
            .min()?;
        let cron = self.replication[source].cron;
        let spec = &self.redis.sync;
        let delay = if spec.diskless {
            spec.delay
        } else {
            SimDuration::ZERO
        };
        let child = self
            .replication
            .copies(source)
            .map(|copying| copying.saved)
            .chain(self.persistence.children[source].feeds_until())
            .chain(self.persistence.children[source].saves_until())
            .max();
        let waited = oldest.saturating_add(delay);
        let at = match child.filter(|done| *done > now) {
            Some(done) => cron.from(done.max(waited)),
            // Without a delay `syncCommand` forks; a replica that had to wait is served by the
            // cron.
            None if waited == now => now,
            None => cron.from(waited.max(now)),
        };
        Some(at)
    }

    /// The source forks for all who wait, and hangs for as long as that takes.
    pub(super) fn fork(&mut self, source: NodeId, cx: &mut Cx) {
        let waiting = self.replication.waiting(source);
        self.find_running(source, cx);
        let saves = self.persistence.children[source].saves_until();
        if saves.is_some_and(|ends| ends > cx.now) {
            for (replica, _) in waiting {
                self.plan_stream(replica, cx);
            }
            return;
        }
        let (copying, stages) = self.fork_for_copies(source, waiting.len(), cx);
        for (replica, _) in waiting {
            self.begin_copy(replica, copying, stages, cx);
            self.drain(cx);
        }
        self.block_for_fork(source, stages, cx);
    }

    /// A child is forked that saves for so many copies of a node.
    pub(super) fn fork_for_copies(
        &mut self,
        source: NodeId,
        copies: usize,
        cx: &mut Cx,
    ) -> (Copying, Stages) {
        let bytes = self.bytes_held(source, cx.now);
        let keys = self.dataset.growth.keys(bytes);
        let stages = Stages::new(&self.redis.sync, bytes, keys, copies, keys);
        let done = cx.now + stages.fork + stages.ship;
        let saved = if self.redis.sync.diskless {
            done
        } else {
            let alone = Stages::new(&self.redis.sync, bytes, keys, 0, keys);
            cx.now + alone.fork + alone.ship
        };
        self.feed(source, saved, cx);
        let copying = Copying {
            began: cx.now,
            offset: self.head(source, cx.now),
            saved,
            ends: done,
            stalled: None,
            cut_off: false,
        };
        (copying, stages)
    }

    /// A node that has forked does nothing else for as long as that takes.
    pub(super) fn block_for_fork(&mut self, source: NodeId, stages: Stages, cx: &mut Cx) {
        let shard = self.topology[source].shard;
        let bytes = self.bytes_held(source, cx.now);
        let pause = stages.fork + self.copies_pages_for(shard, bytes);
        if pause > SimDuration::ZERO {
            self.change(source, Change::Forking(Some(pause)), cx);
            self.drain(cx);
            self.after(pause, ClusterTimer::Forked(source), cx);
        }
    }

    /// How long a shard's owner does nothing but copy huge pages after a fork of so many bytes. A
    /// replica, which executes only the writes, is taken to be as busy.
    pub(super) fn copies_pages_for(&self, shard: ShardId, bytes: f64) -> SimDuration {
        let copy = self.redis.huge_page_copy.unwrap_or(SimDuration::ZERO);
        let (commands, writes) = self.clients.commands;
        let busy = Busy {
            commands: commands * self.topology.shares[shard],
            writes: writes * self.topology.shares[shard],
            takes: self.redis.command_time.as_secs_f64(),
        };
        copies_pages_for(bytes, busy, copy.as_secs_f64())
    }

    /// The end of a stage, or the instant before it at which the source holds too much.
    pub(super) fn or_cut_off(
        &self,
        source: NodeId,
        copying: Copying,
        stage: Due,
        soft_since: Option<SimTime>,
        now: SimTime,
    ) -> (SimTime, Due) {
        if copying.cut_off {
            return (copying.ends, stage);
        }
        let within = (now, copying.ends);
        let found = self.held_too_much(source, copying.offset, soft_since, within);
        found.unwrap_or((copying.ends, stage))
    }

    /// When a source that holds its stream for a replica from an offset on reaches a limit.
    pub(super) fn held_too_much(
        &self,
        source: NodeId,
        from: u64,
        soft_since: Option<SimTime>,
        within: (SimTime, SimTime),
    ) -> Option<(SimTime, Due)> {
        let limit = self.topology[source].output_limit?;
        let held = |at: SimTime| self.head(source, at).saturating_sub(from);
        let (at, what) = overflow(limit, self.redis.backlog, held, soft_since, within)?;
        let due = match what {
            Overflow::SoftBegins => Due::SoftLimit,
            Overflow::CutOff => Due::CutOff,
        };
        Some((at, due))
    }

    /// Bytes beyond its backlog that a source holds for replicas at `now`.
    pub(super) fn held_for_replicas(&self, source: NodeId, now: SimTime) -> f64 {
        let replicas = self.replication.held_from(source);
        let Some(from) = replicas
            .into_iter()
            .chain(self.resizes.held_from(source))
            .min()
        else {
            return 0.0;
        };
        let held = self.head(source, now).saturating_sub(from);
        held.saturating_sub(self.redis.backlog.get()) as f64
    }

    /// A child that saves for replicas which have all gone is killed, unless it writes a file that
    /// is good for the node itself, as it has save points (networking.c: freeClient; rdb.c:
    /// rdbPipeWriteHandlerConnRemoved). A parent that hangs kills nothing before it goes on.
    pub(super) fn end_feeding(&mut self, source: NodeId, now: SimTime) {
        if self.condition(source).hangs() {
            return;
        }
        let schedule = self.persistence.schedule();
        let saves = schedule.is_some_and(|schedule| !schedule.points().is_empty());
        let is_read = (self.replication.copies(source)).any(|copying| copying.saved > now);
        let is_read = is_read || self.resizes.reads(source, now);
        if !is_read && (self.redis.sync.diskless || !saves) {
            self.persistence.children[source].stop_feeding();
        }
    }

    /// The child that saves for replicas is gone: those that it fed start over.
    pub(super) fn stop_feeding(&mut self, source: NodeId, cx: &mut Cx) {
        cx.ledger.trace(cx.now, || {
            let name = self.node_name(source);
            format!("{name}: the kernel has killed the child that saves for its replicas")
        });
        let fed = |n: &NodeId| {
            let link = self.replication[*n].link;
            matches!(link, Link::Receiving(copying) if copying.saved > cx.now)
        };
        let mut replicas = self.replication.followers(source);
        replicas.retain(fed);
        self.then(replicas.into_iter().map(|replica| Consequence::Disconnect {
            replica,
            why: DisconnectCause::Gone,
            closed_at: Some(cx.now),
        }));
        self.lose_copies(source, cx);
    }

    /// The source hangs, or goes on: the connection stands, and what it has still to send comes so
    /// much later. A child that writes a file does not wait for it; one that sends through it does.
    pub(super) fn stall_copy(&mut self, replica: NodeId, hangs: bool, cx: &mut Cx) {
        let Link::Receiving(copying) = self.replication[replica].link else {
            unreachable!("only a replica that receives waits for its source");
        };
        let copying = if hangs {
            Copying {
                stalled: Some(cx.now),
                ..copying
            }
        } else {
            let since = copying.stalled.expect("it was stalled");
            let sends = if self.redis.sync.diskless {
                since
            } else {
                since.max(copying.saved)
            };
            Copying {
                ends: copying.ends.saturating_add(cx.now.saturating_since(sends)),
                stalled: None,
                ..copying
            }
        };
        self.set_stream(replica, Link::Receiving(copying), cx);
    }

    /// A replica has received everything: it frees what it had, and loads. It answers nobody, not
    /// even the bus, while it frees (replication.c: readSyncBulkPayload calls emptyData), unless a
    /// thread of its own does that (`replica-lazy-flush`).
    pub(super) fn received(&mut self, replica: NodeId, copying: Copying, cx: &mut Cx) {
        let source = self.replication[replica].follows.unwrap_or(replica);
        let bytes = self.bytes_held(source, copying.began);
        let keys = self.dataset.growth.keys(bytes);
        let old = self.dataset.growth.keys(self.bytes_held(replica, cx.now));
        let stages = Stages::new(&self.redis.sync, bytes, keys, 1, old);
        let ends = cx.now + stages.flush + stages.load;
        self.set_stream(replica, Link::Loading(Copying { ends, ..copying }), cx);
        self.drain(cx);
        self.free_data(replica, stages.flush, cx);
    }

    /// A node's thread frees data for so long.
    pub(super) fn free_data(&mut self, node: NodeId, lasts: SimDuration, cx: &mut Cx) {
        if lasts > SimDuration::ZERO {
            let until = cx.now + lasts;
            self.change(node, Change::Freeing(Some((lasts, until))), cx);
            self.drain(cx);
            self.after(lasts, ClusterTimer::Freed(node), cx);
        }
    }

    /// A node has freed data, unless its process is another one by now.
    pub(super) fn on_freed(&mut self, node: NodeId, cx: &mut Cx) {
        let freeing = self.topology[node].freeing;
        if freeing.is_some_and(|(_, until)| until == cx.now) {
            self.change(node, Change::Freeing(None), cx);
        }
    }

    /// A replica has loaded everything: its link is up, and what was held for it comes.
    pub(super) fn loaded(
        &mut self,
        replica: NodeId,
        source: NodeId,
        copying: Copying,
        cx: &mut Cx,
    ) {
        self.note_offset(source, cx.now);
        let history = self.replication[source].lineage.position().history;
        let node = &mut self.replication[replica];
        node.lineage.copy(history, copying.offset);
        node.positioned = true;
        node.covered = copying.began;
        self.topology[replica].restored = None;
        self.persistence.disks[replica].keep(copying.began);
        self.note_saves(replica, cx.now);
        self.freshen(replica, cx);
        let Node {
            memory,
            lacks_until,
            ..
        } = self.topology[source];
        let copy = &mut self.topology[replica];
        copy.memory = copy.memory.without(memory.gone()).evicted_as(&memory);
        copy.lacks_until = lacks_until;
        if copying.cut_off {
            // It was connected for a moment.
            let link = ReplicaLink::Down { since: cx.now };
            let (why, closed_at) = (DisconnectCause::Gone, Some(cx.now));
            self.then([
                Consequence::Report { replica, link },
                Consequence::Disconnect {
                    replica,
                    why,
                    closed_at,
                },
            ]);
            return;
        }
        let held = self.held_for(replica, source, cx.now);
        // The source may hang by now.
        self.then([Consequence::Reconsider(replica)]);
        self.catch_up(replica, held, cx);
    }

    /// The source holds more for a replica than it may, and ends the connection.
    pub(super) fn cut_off(&mut self, replica: NodeId, source: NodeId, cx: &mut Cx) {
        cx.ledger.trace(cx.now, || {
            let [of, by] = [replica, source].map(|node| self.node_name(node));
            format!("{by}: disconnects {of}, its output buffer limit is exceeded")
        });
        match self.replication[replica].link {
            Link::Loading(copying) => {
                let cut_off = true;
                let link = Link::Loading(Copying { cut_off, ..copying });
                self.set_stream(replica, link, cx);
            }
            Link::Down { .. } => self.close_connection(replica, cx),
            Link::None
            | Link::Streaming
            | Link::Waiting { .. }
            | Link::Receiving(_)
            | Link::CatchingUp { .. } => {
                self.disconnect(replica, DisconnectCause::Gone, Some(cx.now), cx);
            }
        }
    }

    /// A replica applies what was held for it; writes go on arriving meanwhile.
    pub(super) fn catch_up(&mut self, replica: NodeId, held: u64, cx: &mut Cx) {
        let takes = self.applies_in(self.topology[replica].shard, held);
        let link = Link::CatchingUp {
            from: self.replication[replica].covered,
            began: cx.now,
            ends: cx.now + takes,
        };
        let up = ReplicaLink::Up;
        self.then([
            Consequence::SetStream { replica, link },
            Consequence::Report { replica, link: up },
        ]);
    }

    /// How long a node of a shard takes for so many bytes of its stream.
    pub(super) fn applies_in(&self, shard: ShardId, held: u64) -> SimDuration {
        let writes = held as f64 / self.replication.write_size.max(1.0);
        let busy = self.clients.commands.1
            * self.topology.shares[shard]
            * self.redis.command_time.as_secs_f64();
        // A replica that could not keep up would belong to a primary that could not either.
        let spare = (1.0 - busy).max(0.01);
        let apply = writes * self.redis.command_time.as_secs_f64() / spare;
        let arrive = held as f64 / self.redis.sync.network.get();
        SimDuration::from_secs_f64(apply.max(arrive))
    }
}
