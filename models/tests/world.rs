//! Whole trials of a small world: laziness, common random numbers, and what must follow from what.

use crate::support::{lines, small_world, trial};
use models::Mode;

/// Worlds that differ in who fails over, which limit bites, and how workloads are laid out.
const VARIANTS: [&[(&str, &str)]; 7] = [
    &[],
    &[(
        "layout",
        r#"{ kind = "per-workload", budget = "equal-memory" }"#,
    )],
    &[("failover", r#"{ kind = "application" }"#)],
    &[
        ("failover", r#"{ kind = "none" }"#),
        ("redis.swap", "false"),
    ],
    &[("redis.swap", "false")],
    &[("redis.maxmemory", r#""70%""#)],
    &[
        ("redis.maxmemory", r#""80%""#),
        ("redis.maxmemory_policy", r#""volatile-lru""#),
    ],
];

const SAVES: &str = r#"{ schedule = { kind = "save-points", points = [
        { after = "5min", changes = 1 }, { after = "60s", changes = 10000 } ] },
    stop_writes_on_bgsave_error = true, overcommit = "always", oom_score_adj = false,
    transparent_huge_pages = false }"#;

const REWRITES: &str = r#"{ schedule = { kind = "append-only", rewrite_growth = "0.5x" },
    stop_writes_on_bgsave_error = true, overcommit = "always", oom_score_adj = false,
    transparent_huge_pages = true }"#;

const STRICT: &str = r#"{ schedule = { kind = "save-points", points = [
        { after = "2min", changes = 1 } ] },
    stop_writes_on_bgsave_error = true, overcommit = "strict", oom_score_adj = true,
    transparent_huge_pages = false }"#;

const PUBSUB: &str = r#"{ subscribers = 100, hard_limit = "32MiB", soft_limit = "8MiB",
    soft_time = "60s", maxmemory_clients = "8%", socket_buffers = "300kB" }"#;

#[test]
fn opening_everything_changes_nothing() {
    for changes in VARIANTS {
        let spec = small_world(changes);
        for number in 0..4 {
            let lazy = trial(&spec, number, Mode::Lazy);
            let eager = trial(&spec, number, Mode::Eager);
            assert_eq!(lazy.trace, eager.trace, "trial {number} of {changes:?}");
            assert_eq!(lazy, eager, "trial {number} of {changes:?}");
        }
    }
}

#[test]
fn the_same_trial_twice_is_the_same() {
    let spec = small_world(&[]);
    assert_eq!(trial(&spec, 3, Mode::Lazy), trial(&spec, 3, Mode::Lazy));
    assert_ne!(
        trial(&spec, 3, Mode::Lazy).outcome,
        trial(&spec, 4, Mode::Lazy).outcome
    );
}

#[test]
fn every_design_meets_the_same_environment() {
    let draws = |changes: &[(&str, &str)]| trial(&small_world(changes), 17, Mode::Lazy).draws;
    let baseline = draws(&[]);
    assert!(
        baseline.len() >= 2,
        "a fault and the people are on record: {baseline:?}"
    );
    for changes in VARIANTS {
        assert_eq!(draws(changes), baseline, "{changes:?}");
    }
    assert_eq!(draws(&[("health_check", "[]")]), baseline);
}

#[test]
fn a_world_in_which_nothing_happens_loses_nothing() {
    for changes in [[("fault", "[]")], [("fault", FAR_FAULT)]] {
        let result = trial(&small_world(&changes), 1, Mode::Lazy);
        let outcome = &result.outcome;
        assert_eq!(outcome.downtime_true_s, 0.0);
        assert_eq!(outcome.lost, 0);
        assert_eq!(outcome.failed_attempts, 0);
        assert_eq!(outcome.visits, outcome.captured_first_try);
        assert_eq!((outcome.detect_s, outcome.recover_s), (None, None));
        assert_eq!(outcome.failovers, 0);
    }
}

