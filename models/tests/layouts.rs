//! Layouts: memory and cost that add up, cells that fail alone, products that share.

use crate::support::{service, small_world, story_world, trial};
use models::moment::{Moment, MomentKind};
use models::outcome::Reached;
use models::{Mode, TrialResult, WorldSpec, layout};

const APART: [&str; 5] = [
    "{ kind = \"per-workload\", budget = \"equal-B\" }",
    "{ kind = \"per-service\", budget = \"equal-B\" }",
    "{ kind = \"cells\", count = 2, budget = \"equal-B\" }",
    "{ kind = \"cells\", count = 5, budget = \"equal-B\" }",
    "{ kind = \"split\", own = [{ workloads = [\"cache\"] }], budget = \"equal-B\" }",
];

/// Room for five clusters' reserves and, at equal cost, for their bases.
const ROOMY: [(&str, &str); 3] = [
    ("redis.node_memory", "\"4GiB\""),
    ("redis.system_reserve", "\"16MiB\""),
    ("price.node_month", "\"1 USD\""),
];

const WRITER: &str = r#"[
    { name = "reader", workers = 9, queue_limit = 9, gateway_timeout = "30s",
      service_time = "20ms", needs = [{ workload = "log", access = "read" }, { workload = "cache",
      access = "read" }], client = { retries = 0, backoff = "1s", retries_on = [],
      topology_refresh = "1s" } },
    { name = "api", workers = 64, queue_limit = 64, gateway_timeout = "30s",
      service_time = "20ms", needs = [{ workload = "log", access = "write" }],
      spool = { drain = "5/s" },
      client = { retries = 0, backoff = "1s", retries_on = [], topology_refresh = "1s" } },
]"#;

fn with(changes: &[(&str, &str)], layout: &str) -> WorldSpec {
    small_world(&[changes, &[("layout", layout)]].concat())
}

fn roomy(layout: &str) -> WorldSpec {
    with(&[&ROOMY[..], &[("service", WRITER)]].concat(), layout)
}

#[test]
fn memory_and_cost_add_up() {
    let shared = roomy("{ kind = \"shared\" }");
    let nodes =
        |spec: &WorldSpec| usize::from(spec.redis.shards) * usize::from(spec.redis.replicas + 1);
    let totals = |spec: &WorldSpec| {
        let plans = spec.layout.layout().place(&spec.system());
        let bytes: f64 = plans.iter().map(|plan| plan.node_memory).sum();
        let bytes = bytes * nodes(spec) as f64;
        let nodes = plans.len() * nodes(spec);
        (
            bytes,
            layout::nodes_per_month(&spec.price, nodes, bytes),
            plans.len(),
        )
    };
    let (bytes, cost, clusters) = totals(&shared);
    assert_eq!(clusters, 1);
    assert_eq!(
        totals(&roomy("{ kind = \"bulkhead-only\" }")),
        (bytes, cost, 1)
    );
    let close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-12;
    for layout in APART {
        let memory = totals(&roomy(&layout.replace("equal-B", "equal-memory")));
        assert!(close(memory.0, bytes), "{layout}: {memory:?}");
        let bases = (memory.2 - 1) * nodes(&shared);
        let bases = bases as f64 * shared.price.node_month.get();
        assert!(close(memory.1, cost + bases), "{layout}: {memory:?}");
        let equal = totals(&roomy(&layout.replace("equal-B", "equal-cost")));
        assert!(close(equal.1, cost), "{layout}: {equal:?}");
        assert!(equal.0 < bytes, "{layout}: {equal:?}");
        assert!(memory.2 > 1, "{layout}");
    }
}

#[test]
fn all_data_and_traffic_stand_somewhere_once() {
    for layout in APART {
        let spec = roomy(&layout.replace("equal-B", "equal-memory"));
        for workload in 0..spec.workloads.len() {
            let plans = spec.layout.layout().place(&spec.system());
            let parts = plans
                .iter()
                .filter(|plan| plan.workloads.contains(&workload));
            let parts: f64 = parts.map(|plan| plan.part).sum();
            assert!((parts - 1.0).abs() < 1e-12, "{layout}: {parts}");
        }
    }
}

