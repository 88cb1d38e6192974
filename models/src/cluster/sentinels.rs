//! The cluster and its Sentinels: what they are told of the nodes, and what their decisions change.
//!
//! Each shard's primary is watched by a group of its own; Sentinel `i` of every group stands on the
//! cluster's host `i` (dealt round), beside the data nodes there. Clients ask the Sentinels for the
//! address: they follow when the first of them, the leader, names the promoted node, or when the
//! old primary is told to copy and so cuts them off.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::consequence::Consequence;
use crate::event::{ClusterTimer, Cx, Event};
use crate::outcome::{RowGroup, Tone};
use crate::redis::capability::Condition;
use crate::spec::FailoverSpec;
use demand::Mode;
use failover::cluster_bus;
use failover::sentinel::{
    Node, NodeInit, NodeRole, NodeTruth, Party, PingReply, Process, ReplicaLink, Sentinel,
    SentinelEffect, SentinelEffects, SentinelGroup,
};

/// `replica-priority`, as Redis ships.
const PRIORITY: u32 = 100;

impl Cluster {
    /// Healthy groups, one for each shard as its nodes are now; none if no Sentinel watches.
    pub(super) fn new_sentinels(&self, origin: SimTime) -> Vec<SentinelGroup> {
        let FailoverSpec::Sentinel(spec) = &self.failover else {
            return Vec::new();
        };
        let group = |shard: usize| {
            let primary = self.in_group(self.owners[shard]);
            let role = |n: usize| {
                if n == self.owners[shard] {
                    NodeRole::Primary
                } else {
                    NodeRole::Replica { of: primary }
                }
            };
            let nodes: Vec<NodeInit> = self
                .members(shard)
                .map(|n| NodeInit {
                    role: role(n),
                    priority: PRIORITY,
                })
                .collect();
            let key = self.bus_key.child(origin.as_nanos()).child(shard as u64);
            let mut group = SentinelGroup::new(spec.clone(), &nodes, key, origin);
            if self.mode == Mode::Eager {
                group.set_eager();
            }
            group
        };
        self.shards().map(group).collect()
    }

    /// The Sentinels see what a node's process does now.
    pub(super) fn tell_sentinels(&mut self, node: usize, condition: Condition, cx: &mut Cx) {
        let process = match condition {
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::Loading
            | Condition::LoadingCopy => Process::Running,
            Condition::Stalled | Condition::Hung | Condition::Forking => Process::Hung,
            Condition::Killed => Process::Dead,
            Condition::HostLost => Process::Lost,
        };
        let ping = match condition {
            Condition::Loading | Condition::LoadingCopy => PingReply::Loading,
            Condition::SaveFailed => PingReply::Misconf,
            Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::Stalled
            | Condition::Hung
            | Condition::Forking
            | Condition::Killed
            | Condition::HostLost => PingReply::Pong,
        };
        self.tell_truth_of(node, cx, |truth| NodeTruth {
            process,
            ping,
            ..truth
        });
    }

    /// The Sentinels' INFO shows how a replica's stream stands.
    pub(super) fn tell_sentinels_link(
        &mut self,
        replica: usize,
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
        let offset = self.nodes[replica].lineage.offset();
        self.tell_truth_of(replica, cx, |truth| NodeTruth {
            link,
            offset,
            ..truth
        });
    }

    fn tell_truth_of(
        &mut self,
        node: usize,
        cx: &mut Cx,
        change: impl FnOnce(NodeTruth) -> NodeTruth,
    ) {
        let (shard, member) = (self.nodes[node].shard, self.in_group(node));
        self.with_sentinels(shard, cx, |group, now, out| {
            let truth = change(group.node_truth(member));
            group.set_node(now, member, truth, out);
        });
    }

