//! Lazy and eager evaluation yield the same integers, on hundreds of random worlds.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{
    Answers, BackoffGrowth, Breaker, Class, Client, Control, Demand, Fallback, Loss, LostAcks,
    Misses, Mode, Need, Population, Service, ServiceModel,
};
use rand::RngExt;
use sim::dist::Dist;
use sim::{Intensity, Purpose, Rng, SimDuration, SimTime, Streams};
use support::{at, evaluate, inside, pick, press_times, seconds, span};

const WORLDS: u64 = 1500;

struct World {
    demand: Demand,
    timelines: Vec<AnswerTimeline>,
    lost_acks: Vec<Vec<LostAcks>>,
    horizon: SimTime,
}

fn any_answer(rng: &mut Rng) -> Answer {
    let error = pick(rng, &[Cause::Oom, Cause::ClusterDown, Cause::Refused]);
    pick(
        rng,
        &[
            Answer::Ok,
            Answer::Ok,
            Answer::Spool,
            Answer::Error(error),
            Answer::Hang,
            Answer::Hang,
        ],
    )
}

fn any_timeline(rng: &mut Rng, horizon: SimTime) -> AnswerTimeline {
    let mut line = AnswerTimeline::new();
    let mut now = SimTime::ZERO;
    for _ in 0..rng.random_range(0..5) {
        now += span(rng, 10.0, horizon.as_secs_f64() / 2.0);
        let flaps = pick(rng, &[1, 1, 2, 3, 8]);
        for _ in 0..flaps {
            line.set(now, any_answer(rng));
            let scale = pick(rng, &[0.05, 1.0, 30.0, 400.0]);
            now += span(rng, scale / 10.0, scale);
        }
        if rng.random_bool(0.7) {
            line.set(now, Answer::Ok);
        }
    }
    line
}

fn any_service(rng: &mut Rng) -> Service {
    let timeouts = [
        None,
        None,
        Some(seconds(0.3)),
        Some(seconds(2.0)),
        Some(seconds(50.0)),
    ];
    let listed = [
        vec![],
        vec![Cause::Timeout],
        vec![Cause::ClusterDown, Cause::Timeout],
    ];
    let service_time_max = pick(rng, &[0.1, 0.1, 3.0]);
    Service {
        name: "api".to_owned(),
        workers: pick(rng, &[1, 2, 8, 64, 512, 4096]),
        queue_limit: pick(rng, &[0, 1, 16, 256, 4096, 100_000]),
        gateway_timeout: span(rng, 1.0, 60.0),
        service_time: span(rng, 0.001, service_time_max),
        client: Client {
            command_timeout: pick(rng, &timeouts),
            retries: pick(rng, &[0, 0, 1, 3]),
            backoff: pick(rng, &[SimDuration::ZERO, seconds(0.1), seconds(1.0)]),
            retries_on: pick(rng, &listed),
        },
        inside: None,
    }
}

fn any_class(rng: &mut Rng, share: f64) -> Class {
    let mut returns: Vec<SimDuration> = (0..pick(rng, &[0, 0, 1, 2, 3]))
        .map(|_| span(rng, 1.0, 3000.0))
        .collect();
    returns.sort_unstable();
    Class {
        name: "class".to_owned(),
        share,
        patience: span(rng, 0.02, 60.0),
        presses_max: pick(rng, &[1, 1, 2, 3, 5]),
        press_again_after: pick(rng, &[SimDuration::ZERO, seconds(1.0), seconds(3.0)]),
        returns,
    }
}

fn any_intensity(rng: &mut Rng, horizon: SimTime) -> Intensity {
    let rate = pick(rng, &[0.05, 1.0, 5.0, 20.0]);
    if rng.random_bool(0.5) {
        return Intensity::constant(rate, SimTime::ZERO, horizon);
    }
    let pieces: Vec<(SimTime, f64)> = (0..24)
        .map(|hour| {
            (
                at(f64::from(hour) * 150.0),
                rate * pick(rng, &[0.0, 0.5, 1.0, 2.0]),
            )
        })
        .collect();
    Intensity::piecewise(&pieces, at(3600.0))
}

