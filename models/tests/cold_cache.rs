//! A cache in Redis that has lost its data, and the store behind it: requests fail although Redis
//! answers, alerts and people see it, and what they do helps or does not.

use crate::support::{ONE_PRESS, both_ways, lines, part, said, service, story_world};
use models::moment::MomentKind;
use models::spec::redis::Holds;
use models::spec::service::{Access, Keys};
use models::{TrialResult, WorldSpec};

const FLUSH: &str = r#"{ kind = "flush", workload = "log", share = "100%",
    at = { kind = "constant", value = "1h" } }"#;
const CRASH: &str = r#"{ kind = "crash", workload = "log",
    at = { kind = "constant", value = "1h" } }"#;

/// 20 requests a second, each of one press, read a cache that hits 90 % when it is warm and needs 5
/// min for half of that. `needs` are further keys of the need, `rest` those of the story.
fn world(fault: &str, need: &str, rest: &str) -> WorldSpec {
    let misses = r#"misses = { hits = "90%", warms = "5min" }"#;
    let api = service(
        "api",
        &format!("{{ workload = \"log\", access = \"read\", {misses}, {need} }}"),
        "command_timeout = \"200ms\"\ntopology_refresh = \"1s\"",
    );
    story_world(&format!(
        r#"
        horizon = "6h"
        health_check = []
        fault = [{fault}]
        {rest}
        [redis]
        replicas = 0
        hosts = 3
        restart_delay = "10s"
        [failover]
        node_timeout = "15s"
        require_full_coverage = false
        [signers]
        visits = "20/s"
        {ONE_PRESS}
        [people]
        notice = {{ kind = "constant", value = "5min" }}
        notice_unalerted = {{ kind = "constant", value = "5min" }}
        {api}
        "#
    ))
}

/// The same, with nobody who acts.
fn alone(fault: &str, need: &str, rest: &str) -> TrialResult {
    unaided(world(fault, need, rest))
}

fn unaided(mut spec: WorldSpec) -> TrialResult {
    spec.people.runbook.clear();
    both_ways(&spec, 3)
}

/// A store that answers so many a second: each takes a second.
fn store(workers: u32, queue_limit: u32) -> String {
    format!("fallback = {{ workers = {workers}, takes = \"1s\", queue_limit = {queue_limit} }}")
}

fn moments(result: &TrialResult, kind: MomentKind) -> usize {
    result.moments.iter().filter(|m| m.kind == kind).count()
}

/// When requests failed last, in minutes after the fault.
fn ends(result: &TrialResult) -> f64 {
    let mut ends = result.moments.iter().rev();
    let ends = ends.find(|m| m.kind == MomentKind::ErrorsEnd);
    ends.map_or(0.0, |ends| ends.at.as_secs_f64() / 60.0 - 60.0)
}

#[test]
fn a_flush_costs_nothing_if_the_store_carries_the_load() {
    let carries = alone(FLUSH, &store(60, 0), "");
    assert_eq!(carries.outcome.failed_attempts, 0);
    assert_eq!(moments(&carries, MomentKind::ServiceDegraded), 0);
}

#[test]
fn the_hit_rate_at_the_end_counts_a_flush_until_keys_are_back() {
    let at_end = |flush_at: &str| {
        let fault = FLUSH.replace("1h", flush_at);
        let outcome = alone(&fault, &store(60, 0), "").outcome;
        outcome.cache_hit_rate.expect("there is a cache")
    };
    // 90 % when it is warm; half of that 5 min after a flush, and three quarters after 10 min.
    for (flush_at, expected) in [("1h", 0.9), ("355min", 0.45), ("350min", 0.675)] {
        let hits = at_end(flush_at);
        assert!((hits - expected).abs() < 0.03, "{flush_at}: {hits}");
    }
}

