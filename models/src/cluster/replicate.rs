//! Replicas and their primaries: the stream runs, stops, goes on, or starts over.
//!
//! ```text
//!               cannot talk                 both can again
//!  Streaming ────────────────► Apart ───────────────────────► the connection stands: goes on
//!      ▲                         │ silent for repl-timeout,          it is torn: PSYNC
//!      │                         │ or too much is held                      │
//!      │                         └──► torn                                  │
//!      └── CatchingUp ◄──────────────────────────────────── partial ◄───────┤
//!               ▲                                                           │
//!               └── Loading ◄── Receiving ◄── Waiting ◄──── full ◄──────────┘   (copying.rs)
//! ```
//!
//! A replica that follows somebody else connects to it at once and asks to go on there. Nothing
//! happens while all streams run: instants are planned when something changes, and planned again
//! when writes are let in or kept out.
//!
//! Left out: what the kernels' socket buffers hold; the round trips of the handshake; a replica
//! that follows a replica gets nothing until it is told of the primary.

use sim::SimTime;

use super::Cluster;
use super::consequence::Consequence;
use super::node::Change;
use super::replication::{Copying, DisconnectCause, Due, Link};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ShardId, ViewId};
use crate::moment::MomentKind;
use crate::redis::capability::Condition;
use crate::redis::replication::{FullResyncReason, Lineage, Psync};
use crate::redis::replication::{SECOND, lagging_at};
use crate::spec::service::{OnTimeoutSpec, WaitSpec};
use demand::answer::Answer;
use failover::cluster_bus::ReplicaLink;

impl Cluster {
    fn connected(&self, replica: NodeId, primary: NodeId) -> bool {
        self.topology[primary].primary
            && self.condition(primary).streams()
            && self.condition(replica).streams()
            && self.topology.reaches(replica, primary)
    }

    /// Re-evaluates the replication link after either end changed.
    pub(super) fn reconsider(&mut self, replica: NodeId, cx: &mut Cx) {
        let Some(primary) = self.replication[replica].follows else {
            return;
        };
        let connected = self.connected(replica, primary);
        if !connected {
            self.note_gone(replica, primary, cx.now);
        }
        match self.replication[replica].link {
            Link::Streaming | Link::CatchingUp { .. } if !connected => {
                let why = self.disconnect_cause(replica, primary);
                self.part(replica, why, cx);
            }
            Link::Receiving(copying) if self.only_source_hangs(replica, primary) => {
                if copying.stalled.is_none() {
                    self.stall_copy(replica, true, cx);
                }
            }
            Link::Receiving(Copying {
                stalled: Some(_), ..
            }) if connected => self.stall_copy(replica, false, cx),
            Link::Loading(_) if self.only_source_hangs(replica, primary) => {}
            Link::Waiting { .. } | Link::Receiving(_) | Link::Loading(_) if !connected => {
                // What was copied so far is lost with the connection.
                let why = self.disconnect_cause(replica, primary);
                self.disconnect(replica, why, Some(cx.now), cx);
            }
            Link::Down {
                closed_at: None, ..
            } if !connected && self.disconnect_cause(replica, primary) == DisconnectCause::Gone => {
                self.close_connection(replica, cx);
            }
            Link::Down { reconnects_at, .. } if connected != reconnects_at.is_some() => {
                let at = connected.then(|| self.rejoins(replica, cx.now));
                self.set_reconnect(replica, at, cx);
            }
            Link::None
            | Link::Streaming
            | Link::CatchingUp { .. }
            | Link::Waiting { .. }
            | Link::Receiving(_)
            | Link::Loading(_)
            | Link::Down { .. } => {}
        }
    }

    /// One of the two processes is new or gone while the replica tries to connect across a cut: a
    /// new replica begins anew, and otherwise its next SYN is answered, if only with RST.
    fn note_gone(&mut self, replica: NodeId, primary: NodeId, now: SimTime) {
        let Link::Down {
            why: DisconnectCause::Cut,
            closed_at: Some(_),
            ..
        } = self.replication[replica].link
        else {
            return;
        };
        if self.disconnect_cause(replica, primary) != DisconnectCause::Gone {
            return;
        }
        let answered = match self.condition(replica) {
            Condition::Killed | Condition::Loading => now,
            _ => self.rejoins(replica, now),
        };
        if let Link::Down { why, closed_at, .. } = &mut self.replication[replica].link {
            (*why, *closed_at) = (DisconnectCause::Gone, Some(answered));
        }
    }

