//! Gossip: what a node says about others, and what receivers conclude.
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
use super::node::{Cx, Node};
use super::packet::{Gossip, PacketKind};
use super::spec::Version;

impl Node {
    /// Fills the gossip section of one PING or PONG. `named` is all false before and after.
    pub(super) fn gossip_into(&mut self, gossip: &mut Vec<Gossip>, named: &mut Vec<bool>) {
        let nodes = self.peers.len();
        named.resize(nodes, false);
        let mut fresh = nodes.saturating_sub(2);
        let wanted = (nodes / 10).max(3).min(fresh);
        for _ in 0..wanted * 3 {
            if fresh == 0 || gossip.len() == wanted {
                break;
            }
            let about = self.table.pick(&mut self.rng);
            if about == self.me || self.peers.pfail(about) {
                continue;
            }
            if !self.peers.is_linked(about) && !self.peers.has_slots(about) {
                fresh -= 1;
                continue;
            }
            if !std::mem::replace(&mut named[about.index()], true) {
                gossip.push(self.gossip_about(about));
                fresh -= 1;
            }
        }
        for entry in &*gossip {
            named[entry.about.index()] = false;
        }
        let suspects = self.table.members().filter(|m| self.peers.pfail(*m));
        gossip.extend(
            suspects
                .take(self.pfail_counted)
                .map(|m| self.gossip_about(m)),
        );
    }

    fn gossip_about(&self, about: Member) -> Gossip {
        let pong_s = self.peers.pong_received(about) / 1000;
        Gossip {
            about,
            failing: self.peers.failing(about),
            pong_s: u32::try_from(pong_s).expect("fewer than 2^32 seconds"),
        }
    }

    /// Takes in the gossip section of a packet from `sender`.
    pub(super) fn hear_gossip(&mut self, sender: Member, gossip: &[Gossip], cx: &mut Cx) {
        for entry in gossip {
            if entry.failing || self.peers.is_reported(entry.about) {
                self.hear_report(sender, entry, cx);
            }
            if !entry.failing && !self.peers.is_pinged(entry.about) {
                self.pick_up_pong(entry, cx);
            }
        }
    }

    /// Keeps or drops what `sender` reports about a third node.
    fn hear_report(&mut self, sender: Member, entry: &Gossip, cx: &mut Cx) {
        let about = entry.about;
        if !self.may_report(sender, cx) || about == self.me {
            return;
        }
        if entry.failing {
            self.peers.add_report(about, sender, cx.ms);
            self.fail_if_majority(about, cx);
        } else if self.peers.drop_reports(about, |by, _| by != sender) > 0 {
            self.reports_about(about, cx);
        }
    }

    fn may_report(&self, sender: Member, cx: &Cx) -> bool {
        match cx.spec.version {
            Version::Redis70 => self.peers.is_primary(sender),
            Version::Valkey8 => self.peers.votes(sender),
        }
    }

    /// Rule C4: somebody else had a PONG from it later than this node did, to the whole second.
    fn pick_up_pong(&mut self, entry: &Gossip, cx: &Cx) {
        let pong = u64::from(entry.pong_s) * 1000;
        if pong > self.peers.pong_received(entry.about)
            && pong <= cx.ms + 500
            && self.reports_about(entry.about, cx) == 0
        {
            self.peers.set_pong_received(entry.about, pong);
        }
    }

    /// Reports that still count: two node timeouts after the last refresh they are dropped.
    fn reports_about(&mut self, about: Member, cx: &Cx) -> usize {
        let validity = 2 * cx.node_timeout;
        self.peers
            .drop_reports(about, |_, time| cx.ms - time <= validity);
        self.peers.reports(about)
    }

    /// Rules C12 and C13.
    fn fail_if_majority(&mut self, about: Member, cx: &mut Cx) {
        if !self.peers.pfail(about) || self.peers.fail(about) {
            return;
        }
        let own = match cx.spec.version {
            Version::Redis70 => self.is_primary(),
            Version::Valkey8 => self.peers.votes(self.me),
        };
        if self.reports_about(about, cx) + usize::from(own) >= self.quorum() {
            self.declare_failed(about, cx);
        }
    }

    /// Flags a node as failed and tells everybody.
    pub(super) fn declare_failed(&mut self, about: Member, cx: &mut Cx) {
        self.flag_failed(about, true, cx);
        self.broadcast(&PacketKind::Fail { about }, cx);
    }

    pub(super) fn flag_failed(&mut self, about: Member, declared: bool, cx: &mut Cx) {
        self.peers.set_pfail(about, false);
        self.peers.set_fail(about, true);
        self.peers.rare_mut(about).fail_time = cx.ms;
        self.before_sleep.update_state = true;
        self.recheck = true;
        cx.effect(BusEffect::Fail {
            by: self.me,
            of: about,
            declared,
        });
    }
}
