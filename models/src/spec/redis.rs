//! Workloads, the nodes that hold them, and who promotes a replica.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Bytes, BytesPerSec, Factor, PerSec, Probability};

use super::replication::ReplicationSpec;
use crate::failover::cluster_bus::ClusterBusSpec;
use crate::failover::sentinel::SentinelSpec;
pub use crate::redis::evict::MaxmemoryPolicy;
use crate::redis::keyspace::KeyShape;
use crate::spec::persistence::{PersistenceSpec, PubsubSpec};

/// One use of Redis: the acceptance log, sessions, a cache, a job queue.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Its name, by which services and faults refer to it.
    pub name: String,
    /// Bytes that its keys and values take at the start over all shards, in the structures that
    /// Redis keeps them in; the hash tables come on top.
    pub dataset: Bytes,
    /// Keys that it adds for good per second.
    pub new_keys: PerSec,
    /// Length of a key's name.
    pub key_length: Bytes,
    /// Mean length of a value. Lengths are Gamma distributed.
    pub value_size: Bytes,
    /// Shape of the lengths' Gamma distribution: 1 is exponential, larger is more even.
    pub value_size_shape: Factor,
    /// Do its keys carry a TTL? Such keys stand in a second table, and they are the ones that
    /// `volatile` policies evict. That they expire is in `new_keys`, which is net of it.
    pub expires: bool,
    /// What it costs when its keys are evicted; absent: nothing that is counted.
    pub holds: Option<Holds>,
    /// Commands per second that its users send, reads and writes together.
    pub commands: PerSec,
    /// Share of the commands that write, and so reach every replica.
    pub writes: Probability,
    /// Mean size of a write in the replication stream; a new key's own bytes count for it.
    pub write_size: Bytes,
    /// It holds a queue of jobs, which a `slow-consumers` fault can fill; absent: it holds none.
    pub queue: Option<QueueSpec>,
}

/// A queue of jobs in a workload. While its consumers keep up nothing of it stays, so it is no part
/// of `dataset`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    /// Jobs that come in per second, on average.
    pub jobs: PerSec,
    /// Jobs per second that the consumers can do when all is well; above `jobs`. What is above it
    /// works off a backlog.
    pub capacity: PerSec,
    /// Mean size of a job.
    pub job_size: Bytes,
}

/// What a workload's keys are to its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// A user each, who is signed out when it goes.
    Sessions,
    /// Copies of what is elsewhere: a request for one that has gone misses. Keys are asked for at
    /// random and equally often.
    Cache,
}

impl WorkloadSpec {
    /// Mean bytes of one of its keys in memory with a value of this mean length, in cluster mode or
    /// not.
    pub fn bytes_per_key(&self, value_size: Bytes, cluster: bool) -> u64 {
        let shape = KeyShape {
            key_length: self.key_length.get(),
            cluster,
            expires: self.expires,
        };
        shape.mean_bytes(value_size.as_f64(), self.value_size_shape.get())
    }
}

/// Which workload lives on which cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayoutSpec {
    /// One cluster for all.
    Shared {},
    /// One cluster for all, but services keep connections of their own to each of its uses. Redis
    /// is as with `shared`, in memory and in price.
    BulkheadOnly {},
    /// A cluster of its own for every workload, node memory shared out by dataset.
    PerWorkload {
        /// What is held equal when the layout is compared with the shared one.
        budget: Budget,
    },
    /// A cluster for every service and the workloads at home with it: those that it is the first
    /// to write, or that nobody writes and it is the first to read.
    PerService {
        /// What is held equal when the layout is compared with the shared one.
        budget: Budget,
    },
    /// Tenants over cells, each with services and one cluster of its own.
    Cells {
        /// How many.
        count: u16,
        /// What is held equal when the layout is compared with the shared one.
        budget: Budget,
    },
}

/// Cells at most; every one has services, clusters and signers of its own.
pub const CELLS_MAX: u16 = 64;

/// What two layouts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// The same total memory; more nodes then cost more.
    EqualMemory,
    /// The same cost; what the additional nodes cost is taken off their memory.
    EqualCost,
}

