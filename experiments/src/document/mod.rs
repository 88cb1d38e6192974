//! TOML with places: every key and value remembers the file and the bytes it was written in.
//!
//! ```text
//! text ──parse.rs──► Node ──merge.rs──► Node ──schema/check──► a value, or problems with places
//! ```
//!
//! A study merges fragments of one file into tables of another before anything is typed. Because
//! each [`Node`] keeps its own [`Place`], a mistake inside a fragment is reported where the
//! fragment was written, and one in the base where the base was written.

pub mod merge;
pub mod parse;

use std::collections::BTreeMap;

pub use crate::sources::{Place, Source, Sources};

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where: the value itself, or the header of a table that has one.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string, number, truth value or date.
    Scalar(toml::Value),
    /// Values in order.
    Array(Vec<Node>),
    /// Values by key.
    Table(Table),
}

/// The entries of a table, in the order of their keys.
pub type Table = BTreeMap<String, Entry>;

/// One entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where its key was written.
    pub key: Place,
    /// Its value.
    pub node: Node,
}

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To the entry of a table.
    Key(String),
    /// To the element of an array, from 0.
    Index(usize),
}

impl Node {
    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            Value::Scalar(_) | Value::Array(_) => None,
        }
    }

    /// The elements, if it is an array.
    pub fn array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(elements) => Some(elements),
            Value::Scalar(_) | Value::Table(_) => None,
        }
    }

    /// The text, if it is a string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(toml::Value::String(text)) => Some(text),
            Value::Scalar(_) | Value::Array(_) | Value::Table(_) => None,
        }
    }

    /// The entry of a table under this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.table()?.get(key)
    }

    /// The value under this key of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The node one step down.
    pub fn step(&self, step: &Step) -> Option<&Node> {
        match step {
            Step::Key(key) => self.get(key),
            Step::Index(index) => self.array()?.get(*index),
        }
    }

    /// The same, to be changed.
    pub fn step_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (step, &mut self.value) {
            (Step::Key(key), Value::Table(table)) => table.get_mut(key).map(|e| &mut e.node),
            (Step::Index(index), Value::Array(elements)) => elements.get_mut(*index),
            (Step::Key(_), Value::Scalar(_) | Value::Array(_))
            | (Step::Index(_), Value::Scalar(_) | Value::Table(_)) => None,
        }
    }

    /// The node at the end of a path.
    pub fn at(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.step(step))
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, path: &[Step]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, step| node.step_mut(step))
    }

    /// Where to point for the end of a path: the value's place; where the path leads nowhere, the
    /// last key or header on the way that exists. `None` if not even the first step exists.
    pub fn place_of(&self, path: &[Step]) -> Option<Place> {
        let mut node = self;
        let mut place = None;
        for step in path {
            let key = match step {
                Step::Key(key) => node.entry(key).map(|entry| entry.key),
                Step::Index(_) => place,
            };
            let Some(next) = node.step(step) else {
                return place;
            };
            place = match next.value {
                Value::Table(_) | Value::Array(_) if matches!(step, Step::Key(_)) => key,
                Value::Table(_) | Value::Array(_) | Value::Scalar(_) => Some(next.place),
            };
            node = next;
        }
        place
    }

    /// Calls `each` with every child and the path to it.
    pub fn for_each_child(
        &self,
        path: &mut Vec<Step>,
        mut each: impl FnMut(&Node, &mut Vec<Step>),
    ) {
        let mut visit = |step: Step, child: &Node| {
            path.push(step);
            each(child, path);
            path.pop();
        };
        match &self.value {
            Value::Scalar(_) => {}
            Value::Array(elements) => {
                for (index, child) in elements.iter().enumerate() {
                    visit(Step::Index(index), child);
                }
            }
            Value::Table(table) => {
                for (key, entry) in table {
                    visit(Step::Key(key.clone()), &entry.node);
                }
            }
        }
    }

    /// The value without its places.
    pub fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Scalar(scalar) => scalar.clone(),
            Value::Array(elements) => {
                toml::Value::Array(elements.iter().map(Node::to_toml).collect())
            }
            Value::Table(table) => toml::Value::Table(
                table
                    .iter()
                    .map(|(key, entry)| (key.clone(), entry.node.to_toml()))
                    .collect(),
            ),
        }
    }
}

/// The steps of a dotted path such as `service[0].needs[1].workload`.
pub fn path(dotted: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in dotted.split('.').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('[');
        let key = pieces.next().expect("a split has a first piece");
        if !key.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        let indices = pieces.filter_map(|piece| piece.trim_end_matches(']').parse().ok());
        steps.extend(indices.map(Step::Index));
    }
    steps
}

/// The dotted form of a path.
pub fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_path_reads_back_as_it_was_written() {
        for text in [
            "horizon",
            "service[0].needs[12].workload",
            "redis.sync.delay",
        ] {
            assert_eq!(dotted(&path(text)), text);
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_points_at_the_last_key_that_exists() {
        let mut sources = Sources::default();
        let text = "[redis]\nshards = 3\n";
        let root = parse::parse(&mut sources, "a.toml", text).unwrap();
        let place = |dotted: &str| root.place_of(&path(dotted)).map(|p| &text[p.from..p.to]);
        assert_eq!(place("redis.shards"), Some("3"));
        assert_eq!(place("redis.hosts"), Some("redis"));
        assert_eq!(place("service[0]"), None);
    }
}
