//! Detection: one test for each rule, named by the number that the rule has in the code.

use failover::sentinel::{
    Node, NodeRole, NodeTruth, Party, PingReply, Process, Sentinel, SentinelEffect,
};
use sim::SimDuration;

use crate::drive::{Drive, Questions as _, nodes, promoted, spec};

const DOWN_AFTER: u64 = 2000;

fn sdown(of: impl Into<Party>) -> impl Fn(&SentinelEffect) -> bool {
    let wanted = of.into();
    move |e| matches!(e, SentinelEffect::Sdown { of, .. } if *of == wanted)
}

fn sdown_cleared(of: impl Into<Party>) -> impl Fn(&SentinelEffect) -> bool {
    let wanted = of.into();
    move |e| matches!(e, SentinelEffect::SdownCleared { of, .. } if *of == wanted)
}

fn is_odown(e: &SentinelEffect) -> bool {
    matches!(e, SentinelEffect::Odown { .. })
}

/// When each of three Sentinels first flagged the primary, over many groups.
fn flags_ms(down_after_ms: u64, fault: Process) -> Vec<f64> {
    let mut flags = Vec::new();
    for seed in 0..100 {
        let mut drive = Drive::new(spec(down_after_ms), &nodes(2), seed);
        let start = drive.now;
        drive.process(Node(0), fault);
        drive.pass(down_after_ms + 1_500);
        let all = drive.all_ms(start, sdown(Node(0)));
        assert!(all.len() >= 3, "all three flag it");
        flags.extend(&all[..3]);
    }
    flags
}

#[test]
fn s2_a_silent_primary_is_flagged_down_after_the_next_ping() {
    let flags = flags_ms(2000, Process::Hung);
    assert!(flags.iter().all(|f| (2000.0..3310.0).contains(f)));
    let mean = flags.iter().sum::<f64>() / flags.len() as f64;
    // Half of a PING's period of 1 s, and half a timer twice.
    assert!((mean - 2570.0).abs() < 60.0, "{mean} ms");
}

#[test]
fn s2_a_short_down_after_pings_as_often() {
    let flags = flags_ms(400, Process::Hung);
    assert!(flags.iter().all(|f| (400.0..1010.0).contains(f)));
    let mean = flags.iter().sum::<f64>() / flags.len() as f64;
    assert!((mean - 670.0).abs() < 40.0, "{mean} ms");
}

#[test]
fn s3_only_three_answers_are_signs_of_life() {
    for (ping, life) in [
        (PingReply::Pong, true),
        (PingReply::Loading, true),
        (PingReply::MasterDown, true),
        (PingReply::Misconf, false),
        (PingReply::Busy, false),
        (PingReply::NoAuth, false),
    ] {
        let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 3);
        let start = drive.now;
        drive.change(Node(0), |truth| truth.ping = ping);
        drive.pass(60_000);
        assert_eq!(promoted(&drive, start).is_none(), life, "{ping:?}");
        assert_eq!(drive.count(sdown(Node(0))) == 0, life, "{ping:?}");
    }
}

#[test]
fn s4_a_primary_that_says_it_is_a_replica_is_down_after_20_s_more() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 4);
    let start = drive.now;
    drive.change(Node(0), |truth| {
        truth.role = NodeRole::Replica { of: Node(1) };
    });
    drive.pass(60_000);
    let flagged = drive.first_ms(start, sdown(Node(0))).expect("all see it");
    // The next INFO comes within 10 s.
    assert!((22_000.0..32_300.0).contains(&flagged), "{flagged} ms");
    assert!(promoted(&drive, start).is_some());
}

#[test]
fn s5_a_killed_primary_starts_the_clock_at_once() {
    let flags = flags_ms(2000, Process::Dead);
    assert!(flags.iter().all(|f| (2000.0..2210.0).contains(f)));
}

#[test]
fn s6_a_link_that_fell_silent_is_made_anew() {
    for seed in 0..20 {
        let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), seed);
        drive.process(Node(1), Process::Lost);
        drive.pass(40_000);
        assert_eq!(drive.count(sdown(Node(1))), 3);
        let back = drive.now;
        drive.process(Node(1), Process::Running);
        drive.pass(30_000);
        let cleared = drive.all_ms(back, sdown_cleared(Node(1)));
        assert_eq!(cleared.len(), 3, "all see it again");
        // Connections are given up after 15 s, and requests repeated after 1, 3 and 7 s; without
        // that, the kernel would repeat what it holds after half a minute.
        assert!(cleared[2] < 9_000.0, "{cleared:?}");
    }
}

