//! What types cannot say about a study file.

use std::collections::BTreeMap;

use models::WorldSpec;

use crate::document::{Node, path};
use crate::error::{Problem, listed, nearest, suggest};
use crate::forms::condition::{Condition, Order};
use crate::forms::study::{Amount, Objective, PointFile, StudyFile};
use crate::measures::{FIXED_COLUMNS, MEASURES};
use crate::scenario::Found;
use crate::sources::Place;

/// All of it.
pub fn findings(found: &Found, file: &StudyFile) -> Vec<Problem> {
    let mut findings = Findings {
        root: &found.root,
        problems: Vec::new(),
    };
    findings.check(file);
    findings.problems
}

/// What `plan.keep` asks of trials as long as these.
///
/// # Errors
/// If a condition is wrong, or if the trials of some designs are longer than those of others.
pub fn conditions(
    found: &Found,
    keep: &[String],
    worlds: &[WorldSpec],
) -> Result<Vec<Condition>, Vec<Problem>> {
    let horizon = worlds[0].horizon;
    let mut conditions = Vec::new();
    let mut problems = Vec::new();
    for (number, text) in keep.iter().enumerate() {
        let place = found.root.place_of(&path(&format!("plan.keep[{number}]")));
        match Condition::parse(text, horizon) {
            Ok(Condition {
                order: Order::AtLeast | Order::Above,
                ..
            }) => problems.push(Problem {
                place,
                wrong: "a design keeps what stays below a bound, and this asks for more than one"
                    .to_owned(),
                help: "write `<=`; `--fail-if` takes `>`".to_owned(),
            }),
            Ok(condition) => conditions.push(condition),
            Err(mistake) => problems.push(Problem {
                place: place.map(|place| within(place, text, mistake.at)),
                wrong: mistake.wrong,
                help: mistake.help,
            }),
        }
    }
    let other = worlds.iter().find(|world| world.horizon != horizon);
    if let Some(other) = other.filter(|_| !keep.is_empty()) {
        problems.push(Problem {
            place: found.root.place_of(&path("plan.keep")),
            wrong: format!("some trials last {horizon}, and some {}", other.horizon),
            help: "give all designs one `horizon`, or leave `plan.keep` out".to_owned(),
        });
    }
    match problems.is_empty() {
        true => Ok(conditions),
        false => Err(problems),
    }
}

/// The place of the rest of a text from this byte on, if it stands there as it is, in quotes.
fn within(place: Place, text: &str, at: usize) -> Place {
    if place.to - place.from != text.len() + 2 || at >= text.len() {
        return place;
    }
    Place {
        from: place.from + 1 + at,
        to: place.to - 1,
        ..place
    }
}

