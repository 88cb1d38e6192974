//! Readiness: who gets new connections through a Service.
//!
//! ```text
//!  starts ──► probe passes, `passes` in a row ──► ready ──► fails, `fails` in a row ──► not ready
//!              clients come back                             those that are connected stay;
//!                                                            who is not, is refused
//! ```
//!
//! A node that is not ready is out of the endpoints of its Service: the Service's address refuses
//! connections, and a headless one's name does not resolve. It concerns clients that dial such a
//! name (modes `address` and `dns`), and those only as far as they have no connection: after their
//! node's process has died, after their servers were restarted, or once a command has timed out on
//! every connection. Others learn addresses from Redis itself, or from a proxy's own check.
//!
//! A probe is simulated only while it may change something.
//!
//! Source: Kubernetes' documentation, "Configure Liveness, Readiness and Startup Probes" and
//! "Virtual IPs and Service Proxies"; kubelet, `prober/worker.go` (not ready until the first
//! success; nothing is asked before the startup probe has passed). Left out: the time until every
//! host's proxy and DNS cache has learnt of a change; a host that is lost (Kubernetes takes its
//! nodes out after some 40 s); `publishNotReadyAddresses`, with which readiness decides nothing.

use sim::{SimDuration, SimTime};

use super::super::Cluster;
use super::Supervisors;
use crate::event::{ClusterTimer, Cx, ReadinessTurn};
use crate::ids::{NodeId, ViewId};
use crate::redis::capability::{Condition, Reply};
use crate::spec::supervisor::{NodeProbeSpec, ReadinessSpec};

/// What the supervisor of a node knows of its readiness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    is_ready: bool,
    /// Probes in a row that said otherwise.
    otherwise: u32,
    /// Is a probe planned or under way?
    awake: bool,
}

impl Readiness {
    /// A process that has run for long.
    pub const AT_REST: Readiness = Readiness {
        is_ready: true,
        ..Readiness::NEW
    };

    /// A process that has just started, or is gone.
    pub const NEW: Readiness = Readiness {
        is_ready: false,
        otherwise: 0,
        awake: false,
    };
}

impl Supervisors {
    fn readiness(&self) -> Option<(ReadinessSpec, NodeProbeSpec)> {
        let spec = self.spec?.readiness?;
        Some((spec, spec.probe()))
    }

    fn is_ready(&self, node: NodeId) -> bool {
        self.readiness().is_none() || self.nodes[node].readiness.is_ready
    }

    /// A larger node takes the place of this one, and is ready.
    pub fn replace(&mut self, node: NodeId) {
        self.nodes[node].readiness.is_ready = true;
        self.nodes[node].readiness.otherwise = 0;
    }
}

impl Cluster {
    /// Can clients of this view make no connection to a node, because it is not ready?
    pub(in crate::cluster) fn is_barred(&self, view: ViewId, node: NodeId) -> bool {
        let following = &self.clients.views[view].following;
        following.by_service.is_some() && !self.supervisors.is_ready(node)
    }

    /// A process does something else: its next readiness probe may say otherwise.
    pub(in crate::cluster) fn watch_readiness(&mut self, node: NodeId, cx: &mut Cx) {
        let Some((_, probe)) = self.supervisors.readiness() else {
            return;
        };
        match self.condition(node) {
            Condition::Killed => {
                self.supervisors.nodes[node].readiness = Readiness::NEW;
                return;
            }
            Condition::HostLost => return,
            _ => {}
        }
        self.plan_shut_out(node, cx);
        let Readiness {
            is_ready,
            otherwise,
            awake,
        } = self.supervisors.nodes[node].readiness;
        let settled = otherwise == 0 && self.passes(node, probe) == Some(is_ready);
        if !awake && !settled {
            self.plan_readiness(node, probe, cx);
        }
    }

    fn plan_readiness(&mut self, node: NodeId, probe: NodeProbeSpec, cx: &mut Cx) {
        let of = &mut self.supervisors.nodes[node];
        of.readiness.awake = true;
        let at = of.next(probe, cx.now);
        if at < cx.end {
            self.turn_in(at - cx.now, node, ReadinessTurn::Asks, cx);
        }
    }

    fn turn_in(&self, after: SimDuration, node: NodeId, turn: ReadinessTurn, cx: &mut Cx) {
        let process = self.supervisors.nodes[node].process;
        let node = (node, process);
        self.after(after, ClusterTimer::Readiness { node, turn }, cx);
    }

    /// A process is asked whether it is ready, has had its time to answer, or its clients have.
    pub(in crate::cluster) fn on_readiness(
        &mut self,
        (node, process): (NodeId, u32),
        turn: ReadinessTurn,
        cx: &mut Cx,
    ) {
        let Some((_, probe)) = self.supervisors.readiness() else {
            return;
        };
        let of = &self.supervisors.nodes[node];
        if of.process != process || self.has_no_process(node) {
            return;
        }
        let started = of.passed;
        match (turn, self.passes(node, probe)) {
            (ReadinessTurn::ShutsOut(view), _) => self.on_times_out(view, node, cx),
            (ReadinessTurn::Asks, _) if !started => self.plan_readiness(node, probe, cx),
            (ReadinessTurn::Asks, Some(passed)) => self.found_ready(node, passed, cx),
            (ReadinessTurn::Asks, None) => {
                self.turn_in(probe.timeout, node, ReadinessTurn::TimesOut, cx);
            }
            (ReadinessTurn::TimesOut, passed) => self.found_ready(node, passed == Some(true), cx),
        }
    }

