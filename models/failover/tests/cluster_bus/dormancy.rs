//! Sleeping changes nothing: a bus that never sleeps says the same, to the nanosecond.

use failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, ManualFailover, Member, Process, ReplicaLink,
};
use rand::RngExt as _;
use sim::{Purpose, Rng, SimDuration, SimTime, Streams};

use crate::drive::{layout, spec};

/// A healthy cluster, and what to draw disturbances from.
fn healthy(seed: u64, eager: bool) -> (ClusterBus, Rng) {
    let streams = Streams::for_trial(seed, 0);
    let key = streams.key(Purpose(4), 0);
    let mut bus = ClusterBus::new(spec(3000), &layout(3, 1), key, SimTime::ZERO);
    if eager {
        bus.set_eager();
    }
    (bus, streams.stream(Purpose(3), 0))
}

/// How much these hours had to say, which is the same if the bus never sleeps, and its naps.
fn told_alike(seeds: u64, hour: fn(u64, bool) -> (BusEffects, usize)) -> (usize, usize) {
    let (mut effects, mut naps) = (0, 0);
    for seed in 0..seeds {
        let (lazy, slept) = hour(seed, false);
        let (eager, _) = hour(seed, true);
        assert_eq!(lazy, eager, "seed {seed}");
        effects += lazy.len();
        naps += slept;
    }
    (effects, naps)
}

/// What a disturbed hour sounds like. Disturbances are minutes apart or seconds, at random.
fn hour(seed: u64, eager: bool) -> (BusEffects, usize) {
    let (mut bus, mut rng) = healthy(seed, eager);
    let (mut out, mut slept, mut now) = (BusEffects::new(), 0, SimTime::ZERO);
    while now < SimTime::ZERO + SimDuration::from_hours(1) {
        let pause_s = 10_f64.powf(rng.random_range(0.0..2.5));
        now += SimDuration::from_secs_f64(pause_s);
        bus.advance(now, &mut out);
        slept += usize::from(bus.dormant());
        disturb(&mut bus, now, &mut rng, &mut out);
    }
    (out, slept)
}

fn disturb(bus: &mut ClusterBus, now: SimTime, rng: &mut Rng, out: &mut BusEffects) {
    let member = Member(rng.random_range(0..6));
    match rng.random_range(0..8) {
        0 => bus.set_process(now, member, Process::Dead, out),
        1 => bus.set_process(now, member, Process::Hung, out),
        2 | 3 => {
            for member in bus.members() {
                bus.set_process(now, member, Process::Running, out);
                bus.set_replication(now, member, 500, ReplicaLink::Up, out);
            }
        }
        4 => {
            let to = Member(rng.random_range(0..6));
            bus.set_reachable(now, member, to, rng.random_range(0..2) == 0, out);
        }
        5 => {
            for (a, b) in bus
                .members()
                .flat_map(|a| (0..6).map(move |b| (a, Member(b))))
            {
                bus.set_reachable(now, a, b, true, out);
            }
        }
        6 => {
            let kind = ManualFailover::Force;
            // Refused on a primary, which is fine here.
            let _ = bus.manual_failover(now, member, kind, out);
        }
        _ => {
            let link = [ReplicaLink::Up, ReplicaLink::NeverSynced][rng.random_range(0..2)];
            bus.set_replication(now, member, rng.random_range(0..999), link, out);
        }
    }
}

#[test]
fn a_bus_that_sleeps_and_one_that_does_not_say_the_same() {
    let (effects, naps) = told_alike(64, hour);
    assert!(
        effects > 2_000,
        "the hours were eventful: {effects} effects"
    );
    assert!(naps > 200, "the lazy bus slept at {naps} disturbances");
}

/// An hour of pauses, most of them too short to be noticed, some at once; and of a manual failover
/// now and then, which wakes the bus.
fn hour_of_pauses(seed: u64, eager: bool) -> (BusEffects, usize) {
    let (mut bus, mut rng) = healthy(seed, eager);
    let (mut out, mut slept) = (BusEffects::new(), 0);
    let mut turns = Vec::new();
    for member in bus.members() {
        let mut at = 0.0;
        while at < 3600.0 {
            at += 10_f64.powf(rng.random_range(0.0..2.0));
            turns.push((at, member, Process::Hung));
            at += 10_f64.powf(rng.random_range(-2.0..0.7));
            turns.push((at, member, Process::Running));
        }
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, member, process) in turns {
        let now = SimTime::ZERO + SimDuration::from_secs_f64(at);
        while let Some(due) = bus.next_at().filter(|due| *due <= now) {
            bus.advance(due, &mut out);
        }
        slept += usize::from(bus.dormant());
        bus.set_process(now, member, process, &mut out);
        match rng.random_range(0..40) {
            0 => {
                let _ = bus.manual_failover(now, member, ManualFailover::Force, &mut out);
            }
            1 => bus.set_replication(now, member, 500, ReplicaLink::Up, &mut out),
            _ => {}
        }
    }
    (out, slept)
}

#[test]
fn a_bus_that_sleeps_through_pauses_and_one_that_does_not_say_the_same() {
    let (effects, naps) = told_alike(16, hour_of_pauses);
    assert!(effects > 500, "pauses are noticed: {effects} effects");
    assert!(naps > 1_000, "the lazy bus slept at {naps} pauses");
}

#[test]
fn a_pause_that_nobody_can_notice_wakes_nobody() {
    let key = Streams::for_trial(1, 1).key(Purpose(4), 0);
    let mut bus = ClusterBus::new(spec(15_000), &layout(3, 1), key, SimTime::ZERO);
    let mut out = BusEffects::new();
    let begins = SimTime::ZERO + SimDuration::from_days(1);
    bus.set_process(begins, Member(0), Process::Hung, &mut out);
    let noticed = begins + SimDuration::from_millis(7_500);
    assert!(bus.dormant());
    assert_eq!(bus.next_at(), Some(noticed));
    let ends = noticed - SimDuration::from_millis(1);
    bus.set_process(ends, Member(0), Process::Running, &mut out);
    assert!(bus.dormant());
    assert_eq!(bus.next_at(), None);
    bus.set_process(ends, Member(0), Process::Hung, &mut out);
    bus.advance(ends + SimDuration::from_mins(1), &mut out);
    let failed = out.iter().any(|(_, e)| matches!(e, BusEffect::Fail { .. }));
    assert!(failed, "a long pause is noticed: {out:?}");
}

#[test]
fn a_healthy_cluster_sleeps() {
    let key = Streams::for_trial(1, 1).key(Purpose(4), 0);
    let mut bus = ClusterBus::new(spec(15_000), &layout(3, 1), key, SimTime::ZERO);
    assert!(bus.dormant());
    assert_eq!(bus.next_at(), None);
    let mut out = BusEffects::new();
    let year = SimTime::ZERO + SimDuration::from_days(365);
    bus.advance(year, &mut out);
    bus.set_process(year, Member(0), Process::Dead, &mut out);
    assert!(!bus.dormant());
    let later = year + SimDuration::from_mins(5);
    bus.advance(later, &mut out);
    assert!(
        out.iter()
            .any(|(_, e)| matches!(e, BusEffect::Promoted { .. }))
    );
    assert!(
        bus.dormant(),
        "a settled cluster with a member that is gone sleeps too"
    );
}
