//! Every mistake of form in a document at once, each at the key or value that it is about.
//!
//! ```text
//! schema ──strict.rs──► validator                        (once)
//! Node ──► JSON ──validator──► mistakes with paths ──settle──► one for each mistake of the user
//!                                                    ──words.rs──► what is wrong, what to write
//! ```
//!
//! A document is typed by serde only once its schema is satisfied, so a value that was not read is
//! never guessed, and nothing that follows from a guess is reported.

mod mistake;
mod strict;
mod words;

use std::sync::LazyLock;

use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;

use super::keys::{self, Key, Shape};
use crate::document::{Node, Step, Value, dotted};
use crate::error::{Problem, is_hidden, visible};
use mistake::Mistake;
pub use words::gap;

/// What a document may hold.
pub struct Form {
    validator: Validator,
    keys: Vec<Key>,
}

static WORLD: LazyLock<Form> = LazyLock::new(|| Form::of(super::world()));
static STUDY: LazyLock<Form> = LazyLock::new(|| Form::of(super::study()));
static REPLAY: LazyLock<Form> = LazyLock::new(|| Form::of(super::replay()));

impl Form {
    /// The form that a JSON Schema describes.
    ///
    /// # Panics
    /// If it is no JSON Schema.
    pub fn of(schema: Json) -> Form {
        let keys = keys::keys(&schema);
        let validator = strict::validator(schema);
        Form { validator, keys }
    }

    /// A whole scenario, merged with what it extends, without its `[replay]` table.
    pub fn world() -> &'static Form {
        &WORLD
    }

    /// A study file.
    pub fn study() -> &'static Form {
        &STUDY
    }

    /// A document that holds a `[replay]` table and nothing else, without its fragments.
    pub fn replay() -> &'static Form {
        &REPLAY
    }

    /// The typed value, or everything that is wrong with the document's form.
    ///
    /// # Errors
    /// As [`Form::problems`] finds them.
    pub fn decode<T: DeserializeOwned>(&self, tree: &Node) -> Result<T, Vec<Problem>> {
        let problems = self.problems(tree);
        if problems.is_empty() {
            typed(tree).map_err(|problem| vec![problem])
        } else {
            Err(problems)
        }
    }

    /// Everything that is wrong with the document's form.
    pub fn problems(&self, tree: &Node) -> Vec<Problem> {
        let mut hidden = Vec::new();
        find_hidden(tree, &mut Vec::new(), &mut hidden);
        let mistakes = mistake::settled(self.mistakes(tree), self, tree);
        let problems = mistakes.iter().map(|m| words::problem(self, tree, m));
        // What is hidden in a value is why it cannot be read.
        let explained = |problem: &Problem| hidden.iter().any(|h| h.place == problem.place);
        let mut problems: Vec<Problem> = problems.filter(|problem| !explained(problem)).collect();
        problems.extend(hidden);
        problems
    }

    /// The same without keys that are missing: what is wrong with a part of a document.
    pub fn problems_of_part(&self, tree: &Node) -> Vec<Problem> {
        let mut mistakes = mistake::settled(self.mistakes(tree), self, tree);
        mistakes.retain(|mistake| !mistake.is_missing());
        let mistakes = mistakes.iter();
        mistakes.map(|m| words::problem(self, tree, m)).collect()
    }

    fn mistakes(&self, tree: &Node) -> Vec<Mistake> {
        let json = json(tree);
        let errors = self.validator.iter_errors(&json);
        let mut mistakes: Vec<Mistake> = errors.flat_map(|e| mistake::of(&e, tree)).collect();
        find_fractions(self, tree, tree, &mut Vec::new(), &mut mistakes);
        mistakes
    }

    /// What stands at the end of a path, as far as the schema says.
    fn shape(&self, tree: &Node, path: &[Step]) -> Option<&Shape> {
        let (first, rest) = path.split_first()?;
        let mut node = tree.step(first);
        let mut shape = &key_of(&self.keys, first)?.shape;
        for step in rest {
            shape = match (shape, step) {
                (Shape::List(of), Step::Index(_)) => of,
                (Shape::Table(_) | Shape::Kinds(_), Step::Key(_)) => {
                    &key_of(keys_of(shape, node)?, step)?.shape
                }
                (_, Step::Key(_) | Step::Index(_)) => return None,
            };
            node = node.and_then(|node| node.step(step));
        }
        Some(shape)
    }

    /// Why there is a limit to what stands at the end of a path.
    fn limit(&self, tree: &Node, path: &[Step]) -> Option<&str> {
        let (last, table) = path.split_last()?;
        let key = key_of(self.keys(tree, table)?, last)?;
        key.limit.as_deref()
    }

    /// The keys of the table at the end of a path.
    fn keys(&self, tree: &Node, path: &[Step]) -> Option<&[Key]> {
        if path.is_empty() {
            return Some(&self.keys);
        }
        keys_of(self.shape(tree, path)?, tree.at(path))
    }
}

