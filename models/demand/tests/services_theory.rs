//! What is inside a service against closed forms: Erlang's formulas, geometric sums, a breaker's
//! definition, arithmetic of pools, and a load above which an overload does not end.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{Answers, Breaker, Control, Demand, Fallback, Need, Service, ServiceModel, Tally};
use sim::dist::Dist;
use sim::{SimDuration, SimTime, Streams};
use support::{
    answers, at, both_ways, demand_of, inside, line, population, seconds, service, signers,
};

const HORIZON_S: f64 = 7200.0;

/// A service that never fills up, visited once by each of `rate` signers a second.
fn demand(rate: f64, presses_max: u32, inside: ServiceModel) -> Demand {
    let service = Service {
        inside: Some(inside),
        ..service(100_000, 100_000)
    };
    demand_of(
        service,
        population(rate, signers(presses_max), at(HORIZON_S)),
    )
}

/// One trial, lazily and eagerly, which must agree.
fn run(
    demand: &Demand,
    needs: &[Vec<AnswerTimeline>],
    controls: &[(SimTime, Control)],
    trial: u64,
) -> Tally {
    let merged = AnswerTimeline::new();
    let answers = [Answers {
        needs,
        controls,
        ..answers(&merged)
    }];
    let streams = Streams::for_trial(5, trial);
    both_ways(demand, &answers, &streams, at(HORIZON_S)).populations[0].tally
}

/// One need with this store behind it.
fn behind(store: Fallback) -> ServiceModel {
    let need = Need {
        fallback: Some(0),
        ..Need::single()
    };
    ServiceModel {
        stores: vec![store],
        ..inside(vec![need])
    }
}

/// The share refused by M/M/c/K: c workers, room for K in all, offered `load` Erlangs.
fn refused_by_m_m_c_k(workers: u32, room: u32, load: f64) -> f64 {
    // Weights of 0..=K in the system: a^n/n! up to c, then multiplied by a/c for each that waits.
    let mut weight = 1.0;
    let mut sum = 1.0;
    for n in 1..=room {
        weight *= load / f64::from(n.min(workers));
        sum += weight;
    }
    weight / sum
}

#[test]
fn a_pool_with_exponential_work_refuses_what_erlang_says() {
    for (workers, queue, load) in [(1, 0, 0.8), (3, 0, 2.0), (2, 4, 1.8), (8, 10, 9.0)] {
        let mut inside = inside(Vec::new());
        inside.work = Some(Dist::Exponential { mean: seconds(0.5) });
        let mut demand = demand(load / 0.5, 1, inside);
        demand.services[0].workers = workers;
        demand.services[0].queue_limit = queue;
        demand.services[0].gateway_timeout = seconds(1e6);
        let expected = refused_by_m_m_c_k(workers, workers + queue, load);
        let mut refused = 0.0;
        const TRIALS: u64 = 10;
        let mut visits = 0.0;
        for trial in 0..TRIALS {
            let tally = run(&demand, &[], &[], trial);
            refused += tally.failed[Cause::PoolFull as usize] as f64;
            visits += tally.visits as f64;
        }
        let found = refused / visits;
        // Refusals come in runs as long as a full pool lasts; allow a variance of ten times that
        // of independent ones.
        let sigma = (10.0 * expected * (1.0 - expected) / visits).sqrt();
        assert!(
            (found - expected).abs() < 4.0 * sigma,
            "M/M/{workers}/{}: {found} for {expected}",
            workers + queue
        );
    }
}

#[test]
fn presses_that_fail_by_chance_amplify_by_the_geometric_sum() {
    let presses = 4;
    for share in [0.1, 0.5, 0.9] {
        let demand = demand(5.0, presses, inside(Vec::new()));
        let tally = run(&demand, &[], &[(at(0.0), Control::Shed(share))], 1);
        // Press k+1 is made if k failed: the mean number that fail is p + p^2 + ... + p^n.
        let sum: f64 = (1..=presses as i32).map(|k| share.powi(k)).sum();
        let found = tally.failed[Cause::PoolFull as usize] as f64 / tally.visits as f64;
        let sigma = f64::from(presses) / (tally.visits as f64).sqrt();
        assert!((found - sum).abs() < 4.0 * sigma, "{found} for {sum}");
        let lost = share.powi(presses as i32);
        let sigma = (lost * (1.0 - lost) / tally.visits as f64).sqrt();
        let found = tally.abandoned as f64 / tally.visits as f64;
        assert!(
            (found - lost).abs() < 4.0 * sigma + 1e-3,
            "{found} for {lost}"
        );
    }
}

