//! Finding the culprit of a complaint inside a table whose `kind` made serde forget the path.

use serde::de::DeserializeOwned;

use super::super::{Node, Step, Value};
use super::complaint::{Complaint, Kind, attempt};

/// The same complaint with the path to the very key or value that it is about.
pub fn narrow<T: DeserializeOwned>(tree: &Node, mut complaint: Complaint) -> Complaint {
    while tree.at(&complaint.path).is_none() && !complaint.path.is_empty() {
        complaint.path.pop();
    }
    match &complaint.kind {
        Kind::UnknownKey { key, .. } if complaint.path.last() == Some(&Step::Key(key.clone())) => {}
        Kind::MissingKey { key } => {
            let key = key.clone();
            if let Some(path) = table_that_lacks::<T>(tree, &complaint, &complaint.path, &key) {
                complaint.path = path;
            }
        }
        Kind::UnknownKey { .. }
        | Kind::UnknownWord { .. }
        | Kind::WrongType { .. }
        | Kind::Refused { .. } => complaint.path = culprit::<T>(tree, &complaint),
    }
    complaint
}

/// Descends to the first child without which the complaint does not appear, as far as it goes.
fn culprit<T: DeserializeOwned>(tree: &Node, complaint: &Complaint) -> Vec<Step> {
    let mut tree = tree.clone();
    let mut path = complaint.path.clone();
    while let Some(children) = tree.at(&path).map(children) {
        if children.is_empty() || same::<T>(&cut(&tree, &path, 0), complaint) {
            break;
        }
        let found = (0..children.len()).find_map(|last| {
            let shorter = cut(&tree, &path, last + 1);
            same::<T>(&shorter, complaint).then(|| (children[last].clone(), shorter))
        });
        let Some((step, shorter)) = found else { break };
        tree = shorter;
        let named = match (&complaint.kind, &step) {
            (Kind::UnknownKey { key, .. }, Step::Key(step)) => key == step,
            (_, Step::Key(_) | Step::Index(_)) => false,
        };
        path.push(step);
        if named {
            break;
        }
    }
    path
}

/// The first table at or below `path` in which adding the key changes the complaint.
fn table_that_lacks<T: DeserializeOwned>(
    tree: &Node,
    complaint: &Complaint,
    path: &[Step],
    key: &str,
) -> Option<Vec<Step>> {
    let node = tree.at(path)?;
    if node.table().is_some_and(|table| !table.contains_key(key)) {
        let mut filled = tree.clone();
        let value = Value::Scalar(toml::Value::Integer(0));
        super::insert(
            &mut filled,
            path,
            key,
            Node {
                place: tree.place,
                value,
            },
        );
        let unknown = format!("unknown field `{key}`");
        let changed = match attempt::<T>(&filled) {
            Ok(_) => true,
            Err(next) => next.message != complaint.message && !next.message.starts_with(&unknown),
        };
        if changed {
            return Some(path.to_vec());
        }
    }
    children(node).into_iter().find_map(|step| {
        let mut deeper = path.to_vec();
        deeper.push(step);
        table_that_lacks::<T>(tree, complaint, &deeper, key)
    })
}

fn same<T: DeserializeOwned>(tree: &Node, complaint: &Complaint) -> bool {
    attempt::<T>(tree).is_err_and(|next| next.message == complaint.message)
}

/// The steps down from a node, in the order in which they are decoded.
fn children(node: &Node) -> Vec<Step> {
    match &node.value {
        Value::Scalar(_) => Vec::new(),
        Value::Array(elements) => (0..elements.len()).map(Step::Index).collect(),
        Value::Table(table) => table.keys().cloned().map(Step::Key).collect(),
    }
}

/// The tree with only the first `keep` children at `path`; a table keeps its `kind`, too.
fn cut(tree: &Node, path: &[Step], keep: usize) -> Node {
    let mut tree = tree.clone();
    let node = tree.at_mut(path).expect("the path leads somewhere");
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Array(elements) => elements.truncate(keep),
        Value::Table(table) => {
            let kept: Vec<String> = table.keys().take(keep).cloned().collect();
            table.retain(|key, _| key == "kind" || kept.contains(key));
        }
    }
    tree
}
