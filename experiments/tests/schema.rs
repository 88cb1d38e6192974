//! The documented keys are those that are read: built-in files against the schema, the reference
//! against the code, the template as a user would run it.

use std::path::Path;

use crate::support::{directory, golden, outage, stderr, stdout};
use experiments::builtin::SCENARIOS;
use experiments::document::Sources;
use experiments::document::parse::parse;
use experiments::forms::replay::ReplaySpec;
use experiments::replay::judge::{scripted, total_of};
use experiments::replay::{Kind, Replay, trials};
use experiments::schema::keys::{self, Key, Shape};
use experiments::schema::{file, markdown, whole};
use models::WorldSpec;
use serde_json::{Value, json};

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
        ("redis", json!({ "maxmemory": "100.5%" })),
        ("redis", json!({ "fragmentation": "0.0x" })),
        ("price", json!({ "gib_hour": "2 EUR" })),
        ("clock", json!({ "starts": "2020-06-02" })),
        ("layout", json!({ "kind": "apart" })),
        ("service", json!([{ "name": "api" }])),
        ("fault", json!([{ "kind": "crash", "workload": "data" }])),
        ("replay", json!({ "checks": [] })),
        ("replay", json!({ "scripted": { "redis": { "shard": 1 } } })),
        (
            "replay",
            json!({ "blind": { "people": { "notice": "8min" } } }),
        ),
    ] {
        let mut document = fine.clone();
        document[key] = wrong;
        assert!(!schema.is_valid(&document), "{document}");
    }
}

/// A table at the end of a path that holds one key, which nobody knows.
fn unknown_at(steps: &[(String, bool, Option<String>)]) -> toml::Value {
    let mut here = toml::Table::new();
    here.insert("nobody_knows_it".to_owned(), 1.into());
    for (name, list, kind) in steps.iter().rev() {
        if let Some(kind) = kind {
            here.insert("kind".to_owned(), kind.as_str().into());
        }
        let inner = toml::Value::Table(std::mem::take(&mut here));
        let inner = if *list { vec![inner].into() } else { inner };
        here.insert(name.clone(), inner);
    }
    here.into()
}

/// The keys that serde names when it meets one that it does not know.
fn read_there<T: serde::de::DeserializeOwned>(steps: &[(String, bool, Option<String>)]) -> String {
    let told = unknown_at(steps).try_into::<T>().err();
    let told = told.expect("an unknown key is refused").to_string();
    let (what, known) = told.split_once('\n').unwrap_or((&told, ""));
    assert!(
        what.contains("`nobody_knows_it`"),
        "{steps:?}: {what}{known}"
    );
    let mut names: Vec<&str> = what.split('`').skip(1).step_by(2).collect();
    names.retain(|name| *name != "nobody_knows_it");
    names.sort_unstable();
    names.join(" ")
}

/// Every table of the schema has the keys that its type reads, no more and no fewer. Returns how
/// many tables there are.
fn hold_against<T: serde::de::DeserializeOwned>(
    steps: &mut Vec<(String, bool, Option<String>)>,
    keys: &[Key],
    beside: &[&str],
) -> usize {
    let mut names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    names.retain(|name| !beside.contains(name));
    names.sort_unstable();
    assert_eq!(names.join(" "), read_there::<T>(steps), "{steps:?}");
    let mut tables = 1;
    for key in keys
        .iter()
        .filter(|key| !beside.contains(&key.name.as_str()))
    {
        let (list, shape) = match &key.shape {
            Shape::List(of) => (true, of.as_ref()),
            one => (false, one),
        };
        let below: Vec<(Option<String>, &[Key])> = match shape {
            Shape::Table(keys) => vec![(None, keys)],
            Shape::Kinds(kinds) => {
                let kind = |kind: &'_ keys::Kind| Some(kind.name.clone());
                kinds.iter().map(|k| (kind(k), k.keys.as_slice())).collect()
            }
            Shape::Plain { .. } | Shape::Words(_) | Shape::List(_) | Shape::Fragment => vec![],
        };
        for (kind, keys) in below {
            steps.push((key.name.clone(), list, kind));
            tables += hold_against::<T>(steps, keys, beside);
            steps.pop();
        }
    }
    tables
}

