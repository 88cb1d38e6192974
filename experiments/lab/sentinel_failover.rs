//! A real Sentinel group, struck in three ways: what Sentinel acts on is what PING tells it.
//!
//! Sentinel takes +PONG, -LOADING and -MASTERDOWN for life and anything else for silence
//! (`sentinel.c: sentinelPingReplyCallback`), so a full primary stays and one whose last save
//! failed goes, although the cluster bus would leave both where they are.

use std::time::{Duration, Instant};

use demand::answer::Cause;
use failover::lab::Fault;
use models::redis::capability::{Condition, Reply};

use crate::capability::fail_a_save;
use crate::model;
use crate::real::process::Server;
use crate::real::resp::Value;
use crate::real::sentinel::{Group, Setting};
use crate::real::wait::{self, ms, now};

const DOWN_AFTER_MS: u64 = 1_000;
const RUNS: u64 = 1_000;
const LIMIT: Duration = Duration::from_secs(40);

fn three_sentinels() -> Group {
    Group::boot(&Setting {
        replicas: 2,
        sentinels: 3,
        quorum: 2,
        down_after_ms: DOWN_AFTER_MS,
        failover_timeout_ms: 10_000,
        directives: String::new(),
    })
}

/// Does Sentinel hold a primary in this condition for alive?
fn alive_to_sentinel(condition: Condition) -> bool {
    match condition.capabilities().ping {
        Reply::Fine | Reply::Error(Cause::Loading) => true,
        Reply::Error(_) | Reply::Silence => false,
    }
}

#[test]
fn a_full_primary_stays_and_a_killed_one_is_replaced() {
    if !crate::redis_is_here() {
        return;
    }
    assert!(alive_to_sentinel(Condition::AtMaxmemory) && !alive_to_sentinel(Condition::Killed));
    let mut group = three_sentinels();
    let old = group.data[0].port;
    let used = group.data[0]
        .info("memory", "used_memory")
        .expect("INFO names it");
    group.data[0].expect(&["CONFIG", "SET", "maxmemory", &used]);
    wait::until_true("a full primary", LIMIT, || {
        let written = group.data[0].ask(&["SET", "key", &"x".repeat(100_000)]);
        written.is_ok_and(|answer| answer.error_code() == Some("OOM"))
    });
    let full = now();
    wait::until_true("the end of the watch", LIMIT, || {
        assert!(
            !(0..3).any(|s| group.flagged_by(s, "s_down")),
            "-OOM is not silence"
        );
        now() > full + Duration::from_millis(DOWN_AFTER_MS + 3_000)
    });
    assert!((0..3).all(|s| group.primary_named_by(s) == Some(old)));
    wait::a_phase();
    let fault = now();
    group.data[0].kill();
    let (promoted, switched) = failover(&group, old);
    let runs = model::simulate(&model::sentinel(DOWN_AFTER_MS, Fault::Crash), RUNS);
    model::within("promoted", ms(fault, promoted), &runs, |run| {
        run.servers.promote
    });
    model::within(
        "the client's first write",
        ms(fault, switched),
        &runs,
        |run| Some(run.client.recovered? - run.fault_at),
    );
}

#[test]
fn a_failed_save_makes_sentinel_fail_over_although_the_bus_would_not() {
    if !crate::redis_is_here() {
        return;
    }
    let row = Condition::SaveFailed.capabilities();
    assert!(!alive_to_sentinel(Condition::SaveFailed) && row.bus);
    let group = three_sentinels();
    let old = group.data[0].port;
    wait::a_phase();
    fail_a_save(&group.data[0]);
    let failed = now();
    let (promoted, _) = failover(&group, old);
    // To Sentinel an answer that it does not take for one is as good as none.
    let hang = Fault::Hang {
        resumed_after: None,
    };
    let runs = model::simulate(&model::sentinel(DOWN_AFTER_MS, hang), RUNS);
    model::within("promoted", ms(failed, promoted), &runs, |run| {
        run.servers.promote
    });
}

/// Waits until a replica is a primary, and until the one that a Sentinel names accepts a write:
/// when each came. Sentinel kills the connections of a node whose role it changes (`sentinel.c:
/// sentinelSendSlaveOf`), ours too, so no single answer is insisted on.
fn failover(group: &Group, old: u16) -> (Instant, Instant) {
    let mut promoted = None;
    wait::until("another primary that a Sentinel names", LIMIT, || {
        if promoted.is_none() && group.data[1..].iter().any(is_primary) {
            promoted = Some(now());
        }
        let named = (0..3).find_map(|s| group.primary_named_by(s).filter(|port| *port != old));
        let named = group.data.iter().find(|node| Some(node.port) == named)?;
        let written = named.ask(&["SET", "key", "1"]);
        (written == Ok(Value::Simple("OK".into()))).then(|| (promoted.unwrap_or_else(now), now()))
    })
}

fn is_primary(server: &Server) -> bool {
    let role = server.ask(&["ROLE"]);
    role.is_ok_and(|role| role.items().first().and_then(Value::text) == Some("master"))
}
