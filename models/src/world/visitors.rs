//! From the scenario's signers and callers to the demand that is counted.
//!
//! With cells every population is thinned: each cell has an equal part of every class, under a
//! stream named by the cell's number, and an equal part of the servers. Common to two designs are
//! the rates with their bursts and surges, always; the arrivals of a cell, if both have as many
//! cells. A cell of four does not hold the arrivals of two cells of eight: such designs differ by
//! their own draws too, which widens the interval of their difference and shifts nothing.

use std::collections::BTreeMap;

use sim::{Intensity, Intervals, SimDuration, SimTime, Streams};

mod inside;

use super::{World, WorldSpec};
use crate::ids::{Id, ShardId};
use crate::layout;
use crate::service::{Process, Service as Built};
use crate::spec::service::{Access, Keys};
use crate::spec::signers::SIGNERS;
use crate::spec::{CallerSpec, ClassSpec, ProductSpec, ServiceSpec, TrafficSpec};
use crate::traffic::{self, Steps};
use demand::{Balancer, Class, Client, Demand, LostAcks, Population, Service};

/// Who comes, and what they meet: signers first, then products and callers in the scenario's order.
pub fn demand(spec: &WorldSpec, streams: &Streams) -> Demand {
    let products = spec.products.iter().enumerate();
    let products = products.map(|(i, of)| product(spec, i, of, streams));
    let callers = spec
        .callers
        .iter()
        .enumerate()
        .map(|(i, caller)| callers(spec, i, caller, streams));
    Demand {
        services: spec.services.iter().map(service).collect(),
        populations: std::iter::once(signers(spec, streams))
            .chain(products)
            .chain(callers)
            .enumerate()
            .map(|(whole, population)| Population {
                whole,
                ..population
            })
            .collect(),
        balancers: Vec::new(),
    }
}

/// The traffic and the services of one cell: each process is simulated as a service, with its part
/// of each population.
pub fn in_cell(world: &World, demand: &Demand, cell: usize) -> Demand {
    let spec = world.spec;
    let cells = world.cells;
    let built = world.services.iter().skip(cell * spec.services.len());
    let services = demand.services.iter().zip(&spec.services).zip(built);
    let services = services
        .enumerate()
        .flat_map(|(place, ((service, of), (_, built)))| {
            let processes = of.process_count();
            let here = demand
                .populations
                .iter()
                .filter(move |p| p.service == place);
            let all: f64 = here.map(|p| p.visits.cumulative(world.end)).sum();
            (0..processes).map(move |process| {
                let part = Part {
                    cells: cells as u32,
                    process: process as u32,
                    processes: processes as u32,
                    visits: all / (cells * processes) as f64,
                };
                Service {
                    workers: part.of(service.workers),
                    queue_limit: part.of(service.queue_limit),
                    inside: inside::of(of, built, world, part),
                    ..service.clone()
                }
            })
        });
    let parts = |population: &Population| {
        let processes = spec.services[population.service].process_count();
        let spreads = spec.services[population.service].spreads().is_some();
        let first = first_process(spec, population.service);
        let part = 1.0 / (cells * processes) as f64;
        let of_process = move |process| Population {
            entity: layout::of_process(layout::of_cell(population.entity, cell), process),
            service: if spreads { first } else { first + process },
            home: if spreads { process } else { 0 },
            visits: population.visits.scaled(part),
            ..population.clone()
        };
        (0..processes).map(of_process).collect::<Vec<_>>()
    };
    let built = world.services.iter().skip(cell * spec.services.len());
    let balancer = |((place, service), (_, built)): ((usize, &ServiceSpec), (_, &Built))| {
        let first = first_process(spec, place);
        service.spreads().map(|balancer| Balancer {
            processes: first..first + service.process_count(),
            balancing: balancer.kind.balancing(),
            rotation: built.rotation().clone(),
        })
    };
    Demand {
        services: services.collect(),
        populations: demand.populations.iter().flat_map(parts).collect(),
        balancers: spec
            .services
            .iter()
            .enumerate()
            .zip(built)
            .filter_map(balancer)
            .collect(),
    }
}

/// The part that one process of a service has in one cell.
#[derive(Clone, Copy, Debug)]
struct Part {
    cells: u32,
    process: u32,
    processes: u32,
    /// Visits that it expects in the trial.
    visits: f64,
}

impl Part {
    /// Its part of `n`: cells have equal parts, rounded up; the remainder goes to the first
    /// processes.
    fn of(self, all: u32) -> u32 {
        let in_cell = all.div_ceil(self.cells);
        in_cell / self.processes + u32::from(self.process < in_cell % self.processes)
    }
}

/// The position of a service's first process among the processes of all.
pub fn first_process(spec: &WorldSpec, service: usize) -> usize {
    let before = spec.services[..service].iter();
    before.map(ServiceSpec::process_count).sum()
}

/// When each process of each service made acknowledged writes that were lost later: while it wrote
/// to a former owner, to an owner that had not replicated them, or before all data were lost.
pub fn lost_acks(world: &World) -> Vec<Vec<Vec<LostAcks>>> {
    let of = |(_, service): (_, &Built)| {
        // The windows are of writes; a service that waits for replicas answers later.
        let after = service.acknowledged_after(world.spec.redis.latency);
        let of_process = |process: &Process| lost_of(world, service, process, after);
        service.processes().iter().map(of_process).collect()
    };
    world.services.iter().map(of).collect()
}

