//! From one Sentinel's opinion to a quorum's: rules S9 and S10.
//!
//! While a Sentinel holds the primary for down it asks the others once a second. Their answers
//! stand for up to 5 s, so the quorum is one of opinions of slightly different times, and it counts
//! only when the next timer looks at them.
//!
//! Sources: `sentinelCheckObjectivelyDown`, `sentinelAskMasterStateToOtherSentinels`,
//! `sentinelReceiveIsMasterDownReply`, `sentinelCommand` in `src/sentinel.c`, Redis 7.0.15.

use super::effect::SentinelEffect;
use super::ids::{Node, Sentinel};
use super::message::{Command, Reply};
use super::spec::SentinelSpec;
use super::ticks::Ms;
use super::watcher::{Cx, State, Watcher};

/// `sentinel_ask_period`.
pub(super) const ASK_PERIOD_MS: Ms = 1_000;

impl Watcher {
    pub(super) fn check_odown(&mut self, cx: &mut Cx) {
        let odown = self.sees_quorum(cx.spec);
        if odown == self.odown {
            return;
        }
        self.odown = odown;
        let (by, of) = (self.me, self.primary.node());
        if odown {
            let votes = self.opinions();
            cx.effect(SentinelEffect::Odown { by, of, votes });
        } else {
            cx.effect(SentinelEffect::OdownCleared { by, of });
        }
    }

    /// How many hold the primary for down if this Sentinel does.
    fn opinions(&self) -> usize {
        1 + self.peers.iter().filter(|peer| peer.says_down).count()
    }

    pub(super) fn sees_quorum(&self, spec: &SentinelSpec) -> bool {
        self.primary.sdown && self.opinions() >= usize::from(spec.quorum)
    }

    /// `forced`: a failover starts, and votes are wanted at once.
    pub(super) fn ask_others(&mut self, forced: bool, cx: &mut Cx) {
        let (sdown, about, epoch) = (self.primary.sdown, self.primary.node(), self.current_epoch);
        let candidate = (self.failover.state > State::None).then_some(self.me);
        for peer in &mut self.peers {
            let elapsed = cx.ms - peer.down_reply_at;
            if elapsed > 5 * ASK_PERIOD_MS {
                peer.says_down = false;
                peer.leader = None;
            }
            let due = forced || elapsed >= ASK_PERIOD_MS;
            if sdown && !peer.link.disconnected && due {
                let ask = Command::AskDown {
                    about,
                    epoch,
                    candidate,
                };
                peer.send(ask, cx);
            }
        }
    }

    /// Another Sentinel asks; perhaps it wants a vote. In tilt nobody is down.
    pub(super) fn answer_down(
        &mut self,
        about: Node,
        epoch: u64,
        candidate: Option<Sentinel>,
        cx: &mut Cx,
    ) -> Reply {
        let mut reply = Reply::Down {
            down: false,
            leader: None,
            leader_epoch: 0,
        };
        if about == self.primary.node() {
            let leader = candidate.and_then(|candidate| self.vote(epoch, candidate, cx));
            reply = Reply::Down {
                down: !self.tilt && self.primary.sdown,
                leader,
                leader_epoch: self.leader_epoch,
            };
        }
        reply
    }
}
