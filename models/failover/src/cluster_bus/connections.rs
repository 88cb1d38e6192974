//! What the bus does when something is due: hand over packets, make and break links.
//!
//! Sources: `clusterLinkConnectHandler`, `clusterReadHandler`, `freeClusterLink` in
//! `src/cluster.c`, Redis 7.0.15; rule C5.

use super::effect::{Process, ReplicaLink};
use super::ids::Member;
use super::network::Event;
use super::node::Link;
use super::packet::{LinkName, Packet, PacketKind};
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
                let lives = node.peer(peer).link.number() == Some(link.number);
                self.network.repeat(channel, lives, &self.spec);
            }
            Event::Start { member } => self.start(member, Process::Running, out),
            Event::Boundary { number } => self.cross_boundary(number, out),
            Event::Replication { position } => self.replay_replication(position, out),
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
        if self.nodes[owner.index()].peer(to).link.number() != Some(number) {
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
        } = node.peer(to).link
        else {
            return;
        };
        if current != number {
            return;
        }
        if !node.process.reads() {
            // It finds the connection when it goes on; here it makes a new one then, a round trip
            // later.
            node.peer_mut(to).link = Link::Closed;
            return;
        }
        node.peer_mut(to).link = Link::Open {
            number,
            since,
            incarnation,
        };
        let (now, ready): (Vec<Packet>, Vec<Packet>) =
            node.unsent.drain(..).partition(|p| p.link != link);
        node.unsent = now;
        self.act(owner, out, |node, cx| {
            cx.out.packets.extend(ready);
            let waiting_since = node.peer(to).ping_sent;
            node.send(to, PacketKind::Ping, cx);
            if waiting_since != 0 {
                node.peer_mut(to).ping_sent = waiting_since;
            }
            node.recheck = true;
        });
    }

    fn reset(&mut self, link: LinkName, to: Member, out: &mut BusEffects) {
        let node = &mut self.nodes[link.owner.index()];
        if node.peer(to).link.number() != Some(link.number) {
            return;
        }
        node.peer_mut(to).link = Link::Closed;
        node.unsent.retain(|p| p.link != link);
        node.recheck = true;
        if node.process.turns() {
            self.act(link.owner, out, |_, _| ());
        }
    }

    fn arrive(&mut self, index: u32, out: &mut BusEffects) {
        let packet = self.network.take(index);
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
                return;
            }
        } else if !receiver.peer(from).link.is_open(link.number) {
            return;
        }
        if receiver.process.reads() {
            self.deliver(packet, out);
        } else {
            receiver.inbox.push(packet);
        }
    }

    pub(super) fn deliver(&mut self, mut packet: Packet, out: &mut BusEffects) {
        self.act(packet.to, out, |node, cx| node.receive(&packet, cx));
        packet.gossip.clear();
        self.outbox.spare.push(packet.gossip);
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
        if node.manual.end != 0 && node.process.turns() {
            node.todo.manual = true;
            self.act(member, out, |_, _| ());
        }
    }
}