#[test]
fn a_workload_is_at_home_with_the_first_service_that_writes_it() {
    let spec = roomy("{ kind = \"per-service\", budget = \"equal-memory\" }");
    let plans = spec.layout.layout().place(&spec.system());
    let homes: Vec<(&str, &[usize])> = plans
        .iter()
        .map(|plan| (plan.name.as_str(), plan.workloads.as_slice()))
        .collect();
    // The log is written by the second service; the cache is only read, by the first.
    assert_eq!(homes, [("reader", &[1][..]), ("api", &[0][..])]);
}

#[test]
fn one_cell_is_the_shared_cluster() {
    for number in 0..6 {
        let shared = trial(&with(&[], "{ kind = \"shared\" }"), number, Mode::Lazy);
        let cells = "{ kind = \"cells\", count = 1, budget = \"equal-cost\" }";
        let cell = trial(&with(&[], cells), number, Mode::Lazy);
        assert_eq!(shared.outcome, cell.outcome, "trial {number}");
        assert_eq!(shared.components, cell.components, "trial {number}");
        assert_eq!(
            shared.timeline.minutes, cell.timeline.minutes,
            "trial {number}"
        );
    }
}

/// The log on a cluster of its own; with sizes or a budget.
fn log_apart(own: &str, rest: &str) -> String {
    format!("{{ kind = \"split\", own = [{{ workloads = [\"log\"]{own} }}]{rest} }}")
}

#[test]
fn one_of_two_workloads_split_off_is_a_cluster_for_each() {
    // The log has two thirds of the data, and so of 1.5 GiB.
    let changes = [
        ("redis.node_memory", "\"1536MiB\""),
        ROOMY[1],
        ("health_check", "[]"),
    ];
    let each = "{ kind = \"per-workload\", budget = \"equal-memory\" }";
    let shared_out = log_apart("", ", budget = \"equal-memory\"");
    let sized = log_apart(
        ", node_memory = \"1GiB\"",
        ", shared_node_memory = \"512MiB\"",
    );
    let mut down = 0.0;
    for number in 0..4 {
        let run = |layout: &str| trial(&with(&changes, layout), number, Mode::Lazy);
        let (each, split) = (run(each), run(&shared_out));
        assert_eq!(split.outcome, each.outcome, "trial {number}");
        assert_eq!(split.components, each.components, "trial {number}");
        assert_eq!(split.timeline.minutes, each.timeline.minutes);
        for (ours, theirs) in [("log", "log"), ("shared", "cache")] {
            assert_eq!(reached(&split, ours), reached(&each, theirs));
        }
        assert_eq!(run(&sized), split, "the same sizes, as given");
        down += split.outcome.downtime_true_s;
    }
    assert!(down > 0.0, "there is something to compare");
}

#[test]
fn a_cluster_that_is_split_off_costs_its_own_nodes_and_falls_alone() {
    let changes = [
        ("redis.node_memory", "\"4GiB\""),
        ROOMY[1],
        ("health_check", "[]"),
    ];
    // Half a GiB for 240 MiB of the log, and what it grows by does not fit.
    let small = log_apart(", node_memory = \"512MiB\"", "");
    let (shared, small) = (
        with(&changes, "{ kind = \"shared\" }"),
        with(&changes, &small),
    );
    let per_month = |spec: &WorldSpec| {
        let quiet = WorldSpec {
            faults: Vec::new(),
            ..spec.clone()
        };
        trial(&quiet, 1, Mode::Lazy).outcome.cost_per_month_usd
    };
    let nodes = usize::from(shared.redis.shards * (shared.redis.replicas + 1));
    let bytes = nodes as f64 * 512.0 * f64::from(1 << 20);
    let more = layout::nodes_per_month(&shared.price, nodes, bytes);
    let (one, both) = (per_month(&shared), per_month(&small));
    assert!(
        (both - one - more).abs() < 1e-6,
        "{both} is {one} and {more}"
    );
    let mut down = [0.0, 0.0];
    for number in 0..6 {
        let lazy = trial(&small, number, Mode::Lazy);
        assert_eq!(lazy, trial(&small, number, Mode::Eager));
        down[0] += reached(&lazy, "log")[0].1;
        down[1] += reached(&lazy, "shared")[0].1;
        assert_eq!(
            trial(&shared, number, Mode::Lazy).outcome.downtime_true_s,
            0.0
        );
    }
    assert!(down[0] > 0.0 && down[1] == 0.0, "{down:?}");
}