struct Findings<'a> {
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn add(&mut self, at: &str, wrong: String, help: impl Into<String>) {
        let place = self.root.place_of(&path(at));
        self.problems.push(Problem {
            place,
            wrong,
            help: help.into(),
        });
    }

    fn check(&mut self, file: &StudyFile) {
        let factors: Vec<&str> = file
            .factors
            .iter()
            .map(|factor| factor.name.as_str())
            .collect();
        self.distinct("factor", &factors);
        for (i, factor) in file.factors.iter().enumerate() {
            let levels: Vec<&str> = factor
                .levels
                .iter()
                .map(|level| level.name.as_str())
                .collect();
            self.distinct(&format!("factor[{i}].level"), &levels);
            if levels.is_empty() {
                let wrong = format!("factor `{}` has no level", factor.name);
                self.add(
                    &format!("factor[{i}]"),
                    wrong,
                    "add [[factor.level]] tables",
                );
            }
            let taken = FIXED_COLUMNS.contains(&factor.name.as_str())
                || MEASURES.iter().any(|measure| measure.name == factor.name);
            if taken {
                let wrong = format!("`{}` is a column of the rows already", factor.name);
                self.add(&format!("factor[{i}].name"), wrong, "choose another name");
            }
        }
        if !(file.factors.is_empty() && file.baseline.is_empty()) {
            self.levels("baseline", &file.baseline, file);
        }
        self.points(&file.points, file);
        for (i, objective) in file.objectives.iter().enumerate() {
            self.objective(i, objective);
        }
    }

    fn distinct(&mut self, at: &str, names: &[&str]) {
        for (i, name) in names.iter().enumerate() {
            let wrong = match names[..i].contains(name) {
                true => format!("`{name}` is used twice"),
                false if name.trim().is_empty() => "the name is empty".to_owned(),
                false => continue,
            };
            self.add(
                &format!("{at}[{i}].name"),
                wrong,
                "give every one a name of its own",
            );
        }
    }

    fn points(&mut self, points: &[PointFile], file: &StudyFile) {
        let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        self.distinct("point", &names);
        for (i, point) in points.iter().enumerate() {
            self.levels(&format!("point[{i}].levels"), &point.levels, file);
        }
    }

    /// A level of every factor, and of nothing else.
    fn levels(&mut self, at: &str, levels: &BTreeMap<String, String>, file: &StudyFile) {
        let factors: Vec<&str> = file
            .factors
            .iter()
            .map(|factor| factor.name.as_str())
            .collect();
        let unknown: Vec<&str> = levels
            .keys()
            .map(String::as_str)
            .filter(|name| !factors.contains(name))
            .collect();
        let mut lacking: Vec<&str> = factors.clone();
        lacking.retain(|factor| !levels.contains_key(*factor));
        for name in &unknown {
            // A factor by a wrong name is lacking by its right one: that is one mistake.
            let meant = match (unknown.as_slice(), lacking.as_slice()) {
                ([_], [only]) => Some(*only),
                (_, _) => nearest(name, lacking.iter().copied()),
            };
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`? known: {}", listed(&factors)),
                None => suggest(name, &factors),
            };
            let wrong = format!("there is no factor `{name}`");
            self.add(&format!("{at}.{name}"), wrong, help);
            lacking.retain(|factor| meant != Some(factor));
        }
        for factor in &file.factors {
            let known: Vec<&str> = factor
                .levels
                .iter()
                .map(|level| level.name.as_str())
                .collect();
            let name = &factor.name;
            match levels.get(name) {
                Some(level) if known.contains(&level.as_str()) => {}
                Some(level) => {
                    let wrong = format!("factor `{name}` has no level `{level}`");
                    self.add(&format!("{at}.{name}"), wrong, suggest(level, &known));
                }
                None if !lacking.contains(&name.as_str()) => {}
                None => {
                    let at_top = at == "baseline" && self.root.entry("baseline").is_none();
                    let place = if at_top { "factor" } else { at };
                    let wrong = format!("`{at}` names no level of factor `{name}`");
                    let words = listed(&known);
                    let help = match at {
                        "baseline" => format!("add `{name} = …` under [baseline], one of {words}"),
                        _ => format!("add `{name} = …` to its levels, one of {words}"),
                    };
                    self.add(place, wrong, help);
                }
            }
        }
    }

    fn objective(&mut self, i: usize, objective: &Objective) {
        let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        let Some(measure) = MEASURES.iter().find(|m| m.name == objective.measure) else {
            let wrong = format!("there is no measure `{}`", objective.measure);
            self.add(
                &format!("objective[{i}].measure"),
                wrong,
                suggest(&objective.measure, &names),
            );
            return;
        };
        let at = format!("objective[{i}].at_most");
        match (objective.at_most, measure.unit == "s") {
            (Amount::Time(_), true) | (Amount::Number(_), false) => {}
            (Amount::Number(number), true) => {
                let wrong = format!("`{}` is a time, and {number} has no unit", measure.name);
                self.add(&at, wrong, "write a duration such as \"10min\"");
            }
            (Amount::Time(_), false) => {
                let wrong = format!("`{}` is not a time", measure.name);
                self.add(&at, wrong, format!("write a number of {}", measure.unit));
            }
        }
    }
}
