//! The share of requests that fail, as a service's own metrics show it while the trial runs.
//!
//! ```text
//!  keys that fail × what replaces them         a request fails if one of its needs does:
//!   need 1   30 %, nothing                      1 - (1 - 0.3)(1 - 0.1)
//!   need 2  100 %, a store for 90 % of them
//!  plus requests that find no free worker      rate × time held > workers (Little's law)
//! ```
//!
//! Results count every request exactly, at the end (`demand`). Alerts, people and moments use this
//! share while the trial runs. It is a steady state computed from rates: a full pool shows seconds
//! to a minute early. What fails beyond it is added by `overload`.

use sim::dist::Dist;
use sim::{Intensity, SimDuration, SimTime};

use super::timeline::ShareTimeline;
use crate::spec::ServiceSpec;
use crate::spec::client::ClientSpec;
use crate::spec::service::AfterTimeout;
use crate::spec::store::Store;
use demand::Control;
use demand::answer::{Answer, Cause};

const MINUTE: SimDuration = SimDuration::from_mins(1);

/// A service is down if this share of its requests fails.
pub const HALF: f64 = 0.5;

/// The state of a service, by the share of requests that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The share is within the objective.
    Up,
    /// The share is above the objective, but below half.
    Degraded,
    /// The share is at least half.
    Down,
}

/// What stands in for a need that fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instead {
    /// Nothing: the request fails.
    Nothing,
    /// Nothing is needed: the request goes on.
    Spared,
    /// A slower store, by its position among those of the service.
    Store(usize),
}

/// The capacity of a service, and its traffic.
#[derive(Clone, Debug)]
pub struct Load {
    workers: f64,
    /// How many times as many workers people or an autoscaler have made of them.
    scale: f64,
    /// The share of requests that people have it turn away.
    shed: f64,
    service_time: SimDuration,
    gateway_timeout: SimDuration,
    /// The longest that a request holds its worker; absent: no limit.
    held_max: Option<SimDuration>,
    client: ClientSpec,
    /// The slower stores, in one process.
    stores: Vec<StoreLoad>,
    /// When requests come.
    visits: Vec<Intensity>,
    /// The share of them that may fail while the service counts as up.
    pub objective: f64,
}

/// What one process has of a slower store.
#[derive(Clone, Copy, Debug)]
struct StoreLoad {
    workers: f64,
    /// How many times as many workers people have made of them.
    scale: f64,
    takes: SimDuration,
    /// Requests that may wait for it.
    queue_limit: f64,
}

/// A need at one instant: the share of its keys that fails, how, and what replaces it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failing {
    pub share: f64,
    pub answer: Answer,
    /// How late answers come, in seconds, on average over all requests.
    pub late: f64,
    pub instead: Instead,
    /// The slower store that is asked first, whatever stands in if that fails too.
    pub store: Option<usize>,
    /// The share of the requests that it answers and that miss what they ask for.
    pub misses: f64,
}

impl StoreLoad {
    /// Requests a second that it can answer.
    fn carries(&self) -> f64 {
        self.workers * self.scale / self.takes.as_secs_f64()
    }
}

impl Failing {
    /// The share of requests that need what stands in for it.
    pub fn replaced(&self) -> f64 {
        self.share + (1.0 - self.share) * self.misses
    }
}

impl Load {
    /// How long a request may take.
    pub fn gateway_timeout(&self) -> SimDuration {
        self.gateway_timeout
    }

    /// When its client gives a command up.
    pub fn command_timeout(&self) -> Option<SimDuration> {
        self.client.command_timeout
    }

    /// For one process in one of so many `cells`, each of which has an equal part, rounded up.
    /// `stores` are those of the service.
    pub fn new(
        spec: &ServiceSpec,
        stores: &[Store],
        cells: usize,
        visits: Vec<Intensity>,
        objective: f64,
    ) -> Load {
        let store = |store: &Store| StoreLoad {
            workers: f64::from(store.workers.div_ceil(cells as u32)) / spec.process_count() as f64,
            scale: 1.0,
            takes: store.takes,
            queue_limit: f64::from(store.queue_limit) / (cells * spec.process_count()) as f64,
        };
        let runs_on = spec.on_gateway_timeout == Some(AfterTimeout::Continue);
        Load {
            workers: f64::from(spec.workers.div_ceil(cells as u32)) / spec.process_count() as f64,
            scale: 1.0,
            shed: 0.0,
            stores: stores.iter().map(store).collect(),
            service_time: spec.work.as_ref().map_or(spec.service_time, Dist::mean),
            gateway_timeout: spec.gateway_timeout,
            held_max: (!runs_on).then_some(spec.gateway_timeout),
            client: spec.client.clone(),
            visits,
            objective,
        }
    }