#[test]
fn s6_a_partitioned_replica_is_seen_again_soon_after() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 5);
    for sentinel in 0..3 {
        drive.reachable(Sentinel(sentinel), Node(2), false);
    }
    drive.pass(60_000);
    assert_eq!(drive.count(sdown(Node(2))), 3);
    let healed = drive.now;
    for sentinel in 0..3 {
        drive.reachable(Sentinel(sentinel), Node(2), true);
    }
    drive.pass(20_000);
    let cleared = drive.all_ms(healed, sdown_cleared(Node(2)));
    assert_eq!(cleared.len(), 3);
    assert!(cleared[2] < 9_000.0, "{cleared:?}");
    assert!(drive.group.dormant(), "settled again");
}

#[test]
fn s7_roles_are_seen_every_10_s_and_every_second_in_a_failover() {
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for seed in 0..50 {
        let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), seed);
        let start = drive.now;
        drive.group.restart_node(
            start,
            Node(1),
            NodeTruth::replica(Node(0)),
            &mut drive.heard,
        );
        drive.pass(15_000);
        let reboot = |e: &SentinelEffect| matches!(e, SentinelEffect::Reboot { .. });
        slow.extend(drive.all_ms(start, reboot));
        let fault = drive.now;
        drive.process(Node(0), Process::Dead);
        drive.pass(10_000);
        let (_, at) = promoted(&drive, fault).expect("a failover");
        let seen = |e: &SentinelEffect| matches!(e, SentinelEffect::PromotedSeen { .. });
        fast.push(drive.first_ms(fault, seen).expect("seen") - at);
    }
    assert_eq!(slow.len(), 150);
    let mean = slow.iter().sum::<f64>() / 150.0;
    assert!((mean - 5_000.0).abs() < 900.0, "{mean} ms");
    assert!(slow.iter().any(|s| *s > 8_000.0));
    assert!(fast.iter().all(|f| *f < 1_120.0), "{fast:?}");
}

#[test]
fn s8_others_switch_at_the_leaders_next_hello() {
    for seed in 0..20 {
        let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), seed);
        let start = drive.now;
        drive.process(Node(0), Process::Dead);
        drive.pass(10_000);
        let seen = |e: &SentinelEffect| matches!(e, SentinelEffect::PromotedSeen { .. });
        let seen = drive.first_ms(start, seen).expect("a failover");
        let switch = |e: &SentinelEffect| matches!(e, SentinelEffect::SwitchMaster { .. });
        let switches = drive.all_ms(start, switch);
        assert_eq!(switches.len(), 3, "once each");
        for other in &switches[..2] {
            assert!((50.0..115.0).contains(&(other - seen)), "{other} {seen}");
        }
        assert!(
            switches[2] - seen > 150.0,
            "the leader waits until its replica was seen to copy"
        );
    }
}

#[test]
fn s9_a_quorum_of_all_waits_for_the_next_question() {
    let mut spec = spec(DOWN_AFTER);
    spec.quorum = 3;
    let mut waits = Vec::new();
    for seed in 0..50 {
        let mut drive = Drive::new(spec.clone(), &nodes(2), seed);
        let start = drive.now;
        drive.process(Node(0), Process::Hung);
        drive.pass(6_000);
        let third = drive.all_ms(start, sdown(Node(0)))[2];
        waits.push(drive.first_ms(start, is_odown).expect("all agree") - third);
    }
    // The last one to see it asks at once and counts the answers at its next timer.
    assert!(waits.iter().all(|w| (50.0..103.0).contains(w)), "{waits:?}");
}

#[test]
fn s9_answers_are_forgotten_after_5_s() {
    let mut spec = spec(DOWN_AFTER);
    spec.quorum = 3;
    let mut drive = Drive::new(spec, &nodes(0), 6);
    drive.process(Node(0), Process::Dead);
    drive.pass(4_000);
    assert!(drive.group.view(Sentinel(0)).odown());
    let lost = drive.now;
    drive.sentinel(Sentinel(1), Process::Lost);
    drive.pass(10_000);
    let cleared = |e: &SentinelEffect| matches!(e, SentinelEffect::OdownCleared { .. });
    let cleared = drive.all_ms(lost, cleared);
    assert_eq!(cleared.len(), 2, "in the eyes of both that are left");
    // The last answer was up to 1.1 s old; the flag goes one timer after the answer.
    let in_time = |c: &f64| (3_900.0..5_210.0).contains(c);
    assert!(cleared.iter().all(in_time), "{cleared:?}");
}

