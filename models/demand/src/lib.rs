//! Signers and callers who meet what a service answers, evaluated lazily and exactly.
//!
//! The infrastructure leaves one step function of time per service: Ok, Spool, Error or Hang.
//! [`evaluate`] is a pure function of it and of the arrivals:
//!
//! ```text
//!  AnswerTimeline   Ok ───────────┐Hang ──────────────────────────┐Ok ─────────
//!  determined       ▒▒▒▒▒▒▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒          ▒▒▒▒▒▒▒▒▒▒▒  counted by class
//!  opened                        █                       ██████████             played one by one
//! ```
//!
//! Where every visit's fate follows from its class and the answer (`fate.rs`), and the pool of
//! workers provably takes no part (`proof.rs`), visits are counted (`cohort.rs`); so are presses
//! that a full service refuses (`refused.rs`). The transitions in between are played
//! request by request (`service_sim.rs`, `signer.rs`, `pool.rs`, `attempt.rs`).
//!
//! A service may have several processes behind a load balancer, which shares presses out among them
//! (`balance.rs`, `route.rs`). It may have breakers, bulkheads and retries that notice each other
//! (`inside.rs`, `course.rs`, `breaker.rs`), caches in Redis that miss (`warmth.rs`), and slower
//! stores with a queue of their own behind them (`store.rs`, `fallback.rs`).
//!
//! [`Mode::Eager`] plays everything and yields the same numbers: laziness is no approximation.
//!
//! Left out: service times that vary, cancellation that reaches the server, one visit that calls
//! several services, and signers on one visit who use two windows.

use std::ops::Range;

use sim::{Budget, BudgetError, SimDuration, SimTime, Streams};

pub mod answer;
mod attempt;
mod balance;
mod breaker;
mod caller;
mod cohort;
mod course;
mod due;
mod fallback;
mod fate;
mod inside;
mod lazy;
mod minutes;
mod observed;
mod outcome;
mod pool;
mod population;
mod proof;
mod refused;
mod route;
mod service_sim;
mod signer;
mod spool;
mod store;
pub mod streams;
mod strip;
mod ticket;
mod visit;
mod warmth;

pub use balance::{Balancer, Balancing, Rotation};
pub use observed::MinuteTimes;
pub use outcome::{DemandOutcome, PopulationOutcome, Tally};
pub use population::{
    Answers, BackoffGrowth, Breaker, Class, Client, Control, Demand, Fallback, Loss, LostAcks,
    Misses, Need, Population, Service, ServiceModel,
};
pub use spool::Opening;
pub use strip::{Minute, Times, Window};
pub use warmth::colder;

use balance::Balance;
use caller::Caller;
use due::DueList;
use inside::ServiceState;
use minutes::PressTimes;
use pool::Pool;
use service_sim::{Process, ServiceSim};
use strip::Strip;
use visit::ActiveVisits;

pub use streams::ARRIVALS;

/// How a trial is evaluated. Both ways give the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only what somebody looks at is evaluated.
    Lazy,
    /// Everything is, request by request and heartbeat by heartbeat.
    Eager,
}

/// What becomes of all visits, and what the services' own metrics showed of them.
pub struct Evaluated<'a> {
    /// What becomes of all visits.
    pub outcome: DemandOutcome,
    service_sims: Vec<ServiceSim<'a>>,
    /// For each service the place of its simulation; absent for the further processes behind a
    /// balancer, which are simulated and counted with the first.
    places: Vec<Option<usize>>,
    horizon: SimTime,
}

impl Evaluated<'_> {
    /// The minutes since the start in which some first press at a service failed, ascending;
    /// presses that people had it turn away do not count. Of minutes in which all failed because
    /// the service was full, each counts.
    pub fn failed_minutes(&self, service: usize) -> Vec<u64> {
        let place = self.places[service];
        place.map_or_else(Vec::new, |place| {
            observed::failed_minutes(&self.service_sims[place].callers)
        })
    }

    /// First presses at a service in each of these ascending minutes: how many failed, and how many
    /// there were, without those that people had it turn away.
    pub fn first_presses(&mut self, service: usize, minutes: &[u64]) -> Vec<(u64, u64)> {
        let Some(place) = self.places[service] else {
            return vec![(0, 0); minutes.len()];
        };
        let callers = self.service_sims[place].callers.iter_mut();
        let mut callers: Vec<&mut Caller> = callers.collect();
        observed::not_shed(&mut callers, minutes, self.horizon)
    }

    /// The minutes, ascending, in which first presses at a service may have taken another time than
    /// its work; none if [`evaluate`] was not asked to time them.
    pub fn timed_minutes(&self, service: usize) -> Vec<u64> {
        let Some(place) = self.places[service] else {
            return Vec::new();
        };
        let sim = &self.service_sims[place];
        observed::timed_minutes(&sim.callers, sim.service.service_time)
    }

    /// How long first presses at a service took in each of these minutes.
    pub fn first_press_times(&mut self, service: usize, minutes: &[u64]) -> Vec<MinuteTimes> {
        let Some(place) = self.places[service] else {
            return vec![MinuteTimes::default(); minutes.len()];
        };
        let callers = &mut self.service_sims[place].callers;
        observed::first_press_times(callers, minutes, self.horizon)
    }
}

