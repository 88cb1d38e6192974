//! Connections of clients to a node: who gets one, who waits for it, and who is refused.
//!
//! ```text
//!  clients come ──► queue ──► rounds of at most 1,000 handshakes ──► open
//!     ▲               │            │ the node is silent meanwhile
//!     │               │            └► beyond `maxclients`: refused, until a place is free
//!     └─ back-off ◄───┴ connect timeout
//! ```
//!
//! Rules F10 and F11: the event loop accepts up to 1,000 connections at a time (networking.c:
//! MAX_ACCEPTS_PER_CALL), does nothing else meanwhile, and counts all clients against `maxclients`
//! before the handshake (acceptCommonHandler). Measured with Redis 7.0.15 and TLS with RSA-2048 (2
//! ms on a busy machine): of 500, 1,500 and 3,000 connections at once, PING on an open connection
//! waited for 1.1 s, 2.0 s and up to 4.3 s. Newer releases accept fewer connections in a round.
//!
//! Nothing is simulated here connection by connection: groups of a view move together
//! (`backlog.rs`), a few events for each round. Where `maxclients` cannot be reached and a
//! handshake takes no time, connections are not counted and nothing here does anything.
//!
//! A client has its connection when its handshake is done (TLS 1.3); its first command waits for
//! the end of the round.
//!
//! Left out: what a refused attempt costs the node; a command timeout of the first commands on a
//! new connection.

use std::ops::Range;

use sim::{SimDuration, SimTime};

use super::backlog::{Group, Queue};
use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, NodeId, ViewId};
use crate::redis::capability::Condition;
use crate::spec::{RedisSpec, SystemSpec};

/// Equal parts of a service's connections of which requests can tell one from the other.
const PARTS: usize = 100;

/// Groups in which the clients of a cluster come while they reconnect.
pub(super) const GROUPS: usize = 20;

/// The connections of a view to one node. Those of none of these kinds have not come yet; requests
/// have others to go through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Connections {
    /// Have its clients begun to come?
    pub came: bool,
    pub open: u32,
    /// Waiting to be accepted.
    pub waiting: u32,
    /// Pausing until the next attempt.
    pub pausing: u32,
    pub refused: u32,
    /// Since when some are refused.
    pub refused_since: Option<SimTime>,
    /// Will those that are refused ask again?
    pub asks: bool,
    /// Is it still to be said that all are back?
    pub unsaid: bool,
}

/// What a part of a view's connections to a node meets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Connected,
    Waiting,
    Pausing,
    Refused,
}

impl Connections {
    /// What part `part` of `wanted` connections meets: those that are served come first.
    fn standing(&self, part: usize, wanted: u32) -> Standing {
        let [waiting_from, pausing_from, refused_from] = self.bounds(wanted);
        match part {
            _ if part < waiting_from => Standing::Connected,
            _ if part < pausing_from => Standing::Waiting,
            _ if part < refused_from => Standing::Pausing,
            _ => Standing::Refused,
        }
    }

    /// The parts from which on connections wait, pause and are refused: those whose middle lies
    /// beyond.
    fn bounds(&self, wanted: u32) -> [usize; 3] {
        let refused_from = wanted.saturating_sub(self.refused);
        let pausing_from = refused_from.saturating_sub(self.pausing);
        let waiting_from = pausing_from.saturating_sub(self.waiting);
        [waiting_from, pausing_from, refused_from].map(|connections| {
            let (connections, wanted) = (connections as usize, wanted as usize);
            match wanted {
                0 => PARTS,
                _ => (2 * PARTS * connections)
                    .saturating_sub(wanted)
                    .div_ceil(2 * wanted),
            }
        })
    }

    /// The share of its clients that can send commands.
    pub fn served(&self, wanted: u32) -> f64 {
        let without = self.waiting + self.pausing + self.refused;
        1.0 - f64::from(without.min(wanted)) / f64::from(wanted.max(1))
    }

