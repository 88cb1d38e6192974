//! Alert rules: what is measured, when a rule fires, and how the page gets lost.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, PerSec, Probability};

/// One alert rule: `[[alert]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSpec {
    /// Its name, which is also that of its draws: the same rule in two designs has the same luck.
    pub name: String,
    /// What is measured, and from where on it counts.
    pub metric: MetricSpec,
    /// Time between two scrapes of the metric; the first comes at a random phase.
    pub scrape: SimDuration,
    /// How long it must hold.
    pub hold: SimDuration,
    /// Probability that the rule's pages never reach anybody (misrouted, muted, mistyped).
    pub missed: Probability,
    /// Does the page name the node or the resource?
    pub names_cause: bool,
    /// Probability that the metric is not collected at all; absent: it is.
    pub blind: Option<Probability>,
    /// From when on the metric is not collected for a while, counted from the trial's start.
    pub blind_from: Option<SimDuration>,
    /// For how long.
    pub blind_for: Option<SimDuration>,
    /// How often the rule pages without a cause; absent: never.
    pub false_alarms: Option<PerSec>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MetricSpec {
    /// Used memory of some shard's owner over its limit.
    Memory {
        /// Share of the limit from which on it counts.
        threshold: Probability,
    },
    /// The line through the samples of a window (Prometheus: `predict_linear`) reaches the limit of
    /// some shard's owner.
    MemoryForecast {
        /// How far back the samples reach.
        window: SimDuration,
        /// How far ahead the line is drawn.
        within: SimDuration,
    },
    /// Share of a service's requests that failed.
    Errors {
        /// The service.
        service: String,
        /// Share from which on it counts.
        threshold: Probability,
        /// Over how long.
        window: SimDuration,
    },
    /// The error budget burns too fast, over a long window and a short one (SRE workbook, chapter
    /// "Alerting on SLOs").
    BurnRate {
        /// The service.
        service: String,
        /// Share of requests that must succeed, such as `"99.9%"`: the rest is the budget.
        objective: Probability,
        /// How many times as fast as allowed, at least.
        factor: Factor,
        /// The long window, so that it matters.
        long: SimDuration,
        /// The short window, so that it still goes on.
        short: SimDuration,
    },
    /// Some node does not answer.
    NodeDown {},
    /// Some shard has no node that answers and holds itself for a primary.
    NoPrimary {},
}
