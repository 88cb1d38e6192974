//! What a scenario file may hold: its JSON Schema, from the types that read it, and the same in
//! words.
//!
//! ```text
//! models::WorldSpec, ReplaySpec ──schemars──► whole() ──► file(): what one file may leave out
//!                                               ├──► keys.rs ──► text.rs (a terminal), markdown.rs
//!                                               └──► check/: every mistake in a document
//! ```
//!
//! A file that `extends` another may leave out whatever that one has, in tables; an array replaces
//! the other's, so what stands in it is whole.

pub mod check;
pub mod keys;
mod limits;
pub mod markdown;
pub mod text;

use models::WorldSpec;
use models::spec::limits::{LIMITS, Limit, STUDY_LIMITS};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::builtin::SCENARIOS;
use crate::forms::replay::{ReplayFile, ReplaySpec};
use crate::forms::study::StudyFile;
use crate::hazards::HAZARDS;
use crate::preset::CLIENTS;

/// The schema of a complete scenario, whatever it extends merged into it.
pub fn whole() -> Value {
    let settings = || SchemaSettings::draft2020_12().into_generator();
    let mut world = of::<WorldSpec>(settings());
    let mut replay = of::<ReplaySpec>(settings());
    let defs = take(&mut replay, "$defs");
    let known = world["$defs"].as_object_mut().expect("there are some");
    for (name, def) in defs {
        let before = known.insert(name.clone(), def.clone());
        assert!(
            before.is_none_or(|before| before == def),
            "two types are named {name}"
        );
    }
    fragments(&mut replay);
    world["$defs"]["ReplayCheckSpec"]["properties"]["with"] = fragment(
        "For `compare`: a fragment of a scenario, merged into this one; the same trials are \
         simulated with it.",
    );
    replay["description"] = json!(
        "What a replay compares with a public report; absent: the scenario cannot be replayed."
    );
    world["$defs"]["ClientSpec"]["properties"]["preset"] = json!({
        "description": "A client library, whose defaults are used for all keys that are not \
                        given, also inside tables such as `follows`; `outage clients` compares \
                        them. For another library take the closest preset and give the keys that \
                        differ. Absent: all keys are given.",
        "enum": CLIENTS.map(|client| client.name),
    });
    world["$defs"]["HazardsSpec"]["properties"]["preset"] = json!({
        "description": "Rates of a file in `experiments/hazards`, with their sources, for all \
                        keys that are not given here. Absent: only what is given here happens.",
        "enum": HAZARDS.map(|preset| preset.name),
    });
    let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let properties = world["properties"].as_object_mut().expect("a table");
    properties.shift_insert(
        0,
        "extends".to_owned(),
        json!({
            "description": "A built-in scenario or a file that this one is merged onto: tables key \
                            by key, everything else replaced whole; absent: it stands alone.",
            "type": "string",
            "examples": known,
        }),
    );
    properties.insert("replay".to_owned(), replay);
    world["title"] = json!("A scenario of outage");
    world["description"] = json!("A TOML file: snake_case keys, every quantity with its unit.");
    tidy(&mut world);
    limits::keys(&mut world, &LIMITS);
    limits::quantities(&mut world);
    world
}

/// The schema of a scenario in which every `extends` is merged and the `[replay]` table is not
/// looked at.
fn world() -> Value {
    let mut world = whole();
    let properties = world["properties"].as_object_mut().expect("a table");
    properties.retain(|key, _| key != "extends" && key != "replay");
    // A preset stands for all keys that are not given.
    let client = world["$defs"]["ClientSpec"].as_object_mut();
    let client = client.expect("a table");
    let all = client.remove("required").expect("some are");
    client.insert("if".to_owned(), json!({ "required": ["preset"] }));
    client.insert("else".to_owned(), json!({ "required": all }));
    world
}

/// The schema of a `[replay]` table in an otherwise empty document, its fragments taken out.
fn replay() -> Value {
    let settings = SchemaSettings::draft2020_12().into_generator();
    let mut replay = of::<ReplayFile>(settings);
    // Taken out already; here so that a message lists them among the known keys.
    fragments(&mut replay["$defs"]["ReplaySpec"]);
    tidy(&mut replay);
    let of_replay = |limit: &&Limit| limit.key.starts_with("replay.");
    limits::keys(&mut replay, LIMITS.iter().filter(of_replay));
    replay
}

/// The schema of a study file.
pub fn study() -> Value {
    let settings = SchemaSettings::draft2020_12().into_generator();
    let mut study = of::<StudyFile>(settings);
    tidy(&mut study);
    limits::keys(&mut study, &STUDY_LIMITS);
    study
}

/// The schema of a scenario file, for editors: a table of a file that extends another may leave
/// keys out.
pub fn file() -> Value {
    let whole = whole();
    let mut file = whole.clone();
    optional(&mut file, &whole);
    // A preset stands for all keys that are not given.
    let client = &mut file["$defs"]["ClientSpec"];
    let all = client["required"].take();
    client["anyOf"] = json!([{ "required": ["preset"] }, { "required": all }]);
    client.as_object_mut().expect("a table").remove("required");
    let part = part(&file);
    file["$defs"]["Fragment"] = part;
    let replay = &mut file["properties"]["replay"]["properties"];
    for key in ["scripted", "blind"] {
        refer_to_fragment(&mut replay[key]);
    }
    refer_to_fragment(&mut file["$defs"]["ReplayCheckSpec"]["properties"]["with"]);
    file
}

