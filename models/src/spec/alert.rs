//! Alert rules: what is measured, when a rule fires, and how the page gets lost.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, PerSec, Probability};

/// One alert rule: `[[alert]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSpec {
    /// Its name, by which the moment `alert-fires` knows it, and which is also that of its draws:
    /// the same rule in two designs has the same luck. Each only once.
    pub name: String,
    /// What is measured, and from which value on the rule holds.
    pub metric: MetricSpec,
    /// Scrape interval, such as `"15s"`; the first scrape is at a random phase.
    pub scrape: SimDuration,
    /// How long the condition must hold before the rule fires (`for` in Prometheus); `"0s"`: at the
    /// first scrape.
    pub hold: SimDuration,
    /// How long a rule keeps firing before it pages again, at least `scrape`; absent: 4h, the
    /// default of Alertmanager's `repeat_interval`.
    pub repeat: Option<SimDuration>,
    /// Probability, drawn once a trial, that the rule's pages never reach anybody (misrouted,
    /// muted, mistyped). `"100%"`: it fires unheard, to see when it would have.
    pub missed: Probability,
    /// Does the page name the node or the resource? People who know it diagnose in
    /// `people.diagnose_named` instead of `people.diagnose`.
    pub names_cause: bool,
    /// Probability, drawn once a trial, that the metric is not collected at all; absent: it is
    /// always collected.
    pub blind: Option<Probability>,
    /// From when on the metric is not collected for a while, counted from the trial's start, with
    /// `blind_for`; absent: it is collected throughout.
    pub blind_from: Option<SimDuration>,
    /// For how long from `blind_from` on the metric is not collected.
    pub blind_for: Option<SimDuration>,
    /// How often the rule pages without a cause, such as `"0.1/d"`; absent: never. Needs
    /// `people.look`.
    pub false_alarms: Option<PerSec>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MetricSpec {
    /// Used memory of some shard's primary over its limit (`maxmemory`, or without it the node's
    /// memory).
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
        /// The service's name.
        service: String,
        /// Share of failed requests from which on it counts.
        threshold: Probability,
        /// Over how long the share is taken.
        window: SimDuration,
    },
    /// The error budget burns too fast, over a long window and a short one (SRE workbook, chapter
    /// "Alerting on SLOs").
    BurnRate {
        /// The service's name.
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
    /// How long a service's requests take, from the request to its answer, an error too; at most
    /// `gateway_timeout`. While the trial runs it follows from what Redis answers: what waits for
    /// replicas, for a node that swaps, for the client's timeouts and further tries, or for a
    /// slower store. What requests wait in the service's own queue shows once a minute is over and
    /// `gateway_timeout` has passed, as an overload does. What is turned away takes no time.
    Latency {
        /// The service's name.
        service: String,
        /// From how long on it counts: the mean, or the percentile. A request that nothing holds up
        /// takes `service_time`.
        threshold: SimDuration,
        /// Over how long requests are taken together.
        window: SimDuration,
        /// Which percentile, such as `"99%"`, above 0% and below 100%; absent: the mean.
        percentile: Option<Probability>,
    },
    /// Some node does not answer: an exporter gets nothing from it.
    NodeDown {},
    /// Some shard has no node that answers and considers itself a primary.
    NoPrimary {},
}
