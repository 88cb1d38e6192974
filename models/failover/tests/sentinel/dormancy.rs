//! Sleeping changes nothing: a group that never sleeps says the same, to the nanosecond.

use failover::sentinel::{
    Node, NodeTruth, PingReply, Process, ReplicaLink, Sentinel, SentinelEffect, SentinelEffects,
    SentinelGroup,
};
use rand::RngExt as _;
use sim::{Purpose, Rng, SimDuration, SimTime, Streams};

use crate::drive::{Drive, Questions as _, nodes, spec};

/// What a disturbed hour sounds like. Disturbances are minutes apart or seconds, at random.
fn hour(seed: u64, eager: bool) -> (SentinelEffects, usize) {
    let streams = Streams::for_trial(seed, 0);
    let mut rng = streams.stream(Purpose(3), 0);
    let key = streams.key(Purpose(4), 0);
    let mut group = SentinelGroup::new(spec(3000), &nodes(2), key, SimTime::ZERO);
    if eager {
        group.set_eager();
    }
    let (mut drive, mut slept) = (Drive::around(group, SimTime::ZERO), 0);
    while drive.now < SimTime::ZERO + SimDuration::from_hours(1) {
        let pause_s = 10_f64.powf(rng.random_range(0.0..2.5));
        drive.until(drive.now + SimDuration::from_secs_f64(pause_s));
        slept += usize::from(drive.group.dormant());
        disturb(&mut drive, &mut rng);
    }
    (drive.heard, slept)
}

fn disturb(drive: &mut Drive, rng: &mut Rng) {
    let node = Node(rng.random_range(0..3));
    let sentinel = Sentinel(rng.random_range(0..3));
    let stops = [Process::Dead, Process::Hung, Process::Lost][rng.random_range(0..3)];
    match rng.random_range(0..9) {
        0 => drive.process(node, stops),
        1 => drive.sentinel(sentinel, stops),
        2..=4 => all_well(drive),
        5 => {
            let reachable = rng.random_range(0..2) == 0;
            drive.reachable(sentinel, node, reachable);
        }
        6 => {
            // Refused without a fit replica, which is fine here.
            let _ = drive.manual_failover(sentinel);
        }
        7 => drive.change(node, |truth| {
            truth.ping = [
                PingReply::Misconf,
                PingReply::Busy,
                PingReply::Loading,
                PingReply::NoAuth,
            ][rng.random_range(0..4)];
        }),
        _ => drive.change(node, |truth| truth.offset = rng.random_range(0..999)),
    }
}

fn all_well(drive: &mut Drive) {
    let parties = drive.parties();
    for a in &parties {
        for b in &parties {
            drive.reachable(*a, *b, true);
        }
    }
    for node in drive.group.nodes() {
        drive.process(node, Process::Running);
        drive.change(node, |truth| {
            truth.ping = PingReply::Pong;
            truth.link = ReplicaLink::Up;
        });
    }
    for sentinel in drive.group.sentinels() {
        drive.sentinel(sentinel, Process::Running);
    }
}

#[test]
fn a_group_that_sleeps_and_one_that_does_not_say_the_same() {
    let (mut effects, mut naps) = (0, 0);
    for seed in 0..32 {
        let (lazy, slept) = hour(seed, false);
        let (eager, never) = hour(seed, true);
        assert_eq!(never, 0, "seed {seed}: an eager group sleeps");
        assert_eq!(lazy, eager, "seed {seed}");
        effects += lazy.len();
        naps += slept;
    }
    assert!(
        effects > 2_000,
        "the hours were eventful: {effects} effects"
    );
    assert!(naps > 200, "the lazy group slept at {naps} disturbances");
}

#[test]
fn a_healthy_group_sleeps_and_wakes_in_its_stationary_state() {
    let key = Streams::for_trial(1, 1).key(Purpose(4), 0);
    let mut group = SentinelGroup::new(spec(15_000), &nodes(2), key, SimTime::ZERO);
    assert!(group.dormant());
    assert_eq!(group.next_at(), None);
    let year = SimDuration::from_days(365);
    let mut drive = Drive::around(group.clone(), SimTime::ZERO);
    drive.until(SimTime::ZERO + year);
    assert!(drive.heard.is_empty());
    drive.process(Node(0), Process::Dead);
    assert!(!drive.group.dormant());
    drive.pass(300_000);
    let promotes = |e: &SentinelEffect| matches!(e, SentinelEffect::Promote { .. });
    assert_eq!(drive.count(promotes), 1);
    assert!(
        drive.group.dormant(),
        "a settled group with a node that is gone sleeps too"
    );
    // The same truth again is no news.
    let dead = drive.group.node_truth(Node(0));
    drive.set(Node(0), dead);
    assert!(drive.group.dormant());
    group.set_node(
        SimTime::ZERO + year,
        Node(0),
        NodeTruth::PRIMARY,
        &mut SentinelEffects::new(),
    );
    assert!(group.dormant());
}

#[test]
fn a_group_that_cannot_fail_over_sleeps_between_its_attempts() {
    for (replicas, dead_sentinels) in [(0, 0), (2, 2)] {
        let mut spec = spec(2_000);
        spec.quorum = 1;
        spec.failover_timeout = SimDuration::from_mins(3);
        let key = Streams::for_trial(2, 1).key(Purpose(4), 0);
        let group = SentinelGroup::new(spec, &nodes(replicas), key, SimTime::ZERO);
        let mut eager = group.clone();
        eager.set_eager();
        let outage = |group: SentinelGroup| {
            let mut drive = Drive::around(group, SimTime::ZERO + SimDuration::from_mins(1));
            for sentinel in 0..dead_sentinels {
                drive.sentinel(Sentinel(sentinel), Process::Dead);
            }
            drive.process(Node(0), Process::Hung);
            let mut asleep_s = 0;
            for _ in 0..6_000 {
                drive.pass(1_000);
                asleep_s += usize::from(drive.group.dormant());
            }
            (drive.heard, asleep_s)
        };
        let (lazy, asleep_s) = outage(group);
        let (eager, _) = outage(eager);
        assert_eq!(lazy, eager);
        let tries = lazy
            .iter()
            .filter(|(_, e)| matches!(e, SentinelEffect::TryFailover { .. }));
        assert!(tries.count() >= 16, "every six minutes");
        assert!(asleep_s > 5_000, "asleep for {asleep_s} s of 6000 s");
    }
}