#[test]
fn further_tries_hold_a_worker_for_the_sum_of_their_pauses() {
    // 100 ms, 200 ms, 400 ms, 800 ms: refused 1.5 s after the first try. Four workers and no queue
    // are then Erlang's loss system with a load of 1.5 times the rate.
    let need = Need::single();
    let mut inside = inside(vec![need]);
    inside.growth.factor = 2.0;
    let mut demand = demand(2.0, 1, inside);
    let service = &mut demand.services[0];
    (service.workers, service.queue_limit) = (4, 0);
    service.client.retries = 4;
    service.client.backoff = seconds(0.1);
    service.client.retries_on = vec![Cause::ClusterDown];
    let down = Answer::Error(Cause::ClusterDown);
    let mut found = [0.0, 0.0];
    for trial in 0..5 {
        let tally = run(&demand, &[vec![line(&[(0.0, down)])]], &[], trial);
        found[0] += tally.failed[Cause::PoolFull as usize] as f64;
        found[1] += tally.visits as f64;
    }
    let (expected, found) = (refused_by_m_m_c_k(4, 4, 3.0), found[0] / found[1]);
    assert!((found - expected).abs() < 0.02, "{found} for {expected}");
}

#[test]
fn a_breaker_lets_through_what_its_definition_says() {
    let breaker = |breaker| Need {
        breaker: Some(breaker),
        ..Need::single()
    };
    let down = [(600.0, Answer::Error(Cause::Refused)), (1800.0, Answer::Ok)];
    let counts = |kind| {
        let demand = demand(20.0, 1, inside(vec![breaker(kind)]));
        let tally = run(&demand, &[vec![line(&down)]], &[], 3);
        let of = |cause: Cause| tally.failed[cause as usize];
        (of(Cause::Refused), of(Cause::BreakerOpen))
    };
    // resilience4j: 50 of the last 100 open it; then 10 trials each 60 s and the time they take.
    let (refused, kept) = counts(Breaker::Count {
        window: 100,
        share: 0.5,
        open_for: seconds(60.0),
        half_open: 10,
    });
    // 1,200 s hold 19 rounds of 60 s and half a second for ten calls at 20 a second, or 20.
    assert!(
        (50 + 10 * 19..=50 + 10 * 20).contains(&refused),
        "{refused}"
    );
    assert!(kept.abs_diff(1200 * 20 - refused) < 4 * 155, "{kept}");
    // Hystrix: half of the calls in ten seconds, so as many failures as there were successes, then
    // one trial each 5 s and the time until somebody comes.
    let (refused, _) = counts(Breaker::Time {
        window: seconds(10.0),
        calls_min: 20,
        share: 0.5,
        open_for: seconds(5.0),
    });
    let trials = 1195.0 / 5.05;
    assert!(
        (refused as f64 - 100.0 - trials).abs() < 4.0 * 10.0 + 5.0,
        "{refused}"
    );
    // Envoy: 5 in a row, open for 30, 60, 90 ... s: 8 trials in 1,200 s.
    let (refused, _) = counts(Breaker::Consecutive {
        failures: 5,
        open_for: seconds(30.0),
    });
    assert_eq!(refused, 5 + 8);
}

#[test]
fn a_pool_is_empty_after_its_size_over_the_share_that_hangs() {
    // 100 workers, 20 calls a second, 40 % of keys on a shard that hangs from 600 s on, requests
    // that run on: 100 / 8 = 12.5 s. From then on every request fails, also those of whole shards.
    let need = Need {
        shards: vec![0.4, 0.6],
        ..Need::single()
    };
    let mut inside = inside(vec![need]);
    inside.runs_on = true;
    inside.connect_timeout = Some(seconds(1.0));
    let mut demand = demand(20.0, 1, inside);
    (demand.services[0].workers, demand.services[0].queue_limit) = (100, 0);
    let needs = [vec![line(&[(600.0, Answer::Hang)]), line(&[])]];
    let stuck = run(&demand, &needs, &[], 1);
    let full = stuck.failed[Cause::PoolFull as usize];
    let expected = 20.0 * (HORIZON_S - 600.0 - 12.5);
    assert!(
        (full as f64 - expected).abs() < 4.0 * expected.sqrt() + 250.0,
        "{full}"
    );
    // Servers that are restarted have no connection to the shard: what needs it fails after a
    // second, 8 workers are held on average, and whole shards are served.
    let restarted = run(&demand, &needs, &[(at(1200.0), Control::Restart)], 1);
    let full = restarted.failed[Cause::PoolFull as usize] as f64;
    let expected = 20.0 * (600.0 - 12.5);
    assert!(
        (full - expected).abs() < 4.0 * expected.sqrt() + 250.0,
        "{full}"
    );
    let timeouts = restarted.failed[Cause::Timeout as usize] as f64;
    let expected = 8.0 * (HORIZON_S - 1200.0);
    assert!(
        (timeouts - expected).abs() < 4.0 * expected.sqrt(),
        "{timeouts}"
    );
}

