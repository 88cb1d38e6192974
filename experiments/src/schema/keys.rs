//! The keys of a scenario as a tree that can be walked and asked: from its JSON Schema.

use serde_json::Value;

/// The form of an integer.
pub const WHOLE: &str = "whole number";

/// The form of any number.
pub const NUMBER: &str = "number";

/// The form of a truth value.
pub const TRUTH: &str = "true or false";

/// The form of a text without a form of its own.
pub const TEXT: &str = "text";

/// One key of a table.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Must it be given?
    pub required: bool,
    /// What it means.
    pub meaning: String,
    /// Why there is a limit to it, if there is.
    pub limit: Option<String>,
    /// What stands there.
    pub shape: Shape,
}

/// What stands at a key.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Text, a number or a truth value, with the name of its form and examples.
    Plain {
        /// Such as `duration`.
        form: String,
        /// What the form is.
        about: String,
        /// As they stand in a file.
        examples: Vec<String>,
    },
    /// One of these words.
    Words(Vec<(String, String)>),
    /// A table with these keys.
    Table(Vec<Key>),
    /// A table whose keys depend on its `kind`.
    Kinds(Vec<Kind>),
    /// An array.
    List(Box<Shape>),
    /// A part of a scenario.
    Fragment,
}

/// One kind of table.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name: the value of `kind`.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Its keys, but for `kind`.
    pub keys: Vec<Key>,
}

/// The definition that a reference names.
pub fn definition<'a>(root: &'a Value, reference: &str) -> &'a Value {
    let named = root.pointer(&definition_pointer(reference));
    named.expect("a reference names a definition")
}

/// The JSON pointer to the definition that a reference names.
pub fn definition_pointer(reference: &str) -> String {
    reference.trim_start_matches('#').replace("%20", " ")
}

/// The keys of a whole scenario.
pub fn keys(root: &Value) -> Vec<Key> {
    keys_of(root, root)
}

fn keys_of(root: &Value, table: &Value) -> Vec<Key> {
    let required = table["required"].as_array();
    let required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let Some(properties) = table["properties"].as_object() else {
        return Vec::new();
    };
    let key = |(name, schema): (&String, &Value)| Key {
        name: name.clone(),
        required: required(name),
        meaning: meaning(root, schema),
        limit: schema["x-limit"].as_str().map(str::to_owned),
        shape: shape(root, schema),
    };
    properties
        .iter()
        .filter(|(_, schema)| schema.get("const").is_none())
        .map(key)
        .collect()
}

fn text(schema: &Value, key: &str) -> String {
    schema[key].as_str().unwrap_or_default().to_owned()
}

fn meaning(root: &Value, schema: &Value) -> String {
    let own = text(schema, "description");
    match (own.is_empty(), schema["$ref"].as_str()) {
        (true, Some(reference)) => text(definition(root, reference), "description"),
        (true, None) | (false, _) => own,
    }
}

fn shape(root: &Value, schema: &Value) -> Shape {
    if let Some(reference) = schema["$ref"].as_str() {
        let named = definition(root, reference);
        let name = reference.trim_start_matches("#/$defs/").replace("%20", " ");
        return shape_of(root, named, &name);
    }
    shape_of(root, schema, "")
}

fn shape_of(root: &Value, schema: &Value, name: &str) -> Shape {
    if let Some(variants) = schema["oneOf"].as_array() {
        let kinds: Vec<Kind> = variants.iter().filter_map(|v| kind(root, v)).collect();
        if !kinds.is_empty() {
            return Shape::Kinds(kinds);
        }
        return Shape::Words(variants.iter().flat_map(words).collect());
    }
    if schema.get("enum").is_some() {
        return Shape::Words(words(schema));
    }
    let plain = schema["type"].as_str().or(schema["type"][0].as_str());
    match plain {
        Some("array") => Shape::List(Box::new(shape(root, &schema["items"]))),
        Some("object") if schema.get("properties").is_some() => Shape::Table(keys_of(root, schema)),
        Some("object") => Shape::Fragment,
        Some(plain) => {
            let form = match (plain, name) {
                ("integer", _) => WHOLE,
                ("number", _) => NUMBER,
                ("boolean", _) => TRUTH,
                (_, "") => TEXT,
                (_, name) => name,
            };
            let examples = schema["examples"].as_array();
            let examples = examples.map_or(&[][..], Vec::as_slice);
            Shape::Plain {
                form: form.to_owned(),
                about: match name {
                    "" => String::new(),
                    _ => text(schema, "description"),
                },
                examples: examples.iter().map(Value::to_string).collect(),
            }
        }
        None => Shape::Fragment,
    }
}

