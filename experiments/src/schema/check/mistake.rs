//! What a validator finds, and what of it is one and the same mistake of the user.

use std::collections::BTreeMap;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value as Json;

use super::Form;
use super::keys::Kind as Variant;
use crate::document::{Node, Step, Value};
use crate::error::nearest;

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The path to the value, or to the table that has or lacks a key.
    pub path: Vec<Step>,
    /// What is wrong there.
    pub kind: Kind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A key that is not read.
    UnknownKey {
        /// The key.
        key: String,
        /// Where it was meant to be, and by what name.
        meant: Option<Meant>,
    },
    /// A key that must be there.
    MissingKey {
        /// The key.
        key: String,
    },
    /// Keys of another kind than the table says it is.
    OtherKind(OtherKind),
    /// So much is missing that the file is no scenario yet.
    NoScenario {
        /// The keys of the top level.
        missing: Vec<String>,
    },
    /// A word that is not among those that mean something.
    UnknownWord {
        /// The words that mean something.
        known: Vec<String>,
    },
    /// A number where text is expected, and the like.
    WrongType,
    /// Text that is not a quantity of this name.
    NoSuchQuantity {
        /// Such as `duration`.
        quantity: String,
    },
    /// A number or a length that is below what is possible.
    TooSmall {
        /// The least that is possible.
        least: String,
    },
    /// A number or a length that is above a limit.
    TooLarge {
        /// The most that is possible.
        most: u64,
    },
    /// Anything else, in the words of the validator.
    Other(String),
}

/// Where an unknown key was meant to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Meant {
    /// The table.
    pub table: Vec<Step>,
    /// The key's right name.
    pub key: String,
}

/// A table that says one kind and holds the keys of another.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherKind {
    /// The kind that it says.
    pub written: String,
    /// The kind whose keys it holds.
    pub other: String,
    /// These keys.
    pub unknown: Vec<String>,
    /// The keys that the written kind lacks.
    pub missing: Vec<String>,
}

impl Mistake {
    /// A value of the wrong type.
    pub fn wrong_type(path: &[Step]) -> Mistake {
        let path = path.to_vec();
        let kind = Kind::WrongType;
        Mistake { path, kind }
    }

    /// Is it that a key is missing?
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::MissingKey { .. } | Kind::NoScenario { .. })
    }
}

/// The mistakes that an error of the validator stands for.
pub fn of(error: &ValidationError<'_>, tree: &Node) -> Vec<Mistake> {
    let path = steps(tree, error.instance_path().as_str());
    let kinds = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = |key: &String| Kind::UnknownKey {
                key: key.clone(),
                meant: None,
            };
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default().to_owned();
            vec![Kind::MissingKey { key }]
        }
        ValidationErrorKind::Enum { options } => match tree.at(&path).and_then(Node::text) {
            Some(_) => vec![Kind::UnknownWord {
                known: words(options),
            }],
            None => vec![Kind::WrongType],
        },
        ValidationErrorKind::Type { .. } => vec![Kind::WrongType],
        ValidationErrorKind::Format { format } => vec![Kind::NoSuchQuantity {
            quantity: format.clone(),
        }],
        ValidationErrorKind::Minimum { limit } => vec![Kind::TooSmall {
            least: limit.to_string(),
        }],
        ValidationErrorKind::MinItems { limit } => vec![Kind::TooSmall {
            least: limit.to_string(),
        }],
        ValidationErrorKind::Maximum { limit } => vec![Kind::TooLarge {
            most: limit.as_u64().unwrap_or_default(),
        }],
        ValidationErrorKind::MaxItems { limit } => vec![Kind::TooLarge { most: *limit }],
        _ => vec![Kind::Other(error.to_string())],
    };
    let mistake = |kind| Mistake {
        path: path.clone(),
        kind,
    };
    kinds.into_iter().map(mistake).collect()
}

