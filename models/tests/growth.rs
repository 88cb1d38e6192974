//! Keys that expire, and rates of new keys that vary.

use crate::support::{ONE_NODE, layered_world, trial};
use models::{Mode, TrialResult, WorldSpec};
use sim::{SimDuration, SimTime};

/// One node of 4 GiB with a limit of 3 GiB, a log that stands still, and sessions of half an hour.
const SESSIONS: &str = r#"
    horizon = "12h"
    redis = { maxmemory = "75%", swap = false }
    fault = []
    alert = []

    [[workload]]
    name = "log"
    dataset = "600MiB"
    new_keys = "0/s"
    key_length = "24B"
    value_size = "10KiB"
    value_size_shape = "2x"
    expires = false
    commands = "3000/s"
    writes = "30%"
    write_size = "1KiB"

    [[workload]]
    name = "cache"
    dataset = "1GiB"
    new_keys = "50/s"
    lifetime = "30min"
    key_length = "24B"
    value_size = "10KiB"
    value_size_shape = "2x"
    expires = true
    commands = "3000/s"
    writes = "10%"
    write_size = "1KiB"
    "#;

/// Seconds that a session lives.
const LIFE: f64 = 1_800.0;

/// Bytes of a session in memory.
fn each() -> f64 {
    let sessions = &sessions(1.0, "").workloads[1];
    sessions.bytes_per_key(sessions.value_size, false) as f64
}

fn sessions(rate: f64, story: &str) -> WorldSpec {
    let mut spec = layered_world(&[ONE_NODE, SESSIONS, story]);
    spec.workloads[1].new_keys = format!("{rate}/s").parse().expect("a rate");
    spec.people.runbook.clear();
    spec.signers.visits = "0.05/s".parse().expect("a rate");
    spec
}

/// Seconds at which the only node begins to refuse writes.
fn full_at(spec: &WorldSpec, seed: u64) -> Option<f64> {
    let result = trial(spec, seed, Mode::Lazy);
    let mut trace = result.trace.iter();
    let full = trace.find(|(_, line)| line.contains("refuses writes (-OOM)"));
    full.map(|(at, _)| at.as_secs_f64())
}

/// Bytes of sessions for which a node of 4 GiB with a limit of 75 % has room beside the log.
fn room(spec: &WorldSpec) -> f64 {
    // The node is told its size; what lies on it beside keys is known from where it fills without
    // any lifetime.
    let mut grows = spec.clone();
    grows.workloads[1].lifetime = None;
    let at = full_at(&grows, 1).expect("it fills");
    grows.workloads[1].dataset.as_f64() + grows.workloads[1].new_keys.get() * at * each()
}

/// The share of the time from `from` on in which the node refuses writes.
fn refused(result: &TrialResult, from: SimTime, end: SimTime) -> f64 {
    let (mut since, mut refused) = (None, SimDuration::ZERO);
    let lines = result.trace.iter().map(|(at, line)| (*at, line.as_str()));
    for (at, line) in lines.chain([(end, "node a: runs")]) {
        if line.contains("refuses writes (-OOM)") {
            since = Some(at);
        } else if line.ends_with("node a: runs") {
            let since = since.take().map(|since: SimTime| since.max(from));
            let lasts = since.map(|since| at.min(end).saturating_since(since));
            refused += lasts.unwrap_or_default();
        }
    }
    refused.as_secs_f64() / (end - from).as_secs_f64()
}

#[test]
fn keys_that_expire_settle_at_rate_times_lifetime() {
    // 50 a second for half an hour are 0.9 GiB; without a lifetime 50 a second fill it in an hour.
    let steady = sessions(50.0, "");
    assert_eq!(full_at(&steady, 1), None);
    let room = room(&steady);
    let (fits, too_many) = (0.98 * room / each() / LIFE, 1.02 * room / each() / LIFE);
    assert_eq!(full_at(&sessions(fits, ""), 1), None, "{fits} a second fit");
    let at = full_at(&sessions(too_many, ""), 1).expect("that is too much");
    // From 1 GiB it takes nearly the whole first lifetime: all of the start have gone by then.
    let held = 1024.0 * 1024.0 * 1024.0;
    let expected = (room - held) / (too_many * each() - held / LIFE);
    assert!(
        (at / expected - 1.0).abs() < 0.01,
        "{at} s, expected {expected}"
    );
}

