//! What serde says about a tree, taken apart into what a user needs to know.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::super::{Entry, Node, Place, Step, Table, Value};
use crate::error::nearest;

/// One refusal: where, as far as serde knew, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// The path to the value, or to the table that lacks a key.
    pub path: Vec<Step>,
    /// What serde said.
    pub message: String,
    /// What it means.
    pub kind: Kind,
}

/// What a refusal means.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A key that nobody reads.
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that would be read.
        known: Vec<String>,
    },
    /// A key that must be there.
    MissingKey {
        /// The key.
        key: String,
    },
    /// A word that is not among those that mean something.
    UnknownWord {
        /// The word.
        word: String,
        /// The words that mean something.
        known: Vec<String>,
    },
    /// A number where text is expected, and the like.
    WrongType {
        /// What serde expected.
        expected: String,
    },
    /// Of the right type, but refused all the same.
    Refused {
        /// Why.
        wrong: String,
        /// What to write instead.
        mend: String,
    },
}

/// Decodes a copy of the tree.
pub fn attempt<T: DeserializeOwned>(tree: &Node) -> Result<T, Complaint> {
    serde_path_to_error::deserialize(tree.to_toml()).map_err(|error| {
        let mut path = Vec::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => path.push(Step::Index(*index)),
                Segment::Map { key } => path.push(Step::Key(key.clone())),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().message().to_owned();
        let kind = understand(&message);
        Complaint {
            path,
            message,
            kind,
        }
    })
}

fn understand(message: &str) -> Kind {
    let words: Vec<String> = message
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let first = words.first().cloned().unwrap_or_default();
    let rest = words.get(1..).unwrap_or_default().to_vec();
    if message.starts_with("unknown field `") {
        return Kind::UnknownKey {
            key: first,
            known: rest,
        };
    }
    if message.starts_with("missing field `") {
        return Kind::MissingKey { key: first };
    }
    if message.starts_with("unknown variant `") {
        return Kind::UnknownWord {
            word: first,
            known: rest,
        };
    }
    let typed = message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    if let (true, Some((_, expected))) = (typed, message.split_once(", expected ")) {
        return Kind::WrongType {
            expected: expected.to_owned(),
        };
    }
    let (wrong, mend) = message
        .rsplit_once("; ")
        .unwrap_or((message, "write another value"));
    Kind::Refused {
        wrong: wrong.to_owned(),
        mend: mend.to_owned(),
    }
}

/// A table whose keys depend on its `kind`, in serde's words.
const TAGGED: &str = "internally tagged enum";

/// One of these that many keys hold, and that is easily taken for a plain duration.
pub const DISTRIBUTION: &str = "internally tagged enum Dist";

/// What serde expected, as a user would say it.
pub fn form(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number such as 3".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number such as 3".to_owned(),
        "f32" | "f64" => "a number such as 0.5".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a sequence" => "an array: [ … ]".to_owned(),
        DISTRIBUTION => {
            "a distribution such as { kind = \"constant\", value = \"90s\" }".to_owned()
        }
        other if other.starts_with(TAGGED) => "a table: { kind = \"…\", … }".to_owned(),
        other if is_table(other) => "a table: { … }".to_owned(),
        other => other.to_owned(),
    }
}

/// Did serde expect a table?
pub fn is_table(expected: &str) -> bool {
    ["struct ", TAGGED, "adjacently tagged enum", "a map"]
        .iter()
        .any(|start| expected.starts_with(start))
}

/// The words that could stand at the end of the path, if words are what is expected there.
pub fn words<T: DeserializeOwned>(tree: &Node, path: &[Step]) -> Option<Vec<String>> {
    let mut asked = tree.clone();
    asked.at_mut(path)?.value = Value::Scalar(toml::Value::String("?".to_owned()));
    match attempt::<T>(&asked) {
        Err(Complaint {
            kind: Kind::UnknownWord { word, known },
            ..
        }) if word == "?" => Some(known),
        Ok(_) | Err(_) => None,
    }
}

/// The keys of the table that could stand at the end of the path, if one is expected there whose
/// keys do not depend on its `kind`.
pub fn keys<T: DeserializeOwned>(tree: &Node, path: &[Step]) -> Option<Vec<String>> {
    let mut asked = tree.clone();
    let node = asked.at_mut(path)?;
    let place = node.place;
    let value = Value::Scalar(toml::Value::Integer(0));
    let node_of = |value| Node { place, value };
    let entry = Entry {
        key: place,
        node: node_of(value),
    };
    *node = node_of(Value::Table(Table::from([("?".to_owned(), entry)])));
    match attempt::<T>(&asked) {
        Err(Complaint {
            kind: Kind::UnknownKey { key, known },
            ..
        }) if key == "?" => Some(known),
        Ok(_) | Err(_) => None,
    }
}

/// Values that might pass where this complaint arose.
pub fn candidates<T: DeserializeOwned>(tree: &Node, path: &[Step], kind: &Kind) -> Vec<Value> {
    let text = |text: &str| Value::Scalar(toml::Value::String(text.to_owned()));
    let mut values = Vec::new();
    let known = match kind {
        Kind::UnknownWord { word, known } => {
            let meant = nearest(word, known.iter().map(String::as_str)).map(str::to_owned);
            Some(meant.into_iter().chain(known.iter().cloned()).collect())
        }
        Kind::WrongType { .. } => words::<T>(tree, path),
        Kind::UnknownKey { .. } | Kind::MissingKey { .. } | Kind::Refused { .. } => None,
    };
    values.extend(known.unwrap_or_default().iter().map(|word| text(word)));
    values.extend(["1s", "1GiB", "1GiB/s", "1/s", "50%", "2x", "1 USD", "text"].map(text));
    values.extend(["2020-06-02 00:00", "Z"].map(text));
    values.push(Value::Scalar(toml::Value::Integer(1)));
    values.push(Value::Scalar(toml::Value::Float(0.5)));
    values.push(Value::Scalar(toml::Value::Boolean(true)));
    // To serde an empty array is a distribution that lacks its kind.
    values.push(constant(tree.place));
    values.push(Value::Array(Vec::new()));
    values.push(Value::Table(Table::new()));
    values
}

/// A distribution of durations, which many keys hold.
fn constant(place: Place) -> Value {
    let entry = |text: &str| Entry {
        key: place,
        node: Node {
            place,
            value: Value::Scalar(toml::Value::String(text.to_owned())),
        },
    };
    let keys = [("kind", "constant"), ("value", "1s")];
    let entries = keys.map(|(key, text)| (key.to_owned(), entry(text)));
    Value::Table(entries.into())
}
