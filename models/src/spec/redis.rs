//! Workloads, the nodes that hold them, and who promotes a replica.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Bytes, BytesPerSec, Factor, PerSec, Probability, SizeOrShare};

use super::disk::DiskSpec;
use super::growth::GrowthSpec;
use super::replication::ReplicationSpec;
use crate::spec::persistence::{PersistenceSpec, PubsubSpec};
use crate::spec::supervisor::SupervisorSpec;
use failover::cluster_bus::ClusterBusSpec;
use failover::sentinel::SentinelSpec;

/// `active-defrag-ignore-bytes` and `active-defrag-threshold-lower` (config.c): what may be wasted,
/// in all and as a part of what is used.
const DEFRAG_IGNORES: Bytes = Bytes::from_mib(100);
const DEFRAG_FROM: f64 = 0.1;

fn lower(one: Factor, other: Factor) -> Factor {
    if one < other { one } else { other }
}

/// One use of Redis: the acceptance log, sessions, a cache, a job queue.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Its name, by which services, faults and steps of a runbook refer to it. Each only once.
    pub name: String,
    /// Bytes that its keys and values take at the start, over all shards together and without
    /// copies on replicas, in the structures that Redis keeps them in; the hash tables come on top.
    pub dataset: Bytes,
    /// Keys added per second; `"0/s"` for a workload that does not grow. Without a `lifetime` net
    /// of those that expire or are deleted, with one all of them.
    pub new_keys: PerSec,
    /// How the rate of new keys varies: by hour and day, with time, in steps; absent: it does not.
    pub growth: Option<GrowthSpec>,
    /// How long a key lives, the TTL that it is given: sessions, caches, rate limits. Keys of the
    /// start have any part of it left. The dataset then settles at `new_keys` times the lifetime,
    /// and follows the traffic: twice as many sessions, twice the memory. For lifetimes that vary
    /// give their mean: the mean number of keys depends on nothing else while the rate is steady
    /// (M/G/infinity queue). A key whose TTL is set anew by each use lives from its first use to
    /// the last one and a TTL longer. Above 0s, and `expires` must be true. Absent: keys stay.
    pub lifetime: Option<SimDuration>,
    /// Length of a key's name in bytes, such as `"24B"`.
    pub key_length: Bytes,
    /// Mean length of a value; above 0. Lengths are Gamma distributed.
    pub value_size: Bytes,
    /// Shape of the lengths' Gamma distribution: `"1x"` is exponential, larger is more even,
    /// `"100x"` next to constant.
    pub value_size_shape: Factor,
    /// Do its keys carry a TTL? Such keys stand in a second table as well, and `volatile` policies
    /// evict only them.
    pub expires: bool,
    /// What its keys mean to users, which decides what is counted when they are evicted; absent:
    /// nothing.
    pub holds: Option<Holds>,
    /// Commands per second in healthy times, reads and writes together, over all shards.
    pub commands: PerSec,
    /// What `commands` follow: the rate of new keys with all factors of `growth`, or all `visits`
    /// and calls over their stated mean. Absent: nothing, they are the same at all times.
    pub commands_follow: Option<CommandsFollow>,
    /// Share of the commands that write and therefore go into the replication stream.
    pub writes: Probability,
    /// Mean size of a write in the replication stream, above 0; a new key's own bytes count for it.
    pub write_size: Bytes,
    /// Members of its largest key, a hash, a set or a sorted set: 1 to 100,000,000. Where slots
    /// move (`rebalance`, `add-shards`), MIGRATE of that key stops its source for 1.1 us a member
    /// and its target for half of that (measured: 0.8 to 1.4 us with Redis 7.0.15; a list or a
    /// string of as many bytes takes a tenth), and the move ends if that is longer than the 60 s
    /// that `redis-cli` waits. Absent: no key is large.
    pub largest_key: Option<u32>,
    /// A queue of jobs in this workload, which a `slow-consumers` fault can fill; absent: none.
    pub queue: Option<QueueSpec>,
}

/// What the commands of a workload follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommandsFollow {
    /// Its rate of new keys: all factors of `growth`.
    Growth,
    /// All visits and calls, over their stated mean: hours, days, bursts and surges, recorded
    /// rates.
    Visits,
}