#[test]
fn twice_as_many_sessions_take_twice_the_memory_a_lifetime_after_the_step() {
    let mut spec = sessions(80.0, "");
    let step = "step = [{ at = { kind = 'constant', value = '2h' }, factor = '2x' }]";
    spec.workloads[1].growth = Some(crate::support::part(step));
    let room = room(&sessions(80.0, ""));
    // At 80 a second 1.57 GB; after the step 80 more come each second than go.
    let steady = 80.0 * LIFE * each();
    assert!(steady < room && room < 2.0 * steady, "{room}");
    let expected = 7_200.0 + (room - steady) / (80.0 * each());
    let at = full_at(&spec, 1).expect("it fills");
    assert!(
        (at / expected - 1.0).abs() < 0.01,
        "{at} s, expected {expected}"
    );
}

#[test]
fn a_full_node_refuses_what_comes_beyond_what_expires() {
    let room = room(&sessions(50.0, ""));
    for beyond in [1.05, 1.5, 3.0] {
        let spec = sessions(beyond * room / each() / LIFE, "");
        let result = trial(&spec, 1, Mode::Lazy);
        let [from, end] = [2, 12].map(|hours| SimTime::ZERO + SimDuration::from_hours(hours));
        let (share, expected) = (refused(&result, from, end), 1.0 - 1.0 / beyond);
        assert!(
            (share - expected).abs() < 0.02,
            "{share} of the time, expected {expected}"
        );
    }
}

#[test]
fn flushed_sessions_come_back_within_two_lifetimes() {
    let room = room(&sessions(50.0, ""));
    let flush = r#"
        [[fault]]
        kind = "flush"
        workload = "cache"
        share = "100%"
        at = { kind = "constant", value = "2h" }
        "#;
    let spec = sessions(1.3 * room / each() / LIFE, flush);
    let result = trial(&spec, 1, Mode::Lazy);
    let hours = |hours| SimTime::ZERO + SimDuration::from_hours(hours);
    let minutes = |minutes: u64| SimTime::ZERO + SimDuration::from_secs(60 * minutes);
    assert!(refused(&result, hours(1), hours(2)) > 0.1);
    assert_eq!(
        refused(&result, minutes(121), minutes(135)),
        0.0,
        "there is room"
    );
    let again = refused(&result, hours(4), hours(6));
    assert!((again - (1.0 - 1.0 / 1.3)).abs() < 0.03, "{again}");
    assert!(result.outcome.stored_lost > 0);
}

#[test]
fn rates_follow_the_day_drift_and_stay_within_their_band() {
    // New keys that stay: when a node is full is the inverse of the integral of the rate.
    let mut spec = sessions(50.0, "");
    spec.workloads[1].lifetime = None;
    let room = room(&spec) - spec.workloads[1].dataset.as_f64();
    let with = |growth: &str| {
        let mut spec = spec.clone();
        spec.horizon = SimDuration::from_days(3);
        spec.workloads[1].growth = Some(crate::support::part(growth));
        spec
    };
    // Nothing in the first twelve hours of each day: the trial starts on a Monday at midnight.
    let hours: Vec<&str> = (0..24)
        .map(|hour| if hour < 12 { "'0.001x'" } else { "'1x'" })
        .collect();
    let day = with(&format!("hourly = [{}]", hours.join(", ")));
    let at = full_at(&day, 1).expect("it fills");
    let expected = 43_200.0 + room / 50.0 / each();
    assert!(
        (at / expected - 1.0).abs() < 0.01,
        "{at} s, expected {expected}"
    );
    let days = "weekly = ['0.001x', '0.5x', '1x', '1x', '1x', '1x', '1x']";
    let at = full_at(&with(days), 1).expect("it fills");
    let expected = 86_400.0 + room / 25.0 / each();
    assert!(
        (at / expected - 1.0).abs() < 0.01,
        "{at} s, expected {expected}"
    );
    // 90 of 100 trials within the band.
    let band = with("band = '2x'");
    let times: Vec<f64> = (1..=200).filter_map(|seed| full_at(&band, seed)).collect();
    let usual = room / 50.0 / each();
    let within = times
        .iter()
        .filter(|at| (usual / 2.0..=usual * 2.0).contains(*at))
        .count();
    assert!((170..=190).contains(&within), "{within} of 200");
}