    /// The workers of a process now.
    pub fn workers(&self) -> f64 {
        self.workers * self.scale
    }

    /// The workers of a process at the start.
    pub fn workers_at_start(&self) -> f64 {
        self.workers
    }

    /// How many times the workers of the start there are now.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Somebody changes how it works.
    pub fn control(&mut self, control: Control) {
        match control {
            Control::Restart => {}
            Control::Shed(share) => self.shed = share,
            Control::StopRetries => self.client.retries = 0,
            Control::Scale(factor) => self.scale = factor,
            Control::ScaleStore(store, factor) => self.stores[store].scale = factor,
        }
    }

    /// Requests a second that are let in, on average over the minute from `from` on.
    pub fn rate(&self, from: SimTime) -> f64 {
        let coming = self.come(from, from.saturating_add(MINUTE));
        coming * self.let_in() / MINUTE.as_secs_f64()
    }

    /// The share of the requests that people let it take.
    pub fn let_in(&self) -> f64 {
        1.0 - self.shed
    }

    /// Requests that come from `from` to `to`.
    pub fn come(&self, from: SimTime, to: SimTime) -> f64 {
        let of = |visits: &Intensity| visits.cumulative(to) - visits.cumulative(from);
        self.visits.iter().map(of).sum()
    }

    /// When so many requests will have come since `from`, if they do by `end`.
    pub fn when_come(&self, count: f64, from: SimTime, end: SimTime) -> Option<SimTime> {
        let have_come = |at: SimTime| self.come(from, at) >= count;
        have_come(end).then(|| from.first_by(end, have_come))
    }

    /// The workers that were busy over the last minute, on average, over those of the start
    /// (Little's law): `held` is how many seconds a request held its worker, and `scale` how many
    /// times the workers of the start there were. Requests that try again are not counted.
    pub fn busy(&self, held: &ShareTimeline, scale: f64, now: SimTime) -> f64 {
        let from = now.saturating_sub(MINUTE);
        let rate = self.rate(from);
        if rate <= 0.0 {
            return 0.0;
        }
        held.mean_of(from, now, |held| (rate * held / self.workers).min(scale))
    }

    /// Does the share of requests that fail, or what stores are asked, depend on the traffic, while
    /// these needs stand so?
    pub fn follows_traffic(&self, needs: &[Failing]) -> bool {
        let goes_on = |need: &Failing| need.instead != Instead::Nothing;
        let some = needs.iter().any(|need| need.replaced() > 0.0);
        let all = needs.iter().any(|need| !goes_on(need) && need.share >= 1.0);
        let to_stores = needs
            .iter()
            .any(|need| need.store.is_some() && need.replaced() > 0.0);
        some && (to_stores || !all)
    }

    /// The start of the minute of `now`.
    pub fn minute_of(now: SimTime) -> SimTime {
        SimTime::ZERO + MINUTE * ((now - SimTime::ZERO).as_nanos() / MINUTE.as_nanos())
    }

    /// The next minute that may bring more or fewer requests than that of `now`.
    pub fn next_traffic(&self, now: SimTime) -> Option<SimTime> {
        let minute = Load::minute_of(now);
        let changes = self.visits.iter();
        let change = changes
            .filter_map(|visits| visits.changes_after(minute))
            .min()?;
        Some(Load::minute_of(change).max(minute.saturating_add(MINUTE)))
    }

    /// Requests a second over the last minute, over the mean up to `end`.
    pub fn pace(&self, now: SimTime, end: SimTime) -> f64 {
        let mean = self.mean_rate(end);
        let lately = self.rate(now.saturating_sub(MINUTE));
        if mean > 0.0 { lately / mean } else { 0.0 }
    }

    /// Requests a second, on average up to `end`.
    fn mean_rate(&self, end: SimTime) -> f64 {
        let all: f64 = self.visits.iter().map(|of| of.cumulative(end)).sum();
        all / end.as_secs_f64()
    }

