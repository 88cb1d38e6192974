//! The cluster and its bus: what the bus is told of the nodes, and what its decisions change.

use sim::SimTime;

use super::Cluster;
use super::consequence::Consequence;
use super::node::Promotion;
use crate::event::{ClusterTimer, Cx, Event};
use crate::moment::What;
use crate::outcome::{RowGroup, Tone};
use crate::redis::capability::{Condition, Reply};
use crate::spec::FailoverSpec;
use demand::Mode;
use failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, Member, MemberInit, Process, ReplicaLink, Role, Shard,
};

impl Cluster {
    /// A healthy bus of the nodes as they are now; `None` if this cluster runs none.
    pub(super) fn new_bus(&self, origin: SimTime) -> Option<ClusterBus> {
        let FailoverSpec::ClusterBus(spec) = &self.failover else {
            return None;
        };
        let member = |n: usize| MemberInit {
            shard: Shard(self.nodes[n].shard as u16),
            role: if self.nodes[n].primary {
                Role::Primary
            } else {
                Role::Replica
            },
            no_failover: false,
        };
        let layout: Vec<MemberInit> = (0..self.nodes.len()).map(member).collect();
        let key = self.bus_key.child(origin.as_nanos());
        let mut bus = ClusterBus::new(spec.clone(), &layout, key, origin);
        if self.mode == Mode::Eager {
            bus.set_eager();
        }
        Some(bus)
    }

    /// Lets the bus do what is due; says whether anything came of it.
    pub(super) fn advance_bus(&mut self, cx: &mut Cx) -> bool {
        self.with_bus(cx, |bus, now, out| bus.advance(now, out))
    }

    /// The bus hears of a node's process from that process' own standstill.
    pub(super) fn tell_bus(&mut self, node: usize, condition: Condition, cx: &mut Cx) {
        let process = match condition {
            Condition::Healthy | Condition::AtMaxmemory | Condition::SaveFailed => Process::Running,
            Condition::Loading => Process::Loading,
            Condition::LoadingCopy => Process::LoadingCopy,
            Condition::Stalled | Condition::Hung | Condition::Forking => Process::Hung,
            Condition::Killed | Condition::HostLost => Process::Dead,
        };
        let member = Member(node as u16);
        self.with_bus(cx, |bus, now, out| {
            bus.set_process(now, member, process, out)
        });
    }

    /// How a replica stands with its primary, and how far its data reach.
    pub(super) fn set_link(&mut self, replica: usize, link: ReplicaLink, cx: &mut Cx) {
        let member = Member(replica as u16);
        self.nodes[replica].heard = link;
        let offset = self.nodes[replica].lineage.offset();
        self.with_bus(cx, |bus, now, out| {
            bus.set_replication(now, member, offset, link, out)
        });
        self.tell_sentinels_link(replica, link, cx);
    }

    /// Does something with the bus. What it decided is still to be carried out.
    pub(super) fn with_bus(
        &mut self,
        cx: &mut Cx,
        f: impl FnOnce(&mut ClusterBus, SimTime, &mut BusEffects),
    ) -> bool {
        let Some(bus) = &mut self.bus else {
            return false;
        };
        let mut effects = BusEffects::new();
        f(bus, cx.now, &mut effects);
        let changed = !effects.is_empty();
        self.then(
            effects
                .into_iter()
                .map(|(_, effect)| Consequence::Bus(effect)),
        );
        changed
    }

    /// One pending event for the bus' next deed.
    pub(super) fn schedule_bus(&mut self, cx: &mut Cx) {
        let next = self
            .bus
            .as_ref()
            .and_then(ClusterBus::next_at)
            .map(|at| at.max(cx.now));
        if self.bus_event.map(|(_, at)| at) == next {
            return;
        }
        if let Some((key, _)) = self.bus_event.take() {
            cx.agenda.cancel(key);
        }
        let event = Event::Cluster(self.id, ClusterTimer::Bus);
        self.bus_event = next.map(|at| (cx.agenda.at(at, event), at));
    }