#[test]
fn a_restart_gives_connections_back() {
    // 10 calls a second and 20 connections: all are in use 2 s into the hang, and the gateway
    // timeout frees none. After a restart of the servers, with Redis back, every request is served.
    let need = Need {
        permits: Some((20, SimDuration::ZERO)),
        ..Need::single()
    };
    let model = ServiceModel {
        runs_on: true,
        ..inside(vec![need])
    };
    let demand = demand(10.0, 1, model);
    let down = [(600.0, Answer::Hang), (1200.0, Answer::Ok)];
    let restarts = [(at(1199.0), Control::Restart)];
    let tally = run(&demand, &[vec![line(&down)]], &restarts, 1);
    let full = tally.failed[Cause::PoolFull as usize] as f64;
    let expected = 10.0 * (599.0 - 2.0);
    assert!(
        (full - expected).abs() < 4.0 * expected.sqrt() + 40.0,
        "{full}"
    );
}

#[test]
fn a_slower_store_carries_what_it_can() {
    // 10 calls a second to a store of one worker that takes 200 ms: half of them find its queue
    // full, as M/D/1/K in deep overload serves one each 200 ms.
    let store = Fallback {
        workers: 1,
        takes: seconds(0.2),
        queue_limit: 5,
    };
    let demand = demand(10.0, 1, behind(store));
    let down = [(600.0, Answer::Error(Cause::Refused)), (4200.0, Answer::Ok)];
    let tally = run(&demand, &[vec![line(&down)]], &[], 1);
    let failed = tally.failed[Cause::Refused as usize] as f64;
    let served = tally.visits as f64 - failed - (HORIZON_S - 3600.0) * 10.0;
    assert!(
        (served - 3600.0 * 5.0).abs() < 4.0 * 190.0 + 300.0,
        "{served}"
    );
    // A cache in the service spares four in five at first, and nothing after its lifetime.
    let mut cached = demand.clone();
    let inside = cached.services[0].inside.as_mut().expect("it has one");
    inside.needs[0].fallback = None;
    inside.needs[0].cache = Some((0.8, seconds(600.0)));
    let tally = run(&cached, &[vec![line(&down)]], &[], 1);
    let spared = 36_000.0 - tally.failed[Cause::Refused as usize] as f64;
    // 0.8 x (1 - t/600) over 600 s: 240 s at 10 calls a second.
    assert!(
        (spared - 2400.0).abs() < 4.0 * 50.0 + 4.0 * 190.0,
        "{spared}"
    );
}

/// Is the service still failing long after a hang of `trigger` seconds, at `rate` visits a second?
/// Eight workers of 100 ms serve 80 presses a second; who sees no answer within 5 s presses again,
/// three times in all, and nobody tells the service to forget the press before.
fn stuck(rate: f64, trigger: f64) -> bool {
    let mut inside = inside(vec![Need::single()]);
    inside.runs_on = true;
    let mut demand = demand(rate, 3, inside);
    let service = &mut demand.services[0];
    (service.workers, service.queue_limit) = (8, 2000);
    (service.gateway_timeout, service.service_time) = (seconds(5.0), seconds(0.1));
    let line = line(&[(600.0, Answer::Hang), (600.0 + trigger, Answer::Ok)]);
    let tally = run(&demand, &[vec![line]], &[], 1);
    tally.abandoned as f64 > 0.5 * rate * (HORIZON_S - 600.0)
}

#[test]
fn an_overload_ends_below_a_load_and_never_above() {
    // While everybody presses three times the load is 3 x rate: above 80 / 3 it feeds itself.
    assert!(!stuck(20.0, 60.0));
    assert!(!stuck(25.0, 60.0));
    assert!(stuck(30.0, 60.0));
    assert!(stuck(50.0, 60.0));
    // Far below saturation, and a trigger that is over before anybody presses again does nothing.
    assert!(!stuck(50.0, 2.0));
}
