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
        /// When it begins.
        starts: Dist,
        /// Bytes, over all shards, that are written in `fills_in`: together they give the rate.
        reference: Bytes,
        /// How long the reference amount takes.
        fills_in: Dist,
        /// The burst ends when this multiple of the reference amount has been sent.
        ends_at: Factor,
        /// Mean length of a value; names are those of the workload.
        value_size: Bytes,
        /// Which workload grows, drawn by weight.
        workloads: Vec<WeightSpec>,
    },
    /// The primary of the fullest shard is killed, or its host is lost.
    Crash {
        /// The workload whose cluster is hit.
        workload: String,
        /// When.
        at: Dist,
    },
    /// The primary of the fullest shard stops answering for a while and then goes on.
    Hang {
        /// The workload whose cluster is hit.
        workload: String,
        /// When.
        at: Dist,
        /// For how long.
        lasts: SimDuration,
    },
    /// A host of the cluster is gone without a word, with every node on it, and comes back later:
    /// its processes start anew and read their data.
    HostLoss {
        /// The workload whose cluster is hit.
        workload: String,
        /// The host, counted from 0: nodes are dealt round, shard by shard, primaries first.
        host: u16,
        /// When.
        at: Dist,
        /// For how long.
        lasts: SimDuration,
    },
    /// Some hosts of a cluster are cut off from the others for a while, both ways.
    Partition {
        /// The workload whose cluster is hit.
        workload: String,
        /// When.
        at: Dist,
        /// For how long.
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
        /// When it begins.
        at: Dist,
        /// What a job takes over what it takes otherwise.
        slowdown: Factor,
        /// When they are back at their pace by themselves; absent: not before people mend it.
        lasts: Option<SimDuration>,
    },
    /// The disk of the fullest shard's primary is full for a while: its saves fail.
    SaveFails {
        /// The workload whose cluster is hit.
        workload: String,
        /// When.
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
    /// The workload whose cluster is hit.
    pub workload: String,
    /// When.
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
    /// With the named hosts.
    Hosts,
    /// With all others.
    Others,
}

/// A workload and its weight in a draw.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightSpec {
    /// The workload's name.
    pub workload: String,
    /// Its weight.
    pub weight: Factor,
}