    /// Would the two talk if the primary did not hang?
    fn only_source_hangs(&self, replica: NodeId, primary: NodeId) -> bool {
        self.topology[primary].primary
            && self.condition(primary).hangs()
            && self.condition(replica).streams()
            && self.topology.reaches(replica, primary)
    }

    fn disconnect_cause(&self, replica: NodeId, primary: NodeId) -> DisconnectCause {
        let gone = |condition| matches!(condition, Condition::Killed | Condition::Loading);
        let (of, by) = (self.condition(replica), self.condition(primary));
        if gone(of) || gone(by) || !self.topology[primary].primary {
            DisconnectCause::Gone
        } else if of.hangs() || by.hangs() {
            DisconnectCause::Hung
        } else {
            DisconnectCause::Cut
        }
    }

    /// A stream that ran stops: what the replica has by now is settled.
    fn part(&mut self, replica: NodeId, why: DisconnectCause, cx: &mut Cx) {
        self.note_stream(replica, cx.now);
        let closed_at = (why == DisconnectCause::Gone).then_some(cx.now);
        let since = cx.now;
        let link = match why {
            DisconnectCause::Gone => ReplicaLink::Down { since },
            DisconnectCause::Hung | DisconnectCause::Cut => ReplicaLink::Silent { since },
        };
        self.then([
            Consequence::Disconnect {
                replica,
                why,
                closed_at,
            },
            Consequence::Report { replica, link },
        ]);
    }

    /// Settles how far a running stream has come. What a hung primary had sent still arrives.
    fn note_stream(&mut self, replica: NodeId, now: SimTime) {
        let Some(primary) = self.replication[replica].follows else {
            return;
        };
        if self.replication[replica].link != Link::Streaming {
            self.replication[replica].covered =
                self.replication.covered(replica, now, self.redis.latency);
            return;
        }
        let arrives = self.condition(primary).hangs() && self.topology.reaches(replica, primary);
        let covered = if arrives {
            now
        } else {
            self.replication.covered(replica, now, self.redis.latency)
        };
        let offset = self.offset(primary, covered);
        let node = &mut self.replication[replica];
        node.covered = covered.max(node.covered);
        node.lineage.advance_to(offset.max(node.lineage.offset()));
    }

    /// A replica and its primary do not talk.
    pub(super) fn disconnect(
        &mut self,
        replica: NodeId,
        why: DisconnectCause,
        closed_at: Option<SimTime>,
        cx: &mut Cx,
    ) {
        let link = Link::Down {
            since: cx.now,
            why,
            closed_at,
            lagging: false,
            reconnects_at: None,
        };
        self.then([
            Consequence::SetStream { replica, link },
            Consequence::Reconsider(replica),
        ]);
    }

    /// A replica's stream is in another state. Its own process may do something else then, and
    /// others who wait for the same source may have their turn.
    pub(super) fn set_stream(&mut self, replica: NodeId, link: Link, cx: &mut Cx) {
        if !matches!(link, Link::Loading(_)) {
            self.replication[replica].soft_since = None;
        }
        self.then([Consequence::StreamSet { replica, link }]);
        self.change(replica, Change::Link(link), cx);
    }

    /// Plans what a stream waits for in its new state, unless it is in another one by now.
    pub(super) fn stream_set(&mut self, replica: NodeId, link: Link, cx: &mut Cx) {
        if self.replication[replica].link == link {
            self.plan_stream(replica, cx);
        }
        let Some(source) = self.replication[replica].follows else {
            return;
        };
        self.replication.note_alone(source, cx.now);
        self.end_feeding(source, cx.now);
        for other in self.replication.followers(source) {
            if other != replica && matches!(self.replication[other].link, Link::Waiting { .. }) {
                self.plan_stream(other, cx);
            }
        }
    }

    fn set_reconnect(&mut self, replica: NodeId, at: Option<SimTime>, cx: &mut Cx) {
        if let Link::Down { reconnects_at, .. } = &mut self.replication[replica].link {
            *reconnects_at = at;
            self.plan_stream(replica, cx);
        }
    }

