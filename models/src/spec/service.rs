//! APIs, what they need of Redis, and the components of the status page.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{PerSec, Probability};

use super::balancer::{BalancerSpec, BalancingSpec};
use super::client::ClientSpec;
use super::store::{FallbackSpec, MissesSpec};

/// One API.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name, by which signers, callers, components and moments refer to it. Each only once.
    pub name: String,
    /// Its processes (instances, pods), each with an equal part of the workers, the queue, the
    /// bulkheads and the slower store, its own breakers, caches and connections, and its own view
    /// of Redis. Each needs at least one worker, and one of each slower store (`needs.fallback`),
    /// in each cell of the layout. Absent: one.
    pub processes: Option<u32>,
    /// The load balancer before its processes; absent: all presses of a visit go to the same
    /// process (`sticky`), whatever that answers.
    pub balancer: Option<BalancerSpec>,
    /// Concurrent requests, over all its processes; at least 1. A request holds its worker while it
    /// waits for Redis, so this many hanging requests exhaust the service.
    pub workers: u32,
    /// Requests that may wait for a worker; further ones are refused at once. 0: none waits.
    pub queue_limit: u32,
    /// The gateway answers 504 when a request has taken this long, waiting included; more than
    /// `service_time`. For a service without a gateway: how long its callers wait.
    pub gateway_timeout: SimDuration,
    /// Its servers, if their number changes with the load; absent: `workers` stay as they are until
    /// people act (`scale-servers`).
    pub servers: Option<ServersSpec>,
    /// Time that a request takes when Redis answers, the calls of Redis included.
    pub service_time: SimDuration,
    /// The time that a request takes, drawn for each; absent: always `service_time`.
    pub work: Option<Dist>,
    /// What happens to a request after the gateway has timed out; absent: it is cancelled.
    pub on_gateway_timeout: Option<AfterTimeout>,
    /// The workloads that a request of it uses, all of them; without one that is not `optional` it
    /// cannot answer.
    pub needs: Vec<NeedSpec>,
    /// `WAIT` after every write: the service waits until replicas have it; absent: it does not
    /// wait.
    pub wait: Option<WaitSpec>,
    /// A durable spool that captures requests while a check's action `open-spool` is in effect,
    /// such as `{ drain = "100/s" }`; absent: none, and no check may open it.
    pub spool: Option<SpoolSpec>,
    /// Its Redis client: a `preset` such as `{ preset = "jedis-6" }`, with keys that differ beside
    /// it, or all keys.
    pub client: ClientSpec,
}

impl ServiceSpec {
    /// The number of its processes.
    pub fn process_count(&self) -> usize {
        self.processes.unwrap_or(1) as usize
    }

    /// The load balancer, if presses of one visit may go to several processes.
    pub fn spreads(&self) -> Option<BalancerSpec> {
        let spreads = |balancer: &BalancerSpec| {
            balancer.kind != BalancingSpec::Sticky || balancer.takes_out()
        };
        let balancer = self.balancer.filter(spreads);
        balancer.filter(|_| self.process_count() > 1)
    }
}

/// The servers of a service and the autoscaler that changes their number, as Kubernetes' horizontal
/// pod autoscaler does: it orders as many servers as keep the share of busy workers of the last
/// minute at the target, at most double or four more at a time. To compare it with a fixed number
/// of servers, give that number as `count` and `most`. With `processes`, each of them grows. The
/// runbook cannot have `scale-servers` for such a service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServersSpec {
    /// Servers at the start, which have `workers`, `queue_limit` and the connections to Redis in
    /// equal parts; also the least that it keeps. At least 1.
    pub count: u32,
    /// Servers at most.
    pub most: u32,
    /// The share of busy workers that it holds, at most 90%; a difference of less than a tenth of
    /// it changes nothing.
    pub target: Probability,
    /// How often it looks; Kubernetes: 15s.
    pub every: SimDuration,
    /// From the order until new servers serve: machine, image, start, readiness.
    pub takes: Dist,
    /// Servers are taken away when no look for so long wanted more; Kubernetes: 5min.
    pub cool_down: SimDuration,
}

/// A durable store beside Redis (a log, a queue of a cloud provider, a disk) that takes writes
/// while Redis does not, and is replayed to Redis afterwards. It holds as much as comes and loses
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolSpec {
    /// Writes a second that are replayed to Redis once the spool has closed, over all processes;
    /// above 0. The replay rests while Redis does not serve.
    pub drain: PerSec,
}

