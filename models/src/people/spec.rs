//! The people who fix: what a scenario says of them.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

use crate::runbook::StepSpec;

/// How people find out, think and act.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleSpec {
    /// From the first request that fails until somebody notices, if an alert on symptoms (errors,
    /// complaints) works. Pages of `[[alert]]` and `[[health_check]]` may come sooner.
    pub notice: Dist,
    /// The same, in trials in which no alert on symptoms works (`alert_gap`).
    pub notice_unalerted: Dist,
    /// Probability, drawn once a trial, that no alert on symptoms works, so that `notice_unalerted`
    /// counts instead of `notice`. `"0%"` in a scripted replay.
    pub alert_gap: Probability,
    /// From noticing, or from a page, until somebody works on it.
    pub acknowledge: Dist,
    /// 24 factors on `acknowledge`, for each hour from the trial's start on and so every day;
    /// absent: the hour does not matter.
    pub hourly: Option<Vec<Factor>>,
    /// Alert fatigue: factor on `acknowledge`, at least 1x, for every false page within the last
    /// day; absent: none.
    pub fatigue: Option<Factor>,
    /// How long it takes to see that a false page was one; needed if any alert has `false_alarms`,
    /// else absent.
    pub look: Option<Dist>,
    /// From starting work to knowing the cause, from symptoms alone. Then the runbook begins.
    pub diagnose: Dist,
    /// From starting work to knowing the cause, if the page named the node or the resource.
    pub diagnose_named: Dist,
    /// How long people watch after a step has taken effect before they decide whether it helped;
    /// above 0s.
    pub verify: Dist,
    /// Memory use of a shard, as a share of its limit, from which on people act although nothing
    /// fails.
    pub memory_high: Probability,
    /// What they do, one step after the other until nothing fails; at the end they look for the
    /// cause again and start over. Absent: they only watch, and nothing is repaired.
    #[serde(default)]
    pub runbook: Vec<StepSpec>,
}
