//! A study: a base scenario, factors × levels, and the design points that follow.
//!
//! ```text
//! study.toml ─ file.rs ─► StudyFile ┐
//! scenario.toml ──────────► Node    ┴─ plan() ─► Plan { points: [label, levels, tree] }
//! ```
//!
//! The baseline comes first, then the rest of the full factorial with the last factor running
//! fastest, then single points in the order of the file. Every fragment is merged before anything
//! is typed, so every knob of a scenario can be varied without a line of code.

pub mod file;

use std::collections::BTreeMap;

use models::WorldSpec;
use sha2::{Digest, Sha256};

use crate::builtin::SCENARIOS;
use crate::document::{Node, Sources, Step, decode::decode, merge, path};
use crate::error::{Error, Problem, listed, render, suggest};
use crate::measures::{FIXED_COLUMNS, MEASURES};
use crate::scenario::{Found, read, world};
use file::{Amount, Objective, PointFile, StudyFile};

/// A study whose points are merged but not yet typed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The built-in's or the file's name.
    pub name: String,
    /// One line.
    pub title: String,
    /// The scenario's name.
    pub scenario: String,
    /// Twelve digits that change whenever a design point does.
    pub hash: String,
    /// Trials of each point, unless the command line says otherwise.
    pub trials: u64,
    /// The seed, unless the command line says otherwise.
    pub seed: u64,
    /// What is varied.
    pub factors: Vec<Factor>,
    /// What a design should keep.
    pub objectives: Vec<Objective>,
    /// The baseline, the rest of the factorial, the single points.
    pub points: Vec<PlannedPoint>,
}

/// One thing that is varied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its name.
    pub name: String,
    /// The names of its levels, in the order of the file.
    pub levels: Vec<String>,
}

/// One design, as a tree.
#[derive(Clone, Debug)]
pub struct PlannedPoint {
    /// Its name, in tables, charts and rows.
    pub label: String,
    /// Its level of every factor, as a number into [`Factor::levels`].
    pub levels: Vec<usize>,
    /// It stands beside the full factorial.
    pub single: bool,
    /// The merged scenario.
    pub tree: Node,
}

/// A study that can be run.
#[derive(Clone, Debug)]
pub struct Study {
    /// What is compared.
    pub plan: Plan,
    /// The typed scenario of every point, in the order of the plan.
    pub worlds: Vec<WorldSpec>,
}

impl Study {
    /// Reads, merges and types every design point, or tells everything that is wrong.
    pub fn load(sources: &mut Sources, found: &Found) -> Result<Study, Error> {
        let plan = plan(sources, found)?;
        let mut worlds = Vec::new();
        let mut problems = Vec::new();
        for point in &plan.points {
            match world(&point.tree) {
                Ok(world) => worlds.push(world),
                Err(wrong) => problems.extend(wrong),
            }
        }
        match problems.is_empty() {
            true => Ok(Study { plan, worlds }),
            false => Err(Error::input(sources, problems)),
        }
    }
}

/// Reads a study and its scenario, and merges every design point.
pub fn plan(sources: &mut Sources, found: &Found) -> Result<Plan, Error> {
    let file: StudyFile =
        decode(&found.root).map_err(|problems| Error::input(sources, problems))?;
    let mut findings = Findings {
        root: &found.root,
        problems: Vec::new(),
    };
    findings.check(&file);
    if !findings.problems.is_empty() {
        return Err(with_scenario(sources, found, &file, findings.problems));
    }
    let base = base_of(sources, found, &file)?;
    let factors: Vec<Factor> = file.factors.iter().map(Factor::of).collect();
    let mut merging = Merging {
        found: &found.root,
        unset: BTreeMap::new(),
    };
    let mut points = Vec::new();
    for levels in factorial(&factors, &file.baseline) {
        let tree = merging.point(&base.root, &levels, None);
        let label = label(&factors, &levels);
        points.push(PlannedPoint {
            label,
            levels,
            single: false,
            tree,
        });
    }
    for (number, point) in file.points.iter().enumerate() {
        let levels = numbers(&factors, &point.levels);
        let tree = merging.point(&base.root, &levels, Some(number));
        points.push(PlannedPoint {
            label: point.name.clone(),
            levels,
            single: true,
            tree,
        });
    }
    let mut idle = merging.idle(&base.root);
    if !idle.is_empty() {
        let wrong = points.iter().filter_map(|point| world(&point.tree).err());
        idle.extend(wrong.flatten());
        return Err(Error::input(sources, idle));
    }
    Ok(Plan {
        name: found.name.clone(),
        title: file.title,
        scenario: base.name,
        hash: hash(&points),
        trials: file.trials,
        seed: file.seed,
        factors,
        objectives: file.objectives,
        points,
    })
}

