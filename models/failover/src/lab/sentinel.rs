//! A primary with its replicas and Sentinels in the laboratory: how they are started and struck,
//! and what they answer.
//!
//! Addresses are the data nodes first, node 0 being the victim, then the Sentinels, those that
//! were killed beforehand among them: the client asks all of them in turn.

use rand::RngExt as _;
use sim::{Rng, SimDuration, SimTime, StreamKey};

use super::probe::{Address, Deployment, ProcessState, WriteAnswer};
use super::run::{Lab, LabError, Milestones, SentinelSteps};
use super::sentinel_drive::SentinelDrive;
use super::setting::{Fault, SentinelSetting};
use crate::sentinel::{
    Node, NodeInit, NodeRole, Party, Process, Sentinel, SentinelEffect, SentinelGroup, SentinelSpec,
};

/// Loopback, as for the cluster.
const LATENCY: SimDuration = SimDuration::from_micros(250);
/// A file is on disk after 0.75 ms, as for the cluster; Sentinel waits for three whenever it saves.
const CONFIG_SAVE: SimDuration = SimDuration::from_micros(3 * 750);
/// Processes are started one after the other, at a pace that the machine's load sets: six were up
/// within 13 to 256 ms on a like machine.
const START_GAP_MS: (f64, f64) = (3.0, 35.0);
/// How often a healthy group is looked for, and for how long.
const POLL: SimDuration = SimDuration::from_millis(10);
const HEALTHY_WITHIN: SimDuration = SimDuration::from_secs(60);

const VICTIM: Node = Node(0);

/// The deployment and what is done to it.
pub(super) struct SentinelLab {
    drive: SentinelDrive,
    nodes: u16,
    /// What is yet to be done to the victim, in order.
    strikes: Vec<(SimTime, Process)>,
}

impl SentinelLab {
    /// Starts all Sentinels, waits until all know everybody, then kills those that should be dead.
    pub(super) fn boot(
        setting: &SentinelSetting,
        rng: &mut Rng,
        key: StreamKey,
    ) -> Result<SentinelLab, LabError> {
        let gap_ms = rng.random_range(START_GAP_MS.0..START_GAP_MS.1);
        let starts: Vec<SimTime> = (0..setting.sentinels)
            .map(|place| {
                let after_ms = gap_ms * (f64::from(place) + rng.random_range(0.0..1.0));
                SimTime::ZERO + SimDuration::from_secs_f64(after_ms / 1e3)
            })
            .collect();
        let nodes = nodes(setting.replicas);
        let group = SentinelGroup::boot(spec(setting), &nodes, key, &starts);
        let mut lab = SentinelLab {
            drive: SentinelDrive::around(group, SimTime::ZERO),
            nodes: 1 + setting.replicas,
            strikes: Vec::new(),
        };
        while !lab.healthy() {
            if lab.drive.now > SimTime::ZERO + HEALTHY_WITHIN {
                return Err(LabError::NeverHealthy(HEALTHY_WITHIN));
            }
            lab.drive.until(lab.drive.now + POLL);
        }
        for dead in 0..setting.dead_sentinels {
            lab.drive.sentinel(Sentinel(dead), Process::Dead);
        }
        Ok(lab)
    }

    /// What the laboratory waited for: every Sentinel knows all others and all replicas with their
    /// streams, and holds nobody for down.
    fn healthy(&self) -> bool {
        let group = &self.drive.group;
        group.sentinels().all(|sentinel| {
            let view = group.view(sentinel);
            let mut others = group.sentinels().filter(|other| *other != sentinel);
            let mut replicas = group.nodes().filter(|node| *node != VICTIM);
            others.all(|other| view.knows(other) && !view.sdown(other))
                && replicas.all(|r| view.replica_link_up(r) && !view.sdown(r))
                && !view.sdown(VICTIM)
        })
    }

    fn sentinel_at(&self, address: Address) -> Option<Sentinel> {
        address.0.checked_sub(self.nodes).map(Sentinel)
    }

    fn process_at(&self, server: Address) -> Process {
        match self.sentinel_at(server) {
            Some(sentinel) => self.drive.group.sentinel_process(sentinel),
            None => self.drive.group.node_truth(Node(server.0)).process,
        }
    }
}

impl Lab for SentinelLab {
    fn now(&self) -> SimTime {
        self.drive.now
    }

