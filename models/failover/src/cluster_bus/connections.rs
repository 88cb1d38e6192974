//! What the bus does when something is due: hand over packets, make and break links.
//!
//! Sources: `clusterLinkConnectHandler`, `clusterReadHandler`, `freeClusterLink` in
//! `src/cluster.c`, Redis 7.0.15; rule C5.

use super::effect::{Process, ReplicaLink};
use super::ids::Member;
use super::network::Event;
use super::packet::{LinkName, Packet, PacketKind};
use super::peers::Link;
use super::{BusEffects, ClusterBus};
use crate::tcp::{SYN_REPEAT, backoff};

impl ClusterBus {
    pub(super) fn handle(&mut self, event: Event, out: &mut BusEffects) {
        match event {
            Event::Crons { member } => self.look_at_crons(member, out),
            Event::Arrival { packet } => self.arrive(packet, out),
            Event::Connect {
                owner,
                number,
                to,
                attempt,
            } => {
                self.try_connect(to, LinkName { owner, number }, attempt);
            }
            Event::Connected {
                owner,
                number,
                to,
                incarnation,
            } => {
                self.connected(LinkName { owner, number }, to, incarnation, out);
            }
            Event::Reset { owner, number, to } => self.reset(LinkName { owner, number }, to, out),
            Event::Repeat { channel } => {
                let (link, peer) = self.network.channel(channel);
                let node = &self.nodes[link.owner.index()];
                let lives = node.peers.link(peer).number() == Some(link.number);
                for lost in self.network.repeat(channel, lives, &self.spec) {
                    self.stationery.recycle(lost);
                }
            }
            Event::Start { member } => self.start(member, Process::Running, out),
            Event::Boundary { number } => self.cross_boundary(number, out),
            Event::Acknowledged { from, to, number } => {
                let answers = self.nodes[to.index()].process.reads();
                self.network
                    .acknowledged((from, to), number, answers, &self.spec);
            }
        }
    }

    /// A connection request reaches `to`, or does not.
    pub(super) fn try_connect(&mut self, to: Member, link: LinkName, attempt: u32) {
        let LinkName { owner, number } = link;
        if self.nodes[owner.index()].peers.link(to).number() != Some(number) {
            return;
        }
        let round_trip = self.spec.latency * 2;
        let target = &self.nodes[to.index()];
        if self.network.is_cut(owner, to) || self.network.is_cut(to, owner) {
            let at = self.network.now() + backoff(SYN_REPEAT, attempt);
            let attempt = attempt + 1;
            self.network.schedule(
                at,
                Event::Connect {
                    owner,
                    number,
                    to,
                    attempt,
                },
            );
        } else if target.process == Process::Dead {
            let at = self.network.now() + round_trip;
            self.network
                .schedule(at, Event::Reset { owner, number, to });
        } else {
            let at = self.network.now() + round_trip;
            let incarnation = target.incarnation;
            self.network.schedule(
                at,
                Event::Connected {
                    owner,
                    number,
                    to,
                    incarnation,
                },
            );
        }
    }

    /// Rule C5: a PING goes out at once, and an older one that is unanswered keeps its time.
    fn connected(&mut self, link: LinkName, to: Member, incarnation: u32, out: &mut BusEffects) {
        let LinkName { owner, number } = link;
        let node = &mut self.nodes[owner.index()];
        let Link::Connecting {
            number: current,
            since,
        } = node.peers.link(to)
        else {
            return;
        };
        if current != number {
            return;
        }
        if !node.process.reads() {
            // It finds the connection when it goes on; here it makes a new one then, a round trip
            // later.
            node.peers.set_link(to, Link::Closed);
            return;
        }
        let open = Link::Open {
            number,
            since,
            incarnation,
        };
        node.peers.set_link(to, open);
        let ready: Vec<Box<Packet>> = node.unsent.extract_if(.., |p| p.link == link).collect();
        self.act(owner, out, |node, cx| {
            cx.out.packets.extend(ready);
            let waiting_since = node.peers.ping_sent(to);
            node.send(to, PacketKind::Ping, cx);
            if waiting_since != 0 {
                node.peers.set_ping_sent(to, waiting_since);
            }
            node.recheck = true;
        });
    }

    fn reset(&mut self, link: LinkName, to: Member, out: &mut BusEffects) {
        let node = &mut self.nodes[link.owner.index()];
        if node.peers.link(to).number() != Some(link.number) {
            return;
        }
        node.peers.set_link(to, Link::Closed);
        for packet in node.unsent.extract_if(.., |p| p.link == link) {
            self.stationery.recycle(packet);
        }
        node.recheck = true;
        if node.process.turns() {
            self.act(link.owner, out, |_, _| ());
        }
    }

    fn arrive(&mut self, packet: Box<Packet>, out: &mut BusEffects) {
        let (from, to, link) = (packet.from, packet.to, packet.link);
        let receiver = &mut self.nodes[to.index()];
        if link.owner == from {
            if receiver.process == Process::Dead || receiver.incarnation != packet.incarnation {
                // Its process has gone; the kernel answers with a reset.
                if !self.network.is_cut(to, from) {
                    let at = self.network.now() + self.spec.latency;
                    let LinkName { owner, number } = link;
                    self.network
                        .schedule(at, Event::Reset { owner, number, to });
                }
                self.stationery.recycle(packet);
                return;
            }
        } else if !receiver.peers.link(from).is_open(link.number) {
            self.stationery.recycle(packet);
            return;
        }
        if receiver.process.reads() {
            self.deliver(packet, out);
        } else {
            receiver.inbox.push(packet);
        }
    }

    pub(super) fn deliver(&mut self, packet: Box<Packet>, out: &mut BusEffects) {
        self.act(packet.to, out, |node, cx| node.receive(&packet, cx));
        self.stationery.recycle(packet);
    }

    /// The world's word on replication, applied at its time.
    pub(super) fn note_replication(
        &mut self,
        member: Member,
        offset: u64,
        link: ReplicaLink,
        out: &mut BusEffects,
    ) {
        let node = &mut self.nodes[member.index()];
        node.offset = offset;
        node.replica_link = link;
        node.peers.note_change();
        if node.manual.end != 0 && node.process.turns() {
            node.before_sleep.manual = true;
            self.act(member, out, |_, _| ());
        } else if node.rests {
            self.plan_cron(member);
        }
    }
}
