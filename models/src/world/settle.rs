//! The end of a trial: signers are counted against what their service answered, and the row is
//! made up from the ledger.

use std::collections::BTreeMap;

use sim::{Budget, BudgetError, Intervals, SimDuration, SimTime, Streams};

use super::milestones::{milestones, outage};
use super::{World, WorldSpec, visitors};
use crate::check::spec::{ActionSpec, CheckSpec};
use crate::cluster::{Cluster, Evicted};
use crate::ids::{ClusterId, Id, ServiceId};
use crate::layout;
use crate::moment::{MomentKind, fails_to_the_end, observed};
use crate::outcome::{
    BlastMinutes, ComponentDowntime, ProductOutcome, Reached, SAME_INCIDENT, TrialOutcome,
    TrialResult,
};
use crate::service::{Overload, Service};
use crate::spec::ComponentSpec;
use crate::spool::Replay;
use demand::Mode;
use demand::{self, Answers, Evaluated, LostAcks, MinuteTimes, Opening, Population, Tally, Window};

/// The result of a world that has come to its end, with what was counted in it.
///
/// # Errors
/// If `budget` is used up.
pub fn settle(
    mut world: World,
    counted: Count,
    (streams, watched): (&Streams, Option<(SimTime, SimTime)>),
    budget: &Budget,
) -> Result<TrialResult, BudgetError> {
    let evicted = evicted(&mut world);
    let Count {
        products,
        replays,
        degraded,
        ..
    } = counted;
    let outcome = row(&world, &products, &replays, &evicted);
    let components = components(&world);
    let blast = blast(&world);
    let milestones = milestones(&world, degraded, evicted.stored);
    let windows = windows(&world, streams, budget)?;
    let watched = watched.filter(|_| world.ledger.is_tracing());
    let watched = watched.map(|stretch| looked_at(&world, streams, stretch, budget));
    let watched = watched.transpose()?.unwrap_or_default();
    trace_replays(&mut world, &replays);
    let mut ledger = world.ledger;
    let draws = std::mem::take(&mut ledger.draws);
    let mut moments = std::mem::take(&mut ledger.moments);
    let connections = std::mem::take(&mut ledger.connections);
    for (n, (service, window)) in windows.iter().enumerate() {
        // Populations of one service show the same service.
        if !windows[..n].iter().any(|(before, _)| before == service) {
            moments.extend(observed(&world.services[*service].name, window));
        }
    }
    moments.sort_by_key(|moment| moment.at);
    let (trace, mut timeline) = ledger.into_story();
    timeline.minutes = minutes(world.spec, &windows);
    let named = |windows: Windows| {
        let named = windows.into_iter();
        named
            .map(|(id, window)| (world.services[id].name.clone(), window))
            .collect()
    };
    Ok(TrialResult {
        outcome,
        components,
        products: match products.len() {
            1 => Vec::new(),
            _ => products.into_iter().map(Counted::outcome).collect(),
        },
        blast,
        milestones,
        timeline,
        moments,
        windows: named(windows),
        watched: named(watched),
        connections,
        trace,
        draws,
    })
}

/// The flat row.
fn row(
    world: &World,
    products: &[Counted],
    replays: &[(ServiceId, Replay)],
    evicted: &Evicted,
) -> TrialOutcome {
    let mut tally = Tally::default();
    let all = products.iter().map(|product| &product.tally);
    all.for_each(|product| tally.add(product));
    let signers = &products[0];
    let outage = outage(world);
    let detect = outage.and_then(|(from, to)| {
        let near = |at: &&SimTime| {
            let before = at.saturating_add(FORESEEN);
            before >= from && to.is_none_or(|to| **at <= to.saturating_add(SAME_INCIDENT))
        };
        let found = world.ledger.detections.iter().filter(near).min()?;
        Some(found.saturating_since(from).as_secs_f64())
    });
    let recover = outage.and_then(|(from, to)| Some((to? - from).as_secs_f64()));
    let longest = replays
        .iter()
        .filter_map(|(_, replay)| replay.longest)
        .max();
    let outcome = TrialOutcome {
        visits: tally.visits,
        captured_first_try: tally.captured_first_try,
        captured_after_retry: tally.captured_after_retry,
        captured_on_return: tally.captured_on_return,
        spooled: tally.spooled,
        abandoned: tally.abandoned,
        still_pending: tally.still_pending,
        blocked: tally.blocked(),
        lost: tally.lost(),
        failed_attempts: tally.failed_attempts(),
        failed: tally.failed,
        acked_lost: tally.acked_lost,
        captured_twice: tally.captured_twice,
        downtime_true_s: signers.downtime_true_s,
        downtime_observed_s: signers.downtime_observed_s,
        detect_s: detect,
        recover_s: recover,
        spool_replay_s: longest.map(SimDuration::as_secs_f64),
        spool_left: replays.iter().map(|(_, replay)| replay.left).sum(),
        failovers: world.ledger.failovers,
        useless_failovers: world.ledger.useless_failovers,
        false_failovers: world.ledger.false_failovers,
        evicted_keys: evicted.keys,
        signed_out: evicted.sessions,
        stored_lost: evicted.stored_lost,
        jobs_lost: evicted.jobs_lost,
        cache_hit_rate: evicted.hit_rate,
        cost_per_month_usd: cost_per_month(world),
    };
    outcome.assert_adds_up();
    outcome
}

