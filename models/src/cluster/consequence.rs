//! What follows from a change and is still to be done.
//!
//! A change of a node concerns the bus, its stream and its replicas, which may change in turn. Each
//! puts what it brings about on one list, and the list is worked off from its end: what a change
//! brings about is done with all that follows from it before the next thing that waited already.
//!
//! ```text
//! change(node) ──► notify control ──► effects: promotions, new primaries ──► streams
//!    ▲                                                                         │
//!    └───── streams of the node and of its replicas: another state ◄───────────┘
//! ```
//!
//! Nothing on the list calls [`Cluster::drain`]; what an event does directly calls it where the
//! next step needs the consequences of the last.

use sim::SimTime;

use super::Cluster;
use super::replication::{DisconnectCause, Link};
use crate::event::Cx;
use crate::ids::{NodeId, ShardId};
use crate::redis::capability::Condition;
use failover::cluster_bus::{BusEffect, ReplicaLink};
use failover::sentinel::SentinelEffect;

/// Something that is still to be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Consequence {
    /// Who decides on failovers hears of a node's process.
    Notify { node: NodeId, condition: Condition },
    /// The bus has decided something.
    Bus(BusEffect),
    /// The Sentinels of a shard have.
    Sentinel(ShardId, SentinelEffect),
    /// A node's process does something else: its stream and its replicas' are concerned.
    Streams(NodeId),
    /// The streams of a node's replicas are.
    Followers(NodeId),
    /// A replica and its primary may or may not talk any more.
    Reconsider(NodeId),
    /// A replica and its primary do not talk.
    Disconnect {
        replica: NodeId,
        why: DisconnectCause,
        closed_at: Option<SimTime>,
    },
    /// A replica's stream is in another state.
    SetStream { replica: NodeId, link: Link },
    /// It was, and all that follows from it has been done.
    StreamSet { replica: NodeId, link: Link },
    /// Who decides on failovers hears how a replica stands with its primary.
    Report { replica: NodeId, link: ReplicaLink },
    /// A node follows another primary.
    FollowPrimary { node: NodeId, primary: NodeId },
    /// It has left the one that it followed before.
    Left {
        node: NodeId,
        before: Option<NodeId>,
    },
    /// A promotion that was to cure a condition may prove useless.
    NoteUseless { node: NodeId, condition: Condition },
    /// Clients of a node may look for its shard's owner again.
    LookAgain(NodeId),
}

impl Cluster {
    /// These follow next, in this order.
    pub(super) fn then<I>(&mut self, consequences: I)
    where
        I: IntoIterator<Item = Consequence, IntoIter: DoubleEndedIterator>,
    {
        self.pending.extend(consequences.into_iter().rev());
    }

    /// Does everything that is still to be done.
    pub(super) fn drain(&mut self, cx: &mut Cx) {
        while let Some(next) = self.pending.pop() {
            self.follow_up(next, cx);
        }
    }

    fn follow_up(&mut self, consequence: Consequence, cx: &mut Cx) {
        match consequence {
            Consequence::Notify { node, condition } => {
                self.notify_bus(node, condition, cx);
                self.notify_sentinels(node, condition, cx);
                self.notify_provider(node, condition, cx);
            }
            Consequence::Bus(effect) => self.on_effect(effect, cx),
            Consequence::Sentinel(shard, effect) => self.on_sentinel(shard, effect, cx),
            Consequence::Streams(node) => {
                self.take_writes(self.topology[node].shard, cx.now);
                self.reconsider_copies(node, cx);
                self.then([Consequence::Reconsider(node), Consequence::Followers(node)]);
            }
            Consequence::Followers(node) => {
                let followers = self.replication.followers(node);
                self.then(followers.into_iter().map(Consequence::Reconsider));
            }
            Consequence::Reconsider(replica) => self.reconsider(replica, cx),
            Consequence::Disconnect {
                replica,
                why,
                closed_at,
            } => {
                self.disconnect(replica, why, closed_at, cx);
            }
            Consequence::SetStream { replica, link } => self.set_stream(replica, link, cx),
            Consequence::StreamSet { replica, link } => self.stream_set(replica, link, cx),
            Consequence::Report { replica, link } => self.set_link(replica, link, cx),
            Consequence::FollowPrimary { node, primary } => self.follow_primary(node, primary, cx),
            Consequence::Left { node, before } => self.left(node, before, cx),
            Consequence::NoteUseless { node, condition } => self.note_useless(node, condition, cx),
            Consequence::LookAgain(node) => self.rediscover(node, cx),
        }
    }
}
