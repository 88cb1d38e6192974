//! What a cluster bus costs, asleep and awake: `cargo bench -p failover`.
//!
//! | case | what |
//! | --- | --- |
//! | 90 healthy days | 6 nodes, node timeout 15 s, from birth to the end of 90 days; asked 20 µs |
//! | one failover | the same cluster, one primary dies, until the bus sleeps again; asked 1 ms |
//! | one failover, kept awake | the same, message by message for ten minutes |
//!
//! Median and minimum of many rounds: other work on the machine only ever adds.

// A benchmark reads the clock and prints; nothing here reaches a result of the simulator.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, ClusterBusSpec, Member, MemberInit, Process, ReplicaLink,
    Role, Shard, Version,
};
use sim::{Purpose, SimDuration, SimTime, Streams};

const ROUNDS: u64 = 500;

fn main() {
    report("90 healthy days", |seed| healthy(seed).1);
    report("one failover", |seed| failover(seed, false));
    report("one failover, kept awake", |seed| failover(seed, true));
}

fn report(name: &str, round: impl Fn(u64) -> Duration) {
    let mut times: Vec<Duration> = (0..ROUNDS).map(round).collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("{name}: median {median:?}, min {:?}", times[0]);
}

fn bus(seed: u64) -> ClusterBus {
    let spec = ClusterBusSpec {
        version: Version::Redis70,
        node_timeout: SimDuration::from_secs(15),
        replica_validity_factor: 10,
        repl_ping_replica_period: SimDuration::from_secs(10),
        require_full_coverage: true,
        allow_reads_when_down: false,
        migration_barrier: 1,
        allow_replica_migration: true,
        latency: SimDuration::from_micros(250),
        config_save: SimDuration::from_millis(1),
    };
    let layout: Vec<MemberInit> = (0..6)
        .map(|n| MemberInit {
            shard: Shard(n % 3),
            role: if n < 3 { Role::Primary } else { Role::Replica },
            no_failover: false,
        })
        .collect();
    let key = Streams::for_trial(seed, 0).key(Purpose(1), 0);
    ClusterBus::new(spec, &layout, key, SimTime::ZERO)
}

fn healthy(seed: u64) -> (ClusterBus, Duration) {
    let end = SimTime::ZERO + SimDuration::from_days(90);
    timed(|| {
        let mut bus = bus(seed);
        let mut heard = BusEffects::new();
        while let Some(next) = bus.next_at().filter(|next| *next < end) {
            bus.advance(next, &mut heard);
        }
        bus.advance(end, &mut heard);
        assert!(heard.is_empty(), "nothing happens to a healthy cluster");
        black_box(bus)
    })
}

fn failover(seed: u64, awake: bool) -> Duration {
    let mut bus = bus(seed);
    if awake {
        bus.set_eager();
    }
    let fault = SimTime::ZERO + SimDuration::from_hours(1);
    let mut heard = BusEffects::new();
    bus.advance(fault, &mut heard);
    let until = fault + SimDuration::from_mins(10);
    let (promoted, took) = timed(|| {
        bus.set_process(fault, Member(0), Process::Dead, &mut heard);
        let link = ReplicaLink::Down { since: fault };
        bus.set_replication(fault, Member(3), 0, link, &mut heard);
        while let Some(next) = bus.next_at().filter(|next| *next < until) {
            bus.advance(next, &mut heard);
        }
        let promotion = |(_, effect): &(SimTime, BusEffect)| {
            matches!(
                effect,
                BusEffect::Promoted {
                    member: Member(3),
                    ..
                }
            )
        };
        heard.iter().any(promotion)
    });
    assert!(promoted, "the replica takes over");
    took
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = f();
    (result, start.elapsed())
}