/// What evictions came to, over all clusters; and their story.
fn evicted(world: &mut World) -> Evicted {
    let end = world.end;
    let services = &world.services;
    let evicted = |(id, cluster): (ClusterId, &mut Cluster)| {
        let shares = cluster.shares().to_vec();
        let hits = |workload: usize| {
            let services = services.iter();
            let hits = services.filter_map(|(_, of)| of.hit_rate((id, workload), &shares));
            hits.reduce(f64::min)
        };
        cluster.evicted(end, hits)
    };
    let sum = world.clusters.iter_mut().map(evicted);
    let sum = sum.fold(Evicted::default(), Evicted::with);
    for (_, cluster) in world.clusters.iter() {
        if cfg!(debug_assertions) {
            cluster.assert_data_adds_up(end);
        }
        cluster.trace_evicted(end, &mut world.ledger);
    }
    sum
}

/// What became of the signers of one product, over all cells.
struct Counted {
    name: String,
    tally: Tally,
    downtime_true_s: f64,
    downtime_observed_s: f64,
}

impl Counted {
    fn outcome(self) -> ProductOutcome {
        ProductOutcome {
            product: self.name,
            visits: self.tally.visits,
            blocked: self.tally.blocked(),
            lost: self.tally.lost(),
            acked_lost: self.tally.acked_lost,
            downtime_true_s: self.downtime_true_s,
            downtime_observed_s: self.downtime_observed_s,
        }
    }
}

/// How each service's spool was emptied.
type Replays = Vec<(ServiceId, Replay)>;

/// Everything that is counted against what the services of every cell answered.
pub struct Count {
    /// What became of the signers of every product; those of `[signers]` come first.
    products: Vec<Counted>,
    replays: Replays,
    /// When too many first requests of `[signers]` failed, in any cell.
    degraded: Intervals,
    /// What failed beyond what the infrastructure explains, for each service of each cell; empty if
    /// nothing did.
    pub overloads: Vec<Overload>,
}

/// Counts all requests of a world that has come to its end.
///
/// # Errors
/// If `budget` is used up.
pub fn count(
    world: &World,
    streams: &Streams,
    mode: Mode,
    budget: &Budget,
) -> Result<Count, BudgetError> {
    let cells = world.cells;
    let demand = &world.demand;
    let of_signers = demand.populations.iter().filter(|p| p.signers);
    let of_signers: Vec<_> = of_signers.collect();
    let new = |population: &&Population| Counted {
        name: population.name.clone(),
        tally: Tally::default(),
        downtime_true_s: 0.0,
        downtime_observed_s: 0.0,
    };
    let mut products: Vec<Counted> = of_signers.iter().map(new).collect();
    let lost_acks = visitors::lost_acks(world);
    let mut replays = Vec::new();
    let mut overloads = Vec::new();
    let mut degraded = Intervals::new();
    for cell in 0..cells {
        let end = world.end;
        let answers = answers(world, &lost_acks, cell);
        let demand = visitors::in_cell(world, &world.demand, cell);
        let times = timed(world, cell);
        let how = (mode, &times[..]);
        let mut evaluated = demand::evaluate(&demand, &answers, streams, end, how, budget)?;
        overloads.extend(cell_overloads(world, cell, &mut evaluated));
        let outcome = &evaluated.outcome;
        let spools = services(world, cell).into_iter().zip(&world.spec.services);
        for (place, ((id, service), spec)) in spools.enumerate() {
            if let Some(spool) = spec.spool {
                let first = visitors::first_process(world.spec, place);
                let of_processes = &outcome.spools[first..first + spec.process_count()];
                let drain = spool.drain.get() / cells as f64;
                let openings = together(of_processes);
                let replay = Replay::new(&openings, service.unspooled(), drain, end);
                replays.push((id, replay));
            }
        }
        for (first, last) in &outcome.populations[0].degraded {
            let minute = |number: u64| SimTime::ZERO + SimDuration::from_mins(number);
            degraded.add(minute(*first), minute(*last).min(end));
        }
        // Signers stand before callers.
        let outcomes = outcome.populations.iter().zip(&of_signers);
        for (product, (outcome, population)) in products.iter_mut().zip(outcomes) {
            let (_, service) = services(world, cell)[population.service];
            let down = service.down(end).total().as_secs_f64();
            product.tally.add(&outcome.tally);
            product.downtime_true_s += down / cells as f64;
            let observed = 60.0 * outcome.minutes_observed_down as f64;
            product.downtime_observed_s += observed / cells as f64;
        }
    }
    if overloads.iter().all(|found| *found == Overload::default()) {
        overloads.clear();
    }
    Ok(Count {
        products,
        replays,
        degraded,
        overloads,
    })
}

