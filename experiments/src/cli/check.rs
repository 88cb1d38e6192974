//! `outage check`: is a scenario or a study valid, and what does it contain?

use std::path::Path;

use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::Error;
use crate::replay::{Replay, is_replay};
use crate::scenario;
use crate::study::{Study, is_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage check my-study.toml       # mistakes with their lines, and how to correct them
  outage check incident-2020       # the built-in study
  outage check - < scenario.toml   # from standard input";

/// Prints what was found, or the mistakes.
pub fn run(file: &str) -> super::Done {
    let mut sources = Sources::default();
    let built_in = [STUDIES.as_slice(), SCENARIOS.as_slice()].concat();
    let found = scenario::read(&mut sources, file, &built_in, Path::new(""))?;
    if !is_study(&found.root) {
        let replay = is_replay(&found.root).then(|| Replay::of(found.clone()));
        let told = match replay.transpose() {
            Ok(None) => String::new(),
            Ok(Some(replay)) => format!(", a replay with {} checks", replay.spec.checks.len()),
            Err(problems) => return Err(Error::input(&sources, problems)),
        };
        let world = scenario::world(&found.root).map_err(|p| Error::input(&sources, p))?;
        let (workloads, services) = (world.workloads.len(), world.services.len());
        terminal::result(&format!(
            "fine: scenario `{}`: {}\n  {workloads} workloads, {services} services, {} health \
             checks, {} faults, horizon {}{told}\n",
            found.name,
            world.about.title,
            world.health_checks.len(),
            world.faults.len(),
            world.horizon
        ));
        for doubt in world.doubts() {
            terminal::result(&format!("  note: {doubt}\n"));
        }
        return Ok(0);
    }
    let plan = Study::load(&mut sources, &found)?.plan;
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
    terminal::result(&text);
    Ok(0)
}
