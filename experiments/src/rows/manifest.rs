//! `manifest.json`: what was asked, what was kept, and what the columns mean.

use serde::{Deserialize, Serialize};

use crate::measures::columns;
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
    /// Trials of each point that were kept: 1 to this.
    pub trials: u64,
    /// The study was interrupted before all trials were done.
    pub interrupted: bool,
    /// What was given to the command: a built-in name or a path.
    pub asked_for: String,
    /// The command that makes the same rows again.
    pub command: String,
    /// What the scenario rests on.
    pub basis: Vec<BasisEntry>,
    /// The factors and their levels, in the order of the columns.
    pub factors: Vec<FactorEntry>,
    /// The points, the baseline first.
    pub points: Vec<PointEntry>,
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

/// What was asked of a study and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The seed.
    pub seed: u64,
    /// Trials of each point that were asked for.
    pub asked: u64,
    /// Trials of each point that were kept.
    pub kept: u64,
}

impl Manifest {
    /// The manifest of a plan that has been run.
    pub fn of(plan: &Plan, basis: Vec<BasisEntry>, asked_name: &str, extent: Extent) -> Manifest {
        let factor = |factor: &crate::study::Factor| FactorEntry {
            name: factor.name.clone(),
            levels: factor.levels.clone(),
        };
        let point = |point: &crate::study::PlannedPoint| PointEntry {
            label: point.label.clone(),
            levels: point.levels.clone(),
            single: point.single,
        };
        let column = |(name, unit, what)| ColumnEntry {
            name,
            unit: str::to_owned(unit),
            what,
        };
        let Extent { seed, asked, kept } = extent;
        Manifest {
            format: 1,
            study: plan.name.clone(),
            title: plan.title.clone(),
            scenario: plan.scenario.clone(),
            scenario_hash: plan.hash.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            trials_asked: asked,
            trials: kept,
            interrupted: kept < asked,
            asked_for: asked_name.to_owned(),
            command: format!("outage compare {asked_name} --trials {kept} --seed {seed}"),
            basis,
            factors: plan.factors.iter().map(factor).collect(),
            points: plan.points.iter().map(point).collect(),
            columns: columns().into_iter().map(column).collect(),
        }
    }

    /// The command that tells a trial of the baseline.
    pub fn trace_command(&self, trial: u64) -> String {
        format!(
            "outage trace {} --trial {trial} --seed {}",
            self.asked_for, self.seed
        )
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
