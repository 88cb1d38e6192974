//! Recorded series: `recorded = "series.csv"` in a scenario or a fragment becomes the file's text.
//!
//! The model reads no files, so this happens while a document is loaded, before anything is merged:
//! a path is relative to the document that names it, a mistake is reported at its line of the CSV
//! file, and what the file holds is part of the scenario's hash. A text of several lines is a
//! series itself and is left as it is.

use std::fs;
use std::path::Path;

use models::spec::traffic::Series;

use crate::document::{Node, Place, Sources, Value};
use crate::error::Problem;

/// The key, wherever it stands.
const KEY: &str = "recorded";

/// Puts the text of every series in the place of its file's name, or reports what is wrong.
pub fn resolve(sources: &mut Sources, root: &mut Node, directory: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(sources, root, directory, &mut problems);
    problems
}

fn visit(sources: &mut Sources, node: &mut Node, directory: &Path, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Table(table) => {
            for (key, entry) in table {
                let text = entry.node.text().filter(|text| !text.contains('\n'));
                match text.map(str::to_owned) {
                    Some(name) if key == KEY => {
                        let at = entry.node.place;
                        match read(sources, &directory.join(name), at) {
                            Ok(text) => entry.node.value = Value::Scalar(toml::Value::String(text)),
                            Err(problem) => problems.push(problem),
                        }
                    }
                    Some(_) | None => visit(sources, &mut entry.node, directory, problems),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                visit(sources, element, directory, problems);
            }
        }
        Value::Scalar(_) => {}
    }
}

/// The text of a series that can be read.
fn read(sources: &mut Sources, path: &Path, at: Place) -> Result<String, Problem> {
    let text = fs::read_to_string(path).map_err(|error| Problem {
        place: Some(at),
        wrong: format!("cannot read {}: {error}", path.display()),
        help: "name a CSV file relative to this one, with the columns at_s,per_sec".to_owned(),
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let Err(error) = Series::parse(text) else {
        return Ok(text.to_owned());
    };
    let line_starts = text.split_inclusive('\n').take(error.line - 1);
    let from = line_starts.map(str::len).sum::<usize>();
    let length = text[from..].lines().next().map_or(0, str::len);
    let file = sources.add(path.display().to_string(), text);
    let place = Place {
        file,
        from,
        to: from + length,
    };
    Err(Problem {
        place: Some(place),
        wrong: error.wrong,
        help: error.help,
    })
}
