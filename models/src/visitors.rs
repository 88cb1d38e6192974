//! From the scenario's signers and callers to the demand that is counted.

use sim::{Intensity, Intervals, SimDuration, SimTime};

mod inside;

use crate::demand::{Class, Client, Demand, Population, Service};
use crate::spec::{CallerSpec, ClassSpec, ServiceSpec, WorldSpec};
use crate::world::World;

/// Who comes, and what they meet: signers first, then the callers in the scenario's order.
pub fn demand(world: &World) -> Demand {
    let spec = world.spec;
    let callers = spec
        .callers
        .iter()
        .enumerate()
        .map(|(i, caller)| callers(spec, i, caller));
    Demand {
        services: (spec.services.iter().zip(world.services.iter()))
            .map(|(spec, (_, built))| service(spec, built, world))
            .collect(),
        populations: std::iter::once(signers(spec)).chain(callers).collect(),
    }
}

/// Windows in which acknowledged writes of each service were lost later.
pub fn lost_acks(world: &World) -> Vec<Vec<(SimTime, SimTime)>> {
    let of = |(_, service): (_, &crate::service::Service)| {
        // The windows are of writes; a service that waits for replicas answers later.
        let after = service.acknowledged_after(world.spec.redis.latency);
        let mut windows = Intervals::new();
        for (from, to, workloads) in &world.ledger.lost_acks {
            let needs = service.needs().iter();
            let mut clusters = needs.map(|need| &world.clusters[need.cluster]);
            if clusters.any(|cluster| cluster.workloads == *workloads) {
                windows.add(*from + after, *to + after);
            }
        }
        windows.iter().collect()
    };
    world.services.iter().map(of).collect()
}

fn service(spec: &ServiceSpec, built: &crate::service::Service, world: &World) -> Service {
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
        inside: inside::of(spec, built, &world.clusters),
    }
}

fn signers(spec: &WorldSpec) -> Population {
    let signers = &spec.signers;
    Population {
        name: "signers".to_owned(),
        entity: 0,
        service: position(spec, &signers.service),
        visits: rate(
            signers.visits.get(),
            signers.hourly.as_deref(),
            spec.horizon,
        ),
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
fn callers(spec: &WorldSpec, i: usize, caller: &CallerSpec) -> Population {
    let service = position(spec, &caller.service);
    Population {
        name: format!("callers of {}", caller.service),
        entity: 1 + i as u64,
        service,
        visits: rate(caller.calls.get(), None, spec.horizon),
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

/// An average rate with the profile of a day, hour by hour from the trial's start on.
fn rate(per_sec: f64, hourly: Option<&[sim::Factor]>, horizon: SimDuration) -> Intensity {
    let end = SimTime::ZERO + horizon;
    let Some(hourly) = hourly else {
        return Intensity::constant(per_sec, SimTime::ZERO, end);
    };
    let hour = SimDuration::from_hours(1);
    let hours = horizon.as_nanos().div_ceil(hour.as_nanos());
    let piece = |h: u64| {
        let factor = hourly[h as usize % hourly.len()].get();
        (SimTime::ZERO + hour * h, per_sec * factor)
    };
    let pieces: Vec<(SimTime, f64)> = (0..hours).map(piece).collect();
    Intensity::piecewise(&pieces, end)
}

fn position(spec: &WorldSpec, name: &str) -> usize {
    let found = spec
        .services
        .iter()
        .position(|service| service.name == name);
    found.expect("validated: the service exists")
}
