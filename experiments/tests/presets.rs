//! Presets of client libraries: each makes a client, and keys beside it count first.

use experiments::builtin::SCENARIOS;
use experiments::document::{Sources, Value, parse::parse};
use experiments::error::Problem;
use experiments::preset::CLIENTS;
use experiments::scenario::world;

/// The 2020 scenario with other keys for its services' clients.
fn with(client: &str) -> Result<models::WorldSpec, Vec<Problem>> {
    with_failover(client, "")
}

/// The same with another failover.
fn with_failover(client: &str, failover: &str) -> Result<models::WorldSpec, Vec<Problem>> {
    let base = SCENARIOS.iter().find(|known| known.name == "incident-2020");
    let base = base.expect("it is built in");
    let mut sources = Sources::default();
    let mut tree = parse(&mut sources, "base", base.text).expect("it is TOML");
    let text = format!("client = {{ {client} }}\n{failover}");
    let client = parse(&mut sources, "client", &text).expect("it is TOML");
    let Value::Table(root) = &mut tree.value else {
        unreachable!("a document is a table");
    };
    if let Some(failover) = client.entry("failover") {
        root.insert("failover".to_owned(), failover.clone());
    }
    let services = root.get_mut("service").expect("it has services");
    let Value::Array(services) = &mut services.node.value else {
        unreachable!("services are an array");
    };
    for service in services {
        let Value::Table(service) = &mut service.value else {
            unreachable!("a service is a table");
        };
        let entry = client.entry("client").expect("it was written").clone();
        service.insert("client".to_owned(), entry);
    }
    world(&tree)
}

const NONE: &str = r#"failover = { kind = "none" }"#;

const SENTINEL: &str = r#"
    failover = { kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
      failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
      latency = "250us", config_save = "3ms" }"#;

const MANAGED: &str = r#"failover = { kind = "managed", dns_ttl = "15s",
    takes = { kind = "constant", value = "12s" } }"#;

#[test]
fn every_preset_makes_a_client() {
    for preset in &CLIENTS {
        for failover in ["", MANAGED, NONE] {
            let made = with_failover(&format!("preset = \"{}\"", preset.name), failover);
            assert!(made.is_ok(), "{}: {made:?}", preset.name);
        }
    }
}

#[test]
fn a_library_without_a_sentinel_client_is_refused_under_sentinels() {
    let refused = |name: &&str| {
        let made = with_failover(&format!("preset = \"{name}\""), SENTINEL);
        made.is_err_and(|problems| {
            // One for each service that has such a client.
            assert_eq!(problems.len(), 3, "{problems:?}");
            let said = |p: &Problem| p.wrong.contains("no sentinel client") && p.place.is_some();
            problems.iter().all(said)
        })
    };
    let names: Vec<&str> = CLIENTS.iter().map(|preset| preset.name).collect();
    let refused: Vec<&str> = names.into_iter().filter(refused).collect();
    let without = ["redis-rs-1", "valkey-glide-2", "phpredis-6"];
    assert_eq!(refused, without);
}

#[test]
fn the_table_of_a_preset_fits_the_failover_or_the_mode_that_is_written() {
    let client = |failover: &str, mode: &str| {
        let made = with_failover(&format!("preset = \"lettuce-6\"{mode}"), failover);
        made.expect("it is sound").services[0].client.clone()
    };
    let looks = |client: &models::spec::ClientSpec| client.follows.expect("it has a rule").on_error;
    assert!(!looks(&client("", "")), "a cluster client");
    assert!(looks(&client(SENTINEL, "")), "a Sentinel client");
    assert!(client(MANAGED, "").reconnect.is_some(), "a plain client");
    assert!(client(NONE, ", mode = \"address\"").reconnect.is_some());
    let problems = with(r#"preset = "lettuce-6", mode = "sentinel""#).expect_err("no Sentinels");
    assert!(
        problems[0].wrong.contains("mode `sentinel` does not exist"),
        "{problems:?}"
    );
    let problems = with(r#"preset = "lettuce-6", mode = "proxy""#).expect_err("no interval");
    assert!(problems[0].help.contains("every"), "{problems:?}");
}

#[test]
fn keys_beside_a_preset_count_first() {
    let made = with(r#"preset = "jedis-6", retries = 1"#).expect("it is sound");
    let client = &made.services[0].client;
    assert_eq!(client.retries, 1);
    assert_eq!(client.command_timeout, Some(sim::SimDuration::from_secs(2)));
}

#[test]
fn an_unknown_preset_is_answered_with_the_nearest() {
    let problems = with(r#"preset = "jedis-66""#).expect_err("there is none");
    assert!(problems[0].help.contains("jedis-6"), "{:?}", problems[0]);
    assert!(problems[0].place.is_some());
}
