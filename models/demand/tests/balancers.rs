//! A load balancer before the processes of a service: closed forms, and lazy against eager.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{
    Answers, Balancer, Balancing, Control, Demand, Fallback, LostAcks, Misses, Mode, Need,
    Population, Rotation, Service, ServiceModel, Tally,
};
use rand::RngExt;
use sim::{Purpose, Rng, SimDuration, SimTime, Streams};
use support::{
    answers, at, both_ways, evaluate, inside, pick, population, press_times, seconds, service,
    signers,
};

const ALL: [Balancing; 4] = [
    Balancing::Sticky,
    Balancing::Random,
    Balancing::RoundRobin,
    Balancing::LeastBusy,
];

/// So many processes, and for each its part of `rate` visits a second with so many presses.
fn demand(processes: Vec<Service>, rate: f64, presses_max: u32, balancing: Balancing) -> Demand {
    let count = processes.len();
    let part = |home: usize| Population {
        entity: home as u64,
        home,
        ..population(rate / count as f64, signers(presses_max), at(HORIZON_S))
    };
    Demand {
        services: processes,
        populations: (0..count).map(part).collect(),
        balancers: vec![Balancer {
            processes: 0..count,
            balancing,
            rotation: vec![(SimTime::ZERO, (0..count).collect())],
        }],
    }
}

const HORIZON_S: f64 = 3600.0;

/// The first process answers like this from a minute on, the others as they should.
fn first_fails(answer: Answer, processes: usize) -> Vec<AnswerTimeline> {
    let mut timelines = vec![AnswerTimeline::new(); processes];
    timelines[0].set(at(60.0), answer);
    timelines
}

/// One trial, lazily and eagerly.
fn run(demand: &Demand, timelines: &[AnswerTimeline]) -> Tally {
    let answers: Vec<Answers> = timelines.iter().map(answers).collect();
    let streams = Streams::for_trial(3, 1);
    both_ways(demand, &answers, &streams, at(HORIZON_S)).populations[0].tally
}

/// What becomes of 20 visits a second, if the first of five processes answers like this.
fn with_one_of_five(answer: Answer, presses: u32, balancing: Balancing) -> Tally {
    let demand = demand(vec![service(512, 0); 5], 20.0, presses, balancing);
    run(&demand, &first_fails(answer, 5))
}

/// Blocked visits over those that came while the process failed.
fn blocked_share(tally: &Tally) -> f64 {
    tally.blocked() as f64 / (tally.visits as f64 * (1.0 - 60.0 / HORIZON_S))
}

#[test]
fn presses_that_go_anywhere_get_past_a_process_that_fails() {
    let oom = Answer::Error(Cause::Oom);
    let sticky = with_one_of_five(oom, 3, Balancing::Sticky);
    assert!((blocked_share(&sticky) - 0.2).abs() < 0.01);
    // Three presses, each to any of five: all three must meet the one.
    let random = with_one_of_five(oom, 3, Balancing::Random);
    assert!((blocked_share(&random) - 0.008).abs() < 0.0015);
    let presses = random.failed[Cause::Oom as usize] as f64;
    let expected = random.visits as f64 * (1.0 - 60.0 / HORIZON_S) * (0.2 + 0.04 + 0.008);
    assert!((presses / expected - 1.0).abs() < 0.03);
    let in_turn = with_one_of_five(oom, 1, Balancing::RoundRobin);
    let failed = in_turn.failed[Cause::Oom as usize];
    // Every fifth press, to the last.
    let since = in_turn.visits as f64 * (1.0 - 60.0 / HORIZON_S);
    assert!((failed as f64 - since / 5.0).abs() < 4.0 * (60.0_f64 * 20.0).sqrt());
}

#[test]
fn the_least_busy_is_the_one_that_fails_at_once_and_never_the_one_that_hangs() {
    // One that hangs for the gateway's 30 s soon has more in progress than the others ever have.
    let hangs = with_one_of_five(Answer::Hang, 1, Balancing::LeastBusy);
    assert!(blocked_share(&hangs) < 0.01, "{}", blocked_share(&hangs));
    let random = with_one_of_five(Answer::Hang, 1, Balancing::Random);
    assert!((blocked_share(&random) - 0.2).abs() < 0.01);
    // One that fails at once is always free: it draws requests away from those that work. Five
    // requests in progress on average, spread over four processes, leave none of them idle often.
    let busy = |mut process: Service| {
        process.service_time = seconds(0.4);
        process
    };
    let processes = vec![busy(service(512, 0)); 5];
    let demand = demand(processes, 20.0, 1, Balancing::LeastBusy);
    let tally = run(&demand, &first_fails(Answer::Error(Cause::Oom), 5));
    assert!(blocked_share(&tally) > 0.5, "{}", blocked_share(&tally));
}

