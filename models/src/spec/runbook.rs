//! What people do about an outage, step by step: the runbook, wrong actions included.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::dist::Dist;
use sim::quantity::{Factor, Probability};

/// One step of the runbook: `[[people.runbook]]`. After it people look whether it has helped, and
/// go on to the next step if it has not.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// What is done.
    pub action: RemedySpec,
    /// From the beginning of the action until it takes effect. For `resize` and `rebuild`: until
    /// the new nodes exist, empty; the copy of the data comes on top, and follows from sizes and
    /// throughput.
    pub takes: Dist,
    /// To agree on it, before it begins; absent: nobody has to be asked.
    pub decide: Option<Dist>,
    /// Probability, drawn once an incident, that it is tried at all; absent: always.
    pub chance: Option<Probability>,
    /// All of these must hold when its turn comes, else it is left out; absent: it is taken in any
    /// case.
    #[serde(default)]
    pub when: Vec<WhenSpec>,
    /// If it has not helped, people look for the cause again (`people.diagnose`) before they go on;
    /// absent: no, they go on at once.
    #[serde(default)]
    pub diagnose_after: bool,
    /// It belongs to the step before it: it is taken even if that one has helped, after the look
    /// whether it has. Its conditions must hold then. Absent: no, it is taken only if services
    /// still fail.
    #[serde(default)]
    pub follows_up: bool,
}

/// A condition of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenSpec {
    /// No page has named the node or the resource.
    Unnamed,
    /// A page has named the node or the resource.
    Named,
    /// A service fails: what it needs of Redis does not serve. A service that is only overloaded
    /// does not count.
    Failing,
    /// No service fails (yet, or any more).
    NotFailing,
    /// Some shard's memory is at or above `people.memory_high`. With eviction a full shard stays
    /// so.
    MemoryHigh,
    /// The owner of some shard does not run, and its memory is below `people.memory_high`.
    NodeGone,
}

/// What can be done. Each does its work on the model; nothing knows whether it is wise.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RemedySpec {
    /// Restart the servers of every service that fails: requests under way are lost, and their
    /// clients connect anew and learn who the primary is.
    RestartServers {},
    /// Kill the Redis process of every shard that fails and start it again after
    /// `redis.restart_delay`: it reads its data from disk. A process that is dead already is left
    /// to its supervisor.
    RestartNodes {
        /// They come up under a wrong configuration, as replicas of themselves: reads are
        /// answered, every write gets -READONLY until somebody restarts or replaces them, and a
        /// `role` check calls them replicas. Absent: false. Only where nothing in Redis fails over
        /// (`failover.kind` `application` or `none`).
        #[serde(default)]
        read_only: bool,
    },
    /// Promote, for every shard that fails, a replica that answers.
    FailOver {},
    /// Raise `maxmemory` on every node of the clusters concerned, in place, each time that it is
    /// taken. Above the node's memory the node swaps or is killed.
    RaiseMaxmemory {
        /// The new limit over the present one, above 1x.
        to: Factor,
    },
    /// Raise the limit on what a primary holds for a replica (`client-output-buffer-limit`), hard
    /// and soft, on every node of the clusters concerned.
    RaiseOutputLimit {
        /// The new limits over the present ones, above 1x.
        to: Factor,
    },
    /// Delete keys of a workload.
    DeleteKeys {
        /// The name of the workload.
        workload: String,
        /// Share of its bytes that is deleted.
        share: Probability,
    },
    /// Roll back what made a workload grow: its `growth-burst` faults end.
    StopGrowth {
        /// The name of the workload.
        workload: String,
    },
    /// Larger nodes for full shards, with a full copy and a cut-over.
    Resize {
        /// Memory of the new nodes over the old ones, above 1x.
        factor: Factor,
        /// Every shard that is at least this full gets larger nodes; the fullest if none is.
        from: Probability,
    },
    /// A new primary and new replicas for every shard that fails, with a full copy, and the
    /// cluster's state reset.
    Rebuild {
        /// Memory of the new nodes over the old ones, at least 1x.
        factor: Factor,
    },
    /// The gateway turns a share of a service's requests away.
    ShedLoad {
        /// The name of the service.
        service: String,
        /// Share that is turned away.
        share: Probability,
    },
    /// More servers for a service: more workers, and a longer queue before them.
    ScaleServers {
        /// The name of the service.
        service: String,
        /// Workers over those of the scenario, at least 1x.
        factor: Factor,
    },
    /// The consumers of a workload's queue are back at their pace: slow queries are ended, a
    /// dependency is mended, and consumers may be added.
    MendConsumers {
        /// The name of the workload; it has a `queue`.
        workload: String,
        /// Their capacity from then on over that of the scenario; absent: the same.
        factor: Option<Factor>,
    },
    /// Callers of a service are told not to retry, or its clients are.
    StopRetries {
        /// The name of the service.
        service: String,
    },
    /// Do nothing: wait and see. With it a script can fill the time in which people tried what did
    /// not help.
    Wait {},
}

