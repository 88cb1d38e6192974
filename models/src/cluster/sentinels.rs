//! The cluster and its Sentinels: what they are told of the nodes, and what their decisions change.
//!
//! Each shard's primary is watched by its own group; Sentinel `i` of every group runs on the
//! cluster's host `i` (round robin), beside the data nodes there. Clients get the primary's address
//! from a Sentinel. The leader is the first to publish the promoted node, and Sentinel closes the
//! old primary's client connections when it reconfigures it as a replica.

use sim::{SimDuration, SimTime, StreamKey};

use super::Cluster;
use super::consequence::Consequence;
use super::follow::Occasion;
use super::topology::Topology;
use crate::event::Cx;
use crate::ids::{Fleet, HostId, Id, NodeId, ShardId};
use crate::outcome::{RowGroup, Tone};
use crate::redis::capability::Condition;
use demand::Mode;
use failover::cluster_bus;
use failover::sentinel::{
    Node, NodeInit, NodeRole, NodeTruth, Party, PingReply, Process, ReplicaLink, Sentinel,
    SentinelEffect, SentinelEffects, SentinelGroup, SentinelSpec,
};

/// `replica-priority`, as Redis ships.
const PRIORITY: u32 = 100;

/// Healthy groups, one for each shard as its nodes are now.
pub(super) fn healthy(
    spec: &SentinelSpec,
    topology: &Topology,
    (key, origin): (StreamKey, SimTime),
    mode: Mode,
) -> Fleet<ShardId, SentinelGroup> {
    let group = |shard: ShardId| {
        let owner = topology.owners[shard];
        let role = |node: NodeId| {
            if node == owner {
                NodeRole::Primary
            } else {
                let of = topology.in_group(owner);
                NodeRole::Replica { of }
            }
        };
        let init = |node: NodeId| NodeInit {
            role: role(node),
            priority: PRIORITY,
        };
        let nodes: Vec<NodeInit> = topology.made_with(shard).map(init).collect();
        let key = key.child(shard.index() as u64);
        let mut group = SentinelGroup::new(spec.clone(), &nodes, key, origin);
        if mode == Mode::Eager {
            group.set_eager();
        }
        group
    };
    topology.shards().map(group).collect()
}

impl Cluster {
    /// The Sentinels see what a node's process does now.
    pub(super) fn notify_sentinels(&mut self, node: NodeId, condition: Condition, cx: &mut Cx) {
        let process = match condition {
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::Busy
            | Condition::Loading
            | Condition::LoadingCopy => Process::Running,
            Condition::Stalled
            | Condition::Hung
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing => Process::Hung,
            Condition::Killed => Process::Dead,
            Condition::HostLost => Process::Lost,
        };
        let ping = match condition {
            Condition::Loading | Condition::LoadingCopy => PingReply::Loading,
            Condition::SaveFailed => PingReply::Misconf,
            Condition::Busy => PingReply::Busy,
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::Stalled
            | Condition::Hung
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing
            | Condition::Killed
            | Condition::HostLost => PingReply::Pong,
        };
        self.trace_truth_of(node, cx, |truth| NodeTruth {
            process,
            ping,
            ..truth
        });
    }

    /// The Sentinels' INFO shows how a replica's stream stands.
    pub(super) fn notify_sentinels_of_link(
        &mut self,
        replica: NodeId,
        link: cluster_bus::ReplicaLink,
        cx: &mut Cx,
    ) {
        let link = match link {
            // INFO shows a silent stream as up until `repl-timeout`.
            cluster_bus::ReplicaLink::Up | cluster_bus::ReplicaLink::Silent { .. } => {
                ReplicaLink::Up
            }
            cluster_bus::ReplicaLink::Down { since } => ReplicaLink::Down { since },
            cluster_bus::ReplicaLink::NeverSynced => ReplicaLink::NeverSynced,
        };
        let offset = self.replication[replica].lineage.offset();
        self.trace_truth_of(replica, cx, |truth| NodeTruth {
            link,
            offset,
            ..truth
        });
    }