#[test]
fn what_does_not_fit_at_the_start_is_named_with_its_size() {
    let mut spec = with(&[], &log_apart(", node_memory = \"4GiB\"", ""));
    assert_eq!(spec.problems(), []);
    spec.layout = crate::support::part(
        "kind = \"split\"\nown = [{ workloads = [\"log\"], node_memory = \"256MiB\" }]",
    );
    let problems = spec.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].wrong.contains("the log cluster"),
        "{problems:?}"
    );
    assert!(
        problems[0].wrong.contains("its node of 256MiB"),
        "{problems:?}"
    );
}

/// A primary that hangs, and a service that can do without what it reads there.
fn hung_cache(layout: &str, bulkhead: &str) -> TrialResult {
    let api = service(
        "api",
        &format!("{{ workload = \"cache\", access = \"read\", optional = true{bulkhead} }}"),
        "command_timeout = \"5s\"\ntopology_refresh = \"1s\"",
    );
    let story = format!(
        r#"
        horizon = "40min"
        layout = {layout}
        health_check = []
        people.runbook = []
        failover = {{ kind = "none" }}
        signers.visits = "50/s"
        [[fault]]
        kind = "hang"
        workload = "cache"
        at = {{ kind = "constant", value = "10min" }}
        lasts = "10min"
        {api}
        "#
    );
    let spec = story_world(&story);
    let lazy = trial(&spec, 1, Mode::Lazy);
    assert_eq!(lazy, trial(&spec, 1, Mode::Eager));
    lazy
}

#[test]
fn bulkheads_alone_keep_a_hanging_need_from_taking_all_workers() {
    // 64 workers, each of which waits 5 s, serve 13 a second of 50: the pool is full at once. With
    // 25 calls let in, 39 workers are left for 50 requests a second of 20 ms.
    let shared = hung_cache("{ kind = \"shared\" }", "");
    assert!(shared.outcome.failed_attempts > 10_000, "{shared:?}");
    let apart = hung_cache("{ kind = \"bulkhead-only\" }", "");
    assert_eq!(apart.outcome.failed_attempts, 0);
    // It is a bulkhead at every need that has none, as resilience4j ships one; its own goes first.
    let own = ", bulkhead = { calls = 25, wait = \"0s\" }";
    let by_hand = hung_cache("{ kind = \"shared\" }", own);
    assert_eq!(apart.outcome, by_hand.outcome);
    let wide = ", bulkhead = { calls = 1000, wait = \"0s\" }";
    let own_first = hung_cache("{ kind = \"bulkhead-only\" }", wide);
    assert_eq!(own_first.outcome, shared.outcome);
}

fn reached<'a>(result: &'a TrialResult, cluster: &str) -> Vec<(&'a str, f64)> {
    let rows = result.blast.iter().filter(|row| row.cluster == cluster);
    rows.map(|row| (row.name.as_str(), row.down_min)).collect()
}

#[test]
fn what_grows_in_one_cell_leaves_the_others_alone() {
    let cells = "{ kind = \"cells\", count = 4, budget = \"equal-memory\" }";
    let spec = with(
        &[
            ("redis.node_memory", "\"2GiB\""),
            ROOMY[1],
            ("health_check", "[]"),
        ],
        cells,
    );
    let mut hit = [0; 4];
    for number in 0..24 {
        let result = trial(&spec, number, Mode::Lazy);
        let down = |cell: usize| reached(&result, &format!("cell {}", cell + 1));
        let failed: Vec<usize> = (0..4).filter(|cell| down(*cell)[0].1 > 0.0).collect();
        assert!(failed.len() <= 1, "trial {number}: {failed:?}");
        for cell in failed {
            hit[cell] += 1;
            // The row's downtime is the mean over cells, and so is the blast of the one that fell.
            let minutes = result.outcome.downtime_true_s / 60.0;
            assert!((down(cell)[0].1 - minutes).abs() < 1e-9, "trial {number}");
            let component = result.components[0].downtime_true_s / 60.0;
            assert!((down(cell)[1].1 - component).abs() < 1e-9, "trial {number}");
        }
    }
    assert!(
        hit.iter().all(|trials| *trials > 0),
        "any cell may be hit: {hit:?}"
    );
}

