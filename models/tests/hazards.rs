//! Hazards: what happens by itself comes as often as it should, to everybody at its own times.

use std::collections::BTreeMap;

use crate::support::{both_ways, layered_world, lines, trial};
use models::{Mode, TrialResult, WorldSpec};

const DAYS: f64 = 90.0;

/// One shard with `replicas`, over three months.
fn world(replicas: u32, hazards: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "90d"
        health_check = []
        fault = []
        signers.visits = "1/h"
        failover = {{ kind = "none" }}
        redis.fullest_shard = "100%"
        redis.node_memory = "8GiB"
        redis.replicas = {replicas}
        redis.shards = 1
        redis.hosts = 6
        redis.zones = 3
        "#
    );
    let mut spec = layered_world(&[&story, hazards]);
    for workload in &mut spec.workloads {
        workload.new_keys = "0/s".parse().expect("a rate");
    }
    spec
}

/// When each of the victims met it, in days, from the records of what was drawn.
fn met(result: &TrialResult, hazard: &str) -> BTreeMap<String, Vec<String>> {
    let mut met: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (of, words) in &result.draws {
        if of == "hazard"
            && let Some((at, what)) = words.split_once(": ")
            && what.starts_with(hazard)
        {
            let at = at.rsplit_once(" at ").expect("when").1;
            let victim = what.split(' ').nth(1).expect("who");
            met.entry(victim.to_owned())
                .or_default()
                .push(at.to_owned());
        }
    }
    met
}

#[test]
fn each_node_host_and_zone_meets_as_many_as_its_rate_says() {
    let hazards = r#"
        [hazards.every]
        process_crash = "10d"
        host_loss = "30d"
        zone_loss = "45d"
        [hazards.lasts]
        host_loss = { kind = "constant", value = "1min" }
        zone_loss = { kind = "constant", value = "1min" }
        "#;
    let spec = world(2, hazards);
    let trials = 40;
    let mut counts = BTreeMap::from([("process_crash", 0), ("host_loss", 0), ("zone_loss", 0)]);
    for number in 0..trials {
        let result = trial(&spec, number, Mode::Lazy);
        for (hazard, count) in &mut counts {
            *count += met(&result, hazard).values().map(Vec::len).sum::<usize>();
        }
    }
    for (hazard, victims, every) in [
        ("process_crash", 3.0, 10.0),
        ("host_loss", 6.0, 30.0),
        ("zone_loss", 3.0, 45.0),
    ] {
        // A Poisson number of this mean: within four standard deviations.
        let expected = victims * DAYS / every * trials as f64;
        let found = counts[hazard] as f64;
        assert!(
            (found - expected).abs() < 4.0 * expected.sqrt(),
            "{hazard}: {found} of {expected}"
        );
    }
}

#[test]
fn a_design_with_more_nodes_meets_the_same_and_more() {
    let hazards = "hazards.every.process_crash = '10d'";
    let of = |replicas| {
        met(
            &trial(&world(replicas, hazards), 3, Mode::Lazy),
            "process_crash",
        )
    };
    let (few, many) = (of(1), of(3));
    assert_eq!((few.len(), many.len()), (2, 4));
    for (node, times) in &few {
        assert_eq!(&many[node], times, "node {node}");
    }
    assert_ne!(many["0"], many["1"]);
}

#[test]
fn a_zone_takes_every_host_in_it_and_maintenance_loses_nothing() {
    let zone = r#"
        horizon = "4d"
        redis.replicas = 5
        [hazards]
        every.zone_loss = "2d"
        lasts.zone_loss = { kind = "constant", value = "5min" }
        "#;
    let result = both_ways(&world(2, zone), 5);
    let lost = lines(&result)
        .iter()
        .filter(|line| line.contains("host lost"))
        .count();
    let zones: usize = met(&result, "zone_loss").values().map(Vec::len).sum();
    assert!(zones > 0);
    assert_eq!(
        lost,
        2 * zones,
        "six hosts in three zones: {:?}",
        lines(&result)
    );
    let maintenance = "horizon = '30d'\nhazards.every.maintenance = '3d'";
    let outcome = both_ways(&world(2, maintenance), 5).outcome;
    assert_eq!((outcome.acked_lost, outcome.stored_lost), (0, 0));
    assert!(outcome.downtime_true_s > 0.0, "nobody promotes a replica");
}