/// The steps of a JSON pointer; the tree says which of them are places in an array.
fn steps(tree: &Node, pointer: &str) -> Vec<Step> {
    let mut path = Vec::new();
    let mut node = Some(tree);
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        let step = match (node.and_then(Node::array), key.parse()) {
            (Some(_), Ok(index)) => Step::Index(index),
            (Some(_) | None, Ok(_) | Err(_)) => Step::Key(key),
        };
        node = node.and_then(|node| node.step(&step));
        path.push(step);
    }
    path
}

fn words(options: &Json) -> Vec<String> {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    let words = options.iter().filter_map(Json::as_str);
    words.map(str::to_owned).collect()
}

/// The mistakes of the user: a misspelt key is missing under its right name, too, and that is one
/// mistake and not two.
pub fn settled(mut mistakes: Vec<Mistake>, form: &Form, tree: &Node) -> Vec<Mistake> {
    join_kinds(&mut mistakes, form, tree);
    join_missing(&mut mistakes, form);
    let missing: Vec<(Vec<Step>, String)> = mistakes
        .iter()
        .filter_map(|mistake| match &mistake.kind {
            Kind::MissingKey { key } => Some((mistake.path.clone(), key.clone())),
            _ => None,
        })
        .collect();
    let unknown = mistakes.iter().filter_map(|mistake| match &mistake.kind {
        Kind::UnknownKey { key, .. } => Some((mistake.path.clone(), key.clone())),
        _ => None,
    });
    let unknown: Vec<(Vec<Step>, String)> = unknown.collect();
    let mut explained: Vec<(Vec<Step>, String)> = Vec::new();
    for mistake in &mut mistakes {
        let Kind::UnknownKey { key, meant } = &mut mistake.kind else {
            continue;
        };
        // Whether a value fits under another key takes a look at the whole file.
        let few = unknown.len() <= TRIED_MAX;
        let alone = few && unknown.iter().filter(|(p, _)| *p == mistake.path).count() == 1;
        *meant = meant_by(form, tree, (&mistake.path, key), &missing, alone);
        if let Some(meant) = meant {
            explained.push((meant.table.clone(), meant.key.clone()));
            explained.extend(keys_below(tree, &mistake.path, key, meant));
        }
    }
    mistakes.retain(|mistake| match &mistake.kind {
        Kind::MissingKey { key } => !explained.contains(&(mistake.path.clone(), key.clone())),
        _ => true,
    });
    mistakes.dedup();
    mistakes
}

/// Who changes `kind` and leaves the other kind's keys has made one mistake.
fn join_kinds(mistakes: &mut Vec<Mistake>, form: &Form, tree: &Node) {
    let unknown = mistakes
        .iter()
        .filter(|m| matches!(m.kind, Kind::UnknownKey { .. }));
    let mut times: BTreeMap<Vec<Step>, usize> = BTreeMap::new();
    unknown.for_each(|mistake| *times.entry(mistake.path.clone()).or_default() += 1);
    let several = times.into_iter().filter(|(_, times)| *times > 1);
    for (path, _) in several {
        let Some(found) = other_kind(mistakes, form, tree, &path) else {
            continue;
        };
        let joined =
            |kind: &Kind| matches!(kind, Kind::UnknownKey { .. } | Kind::MissingKey { .. });
        mistakes.retain(|mistake| mistake.path != path || !joined(&mistake.kind));
        let kind = Kind::OtherKind(found);
        mistakes.push(Mistake { path, kind });
    }
}

