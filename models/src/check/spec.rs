//! Health checks: what is asked, how answers become a verdict, and what follows from it.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use super::probe::ProbeSpec;

/// One health check.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// What is asked. The deeper it looks, the more kinds of outage it sees: `ping` sees a dead
    /// node, `write-canary` also one that refuses writes.
    pub probe: ProbeSpec,
    /// Time between two probes of one observer, above 0s; observers start at random phases.
    pub interval: SimDuration,
    /// A probe that has no answer by then has failed; at most `interval`.
    pub timeout: SimDuration,
    /// How answers become a verdict, up or down.
    pub judge: JudgeSpec,
    /// What a verdict of down triggers, all of these; `[]`: nothing, it is only reported.
    pub actions: Vec<ActionSpec>,
    /// What limits the failovers of this check.
    pub guard: GuardSpec,
}

/// How answers become a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JudgeSpec {
    /// Down after `fall` failures in a row, up after `rise` successes in a row.
    Consecutive {
        /// Failures in a row until the verdict is down.
        fall: u32,
        /// Successes in a row until the verdict is up.
        rise: u32,
    },
    /// Several observers, each with its own phase and run of failures; enough of them must agree.
    Quorum {
        /// Observers that probe.
        observers: u32,
        /// Observers that must agree.
        agree: u32,
        /// Failures in a row until one observer says down.
        fall: u32,
        /// Successes in a row until one observer says up.
        rise: u32,
    },
}

/// What a verdict sets off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActionSpec {
    /// Promote a replica that answers at all.
    FailOver,
    /// Promote a replica only if it passes the same check as far as a replica can.
    FailOverToPassing,
    /// Capture acceptances in the service's durable `spool` until the verdict is up again.
    OpenSpool,
    /// Page a human, who acknowledges after `people.acknowledge`.
    Page,
}

/// What holds actions back.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardSpec {
    /// Least time between two failovers of one shard by this check.
    pub cool_down: SimDuration,
    /// Failovers of one shard by this check, at most, in a trial.
    pub failovers_max: u32,
    /// If every node looks bad, do nothing: the fault may be the observer's.
    pub fail_open: bool,
}
