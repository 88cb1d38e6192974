//! The cluster and its bus: what the bus is told of the nodes, and what its decisions change.

use sim::{SimTime, StreamKey};

use super::Cluster;
use super::consequence::Consequence;
use super::control::{member, node_of};
use super::node::{Node, Promotion};
use super::topology::Topology;
use crate::event::Cx;
use crate::ids::{Id, NodeId, ShardId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use crate::redis::capability::{Condition, Reply};
use demand::Mode;
use failover::cluster_bus::{
    BusEffect, BusEffects, BusHistories, BusInput, ClusterBusSpec, Member, MemberInit, Process,
    ReplicaLink, Role, Shard, SharedBus,
};

/// A healthy bus of the nodes as they are now.
pub(super) fn healthy(
    spec: &ClusterBusSpec,
    topology: &Topology,
    histories: &BusHistories,
    birth: (StreamKey, SimTime),
    mode: Mode,
) -> SharedBus {
    let member = |node: &Node| MemberInit {
        shard: Shard(node.shard.index() as u16),
        role: if node.primary {
            Role::Primary
        } else {
            Role::Replica
        },
        no_failover: false,
    };
    let layout: Vec<MemberInit> = topology.ids().map(|node| member(&topology[node])).collect();
    SharedBus::new(histories, spec, layout, birth, mode == Mode::Eager)
}

impl Cluster {
    /// The bus hears of a node's process from that process' own standstill.
    pub(super) fn notify_bus(&mut self, node: NodeId, condition: Condition, cx: &mut Cx) {
        let process = match condition {
            Condition::Healthy | Condition::AtMaxmemory | Condition::SaveFailed => Process::Running,
            Condition::Loading => Process::Loading,
            // It handles packets, and its cron does not run.
            Condition::LoadingCopy | Condition::Busy => Process::LoadingCopy,
            Condition::Stalled
            | Condition::Hung
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing => Process::Hung,
            Condition::Killed | Condition::HostLost => Process::Dead,
        };
        self.tell_bus(BusInput::Process(member(node), process), cx);
    }

    /// How a replica stands with its primary, and how far its data reach.
    pub(super) fn set_link(&mut self, replica: NodeId, link: ReplicaLink, cx: &mut Cx) {
        self.replication[replica].heard = link;
        let offset = self.replication[replica].lineage.offset();
        self.tell_bus(BusInput::Replication(member(replica), offset, link), cx);
        self.notify_sentinels_of_link(replica, link, cx);
    }

    /// Tells the bus. What it decided is still to be carried out. False if it refuses, or there is
    /// none.
    pub(super) fn tell_bus(&mut self, input: BusInput, cx: &mut Cx) -> bool {
        let Some(bus) = self.control.bus_mut() else {
            return false;
        };
        let mut effects = BusEffects::new();
        let accepted = bus.tell(cx.now, input, &mut effects).is_ok();
        self.then_of_bus(effects);
        accepted
    }

    fn then_of_bus(&mut self, effects: BusEffects) {
        let effects = effects.into_iter();
        self.then(effects.map(|(_, effect)| Consequence::Bus(effect)));
    }

    /// Lets the bus do what is due, and goes on with it while nothing comes of that and nobody else
    /// has anything to do before. True if it decided or noticed something.
    pub(super) fn advance_bus(&mut self, cx: &mut Cx) -> bool {
        let Some(bus) = self.control.bus_mut() else {
            return false;
        };
        let mut effects = BusEffects::new();
        cx.now = bus.advance(cx.now, |at| cx.agenda.pass(at), &mut effects);
        let changed = !effects.is_empty();
        self.then_of_bus(effects);
        changed
    }

    pub(super) fn on_effect(&mut self, effect: BusEffect, cx: &mut Cx) {
        self.trace_bus_effect(&effect, cx);
        match effect {
            BusEffect::Promoted { member, shard, .. } => {
                self.on_promoted(ShardId::from_index(shard.0.into()), node_of(member), cx);
            }
            BusEffect::Demoted {
                member,
                new_primary,
            } => {
                self.follow_primary(node_of(member), node_of(new_primary), cx);
            }
            BusEffect::ReplicaRepointed {
                member,
                new_primary,
            } => {
                let (node, primary) = (node_of(member), node_of(new_primary));
                let shard = self.topology[primary].shard;
                if self.topology[node].shard != shard {
                    // It has moved to a primary that had lost its replicas, and starts over.
                    // Clients that still took it for its old shard's owner are sent on at once.
                    let old = self.topology[node].shard;
                    self.observe_owner(old);
                    for view in self.clients.that_know(node) {
                        self.on_follow(view, old, self.topology.owners[old], cx);
                    }
                    self.change_shard(node, shard, cx);
                }
                self.follow_primary(node, primary, cx);
            }
            BusEffect::Pfail { .. }
            | BusEffect::PfailCleared { .. }
            | BusEffect::Fail { .. }
            | BusEffect::FailCleared { .. }
            | BusEffect::ClusterState { .. }
            | BusEffect::ElectionScheduled { .. }
            | BusEffect::ElectionStarted { .. }
            | BusEffect::Vote { .. }
            | BusEffect::WritesPaused { .. }
            | BusEffect::WritesResumed { .. }
            | BusEffect::ManualFailoverTimedOut { .. } => {}
        }
    }

    /// A shard has a new owner; its clients will learn of it.
    pub(super) fn on_promoted(&mut self, shard: ShardId, node: NodeId, cx: &mut Cx) {
        let old = std::mem::replace(&mut self.topology.owners[shard], node);
        if old == node {
            return;
        }
        // All that was acknowledged so far was written to it; what comes now is not.
        self.replication[old].covered = cx.now;
        let old_serves = self.seen(old).writes == Reply::Fine;
        cx.ledger.failovers += 1;
        cx.ledger.false_failovers += u64::from(old_serves);
        let acks = cx.ledger.lost_acks.len();
        self.lose_writes(shard, node, cx);
        self.note_promoted(node, acks..cx.ledger.lost_acks.len(), cx);
        self.become_primary(node, cx);
        self.topology[node].promoted = Some(Promotion {
            at: cx.now,
            useless: false,
        });
        let name = self.node_name(node);
        cx.ledger.trace(cx.now, || format!("{name}: promoted"));
        cx.ledger.mark(cx.now, &name, || "promoted".to_owned());
        cx.ledger.moment(cx.now, MomentKind::Promoted, &name);
        // Under Sentinel a Sentinel publishes the node.
        if !self.control.has_sentinels() {
            let told = self.notified_at(shard);
            self.publish_owner(shard, node, told, cx);
        }
    }

    /// What the bus says and does, for the trace and the observers' rows.
    fn trace_bus_effect(&mut self, effect: &BusEffect, cx: &mut Cx) {
        if let BusEffect::ClusterState { of, ok } = *effect {
            self.trace_state(of, ok, cx);
        }
        if !cx.ledger.is_tracing() {
            return;
        }
        let row = format!("{} cluster bus", self.plan.name);
        let name = |member: Member| self.node_name(node_of(member));
        // Only primaries' suspicions count (rule C11).
        let counts = |member: Member| self.topology[node_of(member)].primary;
        match *effect {
            BusEffect::Pfail { by, of } if counts(by) => {
                cx.ledger.trace(cx.now, || {
                    format!("bus: {} suspects {}", name(by), name(of))
                });
                let (group, tone) = (RowGroup::Observers, Tone::Doubtful);
                cx.ledger.state(cx.now, group, &row, "suspects", tone);
            }
            BusEffect::Fail {
                by,
                of,
                declared: true,
            } => {
                cx.ledger.trace(cx.now, || {
                    format!("bus: {} declares {} failed", name(by), name(of))
                });
                cx.ledger
                    .state(cx.now, RowGroup::Observers, &row, "FAIL", Tone::Bad);
            }
            BusEffect::ElectionStarted { by, epoch } => {
                cx.ledger.trace(cx.now, || {
                    format!("bus: {} asks for votes, epoch {epoch}", name(by))
                });
            }
            BusEffect::Demoted {
                member,
                new_primary,
            } => {
                cx.ledger.trace(cx.now, || {
                    format!(
                        "bus: {} becomes a replica of {}",
                        name(member),
                        name(new_primary)
                    )
                });
            }
            BusEffect::ManualFailoverTimedOut { member } => {
                cx.ledger.trace(cx.now, || {
                    format!("bus: {} was not elected in time", name(member))
                });
            }
            BusEffect::Pfail { .. }
            | BusEffect::Fail {
                declared: false, ..
            }
            | BusEffect::FailCleared { .. }
            | BusEffect::ClusterState { .. }
            | BusEffect::PfailCleared { .. }
            | BusEffect::ElectionScheduled { .. }
            | BusEffect::Vote { .. }
            | BusEffect::Promoted { .. }
            | BusEffect::ReplicaRepointed { .. }
            | BusEffect::WritesPaused { .. }
            | BusEffect::WritesResumed { .. } => {}
        }
    }

    /// The first primary to change its mind about the cluster is told.
    fn trace_state(&mut self, of: Member, ok: bool, cx: &mut Cx) {
        if !self.topology[node_of(of)].primary || self.control.said_ok == ok {
            return;
        }
        self.control.said_ok = ok;
        let (says, tone) = if ok {
            ("ok", Tone::Good)
        } else {
            ("down", Tone::Bad)
        };
        cx.ledger.trace(cx.now, || {
            let first = self.node_name(node_of(of));
            format!("bus: the cluster is {says}, first seen by {first}")
        });
        let row = format!("{} cluster bus", self.plan.name);
        let state = format!("cluster {says}");
        cx.ledger
            .state(cx.now, RowGroup::Observers, &row, &state, tone);
    }
}
