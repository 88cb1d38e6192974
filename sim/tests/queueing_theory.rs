//! The whole kernel against three queues whose long-run behaviour is known in closed form.
//!
//! ```text
//! open     (M/M/1, M/M/c)    ──► [waiting] ──► servers ──►
//! closed   (machine repair)  ┌─► [waiting] ──► repairers ─┐
//!                            └──────── machines up ◄──────┘
//! ```
//!
//! Each figure is the mean over independent trials, after a warm-up. It must lie within four
//! standard errors of theory, and the standard error must be small, or the test would say nothing.
//! Seeds are fixed: a failure is a change of ours and never bad luck.

use std::collections::VecDeque;

use sim::{Agenda, Dist, Model, Purpose, Rng, SimDuration, SimTime, Streams, run};

const ARRIVALS: Purpose = Purpose(1);
const SERVICES: Purpose = Purpose(2);
const TRIALS: u64 = 24;

#[derive(Clone, Copy)]
enum Event {
    Arrived,
    Served,
}

#[derive(Clone, Copy)]
enum Source {
    /// Customers come from outside, without end.
    Open,
    /// This many machines, which break again some time after they were repaired.
    Closed { machines: u64 },
}

struct Station {
    source: Source,
    servers: u64,
    /// Time between arrivals, or from a machine's repair to its next failure.
    gap: Dist,
    service: Dist,
    gaps: Rng,
    services: Rng,
    waiting: VecDeque<SimTime>,
    /// Waiting or being served.
    present: u64,
    measured: Measured,
}

/// Sums since the warm-up. Integers, so they do not depend on the order of adding.
struct Measured {
    since: SimTime,
    /// When `present` last changed.
    changed: SimTime,
    /// The number present times nanoseconds, until `changed`.
    present_nanos: u128,
    served: u64,
    wait_nanos: u128,
    /// Customers who had to wait at all.
    waited: u64,
}

impl Measured {
    fn from(now: SimTime) -> Measured {
        Measured {
            since: now,
            changed: now,
            present_nanos: 0,
            served: 0,
            wait_nanos: 0,
            waited: 0,
        }
    }
}

impl Station {
    fn serve(&mut self, arrived: SimTime, agenda: &mut Agenda<Event>) {
        let wait = agenda.now() - arrived;
        self.measured.served += 1;
        self.measured.wait_nanos += u128::from(wait.as_nanos());
        self.measured.waited += u64::from(wait > SimDuration::ZERO);
        agenda.after(self.service.sample(&mut self.services), Event::Served);
    }

    /// Adds the number present until `now` to its integral.
    fn integrate(&mut self, now: SimTime) {
        let lasted = (now - self.measured.changed).as_nanos();
        self.measured.present_nanos += u128::from(self.present) * u128::from(lasted);
        self.measured.changed = now;
    }
}

impl Model for Station {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        self.integrate(now);
        match event {
            Event::Arrived => {
                if let Source::Open = self.source {
                    agenda.after(self.gap.sample(&mut self.gaps), Event::Arrived);
                }
                self.present += 1;
                if self.present <= self.servers {
                    self.serve(now, agenda);
                } else {
                    self.waiting.push_back(now);
                }
            }
            Event::Served => {
                if let Source::Closed { .. } = self.source {
                    agenda.after(self.gap.sample(&mut self.gaps), Event::Arrived);
                }
                self.present -= 1;
                if let Some(arrived) = self.waiting.pop_front() {
                    self.serve(arrived, agenda);
                }
            }
        }
    }
}

/// What is compared with theory.
struct Figures {
    present_mean: f64,
    wait_mean_s: f64,
    /// The share of customers who had to wait at all.
    waited_share: f64,
}

/// One trial: rates per second, a tenth of `span` as warm-up before it.
fn trial(
    number: u64,
    source: Source,
    servers: u64,
    rates: (f64, f64),
    span: SimDuration,
) -> Figures {
    let mean = |rate: f64| Dist::Exponential {
        mean: SimDuration::from_secs_f64(1.0 / rate),
    };
    let streams = Streams::for_trial(2020, number);
    let mut station = Station {
        source,
        servers,
        gap: mean(rates.0),
        service: mean(rates.1),
        gaps: streams.stream(ARRIVALS, 0),
        services: streams.stream(SERVICES, 0),
        waiting: VecDeque::new(),
        present: 0,
        measured: Measured::from(SimTime::ZERO),
    };
    let mut agenda = Agenda::new();
    let first_arrivals = match source {
        Source::Open => 1,
        Source::Closed { machines } => machines,
    };
    for _ in 0..first_arrivals {
        agenda.after(station.gap.sample(&mut station.gaps), Event::Arrived);
    }
    let warm = SimTime::ZERO + span / 10;
    let end = warm + span;
    run(&mut station, &mut agenda, warm, 10_000_000).unwrap();
    station.measured = Measured::from(warm);
    run(&mut station, &mut agenda, end, 10_000_000).unwrap();
    station.integrate(end);
    let measured = station.measured;
    let served = measured.served as f64;
    Figures {
        present_mean: measured.present_nanos as f64 / (end - measured.since).as_nanos() as f64,
        wait_mean_s: measured.wait_nanos as f64 / 1e9 / served,
        waited_share: measured.waited as f64 / served,
    }
}

