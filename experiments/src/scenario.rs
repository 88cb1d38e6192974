//! Scenarios: the base case of a study, built in or from a file.
//!
//! Built-in scenarios and studies are embedded, so a bare binary works anywhere. `-` is standard
//! input. What a file holds is a tree with places (`document/`) until every fragment is merged.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use models::WorldSpec;

use crate::builtin::{BuiltIn, SCENARIOS};
use crate::document::{Entry, Node, Sources, Value, merge::merge, parse::parse, path};
use crate::error::{Error, Problem, suggest};
use crate::hazards;
use crate::preset;
use crate::schema::check::{Form, gap, typed};
use crate::series;

/// A document that was found, and where.
#[derive(Clone, Debug)]
pub struct Found {
    /// The name of a built-in, or the file's name without its ending.
    pub name: String,
    /// The directory to which paths inside it are relative.
    pub directory: PathBuf,
    /// What it holds.
    pub root: Node,
}

/// Why a document could not be read.
#[derive(Debug)]
pub enum Unread {
    /// It is neither built in nor a file.
    Unknown {
        /// What was asked for.
        wrong: String,
        /// What there is.
        help: String,
    },
    /// The system cannot read it.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not TOML, or names what cannot be read.
    Wrong(Vec<Problem>),
}

/// Reads a built-in by its name, else a file by its path, else (`-`) standard input.
/// A scenario that `extends = "another"` is merged onto that one, by the rules of fragments.
///
/// # Errors
/// If it or what it extends cannot be read, or is not TOML.
pub fn read(
    sources: &mut Sources,
    asked: &str,
    built_in: &[BuiltIn],
    directory: &Path,
) -> Result<Found, Error> {
    let read = extended(sources, asked, built_in, directory);
    read.map_err(|unread| match unread {
        Unread::Unknown { wrong, help } => Error::Usage { wrong, help },
        Unread::Io { path, source } => Error::Read {
            path,
            source,
            help: "`outage list` shows what is built in; any other name is a path".to_owned(),
        },
        Unread::Wrong(problems) => Error::input(sources, problems),
    })
}

/// The scenario that another document names, or what is wrong with it; a name that leads nowhere is
/// reported where it was written.
///
/// # Errors
/// If it or what it extends cannot be read, or is not TOML.
pub fn read_named(
    sources: &mut Sources,
    name: &Node,
    directory: &Path,
) -> Result<Found, Vec<Problem>> {
    let asked = name.text().unwrap_or_default();
    extended(sources, asked, &SCENARIOS, directory).map_err(|unread| at_name(unread, name))
}

fn at_name(unread: Unread, name: &Node) -> Vec<Problem> {
    let (wrong, help) = match unread {
        Unread::Unknown { wrong, help } => (wrong, help),
        Unread::Io { path, source } => (
            format!("cannot read {}: {source}", path.display()),
            "name a built-in scenario, or a path relative to this file".to_owned(),
        ),
        Unread::Wrong(problems) => return problems,
    };
    let place = Some(name.place);
    vec![Problem { place, wrong, help }]
}

/// A document with all that it extends merged into it.
fn extended(
    sources: &mut Sources,
    asked: &str,
    built_in: &[BuiltIn],
    directory: &Path,
) -> Result<Found, Unread> {
    let mut found = read_one(sources, asked, built_in, directory)?;
    let mut directory = found.directory.clone();
    for _ in 0..EXTENDS_MAX {
        let Some(Entry { node, .. }) = take_extends(&mut found.root) else {
            return Ok(found);
        };
        let base = match base_of(sources, &node, &directory) {
            Ok(base) => base,
            Err(mut problems) => {
                // What is wrong with this file's own part does not depend on the other.
                problems.extend(Form::world().problems_of_part(&found.root));
                return Err(Unread::Wrong(problems));
            }
        };
        directory = base.directory;
        sources.set_base(base.root.place.file);
        let place = found.root.place;
        let mut whole = base.root;
        merge(&mut whole, &found.root);
        found.root = Node { place, ..whole };
    }
    match take_extends(&mut found.root) {
        None => Ok(found),
        Some(extends) => Err(Unread::Wrong(vec![Problem {
            place: Some(extends.node.place),
            wrong: format!("`{asked}` extends scenarios more than {EXTENDS_MAX} deep"),
            help: "does it extend itself?".to_owned(),
        }])),
    }
}

/// Scenarios that extend each other, at most.
const EXTENDS_MAX: usize = 8;

fn take_extends(root: &mut Node) -> Option<Entry> {
    match &mut root.value {
        Value::Table(table) => table.remove("extends"),
        Value::Scalar(_) | Value::Array(_) => None,
    }
}

/// What a document extends, as it stands.
fn base_of(sources: &mut Sources, name: &Node, directory: &Path) -> Result<Found, Vec<Problem>> {
    let Some(asked) = name.text() else {
        return Err(vec![Problem {
            place: Some(name.place),
            wrong: "`extends` is not a name".to_owned(),
            help: "write the name of a built-in scenario or of a file, in quotes".to_owned(),
        }]);
    };
    read_one(sources, asked, &SCENARIOS, directory).map_err(|unread| at_name(unread, name))
}

