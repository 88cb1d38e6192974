//! Whole worlds drawn from a seed: whatever their parts, some things always hold.
//!
//! Some kinds of fault, of checks and of limits are off entirely in some worlds and frequent in
//! others; half of them save to disk, half have subscribers. A failure names the seed;
//! `random_world(seed)` is that world.
//!
//! Not asserted here, since every trial of any test asserts it: that visits and failed attempts
//! add up (`TrialOutcome::assert_adds_up`, when it is settled; `Tally::assert_adds_up`); that data
//! do (`Cluster::assert_data_adds_up`); that no
//! replication offset runs back except by a full copy (`Lineage::advance_to`); that no replica is
//! ahead of the history that it follows (`Cluster::held_for`). One vote per voter and epoch is
//! asserted where votes can be seen: `cluster_bus/random_worlds.rs`, `sentinel/random_worlds.rs`.

mod added;
mod faults;

use std::collections::BTreeMap;

use crate::support::caches::caches;
use crate::support::{moment, part, servers, small_world, trial};
use demand::answer::Cause;
use models::moment::MomentKind;
use models::redis::evict::Evictable;
use models::redis::memory::{Load, NodeMemory};
use models::runbook::RemedySpec;
use models::spec::balancer::BalancerSpec;
use models::spec::client::{FollowsSpec, ModeSpec};
use models::spec::service::SpoolSpec;
use models::{Mode, TrialResult, WorldSpec};
use rand::RngExt as _;
use sim::quantity::PerSec;
use sim::{Purpose, Rng, SimDuration, Streams};

/// How many are tried, unless `RANDOM_WORLDS` says otherwise. `RANDOM_WORLDS_FROM=123
/// RANDOM_WORLDS=1` tries the one with this seed.
const WORLDS: u64 = 256;

#[test]
fn opening_everything_changes_no_random_world() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let number = |name: &str, otherwise: u64| {
        let text = std::env::var(name).ok();
        text.map_or(otherwise, |text| text.parse().expect("a whole number"))
    };
    let from = number("RANDOM_WORLDS_FROM", 0);
    let until = from + number("RANDOM_WORLDS", WORLDS);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for seed in (from + first..until).step_by(threads as usize) {
                    check_world(seed);
                }
            });
        }
    });
}

fn check_world(seed: u64) {
    let spec = random_world(seed);
    let lazy = trial(&spec, seed, Mode::Lazy);
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
    check_elections(&lazy, seed);
    check_memory(&spec, seed);
    let eager = trial(&spec, seed, Mode::Eager);
    assert_eq!(lazy.trace, eager.trace, "world {seed}");
    assert_eq!(lazy, eager, "world {seed}");
}

/// An epoch of a bus has one winner, and no replica is promoted that has not asked for votes.
fn check_elections(result: &TrialResult, seed: u64) {
    let mut asked: BTreeMap<&str, &str> = BTreeMap::new();
    let mut winners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (_, line) in &result.trace {
        let anew = [
            " cluster: larger nodes take over",
            " cluster: new shards join",
        ];
        let mut anew = anew.iter().filter_map(|words| line.split_once(words));
        if let Some((cluster, _)) = anew.next() {
            // Nodes that take over start counting again.
            asked.retain(|node, _| cluster_of(node) != cluster);
            winners.retain(|(of, _), _| *of != cluster);
        }
        let asks = line.strip_prefix("bus: ");
        if let Some((node, epoch)) = asks.and_then(|l| l.split_once(" asks for votes, epoch ")) {
            asked.insert(node, epoch);
        }
        // Without a bus nobody ever asks.
        if let (Some(node), false) = (line.strip_suffix(": promoted"), asked.is_empty()) {
            let epoch = asked.get(node);
            let epoch = epoch.unwrap_or_else(|| panic!("world {seed}: nobody elected {node}"));
            let other = winners.insert((cluster_of(node), *epoch), node);
            assert_eq!(other, None, "world {seed}: epoch {epoch} has two winners");
        }
    }
}

