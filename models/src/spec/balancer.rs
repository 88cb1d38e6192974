//! The load balancer before the processes of a service.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::Probability;

use demand::Balancing;

/// The load balancer before the processes of a service. While presses go to several processes, a
/// full service is simulated press by press, which takes longer.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalancerSpec {
    /// How it chooses the process for a press. While all processes answer alike a press goes to any
    /// of them, except with `sticky`; when one is full, `least-busy` looks for another, and
    /// `round-robin` takes turns.
    pub kind: BalancingSpec,
    /// The check by which it takes processes out of its rotation and back; absent: all stay in it.
    /// It asks all processes at one instant. A request that finds no process left fails with the
    /// cause `refused`.
    pub check: Option<BalancerCheckSpec>,
    /// The rule by which it ejects processes whose requests fail; absent: none.
    pub outliers: Option<OutliersSpec>,
    /// With a smaller share of the processes in the rotation, or none, all get requests again,
    /// whatever the check says and whichever are ejected: Envoy `"50%"` (its panic threshold), AWS
    /// `"0%"` (only with none left). Absent: never, as for a Kubernetes Service: with none left
    /// every request is refused.
    pub ignored_below: Option<Probability>,
}

impl BalancerSpec {
    /// May processes leave its rotation?
    pub fn takes_out(&self) -> bool {
        self.check.is_some() || self.outliers.is_some()
    }
}

/// How a load balancer chooses a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BalancingSpec {
    /// All presses of a visit go to the same process (session affinity), or to another one while
    /// that is out of the rotation.
    Sticky,
    /// Each press goes to any process, as in kube-proxy's iptables mode.
    Random,
    /// In turn, as nginx, HAProxy, Envoy and AWS do by default. While all processes answer alike a
    /// press goes to any of them, until one finds no free worker there; then presses go in turn for
    /// as long as some process has none.
    RoundRobin,
    /// To the process with the fewest requests in progress (nginx `least_conn`, HAProxy
    /// `leastconn`, AWS "least outstanding requests"), among equals to any. While all processes
    /// answer alike, it goes to any that has a free worker.
    LeastBusy,
}

impl BalancingSpec {
    /// The same for the requests.
    pub fn balancing(self) -> Balancing {
        match self {
            BalancingSpec::Sticky => Balancing::Sticky,
            BalancingSpec::Random => Balancing::Random,
            BalancingSpec::RoundRobin => Balancing::RoundRobin,
            BalancingSpec::LeastBusy => Balancing::LeastBusy,
        }
    }
}

/// A load balancer's check of each process: a request that calls every need of the service that is
/// not `optional` and has no `fallback`, on every shard. It fails if Redis answers with an error or
/// not in time; it is not retried. It asks by a connection that Redis has accepted, if that accepts
/// more than half of them (`redis.maxclients`).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalancerCheckSpec {
    /// How often it asks each process; AWS: 30s, Kubernetes: 10s, HAProxy: 2s.
    pub every: SimDuration,
    /// How long it waits for the answer, less than `every`; AWS: 5s, Kubernetes: 1s.
    pub timeout: SimDuration,
    /// Failures in a row after which a process is taken out; AWS: 2, Kubernetes and HAProxy: 3.
    pub fails: u32,
    /// Successes in a row after which it is taken back; AWS: 5, HAProxy: 2, Kubernetes: 1.
    pub passes: u32,
}

/// How a load balancer ejects processes whose requests fail, as Envoy and Istio do (outlier
/// detection). It sees what fails because of Redis and of slower stores, without pauses of less
/// than a second; when enough requests in a row have failed is drawn from the share that fails and
/// from the traffic. An ejected process is back as soon as a `check` passes, or else at the first
/// sweep after its time.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutliersSpec {
    /// Failed requests in a row after which a process is ejected; Envoy: 5 (`consecutive_5xx`).
    pub fails: u32,
    /// From one sweep to the next; Envoy: 10s (`interval`).
    pub every: SimDuration,
    /// How long the first ejection lasts; the n-th lasts n times as long. For every sweep that a
    /// process passes in the rotation, one is forgotten. Envoy: 30s (`base_ejection_time`).
    pub ejected_for: SimDuration,
    /// The longest ejection; Envoy: 5min (`max_ejection_time`).
    pub longest: SimDuration,
    /// No process is ejected beyond this share of all; Envoy: `"10%"` (`max_ejection_percent`).
    /// With fewer than ten processes that is none.
    pub at_most: Probability,
}
