//! The schema as it is validated: one mistake is one error, at the value that it is about.
//!
//! | for editors | for the validator | so that |
//! | --- | --- | --- |
//! | `oneOf` tables with a `kind` | if `kind` is `x`, the keys of `x` | only that kind reports |
//! | `oneOf` words | `enum` | one error lists all words |
//! | a `pattern` of a quantity | the code that reads it, as a `format` | its own message is shown |

use jsonschema::Validator;
use serde_json::{Value, json};

use super::words::QUANTITIES;

/// Compiles a schema of ours.
///
/// # Panics
/// If it is no JSON Schema.
pub fn validator(mut schema: Value) -> Validator {
    quantities_by_format(&mut schema);
    strict(&mut schema);
    let mut options = jsonschema::options().should_validate_formats(true);
    for (kind, read) in QUANTITIES {
        options = options.with_format(kind, move |text: &str| read(kind, text).is_ok());
    }
    options.build(&schema).expect("our schema is one")
}

fn quantities_by_format(schema: &mut Value) {
    let Some(definitions) = schema["$defs"].as_object_mut() else {
        return;
    };
    for (name, definition) in definitions {
        let table = definition.as_object_mut().expect("a definition is a table");
        if table.remove("pattern").is_some() {
            table.insert("format".to_owned(), json!(name));
        }
    }
}

fn strict(schema: &mut Value) {
    match schema {
        Value::Object(table) => {
            if let Some(Value::Array(variants)) = table.remove("oneOf") {
                table.extend(chosen(variants).as_object().expect("a table").clone());
            }
            table.values_mut().for_each(strict);
        }
        Value::Array(list) => list.iter_mut().for_each(strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A choice among variants by what is written.
fn chosen(variants: Vec<Value>) -> Value {
    let kind = |variant: &Value| variant["properties"]["kind"]["const"].clone();
    if variants.iter().any(|variant| kind(variant).is_null()) {
        let words: Vec<Value> = variants.iter().flat_map(words).collect();
        assert!(!words.is_empty(), "a choice is by kind or by word");
        return json!({ "enum": words });
    }
    let kinds: Vec<Value> = variants.iter().map(kind).collect();
    let branches = variants.into_iter().map(|variant| {
        json!({
            "if": {
                "type": "object",
                "properties": { "kind": { "const": kind(&variant) } },
                "required": ["kind"],
            },
            "then": variant,
        })
    });
    json!({
        "type": "object",
        "properties": { "kind": { "enum": kinds } },
        "required": ["kind"],
        "allOf": branches.collect::<Vec<Value>>(),
    })
}

fn words(variant: &Value) -> Vec<Value> {
    match (variant.get("const"), variant["enum"].as_array()) {
        (Some(word), _) => vec![word.clone()],
        (None, Some(words)) => words.clone(),
        (None, None) => Vec::new(),
    }
}
