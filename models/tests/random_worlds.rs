//! Whole worlds drawn from a seed: whatever their parts, some things always hold.
//!
//! Some kinds of fault, of checks and of limits are off entirely in some worlds and frequent in
//! others. A failure names the seed; `random_world(seed)` is that world.

mod support;

use models::moment::What;
use models::{Mode, WorldSpec};
use rand::RngExt as _;
use sim::{Purpose, Rng, Streams};
use support::{small_world, trial};

const WORLDS: u64 = 256;

#[test]
fn opening_everything_changes_no_random_world() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for seed in (first..WORLDS).step_by(threads as usize) {
                    check_world(seed);
                }
            });
        }
    });
}

fn check_world(seed: u64) {
    let spec = random_world(seed);
    let lazy = trial(&spec, seed, Mode::Lazy);
    lazy.outcome.assert_adds_up();
    let outcome = &lazy.outcome;
    let horizon_s = spec.horizon.as_secs_f64();
    assert!(outcome.downtime_true_s <= horizon_s, "world {seed}");
    assert!(
        outcome.useless_failovers <= outcome.failovers,
        "world {seed}"
    );
    assert!(outcome.false_failovers <= outcome.failovers, "world {seed}");
    assert!(outcome.lost <= outcome.blocked, "world {seed}");
    assert!(outcome.blocked <= outcome.visits, "world {seed}");
    let in_order = lazy.trace.windows(2).all(|pair| pair[0].0 <= pair[1].0);
    assert!(in_order, "world {seed}: time never runs back");
    let eager = trial(&spec, seed, Mode::Eager);
    assert_eq!(lazy.trace, eager.trace, "world {seed}");
    assert_eq!(lazy, eager, "world {seed}");
}

#[test]
fn random_worlds_are_worth_looking_at() {
    let results = (0..WORLDS).map(|seed| trial(&random_world(seed), seed, Mode::Lazy));
    let (mut down, mut promoted, mut useless, mut spooled, mut lost) = (0, 0, 0, 0, 0);
    let mut happened = [0; 2];
    for result in results {
        for (what, worlds) in [What::AlertFires, What::ActionDone]
            .iter()
            .zip(&mut happened)
        {
            *worlds += u64::from(result.moments.iter().any(|m| m.what == *what));
        }
        let outcome = result.outcome;
        down += u64::from(outcome.downtime_true_s > 0.0);
        promoted += u64::from(outcome.failovers > 0);
        useless += u64::from(outcome.useless_failovers > 0);
        spooled += u64::from(outcome.spooled > 0);
        lost += u64::from(outcome.lost > 0);
    }
    let seen = [down, promoted, useless, spooled, lost];
    assert!(
        seen.iter().all(|worlds| *worlds >= 10),
        "worlds with downtime, a promotion, a useless one, a spool in use, lost visits: {seen:?}"
    );
    assert!(
        happened.iter().all(|worlds| *worlds >= 40),
        "worlds with an alert that fired, an action that was done: {happened:?}"
    );
}

fn random_world(seed: u64) -> WorldSpec {
    let mut rng = Streams::for_trial(seed, 0).stream(Purpose(6), 0);
    let mut changes = vec![("horizon", "\"50min\"".to_owned())];
    let shards = rng.random_range(1..6_u16);
    let replicas = rng.random_range(0..3_u16);
    let spread = if replicas == 0 { 1 } else { shards };
    let hosts = (1 + replicas).max(rng.random_range(1..10)) * spread;
    let share = if shards == 1 { 100 } else { 100 / shards + 10 };
    changes.push(("redis.shards", shards.to_string()));
    changes.push(("redis.replicas", replicas.to_string()));
    changes.push(("redis.hosts", hosts.to_string()));
    changes.push(("redis.fullest_shard", format!("\"{share}%\"")));
    changes.extend(memory(&mut rng, shards, replicas));
    changes.extend(failover(&mut rng));
    if replicas == 0 || rng.random_range(0..3) == 0 {
        changes.push(("health_check", "[]".to_owned()));
    }
    changes.push(("fault", faults(&mut rng, hosts)));
    changes.extend(monitoring(&mut rng));
    let changes: Vec<(&str, &str)> = changes.iter().map(|(k, v)| (*k, &**v)).collect();
    small_world(&changes)
}

