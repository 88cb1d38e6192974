//! Rounds of handshakes, and clients that did not get a connection: they give up, pause, are
//! refused, and come again. See `connections.rs`.

use sim::{SimDuration, SimTime};

use super::backlog::Group;
use super::clients::View;
use super::connections::{Accepting, GROUPS, apportion};
use super::node::Change;
use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ViewId};
use crate::redis::capability::Condition;
use crate::spec::redis::ACCEPTS_PER_ROUND;

/// Between two rounds a node executes what has come in, for at least this long.
const GAP: SimDuration = SimDuration::from_millis(1);

/// So many parts of a group that pauses come at different times, if its pause is drawn.
const SPREAD_MAX: usize = 5;

/// Looks at a busy node's queue within the shortest connect timeout of the clients outside.
const LOOKS: u64 = 16;

impl Cluster {
    /// Clients enter the backlog, and a round may begin. Says whether one has.
    pub(super) fn on_accept(&mut self, node: NodeId, cx: &mut Cx) -> bool {
        let queue = &mut self.accepting.queues[node];
        if queue.looks_at != Some(cx.now) {
            return false;
        }
        queue.looks_at = None;
        self.enter(node, cx.now);
        let queue = &self.accepting.queues[node];
        let begins = queue.round.is_empty() && queue.rests_until <= cx.now && self.works(node);
        if begins {
            self.begin_round(node, cx);
        }
        self.look_later(node, cx);
        begins
    }

    /// Clients enter the backlog of a node, if its kernel answers.
    fn enter(&mut self, node: NodeId, now: SimTime) {
        let answers = match self.condition(node) {
            Condition::Killed | Condition::HostLost => false,
            _ => self.topology.clients_reach(node),
        };
        if answers {
            let Accepting {
                handshake, backlog, ..
            } = self.accepting;
            self.accepting.queues[node].enter(backlog, now, handshake);
        }
    }

    /// Plans the next look. While a round frees places in the backlog clients enter one by one;
    /// when exactly matters only to clients that may give up.
    fn look_later(&mut self, node: NodeId, cx: &mut Cx) {
        let queue = &self.accepting.queues[node];
        if queue.round.is_empty() {
            if queue.rests_until > cx.now {
                self.look_at(node, queue.rests_until, cx);
            }
            return;
        }
        let timeout = |group: &Group| self.clients.views[group.view].connect_timeout;
        let Some(shortest) = queue.outside.iter().filter_map(timeout).min() else {
            return;
        };
        let step = SimDuration::from_nanos(shortest.as_nanos() / LOOKS);
        let at = cx.now + step.max(self.accepting.handshake);
        if at < queue.ends(self.accepting.handshake) {
            self.look_at(node, at, cx);
        }
    }

    /// A round begins: it goes on with what enters the backlog meanwhile, up to 1,000 in all.
    fn begin_round(&mut self, node: NodeId, cx: &mut Cx) {
        self.accepting.queues[node].began = cx.now;
        let accepted = self.accept(node, ACCEPTS_PER_ROUND, cx);
        self.trace_refused(node, cx);
        let queue = &mut self.accepting.queues[node];
        if accepted == 0 {
            queue.long = false;
            return;
        }
        queue.left = queue.waiting().min(ACCEPTS_PER_ROUND - accepted);
        let all = accepted + queue.left;
        let lasts = self.accepting.handshake * u64::from(all);
        if queue.long {
            let about = lasts.rounded_to(SimDuration::from_millis(1));
            cx.ledger.trace(cx.now, || {
                format!(
                    "{}: accepts {all} connections, which takes {about}",
                    self.node_name(node)
                )
            });
        }
        if lasts >= self.accepting.patience {
            self.change(node, Change::Accepting(Some(lasts)), cx);
            self.drain(cx);
        }
    }

