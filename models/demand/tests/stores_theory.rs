//! The store behind Redis against closed forms: a backlog over spare capacity, keys that are each
//! missed once, halves that come back in one half-life, and an overload that outlives its trigger.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{
    Answers, Control, Demand, Fallback, Loss, MinuteTimes, Misses, Mode, Need, Service,
    ServiceModel, Tally, Window, look,
};
use sim::{Budget, Intensity, SimTime, Streams};
use support::{
    answers, at, both_ways, demand_of, inside, line, population, press_times, seconds, service,
    signers,
};

const HORIZON_S: f64 = 7200.0;

/// `rate` visits a second, each of one press, to a service of many workers with `needs` in front of
/// a store.
fn demand(rate: f64, needs: Vec<Need>, store: Fallback, losses: Vec<Loss>) -> Demand {
    let inside = ServiceModel {
        stores: vec![store],
        losses,
        ..inside(needs)
    };
    let service = Service {
        inside: Some(inside),
        ..service(100_000, 100_000)
    };
    demand_of(service, population(rate, signers(1), at(HORIZON_S)))
}

/// A cache that hits so often while it is warm, by so many keys.
fn cache(hits: f64, keys: f64) -> Need {
    Need {
        misses: Some(Misses { hits, keys }),
        fallback: Some(0),
        ..Need::single()
    }
}

fn store(workers: u32, takes: f64, queue_limit: u32) -> Fallback {
    Fallback {
        workers,
        takes: seconds(takes),
        queue_limit,
    }
}

/// All keys of the first need are lost at 600 s.
fn flushed() -> Vec<Loss> {
    vec![Loss {
        at: at(600.0),
        need: 0,
        shard: 0,
        share: 1.0,
    }]
}

fn with_answers<T>(
    demand: &Demand,
    changes: &[(f64, Answer)],
    controls: &[(SimTime, Control)],
    run: impl Fn(&[Answers]) -> T,
) -> T {
    let needs = demand.services[0]
        .inside
        .as_ref()
        .map_or(0, |of| of.needs.len());
    let needs = vec![vec![line(changes)]; needs];
    let merged = AnswerTimeline::new();
    run(&[Answers {
        needs: &needs,
        controls,
        ..answers(&merged)
    }])
}

/// One trial, lazily and eagerly, which must agree.
fn run(demand: &Demand, changes: &[(f64, Answer)], controls: &[(SimTime, Control)]) -> Tally {
    let streams = Streams::for_trial(5, 1);
    with_answers(demand, changes, controls, |answers| {
        both_ways(demand, answers, &streams, at(HORIZON_S)).populations[0].tally
    })
}

/// What the whole trial shows.
fn seen(demand: &Demand, changes: &[(f64, Answer)], controls: &[(SimTime, Control)]) -> Window {
    let streams = Streams::for_trial(5, 1);
    let (all, budget) = ((SimTime::ZERO, at(HORIZON_S)), Budget::unlimited());
    with_answers(demand, changes, controls, |answers| {
        let window = look(demand, 0, answers, &streams, at(HORIZON_S), all, &budget);
        window.expect("no limit").expect("somebody comes")
    })
}

/// The last instant at which a request failed.
fn fails_until(window: &Window) -> f64 {
    window.failed.map_or(0.0, |(_, last)| last.as_secs_f64())
}

/// The attempts of one minute that failed.
fn failed_in(window: &Window, minute: u64) -> u64 {
    let mut minutes = window.minutes.iter();
    minutes
        .find(|of| of.minute == minute)
        .map_or(0, |of| of.failed)
}

const DOWN: [(f64, Answer); 2] = [(600.0, Answer::Error(Cause::Refused)), (1200.0, Answer::Ok)];

