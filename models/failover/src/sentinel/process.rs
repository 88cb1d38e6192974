//! What happens to the processes: they stop, go on, die, start again, are cut off.
//!
//! A hung Sentinel runs no timer; its kernel queues what arrives, which it reads first when it goes
//! on, before the overdue timer puts it into tilt (rule S11). A restarted one remembers what
//! `sentinel.conf` does: epochs, the primary, who else there is; not its opinions, its last attempt
//! or its last vote. A data node that starts again has a new run id. Sources:
//! `sentinelHandleConfiguration`, `rewriteConfigSentinelOption`, `initSentinel` in
//! `src/sentinel.c`, `aeProcessEvents` in `src/ae.c`, Redis 7.0.15.

use sim::SimTime;

use super::effect::{ManualFailoverError, NodeTruth, Process};
use super::ids::{Node, Party, Sentinel};
use super::ticks::{FIRST_TIMER, Ms, Ticks, ms_of};
use super::watcher::{Failover, Instance, Kind, Watcher};
use super::{SentinelEffects, SentinelGroup};

impl SentinelGroup {
    /// Tells the truth about a data node from now on. From `Dead` or `Lost` it restarts.
    pub fn set_node(
        &mut self,
        now: SimTime,
        node: Node,
        truth: NodeTruth,
        out: &mut SentinelEffects,
    ) {
        let inside = truth.shifted(self.clock_offset);
        let old = self.nodes[node.index()].truth;
        if old == inside {
            return;
        }
        self.wake(now, out);
        let party = Party::Node(node);
        self.network.set_lost(party, truth.process == Process::Lost);
        let key = self.key;
        let data = &mut self.nodes[node.index()];
        data.truth = inside;
        match (old.process.exists(), truth.process.exists()) {
            (true, false) => {
                data.inbox.clear();
                data.subscribers.clear();
                self.end_connections_to(party);
            }
            (false, true) => data.become_incarnation(node, data.incarnation + 1, key),
            (true, true) | (false, false) => {}
        }
        if truth.process == Process::Running {
            self.read_inbox(node, out);
        }
    }

    /// Kills a node's process, if there is one, and starts a new one of which `truth` holds.
    pub fn restart_node(
        &mut self,
        now: SimTime,
        node: Node,
        truth: NodeTruth,
        out: &mut SentinelEffects,
    ) {
        let dead = NodeTruth {
            process: Process::Dead,
            ..self.node_truth(node)
        };
        self.set_node(now, node, dead, out);
        self.set_node(now, node, truth, out);
    }

    /// Tells what a Sentinel's process does from now on. From `Dead` or `Lost` it restarts.
    pub fn set_sentinel(
        &mut self,
        now: SimTime,
        sentinel: Sentinel,
        process: Process,
        out: &mut SentinelEffects,
    ) {
        let old = self.watchers[sentinel.index()].process;
        if old == process {
            return;
        }
        self.wake(now, out);
        let party = Party::Sentinel(sentinel);
        self.network.set_lost(party, process == Process::Lost);
        let watcher = &mut self.watchers[sentinel.index()];
        watcher.process = process;
        watcher.planned = SimTime::MAX;
        match (old.exists(), process.exists()) {
            (true, false) => {
                watcher.inbox.clear();
                self.drop_connections_of(sentinel);
                self.end_connections_to(party);
            }
            (false, true) => {
                self.start(sentinel);
                self.watchers[sentinel.index()].process = process;
            }
            (true, true) | (false, false) => {}
        }
        if old == Process::Hung && process == Process::Running {
            let queued = std::mem::take(&mut self.watchers[sentinel.index()].inbox);
            self.act(sentinel, out, |watcher, cx| {
                for (conn, what) in queued {
                    watcher.receive(conn, what, cx);
                }
            });
        }
    }

    /// Cuts or restores the path from one party to another, in this direction only.
    pub fn set_reachable(
        &mut self,
        now: SimTime,
        from: impl Into<Party>,
        to: impl Into<Party>,
        reachable: bool,
        out: &mut SentinelEffects,
    ) {
        let (from, to) = (from.into(), to.into());
        if self.network.has_cut(from, to) != reachable {
            return;
        }
        self.wake(now, out);
        self.network.set_cut(from, to, !reachable);
    }

    /// `SENTINEL FAILOVER`, given to `sentinel`: it needs no votes and no quorum.
    pub fn manual_failover(
        &mut self,
        now: SimTime,
        sentinel: Sentinel,
        out: &mut SentinelEffects,
    ) -> Result<(), ManualFailoverError> {
        if self.watchers[sentinel.index()].process != Process::Running {
            return Err(ManualFailoverError::NotRunning);
        }
        self.wake(now, out);
        self.act(sentinel, out, |watcher, cx| {
            if watcher.failover.in_progress {
                return Err(ManualFailoverError::InProgress);
            }
            if watcher.best_replica(cx).is_none() {
                return Err(ManualFailoverError::NoGoodReplica);
            }
            watcher.start_failover(cx);
            watcher.failover.forced = true;
            Ok(())
        })
    }

    /// A process is gone: its connections are reset, unless its host went with it.
    fn end_connections_to(&mut self, peer: Party) {
        let latency = self.spec.latency;
        for conn in self.connections_to(peer) {
            self.network.reset(conn, latency);
        }
    }

    /// A Sentinel's own connections end with its process.
    fn drop_connections_of(&mut self, sentinel: Sentinel) {
        for node in &mut self.nodes {
            node.subscribers.retain(|conn| conn.owner != sentinel);
        }
        let watcher = &mut self.watchers[sentinel.index()];
        for instance in watcher.instances_mut() {
            instance.link.cc = None;
            instance.link.pc = None;
        }
    }

    /// A new process with the old one's `sentinel.conf`.
    pub(super) fn start(&mut self, sentinel: Sentinel) {
        let now = self.network.now();
        let ms = ms_of(now);
        let watcher = &mut self.watchers[sentinel.index()];
        watcher.process = Process::Running;
        watcher.become_incarnation(watcher.incarnation + 1, self.key);
        watcher.begin(ms);
        let lateness = watcher.lateness_rng(self.key);
        watcher.ticks = Ticks::starting(now + FIRST_TIMER, lateness);
        watcher.planned = SimTime::MAX;
        self.plan_timer(sentinel);
    }
}

impl Watcher {
    /// Forgets all but what is in `sentinel.conf`, which holds the promoted replica for the primary
    /// as soon as it was seen as one.
    fn begin(&mut self, ms: Ms) {
        let (old, new) = (self.primary.node(), self.current_primary());
        self.previous_time = ms;
        self.tilt = false;
        self.odown = false;
        self.leader = None;
        self.failover = Failover::NEVER;
        self.primary = Instance::new(Party::Node(new), Kind::Primary, ms);
        let replicas: Vec<Node> = self.replicas.drain(..).map(|r| r.node()).collect();
        let peers: Vec<Sentinel> = self.peers.drain(..).map(|p| p.sentinel()).collect();
        for node in replicas {
            self.add_replica(if node == new { old } else { node }, ms);
        }
        for sentinel in peers {
            self.add_peer(sentinel, ms);
        }
    }
}
