//! Who owns which shard, and whether that makes a working cluster.
//!
//! Rules E8, E9, P1 to P4. Sources: `clusterUpdateSlotsConfigWith`, `clusterSetMaster`,
//! `clusterUpdateState` in `src/cluster.c`, Redis 7.0.15. Left out: slots that move between shards,
//! and keys in lost slots (a primary that loses its slots becomes a replica and copies anew).

use super::effect::BusEffect;
use super::ids::{Member, ShardSet};
use super::node::{Cx, Manual, Node};
use super::spec::Version;
use super::ticks::ms_of;

/// A primary stays out of service for this long after a start (`CLUSTER_WRITABLE_DELAY`).
const WRITABLE_DELAY_MS: u64 = 2000;
/// Bounds of the node timeout as a delay after a minority (`CLUSTER_MIN/MAX_REJOIN_DELAY`).
const REJOIN_DELAY_MS: (u64, u64) = (500, 5000);

impl Node {
    /// `claimant` claims these shards with that epoch; the newer epoch wins.
    pub(super) fn adopt_slots(
        &mut self,
        claimant: Member,
        config_epoch: u64,
        claimed: ShardSet,
        cx: &mut Cx,
    ) {
        if claimant == self.me {
            return;
        }
        let current = if self.is_primary() {
            Some(self.me)
        } else {
            self.my_primary()
        };
        let mut lost_to_claimant = 0;
        for shard in claimed.iter() {
            let owner = self.owner[shard.index()];
            if owner == Some(claimant) {
                self.unclaimed.remove(shard);
                continue;
            }
            let newer = owner.is_none_or(|owner| {
                self.unclaimed.contains(shard) || self.peer(owner).config_epoch < config_epoch
            });
            if newer {
                lost_to_claimant += u32::from(owner.is_some() && owner == current);
                self.assign(shard, Some(claimant));
                self.unclaimed.remove(shard);
                self.todo.update_state = true;
                self.todo.save = true;
                self.recheck = true;
            }
        }
        for shard in self.peer(claimant).slots.without(claimed).iter() {
            self.unclaimed.insert(shard);
        }
        self.follow_slots(claimant, current, lost_to_claimant, claimed, cx);
    }

    /// Copies the node that took this one's (or its primary's) last slots.
    fn follow_slots(
        &mut self,
        claimant: Member,
        current: Option<Member>,
        lost: u32,
        claimed: ShardSet,
        cx: &mut Cx,
    ) {
        let emptied = current.is_some_and(|current| self.peer(current).slots.is_empty());
        let whole = claimed.iter().count() == lost as usize;
        if lost > 0 && emptied && (cx.spec.allow_replica_migration || whole) {
            self.set_my_primary(claimant, cx);
            return;
        }
        let grand_primary = self
            .my_primary()
            .and_then(|primary| self.peer(primary).replica_of);
        if let Some(grand_primary) = grand_primary.filter(|member| *member != self.me) {
            self.set_my_primary(grand_primary, cx);
        }
    }

    /// `clusterSetMaster`: from now on this node copies `primary`.
    pub(super) fn set_my_primary(&mut self, primary: Member, cx: &mut Cx) {
        assert!(primary != self.me, "no node copies itself");
        assert!(
            self.myself().slots.is_empty(),
            "an owner of slots does not become a replica"
        );
        let me = self.me;
        if self.is_primary() {
            self.peer_mut(me).primary = false;
            self.peer_mut(me).migrate_to = false;
            cx.effect(BusEffect::Demoted {
                member: me,
                new_primary: primary,
            });
        } else {
            cx.effect(BusEffect::ReplicaRepointed {
                member: me,
                new_primary: primary,
            });
        }
        self.attach(me, primary);
        self.reset_manual(cx);
        if cx.spec.version == Version::Valkey8 {
            self.election.time = 0;
        }
        self.todo.update_state = true;
        self.todo.save = true;
        self.recheck = true;
    }

    /// Ends a manual failover, whatever became of it.
    pub(super) fn reset_manual(&mut self, cx: &mut Cx) {
        if self.manual.replica.is_some() {
            cx.effect(BusEffect::WritesResumed { primary: self.me });
        }
        self.manual = Manual::default();
    }

    /// `clusterUpdateState`.
    pub(super) fn update_state(&mut self, cx: &mut Cx) {
        self.todo.update_state = false;
        self.update_due = None;
        if self.first_update == 0 {
            self.first_update = cx.ms;
        }
        let writable_at = self.first_update + WRITABLE_DELAY_MS;
        if self.is_primary() && !self.ok && cx.ms < writable_at {
            self.update_due = Some(writable_at);
            return;
        }
        let covered = !cx.spec.require_full_coverage
            || self
                .owner
                .iter()
                .all(|o| o.is_some_and(|owner| !self.peer(owner).fail));
        self.size = self.peers.iter().filter(|p| p.votes()).count();
        let reachable = self
            .peers
            .iter()
            .filter(|p| p.votes() && !p.fail && !p.pfail)
            .count();
        self.note_minority(reachable < self.quorum(), cx);
        let ok = covered && reachable >= self.quorum();
        if ok == self.ok {
            return;
        }
        let (least, most) = REJOIN_DELAY_MS;
        let rejoin_at = self.minority_at + cx.spec.node_timeout_ms().clamp(least, most);
        if ok && self.is_primary() && cx.ms < rejoin_at {
            self.update_due = Some(rejoin_at);
            return;
        }
        self.ok = ok;
        self.recheck = true;
        cx.effect(BusEffect::ClusterState { of: self.me, ok });
    }

    /// Remembers when this node was last in a minority. Redis looks again at every cron while the
    /// cluster is down; here a minority that ends was last seen at the cron before.
    fn note_minority(&mut self, minority: bool, cx: &Cx) {
        if minority {
            self.minority_at = cx.ms;
        } else if self.in_minority {
            let last_cron = ms_of(self.ticks.fired_last());
            self.minority_at = self.minority_at.max(last_cron);
        }
        self.in_minority = minority;
    }
}