/// A world in which waiting costs: short patience, slow work, few workers, answers that flap and
/// throw whole crowds at the service at one instant.
fn harsh_world(seed: u64) -> World {
    let mut world = any_world(seed);
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(1), 0);
    for service in &mut world.demand.services {
        service.workers = pick(rng, &[4, 16, 40, 100]);
        service.queue_limit = pick(rng, &[0, 2, 20, 1000]);
        service.gateway_timeout = span(rng, 1.5, 20.0);
        service.service_time = span(rng, 0.05, 1.0);
    }
    for population in &mut world.demand.populations {
        let rate = pick(rng, &[0.2, 1.0, 4.0]);
        population.visits = Intensity::constant(rate, SimTime::ZERO, world.horizon);
        for class in &mut population.classes {
            class.patience = span(rng, 0.1, 20.0);
        }
    }
    for timeline in &mut world.timelines {
        *timeline = AnswerTimeline::new();
        let mut now = at(30.0);
        while now < world.horizon {
            timeline.set(now, any_answer(rng));
            let lasts_max = pick(rng, &[5.0, 40.0]);
            now += span(rng, 0.5, lasts_max);
            timeline.set(now, any_answer(rng));
            now += span(rng, 5.0, 200.0);
        }
    }
    world
}

/// A world that throws crowds: many wait through a hang, are shown an error at one instant, and
/// press again at one instant, when all is well and few workers are there for them and the others.
fn crowded_world(seed: u64) -> World {
    let mut world = any_world(seed);
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(2), 0);
    world.horizon = at(500.0);
    let mut class = |patience| Class {
        patience,
        presses_max: pick(rng, &[2, 3]),
        press_again_after: span(rng, 1.0, 4.0),
        ..any_class(rng, 0.5)
    };
    let classes = vec![
        class(seconds(25.0)),
        class(seconds(1.3)),
        class(seconds(0.6)),
    ];
    let rate = pick(rng, &[2.0, 4.0, 8.0]);
    world.demand.populations.truncate(1);
    world.demand.populations[0] = Population {
        service: 0,
        visits: Intensity::constant(rate, SimTime::ZERO, world.horizon),
        classes,
        ..world.demand.populations[0].clone()
    };
    let service = &mut world.demand.services[0];
    service.workers = rng.random_range(10..100);
    service.queue_limit = pick(rng, &[0, 5, 20, 150, 400]);
    service.gateway_timeout = span(rng, 20.0, 30.0);
    service.service_time = span(rng, 0.2, 1.0);
    // Retried errors hold workers for seconds, and their signers press again meanwhile.
    let slow_errors = rng.random_bool(0.5);
    if slow_errors {
        service.client.retries = 3;
        service.client.backoff = span(rng, 0.2, 1.5);
        service.client.retries_on = vec![Cause::ClusterDown];
        service.workers = rng.random_range(30..300);
    }
    let timeline = &mut world.timelines[0];
    *timeline = AnswerTimeline::new();
    let mut now = at(30.0);
    while now < world.horizon {
        timeline.set(now, Answer::Hang);
        now += span(rng, 5.0, 60.0);
        timeline.set(now, Answer::Error(Cause::Oom));
        now += span(rng, 0.3, 6.0);
        let slow = Answer::Error(Cause::ClusterDown);
        timeline.set(now, if slow_errors { slow } else { any_answer(rng) });
        now += span(rng, 5.0, 60.0);
    }
    world
}

