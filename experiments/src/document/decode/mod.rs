//! A tree to a typed value; every mistake is placed at the key or value that it is about.
//!
//! Serde stops at the first mistake and, inside a table told apart by its `kind`, forgets where it
//! was. Two small searches make up for that, both by decoding altered copies of the tree (a
//! scenario decodes in well under a millisecond):
//!
//! - *narrowing* (`narrow.rs`): the culprit of a message is the first child without which the
//!   message does not appear;
//! - *mending in thought*: once a mistake is known, its key is taken out or its value replaced by
//!   something that passes, so that the mistakes behind it come to light in the same run.

mod complaint;
mod narrow;

use serde::de::DeserializeOwned;

use super::{Entry, Node, Place, Step, Value, dotted};
use crate::error::{Problem, nearest, suggest};
use complaint::{Complaint, Kind};

/// Mistakes that are searched for at once.
const MISTAKES_MAX: usize = 20;

/// Steps of mending in thought, at most: not every one brings a mistake to light.
const STEPS_MAX: usize = 200;

/// The typed value, or everything that is wrong.
pub fn decode<T: DeserializeOwned>(root: &Node) -> Result<T, Vec<Problem>> {
    let mut tree = root.clone();
    let mut problems = Vec::new();
    let mut meant = Vec::new();
    // Tables of a kind that is not known: which keys they should have is not known either.
    let mut unsettled: Vec<Vec<Step>> = Vec::new();
    for _ in 0..STEPS_MAX {
        if problems.len() >= MISTAKES_MAX {
            break;
        }
        let complaint = match complaint::attempt::<T>(&tree) {
            Ok(value) if problems.is_empty() => return Ok(value),
            Ok(_) => return Err(problems),
            Err(complaint) => narrow::narrow::<T>(&tree, complaint),
        };
        meant.extend(meant_key::<T>(&tree, &complaint));
        // A misspelt key is missing under its right name: that is one mistake, told once.
        let of_no_kind = unsettled
            .iter()
            .any(|table| complaint.path.starts_with(table));
        let told = match &complaint.kind {
            _ if of_no_kind => true,
            Kind::MissingKey { key } => meant.contains(&(complaint.path.clone(), key.clone())),
            Kind::UnknownKey { .. }
            | Kind::UnknownWord { .. }
            | Kind::WrongType { .. }
            | Kind::Refused { .. } => false,
        };
        if !told {
            problems.push(describe::<T>(&tree, &complaint));
        }
        if let (Kind::UnknownWord { .. }, Some((Step::Key(key), table))) =
            (&complaint.kind, complaint.path.split_last())
            && key == "kind"
        {
            unsettled.push(table.to_vec());
        }
        if !mend::<T>(&mut tree, &complaint) {
            break;
        }
    }
    Err(problems)
}

/// The table and the key that were probably meant by an unknown key.
fn meant_key<T: DeserializeOwned>(
    tree: &Node,
    complaint: &Complaint,
) -> Option<(Vec<Step>, String)> {
    let Kind::UnknownKey { key, known } = &complaint.kind else {
        return None;
    };
    let (_, parent) = complaint.path.split_last()?;
    if !parent.is_empty() && known_at_top::<T>(tree, &complaint.path, key) {
        return Some((Vec::new(), key.clone()));
    }
    let meant = nearest(key, known.iter().map(String::as_str))?;
    Some((parent.to_vec(), meant.to_owned()))
}

