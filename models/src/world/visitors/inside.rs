//! From a service's keys in the scenario to what is inside it, for those that have more than
//! workers, a queue and a plain client.

use super::Part;
use crate::service::{self, Service};
use crate::spec::ServiceSpec;
use crate::spec::service::{AfterTimeout, BreakerSpec, Keys, NeedSpec};
use crate::spec::store::{MissesSpec, Store, stores_of};
use crate::world::World;
use demand::{BackoffGrowth, Breaker, Loss, Misses, Need, ServiceModel};
use sim::{Intervals, SimDuration, SimTime};

/// The inside of one process of a service; none if its requests cannot affect each other.
///
/// Restarts do not count: of a service without an inside they only drop what the gateway would give
/// up soon.
pub fn of(spec: &ServiceSpec, built: &Service, world: &World, part: Part) -> Option<ServiceModel> {
    let client = &spec.client;
    let layout = world.spec.layout.layout();
    let special = |need: &NeedSpec| {
        need.keys == Some(Keys::One)
            || need.optional
            || need.bulkhead.is_some()
            || need.breaker.is_some()
            || need.cache.is_some()
            || need.misses.is_some()
            || need.fallback.is_some()
    };
    // Steps that may be taken count, not those that are: how requests are counted up to an instant
    // must not depend on what people do later.
    let mut steps = world.spec.people.runbook.iter();
    let controlled = steps.any(|step| {
        let control = step.action.remedy().control();
        control.is_some_and(|(service, _)| service == spec.name)
    });
    let runs_on = spec.on_gateway_timeout == Some(AfterTimeout::Continue);
    let plain = spec.work.is_none()
        && !runs_on
        && client.backoff_growth.is_none()
        && client.retries_at_once.is_none()
        && client.pool.is_none()
        && client.offline_queue.is_none()
        && spec.servers.is_none()
        && !controlled
        && layout.bulkhead().is_none()
        && built.needs().iter().all(|need| need.parts == 1)
        && !spec.needs.iter().any(special);
    if plain {
        return None;
    }
    let growth = client
        .backoff_growth
        .map_or(UNCHANGED, |growth| BackoffGrowth {
            factor: growth.factor.get(),
            max: growth.max,
            jitter: growth.jitter.get(),
        });
    let (_, places) = stores_of(&spec.needs);
    let needs = spec.needs.iter().zip(built.needs()).zip(places);
    let store = |store: Store| Store {
        workers: part.of(store.workers),
        queue_limit: part.of(store.queue_limit),
        ..store
    };
    Some(ServiceModel {
        work: spec.work.clone(),
        runs_on,
        connect_timeout: client.connect_timeout,
        offline_queue: client.offline_queue,
        growth,
        retries_at_once: client.retries_at_once,
        needs: needs
            .map(|((need, built), store)| Need {
                fallback: store,
                ..of_need(spec, need, built, world, part)
            })
            .collect(),
        stores: world.spec.stores_of(spec).into_iter().map(store).collect(),
        losses: losses(built, world, part),
        crowded_out: crowded_out(built, world),
    })
}

/// A pause that does not grow.
const UNCHANGED: BackoffGrowth = BackoffGrowth {
    factor: 1.0,
    max: SimDuration::from_days(1),
    jitter: 0.0,
};

/// One need. Of the client's pool and a bulkhead the narrower counts.
fn of_need(
    service: &ServiceSpec,
    need: &NeedSpec,
    built: &service::Need,
    world: &World,
    part: Part,
) -> Need {
    let its = |(calls, wait): (u32, SimDuration)| (part.of(calls).max(1), wait);
    let pool = service.client.pool;
    let processes = service.processes.or(pool.map(|pool| pool.processes));
    let processes = processes.unwrap_or(1);
    let pool = pool.map(|pool| (pool.size * processes, pool.wait));
    let of_layout = world.spec.layout.layout().bulkhead();
    let of_layout = of_layout.map(|(calls, wait)| (calls.saturating_mul(processes), wait));
    let own = need
        .bulkhead
        .map(|bulkhead| (bulkhead.calls, bulkhead.wait));
    let bulkhead = own.or(of_layout);
    let shards = match built.keys {
        Keys::All => Vec::new(),
        Keys::One => world.clusters[built.cluster].shares().to_vec(),
    };
    Need {
        shards,
        parts: built.parts as u32,
        permits: [pool, bulkhead].into_iter().flatten().min().map(its),
        breaker: need.breaker.map(breaker),
        cache: need.cache.map(|cache| (cache.hits.get(), cache.lifetime)),
        misses: need.misses.map(|spec| misses(spec, world, part)),
        fallback: None,
        optional: need.optional,
    }
}

/// The keys of a cache follow from the time in which half of the hits come back: while a share `c`
/// of `n` keys is missing and `r` requests a second come, `r × hits × c` of them bring one back.
fn misses(spec: MissesSpec, world: &World, part: Part) -> Misses {
    let rate = part.visits / world.spec.horizon.as_secs_f64();
    let hits = spec.hits.get();
    Misses {
        hits,
        keys: rate * hits * spec.warms.as_secs_f64() / std::f64::consts::LN_2,
    }
}

/// What clusters have lost of what needs keep there, and what has expired while they did not answer
/// this process.
fn losses(service: &Service, world: &World, part: Part) -> Vec<Loss> {
    let mut losses = Vec::new();
    let process = &service.processes()[part.process as usize];
    for (number, (need, lines)) in service.needs().iter().zip(&process.lines).enumerate() {
        let Some(misses) = need.misses else {
            continue;
        };
        // The first part of the connections stands for all.
        let lines = lines.iter().take(lines.len() / need.parts);
        for (shard, line) in lines.enumerate() {
            let mut down = Intervals::new();
            let spans = line.spans(SimTime::ZERO, world.end);
            for (from, to, _) in spans.filter(|(_, _, answer)| !answer.executes()) {
                down.add(from, to);
            }
            let expired = down.iter().map(|(from, to)| Loss {
                at: to,
                need: number,
                shard,
                share: misses.expired(to - from),
            });
            losses.extend(expired.filter(|loss| loss.share > 0.0 && loss.at < world.end));
        }
        let lost = world.clusters[need.cluster].lost(need.workload, need.keys, 0);
        losses.extend(lost.into_iter().map(|(at, shard, share)| Loss {
            at,
            need: number,
            shard,
            share,
        }));
    }
    losses.sort_by_key(|loss| loss.at);
    losses
}

/// What clusters have no room for.
fn crowded_out(service: &Service, world: &World) -> Vec<Loss> {
    let mut all = Vec::new();
    for (number, need) in service.needs().iter().enumerate() {
        let Some(misses) = need.misses else {
            continue;
        };
        let cluster = &world.clusters[need.cluster];
        let lines = cluster.crowded_out(need.workload, need.keys, misses, 0);
        all.extend(lines.into_iter().map(|(at, shard, share)| Loss {
            at,
            need: number,
            shard,
            share,
        }));
    }
    all.sort_by_key(|loss| loss.at);
    all
}

fn breaker(spec: BreakerSpec) -> Breaker {
    match spec {
        BreakerSpec::Count {
            window,
            share,
            open_for,
            half_open,
        } => Breaker::Count {
            window,
            share: share.get(),
            open_for,
            half_open,
        },
        BreakerSpec::Time {
            window,
            calls_min,
            share,
            open_for,
        } => Breaker::Time {
            window,
            calls_min,
            share: share.get(),
            open_for,
        },
        BreakerSpec::Consecutive { failures, open_for } => {
            Breaker::Consecutive { failures, open_for }
        }
    }
}
