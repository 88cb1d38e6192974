//! The rules of Redis' bus, one test each, named by the number that the rule has in its sources'
//! summary (C: detection, E: election, P: minorities, restarts).

use models::failover::cluster_bus::{
    BusEffect, Health, ManualFailover, ManualFailoverError, Member, Process, ReplicaLink, Shard,
    Version,
};

use crate::drive::{Drive, layout, spec};

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
fn two_primaries_of_five_are_replaced_each_in_its_own_epoch() {
    for seed in 0..20 {
        let mut drive = Drive::new(spec(NT), &layout(5, 1), seed);
        let start = drive.now;
        drive.process(Member(0), Process::Dead);
        drive.process(Member(1), Process::Dead);
        drive.pass(40_000);
        assert_eq!(drive.promoted(start, 0).map(|p| p.0), Some(Member(5)));
        assert_eq!(drive.promoted(start, 1).map(|p| p.0), Some(Member(6)));
        let view = drive.bus.view(Member(2));
        assert!(view.ok());
        assert_ne!(view.config_epoch(Member(5)), view.config_epoch(Member(6)));
    }
}

#[test]
fn two_primaries_of_three_are_too_many() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 5);
    drive.process(Member(0), Process::Dead);
    drive.process(Member(1), Process::Dead);
    drive.pass(60_000);
    assert_eq!(drive.count(is_promotion), 0);
    assert!(!drive.bus.view(Member(2)).ok());
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

/// Member 3 replaces member 0, hands the shard back by hand, and loses member 0 again.
fn second_failure_soon_after(version: Version) -> (f64, f64, f64) {
    const LONG: u64 = 5000;
    let mut spec = spec(LONG);
    spec.version = version;
    let mut drive = Drive::new(spec, &layout(3, 1), 7);
    let start = drive.now;
    drive.process(Member(0), Process::Hung);
    drive.pass(12_000);
    let planned = drive
        .first_ms(start, |e| {
            matches!(e, BusEffect::ElectionScheduled { by: Member(3), .. })
        })
        .expect("member 3 stood");
    drive.process(Member(0), Process::Running);
    drive.pass(3_000);
    drive.replication(Member(3), ReplicaLink::Up);
    let by_hand = ManualFailover::Plain;
    drive
        .bus
        .manual_failover(drive.now, Member(0), by_hand, &mut drive.heard)
        .expect("fine");
    drive.pass(3_000);
    assert_eq!(drive.bus.view(Member(1)).owner(Shard(0)), Some(Member(0)));
    let second = drive.now;
    drive.process(Member(0), Process::Dead);
    drive.pass(30_000);
    let offset = (second - start).as_secs_f64() * 1e3;
    let knows = |e: &BusEffect| matches!(e, BusEffect::Fail { by: Member(3), .. });
    let asks = |e: &BusEffect| matches!(e, BusEffect::ElectionStarted { by: Member(3), .. });
    let failed = drive.first_ms(second, knows).expect("failed") + offset;
    let asked = drive.first_ms(second, asks).expect("asked") + offset;
    (planned, failed, asked)
}

#[test]
fn stale_timer_1_a_recent_winner_waits_out_four_node_timeouts() {
    let (planned, failed, asked) = second_failure_soon_after(Version::Redis70);
    // The timer holds the planned start, 0.5-1 s after the planning; a new plan adds as much.
    let since_timer = asked - planned;
    assert!(
        (21_000.0..22_300.0).contains(&since_timer),
        "asked {since_timer} ms after planning"
    );
    assert!(
        asked - failed > 2_000.0,
        "held back for {} ms",
        asked - failed
    );
    let (_, failed, asked) = second_failure_soon_after(Version::Valkey8);
    assert!(
        asked - failed < 1_300.0,
        "Valkey 8 clears the timer: {} ms",
        asked - failed
    );
}

