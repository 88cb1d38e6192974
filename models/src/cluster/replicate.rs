//! Replicas and their owner: the stream goes on, breaks, or starts over with a full copy.

use sim::{SimDuration, SimTime};

use super::{Cluster, ClusterTimer};
use crate::event::Cx;
use crate::failover::cluster_bus::ReplicaLink;
use crate::redis::capability::{Condition, Reply};
use crate::redis::sync;

impl Cluster {
    /// The owner of a shard stops or goes on: its replicas' streams with it.
    pub(super) fn owner_changed(&mut self, shard: usize, condition: Condition, cx: &mut Cx) {
        let answers = condition.capabilities().bus;
        if answers {
            self.stopped[shard] = None;
        } else {
            self.stopped[shard].get_or_insert(cx.now);
        }
        for replica in self.replicas_of(shard) {
            if answers {
                self.link_replica(replica, cx);
            } else if self.nodes[replica].in_sync {
                let link = match condition.capabilities().tcp {
                    Reply::Fine | Reply::Silence => ReplicaLink::Silent { since: cx.now },
                    Reply::Error(_) => ReplicaLink::Down { since: cx.now },
                };
                self.set_link(replica, link, cx);
            } else {
                self.sync_attempts[replica] += 1;
            }
        }
    }

    /// A replica and an owner that answers: the stream goes on, or a full copy begins.
    pub(super) fn link_replica(&mut self, replica: usize, cx: &mut Cx) {
        let shard = self.nodes[replica].shard;
        if !self.condition(self.owners[shard]).capabilities().bus {
            return;
        }
        if self.nodes[replica].in_sync {
            self.set_link(replica, ReplicaLink::Up, cx);
            return;
        }
        self.sync_attempts[replica] += 1;
        let attempt = self.sync_attempts[replica];
        let takes = self.full_sync(shard, cx.now);
        let about = takes.rounded_to(SimDuration::from_secs(1));
        cx.ledger.say(cx.now, || {
            format!(
                "{}: full synchronisation begins, {about}",
                self.node_name(replica)
            )
        });
        self.after(
            takes,
            ClusterTimer::Synced {
                node: replica,
                attempt,
            },
            cx,
        );
    }

    /// A former primary copies its successor.
    pub(super) fn on_demoted(&mut self, node: usize, cx: &mut Cx) {
        self.nodes[node].in_sync = false;
        self.set_link(node, ReplicaLink::NeverSynced, cx);
        self.link_replica(node, cx);
    }

    /// How long a full copy of a shard takes now.
    pub(super) fn full_sync(&self, shard: usize, now: SimTime) -> SimDuration {
        let bytes = self.growth.bytes_at(now) * self.shares[shard];
        sync::full_sync(&self.redis.sync, bytes, self.growth.keys(bytes))
    }

    pub(super) fn on_synced(&mut self, node: usize, attempt: u32, cx: &mut Cx) {
        if attempt != self.sync_attempts[node] {
            return;
        }
        cx.ledger
            .say(cx.now, || format!("{}: in sync", self.node_name(node)));
        self.nodes[node].in_sync = true;
        self.link_replica(node, cx);
    }
}
