//! What the group does when something is due: hand over messages, make and break connections.
//!
//! Sources: `sentinelReconnectInstance`, `instanceLinkCloseConnection` in `src/sentinel.c`, Redis
//! 7.0.15.

use sim::{SimDuration, SimTime};

use super::effect::Process;
use super::ids::{Node, Party, Sentinel};
use super::message::{Command, ConnName, Inbound};
use super::network::{Delivery, Event};
use super::{SentinelEffects, SentinelGroup};

impl SentinelGroup {
    pub(super) fn handle(&mut self, event: Event, out: &mut SentinelEffects) {
        match event {
            Event::Timer { sentinel } => self.look_at_timer(sentinel, out),
            Event::Syn { conn, attempt } => self.try_connect(conn, attempt),
            Event::Arrival(delivery) => self.arrive(delivery, out),
            Event::Repeat { channel, number } => {
                self.network.repeat(channel, number, self.spec.latency);
            }
            Event::Start { sentinel } => self.start(sentinel),
            Event::Boundary { number } => self.cross_boundary(number),
            Event::Wake { number } => self.rebuild(number),
        }
    }

    /// The agenda looks at a Sentinel's timer: it runs now, or it is too early.
    fn look_at_timer(&mut self, sentinel: Sentinel, out: &mut SentinelEffects) {
        let now = self.network.now();
        let watcher = &mut self.watchers[sentinel.index()];
        if watcher.planned != now || watcher.process != Process::Running {
            return;
        }
        watcher.planned = SimTime::MAX;
        if watcher.ticks.fires_at() == now {
            self.act(sentinel, out, |_, _| ());
        } else {
            self.plan_timer(sentinel);
        }
    }

    /// Has the agenda look at a Sentinel's timer in time.
    pub(super) fn plan_timer(&mut self, sentinel: Sentinel) {
        let watcher = &mut self.watchers[sentinel.index()];
        let at = watcher.ticks.fires_at();
        if at < watcher.planned {
            watcher.planned = at;
            self.network.schedule(at, Event::Timer { sentinel });
        }
    }

    /// Sends what a Sentinel left in the outbox, and reports its effects.
    pub(super) fn ship(&mut self, sentinel: Sentinel, in_timer: bool, out: &mut SentinelEffects) {
        for effect in std::mem::take(&mut self.outbox.effects) {
            self.emit(effect, out);
        }
        for conn in std::mem::take(&mut self.outbox.closes) {
            self.give_up(conn);
        }
        for conn in std::mem::take(&mut self.outbox.connects) {
            self.try_connect(conn, 0);
        }
        let delay = self.departure(sentinel, in_timer);
        let me = Party::Sentinel(sentinel);
        for (conn, incarnation, command) in std::mem::take(&mut self.outbox.commands) {
            let delivery = Delivery {
                from: me,
                to: conn.peer,
                conn,
                incarnation,
                what: Inbound::Command(command),
            };
            self.network.send(delivery, delay);
        }
        for (conn, reply) in std::mem::take(&mut self.outbox.replies) {
            let delivery = Delivery {
                from: me,
                to: Party::Sentinel(conn.owner),
                conn,
                incarnation: 0,
                what: Inbound::Reply(reply),
            };
            self.network.send(delivery, delay);
        }
    }

    /// How long what leaves now is under way: after the configuration is on disk, as often as that
    /// was called for, and not before what left earlier.
    fn departure(&mut self, sentinel: Sentinel, in_timer: bool) -> SimDuration {
        let saving = self.spec.config_save * std::mem::take(&mut self.outbox.saves);
        let now = self.network.now();
        self.watchers[sentinel.index()]
            .ticks
            .delay(saving, in_timer);
        let departed = &mut self.departed[sentinel.index()];
        *departed = (now + saving).max(*departed);
        *departed - now + self.spec.latency
    }