fn cluster_of(node: &str) -> &str {
    node.split_once(" shard ")
        .map_or(node, |(cluster, _)| cluster)
}

/// What a node uses is the sum of its parts up to where it evicts, and every size at which the
/// model says that something happens is one at which it does.
fn check_memory(spec: &WorldSpec, seed: u64) {
    let mut rng = Streams::for_trial(seed, 0).stream(Purpose(7), 0);
    let redis = &spec.redis;
    let node_memory = redis.node_memory.as_f64();
    let memory = NodeMemory::new(redis, node_memory);
    let mut part = || node_memory * rng.random_range(0.0..0.2);
    let load = Load {
        primary: true,
        tables: part(),
        buffers: part(),
        uncounted: part(),
        copied: part(),
        commands: 1000.0,
    };
    let empty = Load {
        tables: 0.0,
        buffers: 0.0,
        ..load
    };
    let evicts = redis.maxmemory_policy.evictable() != Evictable::Nothing;
    let most = memory.maxmemory().filter(|_| evicts);
    let most = most.map_or(f64::INFINITY, |limit| limit + load.uncounted);
    let same = |a: f64, b: f64| {
        assert!((a - b).abs() < 1.0, "world {seed}: {a} and {b} bytes");
    };
    for tenths in 0..12 {
        let dataset = node_memory * f64::from(tenths) / 10.0;
        let parts = memory.used(0.0, empty) + dataset + load.tables + load.buffers;
        same(memory.used(dataset, load), parts.min(most));
        let resident = memory.used(dataset, load) * redis.fragmentation.get() + load.copied;
        same(memory.resident(dataset, load), resident);
        if parts < most {
            same(memory.dataset_at_resident(resident, load), dataset);
        }
        let share = f64::from(tenths) / 12.0;
        let used = memory.used(memory.dataset_at_usage(share, load), load);
        same(used, share * memory.limit());
        assert!(
            (0.0..=1.0).contains(&memory.loadable(dataset, load)),
            "world {seed}"
        );
    }
    if let Some(dataset) = memory.evicts_from(load) {
        same(memory.used(dataset, load), most);
    }
}