#[test]
fn the_queue_at_the_return_of_redis_drains_with_the_spare_capacity() {
    // While Redis is down for 600 s, 20 requests a second come to a store that answers 10: 6,000
    // wait when it is back. From then on it gets what a warm cache misses. A request is answered in
    // time once fewer wait than the store answers in 29 s, as it takes 1 s itself.
    for (hits, spare) in [(0.99, 9.8), (0.9, 8.0), (0.75, 5.0)] {
        let demand = demand(
            20.0,
            vec![cache(hits, 100.0)],
            store(10, 1.0, 100_000),
            vec![],
        );
        let window = seen(&demand, &DOWN, &[]);
        let drained = (6000.0 - 290.0) / spare;
        // The last that fails waits for 30 s.
        let found = fails_until(&window) - 1200.0 - 30.0;
        assert!(
            (found - drained).abs() < 0.06 * drained,
            "{hits}: {found} s for {drained} s"
        );
    }
}

#[test]
fn a_short_queue_fails_more_and_is_over_sooner() {
    let long = demand(
        20.0,
        vec![cache(0.9, 100.0)],
        store(10, 1.0, 100_000),
        vec![],
    );
    let short = demand(20.0, vec![cache(0.9, 100.0)], store(10, 1.0, 100), vec![]);
    // 100 wait at most: 10 s, so that all who are let in are answered, and half are not let in.
    let window = seen(&short, &DOWN, &[]);
    assert!(fails_until(&window) < 1202.0, "{}", fails_until(&window));
    let failed = run(&short, &DOWN, &[]).failed[Cause::Refused as usize] as f64;
    assert!((failed - 6000.0).abs() < 300.0, "{failed}");
    // Here nobody is refused, and nearly all are given up: the store works for nobody.
    let failed = run(&long, &DOWN, &[]).failed[Cause::GatewayTimeout as usize] as f64;
    assert!(failed > 11_000.0, "{failed}");
}

#[test]
fn more_workers_drain_a_queue_sooner() {
    // 6,000 wait; three times the workers answer 30 a second, 28 of them from the queue.
    let demand = demand(
        20.0,
        vec![cache(0.9, 100.0)],
        store(10, 1.0, 100_000),
        vec![],
    );
    let scaled = [(at(1200.0), Control::ScaleStore(0, 3.0))];
    let drained = (6000.0 - 29.0 * 30.0) / 28.0;
    let found = fails_until(&seen(&demand, &DOWN, &scaled)) - 1200.0 - 30.0;
    assert!(
        (found - drained).abs() < 0.06 * drained,
        "{found} s for {drained} s"
    );
}

/// Requests that missed: they take longer than the second that the gateway waits here, and go on.
fn missed(hits: f64, keys: f64, horizon: f64) -> f64 {
    let store = store(1000, 2.0, 0);
    let mut demand = demand(50.0, vec![cache(hits, keys)], store, flushed());
    let service = &mut demand.services[0];
    service.gateway_timeout = seconds(1.0);
    service.inside.as_mut().expect("it has one").runs_on = true;
    demand.populations[0].visits = Intensity::constant(50.0, SimTime::ZERO, at(horizon));
    run(&demand, &[], &[]).failed[Cause::GatewayTimeout as usize] as f64
}

#[test]
fn every_lost_key_is_missed_once_and_half_of_them_in_one_half_life() {
    let (hits, keys) = (0.9, 10_000.0);
    // Until a key is back, 2 s pass, in which others ask for it: 1 % of the time constant.
    let all = missed(hits, keys, HORIZON_S) - (1.0 - hits) * 50.0 * HORIZON_S;
    assert!((all - keys).abs() < 0.03 * keys, "{all}");
    let half_life = keys * std::f64::consts::LN_2 / (50.0 * hits);
    let horizon = 600.0 + half_life;
    let half = missed(hits, keys, horizon) - (1.0 - hits) * 50.0 * horizon;
    assert!((half - keys / 2.0).abs() < 0.06 * keys / 2.0, "{half}");
}

