//! `manifest.json`: what was asked, what was kept, and what the columns mean.

use serde::{Deserialize, Serialize};

use crate::measures::{Column, columns};
use crate::rows::ran::{FailedTrial, Ran};
use crate::study::Plan;
use models::spec::{AboutSpec, FactSpec};

/// Everything that a reader of the rows needs to know beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u32,
    /// The study's name.
    pub study: String,
    /// The study in one line.
    pub title: String,
    /// The scenario's name.
    pub scenario: String,
    /// Changes whenever a design point does.
    pub scenario_hash: String,
    /// The version of the program.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// Trials of each point that were asked for.
    pub trials_asked: u64,
    /// Trials of each point that were run: 1 to this.
    pub trials: u64,
    /// The study was interrupted before all trials were done.
    pub interrupted: bool,
    /// What was given to the command: a built-in name or a path.
    pub asked_for: String,
    /// Options that set limits of a trial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// The command that makes the same rows again.
    pub command: String,
    /// What the scenario rests on.
    pub basis: Vec<BasisEntry>,
    /// The factors and their levels, in the order of the columns.
    pub factors: Vec<FactorEntry>,
    /// The points, the baseline first.
    pub points: Vec<PointEntry>,
    /// The trials that failed: they have no row, and the other trials of their point do not stand
    /// for them.
    pub failed: Vec<FailedEntry>,
    /// The columns of `outcomes.csv` behind those of the factors.
    pub columns: Vec<ColumnEntry>,
}

/// A statement that the scenario rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisEntry {
    /// A public report states it; otherwise it is assumed.
    pub reported: bool,
    /// The statement, or the key of the scenario that it is about.
    pub what: String,
    /// Its source, or the reason for assuming it.
    pub why: String,
}

/// A factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorEntry {
    /// Its name.
    pub name: String,
    /// The names of its levels.
    pub levels: Vec<String>,
}

/// A design point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointEntry {
    /// Its label.
    pub label: String,
    /// The number of its level, from 0, for every factor.
    pub levels: Vec<usize>,
    /// It stands beside the full factorial.
    pub single: bool,
    /// How many of its trials have a row.
    pub trials: u64,
}

/// A trial of one point that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedEntry {
    /// The point's label.
    pub point: String,
    /// The trial.
    pub trial: u64,
    /// What went wrong.
    pub wrong: String,
    /// The command that replays it.
    pub replay: String,
}

/// A column of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What it means.
    pub what: String,
}

/// What was asked of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// A built-in name or a path.
    pub name: &'a str,
    /// The seed.
    pub seed: u64,
    /// Trials of each point.
    pub trials: u64,
    /// Options that set limits of a trial.
    pub limits: &'a [String],
}

impl Manifest {
    /// The manifest of a plan that has been run.
    pub fn of(plan: &Plan, basis: Vec<BasisEntry>, asked: &Asked, ran: &Ran) -> Manifest {
        let factor = |factor: &crate::study::Factor| FactorEntry {
            name: factor.name.clone(),
            levels: factor.levels.clone(),
        };
        let point = |(place, point): (usize, &crate::study::PlannedPoint)| PointEntry {
            label: point.label.clone(),
            levels: point.levels.clone(),
            single: point.single,
            trials: ran.rows[place],
        };
        let column = |column: Column| ColumnEntry {
            name: column.name(),
            unit: column.unit().to_owned(),
            what: column.what(),
        };
        let Asked {
            name,
            seed,
            trials,
            limits,
        } = *asked;
        let failed = |failed: &FailedTrial| {
            let label = &plan.points[failed.point].label;
            let trial = failed.trial;
            FailedEntry {
                point: label.clone(),
                trial,
                wrong: failed.wrong.clone(),
                replay: trace_command(name, trial, seed, Some(label), limits),
            }
        };
        Manifest {
            format: 2,
            study: plan.name.clone(),
            title: plan.title.clone(),
            scenario: plan.scenario.clone(),
            scenario_hash: plan.hash.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            trials_asked: trials,
            trials: ran.trials,
            interrupted: ran.trials < trials,
            asked_for: name.to_owned(),
            limits: limits.to_vec(),
            command: compare_command(name, ran.trials, seed, limits),
            basis,
            factors: plan.factors.iter().map(factor).collect(),
            points: plan.points.iter().enumerate().map(point).collect(),
            failed: ran.failed.iter().map(failed).collect(),
            columns: columns().map(column).collect(),
        }
    }

    /// Is every trial of this point there?
    pub fn is_complete(&self, point: usize) -> bool {
        self.points[point].trials == self.trials
    }

    /// The command that runs the whole study, if it was interrupted.
    pub fn whole_command(&self) -> String {
        compare_command(&self.asked_for, self.trials_asked, self.seed, &self.limits)
    }

    /// The command that tells a trial of the baseline.
    pub fn trace_command(&self, trial: u64) -> String {
        trace_command(&self.asked_for, trial, self.seed, None, &self.limits)
    }
}

/// A command that a shell reads as it is meant, whatever names it holds.
pub fn trace_command(
    name: &str,
    trial: u64,
    seed: u64,
    design: Option<&str>,
    limits: &[String],
) -> String {
    let (name, trial, seed) = (file(name), trial.to_string(), seed.to_string());
    let mut words = vec!["outage", "trace", &name, "--trial", &trial, "--seed", &seed];
    words.extend(design.into_iter().flat_map(|design| ["--point", design]));
    words.extend(limits.iter().map(String::as_str));
    shell_words::join(words)
}

fn compare_command(name: &str, trials: u64, seed: u64, limits: &[String]) -> String {
    let (name, trials, seed) = (file(name), trials.to_string(), seed.to_string());
    let words = [
        "outage", "compare", &name, "--trials", &trials, "--seed", &seed,
    ];
    shell_words::join(words.into_iter().chain(limits.iter().map(String::as_str)))
}

/// A file whose name begins like an option is given by its path.
fn file(name: &str) -> String {
    match name.starts_with('-') && name != "-" {
        true => format!("./{name}"),
        false => name.to_owned(),
    }
}

/// What a scenario says about its numbers: first what was reported, then what is assumed.
pub fn basis(about: &AboutSpec) -> Vec<BasisEntry> {
    let entry = |reported: bool| {
        move |fact: &FactSpec| BasisEntry {
            reported,
            what: fact.what.clone(),
            why: fact.why.clone(),
        }
    };
    let reported = about.reported.iter().map(entry(true));
    reported
        .chain(about.assumed.iter().map(entry(false)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_by_a_shell_as_they_are_meant() {
        let design = "it's; $(rm) \"a\" / b";
        let command = trace_command("my study.toml", 3, 7, Some(design), &[]);
        let words = shell_words::split(&command).unwrap();
        assert_eq!(words[2], "my study.toml");
        assert_eq!(words.last().unwrap(), design);
        assert_eq!(
            trace_command("a", 1, 2, None, &["--trial-time".into(), "5s".into()]),
            "outage trace a --trial 1 --seed 2 --trial-time 5s"
        );
        assert!(compare_command("-x.toml", 2, 1, &[]).starts_with("outage compare ./-x.toml "));
    }
}