#[test]
fn random_worlds_are_worth_looking_at() {
    type Seen = fn(&TrialResult) -> bool;
    fn told(result: &TrialResult, words: &str) -> bool {
        result.trace.iter().any(|(_, line)| line.contains(words))
    }
    fn happened(result: &TrialResult, what: MomentKind) -> bool {
        result.moments.iter().any(|moment| moment.kind == what)
    }
    // What, in at least how many worlds, and how one knows it.
    let seen: [(&str, u64, Seen); 32] = [
        ("downtime", 10, |r| r.outcome.downtime_true_s > 0.0),
        ("a promotion", 10, |r| r.outcome.failovers > 0),
        ("two views", 5, |r| told(r, "clients of other switch")),
        ("a useless one", 10, |r| r.outcome.useless_failovers > 0),
        ("a spool in use", 10, |r| r.outcome.spooled > 0),
        ("one replayed", 10, |r| happened(r, MomentKind::SpoolEmpty)),
        ("one not yet", 3, |r| r.outcome.spool_left > 0),
        ("lost visits", 10, |r| r.outcome.lost > 0),
        ("an election", 10, |r| told(r, "asks for votes")),
        ("its winner", 10, |r| told(r, ": promoted")),
        ("a full copy", 10, |r| told(r, "full resync begins")),
        ("a fork that blocks", 10, |r| told(r, "blocked by a fork")),
        ("a full disk", 10, |r| told(r, "disk full")),
        ("a failed save", 10, |r| told(r, "its save failed")),
        ("a good one after it", 1, |r| told(r, ": save finished")),
        ("too many copied pages", 1, |r| told(r, "pages copied for")),
        ("slow subscribers", 10, |r| told(r, "stop reading")),
        ("an alert that fired", 40, |r| {
            happened(r, MomentKind::AlertFires)
        }),
        ("an action done", 40, |r| {
            happened(r, MomentKind::ActionDone)
        }),
        ("a backlog", 10, |r| told(r, "consumers of cache are slow")),
        ("one worked off", 5, |r| {
            happened(r, MomentKind::BacklogDone)
        }),
        ("cut off", 10, |r| told(r, "subscribers are disconnected")),
        ("an overload", 20, |r| {
            told(r, "api: answers") && told(r, "% of requests fail")
        }),
        ("servers added", 10, |r| told(r, "servers serve")),
        ("a process taken out", 3, |r| {
            told(r, "processes get requests")
        }),
        ("none left", 3, |r| told(r, "has no process left")),
        ("refused clients", 20, |r| {
            r.outcome.failed[Cause::MaxClients as usize] > 0
        }),
        ("rounds of handshakes", 10, |r| told(r, ": accepts")),
        ("clients that give up", 5, |r| told(r, "give up connecting")),
        ("a slow service", 10, |r| {
            moment(r, MomentKind::AlertFires, Some("slow mean")).is_some()
        }),
        ("a slow tail", 10, |r| {
            moment(r, MomentKind::AlertFires, Some("slow tail")).is_some()
        }),
        ("one of its processes", 5, |r| told(r, "is restarted")),
    ];
    let mut worlds = [0; 32];
    for seed in 0..WORLDS {
        let result = trial(&random_world(seed), seed, Mode::Lazy);
        for (worlds, (_, _, holds)) in worlds.iter_mut().zip(seen) {
            *worlds += u64::from(holds(&result));
        }
    }
    for ((what, least, _), worlds) in seen.iter().zip(worlds) {
        assert!(worlds >= *least, "{what}: in {worlds} worlds");
    }
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
    let saves = rng.random_range(0..2) == 0;
    if saves {
        changes.extend(persistence(&mut rng));
    }
    let subscribers = rng.random_range(0..2) == 0;
    if subscribers {
        changes.push(("redis.pubsub", PUBSUB.to_owned()));
    }
    let kinds = faults::kinds(hosts, saves, subscribers);
    changes.push(("fault", faults::faults(&mut rng, &kinds, hosts)));
    changes.extend(traffic(&mut rng));
    changes.extend(monitoring(&mut rng));
    let changes: Vec<(&str, &str)> = changes.iter().map(|(k, v)| (*k, &**v)).collect();
    let mut spec = small_world(&changes);
    let drain = PerSec::new([0.1, 1.0, 20.0][rng.random_range(0..3)]).expect("a rate");
    spec.services[0].spool = Some(SpoolSpec { drain });
    if rng.random_range(0..2) == 0 {
        add_service(&mut spec, &mut rng);
    }
    for service in &mut spec.services {
        service.processes = [None, None, Some(1), Some(4)][rng.random_range(0..4)];
    }
    if rng.random_range(0..3) == 0 {
        overload(&mut spec, &mut rng);
    }
    for service in &mut spec.services {
        if service.process_count() > 1 {
            service.balancer = balancer(&mut rng);
        }
    }
    if rng.random_range(0..6) == 0 {
        caches(&mut spec, &mut rng);
    }
    added::all(&mut spec, seed);
    assert_eq!(spec.problems(), [], "the small world is sound");
    spec
}

/// Any load balancer, or none.
fn balancer(rng: &mut Rng) -> Option<BalancerSpec> {
    let kind = pick(rng, &["", "sticky", "random", "round-robin", "least-busy"]);
    let check = pick(
        rng,
        &[
            "",
            "every = '10s', timeout = '1s', fails = 3, passes = 1",
            "every = '30s', timeout = '5s', fails = 2, passes = 5",
        ],
    );
    let times = "every = '10s', ejected_for = '30s', longest = '90s'";
    let outliers = match &*pick(rng, &["", "", "'40%'", "'100%'"]) {
        "" => String::new(),
        most => format!("{times}, fails = 3, at_most = {most}"),
    };
    let part_of = |key: &str, inner: &str| match inner {
        "" => String::new(),
        inner => format!("{key} = {{ {inner} }}\n"),
    };
    let ignored = match check.is_empty() && outliers.is_empty() {
        true => "",
        false => ["", "ignored_below = '50%'"][rng.random_range(0..2)],
    };
    let parts = part_of("check", &check) + &part_of("outliers", &outliers);
    let text = format!("kind = '{kind}'\n{ignored}\n{parts}");
    (!kind.is_empty()).then(|| part(&text))
}

