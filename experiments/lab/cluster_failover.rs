//! A real cluster of three primaries with a replica each, struck: detection and promotion against
//! the distribution that the model gives for the same setting.

use std::thread;
use std::time::Duration;

use experiments::stats::quantile;
use models::failover::cluster_bus::Process;
use rand::RngExt as _;
use sim::{Purpose, SimDuration, Streams};

use crate::model;
use crate::real::cluster::{Cluster, Setting};
use crate::real::resp::Value;
use crate::real::wait::{self, ms, now};

const NODE_TIMEOUT_MS: u64 = 2_000;
const RUNS: u64 = 1_000;
/// One real run is held to the model's 0.5 % and 99.5 % quantiles, widened by this: polls that are
/// 10 ms apart and a clock read before the signal cost little; a machine that compiles meanwhile
/// delays every process and our own looking by tenths of a second at times.
const EARLIER_MS: f64 = 50.0;
const LATER_MS: f64 = 600.0;
const LIMIT: Duration = Duration::from_secs(20);

fn three_and_three() -> Cluster {
    Cluster::boot(&Setting {
        masters: 3,
        replicas_per_master: 1,
        node_timeout_ms: NODE_TIMEOUT_MS,
        full_coverage: true,
        directives: String::new(),
    })
}

#[test]
fn a_killed_primary_is_replaced_when_the_model_says() {
    if !crate::redis_is_here() {
        return;
    }
    let mut cluster = three_and_three();
    let key = format!("{{{}}}", cluster.tag(0));
    let replica = cluster.replicas_of(0).next().expect("each has one");
    wait_a_phase();
    let fault = now();
    cluster.nodes[0].kill();
    let mut failed = None;
    let accepted = wait::until("a write that a replica accepts", LIMIT, || {
        if failed.is_none() && cluster.seen_by(1)[0].has("fail") {
            failed = Some(now());
        }
        let written = cluster.nodes[replica].ask(&["SET", &key, "1"]);
        (written == Ok(Value::Simple("OK".into()))).then(now)
    });
    let failed = failed.expect("nobody is replaced before it is held for failed");
    let runs: Vec<_> = (0..RUNS)
        .map(|seed| model::run(NODE_TIMEOUT_MS, Process::Dead, None, seed))
        .collect();
    let fail: Vec<f64> = runs.iter().filter_map(|run| run.fail).collect();
    let promoted: Vec<f64> = runs.iter().filter_map(|run| run.promoted).collect();
    assert_eq!(promoted.len(), runs.len(), "the model always replaces it");
    within("FAIL", ms(fault, failed), &fail);
    within("a replica accepts writes", ms(fault, accepted), &promoted);
}

/// Holds one real run to the model's distribution.
fn within(what: &str, real_ms: f64, model_ms: &[f64]) {
    let at = |share| {
        quantile(model_ms, share, 0.95)
            .expect("the model ran")
            .value
    };
    let (low, middle, high) = (at(0.005), at(0.5), at(0.995));
    let line = format!("{what}: real {real_ms:.0} ms, model {middle:.0} ({low:.0} to {high:.0})");
    crate::show(&line);
    assert!(
        real_ms > low - EARLIER_MS && real_ms < high + LATER_MS,
        "{line}"
    );
}

#[test]
fn a_hang_shorter_than_the_node_timeout_changes_nothing() {
    if !crate::redis_is_here() {
        return;
    }
    let hang = Duration::from_millis(NODE_TIMEOUT_MS / 2);
    let simulated = SimDuration::from_millis(NODE_TIMEOUT_MS / 2);
    for seed in 0..RUNS / 10 {
        let run = model::run(NODE_TIMEOUT_MS, Process::Hung, Some(simulated), seed);
        assert_eq!(
            (run.fail, run.promoted),
            (None, None),
            "the model, seed {seed}"
        );
    }
    let cluster = three_and_three();
    wait_a_phase();
    let before = cluster.seen_by(1)[0].pong_received;
    let start = now();
    cluster.nodes[0].stop();
    thread::sleep(hang);
    cluster.nodes[0].resume();
    let lasted = ms(start, now());
    assert!(
        lasted < NODE_TIMEOUT_MS as f64,
        "the machine made a long hang of it: {lasted} ms"
    );
    // PONGs a node timeout younger than the hang: who would have suspected it, has by then.
    let settled = before + lasted as u64 + 2 * NODE_TIMEOUT_MS;
    wait::until_true("PONGs after the hang", LIMIT, || {
        (1..6).all(|node| cluster.seen_by(node)[0].pong_received > settled)
    });
    for observer in 0..6 {
        assert_eq!(cluster.state_at(observer), "ok");
        for (node, seen) in cluster.seen_by(observer).iter().enumerate() {
            let as_laid_out = seen.has("master") == (node < 3) && !seen.suspected();
            assert!(as_laid_out, "{node} at {observer}: {seen:?}");
        }
        let log = cluster.nodes[observer].log();
        let quiet = !log.contains("as failing") && !log.contains("failover election");
        assert!(quiet, "{log}");
    }
}

/// Leaves the cluster alone for a random while, so that the fault falls anywhere between crons.
fn wait_a_phase() {
    let streams = Streams::for_trial(std::process::id().into(), 0);
    let mut rng = streams.stream(Purpose(1), 0);
    thread::sleep(Duration::from_millis(rng.random_range(500..2_500)));
}