    pub fn still_away(&self, wanted: u32) -> u32 {
        wanted.saturating_sub(self.open + self.waiting + self.pausing + self.refused)
    }
}

/// What limits and costs the connections of a cluster; they are not counted where nothing does.
#[derive(Clone, Debug)]
pub(super) struct Accepting {
    pub counts: bool,
    pub handshake: SimDuration,
    /// A silence that is shorter goes unnoticed.
    pub patience: SimDuration,
    /// Connections of a node that are not those of services: they are taken to be there first.
    pub others: u32,
    pub backlog: u32,
    pub queues: Fleet<NodeId, Queue>,
}

impl Accepting {
    pub fn new(spec: &SystemSpec, redis: &RedisSpec, nodes: usize) -> Accepting {
        let places = redis.client_places(spec.failover);
        let most = f64::from(redis.connections) * spec.connections_growth;
        let handshake = redis.handshake();
        Accepting {
            counts: handshake > SimDuration::ZERO || most > f64::from(places),
            handshake,
            patience: spec.patience,
            others: redis.other_clients(spec.failover),
            backlog: redis.tcp_backlog(),
            queues: (0..nodes).map(|_| Queue::default()).collect(),
        }
    }
}

/// Shares `total` out in proportion to `asked`, of which it is at most the sum; what does not
/// divide goes to the first.
pub(super) fn apportion(total: u32, asked: &[u32]) -> Vec<u32> {
    let sum: u64 = asked.iter().map(|asked| u64::from(*asked)).sum();
    let part = |asked: &u32| (u64::from(*asked) * u64::from(total) / sum.max(1)) as u32;
    let mut parts: Vec<u32> = asked.iter().map(part).collect();
    let mut left = total.saturating_sub(parts.iter().sum());
    for (part, asked) in parts.iter_mut().zip(asked) {
        if left > 0 && *part < *asked {
            (*part, left) = (*part + 1, left - 1);
        }
    }
    parts
}

impl Cluster {
    /// The number of parts of its connections of which requests can tell one from the other.
    pub fn connection_parts(&self) -> usize {
        match self.accepting.counts {
            true => PARTS,
            false => 1,
        }
    }

    /// The parts of a view's connections that meet the same on every shard, run by run.
    pub fn alike_parts(&self, view: ViewId) -> Vec<Range<usize>> {
        if !self.accepting.counts {
            return std::iter::once(0..self.connection_parts()).collect();
        }
        let mut starts = vec![0];
        let wanted = self.clients.views[view].connections;
        for shard in self.shards() {
            let node = self.clients.known_owner(&self.topology, view, shard);
            let connections = &self.clients.connected[view][node].connections;
            let bounds = connections.bounds(wanted).into_iter();
            starts.extend(bounds.filter(|bound| (1..PARTS).contains(bound)));
        }
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied();
        let ends = ends.chain([self.connection_parts()]);
        starts
            .iter()
            .copied()
            .zip(ends)
            .map(|(from, to)| from..to)
            .collect()
    }

    /// Can this node not accept one more connection?
    pub fn is_full(&self, node: NodeId) -> bool {
        self.accepting.counts && self.works(node) && self.free_places(node) == 0
    }

    /// What a part of the connections of a view meets at a node. A wait that is over within a
    /// second is noticed only at that instant.
    pub(super) fn standing(
        &self,
        view: ViewId,
        node: NodeId,
        part: usize,
        at_once: bool,
    ) -> Standing {
        if !self.accepting.counts {
            return Standing::Connected;
        }
        let wanted = self.clients.views[view].connections;
        let connections = &self.clients.connected[view][node].connections;
        match connections.standing(part, wanted) {
            Standing::Waiting if !at_once && !self.accepting.queues[node].long => {
                Standing::Connected
            }
            standing => standing,
        }
    }