fn key_of<'a>(keys: &'a [Key], step: &Step) -> Option<&'a Key> {
    match step {
        Step::Key(name) => keys.iter().find(|key| key.name == *name),
        Step::Index(_) => None,
    }
}

/// The keys of a table; those of its kind where it has kinds.
fn keys_of<'a>(shape: &'a Shape, node: Option<&Node>) -> Option<&'a [Key]> {
    match shape {
        Shape::Table(keys) => Some(keys),
        Shape::Kinds(kinds) => {
            let name = node?.get("kind")?.text()?;
            let kind = kinds.iter().find(|kind| kind.name == name)?;
            Some(&kind.keys)
        }
        Shape::Plain { .. } | Shape::Words(_) | Shape::List(_) | Shape::Fragment => None,
    }
}

/// A document as JSON. What JSON does not have (dates, infinity) is null, which no schema allows.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Table(table) => Json::Object(
            table
                .iter()
                .map(|(key, entry)| (key.clone(), json(&entry.node)))
                .collect(),
        ),
        Value::Array(elements) => Json::Array(elements.iter().map(json).collect()),
        Value::Scalar(toml::Value::String(text)) => Json::String(text.clone()),
        Value::Scalar(toml::Value::Integer(number)) => Json::from(*number),
        Value::Scalar(toml::Value::Float(number)) => Json::from(*number),
        Value::Scalar(toml::Value::Boolean(truth)) => Json::Bool(*truth),
        Value::Scalar(_) => Json::Null,
    }
}

/// To JSON Schema 3.0 is a whole number; to TOML and to serde it is not.
fn find_fractions(
    form: &Form,
    tree: &Node,
    node: &Node,
    path: &mut Vec<Step>,
    mistakes: &mut Vec<Mistake>,
) {
    if let Value::Scalar(toml::Value::Float(number)) = node.value
        && number.fract() == 0.0
        && matches!(form.shape(tree, path), Some(Shape::Plain { form, .. }) if form == keys::WHOLE)
    {
        mistakes.push(Mistake::wrong_type(path));
    }
    node.for_each_child(path, |child, path| {
        find_fractions(form, tree, child, path, mistakes);
    });
}

/// Text that a terminal would obey or hide is refused wherever it stands, and a name that a
/// spreadsheet would compute: names stand in all tables of results.
fn find_hidden(node: &Node, path: &mut Vec<Step>, problems: &mut Vec<Problem>) {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    let is_name = path.last() == Some(&Step::Key("name".to_owned()));
    let refused = |c: &char| is_hidden(*c) && (is_name || !breaks(*c));
    if let Some(found) = node.text().and_then(|text| text.chars().find(refused)) {
        let found = found.to_string();
        problems.push(Problem {
            place: Some(node.place),
            wrong: format!(
                "`{}` holds the control character {}",
                dotted(path),
                visible(&found)
            ),
            help: "take it out: a terminal would obey it or hide it".to_owned(),
        });
    } else if let Some(text) = node.text().filter(|text| is_name && is_formula(text)) {
        problems.push(Problem {
            place: Some(node.place),
            wrong: format!("`{}` begins like a formula: `{text}`", dotted(path)),
            help: "begin with something other than =, +, - or @: a spreadsheet would compute it"
                .to_owned(),
        });
    }
    node.for_each_child(path, |child, path| find_hidden(child, path, problems));
}

/// Would a spreadsheet compute this? A number is what it looks like.
fn is_formula(text: &str) -> bool {
    let begins = text.trim_start().starts_with(['=', '+', '-', '@']);
    begins && text.trim().parse::<f64>().is_err()
}

/// The typed value of a document whose form is right.
///
/// # Errors
/// If the form says less than its type: one problem, at its place.
pub fn typed<T: DeserializeOwned>(tree: &Node) -> Result<T, Problem> {
    serde_path_to_error::deserialize(tree.to_toml()).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        let path: Vec<Step> = steps.collect();
        let message = error.inner().message();
        let (wrong, help) = message
            .rsplit_once("; ")
            .unwrap_or((message, "write another value"));
        Problem {
            place: tree.place_of(&path).or(Some(gap(tree, true))),
            wrong: format!("`{}`: {wrong}", dotted(&path)),
            help: help.to_owned(),
        }
    })
}

#[cfg(test)]
mod tests;
