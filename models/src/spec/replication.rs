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
    /// `repl-timeout`: silence after which either side gives a connection up; at least 1s. Redis
    /// ships 60s.
    pub timeout: SimDuration,
    /// `repl-backlog-ttl`: how long a primary without replicas keeps its backlog; `"0s"` is for
    /// ever. Redis ships 1h.
    pub backlog_ttl: SimDuration,
    /// `client-output-buffer-limit replica`: what a primary holds for one replica before it cuts
    /// the replica off; absent, or all zero (`replica 0 0 0`): no limit. Redis ships 256MiB, 64MiB,
    /// 60s.
    pub output_limit: Option<OutputLimitSpec>,
    /// `min-replicas-to-write` and `min-replicas-max-lag`; absent: off, as Redis ships.
    pub min_replicas: Option<MinReplicasSpec>,
}

/// What a source may hold for one replica before it cuts the replica off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputLimitSpec {
    /// The replica is disconnected at once above this; `"0B"`: no such limit.
    pub hard: Bytes,
    /// The replica is disconnected when above this for `soft_for` continuously; `"0B"`: no such
    /// limit.
    pub soft: Bytes,
    /// How long the soft limit may be exceeded continuously.
    pub soft_for: SimDuration,
}

/// How many replicas must have answered lately for a primary to take writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinReplicasSpec {
    /// `min-replicas-to-write`: replicas that must have answered recently, 1 to `redis.replicas`;
    /// otherwise writes get -NOREPLICAS.
    pub to_write: u16,
    /// `min-replicas-max-lag`: how recent an answer must be, in whole seconds, at least 1s. Redis
    /// ships 10s.
    pub max_lag: SimDuration,
}
