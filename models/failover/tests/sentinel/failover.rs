//! The failover, step by step: gate, votes, choice, promotion, reconfiguration, return.

use failover::sentinel::{
    Abort, ManualFailoverError, Node, NodeInit, NodeRole, PingReply, Process, ReplicaLink,
    Sentinel, SentinelEffect, SentinelSpec,
};
use sim::SimDuration;

use crate::drive::{Drive, Questions as _, nodes, promoted, spec};

const DOWN_AFTER: u64 = 1000;

fn is_try(e: &SentinelEffect) -> bool {
    matches!(e, SentinelEffect::TryFailover { .. })
}

fn aborted(wanted: Abort) -> impl Fn(&SentinelEffect) -> bool {
    move |e| matches!(e, SentinelEffect::FailoverAborted { reason, .. } if *reason == wanted)
}

fn five(dead: u16, quorum: u16) -> (SentinelSpec, Vec<Sentinel>) {
    let mut spec = spec(DOWN_AFTER);
    spec.sentinels = 5;
    spec.quorum = quorum;
    (spec, (0..dead).map(Sentinel).collect())
}

#[test]
fn without_a_fit_replica_it_is_tried_again_after_twice_the_timeout() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(0), 1);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(100_000);
    let tries = drive.all_ms(start, is_try);
    assert!(drive.count(aborted(Abort::NoGoodReplica)) >= 4);
    assert_eq!(promoted(&drive, start), None);
    for pair in tries.windows(2).filter(|p| p[1] - p[0] > 1_000.0) {
        // 2 x 10 s, and up to a second at random, for the first of them.
        let pause = pair[1] - pair[0];
        assert!((19_900.0..21_200.0).contains(&pause), "{tries:?}");
    }
}

#[test]
fn a_minority_elects_nobody_and_gives_up_after_10_s() {
    let mut spec = spec(DOWN_AFTER);
    spec.quorum = 1;
    let mut drive = Drive::new(spec, &nodes(2), 2);
    for dead in [1, 2] {
        drive.sentinel(Sentinel(dead), Process::Dead);
    }
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(15_000);
    let tried = drive.first_ms(start, is_try).expect("a quorum of one");
    let gave_up = drive
        .first_ms(start, aborted(Abort::NotElected))
        .expect("nobody votes");
    let waited = gave_up - tried;
    assert!((10_000.0..11_200.0).contains(&waited), "{waited} ms");
    assert_eq!(promoted(&drive, start), None);
}

#[test]
fn dead_sentinels_count_as_voters() {
    for (dead, expected) in [(0, true), (2, true), (3, false)] {
        let (spec, gone) = five(dead, 2);
        let mut drive = Drive::new(spec, &nodes(2), 3);
        for sentinel in gone {
            drive.sentinel(sentinel, Process::Dead);
        }
        drive.pass(10_000);
        let start = drive.now;
        drive.process(Node(0), Process::Dead);
        drive.pass(30_000);
        assert!(drive.count(is_try) > 0, "{dead} dead: a quorum is there");
        assert_eq!(promoted(&drive, start).is_some(), expected, "{dead} dead");
    }
}

#[test]
fn a_quorum_above_the_majority_is_needed_in_votes_too() {
    let (spec, gone) = five(1, 5);
    let mut drive = Drive::new(spec, &nodes(2), 4);
    for sentinel in gone {
        drive.sentinel(sentinel, Process::Dead);
    }
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(30_000);
    assert_eq!(
        drive.count(is_try),
        0,
        "four opinions are no quorum of five"
    );
    assert_eq!(promoted(&drive, start), None);
}

/// Which of two replicas is promoted after something was changed about them.
fn chosen(nodes: &[NodeInit], prepare: impl Fn(&mut Drive)) -> Vec<Option<Node>> {
    let run = |seed| {
        let mut drive = Drive::new(spec(DOWN_AFTER), nodes, seed);
        prepare(&mut drive);
        let start = drive.now;
        drive.process(Node(0), Process::Dead);
        drive.pass(8_000);
        promoted(&drive, start).map(|(node, _)| node)
    };
    (0..10).map(run).collect()
}

