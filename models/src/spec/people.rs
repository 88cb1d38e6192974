//! The people who fix, and the remedies that do not wait for them.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

use super::runbook::StepSpec;

/// Automatic scaling of memory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerSpec {
    /// Used share of a node's limit above which it acts.
    pub target: Probability,
    /// How long the target must be exceeded.
    pub sustained: SimDuration,
    /// Time until the new nodes exist; copying the data comes on top.
    pub provision: Dist,
    /// Least time between two actions.
    pub cool_down: SimDuration,
    /// Memory of the new nodes over the old ones.
    pub step: Factor,
    /// Memory over the initial one, at most.
    pub ceiling: Factor,
}

/// How people find out, think and act.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleSpec {
    /// From the first error to a page, when an alert on symptoms works.
    pub notice: Dist,
    /// From the first error to somebody noticing, when no alert works.
    pub notice_unalerted: Dist,
    /// Probability that no alert on symptoms works.
    pub alert_gap: Probability,
    /// From the page to somebody at work.
    pub acknowledge: Dist,
    /// Factors on `acknowledge` for the 24 hours from the trial's start on, and so every day;
    /// absent: the hour does not matter.
    pub hourly: Option<Vec<Factor>>,
    /// Factor on `acknowledge` for every false page within the last day; absent: nobody tires.
    pub fatigue: Option<Factor>,
    /// To see that a false page was one; needed if any alert has `false_alarms`.
    pub look: Option<Dist>,
    /// To find the cause from symptoms.
    pub diagnose: Dist,
    /// To find the cause when the page names the node or the resource.
    pub diagnose_named: Dist,
    /// How long people watch, after a step has taken effect, before they say whether it helped.
    pub verify: Dist,
    /// Memory use of a shard that people act on although nothing fails.
    pub memory_high: Probability,
    /// What they do, in this order; at the end they look for the cause again and start over.
    #[serde(default)]
    pub runbook: Vec<StepSpec>,
}