/// A crash that lies beyond the horizon.
const FAR_FAULT: &str =
    r#"[{ kind = "crash", workload = "log", at = { kind = "constant", value = "5h" } }]"#;

#[test]
fn the_cascade_emerges_from_the_numbers() {
    let spec = small_world(&[("health_check", "[]")]);
    for number in 0..10 {
        let result = trial(&spec, number, Mode::Lazy);
        assert_eq!(
            result.outcome.failovers, 2,
            "trial {number}: both replicas are tried"
        );
        assert_eq!(
            result.outcome.useless_failovers, 2,
            "trial {number}: neither helps"
        );
    }
}

#[test]
fn more_memory_never_fails_sooner() {
    for number in 0..10 {
        let first_failure = |memory: &str| {
            let result = trial(
                &small_world(&[("redis.node_memory", memory)]),
                number,
                Mode::Lazy,
            );
            result
                .trace
                .iter()
                .find(|(_, line)| line.contains("stalled"))
                .map(|(at, _)| *at)
        };
        let small = first_failure(r#""1GiB""#).expect("the small node fills");
        assert!(first_failure(r#""1100MiB""#).is_none_or(|larger| larger >= small));
    }
}

#[test]
fn without_swap_the_kernel_kills_and_the_restart_meets_the_same_limit() {
    let alone = [
        ("redis.swap", "false"),
        ("redis.replicas", "0"),
        ("health_check", "[]"),
    ];
    let result = trial(&small_world(&alone), 2, Mode::Lazy);
    let told = lines(&result);
    let killed: Vec<usize> = (0..told.len())
        .filter(|i| told[*i].ends_with("shard 1 node a: killed"))
        .collect();
    assert!(killed.len() >= 2, "a crash loop: {told:?}");
    assert!(
        told[killed[0]..killed[1]]
            .iter()
            .any(|line| line.ends_with("loading"))
    );
}

#[test]
fn at_maxmemory_writes_are_refused_and_redis_fails_nothing_over() {
    let spec = small_world(&[("redis.maxmemory", r#""70%""#), ("health_check", "[]")]);
    let result = trial(&spec, 2, Mode::Lazy);
    assert!(
        lines(&result)
            .iter()
            .any(|line| line.contains("refuses writes (-OOM)"))
    );
    assert!(result.outcome.downtime_true_s > 0.0);
    assert_eq!(
        result.outcome.failovers, 0,
        "the bus has nothing to object to"
    );
    let oom = demand::answer::Cause::Oom;
    assert_eq!(
        result.outcome.failed[oom as usize],
        result.outcome.failed_attempts
    );
    assert!(result.outcome.failed_attempts > 0);
}

#[test]
fn three_failures_in_a_row_take_two_and_a_half_intervals_and_a_timeout() {
    // A hang at a given instant, a canary at a random phase: the first probe that fails comes after
    // U(0, 10 s), two more at 10 s each, and the last one waits 1 s for its timeout.
    let hang = r#"[{ kind = "hang", workload = "log", lasts = "30min",
        at = { kind = "constant", value = "1h" } }]"#;
    let spec = small_world(&[("fault", hang), ("failover", r#"{ kind = "none" }"#)]);
    let trials = 400;
    let mut sum = 0.0;
    for number in 0..trials {
        sum += trial(&spec, number, Mode::Lazy)
            .outcome
            .detect_s
            .expect("the canary sees it");
    }
    let mean = sum / trials as f64;
    let four_sigma = 4.0 * (10.0 / 12f64.sqrt()) / (trials as f64).sqrt();
    assert!((mean - 26.0).abs() < four_sigma, "mean {mean}");
}

/// Faults of memory on top of what fills up: a full disk, and subscribers that come back.
const MEMORY_FAULTS: &str = r#"[
    { kind = "growth-burst", starts = { kind = "constant", value = "5min" },
        reference = "1700MiB", fills_in = { kind = "constant", value = "45min" },
        ends_at = "1.4x", value_size = "10KiB",
        workloads = [{ workload = "log", weight = "1x" }, { workload = "cache", weight = "1x" }] },
    { kind = "disk-full", workload = "log", lasts = "3min",
        at = { kind = "uniform", min = "10min", max = "50min" } },
    { kind = "slow-subscriber", workload = "cache", lasts = "20min", subscribers = 2,
        messages = "50/s", message_size = "10kB", reconnects_after = "5s",
        at = { kind = "uniform", min = "10min", max = "50min" } }]"#;

#[test]
fn opening_everything_changes_nothing_about_saves_and_subscribers() {
    // Saves that take long and copy much, with every kind of host.
    let worlds = [
        ("true", "5000/s", STRICT),
        ("true", "2000/s", REWRITES),
        ("false", "2000/s", SAVES),
        ("false", "870000/s", SAVES),
    ];
    let mut told = Vec::new();
    for (swap, sync, saves) in worlds {
        let sync = format!("\"{sync}\"");
        let spec = small_world(&[
            ("horizon", r#""55min""#),
            ("redis.swap", swap),
            ("redis.maxmemory", r#""85%""#),
            ("redis.sync.save_keys", &sync),
            ("redis.persistence", saves),
            ("redis.pubsub", PUBSUB),
            ("fault", MEMORY_FAULTS),
        ]);
        for number in 0..2 {
            let lazy = trial(&spec, number, Mode::Lazy);
            let eager = trial(&spec, number, Mode::Eager);
            let of = format!("trial {number}: {swap} {sync} {saves}");
            assert_eq!(lazy.trace, eager.trace, "{of}");
            assert_eq!(lazy, eager, "{of}");
            told.extend(lines(&lazy).into_iter().map(str::to_owned));
        }
    }
    for point in [
        "the disk is full",
        "no memory for a fork",
        "reach the limit",
        "are disconnected",
        "(-MISCONF)",
        "(-OOM)",
    ] {
        assert!(told.iter().any(|line| line.contains(point)), "{point}");
    }
}

#[test]
fn a_disk_that_fills_while_a_child_writes_fails_that_save_in_both_ways() {
    // A save takes 17 s of every 146 s, so some faults find one that nobody was woken for.
    let fault = r#"[{ kind = "disk-full", workload = "log", lasts = "5min",
        at = { kind = "uniform", min = "5min", max = "10min" } }]"#;
    let spec = small_world(&[
        ("horizon", r#""15min""#),
        ("health_check", "[]"),
        ("redis.node_memory", r#""2GiB""#),
        ("redis.sync.save_keys", r#""2000/s""#),
        ("redis.persistence", SAVES),
        ("fault", fault),
    ]);
    for number in 0..40 {
        let lazy = trial(&spec, number, Mode::Lazy);
        assert!(
            lines(&lazy)
                .iter()
                .any(|line| line.contains("its save failed"))
        );
        assert_eq!(lazy, trial(&spec, number, Mode::Eager), "trial {number}");
    }
}

#[test]
fn a_promotion_that_a_later_fault_ends_was_not_useless() {
    let crash = |at: &str| {
        let at = format!("{{ kind = \"constant\", value = \"{at}\" }}");
        format!("{{ kind = \"crash\", workload = \"log\", at = {at} }}")
    };
    let twice = format!("[{}, {}]", crash("20min"), crash("80min"));
    let spec = small_world(&[
        ("horizon", "\"2h\""),
        ("health_check", "[]"),
        ("redis.node_memory", "\"8GiB\""),
        ("redis.restart_delay", "\"1min\""),
        ("fault", &twice),
    ]);
    let outcome = trial(&spec, 1, Mode::Lazy).outcome;
    assert_eq!((outcome.failovers, outcome.useless_failovers), (2, 0));
}