/// Few workers, so that requests fail while Redis answers, and people or an autoscaler who help.
fn overload(spec: &mut WorldSpec, rng: &mut Rng) {
    let cells = spec.layout.layout().cells();
    let service = &mut spec.services[0];
    // Two visits a second keep ten workers busy.
    service.service_time = SimDuration::from_secs(5);
    let least = cells * service.process_count();
    service.workers = [5, 9, 12][rng.random_range(0..3)].max(least as u32);
    service.queue_limit = [0, 8, 200][rng.random_range(0..3)];
    let servers = servers(2, 8, "{ kind = \"exponential\", mean = \"1min\" }");
    let mut steps = spec.people.runbook.iter();
    let by_hand = steps.any(|step| matches!(step.action, RemedySpec::ScaleServers(_)));
    if rng.random_range(0..2) == 0 && !by_hand {
        service.servers = Some(toml::from_str(&servers).expect("servers"));
    }
    let step = r#"
        action = { kind = "restart-servers" }
        takes = { kind = "exponential", mean = "1min" }
        when = ["overloaded"]
        "#;
    let step = toml::from_str(step).expect("a step");
    spec.people.runbook.insert(0, step);
}

/// A service that follows the owners of the clusters in its own way, with a product's signers.
fn add_service(spec: &mut WorldSpec, rng: &mut Rng) {
    let mut other = spec.services[0].clone();
    other.name = "other".to_owned();
    let (on_error, every) =
        [(true, None), (false, Some(20)), (true, Some(60))][rng.random_range(0..3)];
    let clustered = other.client.mode(&spec.failover) == ModeSpec::Cluster;
    let doubt = |rng: &mut Rng| [None, Some(false), Some(true)][rng.random_range(0..3)];
    other.client.follows = Some(FollowsSpec {
        on_error,
        on_moved: doubt(rng).filter(|_| clustered),
        on_timeout: doubt(rng),
        on_readonly: doubt(rng),
        silent_for: None,
        subscribes: None,
        every: every.map(SimDuration::from_secs),
    });
    other.client.command_timeout = [None, Some(SimDuration::from_secs(1))][rng.random_range(0..2)];
    spec.services.push(other);
    for product in &mut spec.products {
        product.service = "other".to_owned();
    }
    assert_eq!(spec.problems(), [], "the small world is sound");
}

type Change = (&'static str, String);

fn memory(rng: &mut Rng, shards: u16, replicas: u16) -> Vec<Change> {
    // One shard holds all of the 900 MiB, two or more at most 60 % of it.
    let sizes: [&[&str]; 2] = [
        &["\"900MiB\"", "\"1GiB\"", "\"2GiB\""],
        &["\"1500MiB\"", "\"2GiB\""],
    ];
    let maxmemory = pick(rng, LIMITS);
    let policy = if maxmemory == "-" {
        "\"noeviction\"".to_owned()
    } else {
        pick(
            rng,
            &[
                "\"noeviction\"",
                "\"noeviction\"",
                "\"allkeys-lru\"",
                "\"volatile-lfu\"",
            ],
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
    let homes = format!("{{ kind = \"per-service\", budget = \"{budget}\" }}");
    let cells = format!("{{ kind = \"cells\", count = 2, budget = \"{budget}\" }}");
    let shared = "{ kind = \"shared\" }";
    let bulkheads = "{ kind = \"bulkhead-only\" }";
    let split = format!("{{ kind = \"split\", {LOG_APART}, budget = \"{budget}\" }}");
    let layouts = [
        &apart, &homes, &cells, &cells, shared, shared, bulkheads, &split, SIZED,
    ];
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

const LOG_APART: &str = "own = [{ workloads = [\"log\"] }]";
const SIZED: &str = r#"{ kind = "split", shared_node_memory = "1500MiB",
    own = [{ workloads = ["cache"], node_memory = "600MiB" }] }"#;
const LIMITS: &[&str] = &["-", "\"60%\"", "\"80%\"", "\"95%\"", "\"800MiB\""];
const REPLICATION: &str = "{ backlog_ttl = \"1h\", timeout = \"60s\" }";
const REPLICATION_TIGHT: &str = r#"{ backlog_ttl = "5s", timeout = "3s",
    output_limit = { hard = "1MiB", soft = "512KiB", soft_for = "10s" } }"#;
const REPLICATION_STRICT: &str = r#"{ backlog_ttl = "1h", timeout = "60s",
    min_replicas = { to_write = 1, max_lag = "10s" } }"#;
const PUBSUB: &str = r#"{ subscribers = 10, hard_limit = "32MiB", soft_limit = "8MiB",
    soft_time = "20s", socket_buffers = "300kB" }"#;
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