    /// What a replica's stream waited for is due.
    pub(super) fn on_stream(&mut self, replica: NodeId, wait: u32, cx: &mut Cx) {
        if self.replication[replica].wait != wait {
            return;
        }
        let due = self.replication[replica]
            .due
            .take()
            .expect("it was planned");
        let primary = self.replication[replica].follows.expect("a replica waited");
        match (due, self.replication[replica].link) {
            (
                Due::Rejoin,
                Link::Down {
                    closed_at: None, ..
                },
            ) => self.go_on(replica, primary, cx),
            (Due::Rejoin, _) => self.psync(replica, primary, cx),
            (Due::Tear, _) => {
                cx.ledger.trace(cx.now, || {
                    format!("{}: its stream is given up", self.node_name(replica))
                });
                match self.replication[replica].link {
                    Link::Receiving(_) => {
                        self.disconnect(replica, DisconnectCause::Hung, Some(cx.now), cx);
                    }
                    _ => self.close_connection(replica, cx),
                }
            }
            (Due::Lag, _) => {
                if let Link::Down { lagging, .. } = &mut self.replication[replica].link {
                    *lagging = true;
                }
                self.plan_stream(replica, cx);
            }
            (Due::SoftLimit, _) => {
                self.replication[replica].soft_since = Some(cx.now);
                self.plan_stream(replica, cx);
            }
            (Due::Fork, _) => self.fork(primary, cx),
            (Due::Received, Link::Receiving(copying)) => self.received(replica, copying, cx),
            (Due::Loaded, Link::Loading(copying)) => self.loaded(replica, primary, copying, cx),
            (Due::CutOff, _) => self.cut_off(replica, primary, cx),
            (Due::CaughtUp, _) => {
                cx.ledger
                    .trace(cx.now, || format!("{}: in sync", self.node_name(replica)));
                cx.ledger
                    .moment(cx.now, MomentKind::SyncDone, &self.node_name(replica));
                self.set_stream(replica, Link::Streaming, cx);
            }
            (due, link) => unreachable!("{due:?} was not planned for {link:?}"),
        }
    }

    /// The connection has outlived the silence: what was held for the replica comes now.
    fn go_on(&mut self, replica: NodeId, primary: NodeId, cx: &mut Cx) {
        let held = self.held_for(replica, primary, cx.now);
        cx.ledger.trace(cx.now, || {
            format!(
                "{}: its stream goes on, {held} bytes late",
                self.node_name(replica)
            )
        });
        self.catch_up(replica, held, cx);
    }

    /// Bytes of the primary's history that a replica does not have.
    pub(super) fn held_for(&self, replica: NodeId, primary: NodeId, now: SimTime) -> u64 {
        let has = self.replication[replica].lineage.offset();
        let held = self.offset(primary, now).checked_sub(has);
        held.expect("a replica is never ahead of the history that it follows")
    }

    /// A silent connection is ended, by whichever side.
    pub(super) fn close_connection(&mut self, replica: NodeId, cx: &mut Cx) {
        if let Link::Down { since, why, .. } = self.replication[replica].link {
            let source = self.replication[replica].follows;
            let cause = source.map(|primary| self.disconnect_cause(replica, primary));
            let why = cause
                .filter(|cause| *cause == DisconnectCause::Gone)
                .unwrap_or(why);
            let link = Link::Down {
                since,
                why,
                closed_at: Some(cx.now),
                lagging: true,
                reconnects_at: None,
            };
            let down = self.replication[replica].link_lost(cx.now);
            self.then([
                Consequence::SetStream { replica, link },
                Consequence::Report {
                    replica,
                    link: down,
                },
                Consequence::Reconsider(replica),
            ]);
        }
    }

    /// A replica asks to go on where it stands (R2, R3).
    fn psync(&mut self, replica: NodeId, primary: NodeId, cx: &mut Cx) {
        self.note_offset(primary, cx.now);
        let ttl = self.redis.replication.backlog_ttl;
        let alone = self.replication[primary].alone;
        if ttl.as_nanos() > 0 && alone.is_some_and(|since| cx.now - since > ttl) {
            let history = self.replication.new_history();
            self.replication[primary].lineage.forget_backlog(history);
        }
        let source: Lineage = self.replication[primary].lineage;
        let answer = if self.replication[replica].positioned {
            source.answer(
                self.replication[replica].lineage.position(),
                self.redis.backlog,
            )
        } else {
            Psync::Full(FullResyncReason::OtherHistory)
        };
        match answer {
            Psync::Partial(bytes) => {
                cx.ledger.trace(cx.now, || {
                    format!("{}: partial resync, {bytes} bytes", self.node_name(replica))
                });
                self.replication[replica].lineage.go_on(&source);
                self.catch_up(replica, bytes, cx);
            }
            Psync::Full(why) => {
                cx.ledger.trace(cx.now, || {
                    let (name, why) = (self.node_name(replica), why.words());
                    format!("{name}: requests a full resync: {why}")
                });
                self.ask_for_copy(replica, cx);
            }
        }
    }