/// A queue of jobs in a workload. While its consumers keep up nothing of it stays, so it is no part
/// of `dataset`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    /// Jobs that arrive per second, on average.
    pub jobs: PerSec,
    /// Jobs per second that the consumers can process when all is well; above `jobs`. The surplus
    /// works off a backlog.
    pub capacity: PerSec,
    /// Mean size of a job in bytes, above 0.
    pub job_size: Bytes,
}

/// What a workload's keys are to its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// Each key signs one user in, who is signed out when it goes.
    Sessions,
    /// Copies of what is elsewhere: a request for one that has gone misses. Keys are asked for at
    /// random and equally often.
    Cache,
}

/// What a cluster is made of, before the layout shares it out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSpec {
    /// Primaries with slots, in one cluster: 1 for a single primary (with Sentinel, a managed
    /// service or nothing), 3 or more for Redis Cluster, which elects only with a majority of
    /// primaries. Sentinel and managed services take any number.
    pub shards: u16,
    /// Replicas of each primary, each on a host of its own; 0 for none.
    pub replicas: u16,
    /// Hosts of one cluster, counted from 0; more than `replicas`. The nodes form a row, each
    /// primary followed by its own replicas (3 shards with 1 replica: 1a 1b 2a 2b 3a 3b, where `a`
    /// is the primary), and are dealt to the hosts in turn. With 6 hosts each node has its own.
    /// With 4, host 0 carries 1a and 3a, host 1 carries 1b and 3b, host 2 carries 2a, and host 3
    /// carries 2b.
    pub hosts: u16,
    /// Zones (data centres of a region) over which the hosts are spread in turn: with 3, hosts 0, 3
    /// and 6 stand in the first. Absent: each host has its own. Only `hazards` are about zones; a
    /// fault `host-loss` names `hosts`.
    pub zones: Option<u16>,
    /// Memory of one node (its machine or container) when one cluster carries all workloads.
    pub node_memory: Bytes,
    /// Memory of each node that the operating system and agents take; less than `node_memory`.
    /// Redis may use the rest.
    pub system_reserve: Bytes,
    /// What happens when a node uses up its memory. `true`: it swaps, and the process is alive but
    /// stalls. `false`: the kernel kills it, and it starts again after `restart_delay`.
    pub swap: bool,
    /// `maxmemory`, in bytes (`"12GiB"`) or as a share of the node's memory (`"75%"`); above 0.
    /// Absent: no limit, as Redis ships. A share follows the node when it is replaced by a larger
    /// one (`resize`, `autoscaler`); bytes stay as they are, as they do in redis.conf, and may
    /// exceed what the node has. Bytes are those of a node with `node_memory`: a layout with
    /// smaller or larger nodes takes them in proportion.
    pub maxmemory: Option<SizeOrShare>,
    /// What Redis does when `maxmemory` is reached: refuse writes (`noeviction`, as Redis ships) or
    /// evict keys. All but `noeviction` need `maxmemory`.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// Resident memory over used memory, at least 1x, of processes that have run for long
    /// (`mem_fragmentation_ratio`): all of them when the trial begins. Redis 7.0.15 without
    /// overwritten values: 1.02x to 1.08x (measured); keys that come, go and change in size take it
    /// to 1.5x and more, unless Redis defragments (`active_defrag`).
    pub fragmentation: Factor,
    /// The same of a process that has just started, or of a replica that has just loaded a copy, at
    /// least 1x. Absent: 1.05x (measured: 1.02x to 1.08x), or `fragmentation` if that is less.
    pub fresh_fragmentation: Option<Factor>,
    /// How often all data must be overwritten until such a process has `fragmentation` again.
    /// Absent: 3x (an assumption).
    pub fragments_after: Option<Factor>,
    /// `activedefrag`. While it runs, resident memory stays below 1.1 times what is used, or 100
    /// MiB above it on nodes of less than 1 GiB (`active-defrag-threshold-lower`,
    /// `active-defrag-ignore-bytes`): `fragmentation` counts up to there. Redis 8.2.3 took
    /// 7 s and a quarter of its thread to clear 210 MB (measured), so it keeps up with all but
    /// the fastest writers; its time is not counted. Builds with the system's jemalloc, such as
    /// Debian's, refuse it. Absent: false, as Redis ships it.
    #[serde(default)]
    pub active_defrag: bool,
    /// Share of every workload's data in the fullest shard; the others hold equal parts. `"100%"`
    /// with one shard; with more at least 100% divided by `shards`.
    pub fullest_shard: Probability,
    /// Client connections of a primary that serves. They take memory.
    pub connections: u32,
    /// `maxclients`: connections that a node accepts, at least 1; a further one gets `-ERR max
    /// number of clients reached` (networking.c: acceptCommonHandler). Replicas, Sentinels (two
    /// each), links of the cluster bus (two for each other node) and subscribers count too. Absent:
    /// 10000, as Redis ships it (config.c). Redis lowers it to the limit of open files
    /// (`ulimit -n`) minus 32 (server.c: adjustOpenFilesLimit): give the lower number.
    pub maxclients: Option<u32>,
    /// Time that the single thread spends on one new connection: accept, TLS handshake, AUTH and
    /// the like. Measured with Redis 7.0.15 and OpenSSL 3.0 on a shared virtual core: `"33us"` in
    /// plain with AUTH and CLIENT SETNAME, `"0.6ms"` with TLS and an ECDSA P-256 key, `"1ms"` with
    /// RSA-2048. Absent: none (an assumption): connections are made in no time.
    pub handshake: Option<SimDuration>,
    /// `tcp-backlog`: connections that wait in the kernel to be accepted; those of clients that
    /// have given up still cost their `handshake`. Further clients wait outside, and cost nothing
    /// if they give up. At least 1. Absent: 511, as Redis ships it (config.c); the kernel lowers it
    /// to `net.core.somaxconn`.
    pub tcp_backlog: Option<u32>,
    /// Memory of one connection, its query and output buffers; 40KiB is the upper end of what is
    /// published for idle ones.
    pub connection_memory: Bytes,
    /// `repl-backlog-size`: how much of the replication stream a primary keeps, so that a replica
    /// that was away briefly does not need a full resync. Redis ships 1MiB.
    pub backlog: Bytes,
    /// Time that the single thread spends on one command, such as `"10us"`.
    pub command_time: SimDuration,
    /// `busy-reply-threshold` (before 7.0 `lua-time-limit`): how long a script runs until its node
    /// answers others with -BUSY; until then it answers nobody. Absent: 5 s, as Redis ships it
    /// (config.c).
    pub busy_reply_threshold: Option<SimDuration>,
    /// Time to bring back one page that was swapped out: 150us from a local SSD and 10ms from a
    /// hard disk ("Latency numbers every programmer should know": a random read of 4 KiB, a seek),
    /// about 1ms from a disk on the network (an assumption). It counts only with `swap`: commands
    /// get later the more of the node is swapped out, until it stalls.
    pub swap_fault: SimDuration,
    /// How long clients take to reconnect to a promoted node.
    pub reconnect_ramp: SimDuration,
    /// Time that the kernel takes to copy one huge page (2 MiB) when it is first written to after a
    /// fork; absent: it copies none (ordinary pages; `disable-thp`; Linux since 5.8 copies 4 KiB of
    /// them). If writes hit pages faster than the kernel can copy them, the node does nothing else
    /// for a while.
    pub huge_page_copy: Option<SimDuration>,
    /// Interruption of clients when new nodes replace old ones as planned (`resize`, `autoscaler`).
    pub cut_over: SimDuration,
    /// How long a supervisor takes to restart a killed process, no matter what killed it. The
    /// process then loads what it finds on disk (`persistence`) at the rates of `sync`. People
    /// cannot start it sooner.
    pub restart_delay: SimDuration,
    /// What starts processes again, with probes that kill them; absent: a supervisor that starts
    /// what has died after `restart_delay`, and asks nothing.
    pub supervisor: Option<SupervisorSpec>,
    /// One-way network latency between any two hosts, such as `"250us"`.
    pub latency: SimDuration,
    /// What the stages of a full resync take (fork, save, transfer, load), and a load from
    /// disk.
    pub sync: SyncSpec,
    /// How replicas follow their primary: timeouts and limits of redis.conf.
    pub replication: ReplicationSpec,
    /// The disk of each node, if it can be in the way; absent: it never is.
    pub disk: Option<DiskSpec>,
    /// What nodes keep on disk (`save`, `appendonly`); absent: nothing. A process that was killed
    /// then starts without data: what was captured there is lost, a cache is cold
    /// (`service.needs.misses`), and memory holds only what is written from then on. If it is back
    /// before a replica is promoted, its replicas copy its empty data (Redis manual, "Safety of
    /// replication when master has persistence turned off").
    pub persistence: Option<PersistenceSpec>,
    /// Subscribers of channels and their limits; absent: there are none. Needed for a
    /// `slow-subscriber` fault.
    pub pubsub: Option<PubsubSpec>,
}

