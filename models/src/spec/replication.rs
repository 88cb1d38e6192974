//! How replicas follow their primary: `repl-*`, `min-replicas-*`, and the replica class of
//! `client-output-buffer-limit`.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::Bytes;

/// Replication, as redis.conf sets it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicationSpec {
    /// `repl-timeout`: silence after which either side gives a connection up.
    pub timeout: SimDuration,
    /// `repl-backlog-ttl`: how long a primary without replicas keeps its backlog; 0 is for ever.
    pub backlog_ttl: SimDuration,
    /// `client-output-buffer-limit replica`; absent: no limit (`replica 0 0 0`).
    pub output_limit: Option<OutputLimitSpec>,
    /// `min-replicas-to-write` and `min-replicas-max-lag`; absent: off, as Redis ships.
    pub min_replicas: Option<MinReplicasSpec>,
}

/// What a source may hold for one replica before it cuts the replica off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputLimitSpec {
    /// Never more than this.
    pub hard: Bytes,
    /// Not this for longer than `soft_for`.
    pub soft: Bytes,
    /// How long the soft limit may be exceeded without a break.
    pub soft_for: SimDuration,
}

/// How many replicas must have answered lately for a primary to take writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinReplicasSpec {
    /// `min-replicas-to-write`.
    pub to_write: u16,
    /// `min-replicas-max-lag`, in whole seconds.
    pub max_lag: SimDuration,
}