#[test]
fn a_flush_fails_what_the_store_cannot_carry_until_keys_are_back() {
    // All 20 requests a second miss at first, and the store answers 8: more than half fail at once,
    // fewer each minute. Redis is healthy all the time.
    let cold = alone(FLUSH, &store(8, 0), "");
    assert_eq!(
        moments(&cold, MomentKind::ServiceDown),
        1,
        "{:#?}",
        cold.moments
    );
    assert!(moments(&cold, MomentKind::ServiceDegraded) >= 1);
    assert!(moments(&cold, MomentKind::ServiceUp) >= 1);
    assert!(moments(&cold, MomentKind::Noticed) >= 1);
    // Every key comes back through the store. Of 7,790 keys (20 × 0.9 × 300 s / ln 2) most must do
    // so before what misses fits: at 8 a second that takes 12 min and more.
    let after = ends(&cold);
    assert!((8.0..60.0).contains(&after), "{after} min");
    let smaller = ends(&alone(FLUSH, &store(6, 0), ""));
    assert!(smaller > after, "{smaller} min against {after}");
    // What alerts and people are shown agrees with what was counted.
    let up = cold.moments.iter().rev();
    let up = up.clone().find(|m| m.kind == MomentKind::ServiceUp);
    let shown = up.expect("it is up again").at.as_secs_f64() / 60.0 - 60.0;
    assert!((shown - after).abs() < 12.0, "{shown} min, counted {after}");
}

#[test]
fn a_queue_that_answers_in_time_brings_keys_back() {
    // A thousand may wait for the store, which would take two minutes. But the service has 64
    // workers, so no more than 56 wait, 7 s: their answers are in time.
    let queues = alone(FLUSH, &store(8, 1000), "");
    let after = ends(&queues);
    assert!((8.0..60.0).contains(&after), "{after} min");
    let up = queues.moments.iter().rev();
    let up = up.clone().find(|m| m.kind == MomentKind::ServiceUp);
    let shown = up.expect("it is up again").at.as_secs_f64() / 60.0 - 60.0;
    assert!((shown - after).abs() < 12.0, "{shown} min, counted {after}");
}

/// The same with a service that writes the log, or sessions, and has no cache.
fn written(fault: &str, keys: Keys, holds: Option<Holds>) -> TrialResult {
    let mut spec = world(fault, &store(60, 0), "");
    let need = &mut spec.services[0].needs[0];
    (need.misses, need.fallback, need.access, need.keys) = (None, None, Access::Write, Some(keys));
    let log = spec.workloads.iter_mut().find(|of| of.name == "log");
    log.expect("it is there").holds = holds;
    spec.redis.persistence = None;
    unaided(spec)
}

#[test]
fn what_was_captured_is_lost_with_all_data() {
    let hour = 20.0 * 3600.0;
    let lost = |fault, keys| written(fault, keys, None).outcome.acked_lost as f64 / hour;
    // Each acceptance writes to all shards, or to one: the fullest has 40 % of them.
    for (fault, keys, share) in [
        (FLUSH, Keys::All, 1.0),
        (FLUSH, Keys::One, 1.0),
        (CRASH, Keys::All, 1.0),
        (CRASH, Keys::One, 0.4),
    ] {
        let lost = lost(fault, keys);
        assert!((lost - share).abs() < 0.03, "{fault} {keys:?}: {lost}");
    }
}

#[test]
fn a_node_that_starts_empty_has_room_again() {
    // One shard is full from the start, and killed after an hour. If it starts without data, it
    // takes half an hour to fill again.
    let down = |fault: &str, empty: bool| {
        let mut spec = world(fault, &store(60, 0), "");
        let need = &mut spec.services[0].needs[0];
        (need.misses, need.fallback, need.access) = (None, None, Access::Write);
        spec.failover = part("kind = 'none'");
        (spec.redis.shards, spec.redis.fullest_shard) = (1, "100%".parse().expect("a share"));
        spec.redis.maxmemory = Some("5%".parse().expect("a share"));
        if empty {
            spec.redis.persistence = None;
        }
        unaided(spec).outcome.downtime_true_s
    };
    let (full, emptied) = (down(CRASH, false), down(CRASH, true));
    assert_eq!(full, 6.0 * 3600.0);
    assert!((1800.0..2100.0).contains(&(full - emptied)), "{emptied} s");
    // Half of the log that it holds after five minutes, a quarter of all that was written since, is
    // deleted: that makes room for as much, and no more.
    let half = FLUSH.replace("100%", "50%").replace("1h", "65min");
    let deleted = down(&format!("{CRASH}, {half}"), true);
    let longer = emptied - deleted;
    assert!((60.0..90.0).contains(&longer), "{longer} s");
}

