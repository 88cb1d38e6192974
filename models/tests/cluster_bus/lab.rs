//! What the lab did to a real Redis, done to the bus: see `models/lab/README.md`.

use models::failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, Member, Process, ReplicaLink,
};
use rand::RngExt as _;
use sim::{Purpose, SimDuration, SimTime, Streams};

use crate::drive::{Drive, layout, spec};

/// One setting of the lab. Member 0 is the victim.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    pub node_timeout_ms: u64,
    pub masters: u16,
    pub replicas: u16,
    pub fault: Process,
    /// How long a hang lasts; for ever if not said.
    pub hang_s: Option<f64>,
    /// The victim's replica is dead already.
    pub without_replica: bool,
    pub full_coverage: bool,
}

/// What one run brought, in milliseconds after the fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub pfail_first_any: Option<f64>,
    pub pfail_first_master: Option<f64>,
    pub pfail_last_master: Option<f64>,
    pub fail_detect: Option<f64>,
    pub election_start: Option<f64>,
    pub promote: Option<f64>,
    /// The second shard's primary says CLUSTERDOWN at the end.
    pub other_shard_down: bool,
}

/// Loopback: asking for votes, two writes of `nodes.conf` and the answers took 2 ms in the lab.
const LATENCY: SimDuration = SimDuration::from_micros(250);
const CONFIG_SAVE: SimDuration = SimDuration::from_micros(750);
/// Processes are started one after the other, at a pace that the machine's load sets: six were up
/// within 13 to 256 ms on a like machine.
const START_GAP_MS: (f64, f64) = (3.0, 35.0);
/// How often a healthy cluster is looked for.
const POLL_MS: f64 = 100.0;

/// Starts all processes, waits until all nodes serve, half a second and a random phase more, and
/// then the fault.
pub fn run(condition: &Condition, seed: u64) -> Run {
    let streams = Streams::for_trial(seed, 0);
    let mut rng = streams.stream(Purpose(1), 0);
    let mut spec = spec(condition.node_timeout_ms);
    spec.latency = LATENCY;
    spec.config_save = CONFIG_SAVE;
    spec.require_full_coverage = condition.full_coverage;
    let layout = layout(condition.masters, condition.replicas);
    let gap = rng.random_range(START_GAP_MS.0..START_GAP_MS.1);
    let starts: Vec<SimTime> = (0..layout.len())
        .map(|m| SimTime::ZERO + millis(gap * (m as f64 + rng.random_range(0.0..2.0))))
        .collect();
    let bus = ClusterBus::boot(spec, &layout, streams.key(Purpose(2), 0), &starts);
    let mut drive = Drive::around(bus, 0);
    while !drive.bus.members().all(|m| drive.bus.view(m).ok()) {
        drive.pass(10);
        assert!(
            drive.now < SimTime::ZERO + SimDuration::from_secs(10),
            "never healthy"
        );
    }
    if condition.without_replica {
        drive.process(Member(condition.masters), Process::Dead);
        drive.pass(2 * condition.node_timeout_ms);
    }
    let phase = (condition.node_timeout_ms as f64 / 2.0).max(2000.0);
    let wait = rng.random_range(0.0..POLL_MS) + 500.0 + rng.random_range(0.0..phase);
    drive.until(drive.now + millis(wait));
    let fault_at = drive.now;
    strike(&mut drive, condition);
    read(&drive, fault_at, condition)
}

fn millis(value: f64) -> SimDuration {
    SimDuration::from_secs_f64(value / 1e3)
}

fn strike(drive: &mut Drive, condition: &Condition) {
    let (victim, fault_at) = (Member(0), drive.now);
    for shard_replica in 1..=condition.replicas {
        let link = match condition.fault {
            Process::Dead => ReplicaLink::Down { since: fault_at },
            _ => ReplicaLink::Silent { since: fault_at },
        };
        drive.replication(Member(shard_replica * condition.masters), link);
    }
    drive.process(victim, condition.fault);
    if let Some(hang_s) = condition.hang_s {
        drive.until(fault_at + SimDuration::from_secs_f64(hang_s));
        drive.process(victim, Process::Running);
    }
    drive.pass(3 * condition.node_timeout_ms + 5_000);
}

fn read(drive: &Drive, fault_at: SimTime, condition: &Condition) -> Run {
    let mut run = Run::default();
    let is_master = |m: Member| m.0 < condition.masters;
    let heard: &BusEffects = &drive.heard;
    for (at, effect) in heard.iter().filter(|(at, _)| *at >= fault_at) {
        let t = (*at - fault_at).as_secs_f64() * 1e3;
        let first = |slot: &mut Option<f64>| {
            slot.get_or_insert(t);
        };
        match *effect {
            BusEffect::Pfail { by, of: Member(0) } => {
                first(&mut run.pfail_first_any);
                if is_master(by) {
                    first(&mut run.pfail_first_master);
                    run.pfail_last_master = Some(t);
                }
            }
            BusEffect::Fail {
                of: Member(0),
                declared: true,
                ..
            } => first(&mut run.fail_detect),
            BusEffect::ElectionStarted { .. } => first(&mut run.election_start),
            BusEffect::Promoted { .. } => first(&mut run.promote),
            _ => {}
        }
    }
    run.other_shard_down = !drive.bus.view(Member(1)).ok();
    run
}