type Change = (&'static str, String);

fn memory(rng: &mut Rng, shards: u16, replicas: u16) -> Vec<Change> {
    // One shard holds all of the 900 MiB, two or more at most 60 % of it.
    let sizes: [&[&str]; 2] = [
        &["\"900MiB\"", "\"1GiB\"", "\"2GiB\""],
        &["\"1500MiB\"", "\"2GiB\""],
    ];
    let maxmemory = pick(rng, &["-", "\"60%\"", "\"80%\"", "\"95%\""]);
    let policy = if maxmemory == "-" {
        "\"noeviction\"".to_owned()
    } else {
        pick(
            rng,
            &["\"noeviction\"", "\"noeviction\"", "\"allkeys-lru\""],
        )
    };
    let strict = if replicas > 0 {
        REPLICATION_STRICT
    } else {
        REPLICATION
    };
    let replication = pick(rng, &[REPLICATION, REPLICATION_TIGHT, strict]);
    let budget = pick(rng, &["equal-memory", "equal-cost"]);
    let apart = format!("{{ kind = \"per-workload\", budget = \"{budget}\" }}");
    let layouts = [&apart, "{ kind = \"shared\" }", "{ kind = \"shared\" }"];
    vec![
        (
            "redis.node_memory",
            pick(rng, sizes[usize::from(shards == 1)]),
        ),
        ("redis.system_reserve", "\"16MiB\"".to_owned()),
        // Else a cluster more leaves nodes of 1 GiB no memory at equal cost.
        ("price.node_month", "\"1 USD\"".to_owned()),
        ("redis.swap", pick(rng, &["true", "false"])),
        ("redis.maxmemory", maxmemory),
        ("redis.maxmemory_policy", policy),
        (
            "redis.restart_delay",
            pick(rng, &["\"1s\"", "\"5s\"", "\"2min\""]),
        ),
        ("layout", pick(rng, &layouts)),
        ("redis.backlog", pick(rng, &["\"256KiB\"", "\"64MiB\""])),
        ("redis.replication", replication),
    ]
}

const REPLICATION: &str = "{ backlog_ttl = \"1h\", timeout = \"60s\" }";
const REPLICATION_TIGHT: &str = r#"{ backlog_ttl = "5s", timeout = "3s",
    output_limit = { hard = "1MiB", soft = "512KiB", soft_for = "10s" } }"#;
const REPLICATION_STRICT: &str = r#"{ backlog_ttl = "1h", timeout = "60s",
    min_replicas = { to_write = 1, max_lag = "10s" } }"#;
const MANAGED: &str = r#"{ kind = "managed", dns_ttl = "60s",
    takes = { kind = "uniform", min = "10s", max = "15s" } }"#;

fn sentinel(rng: &mut Rng) -> String {
    let down_after = pick(rng, &["1s", "5s", "30s"]);
    format!(
        "{{ kind = \"sentinel\", sentinels = {}, quorum = {}, down_after = \"{down_after}\", \
         failover_timeout = \"1min\", parallel_syncs = 1, master_reboot_down_after = \"0s\", \
         latency = \"250us\", config_save = \"3ms\" }}",
        rng.random_range(2..6),
        rng.random_range(1..3),
    )
}

fn failover(rng: &mut Rng) -> Vec<Change> {
    match rng.random_range(0..6) {
        5 => vec![("failover", sentinel(rng))],
        0 => vec![("failover", "{ kind = \"application\" }".to_owned())],
        1 => vec![("failover", MANAGED.to_owned())],
        2 => vec![("failover", "{ kind = \"none\" }".to_owned())],
        _ => vec![
            (
                "failover.node_timeout",
                pick(rng, &["\"500ms\"", "\"5s\"", "\"15s\""]),
            ),
            (
                "failover.version",
                pick(rng, &["\"redis-7.0\"", "\"valkey-8\""]),
            ),
            (
                "failover.require_full_coverage",
                pick(rng, &["true", "false"]),
            ),
            (
                "failover.allow_reads_when_down",
                pick(rng, &["true", "false"]),
            ),
        ],
    }
}

