//! What a client hears from one node: `CLUSTER SLOTS`, `CLUSTER NODES`, `CLUSTER INFO`.
//!
//! Sources: `clusterReplyMultiBulkSlots`, `clusterGenNodeDescription`, `getNodeByQuery` in
//! `src/cluster.c`, Redis 7.0.15.

use super::ids::{Member, Shard};
use super::node::Node;

/// One node's answers.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    node: &'a Node,
}

/// What a node thinks of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No flag.
    Ok,
    /// `fail?`: silent for a node timeout in this node's eyes.
    Pfail,
    /// `fail`: a majority agreed.
    Fail,
}

impl<'a> View<'a> {
    pub(super) fn new(node: &'a Node) -> View<'a> {
        View { node }
    }

    /// `cluster_state:ok`: keys are served (by their owners).
    pub fn ok(&self) -> bool {
        self.node.ok
    }

    /// The owner of a shard's slots, if they are assigned.
    pub fn owner(&self, shard: Shard) -> Option<Member> {
        self.node.owner[shard.index()]
    }

    /// The owners of all shards, by shard.
    pub fn owners(&self) -> &'a [Option<Member>] {
        &self.node.owner
    }

    /// The flag that this node puts on `member`.
    pub fn health(&self, member: Member) -> Health {
        if self.node.peers.fail(member) {
            Health::Fail
        } else if self.node.peers.pfail(member) {
            Health::Pfail
        } else {
            Health::Ok
        }
    }

    /// The primary that `member` copies, or `None` if this node holds it for a primary.
    pub fn replica_of(&self, member: Member) -> Option<Member> {
        self.node.peers.replica_of(member)
    }

    /// Whether the node counts itself a primary.
    pub fn is_primary(&self) -> bool {
        self.node.is_primary()
    }

    /// `cluster_current_epoch`.
    pub fn current_epoch(&self) -> u64 {
        self.node.current_epoch
    }

    /// The configuration epoch that this node knows of `member`.
    pub fn config_epoch(&self, member: Member) -> u64 {
        self.node.peers.config_epoch(member)
    }
}