/// A world in which a service is full for long stretches: many visits, few workers, and answers
/// that hold each worker for long.
fn overrun_world(seed: u64) -> World {
    let mut world = any_world(seed);
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(4), 0);
    world.horizon = at(pick(rng, &[400.0, 1500.0]));
    for service in &mut world.demand.services {
        service.workers = pick(rng, &[1, 3, 10, 40]);
        service.queue_limit = pick(rng, &[0, 0, 1, 20]);
        service.gateway_timeout = span(rng, 2.0, 60.0);
        service.service_time = span(rng, 0.01, 0.2);
        service.client.command_timeout = pick(rng, &[None, Some(seconds(2.0)), Some(seconds(9.0))]);
        service.client.retries = pick(rng, &[0, 0, 2]);
        service.client.retries_on = vec![Cause::Timeout];
    }
    for population in &mut world.demand.populations {
        let rate = pick(rng, &[5.0, 15.0, 30.0]);
        population.visits = Intensity::constant(rate, SimTime::ZERO, world.horizon);
        for class in &mut population.classes {
            class.presses_max = pick(rng, &[1, 2, 3, 6]);
            let pauses = [SimDuration::ZERO, seconds(1.0), seconds(3.0), seconds(30.0)];
            class.press_again_after = pick(rng, &pauses);
        }
    }
    for timeline in &mut world.timelines {
        *timeline = AnswerTimeline::new();
        let mut now = at(30.0);
        while now < world.horizon {
            timeline.set(now, Answer::Hang);
            now += span(rng, 20.0, 400.0);
            timeline.set(now, any_answer(rng));
            now += span(rng, 2.0, 100.0);
        }
    }
    world
}

/// Lost writes of one shard or of any.
fn lost(shard: Option<(usize, usize)>, from: f64, to: f64) -> LostAcks {
    LostAcks {
        shard,
        from: at(from),
        to: at(to),
    }
}

fn any_world(seed: u64) -> World {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(0), 0);
    let horizon = at(pick(rng, &[200.0, 1000.0, 3000.0, 7000.0]));
    let services: Vec<Service> = (0..pick(rng, &[1, 1, 2]))
        .map(|_| any_service(rng))
        .collect();
    let populations = (0..pick(rng, &[1, 2, 3]))
        .map(|entity| {
            let classes = pick(rng, &[1, 2, 4]);
            Population {
                name: "population".to_owned(),
                entity,
                service: rng.random_range(0..services.len()),
                whole: entity as usize,
                visits: any_intensity(rng, horizon),
                objective: pick(rng, &[0.0, 0.01, 0.5]),
                signers: true,
                classes: (0..classes)
                    .map(|_| any_class(rng, 1.0 / f64::from(classes)))
                    .collect(),
                home: 0,
            }
        })
        .collect();
    let timelines = services
        .iter()
        .map(|_| any_timeline(rng, horizon))
        .collect();
    let lost = [
        vec![],
        vec![lost(None, 20.0, 30.0), lost(None, 100.0, 500.0)],
    ];
    let lost_acks = services.iter().map(|_| pick(rng, &lost)).collect();
    World {
        demand: Demand {
            services,
            populations,
            balancers: Vec::new(),
        },
        timelines,
        lost_acks,
        horizon,
    }
}

/// A breaker of any kind, or none.
fn any_breaker(rng: &mut Rng) -> Option<Breaker> {
    let kinds = [
        None,
        Some(Breaker::Count {
            window: pick(rng, &[4, 20, 100]),
            share: pick(rng, &[0.2, 0.5]),
            open_for: span(rng, 1.0, 60.0),
            half_open: pick(rng, &[1, 3, 10]),
        }),
        Some(Breaker::Time {
            window: seconds(10.0),
            calls_min: pick(rng, &[2, 20]),
            share: 0.5,
            open_for: seconds(5.0),
        }),
        Some(Breaker::Consecutive {
            failures: pick(rng, &[2, 5]),
            open_for: span(rng, 1.0, 30.0),
        }),
    ];
    pick(rng, &kinds)
}

/// A cache that misses, or none.
fn any_misses(rng: &mut Rng) -> Option<Misses> {
    let misses = Misses {
        hits: pick(rng, &[0.0, 0.5, 0.95, 1.0]),
        keys: pick(rng, &[3.0, 50.0, 2000.0]),
    };
    pick(rng, &[None, None, Some(misses)])
}

/// Data that Redis loses.
fn any_losses(rng: &mut Rng, needs: &[Need], horizon: SimTime) -> Vec<Loss> {
    let loss = |_| {
        let need = rng.random_range(0..needs.len());
        Loss {
            at: SimTime::ZERO + span(rng, 10.0, horizon.as_secs_f64()),
            need,
            shard: rng.random_range(0..needs[need].shards.len().max(1)),
            share: pick(rng, &[0.3, 1.0]),
        }
    };
    let mut losses: Vec<Loss> = (0..4).map(loss).collect();
    losses.truncate(pick(rng, &[0, 1, 4]));
    losses.sort_by_key(|loss| loss.at);
    losses
}

