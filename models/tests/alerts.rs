//! Alert rules against times worked out by hand, and how pages get lost and people get tired.

use crate::support::{small_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult, streams};
use sim::{Dist, SimDuration, SimTime, Streams};

const TRIAL: u64 = 5;

/// A rule of this metric, scraped every minute.
fn rule(metric: &str, hold: &str, more: &str) -> String {
    format!(
        "[{{ name = \"rule\", metric = {metric}, scrape = \"60s\", hold = \"{hold}\", missed = \
         \"0%\", names_cause = true{more} }}]"
    )
}

/// Nobody else acts; the primary of the fullest shard hangs from 10:00 to 40:00.
const WORLD: [(&str, &str); 3] = [
    ("health_check", "[]"),
    ("failover", r#"{ kind = "none" }"#),
    (
        "fault",
        r#"[{ kind = "hang", workload = "log", lasts = "30min",
            at = { kind = "constant", value = "10min" } }]"#,
    ),
];

fn run(changes: &[(&str, &str)], rules: &str) -> TrialResult {
    let mut all = WORLD.to_vec();
    all.extend(changes);
    all.push(("alert", rules));
    // People who only watch, slow to notice by themselves.
    let slow = r#"{ kind = "constant", value = "3h" }"#;
    let quick = r#"{ kind = "constant", value = "1min" }"#;
    all.extend([
        ("people.runbook", "[]"),
        ("people.notice", slow),
        ("people.notice_unalerted", slow),
        ("people.acknowledge", quick),
        ("people.look", r#"{ kind = "constant", value = "5min" }"#),
    ]);
    let spec = small_world(&all);
    let lazy = trial(&spec, TRIAL, Mode::Lazy);
    assert_eq!(lazy, trial(&spec, TRIAL, Mode::Eager));
    lazy
}

fn times(result: &TrialResult, what: MomentKind) -> Vec<SimTime> {
    let found = result.moments.iter().filter(|m| m.kind == what);
    found.map(|m| m.at).collect()
}

fn second(s: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(s)
}

/// The first place of the rule's grid at or after `at`.
fn scrape_from(at: SimTime) -> SimTime {
    let minute = SimDuration::from_secs(60);
    let phase = Dist::Uniform {
        min: SimDuration::ZERO,
        max: minute,
    };
    let entity = streams::entity("rule");
    let mut rng = Streams::for_trial(7, TRIAL).stream(streams::SCRAPE_PHASE, entity);
    let mut place = SimTime::ZERO + phase.sample(&mut rng);
    while place < at {
        place += minute;
    }
    place
}

#[test]
fn a_node_that_is_down_for_long_enough_pages() {
    let down = r#"{ kind = "node-down" }"#;
    let result = run(&[], &rule(down, "2min", ""));
    let seen = scrape_from(second(600));
    let expected = seen + SimDuration::from_mins(2);
    assert_eq!(times(&result, MomentKind::AlertFires), [expected]);
    assert_eq!(times(&result, MomentKind::Paged), [expected]);
    let acknowledged = times(&result, MomentKind::Acknowledged);
    assert_eq!(acknowledged, [expected + SimDuration::from_mins(1)]);
    let result = run(&[], &rule(down, "31min", ""));
    assert_eq!(
        times(&result, MomentKind::AlertFires),
        [],
        "it is back by then"
    );
}

#[test]
fn a_shard_without_a_primary_pages_at_the_next_scrape() {
    let result = run(&[], &rule(r#"{ kind = "no-primary" }"#, "0s", ""));
    assert_eq!(
        times(&result, MomentKind::AlertFires),
        [scrape_from(second(600))]
    );
    let promoted = [("failover", r#"{ kind = "application" }"#)];
    let result = run(&promoted, &rule(r#"{ kind = "no-primary" }"#, "0s", ""));
    assert_eq!(
        times(&result, MomentKind::AlertFires).len(),
        1,
        "nobody promotes"
    );
}

#[test]
fn errors_count_by_their_share_in_the_window() {
    // From 10:00 on everything fails: 20 % of five minutes after one.
    let metric = r#"{ kind = "errors", service = "api", threshold = "20%", window = "5min" }"#;
    let result = run(&[], &rule(metric, "0s", ""));
    assert_eq!(
        times(&result, MomentKind::AlertFires),
        [scrape_from(second(660))]
    );
    let cause = result.moments.iter().find(|m| m.kind == MomentKind::Paged);
    assert_eq!(cause.unwrap().subject, "rule");
}

#[test]
fn a_budget_burns_over_both_windows() {
    // 1 % of budget ten times as fast: a tenth of an hour, 6 min; of the short window long before.
    let metric = r#"{ kind = "burn-rate", service = "api", objective = "99%", factor = "10x",
        long = "1h", short = "5min" }"#;
    let metric = metric.replace('\n', " ");
    let result = run(&[], &rule(&metric, "0s", ""));
    assert_eq!(
        times(&result, MomentKind::AlertFires),
        [scrape_from(second(960))]
    );
    // Over by 40:00, it has left the short window at 45:00, and the rule is quiet though the hour
    // is as bad as ever.
    let quiet = |span: &&models::outcome::Span| span.state == "quiet";
    let row = result.timeline.rows.iter().find(|row| row.label == "rule");
    let span = row.unwrap().spans.iter().find(quiet).expect("it ends");
    // A tenth of five minutes is left until 44:30.
    let ends = scrape_from(second(40 * 60 + 270) + SimDuration::from_nanos(1));
    assert_eq!(span.from, ends);
}

#[test]
fn memory_counts_from_its_crossing_on() {
    let fires = |threshold: &str, hold: &str| {
        let metric = format!("{{ kind = \"memory\", threshold = \"{threshold}\" }}");
        let result = run(&[BURST], &rule(&metric, hold, ""));
        times(&result, MomentKind::AlertFires)[0]
    };
    // 1700 MiB in 2 h and two keys of 10 KiB a second, 40 % of it on the fullest shard, of 914 MiB:
    // 20 % of the limit in 183 / (5.67 + 0.47) min.
    let (at_60, at_80) = (fires("60%", "0s"), fires("80%", "0s"));
    let minutes = (at_80 - at_60).as_secs_f64() / 60.0;
    assert!((minutes - 29.8).abs() < 1.0, "{minutes}");
    assert_eq!(fires("60%", "10min"), at_60 + SimDuration::from_mins(10));
}

const BURST: (&str, &str) = (
    "fault",
    r#"[{ kind = "growth-burst", starts = { kind = "constant", value = "10min" },
        reference = "1700MiB", fills_in = { kind = "constant", value = "2h" }, ends_at = "1.4x",
        value_size = "10KiB", workloads = [{ workload = "log", weight = "1x" }] }]"#,
);

#[test]
fn the_forecast_fires_as_long_before_the_limit_as_it_looks_ahead() {
    let full = r#"{ kind = "memory", threshold = "100%" }"#;
    let full = times(
        &run(&[BURST], &rule(full, "0s", "")),
        MomentKind::AlertFires,
    )[0];
    let ahead = |within: &str| {
        let metric =
            format!("{{ kind = \"memory-forecast\", window = \"10min\", within = \"{within}\" }}");
        let result = run(&[BURST], &rule(&metric, "0s", ""));
        let fires = times(&result, MomentKind::AlertFires)[0];
        (full - fires).as_secs_f64() / 60.0
    };
    for (within, minutes) in [("10min", 10.0), ("30min", 30.0)] {
        let found = ahead(within);
        assert!(
            (found - minutes).abs() < 0.1 * minutes,
            "{found} for {within}"
        );
    }
}

#[test]
fn a_rule_that_is_missed_or_blind_pages_nobody() {
    let down = r#"{ kind = "node-down" }"#;
    let missed = rule(down, "0s", "").replace("missed = \"0%\"", "missed = \"100%\"");
    let result = run(&[], &missed);
    assert_eq!(times(&result, MomentKind::AlertFires).len(), 1);
    assert_eq!(times(&result, MomentKind::Paged), []);
    let result = run(&[], &rule(down, "0s", ", blind = \"100%\""));
    assert_eq!(times(&result, MomentKind::AlertFires), []);
    // A gap from 5:00 to 25:00 hides the beginning only.
    let gap = ", blind_from = \"5min\", blind_for = \"20min\"";
    let result = run(&[], &rule(down, "0s", gap));
    assert_eq!(
        times(&result, MomentKind::AlertFires),
        [scrape_from(second(1500))]
    );
    // One from 11:30 on interrupts the two minutes.
    let gap = ", blind_from = \"690s\", blind_for = \"20min\"";
    let result = run(&[], &rule(down, "2min", gap));
    let expected = scrape_from(second(690 + 1200)) + SimDuration::from_mins(2);
    assert_eq!(times(&result, MomentKind::AlertFires), [expected]);
}

#[test]
fn a_false_alarm_costs_an_acknowledgement_and_a_look() {
    let often = ", false_alarms = \"12/d\"";
    let rules = rule(r#"{ kind = "no-primary" }"#, "0s", often);
    let quiet = [("fault", "[]"), ("horizon", r#""4h""#)];
    let result = run(&quiet, &rules);
    let (fires, paged) = (
        times(&result, MomentKind::AlertFires),
        times(&result, MomentKind::Paged),
    );
    assert!(!fires.is_empty(), "about two in four hours");
    assert_eq!(fires, paged);
    assert_eq!(result.outcome.downtime_true_s, 0.0);
    let minute = SimDuration::from_mins(1);
    assert_eq!(
        times(&result, MomentKind::Acknowledged)[0],
        fires[0] + minute
    );
    assert_eq!(
        times(&result, MomentKind::StoodDown)[0],
        fires[0] + minute * 6
    );
    // They come whatever the design.
    let other = [("fault", "[]"), ("redis.shards", "5")];
    assert_eq!(times(&run(&other, &rules), MomentKind::AlertFires), fires);
}

#[test]
fn false_alarms_of_the_last_day_make_people_slow() {
    let often = ", false_alarms = \"24/d\"";
    let rules = rule(r#"{ kind = "node-down" }"#, "0s", often);
    let late = HANG_LATE;
    let waits = |fatigue: &str| {
        let result = run(&[late, ("people.fatigue", fatigue)], &rules);
        let down = times(&result, MomentKind::ServiceDown)[0];
        let page = scrape_from(down);
        let false_before = times(&result, MomentKind::Paged)
            .iter()
            .filter(|at| **at < page)
            .count();
        let acknowledged = times(&result, MomentKind::Acknowledged);
        let at = acknowledged.into_iter().find(|at| *at > page).unwrap();
        ((at - page).as_secs_f64() / 60.0, false_before)
    };
    let (fresh, before) = waits(r#""1x""#);
    assert!(before >= 1, "{before} false alarms");
    assert_eq!(fresh, 1.0);
    let (tired, _) = waits(r#""2x""#);
    assert!(
        (tired - 2f64.powi(before as i32)).abs() < 1e-6,
        "{tired} after {before}"
    );
}

const HANG_LATE: (&str, &str) = (
    "fault",
    r#"[{ kind = "hang", workload = "log", lasts = "60min",
        at = { kind = "constant", value = "170min" } }]"#,
);
