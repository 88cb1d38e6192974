//! Connections of clients to a node: who gets one, who waits for it, and who is refused.
//!
//! ```text
//!  clients come ──► queue ──► rounds of at most 1,000 handshakes ──► open
//!     ▲               │            │ the node is silent meanwhile
//!     │               │            └► beyond `maxclients`: refused, until a place is free
//!     └─ back-off ◄───┴ connect timeout: what waits in the kernel is still worked on, in vain
//! ```
//!
//! Rules F10 and F11: the event loop accepts up to 1,000 connections at a time (networking.c:
//! MAX_ACCEPTS_PER_CALL), does nothing else meanwhile, and counts all clients against `maxclients`
//! before the handshake (acceptCommonHandler). Measured with Redis 7.0.15 and TLS with RSA-2048 (2
//! ms on a busy machine): of 500, 1,500 and 3,000 connections at once, PING on an open connection
//! waited for 1.1 s, 2.0 s and up to 4.3 s. Newer releases accept fewer connections in a round.
//!
//! Nothing is simulated here connection by connection: groups of a view move together, one event
//! for each round. Where `maxclients` cannot be reached and a handshake takes no time, nobody is
//! counted and nothing here does anything.
//!
//! A client has its connection when its handshake is done (TLS 1.3); its first command waits for
//! the end of the round.
//!
//! Left out: SYNs that the kernel drops come again after 1, 3, 7 s (here as soon as there is
//! room); what a refused attempt costs the node; back-off with jitter; a command timeout of the
//! first commands on a new connection.

use std::collections::{BTreeMap, VecDeque};

use sim::{SimDuration, SimTime};

use super::node::Change;
use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Fleet, NodeId, ViewId};
use crate::redis::capability::Condition;
use crate::spec::{RedisSpec, SystemSpec};

/// Connections that one round of the event loop accepts (networking.c: MAX_ACCEPTS_PER_CALL).
const PER_ROUND: u32 = 1_000;

/// Equal parts of a service's connections of which requests can tell one from the other.
const PARTS: usize = 100;

/// Groups in which the clients of a cluster come while they reconnect.
const GROUPS: usize = 20;

/// Between two rounds a node executes what has come in, for at least this long.
const GAP: SimDuration = SimDuration::from_millis(1);

/// The connections of a view to one node. Those of none of these kinds have not come yet; requests
/// have others to go through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Connections {
    /// Have its clients begun to come?
    came: bool,
    open: u32,
    /// Waiting to be accepted.
    waiting: u32,
    /// Pausing until the next attempt.
    pausing: u32,
    refused: u32,
    /// Since when some are refused.
    refused_since: Option<SimTime>,
    /// Will those that are refused ask again?
    asks: bool,
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
        let place = (part as f64 + 0.5) / PARTS as f64 * f64::from(wanted.max(1));
        let refused_from = f64::from(wanted.saturating_sub(self.refused));
        let pausing_from = refused_from - f64::from(self.pausing);
        let waiting_from = pausing_from - f64::from(self.waiting);
        match place {
            _ if place < waiting_from => Standing::Connected,
            _ if place < pausing_from => Standing::Waiting,
            _ if place < refused_from => Standing::Pausing,
            _ => Standing::Refused,
        }
    }

    /// The share of its clients that can send commands.
    pub fn served(&self, wanted: u32) -> f64 {
        let without = self.waiting + self.pausing + self.refused;
        1.0 - f64::from(without.min(wanted)) / f64::from(wanted.max(1))
    }

    fn to_come(&self, wanted: u32) -> u32 {
        wanted.saturating_sub(self.open + self.waiting + self.pausing + self.refused)
    }
}

/// Clients of a view that came together.
#[derive(Clone, Copy, Debug)]
struct Group {
    view: ViewId,
    count: u32,
    since: SimTime,
    tries: u32,
    /// They have given up; the kernel holds their connections all the same.
    gone: bool,
    /// Handshakes before theirs in their round.
    behind: u32,
}