/// What failed in one cell beyond what the infrastructure explains, service by service.
fn cell_overloads(world: &World, cell: usize, evaluated: &mut Evaluated) -> Vec<Overload> {
    let services = services(world, cell).into_iter().enumerate();
    let overload = |(place, (_, service)): (usize, (_, &Service))| {
        let first = visitors::first_process(world.spec, place);
        let processes = first..first + service.processes().len();
        let failed = processes.clone().flat_map(|p| evaluated.failed_minutes(p));
        let mut minutes: Vec<u64> = failed.collect();
        minutes.sort_unstable();
        minutes.dedup();
        minutes.retain(|minute| !service.explains_all(*minute));
        let mut counts = vec![(0, 0); minutes.len()];
        for process in processes.clone() {
            let presses = evaluated.first_presses(process, &minutes);
            for (sum, (failed, all)) in counts.iter_mut().zip(presses) {
                *sum = (sum.0 + failed, sum.1 + all);
            }
        }
        let overload = service.overload(minutes.into_iter().zip(counts));
        let slow = slow_counts(processes, evaluated);
        service.slow_minutes(overload, &slow, world.end)
    };
    services.map(overload).collect()
}

/// For each process of a cell's services the limits from which on rules on latency count.
fn timed(world: &World, cell: usize) -> Vec<Vec<SimDuration>> {
    let services = services(world, cell).into_iter();
    let limits = services.flat_map(|(_, service)| {
        let processes = service.processes().iter();
        processes.map(|_| service.latency_limits())
    });
    limits.collect()
}

/// What the requests of a service took, all its processes together, in minutes in which that may
/// not have been its work alone.
fn slow_counts(
    processes: std::ops::Range<usize>,
    evaluated: &mut Evaluated,
) -> Vec<(u64, MinuteTimes)> {
    let minutes = processes.clone().flat_map(|p| evaluated.timed_minutes(p));
    let mut minutes: Vec<u64> = minutes.collect();
    minutes.sort_unstable();
    minutes.dedup();
    let mut counts = vec![MinuteTimes::default(); minutes.len()];
    for process in processes {
        let times = evaluated.first_press_times(process, &minutes);
        counts
            .iter_mut()
            .zip(&times)
            .for_each(|(sum, times)| sum.add(times));
    }
    minutes.into_iter().zip(counts).collect()
}

/// What the spools of a service's processes took; they open and close together.
fn together(spools: &[Vec<Opening>]) -> Vec<Opening> {
    let mut sum = spools[0].clone();
    for spool in &spools[1..] {
        for (sum, opening) in sum.iter_mut().zip(spool) {
            sum.writes += opening.writes;
        }
    }
    sum
}

/// When spools were empty, in the story.
fn trace_replays(world: &mut World, replays: &[(ServiceId, Replay)]) {
    for (id, replay) in replays {
        let (name, ledger) = (&world.services[*id].name, &mut world.ledger);
        for (at, writes) in &replay.emptied {
            ledger.moment(*at, MomentKind::SpoolEmpty, name);
            ledger.mark(*at, name, || "spool empty".to_owned());
            ledger.trace(*at, || {
                format!("{name}: the spool is empty, {writes} writes are replayed")
            });
        }
        if replay.left > 0 {
            let left = replay.left;
            ledger.trace(world.end, || {
                format!("{name}: {left} writes are still in the spool at the end")
            });
        }
    }
}