/// What a shard lost that was captured there: everything up to the instant at which all of it went.
/// Sessions and what a cache holds are no captures.
fn all_lost(
    world: &World,
    need: &crate::service::Need,
) -> impl Iterator<Item = (ShardId, SimTime, SimTime)> {
    let losses = world.clusters[need.cluster].losses().iter();
    let all = losses
        .filter(move |loss| loss.share >= 1.0 && !loss.undone && loss.concerns(need.workload));
    all.map(|loss| (loss.shard, SimTime::ZERO, loss.at))
}

/// Are writes to a need captures? Sessions and what a cache holds are none.
fn captures(world: &World, need: &crate::service::Need) -> bool {
    world.spec.workloads[need.workload].holds.is_none() && need.misses.is_none()
}

/// The same for one process.
fn lost_of(world: &World, service: &Built, process: &Process, after: SimDuration) -> Vec<LostAcks> {
    let mut windows: BTreeMap<Option<(usize, usize)>, Intervals> = BTreeMap::new();
    let needs = service.needs().iter().zip(process.views(service.needs()));
    for (number, (need, view)) in needs.enumerate() {
        if need.access != Access::Write || !captures(world, need) {
            continue;
        }
        let acks = world.ledger.lost_acks.iter();
        let acks = acks.filter(|lost| view == (lost.cluster, lost.view));
        let acks = acks.map(|lost| (lost.shard, lost.from, lost.to));
        for (shard, from, to) in acks.chain(all_lost(world, need)) {
            let lines = &process.lines[number];
            let shards = lines.len() / need.parts;
            let shard = match need.keys {
                Keys::All => 0,
                Keys::One => shard.index(),
            };
            if shard >= shards {
                continue; // it has joined later
            }
            for place in (shard..lines.len()).step_by(shards) {
                let one_of_many = need.keys == Keys::One || need.parts > 1;
                let line = one_of_many.then_some((number, place));
                let window = windows.entry(line).or_default();
                for (since, until, answer) in lines[place].spans(SimTime::ZERO, to) {
                    let since = since.max(from);
                    if answer.captures() && since < until {
                        window.add(since + after, until + after);
                    }
                }
            }
        }
    }
    let all = |(shard, window): (&Option<(usize, usize)>, &Intervals)| {
        let (shard, spans) = (*shard, window.iter().collect::<Vec<_>>());
        let span = move |(from, to)| LostAcks { shard, from, to };
        spans.into_iter().map(span)
    };
    // Losses in any shard come first.
    windows.iter().flat_map(all).collect()
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
        inside: None,
    }
}

fn signers(spec: &WorldSpec, streams: &Streams) -> Population {
    let signers = &spec.signers;
    Population {
        name: SIGNERS.to_owned(),
        entity: 0,
        service: position(spec, &signers.service),
        whole: 0,
        visits: visits(spec, &signers.traffic(), 0, streams),
        objective: signers.objective.get(),
        signers: true,
        home: 0,
        classes: signers.classes.iter().map(class).collect(),
    }
}

/// The entities of products: behind those of any callers, so that neither re-deals the other.
const PRODUCTS: u64 = 1 << 16;

fn product(spec: &WorldSpec, i: usize, product: &ProductSpec, streams: &Streams) -> Population {
    let entity = PRODUCTS + i as u64;
    let classes = match product.classes.is_empty() {
        true => &spec.signers.classes,
        false => &product.classes,
    };
    Population {
        name: product.name.clone(),
        entity,
        service: position(spec, &product.service),
        whole: 0,
        visits: visits(spec, &product.traffic(), entity, streams),
        objective: product.objective.unwrap_or(spec.signers.objective).get(),
        signers: true,
        home: 0,
        classes: classes.iter().map(class).collect(),
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
        whole: 0,
        visits: visits(spec, &caller.traffic(), entity, streams),
        objective: spec.signers.objective.get(),
        signers: false,
        home: 0,
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

/// All visits and calls, over their stated mean.
pub fn pace(spec: &WorldSpec, streams: &Streams) -> Steps {
    let end = SimTime::ZERO + spec.horizon;
    let products = spec.products.iter().zip(PRODUCTS..);
    let callers = spec.callers.iter().zip(1..);
    let all = std::iter::once((spec.signers.traffic(), 0))
        .chain(products.map(|(product, entity)| (product.traffic(), entity)))
        .chain(callers.map(|(caller, entity)| (caller.traffic(), entity)));
    let all: Vec<(TrafficSpec, u64)> = all.collect();
    let stated: f64 = all.iter().map(|(traffic, _)| traffic.rate.get()).sum();
    if stated <= 0.0 {
        return vec![(SimTime::ZERO, 1.0)];
    }
    let clock = spec.clock.as_ref();
    let rates = |(traffic, entity): &(TrafficSpec, u64)| {
        traffic::rates(traffic, clock, *entity, streams, spec.horizon)
    };
    let rates: Vec<Steps> = all.iter().map(rates).collect();
    traffic::joined(&rates, end, |rates| rates.sum::<f64>() / stated)
}

/// When the visits of a population begin.
fn visits(spec: &WorldSpec, traffic: &TrafficSpec, entity: u64, streams: &Streams) -> Intensity {
    traffic::intensity(traffic, spec.clock.as_ref(), entity, streams, spec.horizon)
}

/// The position of the service of this name.
pub fn position(spec: &WorldSpec, name: &str) -> usize {
    let found = spec
        .services
        .iter()
        .position(|service| service.name == name);
    found.expect("validated: the service exists")
}
