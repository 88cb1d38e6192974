//! The people who fix: what a scenario says of them.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};
use sim::{SimDuration, SimTime};

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
    /// The times of people by the clock of a report, for `[replay.scripted.people]`; absent: only
    /// the delays above count.
    pub reported: Option<ReportedTimes>,
    /// What they do, one step after the other until nothing fails; at the end they look for the
    /// cause again and start over. Absent: they only watch, and nothing is repaired.
    #[serde(default)]
    pub runbook: Vec<StepSpec>,
}

/// Times of people counted from minute 0 of a report, in place of the delay before. A time that has
/// passed when its turn comes no longer counts, and the delay does: in a later incident too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportedTimes {
    /// Minute 0, counted from the trial's start; absent: the start. `outage replay` sets it to
    /// `replay.onset` of each trial, which must not be something that people do.
    pub minute_zero: Option<SimDuration>,
    /// When somebody notices without a page, in place of `people.notice`; absent: `notice` counts.
    pub noticed: Option<SimDuration>,
    /// When somebody has started to work on it, noticed or paged, in place of `people.acknowledge`;
    /// absent: `acknowledge` counts.
    pub acknowledged: Option<SimDuration>,
    /// When the cause is known, in place of `people.diagnose` and `diagnose_named`; absent: they
    /// count.
    pub cause_known: Option<SimDuration>,
}

impl ReportedTimes {
    /// The instant of a minute of the report.
    pub fn at(&self, minute: SimDuration) -> SimTime {
        let zero = SimTime::ZERO.saturating_add(self.minute_zero.unwrap_or_default());
        zero.saturating_add(minute)
    }
}

impl PeopleSpec {
    /// Does it give times by the clock of a report?
    pub fn has_reported_times(&self) -> bool {
        self.reported.is_some() || self.runbook.iter().any(|step| step.begins_at.is_some())
    }
}
