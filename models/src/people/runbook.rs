//! Which step of the runbook comes next, by what people see.

use super::Symptoms;
use super::draws::Draws;
use crate::runbook::{StepSpec, WhenSpec};

/// The first step from `from` on that is tried and whose conditions hold.
pub(super) fn next(
    runbook: &[StepSpec],
    draws: &Draws,
    from: usize,
    named: bool,
    symptoms: Symptoms,
) -> Option<usize> {
    let fits = |i: &usize| {
        let mut when = runbook[*i].when.iter();
        draws.steps[*i].tried && when.all(|when| holds(*when, named, symptoms))
    };
    (from..runbook.len()).find(fits)
}

/// Is it a step of somebody who knows the cause?
pub(super) fn informed(step: &StepSpec) -> bool {
    !step.when.contains(&WhenSpec::Unnamed)
}

fn holds(when: WhenSpec, named: bool, symptoms: Symptoms) -> bool {
    match when {
        WhenSpec::Unnamed => !named,
        WhenSpec::Named => named,
        WhenSpec::Failing => symptoms.failing,
        WhenSpec::Overloaded => symptoms.overloaded,
        WhenSpec::NotFailing => !symptoms.failing,
        WhenSpec::Slow => symptoms.slow,
        WhenSpec::MemoryHigh => symptoms.memory_high,
        WhenSpec::NodeGone => symptoms.node_gone,
    }
}