#[test]
fn stale_timer_2_an_overtaken_plan_starts_the_next_election_at_once() {
    let mut seen = 0;
    for seed in 0..30 {
        let mut drive = Drive::new(spec(NT), &layout(3, 2), seed);
        let start = drive.now;
        drive.process(Member(0), Process::Dead);
        while drive.count(is_promotion) == 0 {
            drive.pass(1);
        }
        let asked = |e: &BusEffect| matches!(e, BusEffect::ElectionStarted { .. });
        let (winner, _) = drive.promoted(start, 0).expect("just now");
        if drive.count(asked) > 1 {
            continue;
        }
        let loser = if winner == Member(3) {
            Member(6)
        } else {
            Member(3)
        };
        drive.pass(100);
        drive.replication(loser, ReplicaLink::Up);
        let second = drive.now;
        drive.process(winner, Process::Dead);
        drive.pass(3 * NT);
        let knows = |e: &BusEffect| matches!(*e, BusEffect::Fail { by, .. } if by == loser);
        let asks =
            |e: &BusEffect| matches!(*e, BusEffect::ElectionStarted { by, .. } if by == loser);
        let (Some(failed), Some(asked)) =
            (drive.first_ms(second, knows), drive.first_ms(second, asks))
        else {
            continue;
        };
        if failed < 2.0 * NT as f64 - 1_100.0 {
            assert!(
                asked - failed < 110.0,
                "{} ms after FAIL, without a delay",
                asked - failed
            );
            seen += 1;
        }
    }
    assert!(seen >= 5, "the case came up in {seen} of 30 runs");
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
fn e2_a_replica_with_old_data_or_none_does_not_stand() {
    let since = Drive::new(spec(NT), &layout(3, 1), 0).now;
    for (link, factor, stands) in [
        (ReplicaLink::Up, 10, true),
        (ReplicaLink::Down { since }, 10, true),
        (ReplicaLink::NeverSynced, 10, false),
        (ReplicaLink::NeverSynced, 0, true),
    ] {
        let mut spec = spec(NT);
        spec.replica_validity_factor = factor;
        let mut drive = Drive::new(spec, &layout(3, 1), 10);
        drive.replication(Member(3), link);
        drive.process(Member(0), Process::Dead);
        drive.pass(10_000);
        assert_eq!(
            drive.count(is_promotion) == 1,
            stands,
            "{link:?}, factor {factor}"
        );
    }
    // 10 s + 10 node timeouts, plus the one that is forgiven, is the limit.
    for (age_s, stands) in [(25, true), (40, false)] {
        let mut drive = Drive::new(spec(NT), &layout(3, 1), 11);
        drive.replication(Member(3), ReplicaLink::Down { since: drive.now });
        drive.pass(age_s * 1000);
        drive.process(Member(0), Process::Dead);
        drive.pass(10_000);
        assert_eq!(drive.count(is_promotion) == 1, stands, "{age_s} s");
    }
}

#[test]
fn e4_the_replica_with_more_data_wins() {
    for seed in 0..20 {
        let mut drive = Drive::new(spec(NT), &layout(3, 2), seed);
        let start = drive.now;
        for (member, offset) in [(Member(3), 900), (Member(6), 1000)] {
            let link = ReplicaLink::Down { since: drive.now };
            drive
                .bus
                .set_replication(drive.now, member, offset, link, &mut drive.heard);
        }
        drive.process(Member(0), Process::Dead);
        drive.pass(12_000);
        assert_eq!(drive.promoted(start, 0).map(|p| p.0), Some(Member(6)));
    }
}

#[test]
fn by_hand_plain_pauses_writes_and_takes_milliseconds() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 12);
    for member in [Member(0), Member(3)] {
        drive.replication(member, ReplicaLink::Up);
    }
    let start = drive.now;
    drive
        .bus
        .manual_failover(start, Member(3), ManualFailover::Plain, &mut drive.heard)
        .expect("both run");
    drive.pass(3_000);
    let (winner, after) = drive.promoted(start, 0).expect("it takes over");
    assert_eq!(winner, Member(3));
    assert!(after < 50.0, "took {after} ms");
    assert_eq!(
        drive.count(|e| matches!(e, BusEffect::WritesPaused { .. })),
        1
    );
    assert_eq!(
        drive.count(|e| matches!(e, BusEffect::WritesResumed { .. })),
        1
    );
    assert_eq!(
        drive.bus.view(Member(1)).replica_of(Member(0)),
        Some(Member(3))
    );
}

#[test]
fn by_hand_plain_gives_up_when_the_replica_never_catches_up() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 13);
    let (start, link) = (drive.now, ReplicaLink::Up);
    drive
        .bus
        .set_replication(start, Member(0), 2000, link, &mut drive.heard);
    drive
        .bus
        .set_replication(start, Member(3), 1000, link, &mut drive.heard);
    drive
        .bus
        .manual_failover(start, Member(3), ManualFailover::Plain, &mut drive.heard)
        .expect("both run");
    drive.pass(8_000);
    assert_eq!(drive.count(is_promotion), 0);
    let timed_out = BusEffect::ManualFailoverTimedOut { member: Member(3) };
    let after = drive
        .first_ms(start, |e| *e == timed_out)
        .expect("5 s pass");
    assert!((5_000.0..5_200.0).contains(&after));
}

#[test]
fn by_hand_force_needs_a_majority_and_takeover_does_not() {
    let mut drive = Drive::new(spec(NT), &layout(3, 1), 14);
    let start = drive.now;
    drive.process(Member(0), Process::Dead);
    let refused = drive.bus.manual_failover(
        drive.now,
        Member(1),
        ManualFailover::Force,
        &mut drive.heard,
    );
    assert_eq!(refused, Err(ManualFailoverError::NotAReplica));
    drive.pass(10);
    let force = ManualFailover::Force;
    drive
        .bus
        .manual_failover(drive.now, Member(3), force, &mut drive.heard)
        .expect("a replica");
    drive.pass(1_000);
    let (_, after) = drive.promoted(start, 0).expect("two of three vote");
    assert!(after < 350.0, "took {after} ms: two crons and a vote");

    let mut drive = Drive::new(spec(NT), &layout(3, 1), 15);
    drive.process(Member(0), Process::Dead);
    drive.process(Member(1), Process::Dead);
    drive.pass(10_000);
    drive
        .bus
        .manual_failover(drive.now, Member(3), force, &mut drive.heard)
        .expect("a replica");
    drive.pass(10_000);
    assert_eq!(drive.count(is_promotion), 0, "one vote of three");
    let takeover = ManualFailover::Takeover;
    drive
        .bus
        .manual_failover(drive.now, Member(3), takeover, &mut drive.heard)
        .expect("a replica");
    assert_eq!(drive.count(is_promotion), 1, "at once");
    // Two of three primaries work again, so the other shard recovers by itself.
    drive.pass(20_000);
    assert_eq!(drive.count(is_promotion), 2);
    assert!(drive.bus.view(Member(2)).ok());
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