    /// Requests that come.
    pub fn visits(&self) -> &[Intensity] {
        &self.visits
    }

    /// The next instant after `now` from which on the traffic of the last minute changes, as far as
    /// the rates go; at once while it does.
    pub fn traffic_changes_after(&self, now: SimTime) -> Option<SimTime> {
        let from = now.saturating_sub(MINUTE);
        let changes = self.visits.iter();
        changes
            .filter_map(|visits| visits.changes_after(from))
            .min()
    }

    /// How long a request waits for a need that fails.
    fn waits(&self, failing: &Failing) -> f64 {
        let own = match failing.answer {
            Answer::Hang => self.client.gives_up_after(Cause::Timeout),
            Answer::Error(cause) => self.client.gives_up_after(cause),
            _ => Some(SimDuration::ZERO),
        };
        let waits = own.map(|own| own + self.takes(failing));
        let held = waits.into_iter().chain(self.held_max).min();
        held.map_or(f64::INFINITY, SimDuration::as_secs_f64)
    }

    /// How long after it came a request fails, on average; `None`: it waits for ever.
    pub fn fails_after(&self, needs: &[Failing]) -> Option<SimDuration> {
        let fails = |need: &&Failing| need.instead != Instead::Spared && need.share > 0.0;
        let of = |need: &Failing| (need.share, need.share * self.waits(need));
        let fails = needs.iter().filter(fails).map(of);
        let (share, waits) = fails.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        match share > 0.0 {
            true if waits.is_infinite() => None,
            true => Some(SimDuration::from_secs_f64(waits / share)),
            false => Some(SimDuration::ZERO),
        }
    }

    /// What a store takes that stands in for a need.
    fn takes(&self, failing: &Failing) -> SimDuration {
        failing
            .store
            .map_or(SimDuration::ZERO, |store| self.stores[store].takes)
    }

    /// How long a request holds its worker, in seconds, on average.
    pub fn held(&self, needs: &[Failing]) -> f64 {
        let waits = |need: &Failing| match need.share > 0.0 {
            true => need.share * self.waits(need),
            false => 0.0,
        };
        let missed = |need: &Failing| match need.misses > 0.0 {
            true => (1.0 - need.share) * need.misses * self.takes(need).as_secs_f64(),
            false => 0.0,
        };
        let waited = |need: &Failing| waits(need) + missed(need) + need.late;
        // A request that fails goes no further.
        let fails = |need: &&Failing| need.instead == Instead::Nothing;
        let fails = needs.iter().filter(fails);
        let works: f64 = fails.map(|need| 1.0 - need.share).product();
        self.service_time.as_secs_f64() * works + needs.iter().map(waited).sum::<f64>()
    }

    /// Requests a second that go to each store at `now`.
    pub fn asked(&self, needs: &[Failing], part: f64, now: SimTime) -> Vec<f64> {
        let rate = self.rate(now) * part;
        let of = |number: usize| {
            let here = needs.iter();
            let here = here.filter(|need| need.store == Some(number));
            rate * here.map(Failing::replaced).sum::<f64>()
        };
        (0..self.stores.len()).map(of).collect()
    }

    /// So many requests `waiting` for each store after it was `asked` so many a second for a while,
    /// and the share of these whose answers are in time for somebody to take them. A store works on
    /// for requests that were given up. One that runs on takes its answer however late.
    pub fn queue(&self, waiting: &mut [f64], asked: &[f64], lasts: SimDuration) -> Vec<f64> {
        let stores = self.stores.iter().zip(waiting).zip(asked);
        let of = |((store, waiting), asked): ((&StoreLoad, &mut f64), &f64)| {
            let carries = store.carries();
            let all = *waiting + (asked - carries) * lasts.as_secs_f64();
            let places = self.places(store);
            *waiting = all.clamp(0.0, places);
            let late = self.held_max.is_some() && self.is_late(store, *waiting);
            match late {
                true => 0.0,
                false if all > places => 1.0 - beyond(*asked, carries),
                false => 1.0,
            }
        };
        stores.map(of).collect()
    }

    /// How many requests may wait for a store: each holds a worker, unless it is given up.
    fn places(&self, store: &StoreLoad) -> f64 {
        let workers = (self.workers() - store.workers * store.scale).max(0.0);
        let given_up = self.held_max.is_some() && self.is_late(store, workers);
        match given_up {
            true => store.queue_limit,
            false => store.queue_limit.min(workers),
        }
    }