#[test]
fn without_a_spool_the_shared_cluster_is_to_blame_for_everything() {
    let spec = with(&[("health_check", "[]")], "{ kind = \"shared\" }");
    let mut down = 0;
    for number in 0..8 {
        let result = trial(&spec, number, Mode::Lazy);
        let minutes = result.outcome.downtime_true_s / 60.0;
        assert_eq!(reached(&result, "shared")[0], ("api", minutes));
        assert_eq!(result.blast[1].reached, Reached::Component);
        assert_eq!(reached(&result, "shared")[1].1, minutes);
        down += u32::from(minutes > 0.0);
    }
    assert!(down >= 4, "outages in {down} of 8 trials");
}

#[test]
fn an_open_spool_is_no_downtime_of_the_service() {
    let layout = "{ kind = \"per-workload\", budget = \"equal-memory\" }";
    let spec = with(
        &[&ROOMY[..2], &[("redis.node_memory", "\"1GiB\"")]].concat(),
        layout,
    );
    for number in 0..8 {
        let result = trial(&spec, number, Mode::Lazy);
        let blamed: f64 = result.blast.iter().map(|row| row.down_min).sum();
        let both = 2.0 * 2.0 * result.outcome.downtime_true_s / 60.0;
        assert!(blamed <= both + 1e-9, "trial {number}: {blamed} of {both}");
    }
}

#[test]
fn the_cells_signers_are_all_signers() {
    let trials = 60;
    let visits = |layout: &str, number| {
        let spec = with(&[&ROOMY[..], &[("fault", "[]")]].concat(), layout);
        trial(&spec, number, Mode::Lazy).outcome.visits
    };
    for layout in ["{ kind = \"shared\" }", &APART[2].replace("B", "memory")] {
        let sum: u64 = (0..trials).map(|number| visits(layout, number)).sum();
        let expected = 2.0 * 4.0 * 3600.0 * trials as f64;
        assert!(
            (sum as f64 - expected).abs() < 4.0 * expected.sqrt(),
            "{sum} for {expected}"
        );
    }
    // Cells that shared a stream would vary together: five times the variance of a Poisson count.
    let counts: Vec<f64> = (0..trials)
        .map(|number| visits(&APART[3].replace('B', "memory"), number) as f64)
        .collect();
    let mean = counts.iter().sum::<f64>() / trials as f64;
    let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
    let dispersion = squares / (trials - 1) as f64 / mean;
    let sigma = (2.0 / (trials - 1) as f64).sqrt();
    assert!((dispersion - 1.0).abs() < 4.0 * sigma, "{dispersion}");
    // Two designs with as many cells meet the same arrivals.
    let budgets = ["memory", "cost"].map(|budget| visits(&APART[3].replace('B', budget), 3));
    assert_eq!(budgets[0], budgets[1]);
}

