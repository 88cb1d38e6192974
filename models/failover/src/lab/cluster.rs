//! A Redis Cluster in the laboratory: how it is started and struck, and what its nodes answer.
//!
//! What a node answers follows from its own view and from its process: CLUSTERDOWN before MOVED
//! before OK (`getNodeByQuery` in `src/cluster.c`, Redis 7.0.15), `CLUSTER SLOTS` in any state of
//! the cluster. Members are numbered primaries first; member 0 is the victim.

use rand::RngExt as _;
use sim::{Rng, SimDuration, SimTime, StreamKey};

use super::drive::BusDrive;
use super::probe::{Address, Deployment, ProcessState, WriteAnswer};
use super::run::{Lab, LabError, Milestones};
use super::setting::{ClusterSetting, Fault};
use crate::cluster_bus::{
    BusEffect, ClusterBus, ClusterBusSpec, Member, MemberInit, Process, ReplicaLink, Role, Shard,
    Version,
};

/// Loopback: asking for votes, two writes of `nodes.conf` and the answers took 2 ms.
const LATENCY: SimDuration = SimDuration::from_micros(250);
const CONFIG_SAVE: SimDuration = SimDuration::from_micros(750);
/// Processes are started one after the other, at a pace that the machine's load sets: six were up
/// within 13 to 256 ms on a like machine.
const START_GAP_MS: (f64, f64) = (3.0, 35.0);
/// How often a healthy cluster is looked for, and for how long.
const POLL: SimDuration = SimDuration::from_millis(10);
const HEALTHY_WITHIN: SimDuration = SimDuration::from_secs(60);

const VICTIM: Member = Member(0);
/// The shard that is written to.
const UNDER_TEST: Shard = Shard(0);

/// The cluster and what is done to it.
pub(super) struct ClusterLab {
    drive: BusDrive,
    masters: u16,
    processes: Vec<Process>,
    /// What is yet to be done to the victim, in order.
    strikes: Vec<(SimTime, Process)>,
}

impl ClusterLab {
    /// Starts all processes and waits until every node serves.
    pub(super) fn boot(
        setting: &ClusterSetting,
        rng: &mut Rng,
        key: StreamKey,
    ) -> Result<ClusterLab, LabError> {
        let layout = layout(setting.masters, setting.replicas_per_master);
        let gap_ms = rng.random_range(START_GAP_MS.0..START_GAP_MS.1);
        let start = |place: usize, jitter: f64| {
            SimTime::ZERO + SimDuration::from_secs_f64(gap_ms * (place as f64 + jitter) / 1e3)
        };
        let starts: Vec<SimTime> = (0..layout.len())
            .map(|place| start(place, rng.random_range(0.0..2.0)))
            .collect();
        let mut bus = ClusterBus::boot(spec(setting), &layout, key, &starts);
        bus.set_loopback();
        let mut lab = ClusterLab {
            drive: BusDrive::around(bus, SimTime::ZERO),
            masters: setting.masters,
            processes: vec![Process::Running; layout.len()],
            strikes: Vec::new(),
        };
        while !lab.drive.bus.members().all(|m| lab.drive.bus.view(m).ok()) {
            if lab.drive.now > SimTime::ZERO + HEALTHY_WITHIN {
                return Err(LabError::NeverHealthy(HEALTHY_WITHIN));
            }
            lab.drive.until(lab.drive.now + POLL);
        }
        if setting.without_replica {
            for replica in lab.replicas_of_victim() {
                lab.drive.process(replica, Process::Dead);
                lab.processes[usize::from(replica.0)] = Process::Dead;
            }
            lab.drive.until(lab.drive.now + setting.node_timeout * 2);
        }
        Ok(lab)
    }

    /// The primaries of the other shards.
    fn others(&self) -> impl Iterator<Item = Member> + use<> {
        (1..self.masters).map(Member)
    }

    fn replicas_of_victim(&self) -> Vec<Member> {
        let owned = |m: &Member| self.drive.bus.view(*m).replica_of(*m) == Some(VICTIM);
        self.drive.bus.members().filter(owned).collect()
    }

    fn change(&mut self, process: Process) {
        let since = self.drive.now;
        let link = match process {
            Process::Dead => ReplicaLink::Down { since },
            Process::Hung => ReplicaLink::Silent { since },
            Process::Running | Process::Loading | Process::LoadingCopy => ReplicaLink::Up,
        };
        for replica in self.replicas_of_victim() {
            self.drive.replication(replica, link);
        }
        self.drive.process(VICTIM, process);
        self.processes[usize::from(VICTIM.0)] = process;
    }
}