#[test]
fn the_lowest_priority_number_is_promoted_and_zero_never() {
    let mut nodes = nodes(2);
    nodes[2].priority = 10;
    assert_eq!(chosen(&nodes, |_| ()), vec![Some(Node(2)); 10]);
    nodes[2].priority = 0;
    let ahead = |drive: &mut Drive| drive.change(Node(2), |truth| truth.offset = 999);
    assert_eq!(chosen(&nodes, ahead), vec![Some(Node(1)); 10]);
    nodes[1].priority = 0;
    assert_eq!(chosen(&nodes, |_| ()), vec![None; 10]);
}

#[test]
fn with_equal_priorities_the_most_data_is_promoted_else_either() {
    let ahead = |drive: &mut Drive| drive.change(Node(2), |truth| truth.offset = 999);
    assert_eq!(chosen(&nodes(2), ahead), vec![Some(Node(2)); 10]);
    let either = chosen(&nodes(2), |_| ());
    assert!(either.contains(&Some(Node(1))) && either.contains(&Some(Node(2))));
}

#[test]
fn a_replica_that_is_down_or_lost_its_stream_long_ago_is_not_promoted() {
    let hung = |drive: &mut Drive| {
        drive.process(Node(2), Process::Hung);
        drive.change(Node(2), |truth| truth.offset = 999);
        drive.pass(10_000);
    };
    assert_eq!(chosen(&nodes(2), hung), vec![Some(Node(1)); 10]);
    // More than ten times down-after, and the time since the primary is down.
    let stale = |for_ms: u64| {
        move |drive: &mut Drive| {
            let since = drive.now;
            drive.change(Node(2), |truth| {
                truth.offset = 999;
                truth.link = ReplicaLink::Down { since };
            });
            drive.pass(for_ms);
        }
    };
    assert_eq!(chosen(&nodes(2), stale(15_000)), vec![Some(Node(1)); 10]);
    assert_eq!(chosen(&nodes(2), stale(6_000)), vec![Some(Node(2)); 10]);
}

#[test]
fn a_replica_that_fell_silent_a_moment_ago_is_promoted_in_vain() {
    let mut drive = Drive::new(spec(5_000), &nodes(1), 5);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass_until(20_000, is_try);
    drive.pass(5); // the answer to the first INFO
    drive.process(Node(1), Process::Hung);
    drive.pass(30_000);
    assert_eq!(promoted(&drive, start), None, "it cannot obey");
    let selected = |e: &SentinelEffect| matches!(e, SentinelEffect::Selected { .. });
    let selected = drive.first_ms(start, selected).expect("it looked well");
    let gave_up = drive.first_ms(start, aborted(Abort::ReplicaTimeout));
    let waited = gave_up.expect("it never says that it is a primary") - selected;
    assert!((10_000.0..10_400.0).contains(&waited), "{waited} ms");
    // The order still lies in its socket: it becomes a primary when it goes on.
    let resumed = drive.now;
    drive.process(Node(1), Process::Running);
    assert_eq!(promoted(&drive, resumed), Some((Node(1), 0.0)));
}

#[test]
fn promotion_disconnects_all_clients() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 6);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(8_000);
    let (node, at) = promoted(&drive, start).expect("a failover");
    let killed = |e: &SentinelEffect| *e == SentinelEffect::ClientsKilled { node };
    assert_eq!(drive.first_ms(start, killed), Some(at));
    assert_eq!(drive.group.node_truth(node).role, NodeRole::Primary);
}