impl RemedySpec {
    /// The name in a scenario.
    pub const fn name(&self) -> &'static str {
        match self {
            RemedySpec::RestartServers {} => "restart-servers",
            RemedySpec::RestartNodes { .. } => "restart-nodes",
            RemedySpec::FailOver {} => "fail-over",
            RemedySpec::RaiseMaxmemory { .. } => "raise-maxmemory",
            RemedySpec::DeleteKeys { .. } => "delete-keys",
            RemedySpec::StopGrowth { .. } => "stop-growth",
            RemedySpec::Resize { .. } => "resize",
            RemedySpec::Rebuild { .. } => "rebuild",
            RemedySpec::ShedLoad { .. } => "shed-load",
            RemedySpec::StopRetries { .. } => "stop-retries",
            RemedySpec::ScaleServers { .. } => "scale-servers",
            RemedySpec::RaiseOutputLimit { .. } => "raise-output-limit",
            RemedySpec::MendConsumers { .. } => "mend-consumers",
            RemedySpec::Wait {} => "wait",
        }
    }

    /// What people at it are seen doing.
    pub const fn doing(&self) -> &'static str {
        match self {
            RemedySpec::RestartServers {} => "restarts servers",
            RemedySpec::RestartNodes { .. } => "restarts nodes",
            RemedySpec::FailOver {} => "fails over",
            RemedySpec::RaiseMaxmemory { .. } => "raises maxmemory",
            RemedySpec::DeleteKeys { .. } => "deletes keys",
            RemedySpec::StopGrowth { .. } => "rolls the growth back",
            RemedySpec::Resize { .. } => "brings up larger nodes",
            RemedySpec::Rebuild { .. } => "brings up new nodes",
            RemedySpec::ShedLoad { .. } => "sheds load",
            RemedySpec::StopRetries { .. } => "stops retries",
            RemedySpec::ScaleServers { .. } => "brings up more servers",
            RemedySpec::RaiseOutputLimit { .. } => "raises the replicas' buffer limit",
            RemedySpec::MendConsumers { .. } => "mends what the consumers wait for",
            RemedySpec::Wait {} => "waits",
        }
    }

    /// A number for its draws, the same in every design. Never reuse one.
    pub const fn number(&self) -> u64 {
        match self {
            RemedySpec::RestartServers {} => 1,
            RemedySpec::RestartNodes { .. } => 2,
            RemedySpec::FailOver {} => 3,
            RemedySpec::RaiseMaxmemory { .. } => 4,
            RemedySpec::DeleteKeys { .. } => 5,
            RemedySpec::StopGrowth { .. } => 6,
            RemedySpec::Resize { .. } => 7,
            RemedySpec::Rebuild { .. } => 8,
            RemedySpec::ShedLoad { .. } => 9,
            RemedySpec::StopRetries { .. } => 10,
            RemedySpec::Wait {} => 11,
            RemedySpec::ScaleServers { .. } => 12,
            RemedySpec::MendConsumers { .. } => 13,
            RemedySpec::RaiseOutputLimit { .. } => 14,
        }
    }
}
