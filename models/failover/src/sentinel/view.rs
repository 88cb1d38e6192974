//! What a client or an operator hears from one Sentinel: `SENTINEL GET-MASTER-ADDR-BY-NAME`,
//! `SENTINEL MASTER`, `SENTINEL REPLICAS`, `SENTINEL SENTINELS`.
//!
//! Source: `sentinelCommand`, `addReplySentinelRedisInstance` in `src/sentinel.c`, Redis 7.0.15.

use super::ids::{Node, Party};
use super::watcher::{Kind, Watcher};

/// One Sentinel's answers.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    watcher: &'a Watcher,
}

impl<'a> View<'a> {
    pub(super) fn new(watcher: &'a Watcher) -> View<'a> {
        View { watcher }
    }

    /// The address that clients are told: the promoted replica as soon as this Sentinel, as the
    /// leader, has seen it as a primary, or has switched to it.
    pub fn primary(&self) -> Node {
        self.watcher.current_primary()
    }

    /// The primary that this Sentinel watches (`SENTINEL MASTER`); the leader's is the old one
    /// until the failover ends.
    pub fn watched_primary(&self) -> Node {
        self.watcher.primary.node()
    }

    /// The replicas that it knows, whatever their state.
    pub fn replicas(&self) -> impl Iterator<Item = Node> + 'a {
        self.watcher.replicas.iter().map(|replica| replica.node())
    }

    /// Whether it knows `party`.
    pub fn knows(&self, party: impl Into<Party>) -> bool {
        self.watcher.instance(party.into()).is_some()
    }

    /// Whether it holds `party` for subjectively down.
    pub fn sdown(&self, party: impl Into<Party>) -> bool {
        let instance = self.watcher.instance(party.into());
        instance.is_some_and(|instance| instance.sdown)
    }

    /// Whether it holds the primary for objectively down.
    pub fn odown(&self) -> bool {
        self.watcher.odown
    }

    /// Whether it has seen `replica` with a working stream from its primary.
    pub fn replica_link_up(&self, replica: Node) -> bool {
        let instance = self.watcher.instance(Party::Node(replica));
        instance.is_some_and(|instance| instance.kind == Kind::Replica && instance.link_up)
    }

    /// Whether it tries or leads a failover.
    pub fn failing_over(&self) -> bool {
        self.watcher.failover.in_progress
    }

    /// Whether it has lost time and does not act.
    pub fn tilt(&self) -> bool {
        self.watcher.tilt
    }

    /// Its epoch.
    pub fn current_epoch(&self) -> u64 {
        self.watcher.current_epoch
    }

    /// The epoch of the configuration that it knows.
    pub fn config_epoch(&self) -> u64 {
        self.watcher.config_epoch
    }
}