/// One document, as it stands.
fn read_one(
    sources: &mut Sources,
    asked: &str,
    built_in: &[BuiltIn],
    directory: &Path,
) -> Result<Found, Unread> {
    let found = |name: &str, directory: &Path, root: Node| Found {
        name: name.to_owned(),
        directory: directory.to_path_buf(),
        root,
    };
    if let Some(known) = built_in.iter().find(|known| known.name == asked) {
        let root = parsed(sources, known.file, known.text, directory)?;
        return Ok(found(known.name, directory, root));
    }
    if asked == "-" {
        let text = unless_unreadable("standard input".into(), read_standard_input())?;
        let root = parsed(sources, "standard input", &text, directory)?;
        return Ok(found("stdin", directory, root));
    }
    let path = directory.join(asked);
    if !path.exists() && !asked.ends_with(".toml") {
        let names: Vec<&str> = built_in.iter().map(|known| known.name).collect();
        let wrong = format!("`{asked}` is neither built in nor a file");
        let help = suggest(asked, &names);
        return Err(Unread::Unknown { wrong, help });
    }
    let text = unless_unreadable(path.clone(), fs::read_to_string(&path))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let root = parsed(sources, &path.display().to_string(), &text, directory)?;
    let stem = path.file_stem();
    let name = stem.map_or("study".into(), |stem| stem.to_string_lossy());
    Ok(found(&name, directory, root))
}

fn read_standard_input() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn unless_unreadable(path: PathBuf, read: io::Result<String>) -> Result<String, Unread> {
    read.map_err(|source| Unread::Io { path, source })
}

/// The tree of a document, with the series that it names.
fn parsed(sources: &mut Sources, name: &str, text: &str, directory: &Path) -> Result<Node, Unread> {
    let mut root = parse(sources, name, text).map_err(Unread::Wrong)?;
    let problems = series::resolve(sources, &mut root, directory);
    if problems.is_empty() {
        Ok(root)
    } else {
        Err(Unread::Wrong(problems))
    }
}

/// The typed scenario, or everything that is wrong with it: first with its form, and with what it
/// says only once all of it could be read.
///
/// # Errors
/// Every problem, with its place.
pub fn world(tree: &Node) -> Result<WorldSpec, Vec<Problem>> {
    let mut tree = tree.clone();
    if let Value::Table(table) = &mut tree.value {
        // What a replay is compared with is not of the world.
        table.remove("replay");
    }
    let problems = Form::world().problems(&tree);
    if !problems.is_empty() {
        return Err(problems);
    }
    hazards::expand(&mut tree);
    let problems = preset::expand(&mut tree);
    if !problems.is_empty() {
        return Err(problems);
    }
    let world: WorldSpec = typed(&tree).map_err(|problem| vec![problem])?;
    let problems: Vec<Problem> = world
        .problems()
        .into_iter()
        .map(|problem| placed(problem, &tree))
        .collect();
    if problems.is_empty() {
        Ok(world)
    } else {
        Err(problems)
    }
}

/// A problem of the model at the place of its key; of a key that stands in a file that is extended,
/// at that of a key on which it depends and which the user wrote.
fn placed(problem: models::Problem, tree: &Node) -> Problem {
    let place_of = |key: &str| tree.place_of(&path(key));
    let own = place_of(&problem.key).unwrap_or_else(|| gap(tree, true));
    let others = problem.depends_on().iter().filter_map(|key| place_of(key));
    // What overrides another file was read before it.
    let nearest = others.min_by_key(|place| place.file);
    let (place, help) = match nearest.filter(|place| place.file < own.file) {
        Some(place) => {
            let (key, help) = (&problem.key, &problem.help);
            let own = match key.split_once('[') {
                Some((table, _)) => format!("write your own here, or `{table} = []` for none"),
                None => String::from("write your own here"),
            };
            let elsewhere = "stands in a file that this one builds on";
            (place, format!("{help}; `{key}` {elsewhere}: {own}"))
        }
        None => (own, problem.help.clone()),
    };
    Problem {
        place: Some(place),
        wrong: format!("`{}`: {}", problem.key, problem.wrong),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::STUDIES;

    #[test]
    fn a_name_that_is_not_known_is_answered_with_the_nearest() {
        let mut sources = Sources::default();
        let error = read(&mut sources, "incident-2002", &STUDIES, Path::new("")).unwrap_err();
        assert!(
            error.to_string().contains("did you mean `incident-2020`?"),
            "{error}"
        );
    }

    #[test]
    fn a_path_that_does_not_exist_is_named() {
        let mut sources = Sources::default();
        let error = read(&mut sources, "no/such.toml", &STUDIES, Path::new("")).unwrap_err();
        assert!(error.to_string().contains("no/such.toml"), "{error}");
    }
}
