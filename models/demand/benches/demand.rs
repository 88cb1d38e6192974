//! What an evaluation of demand costs, lazily and eagerly: `cargo bench -p demand`, or only the
//! named cases: `cargo bench -p demand --bench demand -- overrun`.
//!
//! | case | what |
//! | --- | --- |
//! | incident | 12 classes, 20 visits a second, 3 days, a hang of 100 minutes, 6 changes first |
//! | day | 1,000 visits a second, 1 day, a hang of 10 minutes; both modes, healthy and hanging |
//! | inside | the same with connections, a breaker, retries and drawn work |
//! | overrun | 1,000 visits a second, 100 minutes of hang, all places taken |
//!
//! Minimum of several rounds: other work on the machine only ever adds.

// A benchmark reads the clock and prints; nothing here reaches a result of the simulator.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{
    Answers, BackoffGrowth, Breaker, Class, Client, Demand, DemandOutcome, Mode, Need, Population,
    Service, ServiceModel,
};
use sim::{Dist, Intensity, SimDuration, SimTime, Streams};
use support::{answers, evaluate, look};

const ROUNDS: u64 = 200;

fn main() {
    let cases: [(&str, fn()); 4] = [
        ("incident", incident),
        ("day", day),
        ("inside", with_an_inside),
        ("overrun", overrun),
    ];
    let named: Vec<String> = std::env::args().filter(|word| word != "--bench").collect();
    let all = !cases
        .iter()
        .any(|(name, _)| named.iter().any(|word| word == name));
    for (name, case) in cases {
        if all || named.iter().any(|word| word == name) {
            case();
        }
    }
}

/// A full service while Redis does not answer: the cost of a press that is refused or let in, eager
/// and lazy.
fn overrun() {
    let horizon = at_minute(110);
    let mut hang = AnswerTimeline::new();
    hang.set(at_minute(1), Answer::Hang);
    hang.set(at_minute(101), Answer::Ok);
    for (places, held_s) in [(192, 60), (3_200, 30), (16_000, 30)] {
        let mut demand = demand(visits(1000.0, horizon, false), 1);
        demand.services[0].workers = places;
        demand.services[0].queue_limit = 0;
        demand.services[0].gateway_timeout = SimDuration::from_secs(held_s);
        let class = &mut demand.populations[0].classes[0];
        (class.presses_max, class.patience) = (3, SimDuration::from_secs(120));
        class.returns = Vec::new();
        let time = |mode| {
            let rounds = (0..3).map(|_| timed(|| run(&demand, &hang, 1, horizon, mode)));
            rounds
                .min_by_key(|(_, took)| *took)
                .expect("there are rounds")
        };
        let ((outcome, lazy), (same, eager)) = (time(Mode::Lazy), time(Mode::Eager));
        assert_eq!(outcome, same, "the same whole numbers");
        let failed = outcome.populations[0].tally.failed_attempts();
        let each = |took: Duration| took.as_nanos() as f64 / failed as f64;
        println!(
            "overrun, {places} places held for {held_s} s: {failed} presses fail, {:.2} ns each, \
             {:.0} ns one by one",
            each(lazy),
            each(eager)
        );
    }
}

fn incident() {
    let horizon = SimTime::ZERO + SimDuration::from_days(3);
    let timeline = incident_timeline();
    for (name, hourly) in [("even", false), ("diurnal", true)] {
        let demand = demand(visits(20.0, horizon, hourly), 12);
        let mut times: Vec<Duration> = Vec::new();
        let mut lost = 0;
        for trial in 0..ROUNDS {
            let (outcome, took) = timed(|| run(&demand, &timeline, trial, horizon, Mode::Lazy));
            lost += outcome.populations[0].tally.lost();
            times.push(took);
        }
        times.sort_unstable();
        let opened = opened(&demand, &timeline, horizon);
        println!(
            "incident, {name}: median {:?}, min {:?} an evaluation; mean lost {}; strip {opened:?}",
            times[times.len() / 2],
            times[0],
            lost / ROUNDS,
        );
    }
    let calm = AnswerTimeline::new();
    let demand = demand(visits(20.0, horizon, true), 12);
    let took = (0..ROUNDS).map(|trial| timed(|| run(&demand, &calm, trial, horizon, Mode::Lazy)).1);
    println!(
        "nothing happens, 3 days: {:?}",
        took.min().unwrap_or_default()
    );
}