const PRODUCTS: &str = r#"[
    { name = "editor", service = "api", visits = "1/s" },
    { name = "send", service = "api", visits = "0.5/s", objective = "5%", class = [
        { name = "all", share = "100%", patience = "8s", presses_max = 1,
          press_again_after = "3s", returns = [] } ], hourly = ["#;

#[test]
fn products_are_counted_apart_and_together() {
    let hours = "\"1x\", ".repeat(24);
    let products = format!("{PRODUCTS}{hours}] }}]");
    let caller = r#"[{ service = "api", calls = "3/s", weekly = ["2x", "1x", "1x", "1x", "1x",
        "1x", "1x"] }]"#;
    let alone = small_world(&[]);
    let several = small_world(&[("product", &products), ("caller", caller)]);
    let mut lost = 0;
    for number in 0..6 {
        let result = trial(&several, number, Mode::Lazy);
        assert_eq!(
            result,
            trial(&several, number, Mode::Eager),
            "trial {number}"
        );
        let names: Vec<&str> = result.products.iter().map(|p| p.product.as_str()).collect();
        assert_eq!(names, ["signers", "editor", "send"]);
        let sum = |of: fn(&models::outcome::ProductOutcome) -> u64| -> u64 {
            result.products.iter().map(of).sum()
        };
        assert_eq!(sum(|product| product.visits), result.outcome.visits);
        assert_eq!(sum(|product| product.blocked), result.outcome.blocked);
        assert_eq!(sum(|product| product.lost), result.outcome.lost);
        assert_eq!(sum(|product| product.acked_lost), result.outcome.acked_lost);
        lost += result.outcome.lost;
        let before = trial(&alone, number, Mode::Lazy);
        assert_eq!(before.products, []);
        assert_eq!(
            result.products[0].visits, before.outcome.visits,
            "nobody is dealt again"
        );
        assert_eq!(
            result.products[0].downtime_true_s,
            before.outcome.downtime_true_s
        );
    }
    assert!(lost > 0);
}

#[test]
fn a_cell_starts_as_full_as_the_shared_cluster_and_fills_as_fast() {
    // 360 of 818 MiB in the fullest shard, and 0.12 MiB/s more: full within two hours. At the limit
    // writes are refused; when a node that swaps stalls would depend on its load as well, and a
    // cell has a quarter of it.
    let changes = [
        ("redis.system_reserve", "\"1MiB\""),
        ("redis.backlog", "\"64KiB\""),
        ("redis.maxmemory", "\"80%\""),
        ("redis.node_memory", "\"1GiB\""),
        ("health_check", "[]"),
        ("fault", "[]"),
        ("workload", FILLING),
    ];
    let filled = |layout: &str| {
        let result = trial(&with(&changes, layout), 1, Mode::Lazy);
        let down = |moment: &&Moment| moment.kind == MomentKind::ServiceDown;
        let first = result.moments.iter().find(down).expect("it fills up");
        let mut subject: Vec<&str> = result
            .moments
            .iter()
            .filter(down)
            .map(|m| &*m.subject)
            .collect();
        subject.sort_unstable();
        subject.dedup();
        (first.at.as_secs_f64(), subject.len())
    };
    let (shared, services) = filled("{ kind = \"shared\" }");
    assert_eq!(services, 1);
    let (cell, services) = filled("{ kind = \"cells\", count = 4, budget = \"equal-memory\" }");
    assert_eq!(services, 4, "every cell fills");
    assert!(
        (cell / shared - 1.0).abs() < 0.05,
        "{cell} s against {shared} s"
    );
}

const FILLING: &str = r#"[
    { name = "log", dataset = "600MiB", new_keys = "30/s", key_length = "24B",
      value_size = "10KiB", value_size_shape = "2x", expires = false, commands = "3000/s",
      writes = "30%", write_size = "1KiB" },
    { name = "cache", dataset = "300MiB", new_keys = "1/s", key_length = "24B",
      value_size = "10KiB", value_size_shape = "2x", expires = true, commands = "3000/s",
      writes = "10%", write_size = "1KiB" },
]"#;

#[test]
fn a_crash_hits_one_cell_and_any_of_them() {
    let crash = r#"[{ kind = "crash", workload = "log",
        at = { kind = "constant", value = "1h" } }]"#;
    let changes = [&ROOMY[..], &[("health_check", "[]"), ("fault", crash)]].concat();
    let spec = with(
        &changes,
        "{ kind = \"cells\", count = 4, budget = \"equal-memory\" }",
    );
    let mut hit = [0; 4];
    for number in 0..24 {
        let result = trial(&spec, number, Mode::Lazy);
        let down = |cell: usize| reached(&result, &format!("cell {}", cell + 1))[0].1 > 0.0;
        let failed: Vec<usize> = (0..4).filter(|cell| down(*cell)).collect();
        assert_eq!(failed.len(), 1, "trial {number}: {failed:?}");
        hit[failed[0]] += 1;
    }
    assert!(hit.iter().all(|trials| *trials > 0), "any cell: {hit:?}");
}
