//! What the lab did to a real Redis, done to the group: see `models/lab/README.md`.

use models::failover::sentinel::{Node, Party, Process, Sentinel, SentinelEffect, SentinelGroup};
use rand::RngExt as _;
use sim::{Purpose, SimDuration, SimTime, Streams};

use crate::drive::{Drive, nodes, spec};

/// One setting of the lab. Node 0 is the victim.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    pub down_after_ms: u64,
    pub replicas: u16,
    pub sentinels: u16,
    pub quorum: u16,
    /// How many Sentinels were killed before.
    pub dead_sentinels: u16,
    pub fault: Process,
    /// How long the run is watched after the fault, beyond `down_after_ms`.
    pub watch_ms: u64,
}

/// What one run brought, in milliseconds after the fault.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub sdown: Vec<f64>,
    pub fail_detect: Option<f64>,
    pub election_start: Option<f64>,
    pub elections_started: usize,
    pub elected: Option<f64>,
    pub selected: Option<f64>,
    pub promote: Option<f64>,
    pub promoted_seen: Option<f64>,
    pub switch_master: Vec<f64>,
    pub second_failover: Option<f64>,
    pub aborts: usize,
}

/// Loopback, as for the cluster bus, where the lab's machine took 0.75 ms to synchronise a file;
/// Sentinel does so three times whenever it saves.
const LATENCY: SimDuration = SimDuration::from_micros(250);
const CONFIG_SAVE: SimDuration = SimDuration::from_micros(3 * 750);
/// Processes are started one after the other, at a pace that the machine's load sets: six were up
/// within 13 to 256 ms on a like machine.
const START_GAP_MS: (f64, f64) = (3.0, 35.0);
/// How often a healthy group is looked for.
const POLL_MS: f64 = 100.0;

/// Starts all Sentinels, waits until all know everybody, half a second and `phase_ms` more, and
/// then the fault.
///
/// The lab drew the phase between 0 and 2 s. Freshly started Sentinels PING at well-defined times
/// after their start, so when a hang is found depends on the phase: a comparison takes the phases
/// that the lab drew.
pub fn run(condition: &Condition, phase_ms: f64, seed: u64) -> Run {
    let mut drive = start(condition, phase_ms, seed);
    let fault_at = drive.now;
    drive.process(Node(0), condition.fault);
    drive.pass(condition.down_after_ms + condition.watch_ms);
    read(&drive, fault_at)
}

/// The same up to the fault.
pub fn start(condition: &Condition, phase_ms: f64, seed: u64) -> Drive {
    let streams = Streams::for_trial(seed, 0);
    let mut rng = streams.stream(Purpose(1), 0);
    let mut spec = spec(condition.down_after_ms);
    spec.latency = LATENCY;
    spec.config_save = CONFIG_SAVE;
    spec.sentinels = condition.sentinels;
    spec.quorum = condition.quorum;
    let gap = rng.random_range(START_GAP_MS.0..START_GAP_MS.1);
    let starts: Vec<SimTime> = (0..condition.sentinels)
        .map(|s| SimTime::ZERO + millis(gap * (f64::from(s) + rng.random_range(0.0..1.0))))
        .collect();
    let key = streams.key(Purpose(2), 0);
    let group = SentinelGroup::boot(spec, &nodes(condition.replicas), key, &starts);
    let mut drive = Drive::around(group, 0);
    while !healthy(&drive.group) {
        drive.pass(10);
        assert!(
            drive.now < SimTime::ZERO + SimDuration::from_secs(20),
            "never healthy"
        );
    }
    for dead in 0..condition.dead_sentinels {
        drive.sentinel(Sentinel(dead), Process::Dead);
    }
    let wait = rng.random_range(0.0..POLL_MS) + 500.0 + phase_ms;
    drive.until(drive.now + millis(wait));
    drive
}

/// What the lab waited for.
fn healthy(group: &SentinelGroup) -> bool {
    group.sentinels().all(|sentinel| {
        let view = group.view(sentinel);
        let mut others = group.sentinels().filter(|other| *other != sentinel);
        let mut replicas = group.nodes().filter(|node| *node != Node(0));
        others.all(|other| view.knows(other) && !view.sdown(other))
            && replicas.all(|r| view.replica_link_up(r) && !view.sdown(r))
            && !view.sdown(Node(0))
    })
}

fn millis(value: f64) -> SimDuration {
    SimDuration::from_secs_f64(value / 1e3)
}

fn read(drive: &Drive, fault_at: SimTime) -> Run {
    let mut run = Run::default();
    let victim = Party::Node(Node(0));
    for (at, effect) in drive.heard.iter().filter(|(at, _)| *at >= fault_at) {
        let t = (*at - fault_at).as_secs_f64() * 1e3;
        let first = |slot: &mut Option<f64>| {
            slot.get_or_insert(t);
        };
        match *effect {
            SentinelEffect::Sdown { of, .. } if of == victim && run.switch_master.is_empty() => {
                run.sdown.push(t);
            }
            SentinelEffect::Odown { of: Node(0), .. } => first(&mut run.fail_detect),
            SentinelEffect::TryFailover { of: Node(0), .. } => {
                first(&mut run.election_start);
                run.elections_started += 1;
            }
            SentinelEffect::TryFailover { .. } => first(&mut run.second_failover),
            SentinelEffect::ElectedLeader { .. } => first(&mut run.elected),
            SentinelEffect::Selected { .. } => first(&mut run.selected),
            SentinelEffect::Promote { .. } => first(&mut run.promote),
            SentinelEffect::PromotedSeen { .. } => first(&mut run.promoted_seen),
            SentinelEffect::SwitchMaster { from: Node(0), .. } => run.switch_master.push(t),
            SentinelEffect::FailoverAborted { .. } => run.aborts += 1,
            _ => {}
        }
    }
    run
}
