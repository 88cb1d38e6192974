//! Gossip: what a node tells about others, and what it makes of what it is told.
//!
//! Rules C4 and C10 to C13. Two details decide how soon a PFAIL becomes a FAIL:
//! - A node in PFAIL is left out of the random entries and appended at the end instead, but no more
//!   of them than the last cron counted *when it began*. The cron that sets the flag has counted
//!   before, so for one whole cron period (100 ms) the suspicion is not told to anybody.
//! - A majority is counted only when gossip arrives that calls the node failing, not by a clock.
//!
//! Sources: `clusterSendPing`, `clusterProcessGossipSection`, `markNodeAsFailingIfNeeded`,
//! `clusterNodeCleanupFailureReports` in `src/cluster.c`, Redis 7.0.15. Left out: unknown nodes,
//! changed addresses.

use super::effect::BusEffect;
use super::ids::Member;
use super::node::{Cx, Link, Node};
use super::packet::{Gossip, PacketKind};
use super::spec::Version;

impl Node {
    /// Fills the gossip section of one PING or PONG.
    pub(super) fn gossip_into(&mut self, gossip: &mut Vec<Gossip>) {
        gossip.clear();
        let nodes = self.peers.len();
        let mut fresh = nodes.saturating_sub(2);
        let wanted = (nodes / 10).max(3).min(fresh);
        for _ in 0..wanted * 3 {
            if fresh == 0 || gossip.len() == wanted {
                break;
            }
            let about = self.table.pick(&mut self.rng);
            let peer = self.peer(about);
            if about == self.me || peer.pfail {
                continue;
            }
            if peer.link == Link::Closed && peer.slots.is_empty() {
                fresh -= 1;
                continue;
            }
            if gossip.iter().any(|entry| entry.about == about) {
                continue;
            }
            gossip.push(self.gossip_about(about));
            fresh -= 1;
        }
        let mut suspects = self.pfail_counted;
        for position in 0..self.table.len() {
            if suspects == 0 {
                break;
            }
            let about = self.table.get(position);
            if self.peer(about).pfail {
                gossip.push(self.gossip_about(about));
                suspects -= 1;
            }
        }
    }

    fn gossip_about(&self, about: Member) -> Gossip {
        let peer = self.peer(about);
        Gossip {
            about,
            failing: peer.pfail || peer.fail,
            pong_s: peer.pong_received / 1000,
        }
    }

    /// Takes in the gossip section of a packet from `sender`.
    pub(super) fn hear_gossip(&mut self, sender: Member, gossip: &[Gossip], cx: &mut Cx) {
        for entry in gossip {
            if self.may_report(sender, cx) && entry.about != self.me {
                if entry.failing {
                    self.add_report(entry.about, sender, cx);
                    self.fail_if_majority(entry.about, cx);
                } else {
                    self.delete_report(entry.about, sender, cx);
                }
            }
            if !entry.failing && self.peer(entry.about).ping_sent == 0 {
                self.pick_up_pong(entry, cx);
            }
        }
    }

    fn may_report(&self, sender: Member, cx: &Cx) -> bool {
        match cx.spec.version {
            Version::Redis70 => self.peer(sender).primary,
            Version::Valkey8 => self.peer(sender).votes(),
        }
    }

    /// Rule C4: somebody else had a PONG from it later than this node did, to the whole second.
    fn pick_up_pong(&mut self, entry: &Gossip, cx: &Cx) {
        let pong = entry.pong_s * 1000;
        if pong <= cx.ms + 500
            && pong > self.peer(entry.about).pong_received
            && self.reports_about(entry.about, cx) == 0
        {
            self.peer_mut(entry.about).pong_received = pong;
        }
    }

    fn add_report(&mut self, about: Member, sender: Member, cx: &Cx) {
        let reports = &mut self.peer_mut(about).reports;
        match reports.iter_mut().find(|(reporter, _)| *reporter == sender) {
            Some((_, time)) => *time = cx.ms,
            None => reports.push((sender, cx.ms)),
        }
    }

    fn delete_report(&mut self, about: Member, sender: Member, cx: &Cx) {
        let reports = &mut self.peer_mut(about).reports;
        let before = reports.len();
        reports.retain(|(reporter, _)| *reporter != sender);
        if reports.len() < before {
            self.reports_about(about, cx);
        }
    }

    /// Reports that still count: two node timeouts after the last refresh they are dropped.
    fn reports_about(&mut self, about: Member, cx: &Cx) -> usize {
        let validity = 2 * cx.spec.node_timeout_ms();
        let reports = &mut self.peer_mut(about).reports;
        reports.retain(|(_, time)| cx.ms - time <= validity);
        reports.len()
    }

    /// Rules C12 and C13.
    fn fail_if_majority(&mut self, about: Member, cx: &mut Cx) {
        if !self.peer(about).pfail || self.peer(about).fail {
            return;
        }
        let own = match cx.spec.version {
            Version::Redis70 => self.is_primary(),
            Version::Valkey8 => self.myself().votes(),
        };
        if self.reports_about(about, cx) + usize::from(own) >= self.quorum() {
            self.declare_failed(about, cx);
        }
    }

    /// Flags a node as failed and tells everybody.
    pub(super) fn declare_failed(&mut self, about: Member, cx: &mut Cx) {
        self.flag_failed(about, true, cx);
        self.broadcast(PacketKind::Fail { about }, cx);
    }

    pub(super) fn flag_failed(&mut self, about: Member, declared: bool, cx: &mut Cx) {
        let ms = cx.ms;
        let peer = self.peer_mut(about);
        peer.pfail = false;
        peer.fail = true;
        peer.fail_time = ms;
        self.todo.update_state = true;
        self.recheck = true;
        cx.effect(BusEffect::Fail {
            by: self.me,
            of: about,
            declared,
        });
    }
}
