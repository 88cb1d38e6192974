//! Commands that people send to nodes: which nodes execute them, and what they change.
//!
//! | a node | CONFIG SET | DEL |
//! | --- | --- | --- |
//! | healthy, or at `maxmemory` | yes | yes |
//! | its last save failed, too few replicas, or its cluster is down | yes | no |
//! | forks, or accepts connections | after that | after that |
//! | loads, stalls, hangs, is killed, or cannot be reached | no | no |
//!
//! DEL is a write that frees memory, so -OOM does not stop it (server.c: processCommand looks at
//! CMD_DENYOOM for that, and at CMD_WRITE for -MISCONF and -NOREPLICAS). Nothing is tried again
//! later: people see whether it has helped, and go on with their runbook.
//!
//! Left out: a node at `maxclients` refuses people as well; they are taken to get in at some try.

use sim::SimDuration;
use sim::quantity::{Bytes, Factor};

use super::node::Node;
use super::replication::Link;
use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ShardId};
use crate::redis::capability::Reply;
use crate::spec::service::Access;
use demand::answer::Cause;

/// An exbibyte: more than any buffer holds.
const ENDLESS: f64 = (1u64 << 60) as f64;

impl Cluster {
    /// Does a node execute commands, if not at once then after a pause?
    pub(super) fn executes(&self, node: NodeId) -> bool {
        let can = self.beneath(node).capabilities();
        self.topology.clients_reach(node) && can.reads == Reply::Fine
    }

    /// Does the shard's owner, as people know it, delete keys?
    pub(super) fn deletes(&self, shard: ShardId) -> bool {
        let known = self.known_owner(shard);
        let node = match self.redirects(known) {
            true => self.topology.owners[shard],
            false => known,
        };
        let refuses = match self.reply(node, Access::Write) {
            // It pauses, if it executes commands at all.
            Reply::Fine | Reply::Silence | Reply::Error(Cause::Oom) => false,
            Reply::Error(_) => true,
        };
        self.executes(node) && !refuses
    }

    /// `CONFIG SET` on every node that executes it.
    fn configure(&mut self, what: &str, set: impl Fn(&mut Node), cx: &mut Cx) {
        let (take, refuse): (Vec<NodeId>, Vec<NodeId>) =
            self.nodes().partition(|node| self.executes(*node));
        for node in &take {
            set(&mut self.topology[*node]);
        }
        if !take.is_empty() {
            cx.ledger
                .trace(cx.now, || format!("{} cluster: {what}", self.plan.name));
        }
        for node in refuse {
            cx.ledger.trace(cx.now, || {
                format!("{}: does not execute CONFIG SET", self.node_name(node))
            });
        }
    }

    /// `CONFIG SET maxmemory`; a node without a limit keeps none.
    pub fn raise_maxmemory(&mut self, to: Factor, cx: &mut Cx) {
        // How long saves take goes by what fits.
        self.note_all_saves(cx.now);
        let set = |node: &mut Node| node.memory.raise_maxmemory(to.get());
        self.configure("maxmemory is raised", set, cx);
        self.note_crowding(cx.now);
        self.settle(cx);
    }

    /// `CONFIG SET maxclients`: clients that were refused get in at their next attempt.
    pub fn raise_maxclients(&mut self, to: Factor, cx: &mut Cx) {
        let raised = |limit: u32| (f64::from(limit) * to.get()).floor() as u32;
        let set = |node: &mut Node| node.maxclients = raised(node.maxclients);
        self.configure("maxclients is raised", set, cx);
        if self.accepting.counts {
            self.nodes().for_each(|node| self.ask_again(node, cx));
        }
        self.settle(cx);
    }

    /// `CONFIG SET client-output-buffer-limit` for replicas; without a limit there is none to
    /// raise.
    pub fn raise_output_limit(&mut self, to: Factor, cx: &mut Cx) {
        // Raised again and again, it is soon none; a size has an end.
        let raised = |limit: Bytes| Bytes::from_f64((limit.as_f64() * to.get()).min(ENDLESS));
        let set = |node: &mut Node| {
            if let Some(limit) = &mut node.output_limit {
                limit.hard = raised(limit.hard);
                limit.soft = raised(limit.soft);
            }
        };
        self.configure("replicas' buffer limits are raised", set, cx);
        self.plan_streams(cx);
        self.settle(cx);
    }

