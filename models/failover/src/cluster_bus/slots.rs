//! Who owns which shard, and whether that makes a working cluster.
//!
//! Rules E8, E9, P1 to P4. Sources: `clusterUpdateSlotsConfigWith`, `clusterSetMaster`,
//! `clusterUpdateState` in `src/cluster.c`, Redis 7.0.15. Left out: slots that move between shards,
//! and keys in lost slots (a primary that loses its slots becomes a replica and copies again).

use super::effect::BusEffect;
use super::ids::{Member, Shard};
use super::node::{Cx, Manual, Node, Seen};
use super::spec::Version;
use super::ticks::ms_of;

/// A primary stays out of service for this long after a start (`CLUSTER_WRITABLE_DELAY`).
const WRITABLE_DELAY_MS: u64 = 2000;
/// Bounds of the node timeout as a delay after a minority (`CLUSTER_MIN/MAX_REJOIN_DELAY`).
const REJOIN_DELAY_MS: (u64, u64) = (500, 5000);

/// Who votes, and whether all slots are served, in one node's eyes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Primaries with slots, and those among them without a flag.
    size: usize,
    reachable: usize,
    /// Each shard has an owner that has not failed.
    covered: bool,
}

impl Node {
    /// `claimant` claims these shards with that epoch; the newer epoch wins.
    pub(super) fn adopt_slots(
        &mut self,
        claimant: Member,
        config_epoch: u64,
        claimed: &[Shard],
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
        for &shard in claimed {
            let owner = self.owner[shard.index()];
            if owner == Some(claimant) {
                self.reclaim(shard);
                continue;
            }
            let newer = owner.is_none_or(|owner| {
                self.unclaimed.contains(&shard) || self.peers.config_epoch(owner) < config_epoch
            });
            if newer {
                lost_to_claimant += u32::from(owner.is_some() && owner == current);
                self.assign(shard, Some(claimant));
                self.reclaim(shard);
                self.before_sleep.update_state = true;
                self.before_sleep.save = true;
                self.recheck = true;
            }
        }
        for shard in self.shards_of(claimant) {
            if !claimed.contains(&shard)
                && let Err(place) = self.unclaimed.binary_search(&shard)
            {
                self.unclaimed.insert(place, shard);
                self.peers.note_config_change();
            }
        }
        self.follow_slots(claimant, current, lost_to_claimant, claimed, cx);
    }

    /// Its owner, or a new one, claims this shard.
    fn reclaim(&mut self, shard: Shard) {
        if let Ok(place) = self.unclaimed.binary_search(&shard) {
            self.unclaimed.remove(place);
            self.peers.note_config_change();
        }
    }

    /// Copies the node that took this one's (or its primary's) last slots.
    fn follow_slots(
        &mut self,
        claimant: Member,
        current: Option<Member>,
        lost: u32,
        claimed: &[Shard],
        cx: &mut Cx,
    ) {
        let emptied = current.is_some_and(|current| !self.peers.has_slots(current));
        let whole = claimed.len() == lost as usize;
        if lost > 0 && emptied && (cx.spec.allow_replica_migration || whole) {
            self.set_my_primary(claimant, cx);
            return;
        }
        let grand_primary = self
            .my_primary()
            .and_then(|primary| self.peers.replica_of(primary));
        if let Some(grand_primary) = grand_primary.filter(|member| *member != self.me) {
            self.set_my_primary(grand_primary, cx);
        }
    }

    /// `clusterSetMaster`: from now on this node copies `primary`.
    pub(super) fn set_my_primary(&mut self, primary: Member, cx: &mut Cx) {
        assert!(primary != self.me, "no node copies itself");
        assert!(
            !self.peers.has_slots(self.me),
            "an owner of slots does not become a replica"
        );
        let me = self.me;
        if self.is_primary() {
            self.peers.set_role(me, false);
            self.peers.set_migrate_to(me, false);
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
        self.before_sleep.update_state = true;
        self.before_sleep.save = true;
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
        self.before_sleep.update_state = false;
        self.update_due = None;
        if self.first_update == 0 {
            self.first_update = cx.ms;
        }
        let writable_at = self.first_update + WRITABLE_DELAY_MS;
        if self.is_primary() && !self.ok && cx.ms < writable_at {
            self.update_due = Some(writable_at);
            return;
        }
        let tally = self.tally();
        if tally.size != self.size {
            self.size = tally.size;
            self.peers.note_change();
        }
        self.note_minority(tally.reachable < self.quorum(), cx);
        let covered = tally.covered || !cx.spec.require_full_coverage;
        let ok = covered && tally.reachable >= self.quorum();
        if ok == self.ok {
            return;
        }
        let (least, most) = REJOIN_DELAY_MS;
        let rejoin_at = self.minority_at + cx.node_timeout.clamp(least, most);
        if ok && self.is_primary() && cx.ms < rejoin_at {
            self.update_due = Some(rejoin_at);
            return;
        }
        self.ok = ok;
        self.peers.note_change();
        self.recheck = true;
        cx.effect(BusEffect::ClusterState { of: self.me, ok });
    }

    /// The voters and the owners as this node sees them now.
    fn tally(&mut self) -> Tally {
        if self.tally.at != self.peers.changes() {
            let voters = || self.members().filter(|m| self.peers.votes(*m));
            let works = |owner: &Option<Member>| owner.is_some_and(|o| !self.peers.fail(o));
            let value = Tally {
                size: voters().count(),
                reachable: voters().filter(|m| !self.peers.failing(*m)).count(),
                covered: self.owner.iter().all(works),
            };
            let at = self.peers.changes();
            self.tally = Seen { at, value };
        }
        self.tally.value
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