/// An inside with anything in it, answers of its shards, and people who meddle.
fn any_inside(rng: &mut Rng, horizon: SimTime) -> (ServiceModel, Shards, Controls) {
    let stores = (0..2).map(|_| Fallback {
        workers: pick(rng, &[1, 4, 50]),
        takes: span(rng, 0.05, 3.0),
        queue_limit: pick(rng, &[0, 10, 1000]),
    });
    let stores: Vec<Fallback> = stores.collect();
    let permits = [
        None,
        Some((pick(rng, &[1, 8, 40]), SimDuration::ZERO)),
        Some((pick(rng, &[1, 8, 40]), span(rng, 0.1, 10.0))),
    ];
    let need = |rng: &mut Rng| Need {
        shards: pick(rng, &[vec![], vec![0.4, 0.3, 0.3], vec![0.7, 0.3]]),
        parts: 1,
        permits: pick(rng, &permits),
        breaker: any_breaker(rng),
        cache: pick(rng, &[None, None, Some((0.8, seconds(60.0)))]),
        misses: any_misses(rng),
        fallback: pick(rng, &[None, None, Some(0), Some(1)]),
        optional: pick(rng, &[false, false, true]),
    };
    let needs: Vec<Need> = (0..3).map(|_| need(rng)).collect();
    let count = rng.random_range(1..=needs.len());
    let inside = ServiceModel {
        work: pick(
            rng,
            &[
                None,
                None,
                None,
                Some(Dist::Exponential { mean: seconds(0.2) }),
            ],
        ),
        runs_on: rng.random_bool(0.5),
        connect_timeout: pick(rng, &[None, Some(seconds(0.5)), Some(seconds(10.0))]),
        offline_queue: pick(rng, &[None, Some(seconds(2.0))]),
        growth: BackoffGrowth {
            factor: pick(rng, &[1.0, 2.0]),
            max: seconds(10.0),
            jitter: pick(rng, &[0.0, 1.0]),
        },
        retries_at_once: pick(rng, &[None, Some(3)]),
        needs: needs[..count].to_vec(),
        stores,
        losses: any_losses(rng, &needs[..count], horizon),
        crowded_out: any_losses(rng, &needs[..count], horizon),
    };
    let line = |rng: &mut Rng| any_timeline(rng, horizon);
    let shards = |need: &Need| (0..need.shards.len().max(1)).map(|_| line(rng)).collect();
    let shards = inside.needs.iter().map(shards).collect();
    let mut controls: Vec<(SimTime, Control)> = (0..pick(rng, &[0, 1, 4]))
        .map(|_| {
            let what = [
                Control::Restart,
                Control::Shed(0.5),
                Control::Shed(0.0),
                Control::StopRetries,
                Control::ScaleStore(0, 3.0),
                Control::ScaleStore(1, 1.0),
            ];
            (
                SimTime::ZERO + span(rng, 10.0, horizon.as_secs_f64()),
                pick(rng, &what),
            )
        })
        .collect();
    controls.sort_by_key(|(at, _)| *at);
    (inside, shards, controls)
}

type Shards = Vec<Vec<AnswerTimeline>>;
type Controls = Vec<(SimTime, Control)>;

fn world_of(seed: u64) -> World {
    match seed % 4 {
        0 => any_world(seed),
        1 => harsh_world(seed),
        2 => crowded_world(seed),
        _ => overrun_world(seed),
    }
}

/// The services' timelines as they are, without an inside of their own.
fn merged(world: &World) -> Vec<Answers<'_>> {
    let answers = world.timelines.iter().zip(&world.lost_acks);
    let answers = answers.map(|(timeline, lost_acks)| Answers {
        timeline,
        lost_acks,
        needs: &[],
        controls: &[],
    });
    answers.collect()
}