    /// Places that are left on a node.
    pub(super) fn free_places(&self, node: NodeId) -> u32 {
        let open = |view| self.clients.connected[view][node].connections.open;
        let open: u32 = self.clients.ids().map(open).sum();
        let round = &self.accepting.queues[node].round;
        let coming: u32 = round.iter().filter(|g| !g.gone).map(|g| g.count).sum();
        let places = self.topology[node].maxclients;
        let places = places.saturating_sub(self.accepting.others);
        places.saturating_sub(open + coming)
    }

    /// Does a node accept connections, if it has time?
    pub(super) fn works(&self, node: NodeId) -> bool {
        match self.condition(node) {
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::Busy
            | Condition::LoadingCopy
            | Condition::Loading
            | Condition::Accepting => self.topology.clients_reach(node),
            Condition::Forking
            | Condition::Freeing
            | Condition::Stalled
            | Condition::Hung
            | Condition::Killed
            | Condition::HostLost => false,
        }
    }

    pub(super) fn connections(&mut self, view: ViewId, node: NodeId) -> &mut Connections {
        &mut self.clients.connected[view][node].connections
    }

    /// All clients are connected at the start, as far as there are places.
    pub(super) fn open_all(&mut self) {
        if !self.accepting.counts {
            return;
        }
        let owners: Vec<NodeId> = self.topology.owners.values().copied().collect();
        for node in owners {
            for view in self.clients.ids() {
                let wanted = self.clients.views[view].connections;
                self.connections(view, node).came = true;
                self.admit(view, node, wanted, SimTime::ZERO);
            }
        }
    }

    /// Clients of a view that has just found this node, or is back at it, connect.
    pub(super) fn come(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        if !self.accepting.counts || self.connections(view, node).came {
            return;
        }
        self.connections(view, node).came = true;
        let wanted = self.clients.views[view].connections;
        let ramp = self.redis.reconnect_ramp;
        let groups = (GROUPS / self.clients.views.len()).max(1);
        let groups = if ramp == SimDuration::ZERO { 1 } else { groups };
        let sizes = apportion(wanted, &vec![wanted; groups]);
        for (i, count) in sizes.into_iter().enumerate() {
            let after = ramp.scaled(i as f64 / groups as f64);
            let tries = 0;
            let timer = ClusterTimer::Arrive {
                view,
                node,
                count,
                tries,
            };
            match i {
                0 => self.on_arrive(view, node, count, tries, cx),
                _ => self.after(after, timer, cx),
            }
        }
    }

    /// The servers of a view are new: their connections to a node are made again.
    pub(super) fn come_again(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        if self.accepting.counts {
            self.leave(view, node, cx);
            self.come(view, node, cx);
        }
    }

    /// A view closes its connections to a node.
    pub(super) fn leave(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        if !self.accepting.counts {
            return;
        }
        *self.connections(view, node) = Connections::default();
        let queue = &mut self.accepting.queues[node];
        queue.latest.1.clear();
        queue.leave(view);
        self.ask_again(node, cx);
    }

    /// A node's process is gone, and all connections to it.
    pub(super) fn drop_connections(&mut self, node: NodeId) {
        if !self.accepting.counts {
            return;
        }
        for view in self.clients.ids() {
            *self.connections(view, node) = Connections::default();
        }
        self.accepting.queues[node].reset();
        self.topology[node].accepting = None;
    }

