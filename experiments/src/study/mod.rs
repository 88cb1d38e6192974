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

mod findings;
pub mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use models::WorldSpec;
use models::spec::limits::DESIGNS_MAX;
use sha2::{Digest, Sha256};

use crate::document::{Node, Sources, Step, merge, path};
use crate::error::{Error, Problem, suggest};
use crate::forms::condition::Condition;
use crate::forms::study::{FactorFile, Objective, StudyFile, ValueFile};
use crate::scenario::{Found, read_named, world};
use crate::schema::check::Form;
use findings::{conditions, findings};

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
    /// What a design must keep in capacity planning, as it is written.
    pub keep: Vec<String>,
    /// Dollars for what is lost.
    pub value: Option<ValueFile>,
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
    /// What a design must keep in capacity planning.
    pub conditions: Vec<Condition>,
}

impl Study {
    /// Reads, merges and types every design point, or reports everything that is wrong.
    ///
    /// # Errors
    /// If anything is wrong with the study, its scenario or any design.
    pub fn load(sources: &mut Sources, found: &Found) -> Result<Study, Error> {
        let drafted = draft(sources, found).and_then(|(plan, mut problems)| {
            let (worlds, wrong) = worlds(&plan.points);
            problems.extend(wrong);
            if !problems.is_empty() {
                return Err(problems);
            }
            let conditions = conditions(found, &plan.keep, &worlds)?;
            Ok(Study {
                plan,
                worlds,
                conditions,
            })
        });
        drafted.map_err(|problems| Error::input(sources, problems))
    }
}

/// Reads a study and its scenario, and merges every design point.
///
/// # Errors
/// If anything is wrong with the study itself; then also what is wrong with its designs.
pub fn plan(sources: &mut Sources, found: &Found) -> Result<Plan, Error> {
    let drafted = draft(sources, found).and_then(|(plan, mut problems)| {
        if problems.is_empty() {
            return Ok(plan);
        }
        problems.extend(worlds(&plan.points).1);
        Err(problems)
    });
    drafted.map_err(|problems| Error::input(sources, problems))
}

/// The designs that can be made out, and what is wrong with the study; or, if none can be, what is
/// wrong with the study and its scenario.
fn draft(sources: &mut Sources, found: &Found) -> Result<(Plan, Vec<Problem>), Vec<Problem>> {
    let base = found
        .root
        .get("scenario")
        .filter(|name| name.text().is_some());
    let base = base.map(|name| read_named(sources, name, &found.directory));
    let typed = Form::study().decode::<StudyFile>(&found.root);
    let (file, base) = match (typed, base) {
        (Ok(file), Some(Ok(base))) => (file, base),
        (typed, base) => {
            let mut problems = typed.map_or_else(|wrong| wrong, |file| findings(found, &file));
            problems.extend(match base {
                Some(Ok(base)) => Form::world().problems_of_part(&base.root),
                Some(Err(wrong)) => wrong,
                None => Vec::new(),
            });
            return Err(problems);
        }
    };
    let mut problems = findings(found, &file);
    let factors: Vec<Factor> = file.factors.iter().map(Factor::of).collect();
    if let Err(problem) = countable(found, &factors, file.points.len()) {
        problems.extend(problem);
        problems.extend(Form::world().problems_of_part(&base.root));
        return Err(problems);
    }
    let mut merging = Merging {
        found: &found.root,
        unset: BTreeMap::new(),
    };
    let points = points(&mut merging, &base.root, &factors, &file);
    problems.extend(merging.idle(&base.root));
    // Levels by one name make designs by one name.
    if problems.is_empty() {
        problems.extend(same_names(found, &points));
    }
    let plan = Plan {
        name: found.name.clone(),
        title: file.title,
        scenario: base.name,
        hash: hash(&points),
        trials: file.trials,
        seed: file.seed,
        factors,
        objectives: file.objectives,
        keep: file.plan.keep,
        value: file.plan.value,
        points,
    };
    Ok((plan, problems))
}