    fn found_ready(&mut self, node: NodeId, passed: bool, cx: &mut Cx) {
        let Some((spec, probe)) = self.supervisors.readiness() else {
            return;
        };
        let of = &mut self.supervisors.nodes[node].readiness;
        of.awake = false;
        of.otherwise = match passed == of.is_ready {
            true => 0,
            false => of.otherwise + 1,
        };
        let needed = if passed { spec.passes() } else { probe.fails };
        if of.otherwise >= needed {
            (of.is_ready, of.otherwise) = (passed, 0);
            cx.ledger.trace(cx.now, || {
                let what = match passed {
                    true => "is ready, gets new connections",
                    false => "fails its readiness probe, gets no new connections",
                };
                format!("{}: {what}", self.node_name(node))
            });
            if passed {
                self.let_in(node, cx);
            }
        }
        self.watch_readiness(node, cx);
    }

    /// A node that is not ready is silent: plans when commands have timed out on all connections
    /// of those clients that close them then. They are in step: the first time out together, those
    /// that take their place until the node is out of the Service next, and so on.
    fn plan_shut_out(&mut self, node: NodeId, cx: &mut Cx) {
        for view in self.clients.that_know(node) {
            let (Some(since), Some(timeout)) = (self.silent(node), self.closes_after(view)) else {
                continue;
            };
            if self.is_barred(view, node) {
                let silent = (cx.now - since).as_nanos();
                let rounds = silent.div_ceil(timeout.as_nanos().max(1)).max(1);
                let at = since.saturating_add(timeout * rounds);
                self.turn_in(at - cx.now, node, ReadinessTurn::ShutsOut(view), cx);
            }
        }
    }

    /// Since when it answers nobody.
    fn silent(&self, node: NodeId) -> Option<SimTime> {
        let since = self.topology[node].silent_since;
        since.filter(|_| self.seen(node).writes == Reply::Silence)
    }

    fn closes_after(&self, view: ViewId) -> Option<SimDuration> {
        self.clients.views[view].following.by_service?.closes_after
    }

    /// Commands have timed out on all connections of a view, if the silence is the same.
    fn on_times_out(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        let (Some(since), Some(timeout)) = (self.silent(node), self.closes_after(view)) else {
            return;
        };
        let knows = self.clients.that_know(node).contains(&view);
        if knows && self.is_barred(view, node) && since.saturating_add(timeout) <= cx.now {
            self.shut_out(view, node, cx);
        }
    }

    /// The connections to a node that is not ready were closed.
    pub(in crate::cluster) fn shut_out_closed(&mut self, node: NodeId, cx: &mut Cx) {
        for view in self.clients.that_use(node) {
            let connected = &self.clients.connected[view][node];
            let closed = connected.closed.is_some() && !connected.shut_out;
            if closed && self.is_barred(view, node) {
                self.shut_out(view, node, cx);
            }
        }
    }

    /// Clients have no connection to the node that they use, and get none until it is ready.
    pub(in crate::cluster) fn shut_out(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        self.leave(view, node, cx);
        self.clients.close(view, node, cx.now);
        let connected = &mut self.clients.connected[view][node];
        (connected.away, connected.shut_out) = (false, true);
        self.clients.set_loaded(view, node, false);
        self.take_writes(self.topology[node].shard, cx.now);
    }

    /// A node is ready: those that wait for it come at their next attempt.
    fn let_in(&mut self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        for view in self.clients.ids() {
            let following = &self.clients.views[view].following;
            let (by_service, reconnect) = (following.by_service, following.reconnect);
            if by_service.is_none() {
                continue;
            }
            if !self.clients.connected[view][node].shut_out {
                self.let_others_in(view, node, cx);
                continue;
            }
            let connected = &mut self.clients.connected[view][node];
            connected.shut_out = false;
            let mut after = SimDuration::ZERO;
            if let (Some(reconnect), Some(closed)) = (reconnect, connected.closed) {
                connected.away = true;
                after = reconnect.next(closed, cx.now) - cx.now;
                self.after(after, ClusterTimer::Follow { view, shard, node }, cx);
            } else {
                connected.closed = None;
                self.come(view, node, cx);
                self.take_writes(shard, cx.now);
            }
            let ramped = after + self.redis.reconnect_ramp;
            self.after(ramped, ClusterTimer::Ramped { view, node }, cx);
        }
    }

    /// Some of a view's connections were open all the time, and others were to be made meanwhile.
    fn let_others_in(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        if self.accepting.counts {
            let wanted = self.clients.views[view].connections;
            let connections = self.clients.connected[view][node].connections;
            self.on_arrive(view, node, connections.still_away(wanted), 0, cx);
            self.on_arrive(view, node, connections.pausing, 1, cx);
        }
    }
}