    /// A share of a workload's keys is lost by mistake. One command deletes them on each shard, if
    /// `at_once`, and the threads of its owner and replicas free them (db.c: flushallCommand).
    pub fn flush(&mut self, workload: usize, (share, at_once): (f64, bool), cx: &mut Cx) {
        if !self.can_delete(cx) {
            return;
        }
        let place = self.dataset.place_of(workload);
        for (shard, keys) in self.delete(workload, share, cx) {
            self.dataset.evictions.note_lost(shard, place, keys);
            if at_once {
                let seconds = keys / self.redis.sync.flush_keys.get();
                let takes = SimDuration::from_secs_f64(seconds);
                let owner = self.topology.owners[shard];
                self.execute_flush(owner, takes, cx);
                // Its replicas are told once it is done.
                let timer = ClusterTimer::Flushed { owner, takes };
                self.after(takes + self.redis.latency, timer, cx);
            }
        }
        self.settle(cx);
    }

    /// A node frees what is flushed. Streams and clients do not notice a short pause.
    fn execute_flush(&mut self, node: NodeId, takes: SimDuration, cx: &mut Cx) {
        match takes < NOTICEABLE {
            true => self.free_data(node, takes, cx),
            false => self.stop_answering(node, takes, cx),
        }
    }

    /// A primary is done with a flush: those who copy it execute it too.
    pub(super) fn on_flushed(&mut self, owner: NodeId, takes: SimDuration, cx: &mut Cx) {
        for node in self.replication.followers(owner) {
            let copies = match self.replication[node].link {
                Link::Streaming | Link::CatchingUp { .. } => true,
                // What the connection holds is on its way.
                Link::Down { closed_at, .. } => closed_at.is_none(),
                Link::None | Link::Waiting { .. } | Link::Receiving(_) | Link::Loading(_) => false,
            };
            if copies {
                self.execute_flush(node, takes, cx);
            }
        }
    }

    /// Do the owners of all shards delete keys? One that does not is told of.
    pub(super) fn can_delete(&self, cx: &mut Cx) -> bool {
        let mut shards = self.topology.asked_shards();
        let stops = shards.find(|shard| !self.deletes(*shard));
        if let Some(shard) = stops {
            cx.ledger.trace(cx.now, || {
                let (name, node) = (&self.plan.name, self.node_name(self.known_owner(shard)));
                format!("{name} cluster: no keys are deleted, {node} does not execute DEL")
            });
        }
        stops.is_none()
    }

    /// Deletes keys, and says how many on which shard.
    pub(super) fn delete(
        &mut self,
        workload: usize,
        share: f64,
        cx: &mut Cx,
    ) -> Vec<(ShardId, f64)> {
        // Doublings and saves until now are those of all keys.
        self.settle_tables(self.dataset.growth.size_at(cx.now), cx);
        self.note_all_saves(cx.now);
        for shard in self.shards() {
            self.record_evictions(shard, cx.now);
        }
        let gone = self.dataset.delete(workload, share, cx.now);
        self.note_deleted(workload, share, cx.now);
        let deleted = self.forget_gone(workload, share, gone.keys);
        self.shrink_tables(cx.now);
        cx.ledger.trace(cx.now, || {
            let keys: f64 = deleted.iter().map(|(_, keys)| keys).sum();
            format!("{} cluster: {keys:.0} keys are deleted", self.plan.name)
        });
        self.settle(cx);
        deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::given;
    use crate::ids::Id;
    use crate::ledger::Ledger;
    use sim::{Agenda, SimTime};

    #[test]
    fn a_node_that_hangs_keeps_its_limit_and_the_others_get_theirs() {
        let mut tables = given::tables();
        tables.redis.maxmemory = Some("50%".parse().expect("a share"));
        let (mut agenda, mut ledger) = (Agenda::<Event>::new(), Ledger::new(false));
        let end = SimTime::ZERO + tables.horizon;
        let cx = &mut Cx::new(end, &mut agenda, &mut ledger);
        let mut cluster = tables.cluster();
        cluster.start(cx);
        let usage = |cluster: &Cluster| {
            [0, 1].map(|shard| cluster.usage(ShardId::from_index(shard), SimTime::ZERO))
        };
        let before = usage(&cluster);
        cluster.hang(NodeId::from_index(0), SimDuration::from_hours(1), cx);
        cluster.raise_maxmemory("1.1x".parse().expect("a factor"), cx);
        let after = usage(&cluster);
        assert_eq!(after[0], before[0]);
        assert!(
            (before[1] / after[1] - 1.1).abs() < 1e-9,
            "{after:?} of {before:?}"
        );
    }
}