    /// Clients of a view try to connect to a node: those that have not come yet, or those that
    /// pause.
    pub(super) fn on_arrive(
        &mut self,
        view: ViewId,
        node: NodeId,
        count: u32,
        tries: u32,
        cx: &mut Cx,
    ) {
        let wanted = self.clients.views[view].connections;
        if !self.connections(view, node).came || self.is_barred(view, node) {
            return;
        }
        let connections = self.connections(view, node);
        let count = match tries {
            0 => count.min(connections.still_away(wanted)),
            _ => count.min(connections.pausing),
        };
        if tries > 0 {
            connections.pausing -= count;
        }
        if count == 0 {
            return;
        }
        let loads = self.condition(node) == Condition::Loading;
        if self.accepting.handshake == SimDuration::ZERO || loads {
            // A node that loads accepts connections now and then.
            self.admit(view, node, count, cx.now);
            self.trace_refused(node, cx);
            self.trace_back(node, cx);
            self.ask_again(node, cx);
            return;
        }
        self.connections(view, node).waiting += count;
        let handshake = self.accepting.handshake;
        let queue = &mut self.accepting.queues[node];
        let is_first = queue.come(Group::new(view, count, tries, cx.now));
        queue.long |= handshake * u64::from(queue.waiting()) >= NOTICEABLE;
        let timeout = self.clients.views[view].connect_timeout;
        if let (Some(timeout), true) = (timeout, is_first) {
            let since = cx.now;
            self.after(timeout, ClusterTimer::GiveUp { view, node, since }, cx);
        }
        self.look_at(node, cx.now, cx);
    }

    /// Plans a look at a node's queue. All arrivals of that instant belong to it, in whatever order
    /// they are handled.
    pub(super) fn look_at(&mut self, node: NodeId, at: SimTime, cx: &mut Cx) {
        let queue = &mut self.accepting.queues[node];
        if queue.is_idle() || queue.looks_at.is_some_and(|planned| planned <= at) {
            return;
        }
        queue.looks_at = Some(at);
        self.after(at - cx.now, ClusterTimer::Accept(node), cx);
    }

    /// Lets clients in, or refuses them, in no time: all that come at one instant alike.
    fn admit(&mut self, view: ViewId, node: NodeId, count: u32, now: SimTime) {
        let mut latest = match &mut self.accepting.queues[node].latest {
            (at, latest) if *at == now => std::mem::take(latest),
            _ => Vec::new(),
        };
        for (view, asked, let_in) in &latest {
            let connections = self.connections(*view, node);
            connections.open = connections.open.saturating_sub(*let_in);
            let refused = asked - let_in;
            connections.refused = connections.refused.saturating_sub(refused);
        }
        latest.push((view, count, 0));
        let asked: Vec<u32> = latest.iter().map(|(_, asked, _)| *asked).collect();
        let all = asked.iter().sum();
        let parts = apportion(self.free_places(node).min(all), &asked);
        for ((view, asked, let_in), part) in latest.iter_mut().zip(parts) {
            *let_in = part;
            let connections = self.connections(*view, node);
            connections.open += part;
            self.refuse(*view, node, *asked - part, now);
        }
        self.accepting.queues[node].latest = (now, latest);
    }

    /// Says how many connections a node refuses, if that has changed.
    pub(super) fn trace_refused(&mut self, node: NodeId, cx: &mut Cx) {
        let refused = |view| self.clients.connected[view][node].connections.refused;
        let refused: u32 = self.clients.ids().map(refused).sum();
        let said = std::mem::replace(&mut self.accepting.queues[node].said, refused);
        if said != refused {
            cx.ledger.trace(cx.now, || {
                let name = self.node_name(node);
                format!("{name}: {refused} connections are refused (maxclients)")
            });
        }
    }

    /// Says which views have all their clients back on a node, with their load.
    pub(super) fn trace_back(&mut self, node: NodeId, cx: &mut Cx) {
        let counts = self.accepting.counts;
        for view in self.clients.ids() {
            let wanted = self.clients.views[view].connections;
            let connections = self.connections(view, node);
            if !connections.unsaid || (counts && connections.open < wanted) {
                continue;
            }
            connections.unsaid = false;
            cx.ledger.trace(cx.now, || {
                let (who, node) = (self.clients.name(view), self.node_name(node));
                format!("{node}: all {who} have reconnected, with their buffers")
            });
        }
    }

    pub(super) fn refuse(&mut self, view: ViewId, node: NodeId, count: u32, now: SimTime) {
        let connections = self.connections(view, node);
        connections.refused += count;
        connections.refused_since = match connections.refused {
            0 => None,
            _ => connections.refused_since.or(Some(now)),
        };
    }
}
