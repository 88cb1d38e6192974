//! What no outcome shows: orders that are only recorded, and rules that nobody scrapes.

use sim::{Agenda, SimDuration, SimTime, Streams, run};
use toml::Table;

use super::{World, WorldSpec, build};
use crate::RunOptions;
use crate::event::Event;
use demand::{Control, Mode};

/// The small world with these keys replaced.
fn spec(changes: &str) -> WorldSpec {
    let mut world: Table = include_str!("../../tests/worlds/small.toml")
        .parse()
        .expect("it is TOML");
    let changes: Table = changes.parse().expect("it is TOML");
    for (key, value) in changes {
        match (world.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from))
                if !from.contains_key("kind") =>
            {
                into.extend(from);
            }
            (_, value) => drop(world.insert(key, value)),
        }
    }
    let spec: WorldSpec = world.try_into().expect("a world");
    assert_eq!(spec.problems(), []);
    spec
}

/// The world at its end, and how many events that took.
fn at_end(spec: &WorldSpec) -> (World<'_>, u64) {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: false,
        watched: None,
    };
    let mut world = build::world(spec, &Streams::for_trial(7, 2), &options, &[]);
    let mut agenda: Agenda<Event> = Agenda::new();
    world.start(&mut agenda);
    let end = SimTime::ZERO + spec.horizon;
    let summary = run(&mut world, &mut agenda, end, 1_000_000).expect("it ends");
    (world, summary.events)
}

#[test]
fn restarts_and_orders_are_recorded_with_their_service_in_every_cell() {
    ordered(1, "");
    let cells = r#"
        layout = { kind = "cells", count = 3, budget = "equal-cost" }
        redis.node_memory = "8GiB"
        price.node_month = "1 USD"
        "#;
    ordered(3, cells);
}

fn ordered(cells: usize, layout: &str) {
    let orders = r#"
        health_check = []
        fault = [{ kind = "hang", workload = "log", lasts = "3h",
            at = { kind = "constant", value = "10min" } }]
        failover = { kind = "none" }
        [people]
        alert_gap = "0%"
        notice = { kind = "constant", value = "1min" }
        acknowledge = { kind = "constant", value = "1min" }
        diagnose = { kind = "constant", value = "2min" }
        runbook = [
            { action = { kind = "shed-load", service = "api", share = "40%" },
                takes = { kind = "constant", value = "1min" } },
            { action = { kind = "stop-retries", service = "api" },
                takes = { kind = "constant", value = "1min" } },
            { action = { kind = "restart-servers" },
                takes = { kind = "constant", value = "1min" } },
            { action = { kind = "fail-over" }, takes = { kind = "constant", value = "1min" } },
        ]
        "#;
    let spec = spec(&format!("{layout}\n{orders}"));
    let (world, _) = at_end(&spec);
    assert_eq!(world.services.iter().count(), cells * spec.services.len());
    let minute = |n| SimTime::ZERO + SimDuration::from_mins(n);
    let expected = [
        (minute(15), Control::Shed(0.4)),
        (minute(17), Control::StopRetries),
    ];
    let mut restarts: Vec<(SimTime, Control)> = Vec::new();
    for (_, service) in world.services.iter() {
        let (orders, after) = service.processes()[0].controls.split_at(2);
        assert_eq!(orders, expected);
        restarts.extend(after);
    }
    // Only where requests fail is there a reason to restart.
    assert_eq!(restarts, [(minute(19), Control::Restart)]);
}

/// Every kind of rule.
const RULES: &str = r#"
    health_check = []
    fault = []
    horizon = "90d"
    alert = [
        { name = "a", metric = { kind = "memory", threshold = "90%" }, scrape = "15s",
            hold = "2min", missed = "0%", names_cause = true },
        { name = "b", metric = { kind = "memory-forecast", window = "1h", within = "4h" },
            scrape = "15s", hold = "0s", missed = "0%", names_cause = true },
        { name = "c", metric = { kind = "errors", service = "api", threshold = "5%",
            window = "5min" }, scrape = "15s", hold = "0s", missed = "0%", names_cause = false },
        { name = "d", metric = { kind = "burn-rate", service = "api", objective = "99%",
            factor = "6x", long = "6h", short = "30min" }, scrape = "15s", hold = "0s",
            missed = "0%", names_cause = false },
        { name = "e", metric = { kind = "node-down" }, scrape = "15s", hold = "1min",
            missed = "0%", names_cause = true },
        { name = "f", metric = { kind = "no-primary" }, scrape = "15s", hold = "0s",
            missed = "0%", names_cause = true },
    ]
"#;

#[test]
fn nobody_scrapes_ninety_healthy_days() {
    let mut spec = spec(RULES);
    for workload in &mut spec.workloads {
        // About 150 MiB of each in the whole time.
        workload.new_keys = "0.002/s".parse().expect("a rate");
    }
    let (world, with) = at_end(&spec);
    assert!(world.ledger.detections.is_empty(), "nothing is wrong");
    spec.alerts.clear();
    let (_, without) = at_end(&spec);
    assert!(
        with <= without + 50,
        "{with} events, {without} without rules"
    );
}
