//! From the scenario's signers and callers to the demand that is counted.

use sim::{Intensity, Intervals, SimDuration, SimTime, Streams};

use crate::demand::{Class, Client, Demand, Population, Service};
use crate::spec::{CallerSpec, ClassSpec, ServiceSpec, TrafficSpec, WorldSpec};
use crate::traffic;
use crate::world::World;

/// Who comes, and what they meet: signers first, then the callers in the scenario's order.
pub fn demand(spec: &WorldSpec, streams: &Streams) -> Demand {
    let callers = spec
        .callers
        .iter()
        .enumerate()
        .map(|(i, caller)| callers(spec, i, caller, streams));
    Demand {
        services: spec.services.iter().map(service).collect(),
        populations: std::iter::once(signers(spec, streams))
            .chain(callers)
            .collect(),
    }
}

/// Windows in which acknowledged writes of each service were lost later.
pub fn lost_acks(world: &World) -> Vec<Vec<(SimTime, SimTime)>> {
    let of = |(_, service): (_, &crate::service::Service)| {
        // The windows are of writes; a service that waits for replicas answers later.
        let after = service.acknowledged_after(world.spec.redis.latency);
        let mut windows = Intervals::new();
        for (from, to, workloads) in &world.ledger.lost_acks {
            let mut clusters = service.needs().iter().map(|(id, _)| &world.clusters[*id]);
            if clusters.any(|cluster| cluster.workloads == *workloads) {
                windows.add(*from + after, *to + after);
            }
        }
        windows.iter().collect()
    };
    world.services.iter().map(of).collect()
}

fn service(spec: &ServiceSpec) -> Service {
    Service {
        name: spec.name.clone(),
        workers: spec.workers,
        queue_limit: spec.queue_limit,
        gateway_timeout: spec.gateway_timeout,
        service_time: spec.service_time,
        client: Client {
            command_timeout: spec.client.command_timeout,
            retries: spec.client.retries,
            backoff: spec.client.backoff,
            retries_on: spec.client.retries_on.clone(),
        },
    }
}

fn signers(spec: &WorldSpec, streams: &Streams) -> Population {
    let signers = &spec.signers;
    Population {
        name: "signers".to_owned(),
        entity: 0,
        service: position(spec, &signers.service),
        visits: visits(spec, &signers.traffic(), 0, streams),
        objective: signers.objective.get(),
        signers: true,
        classes: signers.classes.iter().map(class).collect(),
    }
}

fn class(spec: &ClassSpec) -> Class {
    Class {
        name: spec.name.clone(),
        share: spec.share.get(),
        patience: spec.patience,
        presses_max: spec.presses_max,
        press_again_after: spec.press_again_after,
        returns: spec.returns.clone(),
    }
}

/// Machine callers press once and wait for as long as the gateway does.
fn callers(spec: &WorldSpec, i: usize, caller: &CallerSpec, streams: &Streams) -> Population {
    let entity = 1 + i as u64;
    let service = position(spec, &caller.service);
    Population {
        name: format!("callers of {}", caller.service),
        entity,
        service,
        visits: visits(spec, &caller.traffic(), entity, streams),
        objective: spec.signers.objective.get(),
        signers: false,
        classes: vec![Class {
            name: "program".to_owned(),
            share: 1.0,
            patience: spec.services[service].gateway_timeout,
            presses_max: 1,
            press_again_after: SimDuration::ZERO,
            returns: Vec::new(),
        }],
    }
}

/// When the visits of a population begin.
fn visits(spec: &WorldSpec, traffic: &TrafficSpec, entity: u64, streams: &Streams) -> Intensity {
    traffic::intensity(traffic, spec.clock.as_ref(), entity, streams, spec.horizon)
}

fn position(spec: &WorldSpec, name: &str) -> usize {
    let found = spec
        .services
        .iter()
        .position(|service| service.name == name);
    found.expect("validated: the service exists")
}
