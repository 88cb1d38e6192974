//! How large a scenario and a study may be. Beyond, a trial would not end, would not fit into
//! memory, or would mean nothing.
//!
//! [`LIMITS`] bounds single keys and [`QUANTITIES`] every value of a kind: both stand in the
//! schema, so the reference states them and the check of a file's form reports them with their
//! place. What follows from several keys together (nodes, events, arrivals) is bounded in
//! `problems/size.rs`, by the constants below.

use failover::cluster_bus;
use sim::SimDuration;
use sim::quantity::Bytes;

/// The most that may stand at a key: a number, or the length of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The key, as `outage schema` knows it.
    pub key: &'static str,
    /// The number, or the elements.
    pub most: u64,
    /// Why it is not more.
    pub why: &'static str,
}

const fn limit(key: &'static str, most: u64, why: &'static str) -> Limit {
    Limit { key, most, why }
}

/// Redis Cluster is not recommended beyond this many nodes, and its bus carries every node's state
/// to every other.
pub const PRIMARIES_MAX: u64 = cluster_bus::PRIMARIES_MAX as u64;

/// The nodes of all clusters of a trial: as many as a Redis Cluster has slots.
pub const NODES_MAX: u64 = 16_384;

/// The members of all cluster buses of a trial.
pub const BUS_MEMBERS_MAX: u64 = cluster_bus::MEMBERS_MAX as u64;

/// Cells of a layout: every one has services, clusters and signers of its own.
pub const CELLS_MAX: u16 = 64;

/// Sources of data whose sum must be followed on one shard: workloads and growth bursts.
pub const SOURCES_MAX: usize = 120;

const MEMORY: &str = "each one is simulated by itself";
const TABLE: &str = "more cannot be told apart in a table";

/// The bounds of single keys.
pub const LIMITS: [Limit; 41] = [
    limit(
        "redis.shards",
        PRIMARIES_MAX,
        "Redis Cluster is recommended up to 1,000 nodes",
    ),
    limit("redis.replicas", 100, "each copies all data"),
    limit("redis.hosts", NODES_MAX, "a trial has at most 16,384 nodes"),
    limit(
        "redis.connections",
        1_000_000,
        "the kernel has ports for fewer from one address",
    ),
    limit(
        "redis.maxclients",
        1_000_000,
        "a process can have about so many files open",
    ),
    limit("redis.tcp_backlog", 1_000_000, "the kernel holds fewer"),
    limit(
        "redis.pubsub.subscribers",
        1_000_000,
        "each is a connection",
    ),
    limit(
        "redis.persistence.schedule.save-points.points",
        100,
        "the first that is due counts",
    ),
    limit("failover.sentinel.sentinels", 100, MEMORY),
    limit(
        "failover.cluster-bus.replica_validity_factor",
        1_000_000,
        "0 is for ever",
    ),
    limit("workload", 100, MEMORY),
    limit("service", 100, MEMORY),
    limit(
        "service.servers.most",
        100_000,
        "a service with more is several",
    ),
    limit("service.needs", 100, MEMORY),
    limit(
        "service.processes",
        1_000,
        "each has a view of every cluster",
    ),
    limit("service.workers", 1_000_000, "each can hold a request"),
    limit(
        "service.queue_limit",
        100_000_000,
        "each place can hold a request",
    ),
    limit(
        "service.client.retries",
        1_000,
        "each is a command of its own",
    ),
    limit(
        "service.client.pool.size",
        1_000_000,
        "each is a connection",
    ),
    limit("service.client.pool.processes", 1_000, MEMORY),
    limit(
        "service.needs.bulkhead.calls",
        1_000_000,
        "each can hold a request",
    ),
    limit(
        "service.needs.fallback.workers",
        1_000_000,
        "each can hold a request",
    ),
    limit("store", 100, MEMORY),
    limit("store.workers", 1_000_000, "each can hold a request"),
    limit(
        "service.needs.breaker.count.window",
        1_000_000,
        "each call in it is remembered",
    ),
    limit("component", 1_000, TABLE),
    limit("product", 100, MEMORY),
    limit("caller", 100, MEMORY),
    limit("signers.class", 100, MEMORY),
    limit(
        "signers.class.presses_max",
        1_000,
        "each press of every visit in an outage is simulated",
    ),
    limit(
        "signers.class.returns",
        100,
        "each visit in an outage comes back so often",
    ),
    limit("signers.surge", 1_000, "each makes a piece of the rate"),
    limit("health_check", 100, MEMORY),
    limit("health_check.judge.quorum.observers", 1_000, MEMORY),
    limit("alert", 1_000, MEMORY),
    limit("people.runbook", 100, "people do not read on"),
    limit("fault", 1_000, MEMORY),
    limit(
        "fault.slow-subscriber.subscribers",
        1_000_000,
        "each is a connection",
    ),
    limit("fault.growth-burst.workloads", 100, "one of them is drawn"),
    limit("replay.check", 1_000, TABLE),
    limit("replay.onset.nth", 1_000_000, "nothing happens so often"),
];