/// The complaint in words, with its place.
fn describe<T: DeserializeOwned>(tree: &Node, complaint: &Complaint) -> Problem {
    let path = &complaint.path;
    match &complaint.kind {
        Kind::UnknownKey { key, known } => {
            let (_, parent) = path.split_last().expect("an unknown key has a key");
            let at_top = !parent.is_empty() && known_at_top::<T>(tree, path, key);
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let mend = match (at_top, known.is_empty()) {
                (true, _) => "it belongs at the top of the file, above the first [table]".into(),
                (false, true) => "take it out; no key is known here".into(),
                (false, false) => suggest(key, &known),
            };
            let place = tree
                .at(parent)
                .and_then(|node| node.entry(key))
                .map(|entry| entry.key);
            let place = place.or_else(|| tree.place_of(path));
            Problem {
                place,
                wrong: format!("{} has no key `{key}`", owner(parent)),
                mend,
            }
        }
        Kind::MissingKey { key } => {
            let form = form_of::<T>(tree, path, key);
            let place = tree
                .place_of(path)
                .or_else(|| Some(gap(tree, form.is_table)));
            Problem {
                place,
                wrong: format!("{} lacks `{key}`", owner(path)),
                mend: form.mend,
            }
        }
        Kind::UnknownWord { word, known } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let wrong = format!("`{}` cannot be \"{word}\"", dotted(path));
            Problem {
                place: tree.place_of(path),
                wrong,
                mend: suggest(word, &known),
            }
        }
        Kind::WrongType { expected } => {
            let node = tree.at(path).unwrap_or(tree);
            let wrong = format!("`{}` is {}", dotted(path), in_words(node));
            let words = complaint::words::<T>(tree, path);
            let mend = match (words, complaint::keys::<T>(tree, path)) {
                (Some(words), _) => format!("write one of: {}", quoted(&words)),
                (None, Some(keys)) => format!("write a table with: `{}`", keys.join("`, `")),
                (None, None) => instead(node, expected),
            };
            Problem {
                place: tree.place_of(path),
                wrong,
                mend,
            }
        }
        Kind::Refused { wrong, mend } => {
            let wrong = format!("`{}`: {wrong}", dotted(path));
            Problem {
                place: tree.place_of(path),
                wrong,
                mend: mend.clone(),
            }
        }
    }
}

/// What to write in place of a value of another type.
fn instead(node: &Node, expected: &str) -> String {
    match node.text() {
        Some(text) if expected == "a sequence" => format!("write an array: [\"{text}\"]"),
        Some(text) if expected == complaint::DISTRIBUTION => format!(
            "it is drawn from a distribution: for a fixed one write {{ kind = \"constant\", value \
             = \"{text}\" }}"
        ),
        Some(_) | None => format!("write {}", complaint::form(expected)),
    }
}

fn owner(path: &[Step]) -> String {
    match path.is_empty() {
        true => "the file".to_owned(),
        false => format!("`{}`", dotted(path)),
    }
}

fn quoted(words: &[String]) -> String {
    words
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

fn in_words(node: &Node) -> String {
    match &node.value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Scalar(toml::Value::String(text)) => format!("the text \"{text}\""),
        Value::Scalar(toml::Value::Integer(_) | toml::Value::Float(_)) => {
            format!("the bare number {}", node.to_toml())
        }
        Value::Scalar(other) => format!("{other}"),
    }
}

/// Would the top of the file know this key?
fn known_at_top<T: DeserializeOwned>(tree: &Node, path: &[Step], key: &str) -> bool {
    let Some(node) = tree.at(path).cloned() else {
        return false;
    };
    let mut alone = Node {
        place: tree.place,
        value: Value::Table(super::Table::new()),
    };
    insert(&mut alone, &[], key, node);
    let unknown = format!("unknown field `{key}`");
    tree.entry(key).is_none()
        && !complaint::attempt::<T>(&alone).is_err_and(|c| c.message.starts_with(&unknown))
}

/// Where a key of the top level could be added: a value above the first table, a table at the end.
pub fn gap(tree: &Node, is_table: bool) -> Place {
    let end = tree.place.to.saturating_sub(1);
    let nested = |entry: &&Entry| !matches!(entry.node.value, Value::Scalar(_));
    let tables = tree
        .table()
        .into_iter()
        .flat_map(|table| table.values())
        .filter(nested);
    let first = tables
        .filter(|e| e.key.file == tree.place.file)
        .map(|entry| entry.key)
        .min();
    match first {
        Some(place) if !is_table => place,
        Some(_) | None => Place {
            file: tree.place.file,
            from: end,
            to: tree.place.to,
        },
    }
}

/// What a missing key should hold.
struct Form {
    is_table: bool,
    mend: String,
}

