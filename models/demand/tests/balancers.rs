//! A load balancer before the processes of a service: closed forms, and lazy against eager.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{
    Answers, Balancer, Balancing, Class, Client, Control, Demand, DemandOutcome, LostAcks, Mode,
    Need, Population, Rotation, Service, ServiceModel, Tally,
};
use rand::RngExt;
use sim::{Intensity, Purpose, Rng, SimDuration, SimTime, Streams};
use support::{at, evaluate, pick, seconds};

const ALL: [Balancing; 4] = [
    Balancing::Sticky,
    Balancing::Random,
    Balancing::RoundRobin,
    Balancing::LeastBusy,
];

/// One of the processes of a service.
fn process(workers: u32) -> Service {
    Service {
        name: "api".to_owned(),
        workers,
        queue_limit: 0,
        gateway_timeout: seconds(30.0),
        service_time: seconds(0.05),
        client: Client {
            command_timeout: None,
            retries: 0,
            backoff: SimDuration::ZERO,
            retries_on: Vec::new(),
        },
        inside: None,
    }
}

/// So many processes, and for each its part of `rate` visits a second with so many presses.
fn demand(processes: Vec<Service>, rate: f64, presses_max: u32, balancing: Balancing) -> Demand {
    let count = processes.len();
    let class = Class {
        name: "signers".to_owned(),
        share: 1.0,
        patience: seconds(60.0),
        presses_max,
        press_again_after: seconds(1.0),
        returns: Vec::new(),
    };
    let part = |home: usize| Population {
        name: "signers".to_owned(),
        entity: home as u64,
        service: 0,
        whole: 0,
        visits: Intensity::constant(rate / count as f64, SimTime::ZERO, at(HORIZON_S)),
        objective: 0.01,
        signers: true,
        classes: vec![class.clone()],
        home,
    };
    Demand {
        services: processes,
        populations: (0..count).map(part).collect(),
        balancers: vec![Balancer {
            processes: 0..count,
            balancing,
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

fn answers<'a>(timelines: &'a [AnswerTimeline], rotation: &'a Rotation) -> Vec<Answers<'a>> {
    let of = |timeline| Answers {
        timeline,
        lost_acks: &[],
        needs: &[],
        controls: &[],
        rotation,
    };
    timelines.iter().map(of).collect()
}

fn both_ways(demand: &Demand, answers: &[Answers]) -> DemandOutcome {
    let streams = Streams::for_trial(3, 1);
    let run = |mode| evaluate(demand, answers, &streams, at(HORIZON_S), mode);
    let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
    assert_eq!(lazy, eager);
    lazy
}

/// What becomes of 20 visits a second, if the first of five processes answers like this.
fn with_one_of_five(answer: Answer, presses: u32, balancing: Balancing) -> Tally {
    let demand = demand(vec![process(512); 5], 20.0, presses, balancing);
    let timelines = first_fails(answer, 5);
    let rotation = vec![(SimTime::ZERO, (0..5).collect())];
    both_ways(&demand, &answers(&timelines, &rotation)).populations[0].tally
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
    let processes = vec![busy(process(512)); 5];
    let demand = demand(processes, 20.0, 1, Balancing::LeastBusy);
    let timelines = first_fails(Answer::Error(Cause::Oom), 5);
    let rotation = vec![(SimTime::ZERO, (0..5).collect())];
    let tally = both_ways(&demand, &answers(&timelines, &rotation)).populations[0].tally;
    assert!(blocked_share(&tally) > 0.5, "{}", blocked_share(&tally));
}

#[test]
fn a_process_out_of_the_rotation_fails_nothing() {
    for balancing in ALL {
        let demand = demand(vec![process(512); 5], 20.0, 1, balancing);
        let timelines = first_fails(Answer::Error(Cause::Oom), 5);
        let rotation = vec![
            (SimTime::ZERO, (0..5).collect()),
            (at(90.0), (1..5).collect()),
            (at(1800.0), Vec::new()),
            (at(1860.0), (1..5).collect()),
        ];
        let tally = both_ways(&demand, &answers(&timelines, &rotation)).populations[0].tally;
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
    let need = Need {
        permits: pick(
            rng,
            &[None, Some((4, SimDuration::ZERO)), Some((8, seconds(2.0)))],
        ),
        optional: pick(rng, &[false, false, true]),
        ..Need::single()
    };
    ServiceModel {
        work: None,
        runs_on: rng.random_bool(0.5),
        connect_timeout: None,
        offline_queue: None,
        growth: demand::BackoffGrowth {
            factor: 2.0,
            max: seconds(10.0),
            jitter: 1.0,
        },
        retries_at_once: None,
        needs: vec![need],
        stores: Vec::new(),
        losses: Vec::new(),
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
    rotation: Rotation,
}

fn any_world(seed: u64) -> World {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(0), 0);
    let count = rng.random_range(2..6);
    let few = rng.random_bool(0.3);
    let mut template = process(1);
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
    let lost = |rng: &mut Rng| LostAcks {
        shard: None,
        from: at(rng.random_range(0..1000).into()),
        to: at(rng.random_range(1000..3000).into()),
    };
    let lost_acks = (0..count).map(|_| match rng.random_bool(0.5) {
        true => vec![lost(rng)],
        false => Vec::new(),
    });
    World {
        lost_acks: lost_acks.collect(),
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
        rotation: any_rotation(rng, count),
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
                rotation: &world.rotation,
            })
            .collect();
        let streams = Streams::for_trial(seed, 1);
        let run = |mode| evaluate(&world.demand, &answers, &streams, at(HORIZON_S), mode);
        let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
        let tallies = lazy.populations.iter().map(|population| &population.tally);
        tallies.for_each(Tally::assert_adds_up);
        assert!(
            lazy == eager,
            "seed {seed}: lazy {lazy:#?}\neager {eager:#?}\n{:#?}\n{:#?}",
            world.demand,
            world.rotation
        );
    }
}
