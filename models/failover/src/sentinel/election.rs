//! Who may fail over: one vote per Sentinel and epoch, given to the first who asks.
//!
//! ```text
//!   quorum holds the primary for down, last attempt 2 x failover-timeout ago
//!     ──► epoch + 1, everybody is asked for a vote, at the next timer my own vote and theirs count
//!     ──► a majority of all Sentinels ever known, and at least the quorum: leader
//! ```
//!
//! Having voted for another also holds back one's own next attempt. Each start is stamped up to a
//! second late at random, which only spreads the next attempts: the election does not wait for it.
//!
//! Sources: `sentinelStartFailoverIfNeeded`, `sentinelStartFailover`, `sentinelVoteLeader`,
//! `sentinelGetLeader`, `sentinelFailoverWaitStart` in `src/sentinel.c`, Redis 7.0.15.

use super::effect::{Abort, SentinelEffect};
use super::ids::Sentinel;
use super::ticks::{Ms, below};
use super::watcher::{Cx, State, Watcher};

/// `SENTINEL_MAX_DESYNC`.
const DESYNC_MAX_MS: u64 = 1_000;
/// `sentinel_election_timeout`.
const ELECTION_TIMEOUT_MS: Ms = 10_000;

impl Watcher {
    /// The start gate.
    pub(super) fn may_start_failover(&self, cx: &Cx) -> bool {
        let waited = cx.ms - self.failover.start_time;
        self.odown && !self.failover.in_progress && waited >= self.gate_ms(cx)
    }

    fn gate_ms(&self, cx: &Cx) -> Ms {
        2 * cx.spec.failover_timeout_ms()
    }

    pub(super) fn start_failover(&mut self, cx: &mut Cx) {
        self.current_epoch += 1;
        self.failover.in_progress = true;
        self.failover.epoch = self.current_epoch;
        self.failover.start_time = self.desync(cx.ms);
        self.enter(State::WaitStart, cx.ms);
        let (by, of, epoch) = (self.me, self.primary.node(), self.current_epoch);
        cx.effect(SentinelEffect::TryFailover { by, of, epoch });
    }

    fn desync(&mut self, ms: Ms) -> Ms {
        ms + Ms::try_from(below(&mut self.rng, DESYNC_MAX_MS)).expect("below a second")
    }

    /// Votes for `candidate` if no vote of this or a later epoch was given yet, and returns
    /// the candidate of the last vote.
    pub(super) fn vote(
        &mut self,
        epoch: u64,
        candidate: Sentinel,
        cx: &mut Cx,
    ) -> Option<Sentinel> {
        if epoch > self.current_epoch {
            self.current_epoch = epoch;
            cx.out.saves += 1;
        }
        if self.leader_epoch < epoch && self.current_epoch <= epoch {
            self.leader = Some(candidate);
            self.leader_epoch = self.current_epoch;
            cx.out.saves += 1;
            let (by, to, epoch) = (self.me, candidate, self.leader_epoch);
            cx.effect(SentinelEffect::Vote { by, to, epoch });
            if candidate != self.me {
                self.failover.start_time = self.desync(cx.ms);
            }
        }
        self.leader
    }

    /// Counts the votes of the current epoch, my own last: it goes to the leader so far.
    fn count_votes(&mut self, cx: &mut Cx) -> Option<Sentinel> {
        let mut counts: Vec<(Sentinel, usize)> = Vec::new();
        for peer in &self.peers {
            let Some(leader) = peer.leader else { continue };
            if peer.leader_epoch == self.current_epoch {
                add_vote(&mut counts, leader);
            }
        }
        let epoch = self.failover.epoch;
        let ahead = most_votes(&counts).map_or(self.me, |(leader, _)| leader);
        let mine = self.vote(epoch, ahead, cx);
        if let Some(mine) = mine
            && self.leader_epoch == epoch
        {
            add_vote(&mut counts, mine);
        }
        let voters = self.peers.len() + 1;
        let needed = (voters / 2 + 1).max(usize::from(cx.spec.quorum));
        let winner = most_votes(&counts).filter(|(_, votes)| *votes >= needed);
        winner.map(|(leader, _)| leader)
    }

    pub(super) fn wait_for_votes(&mut self, cx: &mut Cx) {
        let elected = self.count_votes(cx) == Some(self.me);
        if elected || self.failover.forced {
            let (by, epoch) = (self.me, self.failover.epoch);
            cx.effect(SentinelEffect::ElectedLeader { by, epoch });
            self.enter(State::SelectReplica, cx.ms);
            return;
        }
        let timeout = ELECTION_TIMEOUT_MS.min(cx.spec.failover_timeout_ms());
        if cx.ms - self.failover.start_time > timeout {
            self.abort_failover(Abort::NotElected, cx);
        }
    }
}

fn add_vote(counts: &mut Vec<(Sentinel, usize)>, leader: Sentinel) {
    match counts.iter_mut().find(|(known, _)| *known == leader) {
        Some((_, votes)) => *votes += 1,
        None => counts.push((leader, 1)),
    }
}

/// The first of those with the most votes.
fn most_votes(counts: &[(Sentinel, usize)]) -> Option<(Sentinel, usize)> {
    let most = counts.iter().map(|(_, votes)| *votes).max()?;
    counts.iter().copied().find(|(_, votes)| *votes == most)
}
