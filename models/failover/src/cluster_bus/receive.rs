//! What a node does with a packet.
//!
//! Rules C5, C6, C9, C13, C15, E8, E9. Source: `clusterProcessPacket` in `src/cluster.c`, Redis
//! 7.0.15, in its order: epochs and offset, the PONG for a PING, flags, role, slots, collisions of
//! epochs, gossip.

use super::effect::BusEffect;
use super::ids::{Member, Shard};
use super::node::{Cx, Node};
use super::packet::{Header, Packet, PacketKind};

impl Node {
    /// Handles one packet.
    pub(super) fn receive(&mut self, packet: &Packet, cx: &mut Cx) {
        let sender = packet.from;
        self.peers.set_data_received(sender, cx.ms);
        let stamp = cx.stationery.stamp(packet.header);
        let gossips = matches!(packet.kind, PacketKind::Ping | PacketKind::Pong);
        if gossips && self.manual.end == 0 && self.peers.has_heard(sender, stamp) {
            if packet.kind == PacketKind::Ping {
                self.send_on(packet.link, sender, PacketKind::Pong, cx);
            }
            self.hear_life(packet, cx);
            self.hear_gossip(sender, &packet.gossip, cx);
        } else {
            let header = cx.stationery.header(packet.header).clone();
            self.hear_header(sender, &header);
            self.hear_kind(packet, &header, stamp, cx);
        }
    }

    fn hear_kind(&mut self, packet: &Packet, header: &Header, stamp: u32, cx: &mut Cx) {
        let sender = packet.from;
        match &packet.kind {
            PacketKind::Ping => {
                self.send_on(packet.link, sender, PacketKind::Pong, cx);
                self.hear_config(packet, header, stamp, cx);
            }
            PacketKind::Pong => self.hear_config(packet, header, stamp, cx),
            PacketKind::Fail { about } => {
                if *about != self.me && !self.peers.fail(*about) {
                    self.flag_failed(*about, false, cx);
                }
            }
            PacketKind::AuthRequest { force } => self.consider_vote(sender, header, *force, cx),
            PacketKind::AuthAck => {
                let valid = header.current_epoch >= self.election.epoch;
                if self.peers.votes(sender) && valid {
                    self.election.count += 1;
                    self.before_sleep.failover = true;
                }
            }
            PacketKind::ManualStart => self.start_manual_as_primary(packet, cx),
            PacketKind::Update {
                about,
                config_epoch,
                shards,
            } => {
                if self.peers.config_epoch(*about) < *config_epoch {
                    self.set_primary(*about);
                    self.peers.set_config_epoch(*about, *config_epoch);
                    self.before_sleep.save = true;
                    self.adopt_slots(*about, *config_epoch, shards, cx);
                }
            }
        }
    }

    fn hear_header(&mut self, sender: Member, header: &Header) {
        self.current_epoch = self.current_epoch.max(header.current_epoch);
        let paused_primary = header.paused && self.my_primary() == Some(sender);
        if header.config_epoch > self.peers.config_epoch(sender) {
            self.peers.set_config_epoch(sender, header.config_epoch);
            self.before_sleep.save = true;
        }
        self.peers.set_offset(sender, header.offset);
        if paused_primary && self.manual.end != 0 && self.manual.primary_offset.is_none() {
            self.manual.primary_offset = Some(header.offset);
            self.before_sleep.manual = true;
        }
    }

    /// PING and PONG: liveness, role, slots, gossip. A header that changes nothing and needs no
    /// answer is remembered: until a role, a claim or an epoch changes it is not looked at again.
    fn hear_config(&mut self, packet: &Packet, header: &Header, stamp: u32, cx: &mut Cx) {
        let sender = packet.from;
        let changes = self.peers.config_changes();
        self.peers.set_no_failover(sender, header.no_failover);
        self.hear_life(packet, cx);
        self.hear_role(sender, header);
        let quiet = self.hear_slots(sender, header, cx);
        self.resolve_collision(sender, header, cx);
        if quiet && changes == self.peers.config_changes() {
            self.peers.note_heard(sender, stamp);
        }
        self.hear_gossip(sender, &packet.gossip, cx);
    }

