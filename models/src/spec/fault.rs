//! What goes wrong. Faults are drawn before the trial begins, without a look at the design.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Bytes, Factor, PerSec};

/// One kind of fault.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultSpec {
    /// One workload begins to grow fast: a backlog, a leak, a campaign.
    GrowthBurst {
        /// When it begins, from the trial's start.
        starts: Dist,
        /// Bytes, over all shards, that are written in `fills_in`: together they give the rate.
        reference: Bytes,
        /// How long the reference amount takes.
        fills_in: Dist,
        /// The burst ends when this multiple of `reference` has been sent, or when people end it
        /// (`stop-growth`).
        ends_at: Factor,
        /// Mean length of a value that is added; names are as long as those of the workload.
        value_size: Bytes,
        /// Which workload grows: one of these, drawn by weight once a trial.
        workloads: Vec<WeightSpec>,
    },
    /// The process of the fullest shard's primary is killed; a supervisor starts it again after
    /// `redis.restart_delay`.
    Crash {
        /// The name of a workload: its cluster is hit.
        workload: String,
        /// When it is killed, from the trial's start.
        at: Dist,
    },
    /// The primary of the fullest shard stops answering for a while and then goes on (a stopped
    /// process, a stuck disk). Its connections stay open.
    Hang {
        /// The name of a workload: its cluster is hit.
        workload: String,
        /// When it stops, from the trial's start.
        at: Dist,
        /// For how long.
        lasts: SimDuration,
    },
    /// A host of the cluster is gone without a word, with every node on it, and comes back later:
    /// its processes start anew and read their data. A host that only lost its network is a
    /// `partition`.
    HostLoss {
        /// The name of a workload: its cluster is hit.
        workload: String,
        /// The host, counted from 0. Nodes are dealt round, shard by shard, primaries first: host 0
        /// carries the primary of the first and fullest shard.
        host: u16,
        /// When it is gone, from the trial's start.
        at: Dist,
        /// For how long.
        lasts: SimDuration,
    },
    /// Some hosts of a cluster are cut off from the others for a while, both ways. Nodes on them go
    /// on, so no `node-down` is told: for minute 0 of a replay take `fault` or `service-down`.
    Partition {
        /// The name of a workload: its cluster is hit.
        workload: String,
        /// When the cut begins, from the trial's start.
        at: Dist,
        /// For how long; above 0s.
        lasts: SimDuration,
        /// The hosts on one side, counted from 0; the others are on the other side.
        hosts: Vec<u16>,
        /// The side of the clients and of the health checks.
        clients: SideSpec,
    },
    /// What the consumers of a workload's queue depend on is slow (a database, an API that they
    /// call), so that jobs pile up in Redis. Once they are back at their pace, by themselves or by
    /// `mend-consumers`, they work the backlog off.
    SlowConsumers {
        /// The workload; it has a `queue`.
        workload: String,
        /// When it begins, from the trial's start.
        at: Dist,
        /// What a job takes over what it takes otherwise, such as `"10x"`.
        slowdown: Factor,
        /// When they are back at their pace by themselves; absent: not before people mend it.
        lasts: Option<SimDuration>,
    },
    /// The disk of the fullest shard's primary is full for a while: its saves fail.
    SaveFails {
        /// The name of a workload: its cluster is hit.
        workload: String,
        /// When the disk is full, from the trial's start.
        at: Dist,
        /// For how long.
        lasts: SimDuration,
    },
    /// Subscribers on the fullest shard's primary stop reading for a while.
    SlowSubscriber(SlowSubscriberSpec),
}

/// Subscribers that stop reading.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowSubscriberSpec {
    /// The name of a workload: its cluster is hit.
    pub workload: String,
    /// When they stop reading, from the trial's start.
    pub at: Dist,
    /// For how long.
    pub lasts: SimDuration,
    /// How many subscribers of one channel.
    pub subscribers: u32,
    /// Messages on it per second.
    pub messages: PerSec,
    /// Size of a message.
    pub message_size: Bytes,
    /// How soon one that was cut off is back, to read no more than before; absent: it stays away.
    pub reconnects_after: Option<SimDuration>,
}

/// A side of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SideSpec {
    /// On the side of the named hosts.
    Hosts,
    /// On the side of all other hosts.
    Others,
}

/// A workload and its weight in a draw.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightSpec {
    /// The workload's name.
    pub workload: String,
    /// Its weight beside the others'; `"1x"` if there is only one.
    pub weight: Factor,
}