impl Group {
    /// How many of them have had their handshakes at `now`, in a round that began at `began`.
    fn done(&self, began: SimTime, now: SimTime, handshake: SimDuration) -> u32 {
        let handshakes = (now - began).as_nanos() / handshake.as_nanos().max(1);
        let of_these = handshakes.saturating_sub(u64::from(self.behind));
        of_these.min(u64::from(self.count)) as u32
    }
}

/// Who waits for a node to accept them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Group>,
    round: Vec<Group>,
    /// When the round began.
    began: SimTime,
    /// The round's number; the end of an abandoned one says nothing.
    rounds: u32,
    /// Is the next round planned?
    called: bool,
    /// Has the work at hand taken a second or more?
    long: bool,
    /// Connections that it refused, as the trace said last.
    said: u32,
    /// Who came at this very instant to a node that accepts in no time: asked, and let in.
    latest: (SimTime, Vec<(ViewId, u32, u32)>),
}

impl Queue {
    /// More clients wait; those alike who came at the same instant are one group.
    fn push(&mut self, group: Group) {
        let alike = |other: &&mut Group| {
            (other.view, other.since, other.tries) == (group.view, group.since, group.tries)
                && !other.gone
        };
        match self.waiting.iter_mut().rev().find(alike) {
            Some(other) => other.count += group.count,
            None => self.waiting.push_back(group),
        }
    }

    /// Clients that came then give up, wherever they are: how many, by their attempts.
    fn give_up(
        &mut self,
        (view, since): (ViewId, SimTime),
        now: SimTime,
        handshake: SimDuration,
    ) -> BTreeMap<u32, u32> {
        let gives_up = |group: &Group| group.view == view && group.since == since && !group.gone;
        let mut gave_up = BTreeMap::new();
        for group in self.waiting.iter_mut().filter(|group| gives_up(group)) {
            group.gone = true;
            *gave_up.entry(group.tries).or_default() += group.count;
        }
        for i in 0..self.round.len() {
            let group = self.round[i];
            let done = group.done(self.began, now, handshake);
            let count = group.count - done;
            if !gives_up(&group) || count == 0 {
                continue;
            }
            self.round[i].count = done;
            self.round.push(Group {
                count,
                gone: true,
                behind: group.behind + done,
                ..group
            });
            *gave_up.entry(group.tries).or_default() += count;
        }
        gave_up
    }
}

/// What limits and costs the connections of a cluster; nobody is counted where nothing does.
#[derive(Clone, Debug)]
pub(super) struct Accepting {
    pub counts: bool,
    handshake: SimDuration,
    /// A silence that is shorter is noticed by nobody.
    patience: SimDuration,
    /// Places for clients of services on a node.
    pub places: u32,
    backlog: u32,
    queues: Fleet<NodeId, Queue>,
}

