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
use super::ids::Member;
use super::node::{Cx, Node};
use super::packet::{Header, PacketKind};
use super::spec::{ClusterBusSpec, Version};
use super::ticks::{instant_of, ms_of};

/// Fixed part, bound of the random part, and the share of each rank in an election's delay.
const DELAY_MS: (u64, u64, u64) = (500, 500, 1000);

impl Node {
    /// One look at whether to stand, to ask, or to take over. Crons and votes lead here.
    pub(super) fn handle_failover(&mut self, cx: &mut Cx) {
        self.before_sleep.failover = false;
        let auth_age = cx.ms as i64 - self.election.time as i64;
        let by_hand = self.manual.end != 0 && self.manual.can_start;
        let Some(primary) = self.candidacy(by_hand) else {
            return;
        };
        if !by_hand && self.too_old(cx.spec, cx.ms) {
            return;
        }
        let timeout = vote_timeout(cx.node_timeout);
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
        let wanted = (self.peers.fail(primary) && !self.no_failover) || by_hand;
        (wanted && self.peers.has_slots(primary)).then_some(primary)
    }

    /// When a cron next has anything to do for an election, if nothing changes until then; `None`
    /// if at once.
    pub(super) fn election_due(&self, spec: &ClusterBusSpec, ms: u64) -> Option<u64> {
        if self.candidacy(false).is_none() || self.too_old(spec, ms) {
            return Some(u64::MAX);
        }
        let timeout = vote_timeout(spec.node_timeout_ms());
        let auth_age = ms as i64 - self.election.time as i64;
        let wins = self.election.sent && self.election.count >= self.quorum();
        if auth_age < 0 && !self.election.sent {
            Some(self.election.time)
        } else if auth_age > 2 * timeout || (auth_age <= timeout && (!self.election.sent || wins)) {
            None
        } else {
            Some(self.election.time + 2 * timeout as u64 + 1)
        }
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
            self.before_sleep.failover = true;
        }
        let (at, rank) = (instant_of(self.election.time), self.election.rank);
        cx.effect(BusEffect::ElectionScheduled {
            by: self.me,
            at,
            rank,
        });
        let siblings: Vec<Member> = self.peers.replicas_of(primary).collect();
        for sibling in siblings {
            if sibling != self.me {
                self.send(sibling, PacketKind::Pong, cx);
            }
        }
    }

    /// Rule E4: how many siblings hold more of the primary's data.
    fn rank(&self, primary: Member, cx: &Cx) -> u32 {
        let mine = (self.offset, cx.names[self.me.index()]);
        let better = |member: &Member| {
            if *member == self.me || self.peers.no_failover(*member) {
                return false;
            }
            let offset = self.peers.offset(*member);
            match cx.spec.version {
                Version::Redis70 => offset > self.offset,
                Version::Valkey8 => {
                    let name = cx.names[member.index()];
                    offset > mine.0 || (offset == mine.0 && name < mine.1)
                }
            }
        };
        let replicas = self.peers.replicas_of(primary);
        u32::try_from(replicas.filter(better).count()).expect("at most 65535")
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
        let force = self.manual.end != 0;
        self.broadcast(&PacketKind::AuthRequest { force }, cx);
        self.before_sleep.save = true;
        self.before_sleep.update_state = true;
    }

    /// Rule E7, first half: the epoch of the election becomes this node's.
    fn take_over(&mut self, cx: &mut Cx) {
        let epoch = self.election.epoch;
        let me = self.me;
        let epoch = self.peers.config_epoch(me).max(epoch);
        self.peers.set_config_epoch(me, epoch);
        self.replace_primary(cx);
    }

    /// `clusterFailoverReplaceYourMaster`.
    pub(super) fn replace_primary(&mut self, cx: &mut Cx) {
        let Some(old) = self.my_primary() else { return };
        let me = self.me;
        self.set_primary(me);
        let epoch = self.peers.config_epoch(me);
        for shard in self.shards_of(old) {
            self.assign(shard, Some(me));
            cx.effect(BusEffect::Promoted {
                member: me,
                shard,
                epoch,
            });
        }
        self.update_state(cx);
        self.before_sleep.save = true;
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
    pub(super) fn consider_vote(
        &mut self,
        candidate: Member,
        header: &Header,
        force: bool,
        cx: &mut Cx,
    ) {
        if !self.peers.votes(self.me)
            || header.current_epoch < self.current_epoch
            || self.last_vote_epoch == self.current_epoch
        {
            return;
        }
        let Some(primary) = self.peers.replica_of(candidate) else {
            return;
        };
        let failed = self.peers.fail(primary) || force;
        let voted_time = self.peers.rare(primary).map_or(0, |rare| rare.voted_time);
        if !failed || cx.ms - voted_time < 2 * cx.node_timeout {
            return;
        }
        let newer = |owner| self.peers.config_epoch(owner) > header.config_epoch;
        let outdated = header.shards.iter().any(|shard| {
            !self.unclaimed.contains(shard) && self.owner[shard.index()].is_some_and(newer)
        });
        if outdated {
            return;
        }
        self.last_vote_epoch = self.current_epoch;
        self.peers.rare_mut(primary).voted_time = cx.ms;
        self.before_sleep.save = true;
        self.send(candidate, PacketKind::AuthAck, cx);
        cx.effect(BusEffect::Vote {
            by: self.me,
            to: candidate,
            epoch: self.current_epoch,
        });
    }
}

/// For how long after its start an election counts votes, in milliseconds.
fn vote_timeout(node_timeout: u64) -> i64 {
    (2 * node_timeout).max(2000) as i64
}