    fn strike(&mut self, at: SimTime, fault: Fault) {
        self.strikes = fault.strikes(at, Process::Dead, Process::Hung, Process::Running);
    }

    fn milestones(&self, fault_at: SimTime) -> Milestones {
        let mut milestones = Milestones::default();
        let mut steps = SentinelSteps::default();
        for (at, effect) in self.drive.heard.iter().filter(|(at, _)| *at >= fault_at) {
            let after = *at - fault_at;
            let first = |slot: &mut Option<SimDuration>| {
                slot.get_or_insert(after);
            };
            match *effect {
                SentinelEffect::Odown { of: VICTIM, .. } => first(&mut milestones.detect),
                SentinelEffect::TryFailover { of: VICTIM, .. } => {
                    first(&mut milestones.election_start);
                    milestones.elections += 1;
                }
                SentinelEffect::Promote { .. } => first(&mut milestones.promote),
                SentinelEffect::TryFailover { .. } => first(&mut steps.second_failover),
                SentinelEffect::Sdown { of, .. } => {
                    if of == Party::Node(VICTIM) && steps.switch_first.is_none() {
                        if steps.sdown_first.is_some() {
                            first(&mut steps.sdown_second);
                        }
                        first(&mut steps.sdown_first);
                        steps.sdown_last = Some(after);
                    }
                }
                SentinelEffect::ElectedLeader { .. } => first(&mut steps.elected),
                SentinelEffect::Selected { .. } => first(&mut steps.selected),
                SentinelEffect::PromotedSeen { .. } => first(&mut steps.promoted_seen),
                SentinelEffect::SwitchMaster { from: VICTIM, .. } => {
                    first(&mut steps.switch_first);
                    steps.switch_last = Some(after);
                }
                SentinelEffect::SwitchMaster { .. }
                | SentinelEffect::SdownCleared { .. }
                | SentinelEffect::Odown { .. }
                | SentinelEffect::OdownCleared { .. }
                | SentinelEffect::Vote { .. }
                | SentinelEffect::Reconfigure { .. }
                | SentinelEffect::ClientsKilled { .. }
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
        Milestones {
            sentinels: steps,
            ..milestones
        }
    }
}

impl Deployment for SentinelLab {
    fn until(&mut self, at: SimTime) {
        while let Some((due, process)) = self.strikes.first().copied().filter(|(due, _)| *due <= at)
        {
            self.strikes.remove(0);
            self.drive.until(due);
            self.drive.process(VICTIM, process);
        }
        self.drive.until(at.max(self.drive.now));
    }

    fn presence(&self, server: Address) -> ProcessState {
        match self.process_at(server) {
            Process::Running => ProcessState::Runs,
            Process::Hung => ProcessState::Stopped {
                resumes: self.strikes.first().map(|(at, _)| *at),
            },
            Process::Dead | Process::Lost => ProcessState::Gone,
        }
    }

    fn write(&self, node: Address) -> WriteAnswer {
        match self.drive.group.node_truth(Node(node.0)).role {
            NodeRole::Primary => WriteAnswer::Ok,
            NodeRole::Replica { .. } => WriteAnswer::ReadOnly,
        }
    }

    fn guides(&self) -> std::ops::Range<u16> {
        self.nodes..self.nodes + self.drive.group.spec().sentinels
    }

    fn owner_told_by(&self, guide: Address) -> Option<Address> {
        let sentinel = self.sentinel_at(guide)?;
        Some(Address(self.drive.group.view(sentinel).primary().0))
    }
}

/// The directives that the laboratory set; all else as 7.0.15 has it.
fn spec(setting: &SentinelSetting) -> SentinelSpec {
    SentinelSpec {
        sentinels: setting.sentinels,
        quorum: setting.quorum,
        down_after: setting.down_after,
        failover_timeout: setting.failover_timeout,
        parallel_syncs: 1,
        master_reboot_down_after: SimDuration::ZERO,
        latency: LATENCY,
        config_save: CONFIG_SAVE,
    }
}

/// Node 0 is the primary, the others copy it.
fn nodes(replicas: u16) -> Vec<NodeInit> {
    let replica = NodeRole::Replica { of: VICTIM };
    let roles = std::iter::once(NodeRole::Primary).chain((0..replicas).map(|_| replica));
    let node = |role| NodeInit {
        role,
        priority: 100,
    };
    roles.map(node).collect()
}