    /// A replica follows another primary from now on: it connects at once, and asks to go on there.
    pub(super) fn follow_primary(&mut self, node: NodeId, primary: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        self.note_offset(node, cx.now);
        self.note_stream(node, cx.now);
        let was_primary = std::mem::replace(&mut self.topology[node].primary, false);
        self.leave_unheard(node, cx);
        let before = self.replication.set_source(node, Some(primary));
        if was_primary {
            // From now on it sends its clients on.
            for view in self.clients.that_know(node) {
                self.clients.end_losses(view, shard, cx);
            }
        }
        self.take_writes(shard, cx.now);
        let link = match was_primary {
            true => ReplicaLink::NeverSynced,
            false => self.replication[node].link_lost(cx.now),
        };
        let (replica, why, closed_at) = (node, DisconnectCause::Gone, Some(cx.now));
        self.then([
            Consequence::Report { replica, link },
            Consequence::Disconnect {
                replica,
                why,
                closed_at,
            },
            Consequence::Left { node, before },
            Consequence::Followers(node),
        ]);
    }

    /// A replica turns away from a primary that a cut keeps from hearing of it: that goes on to
    /// count it until its last acknowledgement is too old (R10).
    fn leave_unheard(&mut self, node: NodeId, cx: &mut Cx) {
        let rule = self.redis.replication.min_replicas;
        let (Some(primary), Some(rule)) = (self.replication[node].follows, rule) else {
            return;
        };
        if let Link::Down {
            since,
            why: DisconnectCause::Cut,
            closed_at: None,
            lagging: false,
            ..
        } = self.replication[node].link
        {
            let [of, by] = [node, primary].map(|node| self.replication[node].cron);
            let silent = since.saturating_add(self.redis.replication.timeout + SECOND);
            let until = lagging_at(of, by, since, rule.max_lag).min(by.from(silent));
            if until > cx.now {
                self.replication[primary].left_by.push(until);
                self.after(until - cx.now, ClusterTimer::Lags(primary), cx);
            }
        }
    }

    /// A primary may count fewer replicas, of those that left it unheard.
    pub(super) fn forget_left(&mut self, primary: NodeId, now: SimTime) {
        self.replication[primary]
            .left_by
            .retain(|until| *until > now);
    }

    /// Of those who copy a shard's old owner, all follow its new one.
    pub(super) fn all_follow(&mut self, shard: ShardId, primary: NodeId) {
        let replicas = self.topology.replicas_of(shard).into_iter();
        self.then(replicas.map(|node| Consequence::FollowPrimary { node, primary }));
    }

    /// A node that has left its primary connects to the new one at once, if it can.
    pub(super) fn left(&mut self, node: NodeId, before: Option<NodeId>, cx: &mut Cx) {
        if matches!(
            self.replication[node].link,
            Link::Down {
                reconnects_at: Some(_),
                ..
            }
        ) {
            self.set_reconnect(node, Some(cx.now), cx);
        }
        if let Some(before) = before {
            self.replication.note_alone(before, cx.now);
        }
    }

    /// A replica is a primary from now on: a new history, from where its stream ended.
    pub(super) fn become_primary(&mut self, node: NodeId, cx: &mut Cx) {
        self.note_stream(node, cx.now);
        let shard = self.topology[node].shard;
        self.leave_unheard(node, cx);
        self.replication.promote(node, cx.now);
        let promoted = &mut self.topology[node];
        promoted.primary = true;
        promoted.read_only = false;
        self.take_writes(shard, cx.now);
    }

    /// What `WAIT` adds to a write that succeeds: a round trip to the replicas, which the primary
    /// asks for offsets at once (replication.c: waitCommand, replicationRequestAckFromSlaves),
    /// or the whole timeout.
    pub fn waited(&self, view: ViewId, wait: WaitSpec) -> Answer {
        let wanted = usize::from(wait.replicas);
        let acknowledged = |shard| {
            let owner = self.known_to(view, shard);
            self.replication.acknowledging(owner) >= wanted
        };
        if self.topology.asked_shards().all(acknowledged) {
            return Answer::Late(self.redis.latency * 2);
        }
        match wait.on_timeout {
            OnTimeoutSpec::Accept => Answer::Late(wait.timeout),
            OnTimeoutSpec::Fail => Answer::Unacknowledged(wait.timeout),
        }
    }

    /// Has a primary enough replicas that answered lately (R10)?
    pub(super) fn has_good_replicas(&self, primary: NodeId) -> bool {
        let Some(rule) = self.redis.replication.min_replicas else {
            return true;
        };
        !self.topology[primary].primary
            || self.replication.good_replicas(primary) >= usize::from(rule.to_write)
    }
}