/// What the chart of the two hours around the outage costs.
fn opened(demand: &Demand, timeline: &AnswerTimeline, horizon: SimTime) -> Duration {
    let around = (at_minute(600), at_minute(720));
    let answers = [answers(timeline)];
    let streams = Streams::for_trial(7, 0);
    timed(|| look(demand, &answers, &streams, horizon, around)).1
}

fn day() {
    let horizon = SimTime::ZERO + SimDuration::from_days(1);
    let demand = demand(visits(1000.0, horizon, false), 12);
    let mut timeline = AnswerTimeline::new();
    let calm = timeline.clone();
    timeline.set(at_minute(600), Answer::Hang);
    timeline.set(at_minute(610), Answer::Ok);
    let lazy = (0..10).map(|_| timed(|| run(&demand, &timeline, 1, horizon, Mode::Lazy)).1);
    let lazy = lazy.min().unwrap_or_default();
    let (outcome, eager) = timed(|| run(&demand, &timeline, 1, horizon, Mode::Eager));
    let tally = outcome.populations[0].tally;
    let ratio = eager.as_secs_f64() / lazy.as_secs_f64();
    println!("day, 1,000/s: lazy {lazy:?}, eager {eager:?}: {ratio:.0} times");
    println!("  {} visits, {} lost", tally.visits, tally.lost());
    let (outcome, eager) = timed(|| run(&demand, &calm, 1, horizon, Mode::Eager));
    let each = eager.as_nanos() / u128::from(outcome.populations[0].tally.visits);
    println!("healthy, eager: {each} ns a request");
    let mut hang = AnswerTimeline::new();
    hang.set(at_minute(1), Answer::Hang);
    let short = SimTime::ZERO + SimDuration::from_mins(20);
    let (outcome, eager) = timed(|| run(&demand, &hang, 1, short, Mode::Eager));
    let each = eager.as_nanos() / u128::from(outcome.populations[0].tally.failed_attempts());
    println!("hang, eager: {each} ns a failed attempt");
}

/// The same requests at a service with a pool of connections, a breaker and drawn work inside.
fn with_an_inside() {
    let horizon = SimTime::ZERO + SimDuration::from_days(1);
    let mut demand = demand(visits(1000.0, horizon, false), 12);
    let mut need = Need::single();
    need.permits = Some((256, SimDuration::from_secs(1)));
    need.breaker = Some(Breaker::Count {
        window: 100,
        share: 0.5,
        open_for: SimDuration::from_secs(60),
        half_open: 10,
    });
    demand.services[0].inside = Some(ServiceModel {
        work: Some(Dist::Exponential {
            mean: demand.services[0].service_time,
        }),
        runs_on: true,
        connect_timeout: None,
        offline_queue: None,
        growth: BackoffGrowth {
            factor: 2.0,
            max: SimDuration::from_secs(1),
            jitter: 0.5,
        },
        retries_at_once: Some(64),
        needs: vec![need],
        stores: Vec::new(),
        losses: Vec::new(),
        crowded_out: Vec::new(),
    });
    let calm = AnswerTimeline::new();
    let needs = [vec![calm.clone()]];
    let answers = [Answers {
        needs: &needs,
        ..answers(&calm)
    }];
    let streams = Streams::for_trial(7, 1);
    let round = || timed(|| evaluate(&demand, &answers, &streams, horizon, Mode::Eager));
    let rounds = (0..3).map(|_| round());
    let (outcome, eager) = rounds
        .min_by_key(|(_, took)| *took)
        .expect("there are rounds");
    let each = eager.as_nanos() / u128::from(outcome.populations[0].tally.visits);
    println!("healthy, eager, with an inside: {each} ns a request");
    let mut hang = calm;
    hang.set(at_minute(1), Answer::Hang);
    let needs = [vec![hang.clone()]];
    let answers = [Answers {
        needs: &needs,
        ..support::answers(&hang)
    }];
    demand.services[0].client.command_timeout = Some(SimDuration::from_secs(1));
    let short = SimTime::ZERO + SimDuration::from_mins(20);
    let round = || timed(|| evaluate(&demand, &answers, &streams, short, Mode::Eager));
    let rounds = (0..3).map(|_| round());
    let (outcome, eager) = rounds
        .min_by_key(|(_, took)| *took)
        .expect("there are rounds");
    let each = eager.as_nanos() / u128::from(outcome.populations[0].tally.failed_attempts());
    println!("hang, eager, with an inside: {each} ns a failed attempt");
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = black_box(f());
    (value, start.elapsed())
}