    fn hear_life(&mut self, packet: &Packet, cx: &mut Cx) {
        if packet.kind == PacketKind::Pong && packet.link.owner == self.me {
            self.hear_answer(packet.from, cx);
        }
    }

    /// A PONG on this node's own link: the only thing that stops the detector.
    fn hear_answer(&mut self, sender: Member, cx: &mut Cx) {
        self.peers.set_pong_received(sender, cx.ms);
        self.peers.set_ping_sent(sender, 0);
        self.watch_due = self.watch_due.min(cx.ms + cx.node_timeout / 2 + 1);
        if self.peers.pfail(sender) {
            self.peers.set_pfail(sender, false);
            self.before_sleep.update_state = true;
            self.recheck = true;
            cx.effect(BusEffect::PfailCleared {
                by: self.me,
                of: sender,
            });
        } else if self.peers.fail(sender) {
            self.clear_failure_if_needed(sender, cx);
        }
    }

    /// Rule C15 (`clearNodeFailureIfNeeded`).
    fn clear_failure_if_needed(&mut self, member: Member, cx: &mut Cx) {
        let fail_time = self.peers.rare(member).map_or(0, |rare| rare.fail_time);
        if !self.peers.votes(member) || cx.ms - fail_time > 2 * cx.node_timeout {
            self.peers.set_fail(member, false);
            self.before_sleep.update_state = true;
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
        if self.peers.is_primary(sender) {
            for shard in self.shards_of(sender) {
                self.assign(shard, None);
            }
            self.peers.set_role(sender, false);
            self.peers.set_migrate_to(sender, false);
            self.before_sleep.update_state = true;
            self.recheck = true;
        }
        if self.peers.replica_of(sender) != Some(primary) {
            self.attach(sender, primary);
            self.recheck = true;
        }
    }

    /// `clusterSetNodeAsMaster`.
    pub(super) fn set_primary(&mut self, member: Member) {
        if self.peers.is_primary(member) {
            return;
        }
        if self.peers.replica_of(member).is_some() {
            self.detach(member);
            if member != self.me {
                self.peers.set_migrate_to(member, true);
            }
        }
        self.peers.set_role(member, true);
        self.before_sleep.update_state = true;
        self.recheck = true;
    }

    /// Returns whether the sender claims what it should; if not, it may have been told so.
    fn hear_slots(&mut self, sender: Member, header: &Header, cx: &mut Cx) -> bool {
        let claimant = if self.peers.is_primary(sender) {
            Some(sender)
        } else {
            self.peers.replica_of(sender)
        };
        if claimant.is_none_or(|claimant| self.owns_exactly(claimant, &header.shards)) {
            return true;
        }
        if self.peers.is_primary(sender) {
            self.adopt_slots(sender, header.config_epoch, &header.shards, cx);
        }
        for shard in &header.shards {
            let Some(owner) = self.owner[shard.index()] else {
                continue;
            };
            if owner == sender || self.unclaimed.contains(shard) {
                continue;
            }
            let config_epoch = self.peers.config_epoch(owner);
            if config_epoch > header.config_epoch {
                let claimed = |s: &Shard| !self.unclaimed.contains(s);
                let shards = self.shards_of(owner).into_iter().filter(claimed).collect();
                self.send(
                    sender,
                    PacketKind::Update {
                        about: owner,
                        config_epoch,
                        shards,
                    },
                    cx,
                );
                break;
            }
        }
        false
    }

    /// Two primaries with one configuration epoch: the one with the smaller name takes a new one.
    fn resolve_collision(&mut self, sender: Member, header: &Header, cx: &Cx) {
        let both_primaries = self.is_primary() && self.peers.is_primary(sender);
        let mine = self.peers.config_epoch(self.me);
        if !both_primaries || header.config_epoch != mine || self.peers.config_epoch(sender) != mine
        {
            return;
        }
        if cx.names[sender.index()] > cx.names[self.me.index()] {
            self.current_epoch += 1;
            self.peers.set_config_epoch(self.me, self.current_epoch);
            self.before_sleep.save = true;
        }
    }
}