/// A back-test on ninety days: 200 histories are written day by day, by nothing of the model. Where
/// its trials say that 8 of 10 nodes are full, 8 of 10 histories are.
#[test]
fn ninety_days_end_where_day_by_day_sums_do() {
    const DAYS: usize = 90;
    const STEP: (usize, f64) = (30, 1.3);
    let mut spec = sessions(50.0, "");
    spec.workloads[1].lifetime = None;
    let room = (room(&spec) - spec.workloads[1].dataset.as_f64()) / each();
    // At the stated rate, without drift and step, it is full after sixty days.
    let rate = room / 60.0 / 86_400.0;
    spec.horizon = SimDuration::from_days(DAYS as u64);
    spec.workloads[1].new_keys = format!("{rate}/s").parse().expect("a rate");
    let growth = "weekly = ['1.2x', '1.2x', '1.2x', '1.2x', '1.2x', '0.5x', '0.5x']
        monthly = '1.1x'
        band = '1.4x'
        step = [{ at = { kind = 'constant', value = '30d' }, factor = '1.3x' }]";
    spec.workloads[1].growth = Some(crate::support::part(growth));
    let day_of = |seed| full_at(&spec, seed).map_or(f64::INFINITY, |at| at / 86_400.0);
    let mut said: Vec<f64> = (1..=200).map(day_of).collect();

    let mut rng = sim::Streams::for_trial(90, 0).stream(sim::Purpose(90), 0);
    let mut written = || {
        // Nine of ten within the band: 1.645 deviations either way.
        let own = (1.4_f64.ln() / 1.645 * sim::dist::standard_normal(&mut rng)).exp();
        let mut left = room;
        for day in 0..DAYS {
            let week = if day % 7 < 5 { 1.2 } else { 0.5 };
            let step = if day < STEP.0 { 1.0 } else { STEP.1 };
            let drift = 1.1_f64.powf((day as f64 + 0.5) / 30.0);
            let mean = rate * 86_400.0 * own * week * step * drift;
            let keys = mean + mean.sqrt() * sim::dist::standard_normal(&mut rng);
            if keys >= left {
                return day as f64 + left / keys;
            }
            left -= keys;
        }
        f64::INFINITY
    };
    let mut seen: Vec<f64> = (0..200).map(|_| written()).collect();
    said.sort_by(f64::total_cmp);
    seen.sort_by(f64::total_cmp);
    let (low, high) = (said[20], said[180]);
    let within = seen
        .iter()
        .filter(|day| (low..=high).contains(*day))
        .count();
    assert!(
        (144..=176).contains(&within),
        "{within} of 200 within {low} to {high} d"
    );
    let medians = [said[100], seen[100]];
    assert!((medians[0] / medians[1] - 1.0).abs() < 0.06, "{medians:?}");
}

#[test]
fn a_cache_that_evicts_keeps_what_fits_and_refuses_nothing() {
    let room = room(&sessions(50.0, ""));
    let rate = 2.0 * room / each() / LIFE;
    let mut spec = sessions(rate, "redis = { maxmemory_policy = 'volatile-ttl' }");
    spec.workloads[1].holds = Some(models::spec::redis::Holds::Cache);
    let result = trial(&spec, 1, Mode::Lazy);
    assert_eq!(
        refused(&result, SimTime::ZERO, SimTime::ZERO + spec.horizon),
        0.0
    );
    let hits = result.outcome.cache_hit_rate.expect("a cache");
    assert!((hits - 0.5).abs() < 0.02, "{hits}");
    // What is missing would have lasted for half a lifetime on average: twice as much goes in each.
    let missing = room / each();
    let expected = 2.0 * missing * spec.horizon.as_secs_f64() / LIFE;
    let evicted = result.outcome.evicted_keys as f64;
    assert!(
        (evicted / expected - 1.0).abs() < 0.15,
        "{evicted} of {expected}"
    );
}
