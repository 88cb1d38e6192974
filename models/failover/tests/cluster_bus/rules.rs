//! Detection, returning nodes, minorities and restarts: one test for each rule, named by the number
//! that the rule has in the code (C: detection, E: election, P: minorities and restarts).

use failover::cluster_bus::{BusEffect, Health, Member, Process, Shard};

use crate::drive::{Drive, Questions as _, layout, spec};

const NT: u64 = 2000;

fn is_promotion(effect: &BusEffect) -> bool {
    matches!(effect, BusEffect::Promoted { .. })
}

#[test]
fn one_shard_never_fails_over_by_itself() {
    let mut drive = Drive::new(spec(NT), &layout(1, 2), 1);
    drive.process(Member(0), Process::Dead);
    drive.pass(60_000);
    assert_eq!(drive.count(is_promotion), 0);
    assert!(drive.count(|e| matches!(e, BusEffect::Pfail { .. })) > 0);
    assert_eq!(drive.count(|e| matches!(e, BusEffect::Fail { .. })), 0);
    assert!(drive.bus.dormant(), "nothing more can happen");
}

#[test]
fn two_shards_never_fail_over_by_themselves() {
    let mut drive = Drive::new(spec(NT), &layout(2, 1), 2);
    drive.process(Member(0), Process::Dead);
    drive.pass(60_000);
    assert_eq!(drive.count(is_promotion), 0);
    assert!(
        !drive.bus.view(Member(1)).ok(),
        "one primary of two is a minority (P1)"
    );
    assert_eq!(drive.bus.view(Member(1)).health(Member(0)), Health::Pfail);
    assert!(drive.bus.dormant(), "nothing more can happen");
}

#[test]
fn without_a_replica_coverage_decides_what_the_others_serve() {
    for coverage in [true, false] {
        let mut spec = spec(NT);
        spec.require_full_coverage = coverage;
        let mut drive = Drive::new(spec, &layout(3, 1), 3);
        drive.process(Member(3), Process::Dead);
        drive.pass(10_000);
        drive.process(Member(0), Process::Dead);
        drive.pass(15_000);
        let view = drive.bus.view(Member(1));
        assert_eq!(view.health(Member(0)), Health::Fail);
        assert_eq!(view.ok(), !coverage);
        assert_eq!(
            view.owner(Shard(0)),
            Some(Member(0)),
            "the slots stay assigned"
        );
        assert_eq!(drive.count(is_promotion), 0);
    }
}

#[test]
fn c15_a_failed_primary_that_nobody_replaced_stays_failed_for_two_node_timeouts() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 4);
    drive.process(Member(3), Process::Dead);
    drive.pass(10_000);
    let start = drive.now;
    drive.process(Member(0), Process::Hung);
    drive.pass(4_500);
    let of_victim = |e: &BusEffect| matches!(e, BusEffect::Fail { of: Member(0), .. });
    let failed = drive
        .first_ms(start, of_victim)
        .expect("it is failed by now");
    drive.process(Member(0), Process::Running);
    drive.pass(10_000);
    let cleared = |e: &BusEffect| matches!(e, BusEffect::FailCleared { of: Member(0), .. });
    let cleared = drive.first_ms(start, cleared).expect("it answers again");
    let waited = cleared - failed;
    assert!(
        (4000.0..5500.0).contains(&waited),
        "cleared {waited} ms after FAIL"
    );
    assert!(drive.bus.view(Member(1)).ok());
}

#[test]
fn e9_an_old_primary_that_returns_becomes_a_replica() {
    for hung in [true, false] {
        let mut drive = Drive::new(spec(NT), &layout(3, 1), 6);
        let fault = if hung { Process::Hung } else { Process::Dead };
        drive.process(Member(0), fault);
        drive.pass(10_000);
        assert_eq!(drive.count(is_promotion), 1);
        let back = drive.now;
        drive.process(Member(0), Process::Running);
        drive.pass(5_000);
        let demoted = |e: &BusEffect| {
            *e == BusEffect::Demoted {
                member: Member(0),
                new_primary: Member(3),
            }
        };
        let after = drive.first_ms(back, demoted).expect("it is told by UPDATE");
        assert!(after < 500.0, "told after {after} ms");
        assert_eq!(
            drive.bus.view(Member(1)).replica_of(Member(0)),
            Some(Member(3))
        );
    }
}

#[test]
fn p1_to_p3_a_cut_off_primary_stops_and_comes_back_as_a_replica() {
    for seed in 0..10 {
        let mut drive = Drive::new(spec(NT), &layout(3, 1), seed);
        let start = drive.now;
        drive.cut(&[Member(0)], false);
        drive.pass(8_000);
        let stops = |e: &BusEffect| {
            *e == BusEffect::ClusterState {
                of: Member(0),
                ok: false,
            }
        };
        let stopped = drive
            .first_ms(start, stops)
            .expect("it sees that it is alone");
        assert!(
            (2000.0..3400.0).contains(&stopped),
            "stopped after {stopped} ms"
        );
        assert!(drive.promoted(start, 0).is_some());
        drive.cut(&[Member(0)], true);
        drive.pass(8_000);
        assert_eq!(
            drive.bus.view(Member(0)).replica_of(Member(0)),
            Some(Member(3))
        );
        assert!(drive.bus.view(Member(0)).ok());
    }
}

