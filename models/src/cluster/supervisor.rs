//! The supervisor of each node's process: probes that kill it, and waits before it starts again.
//!
//! ```text
//!  starts ──► startup probe passes ──► liveness probe passes … fails, 3 in a row ──► killed
//!    ▲            │ fails, too often                                                   │
//!    └────────────┴──────────── restart_delay, and longer each time ◄──────────────────┘
//! ```
//!
//! A probe is a PING over loopback. It is simulated only while it may fail: from a change of the
//! process that PING shows until one passes. A pause that ends within the timeout passes.
//!
//! Source: Kubernetes' kubelet, `prober/worker.go` (a random phase, runs of failures, startup
//! before liveness), `kuberuntime_manager.go` (back-off). Left out: a probe process that cannot be
//! started because its host is short of memory. What a readiness probe does is in `readiness.rs`.

mod readiness;

use rand::RngExt;
use sim::{SimDuration, SimTime, StreamKey};

use super::Cluster;
use super::node::Change;
use super::save::CRON;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, Id, NodeId};
use crate::redis::capability::{Condition, Reply};
use crate::spec::supervisor::{NodeProbeSpec, SupervisorSpec};
use demand::answer::Cause;
use readiness::Readiness;

/// Phases draw from this child of the key of saves.
const PHASES: u64 = u64::MAX - 2;

/// The supervisors of a cluster's nodes.
#[derive(Clone, Debug)]
pub(super) struct Supervisors {
    spec: Option<SupervisorSpec>,
    nodes: Fleet<NodeId, Supervised>,
    key: StreamKey,
}

/// What one of them knows of its process.
#[derive(Clone, Copy, Debug)]
struct Supervised {
    /// Which process it is, counted from 0.
    process: u32,
    started: SimTime,
    /// Where its probes stand within their interval, as a share of it.
    phase: f64,
    /// It has passed its startup probe, if there is one.
    passed: bool,
    fails: u32,
    /// Is a probe planned or under way?
    awake: bool,
    /// It got SIGTERM, and stops as soon as it can.
    stopping: bool,
    /// Restarts that followed one another.
    restarts: u32,
    readiness: Readiness,
}

impl Supervised {
    /// The next time after `now` at which this probe asks its process.
    fn next(&self, probe: NodeProbeSpec, now: SimTime) -> SimTime {
        let first = self.started + probe.initial_delay + probe.every.scaled(self.phase);
        let passed = now.saturating_since(first).as_nanos() / probe.every.as_nanos();
        let at = first + probe.every * passed;
        match at <= now {
            true => at.saturating_add(probe.every),
            false => at,
        }
    }
}

impl Supervisors {
    /// All processes have passed long ago.
    pub fn new<T>(
        spec: Option<SupervisorSpec>,
        nodes: &Fleet<NodeId, T>,
        key: StreamKey,
    ) -> Supervisors {
        let supervised = Supervised {
            process: 0,
            started: SimTime::ZERO,
            phase: 0.0,
            passed: true,
            fails: 0,
            awake: false,
            stopping: false,
            restarts: 0,
            readiness: Readiness::AT_REST,
        };
        let mut all = Supervisors {
            spec,
            nodes: Fleet::alike(nodes, supervised),
            key: key.child(PHASES),
        };
        let ids: Vec<NodeId> = all.nodes.ids().collect();
        ids.into_iter().for_each(|node| all.draw_phase(node));
        all
    }

    fn draw_phase(&mut self, node: NodeId) {
        let process = u64::from(self.nodes[node].process);
        let mut rng = self.key.at(node.index() as u64, process);
        self.nodes[node].phase = rng.random::<f64>();
    }

    /// The probe that a process meets now.
    fn probe(&self, node: NodeId) -> Option<(&'static str, NodeProbeSpec)> {
        let spec = self.spec?;
        match (spec.startup, self.nodes[node].passed) {
            (Some(startup), false) => Some(("startup", startup)),
            _ => spec.liveness.map(|liveness| ("liveness", liveness)),
        }
    }

    /// A process starts.
    fn start(&mut self, node: NodeId, now: SimTime) {
        let startup = self.spec.is_some_and(|spec| spec.startup.is_some());
        let of = &mut self.nodes[node];
        (of.process, of.started, of.passed) = (of.process + 1, now, !startup);
        (of.fails, of.awake, of.stopping) = (0, false, false);
        of.readiness = Readiness::NEW;
        self.draw_phase(node);
    }

    /// How much longer than usual a process waits that has just gone.
    pub fn back_off(&mut self, node: NodeId, now: SimTime) -> SimDuration {
        let Some(spec) = self.spec.and_then(|spec| spec.back_off) else {
            return SimDuration::ZERO;
        };
        let of = &mut self.nodes[node];
        if now.saturating_since(of.started) >= spec.reset_after {
            of.restarts = 0;
        }
        let waits = match of.restarts {
            0 => SimDuration::ZERO,
            before => spec.most.min(spec.first * (1 << (before - 1).min(30))),
        };
        of.restarts += 1;
        waits
    }
}

impl Cluster {
    /// A process is about to start.
    pub(super) fn note_start(&mut self, node: NodeId, now: SimTime) {
        self.supervisors.start(node, now);
    }