    /// A connection request reaches its peer, or does not.
    pub(super) fn try_connect(&mut self, conn: ConnName, attempt: u32) {
        let (owner, peer) = (Party::Sentinel(conn.owner), conn.peer);
        let watcher = &self.watchers[conn.owner.index()];
        let wanted = watcher
            .instance(peer)
            .is_some_and(|instance| instance.link.numbers().any(|n| n == conn.number));
        if !wanted {
            return;
        }
        if self.network.is_cut(owner, peer) || self.network.is_cut(peer, owner) {
            self.network.repeat_syn(conn, attempt);
            return;
        }
        let round_trip = self.spec.latency * 2;
        let (process, incarnation) = self.process_of(peer);
        if process == Process::Dead {
            self.network.reset(conn, round_trip);
            return;
        }
        let delivery = Delivery {
            from: peer,
            to: owner,
            conn,
            incarnation: 0,
            what: Inbound::Established { incarnation },
        };
        let at = self.network.now() + round_trip;
        self.network.schedule(at, Event::Arrival(delivery));
    }

    pub(super) fn process_of(&self, party: Party) -> (Process, u32) {
        match party {
            Party::Node(node) => {
                let node = &self.nodes[node.index()];
                (node.truth.process, node.incarnation)
            }
            Party::Sentinel(sentinel) => {
                let watcher = &self.watchers[sentinel.index()];
                (watcher.process, watcher.incarnation)
            }
        }
    }

    /// The owner closes a connection. What it had asked for is of no use any more, but what it had
    /// ordered will be carried out by a process that reads it late.
    fn give_up(&mut self, conn: ConnName) {
        self.network.forget(conn);
        match conn.peer {
            Party::Node(node) => {
                let node = &mut self.nodes[node.index()];
                node.subscribers.retain(|other| *other != conn);
                node.inbox
                    .retain(|(other, command)| *other != conn || command.has_effect());
            }
            Party::Sentinel(sentinel) => {
                let inbox = &mut self.watchers[sentinel.index()].inbox;
                inbox.retain(|(other, _)| *other != conn);
            }
        }
    }

    /// The connections to a party that stand, or are being made.
    pub(super) fn connections_to(&self, peer: Party) -> Vec<ConnName> {
        let mut names = Vec::new();
        for watcher in &self.watchers {
            let Some(instance) = watcher.instance(peer) else {
                continue;
            };
            let owner = watcher.me;
            names.extend(instance.link.numbers().map(|number| ConnName {
                owner,
                peer,
                number,
            }));
        }
        names
    }

    fn arrive(&mut self, delivery: Delivery, out: &mut SentinelEffects) {
        let Delivery {
            to,
            conn,
            incarnation,
            what,
            ..
        } = delivery;
        let (process, current) = self.process_of(to);
        if let Inbound::Command(_) = what
            && process != Process::Lost
            && (process == Process::Dead || incarnation != current)
        {
            // Its process has gone; the kernel answers with a reset.
            self.network.reset(conn, self.spec.latency);
            return;
        }
        match (to, what) {
            (Party::Node(node), Inbound::Command(command)) => {
                self.hand_to_node(node, conn, command, out);
            }
            (Party::Node(_), _) => unreachable!("data nodes open no connections"),
            (Party::Sentinel(sentinel), what) => match process {
                Process::Running => {
                    self.act(sentinel, out, |watcher, cx| watcher.receive(conn, what, cx));
                }
                Process::Hung => self.watchers[sentinel.index()].inbox.push((conn, what)),
                Process::Dead | Process::Lost => {}
            },
        }
    }

    fn hand_to_node(
        &mut self,
        node: Node,
        conn: ConnName,
        command: Command,
        out: &mut SentinelEffects,
    ) {
        match self.nodes[node.index()].truth.process {
            Process::Running => self.execute(node, conn, command, out),
            Process::Hung => self.nodes[node.index()].inbox.push((conn, command)),
            Process::Dead | Process::Lost => {}
        }
    }
}
