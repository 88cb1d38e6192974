//! Whatever happens to a group, some things never do; and once it is left alone it recovers.

use std::collections::BTreeMap;

use failover::sentinel::{Node, NodeRole, PingReply, Process, Sentinel, SentinelEffect};
use rand::RngExt as _;
use sim::{Purpose, Rng, Streams};

use crate::drive::{Drive, Questions as _, nodes, spec};

const WORLDS: u64 = 256;
/// The kind of trouble that elects without votes.
const MANUAL: u32 = 5;

#[test]
fn invariants_hold_in_random_worlds() {
    let mut promotions = 0;
    for seed in 0..WORLDS {
        let mut rng = Streams::for_trial(seed, 0).stream(Purpose(5), 0);
        let mut spec = spec([500, 1000, 2000, 5000][rng.random_range(0..4)]);
        spec.sentinels = [1, 2, 3, 3, 5][rng.random_range(0..5)];
        spec.quorum = rng.random_range(1..=spec.sentinels);
        let down_after_ms = spec.down_after.as_nanos() / 1_000_000;
        let replicas = rng.random_range(0..4);
        let mut drive = Drive::new(spec, &nodes(replicas), seed);
        // Some kinds of trouble are off entirely in some worlds (swarm testing).
        let kinds: Vec<u32> = (0..9).filter(|_| rng.random_range(0..2) == 0).collect();
        for _ in 0..rng.random_range(5..40) {
            drive.pass(rng.random_range(0..3 * down_after_ms + 2_000));
            if !kinds.is_empty() {
                let kind = kinds[rng.random_range(0..kinds.len())];
                trouble(&mut drive, kind, &mut rng);
            }
        }
        check_elections(&drive, seed, !kinds.contains(&MANUAL));
        heal(&mut drive);
        check_elections(&drive, seed, !kinds.contains(&MANUAL));
        check_recovery(&drive, seed);
        promotions += drive.count(|e| matches!(e, SentinelEffect::Promote { .. }));
    }
    assert!(promotions > 200, "worlds were eventful: {promotions}");
}

fn trouble(drive: &mut Drive, kind: u32, rng: &mut Rng) {
    let parties = drive.parties();
    let any = parties[rng.random_range(0..parties.len())];
    let other = parties[rng.random_range(0..parties.len())];
    let nodes = drive.group.nodes().count() as u16;
    let node = Node(rng.random_range(0..nodes));
    let sentinel = Sentinel(rng.random_range(0..drive.group.spec().sentinels));
    let stops = [Process::Dead, Process::Hung, Process::Lost][rng.random_range(0..3)];
    match kind {
        0 => drive.process(node, stops),
        1 => drive.sentinel(sentinel, stops),
        2 => drive.process(node, Process::Running),
        3 => drive.sentinel(sentinel, Process::Running),
        4 => drive.reachable(any, other, rng.random_range(0..2) == 0),
        MANUAL => {
            // Refused without a fit replica, which is fine here.
            let _ = drive.manual_failover(sentinel);
        }
        6 => drive.change(node, |truth| {
            truth.ping =
                [PingReply::Misconf, PingReply::Busy, PingReply::Loading][rng.random_range(0..3)];
        }),
        7 => drive.change(node, |truth| truth.offset = rng.random_range(0..5_000)),
        _ => {
            let of = Node(rng.random_range(0..nodes));
            drive.change(node, |truth| {
                truth.role = match of == node {
                    true => NodeRole::Primary,
                    false => NodeRole::Replica { of },
                };
            });
        }
    }
}

/// One vote per voter and epoch; one elected leader per epoch; time never runs back.
fn check_elections(drive: &Drive, seed: u64, elected_by_votes: bool) {
    let mut votes: BTreeMap<(Sentinel, u64), Sentinel> = BTreeMap::new();
    let mut leaders: BTreeMap<u64, Sentinel> = BTreeMap::new();
    assert!(
        drive.heard.is_sorted_by_key(|(at, _)| *at),
        "seed {seed}: time runs back"
    );
    for (_, effect) in &drive.heard {
        match *effect {
            SentinelEffect::Vote { by, to, epoch } => {
                let other = votes.insert((by, epoch), to);
                assert_eq!(
                    other, None,
                    "seed {seed}: {by:?} voted twice in epoch {epoch}"
                );
            }
            SentinelEffect::ElectedLeader { by, epoch } if elected_by_votes => {
                let other = leaders.insert(epoch, by);
                assert_eq!(other, None, "seed {seed}: two leaders of epoch {epoch}");
                let given = votes
                    .iter()
                    .filter(|((_, e), to)| *e == epoch && **to == by);
                let needed = drive.group.spec().sentinels / 2 + 1;
                let needed = needed.max(drive.group.spec().quorum);
                assert!(
                    given.count() >= usize::from(needed),
                    "seed {seed}: a leader without votes in epoch {epoch}"
                );
            }
            _ => {}
        }
    }
}

fn heal(drive: &mut Drive) {
    let parties = drive.parties();
    for a in &parties {
        for b in &parties {
            drive.reachable(*a, *b, true);
        }
    }
    for sentinel in drive.group.sentinels() {
        drive.sentinel(sentinel, Process::Running);
    }
    for node in drive.group.nodes() {
        drive.process(node, Process::Running);
        drive.change(node, |truth| truth.ping = PingReply::Pong);
    }
    drive.pass(300_000);
}

/// Left alone, everybody names one primary, which is one, and all other nodes copy it.
fn check_recovery(drive: &Drive, seed: u64) {
    let primary = drive.group.view(Sentinel(0)).primary();
    for sentinel in drive.group.sentinels() {
        let view = drive.group.view(sentinel);
        assert_eq!(view.primary(), primary, "seed {seed}: {sentinel:?} differs");
        assert_eq!(view.watched_primary(), primary, "seed {seed}");
        assert!(!view.failing_over() && !view.tilt(), "seed {seed}");
    }
    for node in drive.group.nodes() {
        let expected = match node == primary {
            true => NodeRole::Primary,
            false => NodeRole::Replica { of: primary },
        };
        let role = drive.group.node_truth(node).role;
        assert_eq!(role, expected, "seed {seed}: {node:?}");
    }
    assert!(drive.group.dormant(), "seed {seed}: not settled");
}
