//! Scenarios: the base case of a study, built in or from a file.
//!
//! Built-in scenarios and studies are embedded, so a bare binary works anywhere. `-` is standard
//! input. What a file holds is a tree with places (`document/`) until every fragment is merged.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use models::WorldSpec;
use sim::Bytes;

use crate::builtin::{BuiltIn, SCENARIOS};
use crate::document::{Node, Sources, Value, decode, merge::merge, parse::parse, path};
use crate::error::{Error, Problem, suggest};
use crate::preset;
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

/// Reads a built-in by its name, else a file by its path, else (`-`) standard input.
/// A scenario that `extends = "another"` is merged onto that one, by the rules of fragments.
pub fn read(
    sources: &mut Sources,
    asked: &str,
    built_in: &[BuiltIn],
    directory: &Path,
) -> Result<Found, Error> {
    let mut found = read_one(sources, asked, built_in, directory)?;
    for _ in 0..EXTENDS_MAX {
        let Value::Table(table) = &mut found.root.value else {
            return Ok(found);
        };
        let Some(extends) = table.remove("extends") else {
            return Ok(found);
        };
        let base = extends.node.text().unwrap_or_default().to_owned();
        let mut base = read_one(sources, &base, &SCENARIOS, &found.directory)?;
        sources.set_base(base.root.place.file);
        merge(&mut base.root, &found.root);
        found.root = base.root;
    }
    Err(Error::Usage {
        wrong: format!("`{asked}` extends scenarios more than {EXTENDS_MAX} deep"),
        mend: "does it extend itself?".to_owned(),
    })
}

/// Scenarios that extend each other, at most.
const EXTENDS_MAX: usize = 8;

/// One document, as it stands.
fn read_one(
    sources: &mut Sources,
    asked: &str,
    built_in: &[BuiltIn],
    directory: &Path,
) -> Result<Found, Error> {
    if let Some(known) = built_in.iter().find(|known| known.name == asked) {
        let root = parsed(sources, known.file, known.text, directory)?;
        return Ok(Found {
            name: known.name.into(),
            directory: directory.into(),
            root,
        });
    }
    if asked == "-" {
        let mut text = String::new();
        let got = std::io::stdin().read_to_string(&mut text);
        got.map_err(|source| unreadable(Path::new("standard input"), source))?;
        let root = parsed(sources, "standard input", &text, directory)?;
        return Ok(Found {
            name: "stdin".into(),
            directory: directory.into(),
            root,
        });
    }
    let path = directory.join(asked);
    if !path.exists() && !asked.ends_with(".toml") {
        let names: Vec<&str> = built_in.iter().map(|known| known.name).collect();
        let wrong = format!("`{asked}` is neither built in nor a file");
        return Err(Error::Usage {
            wrong,
            mend: suggest(asked, &names),
        });
    }
    let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
    let directory = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let root = parsed(sources, &path.display().to_string(), &text, &directory)?;
    let name = path
        .file_stem()
        .map_or("study".into(), |stem| stem.to_string_lossy().into_owned());
    Ok(Found {
        name,
        directory,
        root,
    })
}

/// The typed scenario, or everything that is wrong with it.
pub fn world(tree: &Node) -> Result<WorldSpec, Vec<Problem>> {
    let mut unknown = Vec::new();
    let tree = &{
        let mut whole = tree.clone();
        unknown.extend(preset::expand(&mut whole));
        if let Value::Table(table) = &mut whole.value {
            // What a replay is compared with is not of the world.
            table.remove("replay");
        }
        whole
    };
    let world: WorldSpec = decode::decode(tree).map_err(|mut problems| {
        problems.iter_mut().for_each(|p| explain_maxmemory(p, tree));
        [unknown.clone(), problems].concat()
    })?;
    let placed = |problem: models::Problem| {
        let at = path(&problem.key);
        let place = tree.place_of(&at).or_else(|| Some(decode::gap(tree, true)));
        let wrong = format!("`{}`: {}", problem.key, problem.wrong);
        Problem {
            place,
            wrong,
            mend: problem.mend,
        }
    };
    let senseless = world.problems().into_iter().map(placed);
    let problems: Vec<Problem> = unknown.into_iter().chain(senseless).collect();
    if problems.is_empty() {
        Ok(world)
    } else {
        Err(problems)
    }
}

/// Who knows Redis writes `maxmemory` in bytes; here it follows the size of the node.
fn explain_maxmemory(problem: &mut Problem, tree: &Node) {
    let at = path("redis.maxmemory");
    // Where the key is absent, its place is that of its table, which has mistakes of its own.
    let is_there = tree.at(&at).is_some();
    if !is_there || problem.place.is_none() || problem.place != tree.place_of(&at) {
        return;
    }
    let bytes = |key: &str| tree.at(&path(key))?.text()?.parse::<Bytes>().ok();
    let (limit, node) = (bytes("redis.maxmemory"), bytes("redis.node_memory"));
    if limit.is_some() {
        let written = tree.at(&at).and_then(Node::text).unwrap_or_default();
        problem.wrong = format!("`redis.maxmemory` is the size {written}, and not a share");
    }
    let example = match (limit, node) {
        (Some(limit), Some(node)) if limit <= node => {
            format!("\"{:.0}%\"", 100.0 * limit.as_f64() / node.as_f64())
        }
        (_, _) => "\"75%\"".to_owned(),
    };
    problem.mend = format!(
        "it is a share of redis.node_memory here, so that it follows when a node is \
         enlarged: write {example}"
    );
}

/// The tree of a document, with the series that it names.
fn parsed(sources: &mut Sources, name: &str, text: &str, directory: &Path) -> Result<Node, Error> {
    let parsed = parse(sources, name, text);
    let mut root = parsed.map_err(|problems| Error::input(sources, problems))?;
    let problems = series::resolve(sources, &mut root, directory);
    match problems.is_empty() {
        true => Ok(root),
        false => Err(Error::input(sources, problems)),
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    let mend = "`outage list` shows what is built in; any other name is a path".to_owned();
    Error::Read {
        path: path.to_path_buf(),
        source,
        mend,
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