/// What becomes of all visits that begin before `horizon`, and of their attempts up to then.
/// `answers` holds one entry per service of `demand`. First presses at services are timed for which
/// `times` has limits: it is counted how many take at least so long, and how long all take
/// together. `times` has an entry per service as well, or none at all.
///
/// # Errors
/// If `budget` is used up.
///
/// # Panics
/// If `answers` do not fit the services, or a population or service makes no sense (no worker, a
/// gateway that waits no time, a visit without a press).
pub fn evaluate<'a>(
    demand: &'a Demand,
    answers: &[Answers<'a>],
    streams: &Streams,
    horizon: SimTime,
    (mode, times): (Mode, &[Vec<SimDuration>]),
    budget: &Budget,
) -> Result<Evaluated<'a>, BudgetError> {
    assert_eq!(demand.services.len(), answers.len(), "one per service");
    let open = match mode {
        Mode::Lazy => (horizon, horizon),
        Mode::Eager => (SimTime::ZERO, horizon),
    };
    let mut service_sims = Vec::with_capacity(answers.len());
    let mut places = Vec::with_capacity(answers.len());
    for first in 0..answers.len() {
        let times = times.get(first).map_or(&[][..], Vec::as_slice);
        let range = processes(demand, first);
        if first > range.start {
            places.push(None);
            continue;
        }
        places.push(Some(service_sims.len()));
        let mut service_sim = service_sim(demand, first, &answers[range], streams, horizon);
        if !times.is_empty() {
            for caller in &mut service_sim.callers {
                caller.times = Some(PressTimes::new(times));
            }
        }
        service_sim.pass(open, budget)?;
        if mode == Mode::Eager {
            assert!(
                service_sim.callers.iter().all(Caller::all_accounted),
                "all played"
            );
        }
        service_sims.push(service_sim);
    }
    let wholes = demand.populations.iter().map(|population| population.whole);
    let wholes = wholes.max().map_or(0, |last| last + 1);
    let outcome = |whole| outcome(demand, &mut service_sims, whole, horizon);
    let populations = (0..wholes).map(outcome).collect();
    let spools = service_sims.iter_mut().flat_map(|sim| {
        let spool = std::mem::take(&mut sim.spool);
        // The first process of several stands for all.
        let none = |opening: &Opening| Opening {
            writes: 0,
            ..*opening
        };
        let of_others: Vec<Opening> = spool.iter().map(none).collect();
        let others = std::iter::repeat_n(of_others, sim.processes.len() - 1);
        std::iter::once(spool).chain(others)
    });
    let spools = spools.collect();
    Ok(Evaluated {
        outcome: DemandOutcome {
            populations,
            spools,
        },
        service_sims,
        places,
        horizon,
    })
}

/// The processes that are simulated together with service number `service`.
fn processes(demand: &Demand, service: usize) -> Range<usize> {
    let mut ranges = demand.balancers.iter().map(|balancer| &balancer.processes);
    let range = ranges.find(|processes| processes.contains(&service));
    range.cloned().unwrap_or(service..service + 1)
}

