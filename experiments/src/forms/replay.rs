//! What a replay compares with a public report: the `[replay]` table of a scenario.
//!
//! ```text
//! [replay]
//! onset = { event = "service-down", subject = "api" }            minute 0 of the report
//! total = { reported = "100min", to = { event = "errors-end", subject = "api", last = true } }
//! [replay.scripted]                  a fragment: people's times as the report gives them
//! [[replay.check]]
//! name = "the copy"
//! expect = { kind = "interval", from = {..}, to = {..}, reported = "14min" }
//! ```
//!
//! A check gives what the report gives: a figure (`reported`), or one or two bounds (`at_least`,
//! `at_most`).

use models::moment::{Moment, MomentKind};
use schemars::JsonSchema;
use serde::Deserialize;
use sim::{Probability, SimDuration, SimTime};

use crate::document::{Node, Value};

/// The table in its place, so that mistakes are reported with their whole path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFile {
    /// The table.
    pub replay: ReplaySpec,
}

/// The `[replay]` table, but for its fragments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Minute 0 of the report. All times of the scorecard's story count from it.
    pub onset: Selector,
    /// The whole of the outage: the one figure by which a blind replay is judged, and a scripted
    /// one too.
    pub total: TotalSpec,
    /// Further comparisons in scripted replays; absent: only the total.
    #[serde(default, rename = "check")]
    pub checks: Vec<CheckSpec>,
}

/// One moment of a trial: an event, or a minute of the report.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// What happened. `outage schema replay.onset.event` explains each. Absent: `minute` says when.
    pub event: Option<MomentKind>,
    /// So long after minute 0, such as `"38min"`, in place of `event` and of all below; absent:
    /// `event` says when. Not for `replay.onset`, nor for what is counted.
    pub minute: Option<SimDuration>,
    /// The subject: a part of the name of the node, service, rule or action; absent: any. `outage
    /// trace` and `outage replay` print moments with the names.
    pub subject: Option<String>,
    /// Which of those that fit, counted from 1; absent: the first.
    pub nth: Option<u32>,
    /// Take the last of those that fit, in place of `nth`; absent: no.
    #[serde(default)]
    pub last: bool,
    /// Only those at or after minute 0; absent: all of the trial.
    #[serde(default)]
    pub after_onset: bool,
}

/// The outage as a whole.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotalSpec {
    /// How long the outage lasted by the report; absent: only the bounds below are known.
    pub reported: Option<SimDuration>,
    /// How far a scripted replay's median may be from `reported`; absent: a tenth of it, or 2 min
    /// if that is more.
    pub within: Option<SimDuration>,
    /// How long it lasted at least, in place of `reported`; absent: no lower bound.
    pub at_least: Option<SimDuration>,
    /// How long it lasted at most, in place of `reported`; absent: no upper bound.
    pub at_most: Option<SimDuration>,
    /// The moment at which it begins; absent: minute 0.
    pub from: Option<Selector>,
    /// The moment at which it ends. Often the last `service-up` or `errors-end` of the service in
    /// question.
    pub to: Selector,
}

/// One thing that is compared, in scripted replays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReplayCheckSpec")]
pub struct CheckSpec {
    /// Its name in the scorecard: what should hold, in words.
    pub name: String,
    /// What is compared, by its `kind`.
    pub expect: Check,
}