/// Asks for the form of a missing key by putting a bare number there.
fn form_of<T: DeserializeOwned>(tree: &Node, path: &[Step], key: &str) -> Form {
    let place = tree.place;
    let number = Node {
        place,
        value: Value::Scalar(toml::Value::Integer(0)),
    };
    let mut filled = tree.clone();
    insert(&mut filled, path, key, number);
    let mut at = path.to_vec();
    at.push(Step::Key(key.to_owned()));
    let whole = dotted(&at);
    if let Some(words) = complaint::words::<T>(&filled, &at) {
        let mend = format!("add `{key} = …`, one of: {}", quoted(&words));
        return Form {
            is_table: false,
            mend,
        };
    }
    let answer = complaint::attempt::<T>(&filled)
        .err()
        .map(|complaint| complaint.kind);
    let expected = match answer {
        Some(Kind::WrongType { expected }) => expected,
        Some(_) | None => "u64".to_owned(),
    };
    if complaint::is_table(&expected) && expected != complaint::DISTRIBUTION {
        return Form {
            is_table: true,
            mend: format!("add a table [{whole}]"),
        };
    }
    if expected == "a sequence" && path.is_empty() {
        return Form {
            is_table: true,
            mend: format!("add at least one table [[{key}]]"),
        };
    }
    let mend = format!("add `{key} = …`: {}", complaint::form(&expected));
    Form {
        is_table: false,
        mend,
    }
}

fn insert(tree: &mut Node, path: &[Step], key: &str, node: Node) {
    let entry = Entry {
        key: node.place,
        node,
    };
    if let Some(Value::Table(table)) = tree.at_mut(path).map(|node| &mut node.value) {
        table.insert(key.to_owned(), entry);
    }
}

/// Alters the tree so that this complaint is gone; false if nothing was found that passes.
fn mend<T: DeserializeOwned>(tree: &mut Node, complaint: &Complaint) -> bool {
    let mut path = complaint.path.clone();
    if let Kind::UnknownKey { .. } = complaint.kind {
        return super::merge::unset(tree, &path);
    }
    if let Kind::MissingKey { key } = &complaint.kind {
        path.push(Step::Key(key.clone()));
    }
    let Some((last, parent)) = path.split_last() else {
        return false;
    };
    let free = |altered: &Node, below: &[Step]| match complaint::attempt::<T>(altered) {
        Ok(_) => true,
        Err(next) => !narrow::narrow::<T>(altered, next).path.starts_with(below),
    };
    let passes = |altered: &Node| free(altered, &path);
    let place = tree.place;
    let put = |value: &Value| {
        let mut altered = tree.clone();
        match (altered.at_mut(&path), last) {
            (Some(node), _) => node.value = value.clone(),
            (None, Step::Key(key)) => {
                let value = value.clone();
                insert(&mut altered, parent, key, Node { place, value });
            }
            (None, Step::Index(_)) => return None,
        }
        Some(altered)
    };
    let candidates = complaint::candidates::<T>(tree, &path, &complaint.kind);
    // Of kinds, that one first which has the keys that were written.
    let is_kind = *last == Step::Key("kind".to_owned());
    let fits = candidates.iter().filter(|_| is_kind).filter_map(put);
    let mut found = fits.into_iter().find(|altered| free(altered, parent));
    if found.is_none() {
        found = candidates.iter().filter_map(put).find(passes);
    }
    if let Some(altered) = found {
        *tree = altered;
        return true;
    }
    let mut without = tree.clone();
    let removed = super::merge::unset(&mut without, &path);
    let needed = complaint::attempt::<T>(&without).is_err_and(|next| match &next.kind {
        Kind::MissingKey { key } => *last == Step::Key(key.clone()),
        Kind::UnknownKey { .. }
        | Kind::UnknownWord { .. }
        | Kind::WrongType { .. }
        | Kind::Refused { .. } => false,
    });
    let fine = removed && !needed && passes(&without);
    if fine {
        *tree = without;
    }
    fine
}

#[cfg(test)]
mod tests;
