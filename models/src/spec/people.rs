//! The people who fix, and the remedies that do not wait for them.

use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

/// An alert on memory use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryAlertSpec {
    /// Used share of a node's limit from which on it counts.
    pub threshold: Probability,
    /// How long it must hold.
    pub hold: SimDuration,
    /// Time between two scrapes of the metric.
    pub scrape: SimDuration,
    /// Probability that the alert never reaches anybody (misrouted, muted, mistyped).
    pub missed: Probability,
}

/// Automatic scaling of memory.
#[derive(Clone, Debug, Deserialize)]
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
#[derive(Clone, Debug, Deserialize)]
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
    /// To find the cause from symptoms.
    pub diagnose: Dist,
    /// To find the cause when the page names the node or the resource.
    pub diagnose_named: Dist,
    /// Probability that, without a named cause, servers are restarted first.
    pub restart_first: Probability,
    /// How long the restart takes before it is seen not to help.
    pub restart: Dist,
    /// To agree on replacing nodes, once the cause is known.
    pub decide: Dist,
    /// To bring up a larger primary and its replicas, empty.
    pub provision: Dist,
    /// Memory of the new nodes over the old ones.
    pub resize: Factor,
    /// Every shard that is at least this full gets larger nodes.
    pub resize_from: Probability,
    /// Interruption when clients move to the new nodes.
    pub cut_over: SimDuration,
}