    /// A process does something else: its next probe may fail, or be the first that passes.
    pub(super) fn watch_process(&mut self, node: NodeId, cx: &mut Cx) {
        let Supervised {
            stopping, process, ..
        } = self.supervisors.nodes[node];
        if stopping {
            // It looks ten times a second (server.c: serverCron).
            self.after(CRON, ClusterTimer::Stops { node, process }, cx);
            return;
        }
        let Some((_, probe)) = self.supervisors.probe(node) else {
            return;
        };
        let gone = self.has_no_process(node);
        let of = &self.supervisors.nodes[node];
        let settled = of.passed && of.fails == 0 && self.passes(node, probe) == Some(true);
        if gone || of.awake || settled {
            return;
        }
        self.plan_probe(node, probe, cx);
    }

    fn plan_probe(&mut self, node: NodeId, probe: NodeProbeSpec, cx: &mut Cx) {
        let of = &mut self.supervisors.nodes[node];
        of.awake = true;
        let (at, process) = (of.next(probe, cx.now), of.process);
        if at < cx.end {
            self.after(at - cx.now, ClusterTimer::Probes { node, process }, cx);
        }
    }

    /// Is there no process that could be asked?
    pub(super) fn has_no_process(&self, node: NodeId) -> bool {
        matches!(
            self.condition(node),
            Condition::Killed | Condition::HostLost
        )
    }

    /// Does PING pass now? `None` while there is no answer.
    fn passes(&self, node: NodeId, probe: NodeProbeSpec) -> Option<bool> {
        match self.capabilities(node).ping {
            Reply::Fine => Some(true),
            Reply::Error(Cause::Loading) => Some(probe.passes_loading),
            Reply::Error(_) => Some(false),
            Reply::Silence => None,
        }
    }

    /// A node is asked.
    pub(super) fn on_probe(&mut self, node: NodeId, process: u32, cx: &mut Cx) {
        let Some((_, probe)) = self.supervisors.probe(node) else {
            return;
        };
        if self.supervisors.nodes[node].process != process {
            return;
        }
        match self.passes(node, probe) {
            Some(passed) => self.probed(node, passed, cx),
            None => {
                let timer = ClusterTimer::ProbeTimesOut { node, process };
                self.after(probe.timeout, timer, cx);
            }
        }
    }

    /// A probe that had no answer at once has one by now, or fails.
    pub(super) fn on_no_answer(&mut self, node: NodeId, process: u32, cx: &mut Cx) {
        let Some((_, probe)) = self.supervisors.probe(node) else {
            return;
        };
        if self.supervisors.nodes[node].process == process {
            let passed = self.passes(node, probe) == Some(true);
            self.probed(node, passed, cx);
        }
    }

    fn probed(&mut self, node: NodeId, passed: bool, cx: &mut Cx) {
        let Some((name, probe)) = self.supervisors.probe(node) else {
            return;
        };
        let gone = self.has_no_process(node);
        let of = &mut self.supervisors.nodes[node];
        of.awake = false;
        if gone || of.stopping {
            return;
        }
        if passed {
            (of.passed, of.fails) = (true, 0);
            self.watch_process(node, cx);
            return;
        }
        of.fails += 1;
        if of.fails < probe.fails {
            self.plan_probe(node, probe, cx);
            return;
        }
        let fails = of.fails;
        cx.ledger.trace(cx.now, || {
            let name_of = self.node_name(node);
            format!("{name_of}: fails its {name} probe {fails} times, is told to stop")
        });
        self.stop_process(node, cx);
    }

    /// Does a process stop if it is told to? Not while its thread is busy, nor while it runs a
    /// script, nor if it has save points and cannot save (server.c: prepareForShutdown).
    fn can_stop(&self, node: NodeId) -> bool {
        match self.capabilities(node).ping {
            Reply::Fine | Reply::Error(Cause::Loading) => true,
            Reply::Error(_) | Reply::Silence => false,
        }
    }

    /// A process that was told to stop may be able to.
    pub(super) fn on_stops(&mut self, node: NodeId, process: u32, cx: &mut Cx) {
        let same = self.supervisors.nodes[node].process == process;
        let lives = !self.has_no_process(node);
        if same && lives && self.can_stop(node) {
            self.shut_down(node);
            self.change(node, Change::Fault(Some(Condition::Killed)), cx);
            self.drain(cx);
        }
    }

    /// A process is told to stop: one that can does, and one that cannot is killed later.
    fn stop_process(&mut self, node: NodeId, cx: &mut Cx) {
        let process = self.supervisors.nodes[node].process;
        self.supervisors.nodes[node].stopping = true;
        if self.can_stop(node) {
            self.on_stops(node, process, cx);
        } else {
            let grace = self
                .supervisors
                .spec
                .map_or(SimDuration::ZERO, |spec| spec.grace());
            self.after(grace, ClusterTimer::GraceEnds { node, process }, cx);
        }
    }

    /// A process that was told to stop is killed, unless it has gone.
    pub(super) fn on_grace_ends(&mut self, node: NodeId, process: u32, cx: &mut Cx) {
        let same = self.supervisors.nodes[node].process == process;
        let lives = !self.has_no_process(node);
        if same && lives {
            self.change(node, Change::Fault(Some(Condition::Killed)), cx);
            self.drain(cx);
        }
    }
}
