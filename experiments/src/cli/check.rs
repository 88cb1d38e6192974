//! `outage check`: is a scenario or a study valid, and what does it contain?

use std::path::Path;

use models::findings::counted;

use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::{Error, Problem};
use crate::replay::{Replay, is_replay};
use crate::scenario::{self, Found};
use crate::study::{Study, is_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage check my-study.toml       # mistakes with their lines, and how to fix them
  outage check incident-2020       # the built-in study
  outage check - < scenario.toml   # from standard input";

/// Prints what was found, or the mistakes.
pub fn run(file: &str) -> super::Done {
    terminal::result(&summary(file)?);
    Ok(0)
}

/// What a scenario or study holds.
///
/// # Errors
/// Everything that is wrong with it.
pub fn summary(file: &str) -> Result<String, Error> {
    let mut sources = Sources::default();
    let built_in = [STUDIES.as_slice(), SCENARIOS.as_slice()].concat();
    let found = scenario::read(&mut sources, file, &built_in, Path::new(""))?;
    if is_study(&found.root) {
        return Ok(of_study(&Study::load(&mut sources, &found)?));
    }
    of_scenario(found).map_err(|problems| Error::input(&sources, problems))
}

fn of_scenario(found: Found) -> Result<String, Vec<Problem>> {
    let name = found.name.clone();
    let mut problems = Vec::new();
    let checks = match is_replay(&found.root).then(|| Replay::of(found.clone())) {
        None => String::new(),
        Some(Ok(replay)) => {
            let checks = counted(replay.spec.checks.len() as u64, "check");
            format!(", a replay with {checks}")
        }
        Some(Err(wrong)) => {
            problems.extend(wrong);
            String::new()
        }
    };
    let world = match scenario::world(&found.root) {
        Ok(world) if problems.is_empty() => world,
        Ok(_) => return Err(problems),
        Err(wrong) => return Err([problems, wrong].concat()),
    };
    let counts = [
        (world.workloads.len(), "workload"),
        (world.services.len(), "service"),
        (world.health_checks.len(), "health check"),
        (world.faults.len(), "fault"),
    ];
    let counts = counts.map(|(count, thing)| counted(count as u64, thing));
    let mut text = format!(
        "fine: scenario `{name}`: {}\n  {}, horizon {}{checks}\n",
        world.about.title,
        counts.join(", "),
        world.horizon
    );
    for doubt in world.doubts() {
        text.push_str(&format!("  note: {doubt}\n"));
    }
    Ok(text)
}

fn of_study(study: &Study) -> String {
    let Study { plan, worlds, .. } = study;
    let mut text = format!(
        "fine: {}, {} each, seed {}, scenario `{}` ({})\n",
        counted(plan.points.len() as u64, "design point"),
        counted(plan.trials, "trial"),
        plan.seed,
        plan.scenario,
        plan.hash
    );
    for factor in &plan.factors {
        text.push_str(&format!(
            "  {}: {}\n",
            factor.name,
            factor.levels.join("; ")
        ));
    }
    for point in plan.points.iter().filter(|point| point.single) {
        text.push_str(&format!("  and: {}\n", point.label));
    }
    text.push_str(&format!("  baseline: {}\n", plan.points[0].label));
    for condition in &study.conditions {
        text.push_str(&format!("  to keep: {}\n", condition.text));
    }
    let mut noted: Vec<String> = Vec::new();
    for (point, world) in plan.points.iter().zip(worlds) {
        let mut doubts = world.doubts();
        doubts.retain(|doubt| !noted.contains(doubt));
        for doubt in &doubts {
            text.push_str(&format!("  note: under {}, {doubt}\n", point.label));
        }
        noted.extend(doubts);
    }
    text
}
