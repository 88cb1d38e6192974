//! One setting of the laboratory: a deployment, its configuration, the fault, and the client.

use sim::{SimDuration, SimTime};

/// What was set up, and what was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A Redis Cluster.
    Cluster(ClusterSetting),
    /// One primary with its replicas and its Sentinels.
    Sentinel(SentinelSetting),
}

/// A Redis Cluster of equal shards; the first shard's primary is the victim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSetting {
    /// `cluster-node-timeout`.
    pub node_timeout: SimDuration,
    /// Primaries, each with an equal share of the slots.
    pub masters: u16,
    /// Replicas of each of them.
    pub replicas_per_master: u16,
    /// `cluster-require-full-coverage`.
    pub require_full_coverage: bool,
    /// The victim's replicas were killed beforehand, and the run is watched for 15 s in any case.
    pub without_replica: bool,
    /// What is done to the victim.
    pub fault: Fault,
    /// Who writes.
    pub probe: ProbeSpec,
}

/// A primary that Sentinels watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentinelSetting {
    /// `down-after-milliseconds`.
    pub down_after: SimDuration,
    /// `failover-timeout`.
    pub failover_timeout: SimDuration,
    /// Replicas of the primary.
    pub replicas: u16,
    /// Sentinels, the dead ones included.
    pub sentinels: u16,
    /// How many must agree that the primary is down.
    pub quorum: u16,
    /// Sentinels that were killed beforehand.
    pub dead_sentinels: u16,
    /// What is done to the primary.
    pub fault: Fault,
    /// Who writes.
    pub probe: ProbeSpec,
}

/// What is done to the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Crash,
    /// SIGSTOP, and SIGCONT after this time, if ever.
    Hang {
        /// How long it is stopped; `None` is for good.
        resumed_after: Option<SimDuration>,
    },
}

impl Fault {
    /// What it makes of a process that is struck at `at`, and when.
    pub(super) fn strikes<P>(self, at: SimTime, dead: P, hung: P, running: P) -> Vec<(SimTime, P)> {
        match self {
            Fault::Crash => vec![(at, dead)],
            Fault::Hang { resumed_after } => {
                let resumed = resumed_after.map(|after| (at + after, running));
                [(at, hung)].into_iter().chain(resumed).collect()
            }
        }
    }
}

/// The writing client's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// From the start of one attempt to the start of the next, unless the first takes longer.
    pub interval: SimDuration,
    /// For connecting, and again for a reply.
    pub timeout: SimDuration,
}
