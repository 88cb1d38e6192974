//! What the model gives for a setting of the lab: the cluster bus, booted and struck as the real
//! cluster beside it is.
//!
//! Left out: replicas that copy after a change of role, since no run goes on for that long.

use std::ops::Range;

use models::failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, ClusterBusSpec, Member, MemberInit, Process, ReplicaLink,
    Role, Shard, Version,
};
use rand::RngExt as _;
use sim::{Purpose, Rng, SimDuration, SimTime, Streams};

/// Three primaries with one replica each; member 0 is struck.
const SHARDS: u16 = 3;
/// Random wait before the fault, after the half second that the cluster is left alone.
const PHASE_MS: Range<f64> = 500.0..2500.0;
/// Pause between the starts of two processes, as the pace of this machine draws it.
const START_GAP_MS: Range<f64> = 3.0..35.0;

/// Milliseconds from the fault to each of these, if it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// The first node that counts a majority.
    pub fail: Option<f64>,
    /// A replica has won its election.
    pub promoted: Option<f64>,
}

/// One run: boots, waits for health and a random phase, strikes member 0, ends the fault after
/// `length` if that is given.
pub fn run(node_timeout_ms: u64, fault: Process, length: Option<SimDuration>, seed: u64) -> Run {
    let streams = Streams::for_trial(seed, 0);
    let mut rng = streams.stream(Purpose(1), 0);
    let (mut bus, mut now) = boot(node_timeout_ms, &streams, &mut rng);
    let mut heard = BusEffects::new();
    while !bus.members().all(|m| bus.view(m).ok()) {
        now += SimDuration::from_millis(10);
        bus.advance(now, &mut heard);
        assert!(
            now < SimTime::ZERO + SimDuration::from_secs(10),
            "never healthy"
        );
    }
    let fault_at = now + millis(rng.random_range(PHASE_MS));
    bus.advance(fault_at, &mut heard);
    let link = match fault {
        Process::Dead => ReplicaLink::Down { since: fault_at },
        Process::Running | Process::Hung | Process::Loading | Process::LoadingCopy => {
            ReplicaLink::Silent { since: fault_at }
        }
    };
    bus.set_replication(fault_at, Member(SHARDS), 1000, link, &mut heard);
    bus.set_process(fault_at, Member(0), fault, &mut heard);
    if let Some(length) = length {
        bus.advance(fault_at + length, &mut heard);
        bus.set_process(fault_at + length, Member(0), Process::Running, &mut heard);
    }
    let end = fault_at + SimDuration::from_millis(3 * node_timeout_ms + 5_000);
    bus.advance(end, &mut heard);
    read(&heard, fault_at)
}

/// Starts all processes one after the other; the clock stands at the last start.
fn boot(node_timeout_ms: u64, streams: &Streams, rng: &mut Rng) -> (ClusterBus, SimTime) {
    let roles = [Role::Primary, Role::Replica];
    let member = |role| {
        move |shard| MemberInit {
            shard: Shard(shard),
            role,
            no_failover: false,
        }
    };
    let layout: Vec<_> = roles
        .iter()
        .flat_map(|r| (0..SHARDS).map(member(*r)))
        .collect();
    let gap = rng.random_range(START_GAP_MS);
    let start = |m| SimTime::ZERO + millis(gap * (m as f64 + rng.random_range(0.0..2.0)));
    let starts: Vec<SimTime> = (0..layout.len()).map(start).collect();
    let (spec, key) = (spec(node_timeout_ms), streams.key(Purpose(2), 0));
    let last = starts.iter().max().expect("six processes");
    (ClusterBus::boot(spec, &layout, key, &starts), *last)
}

fn read(heard: &BusEffects, fault_at: SimTime) -> Run {
    let mut run = Run::default();
    for (at, effect) in heard.iter().filter(|(at, _)| *at >= fault_at) {
        let t = (*at - fault_at).as_secs_f64() * 1e3;
        if matches!(
            effect,
            BusEffect::Fail {
                of: Member(0),
                declared: true,
                ..
            }
        ) {
            run.fail.get_or_insert(t);
        }
        if matches!(effect, BusEffect::Promoted { .. }) {
            run.promoted.get_or_insert(t);
        }
    }
    run
}

fn millis(value: f64) -> SimDuration {
    SimDuration::from_secs_f64(value / 1e3)
}

/// The real cluster's directives; packets and `nodes.conf` at the pace of loopback.
fn spec(node_timeout_ms: u64) -> ClusterBusSpec {
    ClusterBusSpec {
        version: Version::Redis70,
        node_timeout: SimDuration::from_millis(node_timeout_ms),
        replica_validity_factor: 10,
        repl_ping_replica_period: SimDuration::from_secs(10),
        require_full_coverage: true,
        allow_reads_when_down: false,
        migration_barrier: 1,
        allow_replica_migration: true,
        latency: SimDuration::from_micros(250),
        config_save: SimDuration::from_micros(750),
    }
}