    /// The Sentinel on a host is there, or is not.
    pub(super) fn set_sentinel_on(&mut self, host: usize, there: bool, cx: &mut Cx) {
        let process = if there {
            Process::Running
        } else {
            Process::Lost
        };
        for shard in 0..self.sentinels.len() {
            let on_it = |(party, at): &(Party, usize)| match party {
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
    pub(super) fn ask_sentinels(&mut self, shard: usize, cx: &mut Cx) -> bool {
        let mut accepted = false;
        self.with_sentinels(shard, cx, |group, now, out| {
            accepted = group
                .sentinels()
                .any(|sentinel| group.manual_failover(now, sentinel, out).is_ok());
        });
        accepted
    }

    /// Lets the Sentinels do what is due; says whether anything came of it.
    pub(super) fn advance_sentinels(&mut self, cx: &mut Cx) -> bool {
        let mut changed = false;
        for shard in 0..self.sentinels.len() {
            changed |= self.with_sentinels(shard, cx, |group, now, out| group.advance(now, out));
            self.drain(cx);
        }
        changed
    }

    /// One pending event for the groups' next deed.
    pub(super) fn schedule_sentinels(&mut self, cx: &mut Cx) {
        let due = self.sentinels.iter().filter_map(SentinelGroup::next_at);
        let next = due.min().map(|at| at.max(cx.now));
        if self.sentinel_event.map(|(_, at)| at) == next {
            return;
        }
        if let Some((key, _)) = self.sentinel_event.take() {
            cx.agenda.cancel(key);
        }
        let event = Event::Cluster(self.id, ClusterTimer::Sentinels);
        self.sentinel_event = next.map(|at| (cx.agenda.at(at, event), at));
    }

    /// Does something with a shard's group. What it decided is still to be carried out.
    pub(super) fn with_sentinels(
        &mut self,
        shard: usize,
        cx: &mut Cx,
        f: impl FnOnce(&mut SentinelGroup, SimTime, &mut SentinelEffects),
    ) -> bool {
        let Some(group) = self.sentinels.get_mut(shard) else {
            return false;
        };
        let mut effects = SentinelEffects::new();
        f(group, cx.now, &mut effects);
        let changed = !effects.is_empty();
        let decided = effects.into_iter();
        self.then(decided.map(|(_, effect)| Consequence::Sentinel(shard, effect)));
        changed
    }

    pub(super) fn on_sentinel(&mut self, shard: usize, effect: SentinelEffect, cx: &mut Cx) {
        self.tell_sentinel_effect(shard, effect, cx);
        match effect {
            SentinelEffect::Promote { node, .. } => {
                let node = self.of_group(shard, node);
                self.on_promoted(shard, node, cx);
            }
            SentinelEffect::Reconfigure {
                node, new_primary, ..
            } => {
                let [node, primary] = [node, new_primary].map(|n| self.of_group(shard, n));
                self.follow_primary(node, primary, cx);
            }
            SentinelEffect::ClientsKilled { node } => {
                let node = self.of_group(shard, node);
                let owner = self.owners[shard];
                if self.nodes[node].known && owner != node {
                    self.let_follow(shard, owner, SimDuration::ZERO, cx);
                }
            }
            SentinelEffect::PromotedSeen { by, node } => {
                self.tell_clients(shard, by, node, cx);
            }
            SentinelEffect::SwitchMaster { by, to, .. } => self.tell_clients(shard, by, to, cx),
            SentinelEffect::Sdown { .. }
            | SentinelEffect::SdownCleared { .. }
            | SentinelEffect::Odown { .. }
            | SentinelEffect::OdownCleared { .. }
            | SentinelEffect::TryFailover { .. }
            | SentinelEffect::Vote { .. }
            | SentinelEffect::ElectedLeader { .. }
            | SentinelEffect::Selected { .. }
            | SentinelEffect::ScriptKill { .. }
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
    fn tell_clients(&mut self, shard: usize, by: Sentinel, to: Node, cx: &mut Cx) {
        let node = self.of_group(shard, to);
        if self.clients_reach_host(self.host_of(by)) {
            self.let_follow(shard, node, SimDuration::ZERO, cx);
        }
    }

    fn host_of(&self, sentinel: Sentinel) -> usize {
        usize::from(sentinel.0) % usize::from(self.redis.hosts)
    }

    /// The data nodes and Sentinels of a shard's group, each with its host.
    pub(super) fn parties(&self, shard: usize) -> Vec<(Party, usize)> {
        let Some(group) = self.sentinels.get(shard) else {
            return Vec::new();
        };
        let nodes = self
            .members(shard)
            .map(|n| (Party::Node(self.in_group(n)), self.nodes[n].host));
        let sentinels = group
            .sentinels()
            .map(|s| (Party::Sentinel(s), self.host_of(s)));
        nodes.chain(sentinels).collect()
    }

    /// What the Sentinels say and do, for the trace and the observers' rows.
    fn tell_sentinel_effect(&self, shard: usize, effect: SentinelEffect, cx: &mut Cx) {
        let name = |node: Node| self.node_name(self.of_group(shard, node));
        let who = |sentinel: Sentinel| format!("sentinel {}", sentinel.0 + 1);
        let row = format!("{} sentinels", self.name);
        let (says, state) = match effect {
            SentinelEffect::Sdown {
                by,
                of: Party::Node(of),
            } if self.of_group(shard, of) == self.owners[shard] => (
                format!("{} holds {} for down", who(by), name(of)),
                Some(("suspect", Tone::Doubtful)),
            ),
            SentinelEffect::Odown { by, of, votes } => (
                format!("{}: {votes} agree that {} is down", who(by), name(of)),
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
                format!("{} is told to copy {}", name(node), name(new_primary)),
                None,
            ),
            SentinelEffect::PromotedSeen { by, node } => (
                format!("{} names {} to clients", who(by), name(node)),
                Some(("primary ok", Tone::Good)),
            ),
            SentinelEffect::SwitchMaster { by, to, .. } => {
                (format!("{} switches to {}", who(by), name(to)), None)
            }
            SentinelEffect::FailoverAborted { by, reason } => {
                (format!("{} gives up: {}", who(by), reason.words()), None)
            }
            SentinelEffect::OdownCleared { by, of } => (
                format!("{}: {} is no longer down", who(by), name(of)),
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
        cx.ledger.say(cx.now, || says);
        if let Some((state, tone)) = state {
            cx.ledger
                .state(cx.now, RowGroup::Observers, &row, state, tone);
        }
    }

    /// Sentinels that start hold every primary to be well.
    pub(super) fn tell_sentinels_ok(&self, cx: &mut Cx) {
        if !self.sentinels.is_empty() {
            let row = format!("{} sentinels", self.name);
            cx.ledger
                .state(cx.now, RowGroup::Observers, &row, "primary ok", Tone::Good);
        }
    }

    /// The nodes of a shard. Under Sentinel no node ever changes its shard.
    fn members(&self, shard: usize) -> std::ops::Range<usize> {
        let per_shard = 1 + usize::from(self.redis.replicas);
        shard * per_shard..(shard + 1) * per_shard
    }

    fn in_group(&self, node: usize) -> Node {
        Node((node % (1 + usize::from(self.redis.replicas))) as u16)
    }

    fn of_group(&self, shard: usize, node: Node) -> usize {
        self.members(shard).start + usize::from(node.0)
    }
}