    fn trace_truth_of(
        &mut self,
        node: NodeId,
        cx: &mut Cx,
        change: impl FnOnce(NodeTruth) -> NodeTruth,
    ) {
        let (shard, member) = (self.topology[node].shard, self.topology.in_group(node));
        self.with_sentinels(shard, cx, |group, now, out| {
            let truth = change(group.node_truth(member));
            group.set_node(now, member, truth, out);
        });
    }

    /// The Sentinel on a host is there, or is not.
    pub(super) fn set_sentinel_on(&mut self, host: HostId, there: bool, cx: &mut Cx) {
        let process = if there {
            Process::Running
        } else {
            Process::Lost
        };
        for shard in self.shards() {
            let on_it = |(party, at): &(Party, HostId)| match party {
                Party::Sentinel(sentinel) if *at == host => Some(*sentinel),
                Party::Sentinel(_) | Party::Node(_) => None,
            };
            let there: Vec<Sentinel> = self.parties(shard).iter().filter_map(on_it).collect();
            self.with_sentinels(shard, cx, |group, now, out| {
                for sentinel in there {
                    group.set_sentinel(now, sentinel, process, out);
                }
            });
            self.drain(cx);
        }
    }

    /// `SENTINEL FAILOVER`, given to the first Sentinel that takes it.
    pub(super) fn ask_sentinels(&mut self, shard: ShardId, cx: &mut Cx) -> bool {
        let mut accepted = false;
        self.with_sentinels(shard, cx, |group, now, out| {
            accepted = group
                .sentinels()
                .any(|sentinel| group.manual_failover(now, sentinel, out).is_ok());
        });
        accepted
    }

    /// Does something with a shard's group. What it decided is still to be carried out.
    pub(super) fn with_sentinels(
        &mut self,
        shard: ShardId,
        cx: &mut Cx,
        f: impl FnOnce(&mut SentinelGroup, SimTime, &mut SentinelEffects),
    ) -> bool {
        let mut effects = SentinelEffects::new();
        let control = &mut self.control;
        if !control.with_group(shard, |group| f(group, cx.now, &mut effects)) {
            return false;
        }
        let changed = !effects.is_empty();
        let decided = effects.into_iter();
        self.then(decided.map(|(_, effect)| Consequence::Sentinel(shard, effect)));
        changed
    }

    pub(super) fn on_sentinel(&mut self, shard: ShardId, effect: SentinelEffect, cx: &mut Cx) {
        self.trace_sentinel_effect(shard, effect, cx);
        match effect {
            SentinelEffect::Promote { node, .. } => {
                let node = self.topology.of_group(shard, node);
                self.on_promoted(shard, node, cx);
            }
            SentinelEffect::Reconfigure {
                node, new_primary, ..
            } => {
                let [node, primary] = [node, new_primary].map(|n| self.topology.of_group(shard, n));
                self.follow_primary(node, primary, cx);
            }
            SentinelEffect::ClientsKilled { node } => {
                let node = self.topology.of_group(shard, node);
                self.look_again(node, Occasion::Closed, cx);
            }
            SentinelEffect::ScriptKill { node } => {
                self.kill_script(self.topology.of_group(shard, node), cx);
            }
            SentinelEffect::PromotedSeen { by, node: to }
            | SentinelEffect::SwitchMaster { by, to, .. } => {
                // A former primary that was never made a replica has nothing to execute.
                let node = self.topology.of_group(shard, to);
                if self.topology.owners[shard] != node && self.topology[node].primary {
                    self.on_promoted(shard, node, cx);
                }
                self.notify_clients(shard, by, to, cx);
            }
            SentinelEffect::Sdown { .. }
            | SentinelEffect::SdownCleared { .. }
            | SentinelEffect::Odown { .. }
            | SentinelEffect::OdownCleared { .. }
            | SentinelEffect::TryFailover { .. }
            | SentinelEffect::Vote { .. }
            | SentinelEffect::ElectedLeader { .. }
            | SentinelEffect::Selected { .. }
            | SentinelEffect::ReplicaReconfigured { .. }
            | SentinelEffect::FailoverEnded { .. }
            | SentinelEffect::FailoverAborted { .. }
            | SentinelEffect::ConvertToReplica { .. }
            | SentinelEffect::FixReplica { .. }
            | SentinelEffect::Reboot { .. }
            | SentinelEffect::Tilt { .. } => {}
        }
    }