#[test]
fn clients_are_told_by_the_leader_first() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 7);
    drive.process(Node(0), Process::Dead);
    let seen = |e: &SentinelEffect| matches!(e, SentinelEffect::PromotedSeen { .. });
    let named = |drive: &Drive| -> Vec<Node> {
        let views = drive.group.sentinels().map(|s| drive.group.view(s));
        views.map(|view| view.primary()).collect()
    };
    drive.pass_until(20_000, |e| matches!(e, SentinelEffect::Promote { .. }));
    assert_eq!(named(&drive), vec![Node(0); 3], "nobody has seen it yet");
    drive.pass_until(20_000, seen);
    let new = |s| drive.group.view(s).primary() != Node(0);
    assert_eq!(drive.group.sentinels().filter(|s| new(*s)).count(), 1);
    let record = |s| drive.group.view(s).watched_primary() == Node(0);
    assert!(drive.group.sentinels().all(record), "SENTINEL MASTER lags");
}

#[test]
fn replicas_are_reconfigured_parallel_syncs_at_a_time() {
    for (parallel, spread) in [(1, 9_000.0..14_000.0), (2, 3_000.0..7_000.0), (4, 0.0..1.0)] {
        let mut spec = spec(DOWN_AFTER);
        spec.parallel_syncs = parallel;
        spec.failover_timeout = SimDuration::from_secs(60);
        let mut drive = Drive::new(spec, &nodes(5), 8);
        drive.copy = SimDuration::from_secs(3);
        let start = drive.now;
        drive.process(Node(0), Process::Dead);
        drive.pass(60_000);
        let told = |e: &SentinelEffect| matches!(e, SentinelEffect::Reconfigure { .. });
        let told = drive.all_ms(start, told);
        assert_eq!(told.len(), 4, "each once: {told:?}");
        let took = told[3] - told[0];
        assert!(spread.contains(&took), "{parallel}: {took} ms");
        let done = |e: &SentinelEffect| matches!(e, SentinelEffect::ReplicaReconfigured { .. });
        assert_eq!(drive.count(done), 4);
    }
}

#[test]
fn a_failover_ends_at_its_timeout_although_a_replica_never_copies() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(3), 9);
    drive.copy = SimDuration::from_hours(1);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(60_000);
    let seen = |e: &SentinelEffect| matches!(e, SentinelEffect::PromotedSeen { .. });
    let seen = drive.first_ms(start, seen).expect("a failover");
    let ended = |e: &SentinelEffect| {
        matches!(
            e,
            SentinelEffect::FailoverEnded {
                timed_out: true,
                ..
            }
        )
    };
    let took = drive.first_ms(start, ended).expect("out of time") - seen;
    assert!((10_000.0..10_200.0).contains(&took), "{took} ms");
    let told = |e: &SentinelEffect| matches!(e, SentinelEffect::Reconfigure { .. });
    assert_eq!(drive.count(told), 2, "the last one is told at the end");
}

#[test]
fn an_old_primary_that_returns_is_made_a_replica_after_8_s() {
    for fault in [Process::Dead, Process::Hung, Process::Lost] {
        let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 10);
        let start = drive.now;
        drive.process(Node(0), fault);
        drive.pass(30_000);
        let (new, _) = promoted(&drive, start).expect("a failover");
        let back = drive.now;
        drive.process(Node(0), Process::Running);
        drive.pass(60_000);
        let told = |e: &SentinelEffect| {
            matches!(e, SentinelEffect::Reconfigure { node: Node(0), new_primary, .. }
                if *new_primary == new)
        };
        let after = drive.first_ms(back, told).expect("it is told");
        // Seen by INFO when it answers, and again when 8 s are over, by INFO every 10 s.
        assert!(
            (8_000.0..25_000.0).contains(&after),
            "{fault:?}: {after} ms"
        );
        assert!(drive.group.dormant(), "{fault:?}: settled");
    }
}

#[test]
fn a_replica_of_the_wrong_node_is_put_right_after_the_timeout() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 11);
    let start = drive.now;
    drive.change(Node(2), |truth| {
        truth.role = NodeRole::Replica { of: Node(1) }
    });
    drive.pass(60_000);
    let fixed = |e: &SentinelEffect| {
        matches!(
            e,
            SentinelEffect::Reconfigure {
                node: Node(2),
                new_primary: Node(0),
                ..
            }
        )
    };
    let after = drive.first_ms(start, fixed).expect("it is told");
    assert!((10_000.0..31_000.0).contains(&after), "{after} ms");
}