#[test]
fn every_table_has_the_keys_that_are_read_there() {
    let all = keys::keys(&whole());
    // What is taken out of a file before it is typed.
    let world = hold_against::<WorldSpec>(&mut Vec::new(), &all, &["extends", "replay", "preset"]);
    let replay = all
        .iter()
        .find(|key| key.name == "replay")
        .expect("it is there");
    let Shape::Table(replay) = &replay.shape else {
        panic!("[replay] is a table");
    };
    let fragments = ["scripted", "blind", "with"];
    let replay = hold_against::<ReplaySpec>(&mut Vec::new(), replay, &fragments);
    assert!(world > 200 && replay > 10, "{world} and {replay} tables");
}

#[test]
fn a_key_is_told_by_itself_and_a_wrong_one_with_the_nearest() {
    let place = directory();
    let told = outage(place.path(), &["schema", "redis.maxmemory"]);
    assert_eq!(told.status.code(), Some(0));
    let expected = "\
redis.maxmemory: size or share

`maxmemory`, in bytes (`\"12GiB\"`) or as a share of the node's memory \
(`\"75%\"`); above 0. Absent: no limit, as Redis ships. A share follows the node \
when it is replaced by a larger one (`resize`, `autoscaler`); bytes stay as they \
are, as they do in redis.conf, and may exceed what the node has. Bytes are those \
of a node with `node_memory`: a layout with smaller or larger nodes takes them \
in proportion.

A size (a number and a unit, as of every size) or a share (a percentage from 0% \
to 100%).
For example \"12GiB\", \"75%\".
";
    assert_eq!(stdout(&told), expected);
    let inside = outage(place.path(), &["schema", "replay.scripted.people.notice"]);
    assert!(stdout(&inside).contains("log-normal"));
    for (key, help) in [
        ("redis.maxmemry", "did you mean `maxmemory`?"),
        ("fault.crush", "did you mean `crash`?"),
        ("replay.check.expect.form", "did you mean `from`?"),
    ] {
        let wrong = outage(place.path(), &["schema", key]);
        assert_eq!(wrong.status.code(), Some(2), "{key}");
        assert_eq!(stdout(&wrong), "");
        assert!(stderr(&wrong).contains(help), "{}", stderr(&wrong));
    }
}

#[test]
fn the_schema_of_one_key_stands_alone() {
    for (key, fine, wrong) in [
        ("redis.maxmemory", json!("3GiB"), json!("3gb")),
        (
            "people.notice",
            json!({ "kind": "constant", "value": "8min" }),
            json!("8min"),
        ),
        ("replay.check.expect.reported", json!("8min"), json!(8)),
        (
            "fault.at",
            json!({ "kind": "constant", "value": "1h" }),
            json!({ "kind": "at" }),
        ),
    ] {
        let place = directory();
        let told = stdout(&outage(place.path(), &["schema", key, "--json"]));
        let schema: Value = serde_json::from_str(&told).expect("it is JSON");
        let schema = jsonschema::validator_for(&schema).expect("the schema is one");
        assert!(schema.is_valid(&fine) && !schema.is_valid(&wrong), "{key}");
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
    let told = trials(&replay.name, (&replay.spec, &world), 1, 5, &()).expect("they end");
    assert!(
        told.iter()
            .all(|trial| total_of(&replay.spec, trial).is_some())
    );
    let lines = scripted(&replay, 1, &told, &()).expect("it can be judged");
    assert!(lines.iter().all(|line| line.pass), "{lines:?}");
    let text = std::fs::read_to_string(path).expect("it is there");
    assert!(parse(&mut Sources::default(), "template", &text).is_ok());
}
