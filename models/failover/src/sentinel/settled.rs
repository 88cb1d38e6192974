//! When a group has settled: nothing will change but the times of the last messages.
//!
//! All running Sentinels name the same primary and know all others; each flag is what it will stay;
//! every node that answers plays the role that they expect; no failover runs. Nodes and Sentinels
//! that are gone for good may be part of it once everybody holds them for down. So may the primary:
//! then the next thing to happen is the next attempt, when a start gate opens.

use sim::SimTime;

use super::SentinelGroup;
use super::effect::{NodeRole, PingReply, Process};
use super::ids::{Node, Party};
use super::message::{Command, Inbound, Reply};
use super::ticks::instant_of;
use super::watcher::{Instance, Kind, Reconf, Watcher};

impl SentinelGroup {
    fn running(&self) -> impl Iterator<Item = &Watcher> + Clone {
        self.watchers
            .iter()
            .filter(|watcher| watcher.process == Process::Running)
    }

    /// When the first start gate opens of those who wait for it.
    pub(super) fn next_try(&self) -> Option<SimTime> {
        let waiting = self.running().filter(|watcher| watcher.odown);
        let gate = 2 * self.spec.failover_timeout_ms();
        let opens = waiting.map(|watcher| instant_of(watcher.failover.start_time + gate));
        opens.min()
    }

    /// Whether nothing can change by itself before the next attempt.
    pub(super) fn settled(&self) -> bool {
        let Some(first) = self.running().next() else {
            return self.network.is_whole();
        };
        self.network.now() >= self.dormancy.grown_at
            && self.network.is_whole()
            && !self.network.carries(is_news)
            && self
                .running()
                .all(|watcher| watcher.agrees_with(first) && self.is_calm(watcher))
    }

    /// Whether one Sentinel has nothing to do but ask.
    fn is_calm(&self, watcher: &Watcher) -> bool {
        let me = Party::Sentinel(watcher.me);
        let nodes = self.nodes().map(Party::Node);
        let mut parties = nodes.chain(self.sentinels().map(Party::Sentinel));
        let knows_all = parties.all(|party| party == me || watcher.instance(party).is_some());
        knows_all
            && !watcher.tilt
            && !watcher.failover.in_progress
            && watcher.odown == watcher.sees_quorum(&self.spec)
            && watcher.instances().all(|i| self.is_final(i, watcher))
    }

    /// Whether what a Sentinel holds of an instance is what it will go on holding.
    fn is_final(&self, instance: &Instance, watcher: &Watcher) -> bool {
        match instance.id {
            Party::Node(node) => self.node_is_final(node, instance, watcher.primary.node()),
            Party::Sentinel(sentinel) => {
                let peer = &self.watchers[sentinel.index()];
                let up = peer.process == Process::Running;
                let says_down = up && peer.primary.sdown;
                // Votes are forgotten 5 s after the last answer.
                let forgotten = instance.leader.is_none() || (up && watcher.primary.sdown);
                up != instance.sdown && says_down == instance.says_down && forgotten
            }
        }
    }

    fn node_is_final(&self, node: Node, instance: &Instance, primary: Node) -> bool {
        let node = &self.nodes[node.index()];
        let running = node.truth.process == Process::Running;
        let (informs, up, busy) = (
            running && node.truth.ping.informs(),
            running && node.truth.ping.acceptable(),
            running && node.truth.ping == PingReply::Busy,
        );
        let (expected, seen) = match instance.kind {
            Kind::Primary | Kind::Sentinel => (NodeRole::Primary, instance.says_primary),
            Kind::Replica => (
                NodeRole::Replica { of: primary },
                !instance.says_primary && instance.copies == Some(primary),
            ),
        };
        let as_expected = node.truth.role == expected
            && seen
            && instance.run_id == Some(node.run_id)
            && instance.info_refresh != 0;
        up != instance.sdown
            && (as_expected || !informs)
            && (instance.script_kill_sent || !busy)
            && instance.reconf == Reconf::No
            && !instance.reboot
    }
}

impl Watcher {
    fn agrees_with(&self, other: &Watcher) -> bool {
        self.primary.id == other.primary.id
            && self.config_epoch == other.config_epoch
            && self.current_epoch == other.current_epoch
    }
}

/// What must not be thrown away.
fn is_news(what: &Inbound) -> bool {
    match what {
        Inbound::Established { .. } | Inbound::Closed => false,
        Inbound::Command(Command::AskDown { candidate, .. }) => candidate.is_some(),
        Inbound::Command(command) => command.has_effect(),
        Inbound::Reply(Reply::Down { leader, .. }) => leader.is_some(),
        Inbound::Reply(reply) => matches!(reply, Reply::Done { .. }),
    }
}