/// Connections that one round of the event loop accepts (networking.c: MAX_ACCEPTS_PER_CALL).
pub const ACCEPTS_PER_ROUND: u32 = 1_000;

impl RedisSpec {
    /// Connections that a node accepts, of clients of all kinds.
    pub fn maxclients(&self) -> u32 {
        self.maxclients.unwrap_or(10_000)
    }

    /// Zones over which the hosts are spread.
    pub fn zones(&self) -> u16 {
        self.zones.unwrap_or(self.hosts).clamp(1, self.hosts.max(1))
    }

    /// Resident memory over used memory of a process that has just started.
    pub fn fresh_fragmentation(&self) -> Factor {
        let usual = Factor::new(1.05).expect("a factor");
        let fresh = self.fresh_fragmentation.unwrap_or(usual);
        lower(fresh, self.lasting_fragmentation())
    }

    /// Resident memory over used memory of a process that has run for long.
    pub fn lasting_fragmentation(&self) -> Factor {
        if !self.active_defrag {
            return self.fragmentation;
        }
        let ignored = DEFRAG_IGNORES.as_f64() / self.node_memory.as_f64().max(1.0);
        let kept = Factor::new(1.0 + ignored.max(DEFRAG_FROM)).expect("a factor");
        lower(self.fragmentation, kept)
    }