fn run(
    demand: &Demand,
    timeline: &AnswerTimeline,
    trial: u64,
    horizon: SimTime,
    mode: Mode,
) -> DemandOutcome {
    let streams = Streams::for_trial(7, trial);
    evaluate(demand, &[answers(timeline)], &streams, horizon, mode)
}

fn at_minute(minute: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_mins(minute)
}

/// Six changes in two minutes, then a hang, 100 minutes in all.
fn incident_timeline() -> AnswerTimeline {
    let mut timeline = AnswerTimeline::new();
    let start = at_minute(610);
    let changes = [
        (0, Answer::Hang),
        (15, Answer::Error(Cause::ClusterDown)),
        (30, Answer::Ok),
        (50, Answer::Hang),
        (65, Answer::Error(Cause::ClusterDown)),
        (75, Answer::Ok),
        (110, Answer::Hang),
        (6000, Answer::Ok),
    ];
    for (second, answer) in changes {
        timeline.set(start + SimDuration::from_secs(second), answer);
    }
    timeline
}

fn visits(rate: f64, horizon: SimTime, hourly: bool) -> Intensity {
    if !hourly {
        return Intensity::constant(rate, SimTime::ZERO, horizon);
    }
    let shape = [0.4, 0.3, 0.4, 0.9, 1.4, 1.6, 1.6, 1.6, 1.4, 1.1, 0.8, 0.5];
    let slots = horizon.as_nanos() / SimDuration::from_hours(2).as_nanos();
    let pieces: Vec<(SimTime, f64)> = (0..slots)
        .map(|slot| (at_minute(slot * 120), rate * shape[slot as usize % 12]))
        .collect();
    Intensity::piecewise(&pieces, horizon)
}

fn demand(visits: Intensity, classes: u32) -> Demand {
    let rate = visits.rate_max();
    let seconds = SimDuration::from_secs_f64;
    let patience = [2.6, 4.6, 6.8, 9.4, 13.7, 24.5];
    let returns = [
        vec![],
        vec![3600.0, 86_400.0],
        vec![86_400.0],
        vec![600.0, 7200.0],
    ];
    let class = |i: usize| Class {
        name: format!("class {i}"),
        share: 1.0 / f64::from(classes),
        patience: seconds(patience[i % 6]),
        presses_max: [1, 2, 2, 2, 3, 3][i % 6],
        press_again_after: seconds(3.0),
        returns: returns[i % 4].iter().copied().map(seconds).collect(),
    };
    Demand {
        services: vec![Service {
            name: "activity-api".to_owned(),
            workers: (rate * 16.0) as u32,
            queue_limit: (rate * 205.0) as u32,
            gateway_timeout: seconds(30.0),
            service_time: seconds(0.06),
            client: Client {
                command_timeout: None,
                retries: 0,
                backoff: seconds(0.1),
                retries_on: Vec::new(),
            },
            inside: None,
        }],
        populations: vec![Population {
            name: "signers".to_owned(),
            entity: 0,
            service: 0,
            whole: 0,
            visits,
            objective: 0.01,
            signers: true,
            classes: (0..classes as usize).map(class).collect(),
            home: 0,
        }],
        balancers: Vec::new(),
    }
}