/// The kind whose keys all unknown keys of a table are, if they are several.
fn other_kind(mistakes: &[Mistake], form: &Form, tree: &Node, path: &[Step]) -> Option<OtherKind> {
    let here = || mistakes.iter().filter(|mistake| mistake.path == path);
    let unknown = here().filter_map(|mistake| match &mistake.kind {
        Kind::UnknownKey { key, .. } => Some(key.clone()),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    let missing = here().filter_map(|mistake| match &mistake.kind {
        Kind::MissingKey { key } => Some(key.clone()),
        _ => None,
    });
    let missing: Vec<String> = missing.collect();
    if unknown.len() < 2 {
        return None;
    }
    let written = tree.at(path)?.get("kind")?.text()?;
    let has_all = |kind: &&Variant| {
        let has = |key: &String| kind.keys.iter().any(|known| known.name == *key);
        kind.name != written && unknown.iter().all(has)
    };
    let other = form.shape(tree, path)?.kinds().iter().find(has_all)?;
    Some(OtherKind {
        written: written.to_owned(),
        other: other.name.clone(),
        unknown,
        missing,
    })
}

/// A scenario that lacks more than a few tables lacks a beginning.
fn join_missing(mistakes: &mut Vec<Mistake>, form: &Form) {
    const FEW: usize = 3;
    let is_scenario = form.keys.iter().any(|key| key.name == "redis");
    let at_top = |mistake: &Mistake| mistake.path.is_empty() && mistake.is_missing();
    let missing = mistakes.iter().filter(|mistake| at_top(mistake));
    let missing = missing.filter_map(|mistake| match &mistake.kind {
        Kind::MissingKey { key } => Some(key.clone()),
        _ => None,
    });
    let missing: Vec<String> = missing.collect();
    let misspelt = |mistake: &Mistake| {
        mistake.path.is_empty() && matches!(mistake.kind, Kind::UnknownKey { .. })
    };
    if !is_scenario || missing.len() <= FEW || mistakes.iter().any(misspelt) {
        return;
    }
    mistakes.retain(|mistake| !at_top(mistake));
    mistakes.push(Mistake {
        path: Vec::new(),
        kind: Kind::NoScenario { missing },
    });
}

/// What stands in a table by a wrong name is missing from the table by the right one.
fn keys_below(tree: &Node, path: &[Step], key: &str, meant: &Meant) -> Vec<(Vec<Step>, String)> {
    let written = tree.at(path).and_then(|table| table.get(key));
    let Some(table) = written.and_then(Node::table) else {
        return Vec::new();
    };
    let right = [meant.table.as_slice(), &[Step::Key(meant.key.clone())]].concat();
    table.keys().map(|k| (right.clone(), k.clone())).collect()
}

/// Where an unknown key was probably meant to be.
fn meant_by(
    form: &Form,
    tree: &Node,
    (path, key): (&[Step], &str),
    missing: &[(Vec<Step>, String)],
    alone: bool,
) -> Option<Meant> {
    let here = |name: &str| Meant {
        table: path.to_vec(),
        key: name.to_owned(),
    };
    let lacking: Vec<&str> = missing
        .iter()
        .filter(|(table, _)| table == path)
        .map(|(_, name)| name.as_str())
        .collect();
    if let Some(name) = nearest(key, lacking.iter().copied()) {
        return Some(here(name));
    }
    // A key in the wrong table: those around it may know it.
    for depth in (0..path.len()).rev() {
        let table = &path[..depth];
        let is_free = tree.at(table).is_some_and(|node| node.get(key).is_none());
        let known = form.keys(tree, table).unwrap_or_default();
        if is_free && known.iter().any(|known| known.name == key) {
            return Some(Meant {
                table: table.to_vec(),
                key: key.to_owned(),
            });
        }
    }
    let known = form.keys(tree, path).unwrap_or_default();
    if let Some(name) = nearest(key, known.iter().map(|key| key.name.as_str())) {
        return Some(here(name));
    }
    match lacking.as_slice() {
        [only] if alone && fits(form, tree, (path, key), only) => Some(here(only)),
        _ => None,
    }
}

/// In a file with more unknown keys none is tried under another name.
const TRIED_MAX: usize = 20;

/// Could the value of this key stand under that one?
fn fits(form: &Form, tree: &Node, (path, key): (&[Step], &str), name: &str) -> bool {
    let mut renamed = tree.clone();
    let Some(Value::Table(table)) = renamed.at_mut(path).map(|node| &mut node.value) else {
        return false;
    };
    let Some(entry) = table.remove(key) else {
        return false;
    };
    table.insert(name.to_owned(), entry);
    let below = [path, &[Step::Key(name.to_owned())]].concat();
    let mistakes = form.mistakes(&renamed);
    !mistakes.iter().any(|m| m.path.starts_with(&below))
}