    /// How often data are overwritten until a process is as fragmented as those that run for long.
    pub fn fragments_after(&self) -> f64 {
        self.fragments_after.map_or(3.0, |times| times.get())
    }

    /// `maxmemory` on a cluster that a layout gives nodes of so many bytes at the start.
    pub fn maxmemory_on(&self, node_memory: f64) -> Option<f64> {
        let part = match self.maxmemory? {
            SizeOrShare::Size(_) => node_memory / self.node_memory.as_f64(),
            SizeOrShare::Share(_) => 1.0,
        };
        Some(self.maxmemory?.of(node_memory) * part)
    }

    /// The same on a cluster with nodes of so many bytes: a limit in bytes is in proportion.
    pub fn on_nodes_of(mut self, node_memory: f64) -> RedisSpec {
        if let (Some(SizeOrShare::Size(_)), Some(limit)) =
            (self.maxmemory, self.maxmemory_on(node_memory))
        {
            self.maxmemory = Some(SizeOrShare::Size(Bytes::from_f64(limit)));
        }
        self
    }

    /// Connections that a node accepts, of clients of services.
    pub fn client_places(&self, failover: &FailoverSpec) -> u32 {
        self.maxclients()
            .saturating_sub(self.other_clients(failover))
    }

    /// How long a script runs until its node says so.
    pub fn busy_reply_threshold(&self) -> SimDuration {
        self.busy_reply_threshold
            .unwrap_or(SimDuration::from_secs(5))
    }

    /// Time of the single thread for a new connection.
    pub fn handshake(&self) -> SimDuration {
        self.handshake.unwrap_or_default()
    }

    /// Connections that wait in the kernel.
    pub fn tcp_backlog(&self) -> u32 {
        self.tcp_backlog.unwrap_or(511)
    }

    /// Connections of a primary that are not those of services, replicas and Sentinels in full:
    /// they are taken to be there first.
    pub fn other_clients(&self, failover: &FailoverSpec) -> u32 {
        let replicas = u32::from(self.replicas);
        let members = u32::from(self.shards) * (1 + replicas);
        let watching = match failover {
            // One for commands, one for messages (sentinel.c: sentinelReconnectInstance).
            FailoverSpec::Sentinel(group) => 2 * u32::from(group.sentinels),
            // cluster.c: getClusterConnectionsCount.
            FailoverSpec::ClusterBus(_) => 2 * (members - 1),
            FailoverSpec::Managed(_) | FailoverSpec::Application {} | FailoverSpec::None {} => 0,
        };
        let subscribers = self.pubsub.map_or(0, |pubsub| pubsub.subscribers);
        replicas + watching + subscribers
    }
}

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MaxmemoryPolicy {
    /// Writes are refused with `-OOM`.
    Noeviction,
    /// The least recently used keys are evicted.
    AllkeysLru,
    /// The least frequently used keys are evicted.
    AllkeysLfu,
    /// Random keys are evicted.
    AllkeysRandom,
    /// The least recently used keys with a TTL are evicted.
    VolatileLru,
    /// The least frequently used keys with a TTL are evicted.
    VolatileLfu,
    /// Random keys with a TTL are evicted.
    VolatileRandom,
    /// The keys with the shortest TTL are evicted.
    VolatileTtl,
}