/// The problems of the study, with those of its scenario and of every level's fragment: a study
/// whose points cannot be made out still says all that is wrong with what they are made of.
fn with_scenario(
    sources: &mut Sources,
    found: &Found,
    file: &StudyFile,
    mut problems: Vec<Problem>,
) -> Error {
    let base = match base_of(sources, found, file) {
        Ok(base) => base.root,
        Err(Error::Input(told)) => {
            return Error::Input(format!("{}\n\n{told}", render(sources, problems)));
        }
        Err(other) => return other,
    };
    problems.extend(world(&base).err().unwrap_or_default());
    let mut merging = Merging {
        found: &found.root,
        unset: BTreeMap::new(),
    };
    for (factor, of) in file.factors.iter().enumerate() {
        for level in 0..of.levels.len() {
            let mut tree = base.clone();
            let at = path(&format!("factor[{factor}].level[{level}]"));
            merging.apply(&mut tree, &at, vec![0, factor, level]);
            problems.extend(decode::<WorldSpec>(&tree).err().unwrap_or_default());
        }
    }
    Error::input(sources, problems)
}

fn base_of(sources: &mut Sources, found: &Found, file: &StudyFile) -> Result<Found, Error> {
    let base = read(sources, &file.scenario, &SCENARIOS, &found.directory);
    base.map_err(|error| match error {
        Error::Usage { wrong, mend } => {
            let place = found.root.place_of(&path("scenario"));
            Error::input(sources, vec![Problem { place, wrong, mend }])
        }
        Error::Read {
            path: missing,
            source,
            ..
        } => {
            let place = found.root.place_of(&path("scenario"));
            let wrong = format!("cannot read {}: {source}", missing.display());
            let mend = "name a built-in scenario, or a path relative to this file".to_owned();
            Error::input(sources, vec![Problem { place, wrong, mend }])
        }
        other => other,
    })
}

/// Does this document look like a study, rather than a scenario?
pub fn is_study(root: &Node) -> bool {
    ["scenario", "factor", "point", "baseline"]
        .iter()
        .any(|key| root.entry(key).is_some())
}

/// What to write where a study is expected and a scenario given: a file of the user's own, here,
/// never one among the scenarios.
pub fn not_a_study(asked: &str) -> Error {
    let wrong = format!("`{asked}` is a scenario, and a comparison needs a study");
    let scenario = if asked == "-" {
        "my-scenario.toml"
    } else {
        asked
    };
    let mend = format!(
        "write a study.toml here with title, scenario = \"{scenario}\" (a path from the study's \
         own folder), trials, seed and at least one [[factor]]"
    );
    Error::Usage { wrong, mend }
}

impl Factor {
    fn of(file: &file::FactorFile) -> Factor {
        let levels = file.levels.iter().map(|level| level.name.clone()).collect();
        Factor {
            name: file.name.clone(),
            levels,
        }
    }
}

/// All combinations, the baseline first, then with the last factor running fastest.
fn factorial(factors: &[Factor], baseline: &BTreeMap<String, String>) -> Vec<Vec<usize>> {
    let mut combinations = vec![Vec::new()];
    for factor in factors {
        combinations = combinations
            .into_iter()
            .flat_map(|before: Vec<usize>| {
                (0..factor.levels.len()).map(move |level| [before.clone(), vec![level]].concat())
            })
            .collect();
    }
    let first = numbers(factors, baseline);
    combinations.retain(|levels| *levels != first);
    combinations.insert(0, first);
    combinations
}

/// The levels' numbers; the names were checked before.
fn numbers(factors: &[Factor], names: &BTreeMap<String, String>) -> Vec<usize> {
    let number = |factor: &Factor| {
        let name = names
            .get(&factor.name)
            .expect("every factor's level was checked");
        factor
            .levels
            .iter()
            .position(|level| level == name)
            .expect("the level was checked")
    };
    factors.iter().map(number).collect()
}

