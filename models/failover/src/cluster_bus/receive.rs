//! What a node does with a packet.
//!
//! Rules C5, C6, C9, C13, C15, E8, E9. Source: `clusterProcessPacket` in `src/cluster.c`, Redis
//! 7.0.15, in its order: epochs and offset, the PONG for a PING, flags, role, slots, collisions of
//! epochs, gossip.

use super::effect::BusEffect;
use super::ids::Member;
use super::node::{Cx, Node};
use super::packet::{Header, Packet, PacketKind};

impl Node {
    /// Handles one packet.
    pub(super) fn receive(&mut self, packet: &Packet, cx: &mut Cx) {
        let sender = packet.from;
        self.peer_mut(sender).data_received = cx.ms;
        self.hear_header(sender, &packet.header);
        match packet.kind {
            PacketKind::Ping => {
                self.send_on(packet.link, sender, PacketKind::Pong, cx);
                self.hear_config(packet, cx);
            }
            PacketKind::Pong => self.hear_config(packet, cx),
            PacketKind::Fail { about } => {
                if about != self.me && !self.peer(about).fail {
                    self.flag_failed(about, false, cx);
                }
            }
            PacketKind::AuthRequest { force } => self.consider_vote(packet, force, cx),
            PacketKind::AuthAck => {
                let valid = packet.header.current_epoch >= self.election.epoch;
                if self.peer(sender).votes() && valid {
                    self.election.count += 1;
                    self.todo.failover = true;
                }
            }
            PacketKind::ManualStart => self.start_manual_as_primary(packet, cx),
            PacketKind::Update {
                about,
                config_epoch,
                slots,
            } => {
                if self.peer(about).config_epoch < config_epoch {
                    self.set_primary(about);
                    self.peer_mut(about).config_epoch = config_epoch;
                    self.todo.save = true;
                    self.adopt_slots(about, config_epoch, slots, cx);
                }
            }
        }
    }

    fn hear_header(&mut self, sender: Member, header: &Header) {
        self.current_epoch = self.current_epoch.max(header.current_epoch);
        let paused_primary = header.paused && self.my_primary() == Some(sender);
        let peer = self.peer_mut(sender);
        if header.config_epoch > peer.config_epoch {
            peer.config_epoch = header.config_epoch;
            self.todo.save = true;
        }
        self.peer_mut(sender).offset = header.offset;
        if paused_primary && self.manual.end != 0 && self.manual.primary_offset.is_none() {
            self.manual.primary_offset = Some(header.offset);
            self.todo.manual = true;
        }
    }

    /// PING and PONG: liveness, role, slots, gossip.
    fn hear_config(&mut self, packet: &Packet, cx: &mut Cx) {
        let (sender, header) = (packet.from, &packet.header);
        self.peer_mut(sender).no_failover = header.no_failover;
        if packet.kind == PacketKind::Pong && packet.link.owner == self.me {
            self.hear_answer(sender, cx);
        }
        self.hear_role(sender, header);
        self.hear_slots(sender, header, cx);
        self.resolve_collision(sender, header, cx);
        self.hear_gossip(sender, &packet.gossip, cx);
    }

    /// A PONG on this node's own link: the only thing that stops the detector.
    fn hear_answer(&mut self, sender: Member, cx: &mut Cx) {
        let ms = cx.ms;
        let peer = self.peer_mut(sender);
        peer.pong_received = ms;
        peer.ping_sent = 0;
        if peer.pfail {
            peer.pfail = false;
            self.todo.update_state = true;
            self.recheck = true;
            cx.effect(BusEffect::PfailCleared {
                by: self.me,
                of: sender,
            });
        } else if peer.fail {
            self.clear_failure_if_needed(sender, cx);
        }
    }

    /// Rule C15 (`clearNodeFailureIfNeeded`).
    fn clear_failure_if_needed(&mut self, member: Member, cx: &mut Cx) {
        let undo_after = 2 * cx.spec.node_timeout_ms();
        let peer = self.peer_mut(member);
        if !peer.votes() || cx.ms - peer.fail_time > undo_after {
            peer.fail = false;
            self.todo.update_state = true;
            self.recheck = true;
            cx.effect(BusEffect::FailCleared {
                by: self.me,
                of: member,
            });
        }
    }

    fn hear_role(&mut self, sender: Member, header: &Header) {
        let Some(primary) = header.replica_of else {
            self.set_primary(sender);
            return;
        };
        if self.peer(sender).primary {
            for shard in self.peer(sender).slots.iter() {
                self.assign(shard, None);
            }
            let peer = self.peer_mut(sender);
            peer.primary = false;
            peer.migrate_to = false;
            self.todo.update_state = true;
            self.recheck = true;
        }
        if self.peer(sender).replica_of != Some(primary) {
            self.attach(sender, primary);
            self.recheck = true;
        }
    }

    /// `clusterSetNodeAsMaster`.
    pub(super) fn set_primary(&mut self, member: Member) {
        if self.peer(member).primary {
            return;
        }
        if self.peer(member).replica_of.is_some() {
            self.detach(member);
            self.peer_mut(member).migrate_to |= member != self.me;
        }
        self.peer_mut(member).primary = true;
        self.todo.update_state = true;
        self.recheck = true;
    }

    fn hear_slots(&mut self, sender: Member, header: &Header, cx: &mut Cx) {
        let claimant = if self.peer(sender).primary {
            Some(sender)
        } else {
            self.peer(sender).replica_of
        };
        if claimant.is_none_or(|claimant| self.peer(claimant).slots == header.slots) {
            return;
        }
        if self.peer(sender).primary {
            self.adopt_slots(sender, header.config_epoch, header.slots, cx);
        }
        for shard in header.slots.iter() {
            let Some(owner) = self.owner[shard.index()] else {
                continue;
            };
            if owner == sender || self.unclaimed.contains(shard) {
                continue;
            }
            let config_epoch = self.peer(owner).config_epoch;
            if config_epoch > header.config_epoch {
                let slots = self.peer(owner).slots.without(self.unclaimed);
                self.send(
                    sender,
                    PacketKind::Update {
                        about: owner,
                        config_epoch,
                        slots,
                    },
                    cx,
                );
                break;
            }
        }
    }

    /// Two primaries with one configuration epoch: the one with the smaller name takes a new one.
    fn resolve_collision(&mut self, sender: Member, header: &Header, cx: &Cx) {
        let both_primaries = self.is_primary() && self.peer(sender).primary;
        let mine = self.myself().config_epoch;
        if !both_primaries || header.config_epoch != mine || self.peer(sender).config_epoch != mine
        {
            return;
        }
        if cx.names[sender.index()] > cx.names[self.me.index()] {
            self.current_epoch += 1;
            self.peers[self.me.index()].config_epoch = self.current_epoch;
            self.todo.save = true;
        }
    }
}