    /// Does a request for which so many others wait take longer than the gateway waits?
    fn is_late(&self, store: &StoreLoad, waiting: f64) -> bool {
        let takes = store.takes.as_secs_f64() + waiting / store.carries();
        self.service_time.as_secs_f64() + takes > self.gateway_timeout.as_secs_f64()
    }

    /// The share of the requests to each store that it cannot carry at `now`.
    fn refused(&self, needs: &[Failing], part: f64, now: SimTime) -> Vec<f64> {
        let asked = self.asked(needs, part, now).into_iter();
        let of = |(asked, store): (f64, &StoreLoad)| beyond(asked, store.carries());
        asked.zip(&self.stores).map(of).collect()
    }

    /// The share of requests that fail at `now` in a process that gets `part` times its equal part
    /// of them.
    pub fn failing(&self, needs: &[Failing], part: f64, now: SimTime) -> f64 {
        if needs.iter().all(|need| need.share <= 0.0) {
            return 0.0;
        }
        let rate = self.rate(now) * part;
        let refused = self.refused(needs, part, now);
        let failed = |need: &Failing| match need.instead {
            Instead::Nothing => need.share,
            Instead::Spared => 0.0,
            Instead::Store(store) => need.share * refused[store],
        };
        let served: f64 = needs.iter().map(|need| 1.0 - failed(need)).product();
        let capacity = self.workers() / self.held(needs);
        let admitted = 1.0 - beyond(rate, capacity);
        1.0 - served * admitted
    }
}

/// The share of the demand that exceeds the capacity.
fn beyond(demand: f64, capacity: f64) -> f64 {
    if demand <= capacity {
        return 0.0;
    }
    1.0 - capacity / demand
}