    pub(super) fn on_effect(&mut self, effect: BusEffect, cx: &mut Cx) {
        self.tell_effect(&effect, cx);
        match effect {
            BusEffect::Promoted { member, shard, .. } => {
                self.on_promoted(shard.0.into(), member.0.into(), cx);
            }
            BusEffect::Demoted {
                member,
                new_primary,
            } => {
                self.follow_primary(member.0.into(), new_primary.0.into(), cx);
            }
            BusEffect::ReplicaRepointed {
                member,
                new_primary,
            } => {
                let node = usize::from(member.0);
                let shard = self.nodes[usize::from(new_primary.0)].shard;
                if self.nodes[node].shard != shard {
                    // It has moved to a primary that had lost its replicas, and starts over.
                    // Clients that still took it for its old shard's owner are sent on at once.
                    let old = self.nodes[node].shard;
                    if self.nodes[node].known {
                        self.on_follow(old, self.owners[old], cx);
                    }
                    self.change_shard(node, shard, cx);
                }
                self.follow_primary(node, new_primary.0.into(), cx);
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
    pub(super) fn on_promoted(&mut self, shard: usize, node: usize, cx: &mut Cx) {
        let old = std::mem::replace(&mut self.owners[shard], node);
        if old == node {
            return;
        }
        // All that was acknowledged so far was written to it; what comes now is not.
        self.nodes[old].covered = cx.now;
        let old_serves = self.nodes[old].capabilities().writes == Reply::Fine;
        cx.ledger.failovers += 1;
        cx.ledger.false_failovers += u64::from(old_serves);
        self.lose_writes(shard, node, cx);
        self.become_primary(node, cx);
        self.nodes[node].promoted = Some(Promotion {
            at: cx.now,
            useless: false,
        });
        let name = self.node_name(node);
        cx.ledger.say(cx.now, || format!("{name}: promoted"));
        cx.ledger.mark(cx.now, &name, || "promoted".to_owned());
        cx.ledger.moment(cx.now, What::Promoted, &name);
        // Under Sentinel clients follow when one of the Sentinels names the node.
        if self.sentinels.is_empty() {
            let told = self.told_after(shard);
            self.let_follow(shard, node, told, cx);
        }
    }

    /// A bus that starts holds the cluster to be well.
    pub(super) fn tell_bus_ok(&mut self, cx: &mut Cx) {
        self.said_ok = true;
        if self.bus.is_some() {
            let row = format!("{} cluster bus", self.name);
            cx.ledger
                .state(cx.now, RowGroup::Observers, &row, "cluster ok", Tone::Good);
        }
    }

    /// What the bus says and does, for the trace and the observers' rows.
    fn tell_effect(&mut self, effect: &BusEffect, cx: &mut Cx) {
        if let BusEffect::ClusterState { of, ok } = *effect {
            self.tell_state(of, ok, cx);
        }
        if !cx.ledger.tells() {
            return;
        }
        let row = format!("{} cluster bus", self.name);
        let name = |member: Member| self.node_name(member.0.into());
        // Only primaries' suspicions count (rule C11).
        let counts = |member: Member| self.nodes[usize::from(member.0)].primary;
        match *effect {
            BusEffect::Pfail { by, of } if counts(by) => {
                cx.ledger.say(cx.now, || {
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
                cx.ledger.say(cx.now, || {
                    format!("bus: {} declares {} failed", name(by), name(of))
                });
                cx.ledger
                    .state(cx.now, RowGroup::Observers, &row, "FAIL", Tone::Bad);
            }
            BusEffect::ElectionStarted { by, epoch } => {
                cx.ledger.say(cx.now, || {
                    format!("bus: {} asks for votes, epoch {epoch}", name(by))
                });
            }
            BusEffect::Demoted {
                member,
                new_primary,
            } => {
                cx.ledger.say(cx.now, || {
                    format!(
                        "bus: {} becomes a replica of {}",
                        name(member),
                        name(new_primary)
                    )
                });
            }
            BusEffect::ManualFailoverTimedOut { member } => {
                cx.ledger.say(cx.now, || {
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
    fn tell_state(&mut self, of: Member, ok: bool, cx: &mut Cx) {
        if !self.nodes[usize::from(of.0)].primary || self.said_ok == ok {
            return;
        }
        self.said_ok = ok;
        let (says, tone) = if ok {
            ("ok", Tone::Good)
        } else {
            ("down", Tone::Bad)
        };
        cx.ledger.say(cx.now, || {
            let first = self.node_name(of.0.into());
            format!("bus: the cluster is {says}, first seen by {first}")
        });
        let row = format!("{} cluster bus", self.name);
        let state = format!("cluster {says}");
        cx.ledger
            .state(cx.now, RowGroup::Observers, &row, &state, tone);
    }
}