/// What a cluster is made of, before the layout shares it out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSpec {
    /// Primaries with slots.
    pub shards: u16,
    /// Replicas of each primary, each on a host of its own.
    pub replicas: u16,
    /// Hosts of one cluster. Nodes are dealt round; no two nodes of a shard may share a host.
    pub hosts: u16,
    /// Memory of one node (its machine or container) when one cluster carries all workloads.
    pub node_memory: Bytes,
    /// Memory of each node that the system and its agents take.
    pub system_reserve: Bytes,
    /// Does the node swap when memory runs out (the process stalls), or does the kernel kill it?
    pub swap: bool,
    /// `maxmemory` as a share of the node's memory; absent: 0, unlimited, as Redis ships.
    pub maxmemory: Option<Probability>,
    /// What happens at `maxmemory`.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// Resident memory over used memory.
    pub fragmentation: Factor,
    /// Share of every workload's data in the fullest shard; the others hold equal parts.
    pub fullest_shard: Probability,
    /// Client connections of a primary that serves.
    pub connections: u32,
    /// Memory of one connection: query and output buffers.
    pub connection_memory: Bytes,
    /// `repl-backlog-size`.
    pub backlog: Bytes,
    /// Time that the single thread spends on one command.
    pub command_time: SimDuration,
    /// Time to bring back one page that was swapped out.
    pub swap_fault: SimDuration,
    /// How long clients take to be back on a promoted node with all their connections.
    pub reconnect_ramp: SimDuration,
    /// Time that the kernel takes to copy one huge page (2 MiB) when it is first written to after a
    /// fork; absent: it copies none (ordinary pages; `disable-thp`; Linux since 5.8 copies 4 KiB of
    /// them). Where writes hit more pages than can be copied, the node does nothing else for a
    /// while.
    pub huge_page_copy: Option<SimDuration>,
    /// Interruption when clients move to nodes that replace others.
    pub cut_over: SimDuration,
    /// Until a supervisor starts a killed process again.
    pub restart_delay: SimDuration,
    /// One-way network latency between any two hosts.
    pub latency: SimDuration,
    /// Throughput of a full synchronisation.
    pub sync: SyncSpec,
    /// How replicas follow.
    pub replication: ReplicationSpec,
    /// Saves to disk, if the nodes make any.
    pub persistence: Option<PersistenceSpec>,
    /// Subscribers of channels, if there are any.
    pub pubsub: Option<PubsubSpec>,
}

/// Throughput of the stages of a full synchronisation.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncSpec {
    /// `repl-diskless-sync`: the child streams to the replicas instead of writing a file first.
    pub diskless: bool,
    /// `repl-diskless-sync-delay`; it counts only if `diskless`.
    pub delay: SimDuration,
    /// Time that `fork` blocks, per GiB of dataset.
    pub fork_per_gib: SimDuration,
    /// Keys that the saving child writes per second, sizes aside.
    pub save_keys: PerSec,
    /// Bytes that the saving child writes per second, keys aside.
    pub save_bytes: BytesPerSec,
    /// Keys that the replica loads per second, sizes aside.
    pub load_keys: PerSec,
    /// Bytes that the replica loads per second, keys aside.
    pub load_bytes: BytesPerSec,
    /// Keys that a replica frees per second before it loads.
    pub flush_keys: PerSec,
    /// Network throughput between two nodes.
    pub network: BytesPerSec,
    /// Memory that a virtual machine's host has yet to give; absent: all of it is there.
    pub cold_memory: Option<ColdMemorySpec>,
    /// How much the time varies that a restarted process takes to load the same data: the 90th
    /// percentile over the median of a log-normal distribution, at least 1x; absent: not at all.
    pub load_spread: Option<Factor>,
}

/// What it costs to fill memory for the first time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColdMemorySpec {
    /// What a process can fill at full speed: memory that was in use lately.
    pub beyond: Bytes,
    /// Bytes per second at which the host gives more.
    pub fill: BytesPerSec,
}

/// Who promotes a replica.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FailoverSpec {
    /// Redis Cluster's own bus: gossip, PFAIL, FAIL, votes, epochs.
    ClusterBus(ClusterBusSpec),
    /// Sentinels beside the nodes, a group for every shard.
    Sentinel(SentinelSpec),
    /// A provider's own failover, behind a name.
    Managed(ManagedSpec),
    /// No protocol in Redis; the services' health checks switch over.
    Application {},
    /// Nobody but people.
    None {},
}

/// A provider's failover, as its documents describe it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedSpec {
    /// From the primary's last answer until a replica is promoted, detection included. Azure Cache
    /// for Redis documents 10 to 15 s for an unplanned failover; ElastiCache "typically just a few
    /// seconds" for the promotion alone.
    pub takes: Dist,
    /// Time to live of the primary's DNS record: 5 s to 60 s.
    pub dns_ttl: SimDuration,
}

impl FailoverSpec {
    /// Do the nodes run in cluster mode?
    pub fn cluster_mode(&self) -> bool {
        match self {
            FailoverSpec::ClusterBus(_) => true,
            FailoverSpec::Sentinel(_)
            | FailoverSpec::Managed(_)
            | FailoverSpec::Application {}
            | FailoverSpec::None {} => false,
        }
    }
}
