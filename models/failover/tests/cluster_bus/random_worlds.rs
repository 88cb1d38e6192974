//! Whatever happens to a cluster, some things never do; and once it is left alone it recovers.

use std::collections::BTreeMap;

use failover::cluster_bus::{
    BusEffect, ManualFailover, Member, Process, ReplicaLink, Shard, Version,
};
use rand::RngExt as _;
use sim::{Purpose, Rng, Streams};

use crate::drive::{Drive, Questions as _, layout, spec};

const WORLDS: u64 = 256;

#[test]
fn invariants_hold_in_random_worlds() {
    for seed in 0..WORLDS {
        let mut rng = Streams::for_trial(seed, 0).stream(Purpose(5), 0);
        let shards = rng.random_range(1..6);
        let replicas = rng.random_range(0..3);
        let mut spec = spec([500, 1000, 2000, 15_000][rng.random_range(0..4)]);
        spec.require_full_coverage = rng.random_range(0..2) == 0;
        if rng.random_range(0..4) == 0 {
            spec.version = Version::Valkey8;
        }
        let node_timeout_ms = spec.node_timeout.as_nanos() / 1_000_000;
        let mut drive = Drive::new(spec, &layout(shards, replicas), seed);
        // Some kinds of trouble are off entirely in some worlds (swarm testing).
        let kinds: Vec<u32> = (0..7).filter(|_| rng.random_range(0..2) == 0).collect();
        for _ in 0..rng.random_range(5..40) {
            drive.pass(rng.random_range(0..3 * node_timeout_ms));
            if !kinds.is_empty() {
                let kind = kinds[rng.random_range(0..kinds.len())];
                trouble(&mut drive, kind, &mut rng);
            }
        }
        check_elections(&drive, seed);
        heal(&mut drive, node_timeout_ms);
        check_recovery(&drive, seed, shards);
    }
}

fn trouble(drive: &mut Drive, kind: u32, rng: &mut Rng) {
    let members = drive.bus.members().count() as u16;
    let member = Member(rng.random_range(0..members));
    match kind {
        0 => drive.process(member, Process::Dead),
        1 => drive.process(member, Process::Hung),
        2 => {
            drive
                .bus
                .restart(drive.now, member, Process::Running, &mut drive.heard);
            drive.replication(member, ReplicaLink::Up);
        }
        3 => {
            let group: Vec<Member> = drive
                .bus
                .members()
                .filter(|_| rng.random_range(0..3) == 0)
                .collect();
            let reachable = rng.random_range(0..2) == 0;
            drive.cut(&group, reachable);
        }
        4 => {
            let kind = [ManualFailover::Plain, ManualFailover::Force][rng.random_range(0..2)];
            // Refused on a primary or a dead node, which is fine here.
            let _ = drive
                .bus
                .manual_failover(drive.now, member, kind, &mut drive.heard);
        }
        5 => drive.process(member, Process::Running),
        _ => {
            let (now, offset) = (drive.now, rng.random_range(0..5000));
            let link = ReplicaLink::Down { since: now };
            drive
                .bus
                .set_replication(now, member, offset, link, &mut drive.heard);
        }
    }
}

/// One vote per voter and epoch; one primary per shard and epoch; time never runs back.
fn check_elections(drive: &Drive, seed: u64) {
    let mut votes: BTreeMap<(Member, u64), Member> = BTreeMap::new();
    let mut winners: BTreeMap<u64, Member> = BTreeMap::new();
    assert!(
        drive.heard.is_sorted_by_key(|(at, _)| *at),
        "seed {seed}: time runs back"
    );
    for (_, effect) in &drive.heard {
        match *effect {
            BusEffect::Vote { by, to, epoch } => {
                let other = votes.insert((by, epoch), to);
                assert_eq!(
                    other, None,
                    "seed {seed}: {by:?} voted twice in epoch {epoch}"
                );
            }
            BusEffect::Promoted { member, epoch, .. } => {
                let other = winners
                    .insert(epoch, member)
                    .filter(|other| *other != member);
                assert_eq!(other, None, "seed {seed}: two winners of epoch {epoch}");
            }
            _ => {}
        }
    }
}

fn heal(drive: &mut Drive, node_timeout_ms: u64) {
    let all: Vec<Member> = drive.bus.members().collect();
    for member in &all {
        drive.cut(&[*member], true);
    }
    for member in &all {
        drive.process(*member, Process::Running);
        drive.replication(*member, ReplicaLink::Up);
    }
    for _ in 0..20 {
        drive.pass(2 * node_timeout_ms + 2000);
    }
}

/// Left alone, everybody agrees on one owner for every shard, serves, and goes to sleep.
fn check_recovery(drive: &Drive, seed: u64, shards: u16) {
    let first = drive.bus.view(Member(0));
    for member in drive.bus.members() {
        let view = drive.bus.view(member);
        assert_eq!(
            view.owners(),
            first.owners(),
            "seed {seed}: {member:?} differs"
        );
        assert!(view.ok(), "seed {seed}: {member:?} does not serve");
    }
    for shard in (0..shards).map(Shard) {
        let owner = first
            .owner(shard)
            .unwrap_or_else(|| panic!("seed {seed}: {shard:?}"));
        assert!(
            drive.bus.view(owner).is_primary(),
            "seed {seed}: {owner:?} owns, yet copies"
        );
    }
    assert!(drive.bus.dormant(), "seed {seed}: not settled");
}
