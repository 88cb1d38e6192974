//! Symptoms that people see when they look.

use sim::{SimDuration, SimTime};

use crate::cluster::Cluster;
use crate::ids::{ClusterId, Fleet, ServiceId};
use crate::service::Service;

/// Symptoms that people see when they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symptoms {
    /// Some service fails.
    pub failing: bool,
    /// Some service fails requests for which Redis is not the cause.
    pub overloaded: bool,
    /// Some shard's memory is at or above the share on which they act.
    pub memory_high: bool,
    /// Somebody was paged for latency, and some service still takes as long as a rule counts.
    pub slow: bool,
    /// Some shard's owner does not run, and memory is not to blame.
    pub node_gone: bool,
}

/// How far back people look on a graph of errors, and the share of errors there that they take for
/// an outage that goes on, on and off (assumptions).
const GLANCE: SimDuration = SimDuration::from_secs(30);
const FAILS: f64 = 0.2;

/// Does a service fail, or has it lately, off and on?
pub fn fails(service: &Service, now: SimTime) -> bool {
    !service.works() || service.error_share(now.saturating_sub(GLANCE), now) >= FAILS
}

/// Does some shard use this share of its limit?
pub fn is_full(cluster: &Cluster, share: f64, now: SimTime) -> bool {
    let mut shards = cluster.shards();
    shards.any(|shard| cluster.usage(shard, now) >= share)
}

impl Symptoms {
    /// Is there anything to act on?
    pub fn any(&self) -> bool {
        self.failing || self.memory_high || self.slow
    }

    /// What people see. From a share of `acts_from` on they act on memory; from `memory_high` on
    /// they blame it for a node that does not run. They look for slow services if they were
    /// `paged_slow`.
    pub fn seen(
        clusters: &Fleet<ClusterId, Cluster>,
        services: &Fleet<ServiceId, Service>,
        (acts_from, memory_high): (f64, f64),
        paged_slow: bool,
        now: SimTime,
    ) -> Symptoms {
        let full = |c: &Cluster| is_full(c, acts_from, now);
        let gone = |c: &Cluster| !c.shards_without_owner(memory_high, now).is_empty();
        Symptoms {
            failing: services.iter().any(|(_, service)| fails(service, now)),
            overloaded: services.iter().any(|(_, service)| service.is_overloaded()),
            memory_high: clusters.iter().any(|(_, cluster)| full(cluster)),
            slow: paged_slow && services.iter().any(|(_, service)| service.is_slow()),
            node_gone: clusters.iter().any(|(_, cluster)| gone(cluster)),
        }
    }
}
