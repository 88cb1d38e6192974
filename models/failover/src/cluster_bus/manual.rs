//! `CLUSTER FAILOVER`, and the event loop's last duties before it sleeps.
//!
//! Section 1.6 of the rules: the replica asks its primary to pause writes (MFSTART), learns the
//! offset at which it paused, waits until it has that much, and is then elected without a delay.
//! FORCE leaves out the primary, TAKEOVER leaves out everybody. The election obeys the ordinary
//! timer: within four node timeouts of the node's last election no new one is scheduled and the
//! attempt times out after 5 s. Sources: `clusterCommand`, `clusterHandleManualFailover`,
//! `manualFailoverCheckTimeout`, `clusterBumpConfigEpochWithoutConsensus`, `clusterBeforeSleep` in
//! `src/cluster.c`, Redis 7.0.15; Valkey pull request 1067.

use super::effect::{BusEffect, ManualFailover, ManualFailoverError};
use super::node::{Cx, Node};
use super::packet::{Packet, PacketKind};
use super::spec::Version;
use super::ticks::instant_of;

/// An attempt ends after this (`CLUSTER_MF_TIMEOUT`), the pause of writes after twice as long.
const TIMEOUT_MS: u64 = 5000;

impl Node {
    /// The command, given to this node.
    pub(super) fn command_failover(
        &mut self,
        kind: ManualFailover,
        cx: &mut Cx,
    ) -> Result<(), ManualFailoverError> {
        let Some(primary) = self.my_primary() else {
            return Err(ManualFailoverError::NotAReplica);
        };
        let down = self.peers.fail(primary) || !self.peers.is_linked(primary);
        if kind == ManualFailover::Plain && down {
            return Err(ManualFailoverError::PrimaryDown);
        }
        self.reset_manual(cx);
        self.manual.end = cx.ms + TIMEOUT_MS;
        self.recheck = true;
        match kind {
            ManualFailover::Plain => self.send(primary, PacketKind::ManualStart, cx),
            ManualFailover::Force => {
                self.manual.can_start = true;
                self.before_sleep.failover = cx.spec.version == Version::Valkey8;
            }
            ManualFailover::Takeover => {
                self.bump_config_epoch();
                self.replace_primary(cx);
            }
        }
        Ok(())
    }

    /// A new epoch without asking anybody, unless this node already has the greatest.
    fn bump_config_epoch(&mut self) {
        let greatest = self.peers.config_epoch_max().max(self.current_epoch);
        let mine = self.peers.config_epoch(self.me);
        if mine == 0 || mine != greatest {
            self.current_epoch += 1;
            self.peers.set_config_epoch(self.me, self.current_epoch);
            self.before_sleep.save = true;
        }
    }

    /// MFSTART at the primary: pause writes and tell the replica where they stopped.
    pub(super) fn start_manual_as_primary(&mut self, packet: &Packet, cx: &mut Cx) {
        let replica = packet.from;
        if self.peers.replica_of(replica) != Some(self.me) {
            return;
        }
        self.reset_manual(cx);
        self.manual.end = cx.ms + TIMEOUT_MS;
        self.manual.replica = Some(replica);
        self.recheck = true;
        let until = instant_of(cx.ms + 2 * TIMEOUT_MS);
        cx.effect(BusEffect::WritesPaused {
            primary: self.me,
            until,
        });
        self.send_on(packet.link, replica, PacketKind::Ping, cx);
    }

    /// Starts the election once this replica has all that the paused primary wrote.
    pub(super) fn handle_manual(&mut self) {
        if self.manual.end == 0 || self.manual.can_start {
            return;
        }
        if self.manual.primary_offset == Some(self.offset) {
            self.manual.can_start = true;
            self.before_sleep.failover = true;
        }
    }

    pub(super) fn check_manual_timeout(&mut self, cx: &mut Cx) {
        if self.manual.end != 0 && self.manual.end < cx.ms {
            self.reset_manual(cx);
            cx.effect(BusEffect::ManualFailoverTimedOut { member: self.me });
        }
    }

    /// `clusterBeforeSleep`, again and again until nothing is left. Returns whether `nodes.conf`
    /// went to disk, which what was sent meanwhile has to wait for.
    pub(super) fn before_sleep(&mut self, cx: &mut Cx) -> bool {
        let mut saved = false;
        for _ in 0..=8 {
            if self.before_sleep.is_empty() {
                return saved;
            }
            let before_sleep = std::mem::take(&mut self.before_sleep);
            if before_sleep.manual {
                if self.my_primary().is_some() {
                    self.handle_manual();
                    self.handle_failover(cx);
                }
            } else if before_sleep.failover {
                self.handle_failover(cx);
            }
            if before_sleep.update_state {
                self.update_state(cx);
            }
            saved |= before_sleep.save;
        }
        unreachable!("the event loop's duties end after a few rounds")
    }
}
