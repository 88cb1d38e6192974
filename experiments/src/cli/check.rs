//! `outage check`: is a scenario or a study valid, and what does it contain?

use std::path::Path;

use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::{Error, Problem};
use crate::replay::{Replay, is_replay};
use crate::scenario::{self, Found};
use crate::study::{Plan, Study, is_study};
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
        let plan = Study::load(&mut sources, &found)?.plan;
        return Ok(of_study(&plan));
    }
    of_scenario(found).map_err(|problems| Error::input(&sources, problems))
}

fn of_scenario(found: Found) -> Result<String, Vec<Problem>> {
    let name = found.name.clone();
    let mut problems = Vec::new();
    let checks = match is_replay(&found.root).then(|| Replay::of(found.clone())) {
        None => String::new(),
        Some(Ok(replay)) => format!(", a replay with {} checks", replay.spec.checks.len()),
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
    let (workloads, services) = (world.workloads.len(), world.services.len());
    let mut text = format!(
        "fine: scenario `{name}`: {}\n  {workloads} workloads, {services} services, {} health \
         checks, {} faults, horizon {}{checks}\n",
        world.about.title,
        world.health_checks.len(),
        world.faults.len(),
        world.horizon
    );
    for doubt in world.doubts() {
        text.push_str(&format!("  note: {doubt}\n"));
    }
    Ok(text)
}

fn of_study(plan: &Plan) -> String {
    let mut text = format!(
        "fine: {} design points, {} trials each, seed {}, scenario `{}` ({})\n",
        plan.points.len(),
        plan.trials,
        plan.seed,
        plan.scenario,
        plan.hash
    );
    for factor in &plan.factors {
        text.push_str(&format!(
            "  {}: {}\n",
            factor.name,
            factor.levels.join(", ")
        ));
    }
    for point in plan.points.iter().filter(|point| point.single) {
        text.push_str(&format!("  and: {}\n", point.label));
    }
    text.push_str(&format!("  baseline: {}\n", plan.points[0].label));
    text
}