#[test]
fn p3_a_primary_that_keeps_its_slots_waits_after_the_minority() {
    let mut members = layout(3, 1);
    members[3].no_failover = true;
    let mut drive = Drive::new(spec(NT), &members, 8);
    drive.cut(&[Member(0)], false);
    drive.pass(5_000);
    let healed = drive.now;
    drive.cut(&[Member(0)], true);
    drive.pass(20_000);
    let again = |e: &BusEffect| {
        *e == BusEffect::ClusterState {
            of: Member(0),
            ok: true,
        }
    };
    let after = drive.first_ms(healed, again).expect("it serves again");
    // The first word comes with TCP's next repeat or a new connection; then the rejoin delay.
    assert!(
        (1_900.0..6_000.0).contains(&after),
        "served {after} ms after the cut healed"
    );
}

#[test]
fn p4_a_restarted_primary_waits_two_seconds() {
    let mut drive = Drive::new(spec(15_000), &layout(3, 1), 9);
    let start = drive.now;
    drive
        .bus
        .restart(drive.now, Member(0), Process::Running, &mut drive.heard);
    drive.pass(10_000);
    let ok = |e: &BusEffect| {
        *e == BusEffect::ClusterState {
            of: Member(0),
            ok: true,
        }
    };
    let after = drive.first_ms(start, ok).expect("it serves");
    assert!(
        (2_000.0..2_200.0).contains(&after),
        "served after {after} ms"
    );
    assert_eq!(
        drive.count(|e| matches!(e, BusEffect::Pfail { .. })),
        0,
        "too short to notice"
    );
}

#[test]
fn an_orphan_gets_a_replica_from_the_best_served_primary() {
    let mut members = layout(3, 1);
    members.push(members[4]); // a second replica of shard 1
    let mut drive = Drive::new(spec(NT), &members, 16);
    let start = drive.now;
    drive.process(Member(3), Process::Dead);
    drive.pass(20_000);
    let moved = drive
        .heard
        .iter()
        .find_map(|(at, e)| match *e {
            BusEffect::ReplicaRepointed {
                member,
                new_primary,
            } => Some((*at, member, new_primary)),
            _ => None,
        })
        .expect("shard 0 is an orphan");
    assert_eq!(moved.2, Member(0));
    assert!(moved.1 == Member(4) || moved.1 == Member(6));
    let after = (moved.0 - start).as_secs_f64();
    assert!((7.0..9.5).contains(&after), "FAIL, then 5 s: {after} s");
}

#[test]
fn p5_a_primary_that_loads_for_longer_than_the_node_timeout_is_replaced() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 17);
    let start = drive.now;
    drive
        .bus
        .restart(start, Member(0), Process::Loading, &mut drive.heard);
    drive.pass(10_000);
    assert_eq!(drive.promoted(start, 0).map(|p| p.0), Some(Member(3)));
    drive.process(Member(0), Process::Running);
    drive.pass(5_000);
    assert_eq!(
        drive.bus.view(Member(0)).replica_of(Member(0)),
        Some(Member(3))
    );
}

#[test]
fn p6_a_replica_that_loads_a_copy_answers_but_does_not_stand() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 18);
    drive.process(Member(3), Process::LoadingCopy);
    let start = drive.now;
    drive.process(Member(0), Process::Dead);
    drive.pass(20_000);
    assert_eq!(drive.count(is_promotion), 0);
    assert_eq!(drive.bus.view(Member(1)).health(Member(3)), Health::Ok);
    drive.process(Member(3), Process::Running);
    drive.pass(3_000);
    assert_eq!(drive.promoted(start, 0).map(|p| p.0), Some(Member(3)));
}

#[test]
fn c8_latency_moves_detection_by_milliseconds_not_more() {
    let detect = |latency_us: u64| {
        let mut sum = 0.0;
        for seed in 0..100 {
            let mut spec = spec(NT);
            spec.latency = sim::SimDuration::from_micros(latency_us);
            let mut drive = Drive::new(spec, &layout(3, 1), seed);
            let start = drive.now;
            drive.process(Member(0), Process::Dead);
            drive.pass(8_000);
            let fail = |e: &BusEffect| matches!(e, BusEffect::Fail { .. });
            sum += drive.first_ms(start, fail).expect("a majority agrees");
        }
        sum / 100.0
    };
    let (near, far) = (detect(100), detect(5_000));
    assert!((near - far).abs() < 150.0, "{near} ms and {far} ms");
}