#[test]
fn a_process_out_of_the_rotation_fails_nothing() {
    for balancing in ALL {
        let mut demand = demand(vec![service(512, 0); 5], 20.0, 1, balancing);
        demand.balancers[0].rotation = vec![
            (SimTime::ZERO, (0..5).collect()),
            (at(90.0), (1..5).collect()),
            (at(1800.0), Vec::new()),
            (at(1860.0), (1..5).collect()),
        ];
        let tally = run(&demand, &first_fails(Answer::Error(Cause::Oom), 5));
        let oom = tally.failed[Cause::Oom as usize] as f64;
        // A fifth of half a minute; of those that go to the least busy, more.
        match balancing {
            Balancing::LeastBusy => assert!((125.0..200.0).contains(&oom), "{oom}"),
            _ => assert!((oom / 120.0 - 1.0).abs() < 0.3, "{oom}"),
        }
        // With nobody in the rotation every press is refused, for a minute.
        let refused = tally.failed[Cause::Refused as usize] as f64;
        assert!((refused / 1200.0 - 1.0).abs() < 0.1, "{refused}");
    }
}

/// The share that finds no free worker at five processes with one each, which presses keep busy
/// `load` times over.
fn refused_at_five(load: f64, balancing: Balancing) -> f64 {
    let process = Service {
        service_time: seconds(1.0),
        ..service(1, 0)
    };
    let demand = demand(vec![process; 5], 5.0 * load, 1, balancing);
    let tally = run(&demand, &vec![AnswerTimeline::new(); 5]);
    tally.failed[Cause::PoolFull as usize] as f64 / tally.visits as f64
}

#[test]
fn full_processes_are_filled_in_turn_at_random_or_all_of_them() {
    let load = 2.0;
    let near = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 0.01, "{found} for {expected}");
    };
    // At random: after a second of work the next press comes in half a second (M/D/1/1).
    near(
        refused_at_five(load, Balancing::Random),
        load / (1.0 + load),
    );
    // In turn: those that find it busy are a fifth, rounded down, of all that come in that second.
    let busy = poisson(5.0 * load).map(|(n, chance)| (n / 5) as f64 * chance);
    let busy: f64 = busy.sum();
    near(
        refused_at_five(load, Balancing::RoundRobin),
        busy / (1.0 + busy),
    );
    // Whichever is free: five workers of one queue (Erlang's B; the service time does not matter).
    let erlangs = 5.0 * load;
    let b = (1..=5).fold(1.0, |b, n| erlangs * b / (f64::from(n) + erlangs * b));
    near(refused_at_five(load, Balancing::LeastBusy), b);
}

/// The chances of 0, 1, 2 … by Poisson.
fn poisson(mean: f64) -> impl Iterator<Item = (u32, f64)> {
    let mut chance = (-mean).exp();
    (0..100).map(move |n| {
        let of = (n, chance);
        chance *= mean / f64::from(n + 1);
        of
    })
}

fn any_timeline(rng: &mut Rng) -> AnswerTimeline {
    let mut timeline = AnswerTimeline::new();
    let mut now = at(20.0);
    while now < at(HORIZON_S) {
        let answers = [
            Answer::Hang,
            Answer::Error(Cause::Oom),
            Answer::Error(Cause::ClusterDown),
        ];
        timeline.set(now, pick(rng, &answers));
        now += seconds(rng.random_range(1..120).into());
        timeline.set(now, Answer::Ok);
        now += seconds(rng.random_range(5..900).into());
    }
    timeline
}

fn any_rotation(rng: &mut Rng, processes: usize) -> Rotation {
    let mut rotation: Rotation = vec![(SimTime::ZERO, (0..processes).collect())];
    let mut now = at(30.0);
    while now < at(HORIZON_S) {
        let mut some: Vec<usize> = (0..processes).collect();
        some.retain(|_| rng.random_bool(0.7));
        rotation.push((now, some));
        now += seconds(rng.random_range(5..600).into());
        rotation.push((now, (0..processes).collect()));
        now += seconds(rng.random_range(5..900).into());
    }
    rotation.dedup_by(|next, before| next.1 == before.1);
    rotation
}

fn any_inside(rng: &mut Rng) -> ServiceModel {
    let misses = Misses {
        hits: pick(rng, &[0.7, 0.95, 1.0]),
        keys: 100.0,
    };
    let need = Need {
        permits: pick(
            rng,
            &[None, Some((4, SimDuration::ZERO)), Some((8, seconds(2.0)))],
        ),
        optional: pick(rng, &[false, false, true]),
        misses: pick(rng, &[None, Some(misses)]),
        fallback: Some(0),
        ..Need::single()
    };
    let store = Fallback {
        workers: pick(rng, &[1, 4, 60]),
        takes: seconds(pick(rng, &[0.1, 2.0])),
        queue_limit: pick(rng, &[0, 20]),
    };
    ServiceModel {
        runs_on: rng.random_bool(0.5),
        growth: demand::BackoffGrowth {
            factor: 2.0,
            max: seconds(10.0),
            jitter: 1.0,
        },
        stores: vec![store],
        ..inside(vec![need])
    }
}