#[test]
fn a_minority_that_holds_the_old_primary_keeps_naming_it_until_it_is_told() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 12);
    let island = [Node(0).into(), Sentinel(0).into()];
    let cut = |drive: &mut Drive, reachable| {
        for inside in island {
            for outside in drive.parties() {
                if !island.contains(&outside) {
                    drive.reachable(inside, outside, reachable);
                }
            }
        }
    };
    let start = drive.now;
    cut(&mut drive, false);
    drive.pass(30_000);
    let (new, _) = promoted(&drive, start).expect("the majority fails over");
    assert_eq!(drive.group.view(Sentinel(0)).primary(), Node(0));
    assert_eq!(drive.group.view(Sentinel(1)).primary(), new);
    assert_eq!(
        drive.group.node_truth(Node(0)).role,
        NodeRole::Primary,
        "two of them"
    );
    cut(&mut drive, true);
    drive.pass(60_000);
    assert_eq!(drive.group.view(Sentinel(0)).primary(), new);
    assert_eq!(
        drive.group.node_truth(Node(0)).role,
        NodeRole::Replica { of: new }
    );
}

#[test]
fn an_operator_needs_no_votes() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 13);
    for dead in [1, 2] {
        drive.sentinel(Sentinel(dead), Process::Dead);
    }
    assert_eq!(
        drive.manual_failover(Sentinel(1)),
        Err(ManualFailoverError::NotRunning)
    );
    let start = drive.now;
    assert_eq!(drive.manual_failover(Sentinel(0)), Ok(()));
    assert_eq!(
        drive.manual_failover(Sentinel(0)),
        Err(ManualFailoverError::InProgress)
    );
    drive.pass(30_000);
    let (new, at) = promoted(&drive, start).expect("the primary is well, and yet");
    assert!((100.0..310.0).contains(&at), "{at} ms");
    assert_eq!(drive.group.view(Sentinel(0)).primary(), new);
    let mut alone = Drive::new(spec(DOWN_AFTER), &nodes(0), 13);
    assert_eq!(
        alone.manual_failover(Sentinel(0)),
        Err(ManualFailoverError::NoGoodReplica)
    );
}

#[test]
fn an_old_primary_that_lives_is_made_a_replica_too() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(1), 14);
    assert_eq!(drive.manual_failover(Sentinel(2)), Ok(()));
    drive.pass(60_000);
    assert_eq!(drive.group.node_truth(Node(1)).role, NodeRole::Primary);
    assert_eq!(
        drive.group.node_truth(Node(0)).role,
        NodeRole::Replica { of: Node(1) }
    );
    assert!(drive.group.dormant());
}

#[test]
fn a_restarted_sentinel_knows_what_its_file_says() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(2), 15);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(20_000);
    let (new, _) = promoted(&drive, start).expect("a failover");
    let epoch = drive.group.view(Sentinel(1)).current_epoch();
    drive.sentinel(Sentinel(1), Process::Dead);
    drive.pass(20_000);
    drive.sentinel(Sentinel(1), Process::Running);
    let view = drive.group.view(Sentinel(1));
    assert_eq!((view.primary(), view.current_epoch()), (new, epoch));
    assert!(view.knows(Sentinel(2)) && view.knows(Node(0)));
    drive.pass(20_000);
    assert!(drive.group.view(Sentinel(1)).sdown(Node(0)));
    assert!(drive.group.dormant());
}

#[test]
fn a_node_that_refuses_the_order_is_not_promoted() {
    let mut drive = Drive::new(spec(DOWN_AFTER), &nodes(1), 16);
    drive.change(Node(1), |truth| truth.ping = PingReply::Loading);
    let start = drive.now;
    drive.process(Node(0), Process::Dead);
    drive.pass(15_000);
    assert_eq!(promoted(&drive, start), None);
    assert!(drive.count(aborted(Abort::ReplicaTimeout)) > 0);
}
