//! Rounds of handshakes, and those who did not get a connection: they give up, pause, are refused,
//! and come again. See `connections.rs`.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::connections::{Group, PER_ROUND, apportion};
use super::node::Change;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ViewId};

/// Between two rounds a node executes what has come in, for at least this long.
const GAP: SimDuration = SimDuration::from_millis(1);

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