/// What is compared: medians over trials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// The time from one moment to another: the median over trials must be as reported.
    Interval {
        /// The first moment.
        from: Selector,
        /// The second moment.
        to: Selector,
        /// How long it was by the report; absent: only the bounds below are known.
        reported: Option<SimDuration>,
        /// How far off `reported` the median may be, both ways; absent: a tenth of it, or 2 min if
        /// that is more.
        within: Option<SimDuration>,
        /// How long it was at least, in place of `reported`; absent: no lower bound.
        at_least: Option<SimDuration>,
        /// How long it was at most, in place of `reported`; absent: no upper bound.
        at_most: Option<SimDuration>,
    },
    /// How often something happens in a trial, in the median.
    Count {
        /// The moments that are counted; `nth` and `last` mean nothing here.
        moment: Selector,
        /// How often at least; absent: it may not happen at all. One of `at_least` and `at_most`
        /// must be given.
        at_least: Option<u32>,
        /// How often at most; absent: any number.
        at_most: Option<u32>,
    },
    /// The share of attempts at a service that fail, by whole minutes: the minute in which
    /// `service-down` falls counts from its start. `errors-high` to `errors-ease` leaves out
    /// minutes that are mixed.
    FailingShare {
        /// The name of the service.
        service: String,
        /// The moment from which on attempts are counted; absent: 30 min before the outage of
        /// `[signers]`, or before minute 0 if there is none.
        from: Option<Selector>,
        /// The moment up to which they are counted; absent: 30 min after it.
        to: Option<Selector>,
        /// Take the minute with the largest share, of those with ten attempts or more; absent: no,
        /// the share of all attempts from `from` to `to`.
        #[serde(default)]
        peak: bool,
        /// The least share of failing attempts, in the median; absent: no lower bound. One of
        /// `at_least` and `at_most` must be given.
        at_least: Option<Probability>,
        /// The largest share of failing attempts, in the median; absent: no upper bound.
        at_most: Option<Probability>,
    },
    /// How long attempts at a service take that succeed, from the press to the answer, by whole
    /// minutes. What hangs and then fails is in `failing-share`.
    Latency {
        /// The name of the service.
        service: String,
        /// The moment from which on attempts are counted; absent: 30 min before the outage of
        /// `[signers]`, or before minute 0 if there is none.
        from: Option<Selector>,
        /// The moment up to which they are counted; absent: 30 min after it.
        to: Option<Selector>,
        /// Which percentile, such as `"99%"`, to about 3 %; absent: the mean.
        percentile: Option<Probability>,
        /// Take the minute with the longest, of those with ten such attempts or more; absent: no,
        /// that of all attempts from `from` to `to`.
        #[serde(default)]
        peak: bool,
        /// The least time, in the median; absent: no lower bound. One of `at_least` and `at_most`
        /// must be given.
        at_least: Option<SimDuration>,
        /// The longest time, in the median; absent: no upper bound.
        at_most: Option<SimDuration>,
    },
    /// The most connections of clients and subscribers at a node at one time.
    Connections {
        /// A part of the node's name, such as `shared shard 1`; of several the one with the most
        /// counts. Absent: any node.
        node: Option<String>,
        /// The moment from which on they are counted; absent: the start of the trial.
        from: Option<Selector>,
        /// The moment up to which they are counted; absent: the end of the trial.
        to: Option<Selector>,
        /// The least number, in the median; absent: no lower bound. One of the four bounds must be
        /// given.
        at_least: Option<u32>,
        /// The largest number, in the median; absent: no upper bound.
        at_most: Option<u32>,
        /// The least multiple of the number at `from`, such as `"1.5x"`, in place of the numbers;
        /// absent: no lower bound.
        rises_at_least: Option<sim::Factor>,
        /// The largest multiple of the number at `from`; absent: no upper bound.
        rises_at_most: Option<sim::Factor>,
    },
    /// The same trials in another world, which `with` beside `is` describes: a paired comparison of
    /// the mean.
    Compare {
        /// What is compared.
        measure: MeasureSpec,
        /// The mean of the other trials is at least this multiple of the mean of these; absent: no
        /// lower bound. One of `at_least` and `at_most` must be given.
        at_least: Option<sim::Factor>,
        /// The mean of the other trials is at most this multiple of the mean of these; absent: no
        /// upper bound.
        at_most: Option<sim::Factor>,
    },
}

/// What two worlds are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureSpec {
    /// Lost acceptances.
    Lost,
    /// Captures that were acknowledged and then lost.
    AckedLost,
    /// Keys that were stored and then lost.
    StoredLost,
    /// Time in which the capturing service could not have answered.
    Downtime,
    /// Downtime of all `[[component]]`s, added up.
    Components,
    /// The total of the outage, as `replay.total` measures it.
    Total,
}

impl MeasureSpec {
    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            MeasureSpec::Lost => "lost",
            MeasureSpec::AckedLost => "acked_lost",
            MeasureSpec::StoredLost => "stored_lost",
            MeasureSpec::Downtime => "downtime",
            MeasureSpec::Components => "components",
            MeasureSpec::Total => "total",
        }
    }
}

impl Selector {
    /// The moment, if it comes. `onset` is minute 0, if that is known.
    pub fn find(&self, moments: &[Moment], onset: Option<SimTime>) -> Option<SimTime> {
        if let Some(minute) = self.minute {
            return onset.map(|onset| onset.saturating_add(minute));
        }
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
        let subject = self.subject.as_deref().unwrap_or("");
        let from = onset.filter(|_| self.after_onset).unwrap_or_default();
        let is = move |m: &&Moment| {
            Some(m.kind) == self.event && m.subject.contains(subject) && m.at >= from
        };
        moments.iter().filter(is).map(|moment| moment.at)
    }
}

impl Check {
    /// The moments that it names, with their keys.
    pub fn moments(&self) -> Vec<(&'static str, &Selector)> {
        let both =
            |from, to| -> Vec<(&'static str, &Selector)> { vec![("from", from), ("to", to)] };
        match self {
            Check::Interval { from, to, .. } => both(from, to),
            Check::Count { moment, .. } => vec![("moment", moment)],
            Check::FailingShare { from, to, .. }
            | Check::Latency { from, to, .. }
            | Check::Connections { from, to, .. } => {
                let ends = [("from", from), ("to", to)].into_iter();
                ends.filter_map(|(key, end)| Some((key, end.as_ref()?)))
                    .collect()
            }
            Check::Compare { .. } => Vec::new(),
        }
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