    /// A round accepts what is in the backlog, first come, first served, up to this many. Returns
    /// how many handshakes that makes.
    fn accept(&mut self, node: NodeId, most: u32, cx: &mut Cx) -> u32 {
        let mut room = most;
        while room > 0 {
            self.enter(node, cx.now);
            let together = self.accepting.queues[node].first();
            if together.is_empty() {
                break;
            }
            let all: u32 = together.iter().sum();
            let parts = apportion(room.min(all), &together);
            for (i, part) in parts.into_iter().enumerate() {
                room -= self.take(node, i, part, cx.now);
            }
            let backlog = &mut self.accepting.queues[node].backlog;
            backlog.retain(|group| group.count > 0);
        }
        let accepted = most - room;
        if accepted > 0 {
            let handshake = self.accepting.handshake;
            let queue = &mut self.accepting.queues[node];
            queue.rounds += 1;
            let (round, ends) = (queue.rounds, queue.ends(handshake));
            self.after(ends - cx.now, ClusterTimer::Accepted { node, round }, cx);
        }
        accepted
    }

    /// Clients of a group in the backlog get into a round, as far as there are places, and the
    /// others are refused. Returns how many handshakes that makes.
    fn take(&mut self, node: NodeId, number: usize, count: u32, now: SimTime) -> u32 {
        let places = self.free_places(node);
        let queue = &mut self.accepting.queues[node];
        let group = &mut queue.backlog[number];
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

    /// A round has accepted what was in the backlog, and goes on or is over.
    pub(super) fn on_accepted(&mut self, node: NodeId, round: u32, cx: &mut Cx) {
        if self.accepting.queues[node].rounds != round {
            return;
        }
        let left = self.accepting.queues[node].left;
        let more = match self.works(node) {
            true => self.accept(node, left, cx),
            false => 0,
        };
        self.accepting.queues[node].left -= more;
        if more > 0 {
            self.trace_refused(node, cx);
            self.look_later(node, cx);
            return;
        }
        // A long silence makes clients close their connections when it ends (`note_silence`).
        let accepting = self.topology[node].accepting;
        let closes = accepting.is_some_and(|lasts| lasts >= NOTICEABLE);
        self.change(node, Change::Accepting(None), cx);
        self.drain(cx);
        let queue = &self.accepting.queues[node];
        if queue.rounds != round {
            return;
        }
        if !closes {
            self.close_impatient(node, cx.now - queue.began, cx);
        }
        self.end_round(node, cx);
    }

    /// A round is over: its connections are open, and what has come in is executed.
    fn end_round(&mut self, node: NodeId, cx: &mut Cx) {
        let queue = &mut self.accepting.queues[node];
        let accepted = std::mem::take(&mut queue.round);
        let lasts = cx.now - queue.began;
        for group in accepted.into_iter().filter(|group| !group.gone) {
            let connections = self.connections(group.view, node);
            connections.waiting -= group.count;
            connections.open += group.count;
        }
        self.trace_back(node, cx);
        let commands = self.load(node, cx.now).commands * lasts.as_secs_f64();
        let gap = self.redis.command_time.scaled(commands).min(lasts).max(GAP);
        let queue = &mut self.accepting.queues[node];
        queue.rests_until = cx.now + gap;
        queue.long &= !queue.is_idle();
        self.look_at(node, cx.now + gap, cx);
        self.ask_again(node, cx);
    }

    /// Clients that have waited for a connection since then give it up, and pause. Those that have
    /// had their handshake in the present round keep it.
    pub(super) fn on_give_up(&mut self, view: ViewId, node: NodeId, since: SimTime, cx: &mut Cx) {
        let handshake = self.accepting.handshake;
        let queue = &mut self.accepting.queues[node];
        let gave_up = queue.give_up((view, since), cx.now, handshake);
        let all: u32 = gave_up.values().sum();
        if let Some(all) = self.accepting.queues[node].tells(view, all, cx.now) {
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
        let (reconnect, wanted) = {
            let clients = &self.clients.views[view];
            (clients.following.reconnect, clients.connections)
        };
        let jitter = reconnect.map_or(0.0, |reconnect| reconnect.jitter().get());
        let pause = |n| reconnect.map_or(SimDuration::ZERO, |reconnect| reconnect.pause(n));
        let (pause, next) = (pause(tries), pause(tries.saturating_add(1)));
        // Attempts after which the pause stays the same are all alike.
        let tries = tries + u32::from(next > pause || tries == 0);
        // A large group spreads over what is drawn of its pause.
        let groups = match jitter > 0.0 {
            true => (count as usize * GROUPS / wanted.max(1) as usize)
                .clamp(1, SPREAD_MAX.min(count as usize)),
            false => 1,
        };
        let up_to = |group: usize| (count as usize * group / groups) as u32;
        for group in 0..groups {
            let count = up_to(group + 1) - up_to(group);
            let drawn = jitter * (group as f64 + 0.5) / groups as f64;
            let timer = ClusterTimer::Arrive {
                view,
                node,
                count,
                tries,
            };
            self.after(pause.scaled(1.0 - drawn), timer, cx);
        }
    }

    /// Clients close connections to a node that was silent for so long, and connect again now that
    /// it answers: those that keep no silent connection all of them, and those with a command
    /// timeout the ones on which a command has timed out.
    pub(super) fn close_impatient(&mut self, node: NodeId, silent: SimDuration, cx: &mut Cx) {
        if !self.accepting.counts {
            return;
        }
        for view in self.clients.that_know(node) {
            let share = self.timed_out(view, node, silent);
            let connections = self.connections(view, node);
            let closed = (f64::from(connections.open) * share).round() as u32;
            if closed > 0 {
                connections.open -= closed;
                self.accepting.queues[node].latest.1.clear();
                self.pause(view, node, closed, 0, cx);
            }
        }
    }

    /// The share of a view's connections to a node that it closes for a silence of this length.
    ///
    /// Commands come at random to any of the connections. One of them times out if it was sent, or
    /// under way, when there was still as much of the silence to come as the client waits.
    fn timed_out(&self, view: ViewId, node: NodeId, silent: SimDuration) -> f64 {
        let View {
            following,
            commands,
            connections,
            ..
        } = &self.clients.views[view];
        if following.silent_for().is_some_and(|waits| waits <= silent) {
            return 1.0;
        }
        let timeout = following.closes_on_timeout();
        let Some(timeout) = timeout.filter(|timeout| *timeout <= silent) else {
            return 0.0;
        };
        let under_way = self.redis.latency * 2 + self.redis.command_time;
        let all = self.clients.commands.0 * self.topology.share_of(node) * commands;
        let each = all / f64::from((*connections).max(1));
        -(-each * (silent - timeout + under_way).as_secs_f64()).exp_m1()
    }

    /// If there are places on a node, clients that it has refused get them at their next attempt.
    pub(super) fn ask_again(&mut self, node: NodeId, cx: &mut Cx) {
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

    /// The number of clients of each view has changed to this.
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
                    self.close_some(view, node, (before, before - wanted), cx);
                }
            }
        }
    }

    /// Servers are taken away, any alike: connections of all kinds go in proportion.
    fn close_some(&mut self, view: ViewId, node: NodeId, (before, count): (u32, u32), cx: &mut Cx) {
        let connections = self.connections(view, node);
        let kinds = [
            connections.open,
            connections.waiting,
            connections.pausing,
            connections.refused,
            connections.still_away(before),
        ];
        let parts = apportion(count.min(kinds.iter().sum()), &kinds);
        connections.open -= parts[0];
        connections.waiting -= parts[1];
        connections.pausing -= parts[2];
        connections.refused -= parts[3];
        if connections.refused == 0 {
            connections.refused_since = None;
        }
        let queue = &mut self.accepting.queues[node];
        queue.latest.1.clear();
        queue.close(view, parts[1]);
        self.trace_back(node, cx);
        self.ask_again(node, cx);
    }
}