/// Throughput of the stages of a full resync.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncSpec {
    /// `repl-diskless-sync`: the child streams to the replicas instead of writing a file first.
    /// Redis ships it on since 7.0.
    pub diskless: bool,
    /// `repl-diskless-sync-delay`: how long a primary waits for more replicas before it forks; it
    /// counts only if `diskless`. Redis ships 5s.
    pub delay: SimDuration,
    /// Time that `fork` blocks the primary, per GiB of dataset: 14 to 25 ms were measured.
    pub fork_per_gib: SimDuration,
    /// Keys that the saving child writes per second, sizes aside. Keys and bytes add up: a save
    /// takes keys / `save_keys` + bytes / `save_bytes`. Measured: 870000/s to 2900000/s.
    pub save_keys: PerSec,
    /// Bytes that the saving child writes per second, keys aside. Measured: 130MB/s (random values,
    /// which compress in vain) to 1.18GB/s.
    pub save_bytes: BytesPerSec,
    /// Keys that a process loads per second, sizes aside; adds up with `load_bytes`. Measured:
    /// 400000/s to 1500000/s.
    pub load_keys: PerSec,
    /// Bytes that a process loads per second, keys aside. Measured: 238MB/s to 830MB/s.
    pub load_bytes: BytesPerSec,
    /// Keys that a replica frees per second of its old data before it loads. Measured: about
    /// 1100000/s.
    pub flush_keys: PerSec,
    /// `replica-lazy-flush`: a thread of its own frees the old data, and the replica does not wait
    /// for it. Absent: no, as Redis ships it: the replica answers nobody meanwhile, not even the
    /// bus.
    #[serde(default)]
    pub lazy_flush: bool,
    /// Network throughput between two nodes, such as `"1GB/s"`; shared evenly by copies from the
    /// same source.
    pub network: BytesPerSec,
    /// Memory that the host of a virtual machine has not allocated yet, which slows a load; absent:
    /// none, as on bare metal.
    pub cold_memory: Option<ColdMemorySpec>,
    /// How much the time varies that a restarted process takes to load the same data: the 90th
    /// percentile over the median of a log-normal distribution, at least 1x; absent: not at all.
    pub load_spread: Option<Factor>,
}

/// What it costs to fill memory for the first time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColdMemorySpec {
    /// What a process can fill at full speed: memory that was recently in use.
    pub beyond: Bytes,
    /// Bytes per second at which the host allocates more.
    pub fill: BytesPerSec,
}

/// Who promotes a replica.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FailoverSpec {
    /// Redis Cluster's own bus: gossip, PFAIL, FAIL, votes, epochs. It acts when a majority of
    /// primaries hears nothing from a primary for `node_timeout`. It does not act on refused
    /// writes.
    ClusterBus(ClusterBusSpec),
    /// Sentinels beside the nodes, a group for every shard. They act when a quorum gets no valid
    /// reply from a primary for `down_after`.
    Sentinel(SentinelSpec),
    /// A provider's own failover, behind a name.
    Managed(ManagedSpec),
    /// No protocol in Redis: a `[[health_check]]` with the action `fail-over` promotes replicas.
    Application {},
    /// Only people: nothing is promoted until a step of the runbook does it (`fail-over`).
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
    /// Time to live of the primary's DNS record, within which clients follow: 5s to 60s as
    /// providers set it.
    pub dns_ttl: SimDuration,
}

impl FailoverSpec {
    /// Are there slots that move from shard to shard?
    pub fn has_slots(&self) -> bool {
        matches!(self, FailoverSpec::ClusterBus(_) | FailoverSpec::Managed(_))
    }

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

/// The host of a node: primaries and replicas are dealt round the hosts, shard by shard.
pub fn host_of(node: usize, hosts: u16) -> u16 {
    let host = node % usize::from(hosts.max(1));
    u16::try_from(host).expect("there are at most 65,535 hosts")
}