/// Bursts, a surge and a second product, each in some worlds.
fn traffic(rng: &mut Rng) -> Vec<Change> {
    let bursts = r#"{ kind = "mmpp", high = "6x", low_mean = "8min", high_mean = "2min" }"#;
    let surge = r#"[{ at = { kind = "uniform", min = "0s", max = "50min" }, factor = "4x",
        lasts = { kind = "exponential", mean = "5min" } }]"#;
    let product = r#"[{ name = "send", service = "api", visits = "1/s" }]"#;
    let ways = [
        ("signers.bursts", bursts),
        ("signers.surge", surge),
        ("product", product),
    ];
    let drawn = ways.into_iter().filter(|_| rng.random_range(0..3) == 0);
    drawn.map(|(key, value)| (key, value.to_owned())).collect()
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
        "{ kind = \"restore-consumers\", workload = \"cache\" }",
        "{ kind = \"scale-servers\", service = \"api\", factor = \"2x\" }",
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

/// Some forks take long and some children are slow: what they meet is worth looking at.
fn persistence(rng: &mut Rng) -> Vec<Change> {
    let schedules = [
        "{ kind = \"append-only\", rewrite_growth = \"0.3x\" }",
        "{ kind = \"append-only\", rewrite_growth = \"0.3x\", fsync = \"no\" }",
        "{ kind = \"both\", rewrite_growth = \"2x\", fsync = \"always\", \
           points = [{ after = \"1min\", changes = 1 }] }",
        "{ kind = \"save-points\", points = [{ after = \"30s\", changes = 1 }] }",
        "{ kind = \"save-points\", points = [{ after = \"5min\", changes = 1 }] }",
    ];
    let schedule = pick(rng, &schedules);
    let overcommit = pick(rng, &["always", "heuristic", "strict"]);
    let mut either = || pick(rng, &["true", "false"]);
    let persistence = format!(
        "{{ schedule = {schedule}, overcommit = \"{overcommit}\", oom_score_adj = {}, \
         stop_writes_on_bgsave_error = {}, transparent_huge_pages = {} }}",
        either(),
        either(),
        either(),
    );
    let supervisor = pick(
        rng,
        &[
            "{ liveness = { initial_delay = '5s', every = '3s', timeout = '1s', fails = 2 } }",
            "{ startup = { initial_delay = '0s', every = '1s', timeout = '1s', fails = 20 }, \
               liveness = { initial_delay = '0s', every = '10s', timeout = '2s', fails = 1 }, \
               back_off = { first = '10s', most = '1min', reset_after = '2min' },
               readiness = { every = '5s', fails = 2, passes = 2 } }",
            "{}",
            "{ readiness = {} }",
        ],
    );
    vec![
        ("redis.persistence", persistence),
        ("redis.supervisor", supervisor),
        (
            "redis.sync.save_keys",
            pick(rng, &["\"500/s\"", "\"2000/s\"", "\"870000/s\""]),
        ),
        (
            "redis.sync.fork_per_gib",
            pick(rng, &["\"20ms\"", "\"3s\"", "\"30s\""]),
        ),
    ]
}
