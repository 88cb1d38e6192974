//! The small world's tables, and a cluster of them, for tests of parts that need no world.

use std::rc::Rc;

use serde::Deserialize;
use sim::{ArrivalTree, Intensity, Marks, SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::findings::Findings;
use crate::ids::{ClusterId, Id};
use crate::layout::ClusterPlan;
use crate::redis::growth::GrowthSource;
use crate::spec::{FailoverSpec, PriceSpec, RedisSpec, ServiceSpec, SystemSpec, WorkloadSpec};
use crate::streams;
use demand::Mode;

/// What a system is made of; everything else in the file is left out.
#[derive(Clone, Debug, Deserialize)]
pub struct Tables {
    pub horizon: SimDuration,
    #[serde(rename = "workload")]
    pub workloads: Vec<WorkloadSpec>,
    #[serde(rename = "service")]
    pub services: Vec<ServiceSpec>,
    pub redis: RedisSpec,
    pub failover: FailoverSpec,
    pub price: PriceSpec,
}

/// Three shards of two workloads (`log`, and `cache` with a queue), for the service `api`.
pub fn tables() -> Tables {
    let text = include_str!("../tests/worlds/small.toml");
    toml::from_str(text).expect("it has these tables")
}

impl Tables {
    /// The system that they make.
    pub fn system(&self) -> SystemSpec<'_> {
        SystemSpec {
            stores: &[],
            horizon: self.horizon,
            workloads: &self.workloads,
            services: &self.services,
            redis: &self.redis,
            failover: &self.failover,
            price: &self.price,
            connections_growth: 1.0,
            patience: SimDuration::from_secs(1),
            rolls: false,
            most_shards: self.redis.shards + 2,
        }
    }

    /// One cluster with all workloads, at rest.
    pub fn cluster(&self) -> Cluster {
        let plan = ClusterPlan {
            name: "shared".to_owned(),
            workloads: (0..self.workloads.len()).collect(),
            cell: 0,
            part: 1.0,
            node_memory: self.redis.node_memory.as_f64(),
        };
        let streams = Streams::for_trial(1, 1);
        let key = |purpose| streams.key(purpose, 0);
        let keys = (key(streams::BUS), key(streams::SAVE_PHASE));
        let (id, system) = (ClusterId::from_index(0), self.system());
        let end = SimTime::ZERO + self.horizon;
        let adding = |(w, workload): (usize, &WorkloadSpec)| {
            let marks = Marks {
                shape: workload.value_size_shape.get(),
                mean_bytes: workload.bytes_per_key(workload.value_size, false) as f64,
            };
            let rate = Intensity::constant(workload.new_keys.get(), SimTime::ZERO, end);
            GrowthSource {
                tree: ArrivalTree::new(streams.key(streams::GROWTH, w as u64), rate, Some(marks)),
                lifetime: None,
                expires: workload.expires,
                workload: w,
            }
        };
        let adding = self.workloads.iter().enumerate().map(adding).collect();
        Cluster::new(id, &plan, &system, adding, keys, Rc::default(), Mode::Lazy)
    }

    /// The keys at which a check of this system finds something wrong.
    pub fn wrong(&self, check: impl Fn(&SystemSpec, &mut Findings)) -> Vec<String> {
        let mut found = Findings::default();
        check(&self.system(), &mut found);
        found.all().into_iter().map(|problem| problem.key).collect()
    }
}