/// The bounds of a study's keys.
pub const STUDY_LIMITS: [Limit; 3] = [
    limit(
        "trials",
        1_000_000,
        "the rows of all trials are kept in memory",
    ),
    limit("point", DESIGNS_MAX as u64, "each is a line of every table"),
    limit("objective", 1_000, TABLE),
];

/// The most that a value of one kind may be, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantityLimit {
    /// The kind, by its name in the schema.
    pub quantity: &'static str,
    /// The most, as it would stand in a file.
    pub most: &'static str,
}

/// The bounds of values.
pub const QUANTITIES: [QuantityLimit; 6] = [
    QuantityLimit {
        quantity: "duration",
        most: "3650d",
    },
    QuantityLimit {
        quantity: "size",
        most: "1024TiB",
    },
    QuantityLimit {
        quantity: "byte rate",
        most: "1024GiB/s",
    },
    QuantityLimit {
        quantity: "rate",
        most: "1000000000/s",
    },
    QuantityLimit {
        quantity: "factor",
        most: "1000000x",
    },
    QuantityLimit {
        quantity: "price",
        most: "1000000000 USD",
    },
];

/// A trial: a year, in which an outage that nobody ends can be simulated.
pub const HORIZON_MAX: SimDuration = SimDuration::from_days(366);

/// Events of a trial, those of opened visits among them, unless `--trial-events` says otherwise.
pub const TRIAL_EVENTS: u64 = 200_000_000;

/// What a trial may keep of events, visits and requests at one instant, unless `--trial-memory`
/// says otherwise.
pub const TRIAL_MEMORY: Bytes = Bytes::from_mib(256);

/// A design with this many failed trials is not run any further.
pub const FAILED_MAX: usize = 20;

/// Running time of a trial, unless `--trial-time` says otherwise: generous, since whether it is
/// reached depends on the machine.
pub const TRIAL_TIME: SimDuration = SimDuration::from_hours(1);

/// Probes and scrapes of all checks and alerts in a trial.
pub const LOOKS_MAX: f64 = 1e8;

/// Visits, calls or new keys that are expected of one source in a trial.
pub const ARRIVALS_MAX: f64 = 1e12;

/// Bytes that one source is expected to add in a trial: 1 PiB.
pub const ADDED_MAX: Bytes = Bytes::from_gib(1 << 20);

/// A full resync of all data.
pub const SYNC_MAX: SimDuration = SimDuration::from_days(3_650);

/// The node that people or an autoscaler can still enlarge a node to.
pub const NODE_MEMORY_MAX: Bytes = Bytes::from_gib(32 << 10);

/// Designs of a study: each is a scenario of its own in memory, and a line of every table.
pub const DESIGNS_MAX: usize = 1_000;