impl Accepting {
    pub fn new(spec: &SystemSpec, redis: &RedisSpec, nodes: usize) -> Accepting {
        let places = redis.maxclients();
        let places = places.saturating_sub(redis.other_clients(spec.failover));
        let most = f64::from(redis.connections) * spec.connections_growth;
        let handshake = redis.handshake();
        Accepting {
            counts: handshake > SimDuration::ZERO || most > f64::from(places),
            handshake,
            patience: spec.patience,
            places,
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
    fn free_places(&self, node: NodeId) -> u32 {
        let open = |view| self.clients.connected[view][node].connections.open;
        let open: u32 = self.clients.ids().map(open).sum();
        let round = &self.accepting.queues[node].round;
        let coming: u32 = round.iter().filter(|g| !g.gone).map(|g| g.count).sum();
        self.accepting.places.saturating_sub(open + coming)
    }

    /// Does a node accept connections, if it has time?
    fn works(&self, node: NodeId) -> bool {
        match self.condition(node) {
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::LoadingCopy
            | Condition::Loading
            | Condition::Accepting => self.topology.clients_reach(node),
            Condition::Forking
            | Condition::Stalled
            | Condition::Hung
            | Condition::Killed
            | Condition::HostLost => false,
        }
    }

    fn connections(&mut self, view: ViewId, node: NodeId) -> &mut Connections {
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
        let groups = queue.waiting.iter_mut().chain(&mut queue.round);
        groups
            .filter(|group| group.view == view)
            .for_each(|group| group.gone = true);
        self.drop_from_queue(node);
        self.ask_again(node, cx);
    }

    /// Of those that have given up, the kernel holds only what its backlog has room for.
    fn drop_from_queue(&mut self, node: NodeId) {
        let mut room = self.accepting.backlog;
        for group in &mut self.accepting.queues[node].waiting {
            let held = group.count.min(room);
            room -= held;
            if group.gone {
                group.count = held;
            }
        }
        let waiting = &mut self.accepting.queues[node].waiting;
        waiting.retain(|group| group.count > 0);
    }

    /// A node's process is gone, and all connections to it.
    pub(super) fn drop_connections(&mut self, node: NodeId) {
        if !self.accepting.counts {
            return;
        }
        for view in self.clients.ids() {
            *self.connections(view, node) = Connections::default();
        }
        let queue = &mut self.accepting.queues[node];
        let rounds = queue.rounds + 1;
        let called = queue.called;
        *queue = Queue {
            rounds,
            called,
            ..Queue::default()
        };
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
        let connections = self.connections(view, node);
        if !connections.came {
            return;
        }
        let count = match tries {
            0 => count.min(connections.to_come(wanted)),
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
            self.ask_again(node, cx);
            return;
        }
        self.connections(view, node).waiting += count;
        let group = Group {
            view,
            count,
            since: cx.now,
            tries,
            gone: false,
            behind: 0,
        };
        let handshake = self.accepting.handshake;
        let queue = &mut self.accepting.queues[node];
        let mut here = queue.waiting.iter().rev();
        let mut here = here.by_ref().take_while(|group| group.since == cx.now);
        let is_first = !here.any(|group| group.view == view && !group.gone);
        queue.push(group);
        let work: u32 = queue.waiting.iter().map(|group| group.count).sum();
        queue.long |= handshake * u64::from(work) >= NOTICEABLE;
        let timeout = self.clients.views[view].connect_timeout;
        if let (Some(timeout), true) = (timeout, is_first) {
            let since = cx.now;
            self.after(timeout, ClusterTimer::GiveUp { view, node, since }, cx);
        }
        self.next_round(node, SimDuration::ZERO, cx);
    }

    /// Plans a node's next round of handshakes.
    pub(super) fn next_round(&mut self, node: NodeId, after: SimDuration, cx: &mut Cx) {
        let queue = &mut self.accepting.queues[node];
        let idle = queue.round.is_empty() && !queue.called;
        if idle && !queue.waiting.is_empty() {
            queue.called = true;
            // Those who come at the same instant are in it, whoever is handled first.
            self.after(after, ClusterTimer::Accept(node), cx);
        }
    }

    /// Lets clients in, or refuses them, in no time: all who come at one instant alike.
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
    fn trace_refused(&mut self, node: NodeId, cx: &mut Cx) {
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

    fn refuse(&mut self, view: ViewId, node: NodeId, count: u32, now: SimTime) {
        let connections = self.connections(view, node);
        connections.refused += count;
        connections.refused_since = match connections.refused {
            0 => None,
            _ => connections.refused_since.or(Some(now)),
        };
    }
}

impl Cluster {
    /// A round begins: up to 1,000 connections are accepted, first come, first served.
    pub(super) fn on_accept(&mut self, node: NodeId, cx: &mut Cx) {
        self.accepting.queues[node].called = false;
        if !self.accepting.queues[node].round.is_empty() || !self.works(node) {
            return;
        }
        let mut room = PER_ROUND;
        while room > 0
            && let Some(first) = self.accepting.queues[node].waiting.front()
        {
            let since = first.since;
            let waiting = self.accepting.queues[node].waiting.iter();
            let together: Vec<u32> = waiting
                .take_while(|group| group.since == since)
                .map(|group| group.count)
                .collect();
            let all: u32 = together.iter().sum();
            let parts = apportion(room.min(all), &together);
            for (i, part) in parts.into_iter().enumerate() {
                room -= self.take(node, i, part, cx.now);
            }
            let waiting = &mut self.accepting.queues[node].waiting;
            waiting.retain(|group| group.count > 0);
        }
        self.trace_refused(node, cx);
        let accepted = PER_ROUND - room;
        if accepted == 0 {
            self.accepting.queues[node].long = false;
            return;
        }
        let lasts = self.accepting.handshake * u64::from(accepted);
        let queue = &mut self.accepting.queues[node];
        queue.rounds += 1;
        queue.began = cx.now;
        let round = queue.rounds;
        self.after(lasts, ClusterTimer::Accepted { node, round }, cx);
        if self.accepting.queues[node].long {
            let about = lasts.rounded_to(SimDuration::from_millis(1));
            cx.ledger.trace(cx.now, || {
                format!(
                    "{}: accepts {accepted} connections, which takes {about}",
                    self.node_name(node)
                )
            });
        }
        if lasts >= self.accepting.patience {
            self.change(node, Change::Accepting(Some(lasts)), cx);
            self.drain(cx);
        }
    }

    /// So many of a group that waits get into a round, as far as there are places, and the others
    /// are refused. Returns how many handshakes that makes.
    fn take(&mut self, node: NodeId, number: usize, count: u32, now: SimTime) -> u32 {
        let places = self.free_places(node);
        let queue = &mut self.accepting.queues[node];
        let group = &mut queue.waiting[number];
        group.count -= count;
        let accepted = match group.gone {
            true => count,
            false => count.min(places),
        };
        let taken = Group {
            count: accepted,
            behind: queue.round.iter().map(|group| group.count).sum(),
            ..*group
        };
        if accepted > 0 {
            queue.round.push(taken);
        }
        let refused = count - accepted;
        self.connections(taken.view, node).waiting -= refused;
        self.refuse(taken.view, node, refused, now);
        accepted
    }

    /// A round is over: its connections are open, and what has come in is executed.
    pub(super) fn on_accepted(&mut self, node: NodeId, round: u32, cx: &mut Cx) {
        if self.accepting.queues[node].rounds != round {
            return;
        }
        self.change(node, Change::Accepting(None), cx);
        self.drain(cx);
        let queue = &mut self.accepting.queues[node];
        if queue.rounds != round {
            return;
        }
        let accepted = std::mem::take(&mut queue.round);
        let lasts: u32 = accepted.iter().map(|group| group.count).sum();
        let lasts = self.accepting.handshake * u64::from(lasts);
        self.close_impatient(node, lasts, cx);
        for group in accepted.into_iter().filter(|group| !group.gone) {
            let connections = self.connections(group.view, node);
            connections.waiting -= group.count;
            connections.open += group.count;
        }
        let commands = self.load(node, cx.now).commands * lasts.as_secs_f64();
        let gap = self.redis.command_time.scaled(commands).min(lasts).max(GAP);
        let queue = &mut self.accepting.queues[node];
        queue.long &= !queue.waiting.is_empty();
        self.next_round(node, gap, cx);
        self.ask_again(node, cx);
    }

    /// Clients that have waited for a connection since then give it up, and pause; those who have
    /// had their handshake in the present round are content.
    pub(super) fn on_give_up(&mut self, view: ViewId, node: NodeId, since: SimTime, cx: &mut Cx) {
        let handshake = self.accepting.handshake;
        let queue = &mut self.accepting.queues[node];
        let gave_up = queue.give_up((view, since), cx.now, handshake);
        self.drop_from_queue(node);
        let all: u32 = gave_up.values().sum();
        if all > 0 {
            cx.ledger.trace(cx.now, || {
                let (who, node) = (self.clients.name(view), self.node_name(node));
                format!("{all} {who} give up connecting to {node}")
            });
        }
        for (tries, count) in gave_up {
            self.connections(view, node).waiting -= count;
            self.pause(view, node, count, tries, cx);
        }
        self.ask_again(node, cx);
    }

    /// Clients without a connection pause before their next attempt.
    fn pause(&mut self, view: ViewId, node: NodeId, count: u32, tries: u32, cx: &mut Cx) {
        if count == 0 {
            return;
        }
        self.connections(view, node).pausing += count;
        let reconnect = self.clients.views[view].following.reconnect;
        let pause = |n| reconnect.map_or(SimDuration::ZERO, |reconnect| reconnect.pause(n));
        let (pause, next) = (pause(tries), pause(tries.saturating_add(1)));
        // Attempts after which the pause stays the same are all alike.
        let tries = tries + u32::from(next > pause || tries == 0);
        let timer = ClusterTimer::Arrive {
            view,
            node,
            count,
            tries,
        };
        self.after(pause, timer, cx);
    }

    /// Clients that do not wait for a reply as long as a node was silent have closed their
    /// connections to it, and connect again now that it is not.
    pub(super) fn close_impatient(&mut self, node: NodeId, silent: SimDuration, cx: &mut Cx) {
        if !self.accepting.counts {
            return;
        }
        for view in self.clients.that_know(node) {
            let waits = self.clients.views[view].following.leaves_silence();
            if waits.is_some_and(|waits| waits <= silent) {
                let open = std::mem::take(&mut self.connections(view, node).open);
                self.accepting.queues[node].latest.1.clear();
                self.pause(view, node, open, 0, cx);
            }
        }
    }

    /// If there are places on a node, those that it has refused get them at their next attempt.
    fn ask_again(&mut self, node: NodeId, cx: &mut Cx) {
        if self.free_places(node) == 0 {
            return;
        }
        for view in self.clients.ids() {
            let reconnect = self.clients.views[view].following.reconnect;
            let connections = self.connections(view, node);
            let Some(since) = connections.refused_since.filter(|_| !connections.asks) else {
                continue;
            };
            connections.asks = true;
            let at = reconnect.map_or(cx.now, |reconnect| reconnect.next(since, cx.now));
            self.after(at - cx.now, ClusterTimer::AskAgain { view, node }, cx);
        }
    }

    /// Clients that a node has refused try again.
    pub(super) fn on_ask_again(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        let free = self.free_places(node);
        self.accepting.queues[node].latest.1.clear();
        let connections = self.connections(view, node);
        connections.asks = false;
        let count = connections.refused.min(free);
        connections.refused -= count;
        if connections.refused == 0 {
            connections.refused_since = None;
        }
        // As if they came for the first time: their refusals do not count as time-outs.
        self.on_arrive(view, node, count, 0, cx);
    }

    /// The views of the cluster have so many clients now.
    pub(super) fn set_wanted(&mut self, wanted: &[u32], cx: &mut Cx) {
        for (view, wanted) in self.clients.ids().zip(wanted) {
            let before = std::mem::replace(&mut self.clients.views[view].connections, *wanted);
            if !self.accepting.counts || before == *wanted {
                continue;
            }
            for node in self.topology.ids() {
                if !self.connections(view, node).came {
                    continue;
                }
                if let Some(more) = wanted.checked_sub(before) {
                    self.on_arrive(view, node, more, 0, cx);
                } else {
                    self.close_some(view, node, before - wanted, cx);
                }
            }
        }
    }

    /// Servers are taken away, any alike: connections of all kinds go in proportion.
    fn close_some(&mut self, view: ViewId, node: NodeId, count: u32, cx: &mut Cx) {
        self.accepting.queues[node].latest.1.clear();
        let connections = self.connections(view, node);
        let kinds = [connections.open, connections.pausing, connections.refused];
        let parts = apportion(count.min(kinds.iter().sum()), &kinds);
        connections.open -= parts[0];
        connections.pausing -= parts[1];
        connections.refused -= parts[2];
        if connections.refused == 0 {
            connections.refused_since = None;
        }
        self.ask_again(node, cx);
    }
}
