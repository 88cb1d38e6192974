//! What INFO tells a Sentinel, and what it does about it.
//!
//! INFO is the only source for roles, replicas and offsets. From it the leader learns that the
//! promotion has worked, everybody that a node plays the wrong role: one that returns as a primary
//! is made a replica after 8 s, one that copies the wrong node is put right after
//! `failover-timeout`; both only while the primary looks sane. Rules S7 and S12.
//!
//! Source: `sentinelRefreshInstanceInfo` in `src/sentinel.c`, Redis 7.0.15.

use super::effect::SentinelEffect;
use super::ids::{Node, Party};
use super::link::{INFO_PERIOD_MS, PUBLISH_PERIOD_MS};
use super::message::{Command, Info};
use super::ticks::Ms;
use super::watcher::{Cx, Instance, Kind, Reconf, State, Watcher};

impl Watcher {
    pub(super) fn hear_info(&mut self, from: Party, info: &Info, cx: &mut Cx) {
        if self.primary.id == from {
            for node in &info.replicas {
                if self.instance(Party::Node(*node)).is_none() {
                    self.add_replica(*node, cx.ms);
                    cx.out.saves += 1;
                }
            }
        }
        let instance = self.instance_mut(from).expect("it has a connection");
        instance.note_run_id(info.run_id, cx);
        instance.note_replication(info, cx.ms);
        let (kind, says_primary, reconf) = (instance.kind, instance.says_primary, instance.reconf);
        if self.tilt || kind != Kind::Replica {
            return;
        }
        if !says_primary {
            self.check_its_primary(from, cx);
            self.follow_reconfiguration(from, cx);
        } else if reconf == Reconf::Promoted
            && self.failover.in_progress
            && self.failover.state == State::WaitPromotion
        {
            self.note_promotion(from, cx);
        } else if reconf != Reconf::Promoted {
            self.convert_to_replica(from, cx);
        }
    }

    /// The promoted replica says that it is a primary.
    fn note_promotion(&mut self, from: Party, cx: &mut Cx) {
        self.config_epoch = self.failover.epoch;
        self.enter(State::Reconfigure, cx.ms);
        cx.out.saves += 1;
        let by = self.me;
        let node = self.instance(from).expect("it has a connection").node();
        cx.effect(SentinelEffect::PromotedSeen { by, node });
        self.force_hello();
    }

    /// A replica that turned into a primary without our doing, or a primary that has returned.
    fn convert_to_replica(&mut self, from: Party, cx: &mut Cx) {
        let wait = 4 * PUBLISH_PERIOD_MS;
        let (sane, primary, by) = (self.looks_sane(cx.ms), self.primary.node(), self.me);
        let instance = self.instance_mut(from).expect("it has a connection");
        if sane && instance.no_down_for(wait, cx.ms) && cx.ms - instance.role_since > wait {
            instance.slave_of(Some(primary), cx);
            let node = instance.node();
            cx.effect(SentinelEffect::ConvertToReplica { by, node });
        }
    }

    fn check_its_primary(&mut self, from: Party, cx: &mut Cx) {
        let wait = cx.spec.failover_timeout_ms();
        let (sane, primary, by) = (self.looks_sane(cx.ms), self.primary.node(), self.me);
        let instance = self.instance_mut(from).expect("it has a connection");
        if instance.copies == Some(primary) {
            return;
        }
        if sane && instance.no_down_for(wait, cx.ms) && cx.ms - instance.copies_since > wait {
            instance.slave_of(Some(primary), cx);
            let node = instance.node();
            cx.effect(SentinelEffect::FixReplica { by, node });
        }
    }

    /// Told to copy the new primary, does so, has a stream from it.
    fn follow_reconfiguration(&mut self, from: Party, cx: &mut Cx) {
        let (promoted, by) = (self.failover.promoted, self.me);
        let instance = self.instance_mut(from).expect("it has a connection");
        if instance.reconf == Reconf::Sent && promoted.is_some() && instance.copies == promoted {
            instance.reconf = Reconf::InProgress;
        }
        if instance.reconf == Reconf::InProgress && instance.link_up {
            instance.reconf = Reconf::Done;
            let replica = instance.node();
            cx.effect(SentinelEffect::ReplicaReconfigured { by, replica });
        }
    }

    /// `sentinelMasterLooksSane`.
    fn looks_sane(&self, ms: Ms) -> bool {
        self.primary.says_primary
            && !self.primary.sdown
            && !self.odown
            && ms - self.primary.info_refresh < 2 * INFO_PERIOD_MS
    }
}

impl Instance {
    fn note_run_id(&mut self, run_id: u64, cx: &mut Cx) {
        let known = self.run_id.replace(run_id);
        if known.is_none_or(|known| known == run_id) {
            return;
        }
        let (by, node) = (cx.me, self.node());
        cx.effect(SentinelEffect::Reboot { by, node });
        if self.kind == Kind::Primary && cx.spec.master_reboot_down_after_ms() != 0 {
            self.reboot = true;
            self.reboot_since = cx.ms;
        }
    }

    fn note_replication(&mut self, info: &Info, ms: Ms) {
        self.info_refresh = ms;
        self.link_down_ms = info.link_down_ms;
        let copies: Option<Node> = info.role.of();
        if copies.is_some() {
            if self.copies != copies {
                self.copies = copies;
                self.copies_since = ms;
            }
            self.link_up = info.link_up;
            self.priority = info.priority;
            self.offset = info.offset;
        }
        let says_primary = copies.is_none();
        if says_primary != self.says_primary {
            self.says_primary = says_primary;
            self.role_since = ms;
            if !says_primary {
                self.copies_since = ms;
            }
        }
    }

    /// `sentinelRedisInstanceNoDownFor`. The objective flag is the primary's alone.
    fn no_down_for(&self, span: Ms, ms: Ms) -> bool {
        self.sdown_since == 0 || ms - self.sdown_since > span
    }

    /// `sentinelSendSlaveOf`.
    pub(super) fn slave_of(&mut self, new_primary: Option<Node>, cx: &mut Cx) {
        self.send(Command::SlaveOf { new_primary }, cx);
    }
}
