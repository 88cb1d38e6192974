//! A real Sentinel group, struck in three ways: what Sentinel acts on is what PING tells it.
//!
//! Sentinel takes +PONG, -LOADING and -MASTERDOWN for life and anything else for silence
//! (`sentinel.c: sentinelPingReplyCallback`), so a full primary stays and one whose last save
//! failed goes, although the cluster bus would leave both where they are.

use std::time::Duration;

use models::answer::Cause;
use models::redis::capability::{Condition, Reply};

use crate::capability::fail_a_save;
use crate::real::resp::Value;
use crate::real::sentinel::{Group, Setting};
use crate::real::wait::{self, ms, now};

const DOWN_AFTER_MS: u64 = 1_000;
/// Not before: the connection is lost with the process, Sentinel connects anew and pings at once
/// (`sentinelReconnectInstance`), and the clock runs from that ping.
const SWITCH_MS_MIN: f64 = DOWN_AFTER_MS as f64;
/// Not after: a tick, up to 1 s until the others are asked, the votes, up to 1 s until INFO shows
/// the new role; 90 measured runs took 2.1 to 2.3 s. Widened by 3 s for a busy machine.
const SWITCH_MS_MAX: f64 = (DOWN_AFTER_MS + 5_000) as f64;
const LIMIT: Duration = Duration::from_secs(40);

fn three_sentinels() -> Group {
    Group::boot(&Setting {
        replicas: 2,
        sentinels: 3,
        quorum: 2,
        down_after_ms: DOWN_AFTER_MS,
        failover_timeout_ms: 10_000,
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
    let fault = now();
    group.data[0].kill();
    let switched = switch(&group, old);
    let took = ms(fault, switched);
    crate::show(&format!("the address switched after {took:.0} ms"));
    assert!(
        (SWITCH_MS_MIN..SWITCH_MS_MAX).contains(&took),
        "switched after {took:.0} ms"
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
    fail_a_save(&group.data[0]);
    let failed = now();
    let took = ms(failed, switch(&group, old));
    crate::show(&format!(
        "the address switched {took:.0} ms after the failed save was seen"
    ));
    assert!(took < SWITCH_MS_MAX, "switched after {took:.0} ms");
}

/// Waits until a Sentinel names another primary, which must accept a write.
fn switch(group: &Group, old: u16) -> std::time::Instant {
    let (port, at) = wait::until("another address", LIMIT, || {
        let named = (0..3).find_map(|s| group.primary_named_by(s).filter(|port| *port != old));
        named.map(|port| (port, now()))
    });
    let promoted = group.data.iter().find(|node| node.port == port);
    let promoted = promoted.expect("one of ours");
    assert_eq!(
        promoted.expect(&["SET", "key", "1"]),
        Value::Simple("OK".into())
    );
    at
}
