//! How a factor level changes the base scenario. Four rules, applied before anything is typed:
//!
//! | the fragment holds | what happens to the base |
//! | --- | --- |
//! | a table | its keys are merged into the base's table of that name, one by one |
//! | a table whose `kind` differs | it replaces the base's table: its other keys mean nothing |
//! | an array, also `[[…]]` | it replaces the base's array whole; list every element that stays |
//! | any other value | it replaces the base's value |
//!
//! `unset = ["autoscaler", "redis.maxmemory"]` takes keys away first; an optional table that is
//! absent does not exist in that world.

use super::{Entry, Node, Step, Table, Value};

/// Merges `fragment` into `base`, by the rules above.
pub fn merge(base: &mut Node, fragment: &Node) {
    match (&mut base.value, &fragment.value) {
        (Value::Table(into), Value::Table(from)) if same_kind(into, from) => {
            for (key, entry) in from {
                match into.get_mut(key) {
                    Some(old) => merge_entry(old, entry),
                    None => drop(into.insert(key.clone(), entry.clone())),
                }
            }
        }
        (Value::Scalar(_) | Value::Array(_) | Value::Table(_), _) => *base = fragment.clone(),
    }
}

/// The key's place moves only where the value is replaced: a table stays where most of it stands.
fn merge_entry(old: &mut Entry, new: &Entry) {
    let merged = match (&old.node.value, &new.node.value) {
        (Value::Table(into), Value::Table(from)) => same_kind(into, from),
        (Value::Scalar(_) | Value::Array(_) | Value::Table(_), _) => false,
    };
    match merged {
        true => merge(&mut old.node, &new.node),
        false => *old = new.clone(),
    }
}

fn same_kind(into: &Table, from: &Table) -> bool {
    match (into.get("kind"), from.get("kind")) {
        (Some(old), Some(new)) => old.node.value_eq(&new.node),
        (Some(_), None) | (None, Some(_)) | (None, None) => true,
    }
}

/// Takes the entry at the end of the path away. False if there is none.
pub fn unset(base: &mut Node, path: &[Step]) -> bool {
    let Some((Step::Key(key), parent)) = path.split_last() else {
        return false;
    };
    match base.at_mut(parent).map(|node| &mut node.value) {
        Some(Value::Table(table)) => table.remove(key).is_some(),
        Some(Value::Scalar(_) | Value::Array(_)) | None => false,
    }
}

impl Node {
    /// Equal but for the places.
    pub fn value_eq(&self, other: &Node) -> bool {
        self.to_toml() == other.to_toml()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, parse::parse, path};
    use super::*;

    fn merged(base: &str, fragment: &str) -> toml::Value {
        let mut sources = Sources::default();
        let mut root = parse(&mut sources, "base.toml", base).unwrap();
        merge(
            &mut root,
            &parse(&mut sources, "level.toml", fragment).unwrap(),
        );
        root.to_toml()
    }

    fn table(text: &str) -> toml::Value {
        toml::Value::Table(text.parse().unwrap())
    }

    #[test]
    fn tables_merge_and_arrays_replace() {
        let result = merged(
            "a = [1, 2]\n[t]\nx = 1\ny = 2\n",
            "a = [3]\n[t]\ny = 5\nz = 6\n",
        );
        assert_eq!(result, table("a = [3]\n[t]\nx = 1\ny = 5\nz = 6\n"));
    }

    #[test]
    fn a_table_of_another_kind_replaces() {
        let base = "[f]\nkind = \"bus\"\ntimeout = 1\n";
        assert_eq!(
            merged(base, "f = { kind = \"none\" }"),
            table("[f]\nkind = \"none\"\n")
        );
        let same = merged(base, "f = { kind = \"bus\", timeout = 2 }");
        assert_eq!(same, table("[f]\nkind = \"bus\"\ntimeout = 2\n"));
    }

    #[test]
    fn a_merged_value_keeps_the_place_of_its_fragment() {
        let mut sources = Sources::default();
        let mut root = parse(&mut sources, "base", "[t]\nx = 1\ny = 2\n").unwrap();
        merge(
            &mut root,
            &parse(&mut sources, "level", "[t]\ny = 5\n").unwrap(),
        );
        let file = |dotted: &str| root.place_of(&path(dotted)).unwrap().file;
        assert_eq!((file("t.x"), file("t.y"), file("t")), (0, 1, 0));
    }

    #[test]
    fn unset_takes_away_what_is_there() {
        let mut sources = Sources::default();
        let mut root = parse(&mut sources, "base", "[t]\nx = 1\ny = 2\n").unwrap();
        assert!(unset(&mut root, &path("t.x")));
        assert!(!unset(&mut root, &path("t.x")));
        assert_eq!(root.to_toml(), table("[t]\ny = 2\n"));
    }
}