/// The minutes of `[from, to)` as seen by the population `whole`, all its parts together, by
/// playing every request: for the chart of a single trial, and for a comparison with a report.
///
/// # Errors
/// If `budget` is used up.
pub fn look(
    demand: &Demand,
    whole: usize,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
    (from, to): (SimTime, SimTime),
    budget: &Budget,
) -> Result<Option<Window>, BudgetError> {
    let to = to.min(horizon);
    let mut all: Option<Window> = None;
    let parts = demand.populations.iter().enumerate();
    for (position, population) in parts.filter(|(_, population)| population.whole == whole) {
        let service = population.service;
        let answers = &answers[processes(demand, service)];
        let mut service_sim = service_sim(demand, service, answers, streams, horizon);
        let lives = service_sim.callers.iter();
        let lives = lives.map(|caller| caller.class.life_max(service_sim.service));
        let life_max = lives.max().unwrap_or_default();
        service_sim.strip = Some(Strip::new(position, from, to));
        // Presses of the first minute may belong to visits that began before it.
        let open_from = Strip::start(from).saturating_sub(life_max);
        service_sim.pass((open_from, Strip::end(to)), budget)?;
        let window = service_sim.strip.map(Strip::into_window);
        all = match (all, window) {
            (Some(all), Some(window)) => Some(all.with(&window)),
            (all, window) => all.or(window),
        };
    }
    Ok(all)
}

/// The service at position `service` with all who come to it, at the start. `answers` has one entry
/// for each of its processes.
fn service_sim<'a>(
    demand: &'a Demand,
    service: usize,
    answers: &[Answers<'a>],
    streams: &Streams,
    horizon: SimTime,
) -> ServiceSim<'a> {
    let spec = &demand.services[service];
    let mut callers = Vec::new();
    for (position, population) in demand.populations.iter().enumerate() {
        if population.service == service {
            for number in 0..population.classes.len() {
                let caller = Caller::new(population, position, number, spec, streams);
                callers.push(caller);
            }
        }
    }
    let due = DueList::new(callers.len());
    let classes: Vec<(&Population, usize)> = classes_at(demand, service).collect();
    let process = |(spec, answers): (&'a Service, &Answers<'a>)| {
        assert!(spec.workers >= 1, "a service has a worker");
        assert!(spec.gateway_timeout > SimDuration::ZERO, "a gateway waits");
        let inside =
            |inside: &'a ServiceModel| ServiceState::new(inside, answers, &classes, streams);
        Process {
            service: spec,
            changes: answers.timeline.changes(),
            span: 0,
            lost_acks: answers.lost_acks,
            pool: Pool::new(spec.workers, spec.queue_limit),
            service_state: spec.inside.as_ref().map(inside),
        }
    };
    let mut balancers = demand.balancers.iter();
    let balancer = balancers.find(|balancer| balancer.processes.start == service);
    let balance = |balancer: &'a Balancer| {
        let key = |(population, number): &(&Population, usize)| {
            let key = streams.key(streams::ROUTES, population.entity);
            key.child(*number as u64)
        };
        let keys = classes.iter().map(key).collect();
        Balance::new(balancer, keys)
    };
    ServiceSim {
        service: spec,
        spool: spool::openings(answers[0].timeline.changes(), horizon),
        processes: demand.services[service..]
            .iter()
            .zip(answers)
            .map(process)
            .collect(),
        balance: balancer.map(balance),
        here: 0,
        horizon,
        callers,
        in_play: ActiveVisits::default(),
        due,
        now: SimTime::ZERO,
        waited_at: None,
        refused_at: None,
        pressed: 0,
        refused: 0,
        fates: Vec::new(),
        expanded: 0,
        strip: None,
    }
}

/// Population and number of each class that comes to a service, in the order of its callers.
fn classes_at(demand: &Demand, service: usize) -> impl Iterator<Item = (&Population, usize)> {
    let here = demand
        .populations
        .iter()
        .filter(move |p| p.service == service);
    here.flat_map(|population| (0..population.classes.len()).map(move |n| (population, n)))
}

/// The outcome of one whole population, once its services have been simulated.
fn outcome(
    demand: &Demand,
    service_sims: &mut [ServiceSim],
    whole: usize,
    horizon: SimTime,
) -> PopulationOutcome {
    let parts = demand.populations.iter();
    let objective = parts.clone().find(|population| population.whole == whole);
    let objective = objective.map_or(0.0, |population| population.objective);
    let callers = service_sims.iter_mut().flat_map(|sim| &mut sim.callers);
    let mut callers: Vec<&mut Caller> = callers
        .filter(|caller| demand.populations[caller.population].whole == whole)
        .collect();
    let mut tally = Tally::default();
    callers.iter().for_each(|caller| tally.add(&caller.tally));
    tally.assert_adds_up();
    let (down, degraded) = observed::minutes_down(&mut callers, objective, horizon);
    PopulationOutcome {
        tally,
        minutes_observed_down: down,
        degraded,
    }
}