impl Lab for ClusterLab {
    fn now(&self) -> SimTime {
        self.drive.now
    }

    fn strike(&mut self, at: SimTime, fault: Fault) {
        self.strikes = fault.strikes(at, Process::Dead, Process::Hung, Process::Running);
    }

    fn milestones(&self, fault_at: SimTime) -> Milestones {
        let mut milestones = Milestones {
            other_shards_ok: self.others().all(|m| self.drive.bus.view(m).ok()),
            ..Milestones::default()
        };
        for (at, effect) in self.drive.heard.iter().filter(|(at, _)| *at >= fault_at) {
            let after = *at - fault_at;
            match *effect {
                BusEffect::Pfail { by, of: VICTIM } => {
                    milestones.pfail_first_any.get_or_insert(after);
                    if by.0 < self.masters {
                        milestones.pfail_first_master.get_or_insert(after);
                        milestones.pfail_last_master = Some(after);
                    }
                }
                BusEffect::Fail {
                    of: VICTIM,
                    declared: true,
                    ..
                } => {
                    milestones.detect.get_or_insert(after);
                }
                BusEffect::ElectionStarted { .. } => {
                    milestones.election_start.get_or_insert(after);
                    milestones.elections += 1;
                }
                BusEffect::Promoted { .. } => {
                    milestones.promote.get_or_insert(after);
                }
                BusEffect::Pfail { .. }
                | BusEffect::PfailCleared { .. }
                | BusEffect::Fail { .. }
                | BusEffect::FailCleared { .. }
                | BusEffect::ClusterState { .. }
                | BusEffect::ElectionScheduled { .. }
                | BusEffect::Vote { .. }
                | BusEffect::Demoted { .. }
                | BusEffect::ReplicaRepointed { .. }
                | BusEffect::WritesPaused { .. }
                | BusEffect::WritesResumed { .. }
                | BusEffect::ManualFailoverTimedOut { .. } => {}
            }
        }
        milestones
    }
}

impl Deployment for ClusterLab {
    fn until(&mut self, at: SimTime) {
        while let Some((due, process)) = self.strikes.first().copied().filter(|(due, _)| *due <= at)
        {
            self.strikes.remove(0);
            self.drive.until(due);
            self.change(process);
        }
        self.drive.until(at.max(self.drive.now));
    }

    fn presence(&self, server: Address) -> ProcessState {
        match self.processes[usize::from(server.0)] {
            Process::Running | Process::Loading | Process::LoadingCopy => ProcessState::Runs,
            Process::Hung => ProcessState::Stopped {
                resumes: self.strikes.first().map(|(at, _)| *at),
            },
            Process::Dead => ProcessState::Gone,
        }
    }

    fn write(&self, node: Address) -> WriteAnswer {
        let view = self.drive.bus.view(Member(node.0));
        match view.owner(UNDER_TEST) {
            Some(owner) if view.ok() && owner.0 != node.0 => WriteAnswer::Moved(Address(owner.0)),
            Some(_) if view.ok() => WriteAnswer::Ok,
            Some(_) | None => WriteAnswer::ClusterDown,
        }
    }

    fn guides(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.processes.len()).expect("a cluster has at most 65535 members")
    }

    fn owner_told_by(&self, guide: Address) -> Option<Address> {
        let owner = self.drive.bus.view(Member(guide.0)).owner(UNDER_TEST);
        owner.map(|member| Address(member.0))
    }
}

/// The directives that the laboratory set; all else as 7.0.15 has it.
fn spec(setting: &ClusterSetting) -> ClusterBusSpec {
    ClusterBusSpec {
        version: Version::Redis70,
        node_timeout: setting.node_timeout,
        replica_validity_factor: 10,
        repl_ping_replica_period: SimDuration::from_secs(10),
        require_full_coverage: setting.require_full_coverage,
        allow_reads_when_down: false,
        migration_barrier: 1,
        allow_replica_migration: true,
        latency: LATENCY,
        config_save: CONFIG_SAVE,
    }
}

/// Primaries first (member i owns shard i), then one replica of each, then another of each, …
fn layout(masters: u16, replicas_per_master: u16) -> Vec<MemberInit> {
    let shards = |role| {
        (0..masters).map(move |shard| MemberInit {
            shard: Shard(shard),
            role,
            no_failover: false,
        })
    };
    let copies = (0..replicas_per_master).flat_map(|_| shards(Role::Replica));
    shards(Role::Primary).chain(copies).collect()
}
