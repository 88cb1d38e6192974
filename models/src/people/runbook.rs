//! Which step of the runbook comes next, by what people see.

use super::Sight;
use super::draws::Draws;
use crate::spec::{StepSpec, WhenSpec};

/// The first step from `from` on that is tried and whose conditions hold.
pub(super) fn next(
    runbook: &[StepSpec],
    draws: &Draws,
    from: usize,
    named: bool,
    sight: Sight,
) -> Option<usize> {
    let fits = |i: &usize| {
        let mut when = runbook[*i].when.iter();
        draws.steps[*i].tried && when.all(|when| holds(*when, named, sight))
    };
    (from..runbook.len()).find(fits)
}

/// Is it a step of somebody who knows the cause?
pub(super) fn informed(step: &StepSpec) -> bool {
    !step.when.contains(&WhenSpec::Unnamed)
}

fn holds(when: WhenSpec, named: bool, sight: Sight) -> bool {
    match when {
        WhenSpec::Unnamed => !named,
        WhenSpec::Named => named,
        WhenSpec::Failing => sight.failing,
        WhenSpec::NotFailing => !sight.failing,
        WhenSpec::MemoryHigh => sight.memory_high,
        WhenSpec::NodeGone => sight.node_gone,
    }
}