/// The services of one cell.
fn services<'a>(world: &'a World, cell: usize) -> Vec<(ServiceId, &'a Service)> {
    let count = world.spec.services.len();
    world
        .services
        .iter()
        .skip(cell * count)
        .take(count)
        .collect()
}

/// What the infrastructure did to the processes of one cell's services, service by service.
fn answers<'a>(
    world: &'a World,
    lost_acks: &'a [Vec<Vec<LostAcks>>],
    cell: usize,
) -> Vec<Answers<'a>> {
    let services = services(world, cell).into_iter();
    let of_service = |(id, service): (ServiceId, &'a Service)| {
        let processes = service.processes().iter().zip(&lost_acks[id.index()]);
        processes.map(|(process, lost_acks)| Answers {
            timeline: &process.timeline,
            lost_acks,
            needs: &process.lines,
            controls: &process.controls,
        })
    };
    services.flat_map(of_service).collect()
}

/// What services show, and whose window it is.
type Windows = Vec<(ServiceId, Window)>;

/// What each population of each cell met around the outage, with its service there, if
/// there was one and the trial is to be told; those of `[signers]` come first in each cell. Where
/// attempts go on failing after the outage (who was turned away comes back at once), so does the
/// window.
fn windows(world: &World, streams: &Streams, budget: &Budget) -> Result<Windows, BudgetError> {
    let Some((from, to)) = outage(world).filter(|_| world.ledger.is_tracing()) else {
        return Ok(Vec::new());
    };
    let to = to.unwrap_or(world.end).min(from + STRIP_MAX);
    let from = from.saturating_sub(STRIP_MARGIN);
    let mut margin = STRIP_MARGIN;
    loop {
        let until = to.saturating_add(margin);
        let windows = looked_at(world, streams, (from, until), budget)?;
        let fails_on = windows.iter().any(|(_, window)| fails_to_the_end(window));
        if !fails_on || until >= world.end || margin >= STRIP_MAX {
            return Ok(windows);
        }
        margin = margin * 2;
    }
}

fn looked_at(
    world: &World,
    streams: &Streams,
    around: (SimTime, SimTime),
    budget: &Budget,
) -> Result<Windows, BudgetError> {
    let lost_acks = visitors::lost_acks(world);
    let mut windows = Vec::new();
    for cell in 0..world.cells {
        let answers = answers(world, &lost_acks, cell);
        let demand = visitors::in_cell(world, &world.demand, cell);
        for (whole, population) in world.demand.populations.iter().enumerate() {
            let (service, _) = services(world, cell)[population.service];
            let end = world.end;
            let window = demand::look(&demand, whole, &answers, streams, end, around, budget)?;
            windows.extend(window.map(|window| (service, window)));
        }
    }
    Ok(windows)
}

/// The presses of `[signers]` minute by minute, over all cells: (minute, succeeded, failed).
fn minutes(spec: &WorldSpec, windows: &[(ServiceId, Window)]) -> Vec<(u64, u64, u64)> {
    let mut sums: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let place = visitors::position(spec, &spec.signers.service);
    let of_service = |id: ServiceId| id.index() % spec.services.len() == place;
    let mut cells: Vec<ServiceId> = Vec::new();
    for (service, window) in windows {
        // The first population of a service's cell is that of the signers.
        if !of_service(*service) || cells.contains(service) {
            continue;
        }
        cells.push(*service);
        for minute in &window.minutes {
            let sum = sums.entry(minute.minute).or_default();
            *sum = (sum.0 + minute.ok, sum.1 + minute.failed);
        }
    }
    let sums = sums.into_iter();
    sums.map(|(minute, (ok, failed))| (minute, ok, failed))
        .collect()
}

/// A page counts for an incident that begins at most this much later (an assumption).
const FORESEEN: SimDuration = SimDuration::from_days(1);

/// How long before and after an outage the strip of attempts reaches.
const STRIP_MARGIN: SimDuration = SimDuration::from_mins(30);

/// The longest stretch of an outage that the strip shows.
const STRIP_MAX: SimDuration = SimDuration::from_hours(12);