/// Random processes, answers and rotations. Some worlds have one view for all processes, some hold
/// a crowd that does not fit.
struct World {
    demand: Demand,
    timelines: Vec<AnswerTimeline>,
    lines: Vec<Vec<Vec<AnswerTimeline>>>,
    lost_acks: Vec<Vec<LostAcks>>,
    controls: Vec<(SimTime, Control)>,
}

fn any_world(seed: u64) -> World {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(0), 0);
    let count = rng.random_range(2..6);
    let few = rng.random_bool(0.3);
    let mut template = service(1, 0);
    template.queue_limit = pick(rng, &[0, 5, 100]);
    template.gateway_timeout = seconds(pick(rng, &[5.0, 30.0]));
    template.service_time = seconds(pick(rng, &[0.05, 0.4]));
    template.client.command_timeout = pick(rng, &[None, Some(seconds(2.0))]);
    template.client.retries = pick(rng, &[0, 2]);
    template.client.backoff = seconds(0.5);
    template.client.retries_on = vec![Cause::Timeout, Cause::ClusterDown];
    template.inside = rng.random_bool(0.4).then(|| any_inside(rng));
    let with_inside = template.inside.is_some();
    let processes = (0..count).map(|_| Service {
        workers: if few { rng.random_range(1..4) } else { 60 },
        ..template.clone()
    });
    let processes: Vec<Service> = processes.collect();
    let balancing = pick(rng, &ALL);
    let rate = pick(rng, &[0.5, 3.0, 8.0]);
    let presses = pick(rng, &[1, 2, 3]);
    let mut demand = demand(processes, rate, presses, balancing);
    for population in &mut demand.populations {
        population.classes[0].patience = seconds(rng.random_range(1..20).into());
        population.classes[0].returns = pick(rng, &[vec![], vec![seconds(600.0)]]);
    }
    let one_view = rng.random_bool(0.3);
    let mut timelines: Vec<AnswerTimeline> = (0..count).map(|_| any_timeline(rng)).collect();
    if one_view {
        let first = timelines[0].clone();
        timelines.fill(first);
    }
    let lines = timelines.iter().map(|line| match with_inside {
        true => vec![vec![line.clone()]],
        false => Vec::new(),
    });
    let lines = lines.collect();
    if rng.random_bool(0.3) {
        let from = at(rng.random_range(100..2000).into());
        let to = from + seconds(rng.random_range(1..900).into());
        timelines = timelines
            .iter()
            .map(|line| with_spool(line, from, to))
            .collect();
    }
    let lost_acks = (0..count).map(|_| any_lost_acks(rng)).collect();
    demand.balancers[0].rotation = any_rotation(rng, count);
    World {
        lost_acks,
        lines,
        timelines,
        demand,
        controls: match rng.random_bool(0.3) {
            true => vec![
                (at(500.0), Control::Restart),
                (at(900.0), Control::Shed(0.4)),
            ],
            false => Vec::new(),
        },
    }
}

fn any_lost_acks(rng: &mut Rng) -> Vec<LostAcks> {
    match rng.random_bool(0.5) {
        true => vec![LostAcks {
            shard: None,
            from: at(rng.random_range(0..1000).into()),
            to: at(rng.random_range(1000..3000).into()),
        }],
        false => Vec::new(),
    }
}

/// The same answers, with the spool of the service open from `from` to `to`.
fn with_spool(line: &AnswerTimeline, from: SimTime, to: SimTime) -> AnswerTimeline {
    let mut with = AnswerTimeline::new();
    let mut cuts: Vec<SimTime> = line.changes().iter().map(|(at, _)| *at).collect();
    cuts.extend([from, to]);
    cuts.sort_unstable();
    for at in cuts {
        let open = (from..to).contains(&at);
        with.set(at, if open { Answer::Spool } else { line.at(at) });
    }
    with
}

#[test]
fn lazy_and_eager_agree_behind_a_balancer() {
    for seed in 0..600 {
        let world = any_world(seed);
        let parts = world
            .timelines
            .iter()
            .zip(&world.lines)
            .zip(&world.lost_acks);
        let answers: Vec<Answers> = parts
            .map(|((timeline, needs), lost_acks)| Answers {
                timeline,
                lost_acks,
                needs,
                controls: &world.controls,
            })
            .collect();
        let streams = Streams::for_trial(seed, 1);
        let run = |mode| evaluate(&world.demand, &answers, &streams, at(HORIZON_S), mode);
        let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
        let tallies = lazy.populations.iter().map(|population| &population.tally);
        tallies.for_each(Tally::assert_adds_up);
        assert!(
            lazy == eager,
            "seed {seed}: lazy {lazy:#?}\neager {eager:#?}\n{:#?}",
            world.demand
        );
        if seed % 3 == 0 {
            let minutes: Vec<u64> = (0..59).collect();
            let limits = [seconds(0.1), seconds(2.0)];
            let times = |mode| {
                let when = (at(HORIZON_S), &minutes[..]);
                press_times(&world.demand, &answers, &streams, when, (mode, &limits))
            };
            assert_eq!(times(Mode::Lazy), times(Mode::Eager), "seed {seed}");
        }
    }
}