#[test]
fn users_whose_sessions_are_lost_are_signed_out_once() {
    let half = FLUSH.replace("100%", "50%");
    let twice = format!("{half}, {}", half.replace("1h", "2h"));
    let out = |fault: &str| {
        let outcome = written(fault, Keys::All, Some(Holds::Sessions)).outcome;
        assert_eq!((outcome.acked_lost, outcome.evicted_keys), (0, 0));
        outcome.signed_out as f64
    };
    let all = out(FLUSH);
    assert!(all > 1000.0, "{all}");
    for (fault, share) in [(half, 0.5), (twice, 0.75), (CRASH.to_owned(), 0.4)] {
        let part = out(&fault) / all;
        assert!((part - share).abs() < 0.02, "{fault}: {part}");
    }
}

#[test]
fn a_restart_without_data_recovers_later_than_one_with() {
    let with_data = alone(CRASH, &store(4, 20), "");
    let mut empty = world(CRASH, &store(4, 20), "");
    empty.redis.persistence = None;
    let empty = unaided(empty);
    let (one, other) = (ends(&with_data), ends(&empty));
    assert!(one < 3.0, "{one} min");
    // Only the fullest of the shards is lost: 40 % of the keys, so that 46 % of the requests miss.
    assert!(other > one + 2.0, "{other} min");
    let starts = |result: &TrialResult| result.trace.iter().any(|l| l.1.contains("starts empty"));
    assert!(starts(&empty) && !starts(&with_data));
}

#[test]
fn an_outage_that_outlives_the_entries_leaves_a_cold_cache() {
    let hang = r#"{ kind = "hang", workload = "log", lasts = "1h",
        at = { kind = "constant", value = "1h" } }"#;
    let with = |lifetime: &str| {
        let mut spec = world(hang, &store(8, 20), "");
        let misses = spec.services[0].needs[0].misses.as_mut();
        let lifetime: toml::Table = format!("value = \"{lifetime}\"").parse().expect("TOML");
        misses.expect("it misses").lifetime =
            Some(lifetime["value"].clone().try_into().expect("a duration"));
        ends(&unaided(spec)) - 60.0
    };
    // All entries have expired after an hour, or 1 in 24.
    let (short, long) = (with("30min"), with("1d"));
    assert!(long < 2.0, "{long} min after the hang");
    assert!(short > 8.0, "{short} min after the hang");
}

#[test]
fn own_work_of_the_store_leaves_less_room() {
    let busy = |share: &str| {
        let keys = "workers = 12, takes = \"1s\", queue_limit = 0";
        alone(
            FLUSH,
            &format!("fallback = {{ {keys}, busy = \"{share}\" }}"),
            "",
        )
    };
    let (idle, half) = (busy("0%").outcome, busy("50%").outcome);
    assert!(half.failed_attempts > 2 * idle.failed_attempts);
}

/// A store of 8 workers with a queue that outlasts the gateway's patience.
const DB: &str = r#"store = [{ name = "db", workers = 8, takes = "1s", queue_limit = 1000 }]"#;