impl State {
    /// The state of a service with this share of failing requests.
    pub fn of(failing: f64, objective: f64) -> State {
        if failing >= HALF {
            State::Down
        } else if failing > objective {
            State::Degraded
        } else {
            State::Up
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    const CLIENT: &str = "command_timeout = '2s'\nretries = 0\nbackoff = '100ms'
        retries_on = []\ntopology_refresh = '1s'";

    /// 64 workers, 100 requests a second of 20 ms, commands that are given up after 2 s.
    fn load() -> Load {
        let hour = SimTime::ZERO + SimDuration::from_hours(1);
        Load {
            workers: 64.0,
            scale: 1.0,
            shed: 0.0,
            stores: Vec::new(),
            service_time: SimDuration::from_millis(20),
            gateway_timeout: SimDuration::from_secs(30),
            held_max: Some(SimDuration::from_secs(30)),
            client: toml::from_str(CLIENT).expect("a client"),
            visits: vec![Intensity::constant(100.0, SimTime::ZERO, hour)],
            objective: 0.01,
        }
    }

    fn need(share: f64, answer: Answer, instead: Instead) -> Failing {
        Failing {
            share,
            answer,
            late: 0.0,
            instead,
            store: match instead {
                Instead::Store(store) => Some(store),
                Instead::Nothing | Instead::Spared => None,
            },
            misses: 0.0,
        }
    }

    #[test]
    fn a_request_fails_if_one_of_its_needs_does() {
        let oom = Answer::Error(Cause::Oom);
        let both = [
            need(0.3, oom, Instead::Nothing),
            need(0.1, oom, Instead::Nothing),
            need(1.0, oom, Instead::Spared),
        ];
        let failing = load().failing(&both, 1.0, second(0));
        assert!((failing - 0.37).abs() < 1e-9, "{failing}");
        assert_eq!(load().failing(&[], 1.0, second(0)), 0.0);
    }

    #[test]
    fn a_store_that_is_too_small_fails_the_rest() {
        let with = |workers| Load {
            stores: vec![StoreLoad {
                workers,
                scale: 1.0,
                takes: SimDuration::from_millis(500),
                queue_limit: 10.0,
            }],
            ..load()
        };
        let all = need(1.0, Answer::Error(Cause::Oom), Instead::Store(0));
        // 100 a second need 50 workers there, and 52 of the service's own.
        let enough = with(50.0).failing(&[all], 1.0, second(0));
        assert!(enough.abs() < 1e-9, "{enough}");
        assert!((with(10.0).failing(&[all], 1.0, second(0)) - 0.8).abs() < 1e-9);
        // A cache that misses 40 % asks it 40 times a second. What it cannot carry of these is an
        // overload, which the count finds.
        let cold = Failing {
            misses: 0.4,
            ..need(0.0, Answer::Ok, Instead::Store(0))
        };
        assert_eq!(with(10.0).failing(&[cold], 1.0, second(0)), 0.0);
        assert!((with(10.0).held(&[cold]) - 0.22).abs() < 1e-9);
        let asked = with(10.0).asked(&[cold], 1.0, second(0));
        assert!((asked[0] - 40.0).abs() < 1e-9);
        // So does a need that can be done without.
        let optional = Failing {
            store: Some(0),
            ..need(0.5, Answer::Error(Cause::Oom), Instead::Spared)
        };
        assert_eq!(with(10.0).failing(&[optional], 1.0, second(0)), 0.0);
        assert_eq!(with(10.0).asked(&[optional], 1.0, second(0)), [50.0]);
        assert!((with(10.0).held(&[optional]) - 0.27).abs() < 1e-9);
        let mut scaled = with(10.0);
        scaled.control(Control::ScaleStore(0, 2.0));
        assert_eq!(scaled.failing(&[all], 1.0, second(0)), 0.6);
    }

    #[test]
    fn the_queue_of_a_store_fills_before_its_answers_come_too_late() {
        // 10 workers carry 20 requests a second, and the gateway waits 15 s: 289 may wait.
        let with = |queue_limit, workers| Load {
            stores: vec![StoreLoad {
                workers: 10.0,
                scale: 1.0,
                takes: SimDuration::from_millis(500),
                queue_limit,
            }],
            workers,
            gateway_timeout: SimDuration::from_secs(15),
            held_max: Some(SimDuration::from_secs(15)),
            ..load()
        };
        let after = |load: &Load, waiting: f64, asked: f64, secs: u64| {
            let mut waiting = [waiting];
            let taken = load.queue(&mut waiting, &[asked], SimDuration::from_secs(secs));
            (waiting[0], taken[0])
        };
        let many = with(1000.0, 2000.0);
        assert_eq!(after(&many, 0.0, 19.0, 60), (0.0, 1.0));
        assert_eq!(after(&many, 0.0, 40.0, 10), (200.0, 1.0));
        assert_eq!(after(&many, 200.0, 40.0, 10), (400.0, 0.0));
        assert_eq!(after(&many, 1000.0, 40.0, 10), (1000.0, 0.0));
        assert_eq!(after(&many, 400.0, 0.0, 10), (200.0, 1.0));
        // A queue that is in time turns away what does not fit: the store carries half of it.
        assert_eq!(after(&with(100.0, 2000.0), 0.0, 40.0, 10), (100.0, 0.5));
        // So do the service's own workers, of which each waits for one answer.
        assert_eq!(after(&with(1000.0, 64.0), 0.0, 40.0, 10), (54.0, 0.5));
        // Requests that run on take their answers however late.
        let mut runs_on = with(1000.0, 2000.0);
        runs_on.held_max = None;
        assert_eq!(after(&runs_on, 400.0, 40.0, 10), (600.0, 1.0));
    }

    #[test]
    fn a_shard_that_hangs_takes_the_workers_of_all() {
        // A tenth of the requests wait 2 s and fail, the others work for 20 ms: 22 workers of 64.
        let tenth = load().failing(&[need(0.1, Answer::Hang, Instead::Nothing)], 1.0, second(0));
        assert!((tenth - 0.1).abs() < 1e-9, "{tenth}");
        // A half: 101 workers of 64, so that 37 % find none, and half of the others fail.
        let half = load().failing(&[need(0.5, Answer::Hang, Instead::Nothing)], 1.0, second(0));
        let expected = 1.0 - 0.5 * 64.0 / 101.0;
        assert!((half - expected).abs() < 1e-9, "{half}");
    }

    #[test]
    fn a_service_is_down_from_one_half_on() {
        assert_eq!(State::of(0.005, 0.01), State::Up);
        assert_eq!(State::of(0.39, 0.01), State::Degraded);
        assert_eq!(State::of(0.5, 0.01), State::Down);
    }
}
