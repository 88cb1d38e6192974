//! A real cluster whose primary is full: nothing fails over by itself, and a failover by hand moves
//! the refusal to a node that holds the same data.

use std::time::Duration;

use models::redis::capability::{Condition, Reply};

use crate::real::cluster::{Cluster, Setting};
use crate::real::process::Server;
use crate::real::wait;

const NODE_TIMEOUT_MS: u64 = 1_000;
const LIMIT: Duration = Duration::from_secs(20);
/// The limit is no clean wall: buffers shrink, and some writes pass (up to 50 of 6000, measured).
const PASSING_MAX: usize = 500;

#[test]
fn a_full_primary_stays_and_its_successor_is_as_full() {
    if !crate::redis_is_here() {
        return;
    }
    let row = Condition::AtMaxmemory.capabilities();
    assert!(
        row.bus && row.ping == Reply::Fine,
        "the model sees no reason to fail over"
    );
    let cluster = Cluster::boot(&Setting {
        masters: 3,
        replicas_per_master: 1,
        node_timeout_ms: NODE_TIMEOUT_MS,
        full_coverage: true,
        directives: "maxmemory 16mb\nmaxmemory-policy noeviction\n".into(),
    });
    let tag = cluster.tag(0);
    fill(&cluster.nodes[0], &tag);
    let start = cluster.seen_by(1)[0].pong_received;
    wait::until_true("PONGs of a full node", LIMIT, || {
        let at_others: Vec<_> = (1..6)
            .map(|node| cluster.seen_by(node)[0].clone())
            .collect();
        assert!(
            at_others
                .iter()
                .all(|seen| seen.has("master") && !seen.suspected())
        );
        refused(&cluster.nodes[0], &tag);
        at_others
            .iter()
            .all(|seen| seen.pong_received > start + 3 * NODE_TIMEOUT_MS)
    });
    let replica = cluster.replicas_of(0).next().expect("each has one");
    cluster.nodes[replica].expect(&["CLUSTER", "FAILOVER"]);
    wait::until_true("a promotion by hand", LIMIT, || {
        cluster.seen_by(1)[replica].has("master")
    });
    wait::until_true("the old primary as a replica", LIMIT, || {
        cluster.seen_by(replica)[0].has("slave")
    });
    refused(&cluster.nodes[replica], &tag);
}

/// Writes values of 1000 bytes until the node is full.
fn fill(node: &Server, tag: &str) {
    let mut connection = node.connect().expect("it is healthy");
    let value = "x".repeat(1_000);
    for batch in 0..200 {
        let keys: Vec<_> = (0..200)
            .map(|n| format!("fill:{{{tag}}}:{batch}:{n}"))
            .collect();
        let commands: Vec<_> = keys.iter().map(|key| vec!["SET", key, &value]).collect();
        let answers = connection.call_all(&commands).expect("it answers");
        if answers
            .iter()
            .any(|answer| answer.error_code() == Some("OOM"))
        {
            return;
        }
    }
    panic!("40 MB went into 16");
}

/// Writes until -OOM comes, which is at once or soon.
fn refused(node: &Server, tag: &str) {
    let mut connection = node.connect().expect("it is up");
    let value = "x".repeat(1_000);
    let mut full = |n| {
        let key = format!("more:{{{tag}}}:{n}");
        let answer = connection.call(&["SET", &key, &value]).expect("it answers");
        let code = answer.error_code().map(str::to_owned);
        assert!(matches!(code.as_deref(), None | Some("OOM")), "{answer:?}");
        code.is_some()
    };
    assert!(
        (0..PASSING_MAX).any(&mut full),
        "{PASSING_MAX} writes passed at the limit"
    );
}
