//! What Redis is made of and sized by: the part of a scenario that layouts, clusters, faults and
//! actions of people are held against.

use sim::SimDuration;

use super::{FailoverSpec, PriceSpec, RedisSpec, ServiceSpec, StoreSpec, WorkloadSpec};

/// The system without those who use and operate it.
#[derive(Clone, Copy, Debug)]
pub struct SystemSpec<'a> {
    /// How long a trial lasts.
    pub horizon: SimDuration,
    /// The uses that are made of Redis.
    pub workloads: &'a [WorkloadSpec],
    /// The programs that use it.
    pub services: &'a [ServiceSpec],
    /// The slower stores that they share.
    pub stores: &'a [StoreSpec],
    /// What a cluster is made of.
    pub redis: &'a RedisSpec,
    /// Who promotes a replica.
    pub failover: &'a FailoverSpec,
    /// What it costs.
    pub price: &'a PriceSpec,
    /// How many times the connections of the start services may come to have, as they get servers.
    pub connections_growth: f64,
    /// The shortest time that anybody waits for an answer.
    pub patience: SimDuration,
    /// Are processes restarted one after the other, if people restart them?
    pub rolls: bool,
    /// The most shards that a cluster may come to have, as some are added.
    pub most_shards: u16,
}

impl<'a> SystemSpec<'a> {
    /// The position of the workload of this name.
    ///
    /// # Panics
    /// If there is none: a checked scenario names only workloads that exist.
    pub fn workload(&self, name: &str) -> usize {
        let found = self.workloads.iter().position(|w| w.name == name);
        found.expect("validated: the workload exists")
    }

    /// The workloads' names.
    pub fn workload_names(&self) -> Vec<&'a str> {
        self.workloads.iter().map(|w| w.name.as_str()).collect()
    }

    /// The services' names.
    pub fn service_names(&self) -> Vec<&'a str> {
        self.services.iter().map(|s| s.name.as_str()).collect()
    }
}