/// Words that may stand somewhere, with what they mean if that is known.
fn words(schema: &Value) -> Vec<(String, String)> {
    if let Some(word) = schema["const"].as_str() {
        return vec![(word.to_owned(), text(schema, "description"))];
    }
    let all = schema["enum"].as_array();
    let all = all.map_or(&[][..], Vec::as_slice);
    let word = |word: &Value| (word.as_str().unwrap_or_default().to_owned(), String::new());
    all.iter().map(word).collect()
}

fn kind(root: &Value, variant: &Value) -> Option<Kind> {
    let name = variant["properties"]["kind"]["const"].as_str()?;
    Some(Kind {
        name: name.to_owned(),
        meaning: text(variant, "description"),
        keys: keys_of(root, variant),
    })
}

impl Shape {
    /// What stands here, in a few words.
    pub fn name(&self) -> String {
        match self {
            Shape::Plain { form, .. } => form.clone(),
            Shape::Words(words) if words.len() <= 4 => {
                let words: Vec<String> = words.iter().map(|(w, _)| format!("\"{w}\"")).collect();
                words.join(" or ")
            }
            Shape::Words(words) => format!("one of {} words", words.len()),
            Shape::Table(_) => "table".to_owned(),
            Shape::Kinds(_) if self.is_distribution() => "distribution".to_owned(),
            Shape::Kinds(_) => "table, by kind".to_owned(),
            Shape::List(of) => match of.as_ref() {
                Shape::Table(_) => "array of tables".to_owned(),
                Shape::Kinds(_) => "array of tables, by kind".to_owned(),
                other => format!("array of: {}", other.name()),
            },
            Shape::Fragment => "part of a scenario".to_owned(),
        }
    }

    /// Is it a table?
    pub fn is_table(&self) -> bool {
        match self {
            Shape::Table(_) | Shape::Kinds(_) | Shape::Fragment => true,
            Shape::Plain { .. } | Shape::Words(_) | Shape::List(_) => false,
        }
    }

    /// A distribution of durations: it stands in many places and is described once.
    pub fn is_distribution(&self) -> bool {
        match self {
            Shape::Kinds(kinds) => kinds.iter().any(|kind| kind.name == "log-normal"),
            Shape::Plain { .. }
            | Shape::Words(_)
            | Shape::Table(_)
            | Shape::List(_)
            | Shape::Fragment => false,
        }
    }

    /// The keys in it, of all kinds.
    pub fn keys(&self) -> Vec<&Key> {
        match self {
            Shape::Table(keys) => keys.iter().collect(),
            Shape::Kinds(kinds) => kinds.iter().flat_map(|kind| &kind.keys).collect(),
            Shape::List(of) => of.keys(),
            Shape::Plain { .. } | Shape::Words(_) | Shape::Fragment => Vec::new(),
        }
    }

    /// The kinds of it.
    pub fn kinds(&self) -> &[Kind] {
        match self {
            Shape::Kinds(kinds) => kinds,
            Shape::List(of) => of.kinds(),
            Shape::Plain { .. } | Shape::Words(_) | Shape::Table(_) | Shape::Fragment => &[],
        }
    }
}

/// What a dotted path names; a kind may stand in it: `fault.crash.at`.
pub enum Found<'a> {
    /// These keys: one, or the same one of several kinds.
    Keys(Vec<&'a Key>),
    /// One kind of the table before it.
    Kind(&'a Kind),
}

/// Looks a path up; else the part that is not known, and what is known there.
pub fn find<'a>(keys: &'a [Key], path: &str) -> Result<Found<'a>, (String, Vec<String>)> {
    let mut here: Vec<&Key> = keys.iter().collect();
    let mut found: Vec<&Key> = Vec::new();
    let mut kind: Option<&Kind> = None;
    for step in path.split('.') {
        let step = step.trim_end_matches("[]");
        let named: Vec<&Key> = here
            .iter()
            .copied()
            .filter(|key| key.name == step)
            .collect();
        let kinds = found.iter().flat_map(|key| key.shape.kinds());
        if !named.is_empty() {
            // A part of a scenario holds what the file does.
            let below = |key: &&'a Key| -> Vec<&'a Key> {
                if matches!(key.shape, Shape::Fragment) {
                    return keys.iter().collect();
                }
                key.shape.keys()
            };
            here = named.iter().flat_map(below).collect();
            (found, kind) = (named, None);
        } else if let Some(of) = kinds.clone().find(|kind| kind.name == step) {
            here = of.keys.iter().collect();
            kind = Some(of);
        } else {
            let known = here.iter().map(|key| key.name.clone());
            let mut known: Vec<String> = known.chain(kinds.map(|k| k.name.clone())).collect();
            known.sort();
            known.dedup();
            return Err((step.to_owned(), known));
        }
    }
    Ok(match kind {
        Some(kind) => Found::Kind(kind),
        None => Found::Keys(found),
    })
}