/// `WAIT` after every write: the service goes on when so many replicas have acknowledged it, or
/// after the timeout (replication.c: waitCommand).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitSpec {
    /// Replicas that must acknowledge a write, at most `redis.replicas`.
    pub replicas: u16,
    /// How long they have to acknowledge.
    pub timeout: SimDuration,
    /// What the service does when fewer have acknowledged by then.
    pub on_timeout: OnTimeoutSpec,
}

/// What a service does with a write that too few replicas have acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnTimeoutSpec {
    /// It goes on, that much later.
    Accept,
    /// It fails the request.
    Fail,
}

/// One workload that a service cannot do without.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedSpec {
    /// The name of a `[[workload]]`.
    pub workload: String,
    /// What the service does with it. A service that only reads goes on while writes are refused
    /// (-OOM, -MISCONF).
    pub access: Access,
    /// Which shards one request touches; absent: all of them, so that one bad shard makes every
    /// request fail.
    pub keys: Option<Keys>,
    /// Can the request be answered without it after the call has failed? Absent: no. The request
    /// waits until it has failed.
    #[serde(default)]
    pub optional: bool,
    /// A bulkhead: concurrent calls at most; absent: no limit.
    pub bulkhead: Option<BulkheadSpec>,
    /// A circuit breaker, which stops calls to it while it fails; absent: every request tries.
    pub breaker: Option<BreakerSpec>,
    /// A copy in the service's own memory, for reads; absent: none.
    pub cache: Option<CacheSpec>,
    /// What Redis does not have although it answers, if it is a cache of `fallback`, which needs a
    /// worker for each process; absent: it has everything.
    pub misses: Option<MissesSpec>,
    /// A slower store, such as a database, used when the call has finally failed, also by an error
    /// such as -OOM, and for what Redis does not have (`misses`); absent: none, the request fails.
    /// It is divided among the processes, each of which needs a worker of it, and time in its queue
    /// counts against `gateway_timeout`.
    /// It finishes what it was asked, also for a request that was given up. With `optional`, a
    /// request that finds its queue full does without.
    pub fallback: Option<FallbackSpec>,
}

/// What becomes of a request that the gateway has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterTimeout {
    /// The service drops it, and its worker is free.
    Cancel,
    /// It goes on until Redis answers or the client gives up, and holds its worker: a server that
    /// does not cancel, as most do not.
    Continue,
}

/// Which shards of a cluster a request touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keys {
    /// The one in which the visitor's key lies.
    One,
    /// All of them.
    All,
}

/// How many calls may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkheadSpec {
    /// Calls at the same time, over all processes.
    pub calls: u32,
    /// How long a call waits to be let in; `0s`: it fails at once.
    pub wait: SimDuration,
}

/// A copy of what was read, in the service's memory.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheSpec {
    /// Hit rate while Redis answers.
    pub hits: Probability,
    /// How long an entry lives. While Redis does not answer none is renewed, so after this time
    /// the cache is empty.
    pub lifetime: SimDuration,
}

/// When a circuit breaker opens. Presets: resilience4j's defaults are `count` with a window of
/// 100, 50 %, open for 60 s, 10 trial calls; Hystrix's are `time` with 10 s, 20 calls, 50 %, 5 s;
/// Envoy's outlier detection is `consecutive` with 5 failures and 30 s.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BreakerSpec {
    /// By the share of failures among the last calls.
    Count {
        /// Calls that are looked at, at least 1; none are judged before there have been so many.
        window: u32,
        /// The share of failures from which on it opens.
        share: Probability,
        /// How long it stays open.
        open_for: SimDuration,
        /// Calls that are then let through and judged by the same share.
        half_open: u32,
    },
    /// By the share of failures in the last seconds; one call is let through when `open_for` is
    /// over.
    Time {
        /// How far back it looks, such as `"10s"`.
        window: SimDuration,
        /// Calls in the window below which it does not judge.
        calls_min: u32,
        /// The share of failures from which on it opens.
        share: Probability,
        /// How long it stays open.
        open_for: SimDuration,
    },
    /// By failures in a row; each time it opens without a success in between it stays open for
    /// `open_for` longer.
    Consecutive {
        /// Failures in a row.
        failures: u32,
        /// How long it stays open the first time.
        open_for: SimDuration,
    },
}

/// How a service uses a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It only reads.
    Read,
    /// It writes (too).
    Write,
}

/// What the status page lists: available while all its services answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    /// Its name on the status page.
    pub name: String,
    /// The names of the services behind it: it is available while all of them answer.
    pub services: Vec<String>,
}