/// Four standard errors around the mean of `estimates` must hold `theory`, and be narrow.
fn assert_near(what: &str, estimates: &[f64], theory: f64) {
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let variance = estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    let sigmas = (mean - theory) / error;
    assert!(
        sigmas.abs() <= 4.0,
        "{what}: {mean} is {sigmas:.1} sigma from {theory}"
    );
    assert!(
        error <= 0.01 * theory,
        "{what}: an error of {error} shows nothing about {theory}"
    );
}

fn assert_figures(trials: &[Figures], present: f64, wait_s: f64, waited: Option<f64>) {
    let column = |pick: fn(&Figures) -> f64| trials.iter().map(pick).collect::<Vec<_>>();
    assert_near(
        "number present",
        &column(|trial| trial.present_mean),
        present,
    );
    assert_near("wait", &column(|trial| trial.wait_mean_s), wait_s);
    if let Some(waited) = waited {
        assert_near(
            "share that waited",
            &column(|trial| trial.waited_share),
            waited,
        );
    }
}

#[test]
fn one_server() {
    let (arrival, service) = (0.7, 1.0);
    let load: f64 = arrival / service;
    let span = SimDuration::from_secs(50_000);
    let trials: Vec<Figures> = (0..TRIALS)
        .map(|i| trial(i, Source::Open, 1, (arrival, service), span))
        .collect();
    let present = load / (1.0 - load);
    let wait_s = load / (service - arrival);
    // An arrival finds the server busy as often as it is busy.
    assert_figures(&trials, present, wait_s, Some(load));
}

#[test]
fn several_servers() {
    let (arrival, service, servers) = (4.0, 1.0, 5);
    let span = SimDuration::from_secs(15_000);
    let trials: Vec<Figures> = (0..TRIALS)
        .map(|i| trial(i, Source::Open, servers, (arrival, service), span))
        .collect();
    let waits = erlang_c(servers, arrival / service);
    let wait_s = waits / (servers as f64 * service - arrival);
    // Little's law gives the number present.
    let present = arrival * (wait_s + 1.0 / service);
    assert_figures(&trials, present, wait_s, Some(waits));
}

/// The probability that all of `servers` are busy, with `load` of them needed on average: from
/// Erlang's recursion for the loss system, which never leaves the range of a float.
fn erlang_c(servers: u64, load: f64) -> f64 {
    let lost = (1..=servers).fold(1.0, |lost, n| load * lost / (n as f64 + load * lost));
    lost / (1.0 - load / servers as f64 * (1.0 - lost))
}

#[test]
fn machines_and_repairers() {
    let (failure, repair, machines, repairers) = (0.2, 1.0, 10, 2);
    let source = Source::Closed { machines };
    let span = SimDuration::from_secs(30_000);
    let trials: Vec<Figures> = (0..TRIALS)
        .map(|i| trial(i, source, repairers, (failure, repair), span))
        .collect();

    // Birth and death: weights of 0, 1, … machines down, each from the one before.
    let mut weights = vec![1.0_f64];
    for down in 1..=machines {
        let breaking = (machines - down + 1) as f64 * failure;
        let repaired = down.min(repairers) as f64 * repair;
        weights.push(weights.last().unwrap() * breaking / repaired);
    }
    let total: f64 = weights.iter().sum();
    let mean = |value: fn(u64, u64) -> u64| {
        let sum = (0..)
            .zip(&weights)
            .map(|(down, weight)| value(down, repairers) as f64 * weight);
        sum.sum::<f64>() / total
    };
    let down = mean(|down, _| down);
    let waiting = mean(|down, repairers| down.saturating_sub(repairers));
    let failures_per_sec = (machines as f64 - down) * failure;
    assert_figures(&trials, down, waiting / failures_per_sec, None);
}