/// A component is up while all of its services are: its downtime is that of their union, in the
/// mean over cells.
fn components(world: &World) -> Vec<ComponentDowntime> {
    let cells = world.cells;
    let component = |component: &ComponentSpec| {
        let down = |cell| {
            let services = members(world, component, cell);
            let down = services.map(|(_, service)| service.down(world.end));
            let down = down.fold(Intervals::new(), |all, one| all.union(&one));
            down.total().as_secs_f64()
        };
        ComponentDowntime {
            component: component.name.clone(),
            downtime_true_s: (0..cells).map(down).sum::<f64>() / cells as f64,
        }
    };
    world.spec.components.iter().map(component).collect()
}

/// The services behind a component in one cell.
fn members<'a>(
    world: &'a World,
    component: &'a ComponentSpec,
    cell: usize,
) -> impl Iterator<Item = (ServiceId, &'a Service)> {
    let first = cell * world.spec.services.len();
    component.services.iter().map(move |name| {
        let place = first + visitors::position(world.spec, name);
        let id = ServiceId::from_index(place);
        (id, &world.services[id])
    })
}

/// How far the failure of each cluster reached: minutes in which a service of its cell was down
/// while the cluster failed it, and a component while that was so for one of its services.
fn blast(world: &World) -> Vec<BlastMinutes> {
    let spec = world.spec;
    let cells = world.cells as f64;
    let mut rows = Vec::new();
    for (id, cluster) in world.clusters.iter() {
        let reached = |service: ServiceId| {
            let failed = world.blast.spans(id, service, world.end);
            match failed.is_empty() {
                true => failed,
                false => failed.intersect(&world.services[service].down(world.end)),
            }
        };
        let mut push = |reached: Reached, name: &str, down: Intervals| {
            rows.push(BlastMinutes {
                cluster: cluster.plan.name.clone(),
                reached,
                name: name.to_owned(),
                down_min: down.total().as_secs_f64() / 60.0 / cells,
            });
        };
        for (place, service) in spec.services.iter().enumerate() {
            let of_cell = cluster.plan.cell * spec.services.len() + place;
            let down = reached(ServiceId::from_index(of_cell));
            push(Reached::Service, &service.name, down);
        }
        for component in &spec.components {
            let down = members(world, component, cluster.plan.cell).map(|(id, _)| reached(id));
            let down = down.fold(Intervals::new(), |all, one| all.union(&one));
            push(Reached::Component, &component.name, down);
        }
    }
    rows
}

/// The servers of services with an autoscaler, on average over the trial, in all cells.
fn servers(world: &World) -> f64 {
    let spec = world.spec;
    let of = |(id, service): (ServiceId, &Service)| {
        let servers = spec.services[id.index() % spec.services.len()]
            .servers
            .as_ref();
        let count = servers.map_or(0, |servers| servers.count.div_ceil(world.cells as u32));
        f64::from(count) * service.scale_average(SimTime::ZERO, world.end)
    };
    world.services.iter().map(of).sum()
}

/// Nodes by what was paid for over the trial, and the fees of what stands beside them.
fn cost_per_month(world: &World) -> f64 {
    let spec: &WorldSpec = world.spec;
    let nodes = world
        .clusters
        .iter()
        .map(|(_, cluster)| cluster.nodes().len())
        .sum();
    let mut byte_seconds = 0.0;
    for (i, (from, bytes)) in world.paid.iter().enumerate() {
        let to = world.paid.get(i + 1).map_or(world.end, |(next, _)| *next);
        byte_seconds += bytes * (to - *from).as_secs_f64();
    }
    let bytes = byte_seconds / spec.horizon.as_secs_f64();
    let price = &spec.price;
    let spools = |check: &CheckSpec| check.actions.contains(&ActionSpec::OpenSpool);
    let mut cost = layout::nodes_per_month(price, nodes, bytes);
    cost += spec.health_checks.len() as f64 * price.check_month.get();
    cost += f64::from(u8::from(spec.health_checks.iter().any(spools))) * price.spool_month.get();
    cost += f64::from(u8::from(!spec.alerts.is_empty())) * price.alert_month.get();
    let server = price.server_month.map_or(0.0, |price| price.get());
    cost += servers(world) * server;
    cost += spec
        .autoscaler
        .as_ref()
        .map_or(0.0, |_| price.autoscaler_month.get());
    cost
}
