//! The documented keys are those that are read: built-in files against the schema, the reference
//! against the code, the template as a user would run it.

mod support;

use std::path::Path;

use experiments::document::Sources;
use experiments::document::parse::parse;
use experiments::replay::judge::{scripted, total_of};
use experiments::replay::{Kind, Replay, trials};
use experiments::scenario::SCENARIOS;
use experiments::schema::keys::{self, Key};
use experiments::schema::{file, markdown, whole};
use serde_json::{Value, json};
use support::golden;

/// A TOML text as JSON.
fn json_of(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("it is TOML");
    serde_json::to_value(table).expect("TOML is JSON but for dates")
}

#[test]
fn every_built_in_scenario_is_one_by_the_schema() {
    let schema = jsonschema::validator_for(&file()).expect("the schema is one");
    for scenario in &SCENARIOS {
        let document = json_of(scenario.text);
        let errors: Vec<String> = schema
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{}", scenario.name);
    }
}

#[test]
fn what_the_decoder_refuses_for_its_form_the_schema_refuses_too() {
    let schema = jsonschema::validator_for(&file()).expect("the schema is one");
    let about = json!({ "title": "t" });
    let fine = json!({ "extends": "clients", "about": about, "horizon": "1h" });
    assert!(schema.is_valid(&fine));
    for (key, wrong) in [
        ("horizon", json!(60)),
        ("horizon", json!("60")),
        ("horizons", json!("60s")),
        ("redis", json!({ "shard": 1 })),
        ("redis", json!({ "shards": "1" })),
        ("redis", json!({ "maxmemory": "0.9" })),
        ("layout", json!({ "kind": "split" })),
        ("service", json!([{ "name": "api" }])),
        ("fault", json!([{ "kind": "crash", "workload": "data" }])),
        ("replay", json!({ "checks": [] })),
    ] {
        let mut document = fine.clone();
        document[key] = wrong;
        assert!(!schema.is_valid(&document), "{document}");
    }
}

#[test]
fn every_key_says_what_it_means() {
    fn look(path: &str, all: &[&Key], silent: &mut Vec<String>) {
        for key in all {
            let path = format!("{path}.{}", key.name);
            if key.meaning.len() < 3 {
                silent.push(path.clone());
            }
            look(&path, &key.shape.keys(), silent);
        }
    }
    let keys = keys::keys(&whole());
    let mut silent = Vec::new();
    look("", &keys.iter().collect::<Vec<_>>(), &mut silent);
    assert_eq!(silent, [""; 0]);
}

#[test]
fn the_reference_is_what_the_types_say() {
    let keys = keys::keys(&whole());
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/REFERENCE.md");
    golden(Path::new(place), &markdown::reference(&keys));
}

#[test]
fn the_template_is_a_scenario_that_can_be_replayed() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/template/replay.toml"
    );
    let mut sources = Sources::default();
    let replay = Replay::load(&mut sources, path).expect("it reads");
    let world = replay.world(Kind::Scripted, None).expect("it is sound");
    let told = trials(&replay.name, &world, 1, 5).expect("they end");
    assert!(
        told.iter()
            .all(|trial| total_of(&replay.spec, trial).is_some())
    );
    let lines = scripted(&replay, 1, &told).expect("it can be judged");
    assert!(lines.iter().all(|line| line.pass), "{lines:?}");
    let text = std::fs::read_to_string(path).expect("it is there");
    assert!(parse(&mut Sources::default(), "template", &text).is_ok());
}