#[test]
fn an_overload_of_the_store_lasts_until_somebody_helps() {
    // Enough workers that requests queue at the store, for longer than the gateway waits.
    let many = || {
        let mut spec = world(FLUSH, r#"fallback = { store = "db" }"#, DB);
        (spec.services[0].workers, spec.services[0].queue_limit) = (3000, 0);
        spec
    };
    let stuck = unaided(many());
    let lost = stuck.outcome.abandoned;
    assert!(lost > 200_000, "{lost} of 360,000 after the flush");
    // Redis answers all the time, and most requests fail for hours: that is downtime.
    let down = stuck.outcome.downtime_true_s;
    assert!(down > 4.0 * 3600.0, "{down} s");
    let with = |step: &str| {
        let mut spec = many();
        let step = format!(
            "action = {{ {step} }}\ntakes = {{ kind = 'constant', value = '5min' }}
            when = ['overloaded']"
        );
        spec.people.runbook = vec![toml::from_str(&step).expect("a step")];
        assert_eq!(spec.problems(), []);
        both_ways(&spec, 3).outcome.abandoned
    };
    let scaled = with("kind = 'scale-store', store = 'db', factor = '4x'");
    assert!(scaled < lost / 3, "{scaled} of {lost}");
    // Shedding stays on in a runbook, so it refuses requests to the end; but the others are served.
    let shed = with("kind = 'shed-load', service = 'api', share = '70%'");
    assert!(shed < lost * 9 / 10, "{shed} of {lost}");
    // Servers are not what is short.
    let servers = with("kind = 'scale-servers', service = 'api', factor = '2x'");
    assert!(servers > lost * 9 / 10, "{servers} of {lost}");
}

#[test]
fn check_says_what_a_store_cannot_carry() {
    let spec = world(FLUSH, r#"fallback = { store = "db" }"#, DB);
    let doubts = spec.doubts().join("\n");
    let expected = "api may send 20 requests a second to the store db (8 workers × (1 - 0 % busy) \
                    / 1s), which carries 8.0";
    assert!(doubts.contains(expected), "{doubts}");
    let mut spec = world(FLUSH, &store(60, 0), "");
    assert!(!spec.doubts().join("\n").contains("may send"));
    // 20 x 0.9 x 300 s / ln 2 keys are in use; the workload holds 24 times as many.
    let log = spec.workloads.iter_mut().find(|of| of.name == "log");
    log.expect("it is there").dataset = "2GiB".parse().expect("a size");
    let doubts = spec.doubts().join("\n");
    let expected = "stands for 7791 keys in use, and the workload holds";
    assert!(doubts.contains(expected), "{doubts}");
    let mut shared = world(FLUSH, r#"fallback = { store = "db" }"#, DB);
    let mut other = shared.services[0].clone();
    other.name = "web".to_owned();
    shared.services.push(other);
    let doubts = shared.doubts().join("\n");
    assert!(
        doubts.contains("the store db is shared by api, web"),
        "{doubts}"
    );
    let unused = world(FLUSH, &store(60, 0), DB);
    let doubts = unused.doubts().join("\n");
    assert!(doubts.contains("nothing uses the store db"), "{doubts}");
    let mut wiped = unused.clone();
    (wiped.redis.persistence, wiped.redis.replicas) = (None, 1);
    let doubts = wiped.doubts().join("\n");
    let expected = "back after 10s (redis.restart_delay), empty, about as soon";
    assert!(doubts.contains(expected), "{doubts}");
    wiped.failover = part("kind = 'none'");
    let doubts = wiped.doubts().join("\n");
    assert!(doubts.contains("nobody promotes a replica"), "{doubts}");
    wiped.failover =
        part("kind = 'managed'\ntakes = { kind = 'constant', value = '12s' }\ndns_ttl = '0s'");
    let doubts = wiped.doubts().join("\n");
    assert!(doubts.contains("its mean = 12s"), "{doubts}");
    let spec = world(FLUSH, &store(1, 0), "");
    let doubts = spec.doubts().join("\n");
    assert!(
        doubts.contains("2.0 requests a second of api miss the warm cache"),
        "{doubts}"
    );
}

#[test]
fn a_replica_that_is_promoted_brings_back_what_an_empty_primary_lost() {
    let story = |restart: &str| {
        format!(
            r#"
            horizon = "6min"
            health_check = []
            signers.visits = "50/s"
            redis.fullest_shard = "100%"
            redis.replicas = 2
            redis.shards = 1
            redis.hosts = 3
            redis.persistence.schedule.kind = "nothing"
            redis.restart_delay = "{restart}"
            failover = {{ kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
              failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
              latency = "250us", config_save = "3ms" }}
            [[fault]]
            kind = "crash"
            workload = "log"
            at = {{ kind = "constant", value = "4min" }}
            "#
        )
    };
    // Twelve thousand visits by then. No failover, one before the process is back, one after.
    let (mut all, mut before, mut after) = (0, 0, 0);
    for number in 1..=6 {
        for restart in ["2s", "5100ms", "5200ms", "5300ms", "5400ms", "8s"] {
            let result = both_ways(&story_world(&story(restart)), number);
            let lost = result.outcome.acked_lost;
            let first = |words| said(&result, words).first().copied();
            let times = [first("promoted"), first("starts empty")];
            let counts = match times {
                [None, Some(_)] => {
                    assert!(lost > 11_000, "{lost}");
                    &mut all
                }
                [Some(promoted), Some(back)] => {
                    // What was written to the former primary until clients switched.
                    assert!(lost < 1_000, "{lost}: {:?}", lines(&result));
                    if promoted < back {
                        &mut before
                    } else {
                        &mut after
                    }
                }
                _ => panic!("{:?}", lines(&result)),
            };
            *counts += 1;
        }
    }
    assert!(
        all >= 6 && before >= 6 && after > 0,
        "{all} none, {before} before, {after} after"
    );
}