fn label(factors: &[Factor], levels: &[usize]) -> String {
    let names: Vec<&str> = factors
        .iter()
        .zip(levels)
        .map(|(factor, level)| factor.levels[*level].as_str())
        .collect();
    match names.is_empty() {
        true => "as it is".to_owned(),
        false => names.join(" / "),
    }
}

/// Twelve digits of the SHA-256 of all labels and merged scenarios; comments do not count.
fn hash(points: &[PlannedPoint]) -> String {
    let mut digest = Sha256::new();
    for point in points {
        digest.update(point.label.as_bytes());
        digest.update([0]);
        digest.update(point.tree.to_toml().to_string().as_bytes());
        digest.update([0]);
    }
    digest
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Merges points, and remembers which `unset` ever took something away.
struct Merging<'a> {
    found: &'a Node,
    unset: BTreeMap<Vec<usize>, (Vec<Step>, bool)>,
}

impl Merging<'_> {
    fn point(&mut self, base: &Node, levels: &[usize], single: Option<usize>) -> Node {
        let mut tree = base.clone();
        for (factor, level) in levels.iter().enumerate() {
            let at = path(&format!("factor[{factor}].level[{level}]"));
            self.apply(&mut tree, &at, vec![0, factor, *level]);
        }
        if let Some(number) = single {
            self.apply(
                &mut tree,
                &path(&format!("point[{number}]")),
                vec![1, number],
            );
        }
        tree
    }

    fn apply(&mut self, tree: &mut Node, at: &[Step], id: Vec<usize>) {
        let Some(level) = self.found.at(at) else {
            return;
        };
        let unset = level.get("unset").and_then(Node::array).unwrap_or_default();
        for (number, key) in unset.iter().enumerate() {
            let removed = merge::unset(tree, &path(key.text().unwrap_or_default()));
            let place = [at, &path(&format!("unset[{number}]"))].concat();
            let id = [id.clone(), vec![number]].concat();
            self.unset.entry(id).or_insert((place, false)).1 |= removed;
        }
        if let Some(fragment) = level.get("set") {
            merge::merge(tree, fragment);
        }
    }

    /// An `unset` that never takes anything away is misspelt.
    fn idle(&self, base: &Node) -> Vec<Problem> {
        let known: Vec<&str> = base
            .table()
            .into_iter()
            .flat_map(|table| table.keys())
            .map(String::as_str)
            .collect();
        let idle = self.unset.values().filter(|(_, used)| !used);
        idle.map(|(at, _)| {
            let key = self.found.at(at).and_then(Node::text).unwrap_or_default();
            Problem {
                place: self.found.place_of(at),
                wrong: format!("there is no `{key}` to take away in any design"),
                mend: suggest(key, &known),
            }
        })
        .collect()
    }
}

/// What types cannot say about a study file.
struct Findings<'a> {
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn add(&mut self, at: &str, wrong: String, mend: impl Into<String>) {
        let place = self.root.place_of(&path(at));
        self.problems.push(Problem {
            place,
            wrong,
            mend: mend.into(),
        });
    }

    fn check(&mut self, file: &StudyFile) {
        if file.trials < 2 {
            let wrong = format!(
                "`trials` is {}, and an interval needs at least 2",
                file.trials
            );
            self.add("trials", wrong, "write some hundreds");
        }
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
        for name in levels
            .keys()
            .filter(|name| !factors.contains(&name.as_str()))
        {
            self.add(
                &format!("{at}.{name}"),
                format!("there is no factor `{name}`"),
                suggest(name, &factors),
            );
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
                None => {
                    let at_top = at == "baseline" && self.root.entry("baseline").is_none();
                    let place = if at_top { "factor" } else { at };
                    let wrong = format!("`{at}` names no level of factor `{name}`");
                    let words = listed(&known);
                    let mend = match at {
                        "baseline" => format!("add `{name} = …` under [baseline], one of {words}"),
                        _ => format!("add `{name} = …` to its levels, one of {words}"),
                    };
                    self.add(place, wrong, mend);
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

#[cfg(test)]
mod tests;