/// All kinds of rules or none, and a runbook of steps right and wrong.
fn monitoring(rng: &mut Rng) -> Vec<Change> {
    let metrics = [
        "{ kind = \"memory\", threshold = \"90%\" }",
        "{ kind = \"memory-forecast\", window = \"5min\", within = \"10min\" }",
        "{ kind = \"errors\", service = \"api\", threshold = \"5%\", window = \"2min\" }",
        "{ kind = \"burn-rate\", service = \"api\", objective = \"99%\", factor = \"6x\", \
         long = \"20min\", short = \"2min\" }",
        "{ kind = \"node-down\" }",
        "{ kind = \"no-primary\" }",
    ];
    let mut rules = Vec::new();
    for (i, metric) in metrics.iter().enumerate() {
        if rng.random_range(0..3) == 0 {
            let hold = ["0s", "90s"][rng.random_range(0..2)];
            let more = pick(
                rng,
                &[
                    "",
                    ", false_alarms = \"30/d\"",
                    ", blind_from = \"9min\", blind_for = \"9min\"",
                ],
            );
            rules.push(format!(
                "{{ name = \"rule {i}\", metric = {metric}, scrape = \"15s\", hold = \"{hold}\", \
                 missed = \"20%\", names_cause = true{more} }}"
            ));
        }
    }
    let actions = [
        "{ kind = \"restart-servers\" }",
        "{ kind = \"restart-nodes\" }",
        "{ kind = \"fail-over\" }",
        "{ kind = \"delete-keys\", workload = \"log\", share = \"30%\" }",
        "{ kind = \"stop-growth\", workload = \"log\" }",
        "{ kind = \"resize\", factor = \"2x\", from = \"80%\" }",
        "{ kind = \"rebuild\", factor = \"1.5x\" }",
        "{ kind = \"wait\" }",
    ];
    let mut steps = Vec::new();
    for _ in 0..rng.random_range(0..5) {
        let action = actions[rng.random_range(0..actions.len())];
        let takes = "takes = { kind = \"uniform\", min = \"0s\", max = \"4min\" }";
        steps.push(format!("{{ action = {action}, {takes} }}"));
    }
    let look = "{ kind = \"constant\", value = \"2min\" }".to_owned();
    vec![
        ("alert", format!("[{}]", rules.join(", "))),
        ("people.runbook", format!("[{}]", steps.join(", "))),
        ("people.look", look),
        ("people.fatigue", "\"1.5x\"".to_owned()),
    ]
}

fn pick(rng: &mut Rng, values: &[&str]) -> String {
    values[rng.random_range(0..values.len())].to_owned()
}

/// Up to four faults, of kinds that this world has.
fn faults(rng: &mut Rng, hosts: u16) -> String {
    let most = if hosts > 1 { 5 } else { 4 };
    let kinds: Vec<u32> = (0..most).filter(|_| rng.random_range(0..2) == 0).collect();
    let mut faults = Vec::new();
    for _ in 0..rng.random_range(0..5) {
        let Some(kind) = kinds.get(rng.random_range(0..kinds.len().max(1))) else {
            continue;
        };
        let workload = ["log", "cache"][rng.random_range(0..2)];
        let at = format!(
            "{{ kind = \"constant\", value = \"{}s\" }}",
            rng.random_range(1..2900)
        );
        let lasts = [1, 4, 20, 300, 3000][rng.random_range(0..5)];
        faults.push(match kind {
            0 => format!(
                "{{ kind = \"growth-burst\", starts = {at}, reference = \"1700MiB\", fills_in = \
                 {{ kind = \"uniform\", min = \"5min\", max = \"35min\" }}, ends_at = \"1.4x\", \
                 value_size = \"10KiB\", workloads = [{{ workload = \"{workload}\", \
                 weight = \"1x\" }}] }}"
            ),
            1 => format!("{{ kind = \"crash\", workload = \"{workload}\", at = {at} }}"),
            2 => format!(
                "{{ kind = \"hang\", workload = \"{workload}\", at = {at}, lasts = \"{lasts}s\" }}"
            ),
            4 => format!(
                "{{ kind = \"partition\", workload = \"{workload}\", at = {at}, lasts = \
                 \"{lasts}s\", hosts = [{}], clients = \"{}\" }}",
                rng.random_range(0..hosts),
                ["hosts", "others"][rng.random_range(0..2)],
            ),
            _ => format!(
                "{{ kind = \"host-loss\", workload = \"{workload}\", host = {}, at = {at}, lasts \
                 = \"{lasts}s\" }}",
                rng.random_range(0..hosts)
            ),
        });
    }
    format!("[{}]", faults.join(", "))
}
