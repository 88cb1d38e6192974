//! What Sentinel sees of gray failures, and where the cluster bus sees the opposite.

use failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, ClusterBusSpec, Member, MemberInit, Role, Shard, Version,
};
use failover::{cluster_bus, sentinel};
use sentinel::{Node, NodeTruth, PingReply, Process, Sentinel};
use sim::{Purpose, SimDuration, SimTime, Streams};

use crate::drive::{Drive, Questions as _, nodes, promoted, spec};

/// Whether a cluster of three shards replaces a primary whose process does this for ten minutes.
fn bus_replaces(process: cluster_bus::Process) -> bool {
    let spec = ClusterBusSpec {
        version: Version::Redis70,
        node_timeout: SimDuration::from_secs(2),
        replica_validity_factor: 10,
        repl_ping_replica_period: SimDuration::from_secs(10),
        require_full_coverage: true,
        allow_reads_when_down: false,
        migration_barrier: 1,
        allow_replica_migration: true,
        latency: SimDuration::from_micros(500),
        config_save: SimDuration::from_millis(1),
    };
    let member = |shard, role| MemberInit {
        shard: Shard(shard),
        role,
        no_failover: false,
    };
    let mut layout: Vec<_> = (0..3).map(|shard| member(shard, Role::Primary)).collect();
    layout.extend((0..3).map(|shard| member(shard, Role::Replica)));
    let key = Streams::for_trial(1, 0).key(Purpose(8), 0);
    let mut bus = ClusterBus::new(spec, &layout, key, SimTime::ZERO);
    let start = SimTime::ZERO + SimDuration::from_mins(1);
    let mut out = BusEffects::new();
    bus.restart(start, Member(0), process, &mut out);
    bus.advance(start + SimDuration::from_mins(10), &mut out);
    out.iter()
        .any(|(_, e)| matches!(e, BusEffect::Promoted { .. }))
}

/// Whether Sentinels replace a primary that was restarted and answers PING like this.
fn sentinel_replaces(ping: PingReply) -> bool {
    let mut drive = Drive::new(spec(2000), &nodes(2), 1);
    let start = drive.now;
    let truth = NodeTruth {
        ping,
        ..NodeTruth::PRIMARY
    };
    drive
        .group
        .restart_node(start, Node(0), truth, &mut drive.heard);
    drive.pass(600_000);
    promoted(&drive, start).is_some()
}

#[test]
fn a_failed_save_is_a_failover_to_sentinel_and_nothing_to_the_bus() {
    assert!(sentinel_replaces(PingReply::Misconf));
    assert!(!bus_replaces(cluster_bus::Process::Running));
}

#[test]
fn a_long_load_is_a_failover_to_the_bus_and_nothing_to_sentinel() {
    assert!(!sentinel_replaces(PingReply::Loading));
    assert!(bus_replaces(cluster_bus::Process::Loading));
}

#[test]
fn a_failed_save_takes_as_long_as_silence() {
    // Measured end to end with down-after 2 s: MISCONF at 0.15 s, +sdown at 2.4 s, the address
    // switched at 3.6 s.
    let (mut flags, mut switches) = (Vec::new(), Vec::new());
    for seed in 0..100 {
        let mut drive = Drive::new(spec(2000), &nodes(2), seed);
        let start = drive.now;
        drive.change(Node(0), |truth| truth.ping = PingReply::Misconf);
        drive.pass(10_000);
        let sdown =
            |e: &sentinel::SentinelEffect| matches!(e, sentinel::SentinelEffect::Sdown { .. });
        let switch = |e: &sentinel::SentinelEffect| {
            matches!(e, sentinel::SentinelEffect::SwitchMaster { .. })
        };
        flags.push(drive.first_ms(start, sdown).expect("it is down"));
        switches.push(drive.first_ms(start, switch).expect("a failover"));
    }
    let range = |values: &[f64]| {
        let min = values.iter().copied().fold(f64::MAX, f64::min);
        let max = values.iter().copied().fold(0.0, f64::max);
        min..max
    };
    assert!(range(&flags).contains(&2_250.0), "{:?}", range(&flags));
    assert!(
        range(&switches).contains(&3_450.0),
        "{:?}",
        range(&switches)
    );
}

#[test]
fn at_maxmemory_nothing_fails_over_and_an_operator_moves_the_refusal() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/lab/S4_sentinel_memory_limit.csv"
    );
    let mut reader = csv::Reader::from_path(path).expect("the lab's files are checked in");
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .expect("a known column")
    };
    let (events, promote) = (
        column("failover_log_events_in_watch"),
        column("promote_after_cmd_ms"),
    );
    let measured: Vec<f64> = reader
        .records()
        .map(|row| row.expect("a row"))
        .inspect(|row| assert_eq!(&row[events], "0"))
        .map(|row| row[promote].parse().expect("a time"))
        .collect();
    assert_eq!(measured.len(), 5);
    let mut simulated = Vec::new();
    for seed in 0..200 {
        // A primary at its limit answers +PONG: to Sentinel nothing has happened.
        let mut drive = Drive::new(spec(2000), &nodes(1), seed);
        drive.pass(60_000);
        assert!(drive.heard.is_empty());
        let start = drive.now;
        assert_eq!(drive.manual_failover(Sentinel(0)), Ok(()));
        drive.pass(30_000);
        let (node, at) = promoted(&drive, start).expect("promoted");
        assert_eq!(drive.group.node_truth(node).process, Process::Running);
        simulated.push(at);
    }
    simulated.sort_by(f64::total_cmp);
    let [low, high] = [simulated[0], simulated[199]];
    // The command's reply and the log's stamp come some ms apart.
    assert!(
        measured.iter().all(|m| (low..high).contains(m)),
        "{low} to {high}"
    );
    let (median, middle) = (simulated[100], 168.9);
    assert!(
        (median - middle).abs() < 50.0,
        "{median} ms, measured {middle} ms"
    );
}
