//! Presets of client libraries: each makes a client, and keys beside it count first.

use experiments::builtin::SCENARIOS;
use experiments::document::{Sources, Value, parse::parse};
use experiments::error::Problem;
use experiments::preset::CLIENTS;
use experiments::scenario::world;

/// The 2020 scenario with other keys for its services' clients.
fn with(client: &str) -> Result<models::WorldSpec, Vec<Problem>> {
    let base = SCENARIOS.iter().find(|known| known.name == "incident-2020");
    let base = base.expect("it is built in");
    let mut sources = Sources::default();
    let mut tree = parse(&mut sources, "base", base.text).expect("it is TOML");
    let text = format!("client = {{ {client} }}");
    let client = parse(&mut sources, "client", &text).expect("it is TOML");
    let Value::Table(root) = &mut tree.value else {
        unreachable!("a document is a table");
    };
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

#[test]
fn every_preset_makes_a_client() {
    for preset in &CLIENTS {
        let made = with(&format!("preset = \"{}\"", preset.name));
        assert!(made.is_ok(), "{}: {made:?}", preset.name);
    }
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
