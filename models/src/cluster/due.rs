//! What each replica's stream waits for, and when that is.
//!
//! One wait at a time for each replica, planned when its stream is in a new state and planned again
//! when something changes on which the instant depends: what a source holds for a replica grows
//! only while writes are let in.

use failover::tcp::{DATA_REPEAT, SYN_REPEAT, repeated};
use sim::SimTime;

use super::Cluster;
use super::replication::{Copying, DisconnectCause, Due, Link};
use crate::event::{ClusterTimer, Cx};
use crate::ids::NodeId;
use crate::redis::replication::{SECOND, lagging_at};

impl Cluster {
    /// Plans what a replica's stream waits for.
    pub(super) fn plan_stream(&mut self, replica: NodeId, cx: &mut Cx) {
        self.replication[replica].wait += 1;
        let planned = self.next_due(replica, cx.now);
        self.replication[replica].due = planned.map(|(_, due)| due);
        let Some((at, _)) = planned else { return };
        let wait = self.replication[replica].wait;
        let timer = ClusterTimer::Stream {
            node: replica,
            wait,
        };
        self.after(at.saturating_since(cx.now), timer, cx);
    }

    /// Writes are let in or kept out: what fills buffers is planned again.
    pub(super) fn plan_streams(&mut self, cx: &mut Cx) {
        self.plan_copies(cx);
        for replica in self.topology.ids() {
            match self.replication[replica].link {
                Link::Receiving(_)
                | Link::Loading(_)
                | Link::Down {
                    closed_at: None, ..
                } => {
                    self.plan_stream(replica, cx);
                }
                Link::None
                | Link::Streaming
                | Link::Waiting { .. }
                | Link::CatchingUp { .. }
                | Link::Down {
                    closed_at: Some(_), ..
                } => {}
            }
        }
    }

    fn next_due(&self, replica: NodeId, now: SimTime) -> Option<(SimTime, Due)> {
        let primary = self.replication[replica].follows?;
        let soft_since = self.replication[replica].soft_since;
        match self.replication[replica].link {
            Link::None | Link::Streaming => None,
            Link::Down {
                closed_at: Some(_),
                reconnects_at,
                ..
            } => reconnects_at.map(|at| (at, Due::Rejoin)),
            Link::Down {
                since,
                lagging,
                reconnects_at,
                ..
            } => {
                // A cut that heals leaves the stream silent until the kernel repeats a packet.
                let rejoins = reconnects_at.map(|at| (at, Due::Rejoin));
                let before = self.reconnect_due(replica, primary, since, lagging, now);
                rejoins.into_iter().chain(before).min_by_key(|(at, _)| *at)
            }
            Link::Waiting { .. } => self.fork_due(primary, now).map(|at| (at, Due::Fork)),
            Link::Receiving(Copying {
                stalled: Some(since),
                ..
            }) => {
                let silent = since.saturating_add(self.redis.replication.timeout + SECOND);
                Some((
                    self.replication[replica].cron.from(silent.max(now)),
                    Due::Tear,
                ))
            }
            Link::Receiving(copying) => {
                Some(self.or_cut_off(primary, copying, Due::Received, soft_since, now))
            }
            Link::Loading(copying) => {
                Some(self.or_cut_off(primary, copying, Due::Loaded, soft_since, now))
            }
            Link::CatchingUp { ends, .. } => Some((ends, Due::CaughtUp)),
        }
    }

    /// A silent connection: given up after `repl-timeout` by the side that still runs, or cut off
    /// by a primary that holds too much; and not counted by it for writes any more.
    fn reconnect_due(
        &self,
        replica: NodeId,
        primary: NodeId,
        since: SimTime,
        lagging: bool,
        now: SimTime,
    ) -> Option<(SimTime, Due)> {
        let rules = &self.redis.replication;
        let silent = since.saturating_add(rules.timeout + SECOND);
        let runs = |node: &NodeId| self.condition(*node).streams();
        let gives_up = |node: NodeId| self.replication[node].cron.from(silent);
        let tears = [replica, primary].into_iter().filter(runs).map(gives_up);
        let tears = tears.min();
        let has = self.replication[replica].lineage.offset();
        let soft_since = self.replication[replica].soft_since;
        let within = (now, tears.unwrap_or(SimTime::MAX));
        let overflows = self.held_too_much(primary, has, soft_since, within);
        let overflows = overflows.filter(|_| runs(&primary));
        let counts = rules.min_replicas.filter(|_| runs(&primary) && !lagging);
        let lags = counts.map(|rule| {
            let [of, by] = [replica, primary].map(|node| self.replication[node].cron);
            lagging_at(of, by, since, rule.max_lag)
        });
        let lags = lags.map(|at| (at.max(now), Due::Lag));
        let tears = tears.map(|at| (at.max(now), Due::Tear));
        let dues = lags.into_iter().chain(tears).chain(overflows);
        dues.min_by_key(|(at, _)| *at)
    }

    /// When a replica that was apart finds out that it can talk again.
    pub(super) fn rejoins(&self, replica: NodeId, now: SimTime) -> SimTime {
        let Link::Down {
            since,
            why,
            closed_at,
            ..
        } = self.replication[replica].link
        else {
            unreachable!("only a replica that is apart rejoins");
        };
        match (why, closed_at) {
            // Refused at once, it tries again each second.
            (DisconnectCause::Gone, closed_at) => {
                let answered = closed_at.map_or(now, |at| at.max(now));
                self.replication[replica].cron.from(answered)
            }
            (DisconnectCause::Hung, _) => now,
            (DisconnectCause::Cut, None) => repeated(since, DATA_REPEAT, now),
            (DisconnectCause::Cut, Some(closed_at)) => {
                // Each request to connect is repeated until it is given up for a new one.
                let gives_up = self.redis.replication.timeout + SECOND;
                let tries = (now - closed_at).as_nanos() / gives_up.as_nanos();
                let begun = closed_at + gives_up * tries;
                repeated(begun, SYN_REPEAT, now).min(begun + gives_up)
            }
        }
    }
}