/// The combinations of all levels and the single designs; without those whose levels are not known.
fn points(
    merging: &mut Merging<'_>,
    base: &Node,
    factors: &[Factor],
    file: &StudyFile,
) -> Vec<PlannedPoint> {
    let mut points = Vec::new();
    for levels in factorial(factors, &file.baseline) {
        let tree = merging.point(base, &levels, None);
        let label = label(factors, &levels);
        points.push(PlannedPoint {
            label,
            levels,
            single: false,
            tree,
        });
    }
    for (number, point) in file.points.iter().enumerate() {
        let Some(levels) = numbers(factors, &point.levels) else {
            continue;
        };
        let tree = merging.point(base, &levels, Some(number));
        points.push(PlannedPoint {
            label: point.name.clone(),
            levels,
            single: true,
            tree,
        });
    }
    points
}

/// A design is known by its name in tables, charts and rows. Those of single designs were compared
/// with each other before.
fn same_names(found: &Found, points: &[PlannedPoint]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for point in points {
        let is_new = !names.contains(&point.label);
        if !point.single {
            names.insert(&point.label);
        }
        if is_new {
            continue;
        }
        let written = found.root.get("point").and_then(Node::array);
        let named = written.unwrap_or_default().iter().filter(|_| point.single);
        let mut named = named.filter_map(|design| design.get("name"));
        let name = named.find(|name| name.text() == Some(&point.label));
        problems.push(Problem {
            place: name.map_or_else(|| found.root.place_of(&path("factor")), |n| Some(n.place)),
            wrong: format!("two designs are named `{}`", point.label),
            help: match points[0].label == point.label {
                true => {
                    "the baseline comes first without being listed: take this one out, or \
                         give it another name"
                }
                false => "give one of them another name",
            }
            .to_owned(),
        });
    }
    problems
}

/// Can the designs be counted? Each factor has a level, and they are not too many.
fn countable(found: &Found, factors: &[Factor], single: usize) -> Result<(), Option<Problem>> {
    if factors.iter().any(|factor| factor.levels.is_empty()) {
        return Err(None);
    }
    let levels = factors.iter().map(|factor| factor.levels.len());
    let all = levels.fold(1_usize, usize::saturating_mul);
    let all = all.saturating_add(single);
    if all <= DESIGNS_MAX {
        return Ok(());
    }
    Err(Some(Problem {
        place: found.root.place_of(&path("factor")),
        wrong: format!("the study has {all} designs, and at most {DESIGNS_MAX} can be compared"),
        help: "take factors or levels out, or write single designs as [[point]]".to_owned(),
    }))
}

/// The typed scenario of every design, and what is wrong with them: each mistake once, however
/// many designs have it.
fn worlds(points: &[PlannedPoint]) -> (Vec<WorldSpec>, Vec<Problem>) {
    let mut worlds = Vec::new();
    let mut found: Vec<(Problem, usize)> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        let problems = match world(&point.tree) {
            Ok(world) => {
                worlds.push(world);
                continue;
            }
            Err(problems) => problems,
        };
        for problem in problems {
            // Another design may word the same mistake with other figures.
            let key = |problem: &Problem| problem.wrong.split('`').nth(1).map(str::to_owned);
            let known = found.iter().any(|(before, design)| {
                *design != number && before.place == problem.place && key(before) == key(&problem)
            });
            if !known {
                found.push((problem, number));
            }
        }
    }
    (
        worlds,
        found.into_iter().map(|(problem, _)| problem).collect(),
    )
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
    let help = format!(
        "write a study.toml here with title, scenario = \"{scenario}\" (a path from the study's \
         own folder), trials, seed and at least one [[factor]]"
    );
    Error::Usage { wrong, help }
}

impl Factor {
    fn of(file: &FactorFile) -> Factor {
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
    if let Some(first) = numbers(factors, baseline) {
        combinations.retain(|levels| *levels != first);
        combinations.insert(0, first);
    }
    combinations
}

/// The levels' numbers, if every factor has one that is known.
fn numbers(factors: &[Factor], names: &BTreeMap<String, String>) -> Option<Vec<usize>> {
    let number = |factor: &Factor| {
        let name = names.get(&factor.name)?;
        factor.levels.iter().position(|level| level == name)
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
                help: suggest(key, &known),
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