#[test]
fn s10_one_opinion_is_no_quorum() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 7);
    drive.reachable(Sentinel(0), Node(0), false);
    drive.pass(60_000);
    assert_eq!(drive.count(sdown(Node(0))), 1);
    assert_eq!(drive.count(is_odown), 0);
    assert!(drive.group.view(Sentinel(0)).sdown(Node(0)));
}

#[test]
fn s10_with_a_quorum_of_one_an_opinion_is_enough_and_a_majority_must_still_vote() {
    let mut spec = spec(DOWN_AFTER);
    spec.quorum = 1;
    let mut drive = Drive::new(spec, &nodes(2), 8);
    let start = drive.now;
    drive.reachable(Sentinel(0), Node(0), false);
    drive.pass(10_000);
    assert!(
        promoted(&drive, start).is_some(),
        "the others vote although they see the primary: a false failover"
    );
}

#[test]
fn s11_a_sentinel_that_lost_time_does_not_act_for_30_s() {
    // With a shorter down-after the replicas' streams would have been down for too long by then.
    let mut drive = Drive::new(spec(5_000), &nodes(2), 9);
    for sentinel in 0..2 {
        drive.sentinel(Sentinel(sentinel), Process::Hung);
    }
    drive.pass(2_500);
    let resumed = drive.now;
    for sentinel in 0..2 {
        drive.sentinel(Sentinel(sentinel), Process::Running);
    }
    let tilt = |e: &SentinelEffect| matches!(e, SentinelEffect::Tilt { on: true, .. });
    drive.pass(1_000);
    assert_eq!(drive.count(tilt), 2);
    drive.process(Node(0), Process::Dead);
    drive.pass(60_000);
    let (_, at) = promoted(&drive, resumed).expect("after tilt");
    assert!((30_000.0..31_500.0).contains(&at), "promoted after {at} ms");
}

#[test]
fn s11_a_short_hang_is_no_tilt() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 10);
    drive.sentinel(Sentinel(0), Process::Hung);
    drive.pass(1_800);
    drive.sentinel(Sentinel(0), Process::Running);
    drive.pass(5_000);
    assert_eq!(drive.count(|e| matches!(e, SentinelEffect::Tilt { .. })), 0);
}

#[test]
fn s12_a_primary_that_loads_for_an_hour_is_down_only_by_the_reboot_rule() {
    for (period_s, expected) in [(0, false), (5, true)] {
        let mut spec = spec(DOWN_AFTER);
        spec.master_reboot_down_after = SimDuration::from_secs(period_s);
        let mut drive = Drive::new(spec, &nodes(2), 11);
        let start = drive.now;
        let loading = NodeTruth {
            ping: PingReply::Loading,
            ..NodeTruth::PRIMARY
        };
        drive
            .group
            .restart_node(start, Node(0), loading, &mut drive.heard);
        drive.pass(3_600_000);
        let promoted = promoted(&drive, start);
        assert_eq!(promoted.is_some(), expected, "period {period_s} s");
        if let Some((_, at)) = promoted {
            // The new run id is seen with the next INFO, within 10 s.
            assert!((5_200.0..16_000.0).contains(&at), "{at} ms");
        }
    }
}

#[test]
fn s12_a_restart_that_answers_in_time_is_none_of_it() {
    let mut spec = spec(DOWN_AFTER);
    spec.master_reboot_down_after = SimDuration::from_secs(5);
    let mut drive = Drive::new(spec, &nodes(2), 12);
    let start = drive.now;
    drive
        .group
        .restart_node(start, Node(0), NodeTruth::PRIMARY, &mut drive.heard);
    drive.pass(60_000);
    assert_eq!(drive.count(sdown(Node(0))), 0);
    assert!(drive.group.dormant());
}

#[test]
fn s13_a_busy_script_is_killed_once_per_sentinel() {
    let mut spec = spec(DOWN_AFTER);
    spec.quorum = 3;
    let mut drive = Drive::new(spec, &nodes(0), 13);
    let start = drive.now;
    drive.change(Node(0), |truth| truth.ping = PingReply::Busy);
    drive.pass(30_000);
    let kill = |e: &SentinelEffect| matches!(e, SentinelEffect::ScriptKill { .. });
    let kills = drive.all_ms(start, kill);
    assert_eq!(kills.len(), 3, "one each: {kills:?}");
    assert!(kills[0] > DOWN_AFTER as f64, "not before it is down");
}