#[test]
fn lazy_and_eager_agree_to_the_last_integer() {
    for seed in 0..WORLDS {
        let world = world_of(seed);
        let answers = merged(&world);
        let streams = Streams::for_trial(seed, 1);
        let run = |mode| evaluate(&world.demand, &answers, &streams, world.horizon, mode);
        let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
        lazy.populations
            .iter()
            .for_each(|p| p.tally.assert_adds_up());
        assert!(
            lazy == eager,
            "seed {seed}: lazy {lazy:#?}\neager {eager:#?}\n{:#?}\n{:#?}",
            world.demand,
            world.timelines
        );
    }
}

#[test]
fn lazy_and_eager_agree_on_how_long_first_presses_take() {
    for seed in (0..WORLDS / 3).step_by(5) {
        let mut world = world_of(seed);
        let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(3), 0);
        let insides: Vec<_> = (world.demand.services.iter())
            .map(|_| any_inside(rng, world.horizon))
            .collect();
        let shares = seed % 2 == 0; // Requests share what is inside.
        for (service, (inside, _, _)) in world.demand.services.iter_mut().zip(&insides) {
            service.inside = shares.then(|| inside.clone());
        }
        let mut answers = merged(&world);
        for (answers, (_, needs, controls)) in answers.iter_mut().zip(&insides) {
            if shares {
                (answers.needs, answers.controls) = (needs, controls);
            }
        }
        let streams = Streams::for_trial(seed, 1);
        let limits = [SimDuration::from_millis(500), SimDuration::from_secs(5)];
        let end = world.horizon;
        let gateways = world.demand.services.iter().map(|of| of.gateway_timeout);
        let over = end.saturating_sub(gateways.max().expect("a service"));
        let minutes: Vec<u64> = (0..over.as_nanos() / 60_000_000_000).collect();
        let times = |mode| {
            let when = (end, &minutes[..]);
            press_times(&world.demand, &answers, &streams, when, (mode, &limits))
        };
        assert_eq!(times(Mode::Lazy), times(Mode::Eager), "seed {seed}");
    }
}

#[test]
fn an_inside_with_nothing_in_it_changes_nothing() {
    for seed in 0..WORLDS / 3 {
        let mut world = world_of(seed);
        let streams = Streams::for_trial(seed, 1);
        let without = evaluate(
            &world.demand,
            &merged(&world),
            &streams,
            world.horizon,
            Mode::Lazy,
        );
        for service in &mut world.demand.services {
            // Nothing that one request could notice of another.
            service.inside = Some(inside(Vec::new()));
        }
        let within = evaluate(
            &world.demand,
            &merged(&world),
            &streams,
            world.horizon,
            Mode::Lazy,
        );
        assert!(
            without == within,
            "seed {seed}: without {without:#?}\nwithin {within:#?}\n{:#?}\n{:#?}",
            world.demand,
            world.timelines
        );
    }
}

#[test]
fn lazy_and_eager_agree_whatever_requests_share() {
    for seed in 0..WORLDS / 3 {
        let mut world = world_of(seed);
        let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(3), 0);
        let insides: Vec<_> = (world.demand.services.iter())
            .map(|_| any_inside(rng, world.horizon))
            .collect();
        for (service, (inside, _, _)) in world.demand.services.iter_mut().zip(&insides) {
            service.inside = Some(inside.clone());
        }
        // Those of single shards may overlap each other and those of any shard.
        for lost_acks in &mut world.lost_acks {
            lost_acks.extend([
                lost(Some((0, 0)), 10.0, 120.0),
                lost(Some((0, 1)), 90.0, 200.0),
            ]);
        }
        let mut answers = merged(&world);
        for (answers, (_, needs, controls)) in answers.iter_mut().zip(&insides) {
            (answers.needs, answers.controls) = (needs, controls);
        }
        let streams = Streams::for_trial(seed, 1);
        let run = |mode| evaluate(&world.demand, &answers, &streams, world.horizon, mode);
        let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
        lazy.populations
            .iter()
            .for_each(|p| p.tally.assert_adds_up());
        assert!(
            lazy == eager,
            "seed {seed}: lazy {lazy:#?}\neager {eager:#?}\n{:#?}\n{insides:#?}",
            world.demand,
        );
    }
}
