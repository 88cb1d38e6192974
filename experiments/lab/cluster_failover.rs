//! A real cluster of three primaries with a replica each, struck: detection and promotion against
//! the distribution that the model gives for the same setting.

use std::thread;
use std::time::Duration;

use failover::lab::Fault;
use sim::SimDuration;

use crate::model;
use crate::real::cluster::{Cluster, Setting};
use crate::real::resp::Value;
use crate::real::wait::{self, ms, now};

const NODE_TIMEOUT_MS: u64 = 2_000;
const RUNS: u64 = 1_000;
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
    wait::a_phase();
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
    let runs = model::simulate(&model::cluster(NODE_TIMEOUT_MS, Fault::Crash), RUNS);
    model::within("FAIL", ms(fault, failed), &runs, |run| run.servers.detect);
    model::within(
        "a replica accepts writes",
        ms(fault, accepted),
        &runs,
        |run| run.servers.promote,
    );
}

#[test]
fn a_hang_shorter_than_the_node_timeout_changes_nothing() {
    if !crate::redis_is_here() {
        return;
    }
    let hang = Duration::from_millis(NODE_TIMEOUT_MS / 2);
    let simulated = Fault::Hang {
        resumed_after: Some(SimDuration::from_millis(NODE_TIMEOUT_MS / 2)),
    };
    for run in model::simulate(&model::cluster(NODE_TIMEOUT_MS, simulated), RUNS / 10) {
        let noticed = (run.servers.detect, run.servers.promote);
        assert_eq!(noticed, (None, None), "in the model");
    }
    let cluster = three_and_three();
    wait::a_phase();
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
