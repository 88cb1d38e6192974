//! What a replay compares with a public report: the `[replay]` table of a scenario.
//!
//! ```text
//! [replay]
//! onset = { what = "service-down", whom = "api" }            minute 0 of the report
//! total = { reported = "100min", to = { what = "errors-end", whom = "api", last = true } }
//! [replay.scripted]                  a fragment: people's times as the report gives them
//! [[replay.check]]
//! name = "the copy"
//! is = { kind = "interval", from = {..}, to = {..}, reported = "14min" }
//! ```

use models::moment::{Moment, What};
use schemars::JsonSchema;
use serde::Deserialize;
use sim::{Probability, SimDuration, SimTime};

use crate::document::{Node, Value};

/// The `[replay]` table, but for its fragments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Minute 0 of the report.
    pub onset: Selector,
    /// The whole of the outage: what a blind replay is judged by, and a scripted one too.
    pub total: TotalSpec,
    /// What else is compared.
    #[serde(default, rename = "check")]
    pub checks: Vec<CheckSpec>,
}

/// One moment of a trial.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// What happened.
    pub what: What,
    /// To whom: a part of the name; absent: to anybody.
    pub whom: Option<String>,
    /// Which of them, from 1; absent: the first.
    pub nth: Option<u32>,
    /// The last of them.
    #[serde(default)]
    pub last: bool,
    /// Only those at or after minute 0.
    #[serde(default)]
    pub after_onset: bool,
}

/// The outage as a whole.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotalSpec {
    /// What the report says.
    pub reported: SimDuration,
    /// How far a scripted replay's median may be from that; absent: a tenth of it, or 2 min if that
    /// is more.
    pub within: Option<SimDuration>,
    /// Where it begins; absent: at minute 0.
    pub from: Option<Selector>,
    /// Where it ends.
    pub to: Selector,
}

/// One thing that is compared, in scripted replays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReplayCheckSpec")]
pub struct CheckSpec {
    /// Its name in the scorecard.
    pub name: String,
    /// What it is.
    pub is: Check,
}

/// What is compared: medians over trials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// The time from one moment to another.
    Interval {
        /// From.
        from: Selector,
        /// To.
        to: Selector,
        /// What the report says.
        reported: SimDuration,
        /// How far off it may be; absent: a tenth of it, or 2 min if that is more.
        within: Option<SimDuration>,
    },
    /// How often something happens.
    Count {
        /// What.
        of: Selector,
        /// At least.
        low: u32,
        /// At most; absent: any number.
        high: Option<u32>,
    },
    /// The share of attempts at a service that fail between two moments.
    FailingShare {
        /// The service.
        service: String,
        /// From.
        from: Selector,
        /// To.
        to: Selector,
        /// At least.
        low: Probability,
        /// At most.
        high: Probability,
    },
    /// The same trials with something else about them: a paired comparison of the mean.
    Compare {
        /// What is compared.
        measure: MeasureSpec,
        /// The other must have at most this multiple of it.
        at_most: sim::Factor,
    },
}

/// What two worlds are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureSpec {
    /// Lost acceptances.
    Lost,
    /// True downtime of the capturing service.
    Downtime,
    /// Downtime of all components, added up.
    Components,
    /// The total of the outage, as `replay.total` measures it.
    Total,
}

impl MeasureSpec {
    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            MeasureSpec::Lost => "lost",
            MeasureSpec::Downtime => "downtime",
            MeasureSpec::Components => "components",
            MeasureSpec::Total => "total",
        }
    }
}

impl Selector {
    /// The moment, if it comes. `onset` is minute 0, if that is known.
    pub fn find(&self, moments: &[Moment], onset: Option<SimTime>) -> Option<SimTime> {
        let mut found = self.all(moments, onset);
        if self.last {
            return found.last();
        }
        found.nth(self.nth.map_or(0, |nth| nth.saturating_sub(1) as usize))
    }

    /// How often it comes.
    pub fn count(&self, moments: &[Moment], onset: Option<SimTime>) -> usize {
        self.all(moments, onset).count()
    }

    fn all<'a>(
        &'a self,
        moments: &'a [Moment],
        onset: Option<SimTime>,
    ) -> impl Iterator<Item = SimTime> + 'a {
        let whom = self.whom.as_deref().unwrap_or("");
        let from = onset.filter(|_| self.after_onset).unwrap_or_default();
        let is = move |m: &&Moment| m.what == self.what && m.whom.contains(whom) && m.at >= from;
        moments.iter().filter(is).map(|moment| moment.at)
    }
}

/// The fragments of a `[replay]` table, by their keys: `scripted`, `blind`, and `with` of each
/// check that compares. They are taken out, so that the rest can be typed.
pub fn take_fragments(replay: &mut Node) -> Fragments {
    let Value::Table(table) = &mut replay.value else {
        return Fragments::default();
    };
    let mut fragments = Fragments {
        scripted: table.remove("scripted").map(|entry| entry.node),
        blind: table.remove("blind").map(|entry| entry.node),
        with: Vec::new(),
    };
    if let Some(entry) = table.get_mut("check")
        && let Value::Array(checks) = &mut entry.node.value
    {
        let with = |check: &mut Node| match &mut check.value {
            Value::Table(check) => check.remove("with").map(|entry| entry.node),
            Value::Scalar(_) | Value::Array(_) => None,
        };
        fragments.with = checks.iter_mut().map(with).collect();
    }
    fragments
}

/// Parts of a scenario that a replay changes.
#[derive(Clone, Debug, Default)]
pub struct Fragments {
    /// What scripted mode changes.
    pub scripted: Option<Node>,
    /// What blind mode changes.
    pub blind: Option<Node>,
    /// What each check's other world changes, by position.
    pub with: Vec<Option<Node>>,
}
