//! Limits in a schema: for the validator as `maximum` and `maxItems`, for people in words.

use models::findings::grouped;
use models::spec::limits::{Limit, QUANTITIES};
use serde_json::{Value, json};

use super::keys::definition_pointer;

/// Writes the bounds of single keys into a schema.
///
/// # Panics
/// If a key is not in the schema.
pub fn keys<'a>(schema: &mut Value, limits: impl IntoIterator<Item = &'a Limit>) {
    for limit in limits {
        let places = places(schema, limit.key);
        assert!(!places.is_empty(), "there is no key {}", limit.key);
        for place in places {
            let key = schema.pointer_mut(&place).expect("it was found");
            let bound = if key["type"] == "array" {
                "maxItems"
            } else {
                "maximum"
            };
            key[bound] = json!(limit.most);
            key["x-limit"] = json!(limit.why);
            let most = grouped(limit.most.into());
            let about = key["description"].as_str().unwrap_or_default();
            key["description"] = json!(format!("{about} At most {most}: {}.", limit.why).trim());
        }
    }
}

/// Says of every kind of value how large it may be.
pub fn quantities(schema: &mut Value) {
    for limit in QUANTITIES {
        let kind = &mut schema["$defs"][limit.quantity];
        if let Some(about) = kind["description"].as_str() {
            kind["description"] = json!(format!("{about} At most {}.", limit.most));
        }
    }
}

/// The JSON pointers of the schemas that a dotted path names.
fn places(root: &Value, path: &str) -> Vec<String> {
    let mut here = vec![String::new()];
    for step in path.split('.') {
        let tables = here.iter().flat_map(|place| tables(root, place));
        let below = tables.filter_map(|table| {
            let schema = root.pointer(&table).expect("it was found");
            if schema["properties"]["kind"]["const"] == step {
                return Some(table);
            }
            schema["properties"]
                .get(step)
                .map(|_| format!("{table}/properties/{step}"))
        });
        here = below.collect();
    }
    here.sort();
    here.dedup();
    here
}

/// The tables that may stand at a place: itself, its kinds, its elements, what it refers to.
fn tables(root: &Value, place: &str) -> Vec<String> {
    let schema = root.pointer(place).expect("it was found");
    if let Some(reference) = schema["$ref"].as_str() {
        return tables(root, &definition_pointer(reference));
    }
    if schema.get("items").is_some() {
        return tables(root, &format!("{place}/items"));
    }
    match schema["oneOf"].as_array() {
        Some(kinds) => (0..kinds.len())
            .flat_map(|kind| tables(root, &format!("{place}/oneOf/{kind}")))
            .collect(),
        None => vec![place.to_owned()],
    }
}
