//! How a replica takes its failed primary's place.
//!
//! Rules E1 to E7 and the stale election timer. The timer is the instant at which the last election
//! was to start; 7.0 never clears it, so that
//! - a node that won an election waits out four node timeouts before it can stand again, and
//! - a node whose planned election was overtaken starts the next one at once, if a new failure
//!   comes within two node timeouts.
//!
//! Sources: `clusterHandleSlaveFailover`, `clusterGetSlaveRank`, `clusterSendFailoverAuthIfNeeded`,
//! `clusterFailoverReplaceYourMaster` in `src/cluster.c`, Redis 7.0.15; Valkey pull requests 762
//! and 782 for Valkey 8.

use super::effect::{BusEffect, ReplicaLink};
use super::ids::{Member, ShardSet};
use super::node::{Cx, Node, Peer};
use super::packet::{Packet, PacketKind};
use super::spec::{ClusterBusSpec, Version};
use super::ticks::{instant_of, ms_of};

/// Fixed part, bound of the random part, and the share of each rank in an election's delay.
const DELAY_MS: (u64, u64, u64) = (500, 500, 1000);

impl Node {
    /// One look at whether to stand, to ask, or to take over. Crons and votes lead here.
    pub(super) fn handle_failover(&mut self, cx: &mut Cx) {
        self.todo.failover = false;
        let auth_age = cx.ms as i64 - self.election.time as i64;
        let by_hand = self.manual.end != 0 && self.manual.can_start;
        let Some(primary) = self.candidacy(by_hand) else {
            return;
        };
        if !by_hand && self.too_old(cx.spec, cx.ms) {
            return;
        }
        let timeout = (2 * cx.spec.node_timeout_ms()).max(2000) as i64;
        if auth_age > 2 * timeout {
            self.schedule_election(primary, cx);
            return;
        }
        if !self.election.sent && self.manual.end == 0 {
            self.update_rank(primary, cx);
        }
        if cx.ms < self.election.time || auth_age > timeout {
            return;
        }
        if !self.election.sent {
            self.ask_for_votes(cx);
        } else if self.election.count >= self.quorum() {
            self.take_over(cx);
        }
    }

    /// The primary to replace, if the preconditions hold (rule E1).
    fn candidacy(&self, by_hand: bool) -> Option<Member> {
        let primary = self.my_primary()?;
        let master = self.peer(primary);
        let wanted = (master.fail && !self.no_failover) || by_hand;
        (wanted && !master.slots.is_empty()).then_some(primary)
    }

    /// Rule E2, in Redis' whole seconds.
    pub(super) fn too_old(&self, spec: &ClusterBusSpec, ms: u64) -> bool {
        if spec.replica_validity_factor == 0 {
            return false;
        }
        let seconds_since = |since_ms: u64| (ms / 1000).saturating_sub(since_ms / 1000) * 1000;
        let age = match self.replica_link {
            ReplicaLink::Up => 0,
            ReplicaLink::Silent { since } | ReplicaLink::Down { since } => {
                seconds_since(ms_of(since))
            }
            ReplicaLink::NeverSynced => return true,
        };
        let node_timeout = spec.node_timeout_ms();
        let age = if age > node_timeout {
            age - node_timeout
        } else {
            age
        };
        let ping_period = spec.repl_ping_replica_period.as_nanos() / 1_000_000;
        age > ping_period + node_timeout * u64::from(spec.replica_validity_factor)
    }

    /// Rule E3.
    fn schedule_election(&mut self, primary: Member, cx: &mut Cx) {
        let (fixed, random, per_rank) = DELAY_MS;
        let rank = self.rank(primary, cx);
        let delay = fixed + self.below(random) + per_rank * u64::from(rank);
        self.election.time = cx.ms + delay;
        self.election.count = 0;
        self.election.sent = false;
        self.election.rank = rank;
        if self.manual.end != 0 {
            self.election.time = cx.ms;
            self.election.rank = 0;
            self.todo.failover = true;
        }
        let (at, rank) = (instant_of(self.election.time), self.election.rank);
        cx.effect(BusEffect::ElectionScheduled {
            by: self.me,
            at,
            rank,
        });
        for sibling in self.siblings(primary) {
            self.send(sibling, PacketKind::Pong, cx);
        }
    }