#[test]
fn a_cold_cache_never_warms_if_the_store_answers_too_late() {
    // A warm cache sends 2.5 of 50 requests a second to a store that answers 10. Once it is
    // empty, 2,000 wait there, which takes 200 s: each is given up after 30 s, and its answer is
    // thrown away. Redis is healthy all the time.
    let demand = demand(
        50.0,
        vec![cache(0.95, 3000.0)],
        store(10, 1.0, 2000),
        flushed(),
    );
    let stuck = seen(&demand, &[], &[]);
    assert!(failed_in(&stuck, 110) > 2500, "{}", failed_in(&stuck, 110));
    // A tenth of the keys is no trigger.
    let mut little = demand.clone();
    let inside = little.services[0].inside.as_mut().expect("it has one");
    inside.losses[0].share = 0.1;
    assert_eq!(seen(&little, &[], &[]).failed, None);
    // With nine in ten requests turned away for half an hour the queue drains and the keys come
    // back; afterwards nothing fails any more.
    let shed = [
        (at(1800.0), Control::Shed(0.9)),
        (at(3600.0), Control::Shed(0.0)),
    ];
    let helped = seen(&demand, &[], &shed);
    assert_eq!(failed_in(&helped, 61), 0);
    assert_eq!(failed_in(&helped, 110), 0);
    // Shed for a minute only, it comes back.
    let hasty = [
        (at(1800.0), Control::Shed(0.9)),
        (at(1860.0), Control::Shed(0.0)),
    ];
    assert!(failed_in(&seen(&demand, &[], &hasty), 110) > 2500);
    // Ten times the workers end it too: 2,000 are answered in 20 s.
    let scaled = [(at(1800.0), Control::ScaleStore(0, 10.0))];
    let helped = seen(&demand, &[], &scaled);
    assert!(fails_until(&helped) < 1860.0, "{}", fails_until(&helped));
}

#[test]
fn needs_that_share_a_store_share_its_queue() {
    // Two caches that miss half of 20 requests each: together 20 a second at a store of 15.
    let needs = vec![cache(0.5, 100.0), cache(0.5, 100.0)];
    let together = demand(20.0, needs.clone(), store(15, 1.0, 10), vec![]);
    let mut apart = together.clone();
    let inside = apart.services[0].inside.as_mut().expect("it has one");
    inside.stores.push(store(15, 1.0, 10));
    inside.needs[1].fallback = Some(1);
    let failed = |demand| run(demand, &[], &[]).failed[Cause::PoolFull as usize] as f64;
    // A share p of those who come to the first cache and miss is refused, and asks no second time:
    // 20 - 5 p ask, 15 are served, and 5 - 5 p fail. Who asks a second time has just left a place,
    // so the first time is the harder one: p is between a quarter and a half.
    let per_second = failed(&together) / HORIZON_S;
    assert!((2.5..3.8).contains(&per_second), "{per_second}");
    assert!(failed(&apart) / HORIZON_S < 0.1);
}

#[test]
fn requests_that_miss_are_timed_with_what_the_store_takes() {
    // Of 20 requests a second a tenth misses the first cache and a quarter the second: 0.05 s, and
    // 0.5 s for each miss. Nobody ever waits, so they are counted and not played.
    let needs = vec![cache(0.9, 100.0), cache(0.75, 100.0)];
    let demand = demand(20.0, needs, store(1000, 0.5, 0), vec![]);
    let streams = Streams::for_trial(5, 1);
    let minutes: Vec<u64> = (0..119).collect();
    let limits = [0.05, 0.5, 1.05].map(seconds);
    let times = |mode| {
        with_answers(&demand, &[], &[], |answers| {
            let when = (at(HORIZON_S), &minutes[..]);
            press_times(&demand, answers, &streams, when, (mode, &limits))
        })
    };
    let lazy = times(Mode::Lazy);
    assert_eq!(lazy, times(Mode::Eager));
    let mut all = MinuteTimes::default();
    lazy[0].iter().for_each(|minute| all.add(minute));
    assert_eq!(all.slow[0], all.count);
    let share = |slow: u64| slow as f64 / all.count as f64;
    for (slow, expected) in [(all.slow[1], 0.325), (all.slow[2], 0.025)] {
        assert!((share(slow) - expected).abs() < 0.005, "{}", share(slow));
    }
    let mean = all.sum.as_secs_f64() / all.count as f64;
    assert!((mean - 0.225).abs() < 0.003, "{mean}");
}
