//! What a cluster is made of at the start, from the scenario and the layout's plan.

use sim::{SimTime, StreamKey};

use super::node::Link;
use super::save::Child;
use super::stream;
use super::{Node, managed};
use crate::layout::ClusterPlan;
use crate::redis::growth::Held;
use crate::redis::keyspace;
use crate::redis::memory::NodeMemory;
use crate::redis::replication::{History, Lineage};
use crate::spec::persistence::PubsubSpec;
use crate::spec::{FailoverSpec, RedisSpec, SystemSpec, WorkloadSpec};
use failover::cluster_bus::ReplicaLink;

/// What each of a cluster's workloads holds at the start, in whole keys.
pub(super) fn starts(spec: &SystemSpec, plan: &ClusterPlan) -> Vec<Held> {
    let cluster = spec.failover.cluster_mode();
    let one = |w: &usize| {
        let workload = &spec.workloads[*w];
        let each = workload.bytes_per_key(workload.value_size, cluster);
        let bytes = (workload.dataset.as_f64() * plan.part) as u64;
        Held::of((bytes / each) as f64, bytes as f64, workload.expires)
    };
    plan.workloads.iter().map(one).collect()
}

/// Mean bytes of the string that holds a key's name.
pub(super) fn key_name(spec: &SystemSpec, plan: &ClusterPlan) -> f64 {
    let length = |w: &usize| spec.workloads[*w].key_length.get();
    let names = plan.workloads.iter().map(length).map(keyspace::string);
    names.sum::<u64>() as f64 / plan.workloads.len() as f64
}

/// Commands per second, and those that write.
pub(super) fn commands(spec: &SystemSpec, plan: &ClusterPlan) -> (f64, f64) {
    let on_it = plan.workloads.iter().map(|w| &spec.workloads[*w]);
    let of = |workload: &WorkloadSpec| {
        let commands = workload.commands.get();
        (commands, commands * workload.writes.get())
    };
    let (commands, writes) = on_it
        .map(of)
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (commands * plan.part, writes * plan.part)
}

/// What a cluster is made of that has this part of the clients.
pub(super) fn part_of(redis: &RedisSpec, part: f64) -> RedisSpec {
    let share = |clients: u32| (f64::from(clients) * part).ceil() as u32;
    let pubsub = redis.pubsub.map(|pubsub| PubsubSpec {
        subscribers: share(pubsub.subscribers),
        ..pubsub
    });
    RedisSpec {
        connections: share(redis.connections),
        pubsub,
        ..redis.clone()
    }
}

/// The fullest shard's share first, equal parts for the others.
pub(super) fn shares(redis: &RedisSpec) -> Vec<f64> {
    let shards = usize::from(redis.shards);
    let fullest = redis.fullest_shard.get();
    let other = if shards > 1 {
        (1.0 - fullest) / (shards - 1) as f64
    } else {
        0.0
    };
    (0..shards)
        .map(|shard| if shard == 0 { fullest } else { other })
        .collect()
}

/// The first node of each shard.
pub(super) fn owners(redis: &RedisSpec) -> Vec<usize> {
    let per_shard = 1 + usize::from(redis.replicas);
    let shards = 0..usize::from(redis.shards);
    shards.map(|shard| shard * per_shard).collect()
}

/// Primaries and replicas shard by shard, dealt round the hosts so that no shard doubles up.
pub(super) fn nodes(
    redis: &RedisSpec,
    node_memory: f64,
    shards: usize,
    key: StreamKey,
) -> Vec<Node> {
    let per_shard = 1 + usize::from(redis.replicas);
    let node = |i: usize| Node {
        shard: i / per_shard,
        host: i % usize::from(redis.hosts),
        memory: NodeMemory::new(redis, node_memory),
        bytes: node_memory,
        fault: None,
        trouble: None,
        child: Child::default(),
        slow: None,
        primary: i.is_multiple_of(per_shard),
        read_only: false,
        known: i.is_multiple_of(per_shard),
        loaded: i.is_multiple_of(per_shard),
        forking: None,
        follows: (!i.is_multiple_of(per_shard)).then_some(i - i % per_shard),
        link: if i.is_multiple_of(per_shard) {
            Link::None
        } else {
            Link::Streaming
        },
        heard: ReplicaLink::Up,
        lineage: Lineage::new(History((i / per_shard) as u32)),
        positioned: true,
        covered: SimTime::ZERO,
        taking: None,
        queued: false,
        alone: (redis.replicas == 0).then_some(SimTime::ZERO),
        cron: stream::cron(key, i),
        soft_since: None,
        due: None,
        wait: 0,
        loads: 0,
        promoted: None,
    };
    (0..shards * per_shard).map(node).collect()
}

pub(super) fn provider(failover: &FailoverSpec, shards: usize) -> Option<managed::Provider> {
    match failover {
        FailoverSpec::Managed(spec) => Some(managed::Provider::new(spec, shards)),
        FailoverSpec::ClusterBus(_)
        | FailoverSpec::Sentinel(_)
        | FailoverSpec::Application {}
        | FailoverSpec::None {} => None,
    }
}