    fn siblings(&self, primary: Member) -> Vec<Member> {
        self.replicas_of(primary)
            .map(|(m, _)| m)
            .filter(|m| *m != self.me)
            .collect()
    }

    /// Rule E4: how many siblings hold more of the primary's data.
    fn rank(&self, primary: Member, cx: &Cx) -> u32 {
        let mine = (self.offset, cx.names[self.me.index()]);
        let better = |(member, peer): &(Member, &Peer)| {
            if *member == self.me || peer.no_failover {
                return false;
            }
            match cx.spec.version {
                Version::Redis70 => peer.offset > self.offset,
                Version::Valkey8 => {
                    let name = cx.names[member.index()];
                    peer.offset > mine.0 || (peer.offset == mine.0 && name < mine.1)
                }
            }
        };
        u32::try_from(self.replicas_of(primary).filter(better).count()).expect("at most 65535")
    }

    fn update_rank(&mut self, primary: Member, cx: &mut Cx) {
        let (rank, per_rank) = (self.rank(primary, cx), DELAY_MS.2);
        let old = self.election.rank;
        let may_fall = cx.spec.version == Version::Valkey8;
        if rank > old || (may_fall && rank < old) {
            let time = self.election.time + per_rank * u64::from(rank);
            self.election.time = time - per_rank * u64::from(old);
            self.election.rank = rank;
            let at = instant_of(self.election.time);
            cx.effect(BusEffect::ElectionScheduled {
                by: self.me,
                at,
                rank,
            });
        }
    }

    /// Rule E5.
    fn ask_for_votes(&mut self, cx: &mut Cx) {
        self.current_epoch += 1;
        self.election.epoch = self.current_epoch;
        self.election.sent = true;
        cx.effect(BusEffect::ElectionStarted {
            by: self.me,
            epoch: self.current_epoch,
        });
        self.broadcast(
            PacketKind::AuthRequest {
                force: self.manual.end != 0,
            },
            cx,
        );
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Rule E7, first half: the epoch of the election becomes this node's.
    fn take_over(&mut self, cx: &mut Cx) {
        let epoch = self.election.epoch;
        let me = self.me;
        self.peer_mut(me).config_epoch = self.peer(me).config_epoch.max(epoch);
        self.replace_primary(cx);
    }

    /// `clusterFailoverReplaceYourMaster`.
    pub(super) fn replace_primary(&mut self, cx: &mut Cx) {
        let Some(old) = self.my_primary() else { return };
        let me = self.me;
        self.set_primary(me);
        let taken: ShardSet = self.peer(old).slots;
        let epoch = self.peer(me).config_epoch;
        for shard in taken.iter() {
            self.assign(shard, Some(me));
            cx.effect(BusEffect::Promoted {
                member: me,
                shard,
                epoch,
            });
        }
        self.update_state(cx);
        self.todo.save = true;
        for to in self.others() {
            self.send(to, PacketKind::Pong, cx);
        }
        self.reset_manual(cx);
        if cx.spec.version == Version::Valkey8 {
            self.election.time = 0;
        }
        self.recheck = true;
    }

    /// Rule E6. A refusal says nothing.
    pub(super) fn consider_vote(&mut self, packet: &Packet, force: bool, cx: &mut Cx) {
        let (candidate, header) = (packet.from, &packet.header);
        if !self.myself().votes()
            || header.current_epoch < self.current_epoch
            || self.last_vote_epoch == self.current_epoch
        {
            return;
        }
        let Some(primary) = self.peer(candidate).replica_of else {
            return;
        };
        let failed = self.peer(primary).fail || force;
        let spacing = 2 * cx.spec.node_timeout_ms();
        if !failed || cx.ms - self.peer(primary).voted_time < spacing {
            return;
        }
        let outdated = header.slots.iter().any(|shard| {
            !self.unclaimed.contains(shard)
                && self.owner[shard.index()]
                    .is_some_and(|owner| self.peer(owner).config_epoch > header.config_epoch)
        });
        if outdated {
            return;
        }
        self.last_vote_epoch = self.current_epoch;
        self.peer_mut(primary).voted_time = cx.ms;
        self.todo.save = true;
        self.send(candidate, PacketKind::AuthAck, cx);
        cx.effect(BusEffect::Vote {
            by: self.me,
            to: candidate,
            epoch: self.current_epoch,
        });
    }
}
