//! A failover once it is decided: choose, promote, see it happen, reconfigure, switch.
//!
//! ```text
//!   elected ─► select ─► SLAVEOF NO ONE ─► (INFO, once a second) seen as primary
//!           timer     timer                     └─► other Sentinels switch, by HELLO
//!                                               └─► SLAVEOF new primary, parallel-syncs at a time
//!                                                   ─► (INFO) done ─► leader switches
//! ```
//!
//! Sources: `sentinelFailoverStateMachine` and the functions it calls, `sentinelSelectSlave`,
//! `compareSlavesForPromotion`, `sentinelAbortFailover` in `src/sentinel.c`, Redis 7.0.15.

use std::cmp::Reverse;

use super::effect::{Abort, SentinelEffect};
use super::ids::{Node, Party};
use super::link::{INFO_PERIOD_MS, PING_PERIOD_MS};
use super::ticks::Ms;
use super::watcher::{Cx, Instance, Reconf, State, Watcher};

/// `sentinel_slave_reconf_timeout`: a replica that was told and does nothing counts as done.
const RECONF_TIMEOUT_MS: Ms = 10_000;

impl Watcher {
    pub(super) fn drive_failover(&mut self, cx: &mut Cx) {
        match self.failover.state {
            State::None | State::UpdateConfig => {}
            State::WaitStart => self.wait_for_votes(cx),
            State::SelectReplica => self.select(cx),
            State::SendPromotion => self.send_promotion(cx),
            State::WaitPromotion => {
                if self.state_age(cx) > cx.spec.failover_timeout_ms() {
                    self.abort_failover(Abort::ReplicaTimeout, cx);
                }
            }
            State::Reconfigure => {
                self.reconfigure_next(cx);
                self.detect_end(cx);
            }
        }
    }

    pub(super) fn enter(&mut self, state: State, ms: Ms) {
        self.failover.state = state;
        self.failover.state_since = ms;
    }

    fn state_age(&self, cx: &Cx) -> Ms {
        cx.ms - self.failover.state_since
    }

    /// The best replica that may be promoted: low priority number, much data, small run id.
    pub(super) fn best_replica(&self, cx: &Cx) -> Option<Node> {
        let down_for = if self.primary.sdown {
            cx.ms - self.primary.sdown_since
        } else {
            0
        };
        let link_down_max = down_for + 10 * cx.spec.down_after_ms();
        let info_age_max = if self.primary.sdown {
            5 * PING_PERIOD_MS
        } else {
            3 * INFO_PERIOD_MS
        };
        let fit = |replica: &&Instance| {
            !replica.sdown
                && !replica.link.disconnected
                && cx.ms - replica.link.last_avail <= 5 * PING_PERIOD_MS
                && replica.priority != 0
                && cx.ms - replica.info_refresh <= info_age_max
                && replica.link_down_ms <= link_down_max
        };
        let best = self.replicas.iter().filter(fit).min_by_key(|replica| {
            let run_id = replica.run_id.unwrap_or(u64::MAX);
            (replica.priority, Reverse(replica.offset), run_id)
        });
        best.map(Instance::node)
    }

    fn select(&mut self, cx: &mut Cx) {
        let Some(replica) = self.best_replica(cx) else {
            self.abort_failover(Abort::NoGoodReplica, cx);
            return;
        };
        let by = self.me;
        cx.effect(SentinelEffect::Selected { by, replica });
        self.failover.promoted = Some(replica);
        self.promoted_mut().reconf = Reconf::Promoted;
        self.enter(State::SendPromotion, cx.ms);
    }

    fn promoted_mut(&mut self) -> &mut Instance {
        let node = self.failover.promoted.expect("a replica is selected");
        self.instance_mut(Party::Node(node))
            .expect("replicas are forgotten only by a reset, which ends the failover")
    }

    fn send_promotion(&mut self, cx: &mut Cx) {
        if self.promoted_mut().link.disconnected {
            if self.state_age(cx) > cx.spec.failover_timeout_ms() {
                self.abort_failover(Abort::ReplicaTimeout, cx);
            }
            return;
        }
        self.promoted_mut().slave_of(None, cx);
        self.enter(State::WaitPromotion, cx.ms);
    }

    /// Tells the next replicas, `parallel-syncs` at a time.
    fn reconfigure_next(&mut self, cx: &mut Cx) {
        let promoted = self.failover.promoted;
        let parallel = usize::from(cx.spec.parallel_syncs);
        let busy = |r: &&Instance| matches!(r.reconf, Reconf::Sent | Reconf::InProgress);
        let mut in_progress = self.replicas.iter().filter(busy).count();
        for replica in &mut self.replicas {
            if in_progress >= parallel {
                break;
            }
            let sent_for = cx.ms - replica.reconf_sent_at;
            if replica.reconf == Reconf::Sent && sent_for > RECONF_TIMEOUT_MS {
                replica.reconf = Reconf::Done;
            }
            if replica.reconf == Reconf::No && !replica.link.disconnected {
                replica.slave_of(promoted, cx);
                replica.reconf = Reconf::Sent;
                replica.reconf_sent_at = cx.ms;
                in_progress += 1;
            }
        }
    }

    /// It is over when all replicas that are up copy the new primary, or out of time.
    fn detect_end(&mut self, cx: &mut Cx) {
        if self.promoted_mut().sdown {
            return;
        }
        let left = |r: &&Instance| !matches!(r.reconf, Reconf::Promoted | Reconf::Done) && !r.sdown;
        let timed_out = self.state_age(cx) > cx.spec.failover_timeout_ms();
        if self.replicas.iter().any(|r| left(&r)) && !timed_out {
            return;
        }
        let by = self.me;
        cx.effect(SentinelEffect::FailoverEnded { by, timed_out });
        self.enter(State::UpdateConfig, cx.ms);
        if !timed_out {
            return;
        }
        let promoted = self.failover.promoted;
        for replica in &mut self.replicas {
            let told = matches!(
                replica.reconf,
                Reconf::Promoted | Reconf::Done | Reconf::Sent
            );
            if !told && !replica.link.disconnected {
                replica.slave_of(promoted, cx);
                replica.reconf = Reconf::Sent;
            }
        }
    }

    pub(super) fn switch_to_promoted(&mut self, cx: &mut Cx) {
        let promoted = self.failover.promoted.expect("a failover ends with one");
        self.switch_primary(promoted, cx);
    }

    pub(super) fn abort_failover(&mut self, reason: Abort, cx: &mut Cx) {
        let by = self.me;
        cx.effect(SentinelEffect::FailoverAborted { by, reason });
        self.failover.in_progress = false;
        self.failover.forced = false;
        self.enter(State::None, cx.ms);
        if self.failover.promoted.is_some() {
            self.promoted_mut().reconf = Reconf::No;
            self.failover.promoted = None;
        }
    }
}