    /// Clients hear of a new primary from a Sentinel, if they reach it.
    fn notify_clients(&mut self, shard: ShardId, by: Sentinel, to: Node, cx: &mut Cx) {
        let node = self.topology.of_group(shard, to);
        if self.topology.clients_reach_host(self.topology.host_of(by)) {
            self.publish_owner(shard, node, SimDuration::ZERO, cx);
        }
    }

    /// The data nodes and Sentinels of a shard's group, each with its host.
    pub(super) fn parties(&self, shard: ShardId) -> Vec<(Party, HostId)> {
        let Some(group) = self.control.group(shard) else {
            return Vec::new();
        };
        let topology = &self.topology;
        let node = |n: NodeId| (Party::Node(topology.in_group(n)), topology[n].host);
        let sentinel = |s: Sentinel| (Party::Sentinel(s), topology.host_of(s));
        let nodes = topology.made_with(shard).map(node);
        nodes.chain(group.sentinels().map(sentinel)).collect()
    }

    /// What the Sentinels say and do, for the trace and the observers' rows.
    fn trace_sentinel_effect(&self, shard: ShardId, effect: SentinelEffect, cx: &mut Cx) {
        let name = |node: Node| self.node_name(self.topology.of_group(shard, node));
        let who = |sentinel: Sentinel| format!("sentinel {}", sentinel.0 + 1);
        let row = format!("{} sentinels", self.plan.name);
        let (says, state) = match effect {
            SentinelEffect::Sdown {
                by,
                of: Party::Node(of),
            } if self.topology.of_group(shard, of) == self.topology.owners[shard] => (
                format!("{} marks {} as down", who(by), name(of)),
                Some(("suspect", Tone::Doubtful)),
            ),
            SentinelEffect::Odown { by, of, votes } => (
                match votes {
                    1 => format!("{}: one is enough, {} is down", who(by), name(of)),
                    _ => format!("{}: {votes} agree that {} is down", who(by), name(of)),
                },
                Some(("ODOWN", Tone::Bad)),
            ),
            SentinelEffect::TryFailover { by, epoch, .. } => {
                (format!("{} asks for votes, epoch {epoch}", who(by)), None)
            }
            SentinelEffect::ElectedLeader { by, epoch } => {
                (format!("{} leads in epoch {epoch}", who(by)), None)
            }
            SentinelEffect::Reconfigure {
                node, new_primary, ..
            } => (
                format!(
                    "{} is reconfigured to copy {}",
                    name(node),
                    name(new_primary)
                ),
                None,
            ),
            SentinelEffect::PromotedSeen { by, node } => (
                format!("{} reports {} to clients", who(by), name(node)),
                Some(("primary ok", Tone::Good)),
            ),
            SentinelEffect::SwitchMaster { by, to, .. } => {
                (format!("{} switches to {}", who(by), name(to)), None)
            }
            SentinelEffect::FailoverAborted { by, reason } => {
                (format!("{} gives up: {}", who(by), reason.words()), None)
            }
            SentinelEffect::OdownCleared { by, of } => (
                format!("{}: no quorum that {} is down any more", who(by), name(of)),
                Some(("primary ok", Tone::Good)),
            ),
            SentinelEffect::Sdown { .. }
            | SentinelEffect::SdownCleared { .. }
            | SentinelEffect::Vote { .. }
            | SentinelEffect::Selected { .. }
            | SentinelEffect::Promote { .. }
            | SentinelEffect::ClientsKilled { .. }
            | SentinelEffect::ScriptKill { .. }
            | SentinelEffect::ReplicaReconfigured { .. }
            | SentinelEffect::FailoverEnded { .. }
            | SentinelEffect::ConvertToReplica { .. }
            | SentinelEffect::FixReplica { .. }
            | SentinelEffect::Reboot { .. }
            | SentinelEffect::Tilt { .. } => return,
        };
        cx.ledger.trace(cx.now, || says);
        if let Some((state, tone)) = state {
            cx.ledger
                .state(cx.now, RowGroup::Observers, &row, state, tone);
        }
    }
}