/// A part of a scenario that is merged into another: it does not extend a file, nor is it replayed.
fn part(file: &Value) -> Value {
    let mut properties = file["properties"].clone();
    let table = properties.as_object_mut().expect("a table");
    table.retain(|key, _| key != "extends" && key != "replay");
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn refer_to_fragment(key: &mut Value) {
    let key = key.as_object_mut().expect("a schema is a table");
    key.remove("type");
    key.insert("$ref".to_owned(), json!("#/$defs/Fragment"));
}

/// The schema of what stands at a dotted path, by itself; `None` if no key is called so. Where
/// several kinds of a table have the key, any of their schemas may hold.
pub fn at(path: &str) -> Option<Value> {
    let file = file();
    let mut here = vec![&file];
    for step in path.split('.') {
        let tables = here.into_iter().flat_map(|schema| tables(&file, schema));
        let steps = tables.filter_map(|table| table["properties"].get(step));
        here = steps.collect();
    }
    here.dedup();
    let mut found = match here.as_slice() {
        [] => return None,
        [one] => (*one).clone(),
        several => json!({ "anyOf": several }),
    };
    found["$schema"] = file["$schema"].clone();
    found["$defs"] = file["$defs"].clone();
    Some(found)
}

/// The tables that a schema allows: itself, its kinds, its elements, what it refers to.
fn tables<'a>(file: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return tables(file, keys::definition(file, reference));
    }
    if schema.get("items").is_some() {
        return tables(file, &schema["items"]);
    }
    let kinds = ["oneOf", "anyOf"].map(|either| schema[either].as_array());
    let below = kinds.into_iter().flatten().flatten();
    let below = below.flat_map(|kind| tables(file, kind));
    std::iter::once(schema).chain(below).collect()
}

fn of<T: schemars::JsonSchema>(generator: schemars::SchemaGenerator) -> Value {
    generator.into_root_schema_for::<T>().to_value()
}

fn take(schema: &mut Value, key: &str) -> Map<String, Value> {
    let table = schema.as_object_mut().expect("a schema is a table");
    table.remove("$schema");
    table.remove("title");
    let taken = table.remove(key);
    taken
        .and_then(|taken| taken.as_object().cloned())
        .unwrap_or_default()
}

/// What a replay changes, beside what it compares.
fn fragments(replay: &mut Value) {
    let properties = &mut replay["properties"];
    properties["scripted"] = fragment(
        "A fragment of a scenario that is merged for scripted replays: people's times as the \
         report gives them; absent: nothing is.",
    );
    properties["blind"] =
        fragment("A fragment of a scenario that is merged for blind replays; absent: nothing is.");
}

fn fragment(description: &str) -> Value {
    json!({ "description": description, "type": "object" })
}

/// Takes out what TOML does not have (null), and line breaks of the comments that it came from.
fn tidy(schema: &mut Value) {
    if let Value::Object(table) = schema {
        if let Some(Value::Array(types)) = table.get_mut("type") {
            types.retain(|of| of != "null");
            if types.len() == 1 {
                let only = types.remove(0);
                table.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(either)) = table.get_mut("anyOf") {
            either.retain(|of| of["type"] != "null");
            if either.len() == 1
                && let Value::Object(only) = either.remove(0)
            {
                table.remove("anyOf");
                table.extend(only);
            }
        }
        if table.remove("format") == Some(json!("uint32")) {
            table.entry("maximum").or_insert(json!(u32::MAX));
        }
        if let Some(Value::String(text)) = table.get_mut("description") {
            *text = paragraphs(text);
        }
    }
    match schema {
        Value::Object(table) => table.values_mut().for_each(tidy),
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Text with its lines joined, but not across empty ones, and without fences.
fn paragraphs(text: &str) -> String {
    let text = text.split("```").step_by(2).collect::<String>();
    let joined = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let joined: Vec<String> = joined.filter(|paragraph| !paragraph.is_empty()).collect();
    joined.join("\n\n")
}

/// Tables that are reached without an array in between may leave keys out: a copy of each of them
/// in which none is required.
fn optional(schema: &mut Value, whole: &Value) {
    let Value::Object(table) = schema else {
        return;
    };
    if let Some(name) = table.get("$ref").and_then(Value::as_str) {
        let def = keys::definition(whole, name).clone();
        if def.get("properties").is_some() || def.get("oneOf").is_some() {
            table.remove("$ref");
            let described = table.get("description").cloned();
            if let Value::Object(def) = def {
                table.extend(def);
            }
            if let Some(described) = described {
                table.insert("description".to_owned(), described);
            }
        }
    }
    table.remove("required");
    if let Some(kinds) = table.remove("oneOf") {
        table.insert("anyOf".to_owned(), kinds);
    }
    if let Some(Value::Array(kinds)) = table.get_mut("anyOf") {
        for kind in kinds {
            optional(kind, whole);
        }
    }
    if let Some(Value::Object(properties)) = table.get_mut("properties") {
        for property in properties.values_mut() {
            optional(property, whole);
        }
    }
}
