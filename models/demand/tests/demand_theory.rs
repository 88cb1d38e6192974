//! Demand against what is known without simulating: closed forms, queueing theory, and what must
//! not get worse when something gets better.

mod support;

use demand::answer::{Answer, AnswerTimeline, Cause};
use demand::{ARRIVALS, Answers, Class, Demand, DemandOutcome, LostAcks, Mode, Population, Tally};
use sim::{ArrivalTree, SimDuration, Streams};
use support::{
    answers, at, both_ways, demand_of, evaluate, line, look, population, seconds, service, signers,
};

const NS: SimDuration = SimDuration::from_nanos(1);

fn class(patience: f64, presses_max: u32, returns: &[f64]) -> Class {
    Class {
        patience: seconds(patience),
        press_again_after: seconds(3.0),
        returns: returns.iter().copied().map(seconds).collect(),
        ..signers(presses_max)
    }
}

/// One class at `rate` per second for an hour, at a service that never fills up.
fn demand(rate: f64, class: Class) -> Demand {
    let population = Population {
        entity: 4,
        ..population(rate, class, at(3600.0))
    };
    demand_of(service(100_000, 100_000), population)
}

/// Evaluates both ways, which must agree.
fn run(demand: &Demand, timeline: &AnswerTimeline, trial: u64) -> DemandOutcome {
    let streams = Streams::for_trial(3, trial);
    both_ways(demand, &[answers(timeline)], &streams, at(3600.0))
}

fn tally(demand: &Demand, timeline: &AnswerTimeline, trial: u64) -> Tally {
    run(demand, timeline, trial).populations[0].tally
}

/// The arrivals that the one class of [`demand`] has in this trial.
fn arrivals(demand: &Demand, trial: u64) -> ArrivalTree {
    let key = Streams::for_trial(3, trial).key(ARRIVALS, 4).child(0);
    ArrivalTree::new(key, demand.populations[0].visits.clone(), None)
}

#[test]
fn a_hang_blocks_those_whose_gateway_gives_up_before_it_ends() {
    let demand = demand(7.0, class(60.0, 1, &[]));
    let line = line(&[(1000.0, Answer::Hang), (1500.0, Answer::Ok)]);
    for trial in 0..20 {
        // Redis is met at the end of the work; after the hang the work is done once more.
        let (first, last) = (at(1000.0 - 0.05), at(1500.0 + 0.05 - 30.0) + NS);
        let expected = arrivals(&demand, trial).count(first, last);
        let tally = tally(&demand, &line, trial);
        assert_eq!(tally.abandoned, expected);
        assert_eq!(tally.blocked(), expected + tally.still_pending);
        assert_eq!(tally.failed[Cause::GatewayTimeout as usize], expected);
        assert_eq!(tally.still_pending, pending_at_the_end(&demand, trial));
    }
}

fn pending_at_the_end(demand: &Demand, trial: u64) -> u64 {
    arrivals(demand, trial).count(at(3600.0 - 0.05), at(3600.0))
}

#[test]
fn retries_amplify_by_the_sum_of_the_presses_that_still_meet_the_error() {
    let demand = demand(7.0, class(60.0, 4, &[]));
    let line = line(&[(1000.0, Answer::Error(Cause::Oom)), (1020.0, Answer::Ok)]);
    for trial in 0..20 {
        let arrivals = arrivals(&demand, trial);
        // Errors come at once, so press j comes 3 j seconds after the first.
        let late = |j: f64| arrivals.count(at(1000.0), at(1020.0 - 3.0 * j));
        let early = arrivals.count(at(1000.0 - 0.05), at(1000.0));
        let expected: u64 = (0..4).map(|j| early + late(f64::from(j))).sum();
        let tally = tally(&demand, &line, trial);
        assert_eq!(tally.failed[Cause::Oom as usize], expected);
        assert_eq!(tally.abandoned, early + late(3.0));
        assert_eq!(tally.captured_after_retry, late(0.0) - late(3.0));
    }
}

#[test]
fn the_blocked_come_back_in_full() {
    let demand = demand(7.0, class(5.0, 1, &[600.0]));
    let line = line(&[(1000.0, Answer::Error(Cause::Oom)), (1300.0, Answer::Spool)]);
    let blocked = arrivals(&demand, 0).count(at(1000.0 - 0.05), at(1300.0));
    let tally = tally(&demand, &line, 0);
    assert_eq!(
        (tally.spooled_on_return, tally.blocked()),
        (blocked, blocked + tally.lost())
    );
    assert_eq!(tally.lost(), pending_at_the_end(&demand, 0));
}

#[test]
fn the_returns_of_one_outage_crowd_the_next() {
    // 600 wait in the first hang. In the second as many again come back, and 900 is the limit.
    let mut demand = demand(20.0, class(60.0, 1, &[1000.0]));
    demand.services[0].workers = 100;
    demand.services[0].queue_limit = 800;
    let first = [(500.0, Answer::Hang), (900.0, Answer::Ok)];
    let both = [
        first[0],
        first[1],
        (1500.0, Answer::Hang),
        (1900.0, Answer::Ok),
    ];
    let refused = |changes| tally(&demand, &line(changes), 0).failed[Cause::PoolFull as usize];
    assert_eq!(refused(&first), 0);
    assert!(refused(&both) > 1000);
}

#[test]
fn writes_of_signers_who_left_count() {
    // Patience ends long before the hang does; the gateway does not.
    let demand = demand(7.0, class(1.0, 2, &[]));
    let line = line(&[(1000.0, Answer::Hang), (1020.0, Answer::Ok)]);
    let arrivals = arrivals(&demand, 0);
    let tally = tally(&demand, &line, 0);
    assert_eq!(tally.abandoned, 0);
    assert_eq!(tally.captured_after_retry, 0);
    // The second press comes a second after the first, unless that is answered until then.
    let twice = arrivals.count(at(1000.0 - 0.05), at(1020.0 + 0.05 - 1.0));
    assert_eq!(tally.captured_twice, twice);
}

/// Erlang's loss formula: holds for constant service times as for any other.
fn erlang_b(workers: u32, load: f64) -> f64 {
    (1..=workers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b))
}

#[test]
fn without_a_queue_the_share_refused_is_erlangs() {
    for (workers, load) in [(1, 0.5), (3, 2.0), (8, 9.0)] {
        let mut demand = demand(load / 0.05, class(5.0, 1, &[]));
        demand.services[0].workers = workers;
        demand.services[0].queue_limit = 0;
        let tally = tally(&demand, &AnswerTimeline::new(), 1);
        let refused = tally.failed[Cause::PoolFull as usize] as f64 / tally.visits as f64;
        let expected = erlang_b(workers, load);
        // Refusals come in runs: allow for the correlation by a factor of three in variance.
        let sigma = (3.0 * expected * (1.0 - expected) / tally.visits as f64).sqrt();
        assert!(
            (refused - expected).abs() < 4.0 * sigma,
            "{refused} for {expected}"
        );
    }
}

#[test]
fn the_wait_of_one_worker_is_that_of_m_d_1() {
    // A signer presses twice exactly if the wait is longer than patience less the service time:
    // P(W = 0) = 1 - ρ, and P(W ≤ t) = (1 - ρ) exp(λ t) for t up to the service time.
    let (load, patience) = (0.3, 0.08);
    let mut demand = demand(load / 0.05, class(patience, 1, &[]));
    demand.services[0].workers = 1;
    demand.services[0].gateway_timeout = seconds(patience);
    let tally = tally(&demand, &AnswerTimeline::new(), 2);
    let waited = tally.failed[Cause::GatewayTimeout as usize] as f64 / tally.visits as f64;
    // Those who are given up leave, so the queue is a little shorter than that of M/D/1.
    let unlimited = 1.0 - (1.0 - load) * (load / 0.05 * (patience - 0.05)).exp();
    assert!(
        waited < unlimited && waited > 0.75 * unlimited,
        "{waited} for {unlimited}"
    );
}

#[test]
fn nothing_happens_when_nothing_happens() {
    let demand = demand(20.0, class(5.0, 3, &[600.0]));
    let tally = tally(&demand, &AnswerTimeline::new(), 5);
    assert_eq!(tally.visits, arrivals(&demand, 5).total());
    assert_eq!(tally.captured_first_try, tally.visits - tally.still_pending);
    assert_eq!(tally.still_pending, pending_at_the_end(&demand, 5));
    assert_eq!((tally.failed_attempts(), tally.captured_twice), (0, 0));
}

#[test]
fn arrivals_do_not_hang_on_what_is_compared() {
    let plain = demand(7.0, class(5.0, 1, &[]));
    let mut other = demand(7.0, class(60.0, 3, &[600.0]));
    other.services[0].workers = 1;
    let down = line(&[(100.0, Answer::Hang)]);
    let visits = |demand: &Demand, line: &AnswerTimeline| tally(demand, line, 8).visits;
    assert_eq!(
        visits(&plain, &AnswerTimeline::new()),
        visits(&other, &down)
    );
    // A class more leaves the arrivals of the others as they were.
    other.populations[0].classes.push(class(5.0, 1, &[]));
    let more = tally(&other, &down, 8).visits;
    assert!(more > visits(&plain, &down));
}

#[test]
fn what_lies_beyond_the_horizon_changes_nothing() {
    let demand = demand(7.0, class(5.0, 2, &[600.0]));
    let short = line(&[(500.0, Answer::Hang), (700.0, Answer::Ok)]);
    let mut long = short.clone();
    long.set(at(3600.0), Answer::Hang);
    assert_eq!(run(&demand, &short, 0), run(&demand, &long, 0));
}

#[test]
fn patience_presses_returns_and_a_sooner_end_never_lose_more() {
    let lost = |class: &Class, end: f64| {
        let line = line(&[
            (1000.0, Answer::Hang),
            (1020.0, Answer::Error(Cause::ClusterDown)),
            (end, Answer::Ok),
        ]);
        tally(&demand(7.0, class.clone()), &line, 6).lost()
    };
    let ascending = |losses: Vec<u64>| {
        assert!(losses.is_sorted(), "{losses:?}");
        assert!(losses.first() < losses.last(), "{losses:?} never differ");
    };
    let base = class(10.0, 2, &[]);
    ascending(
        [6, 5, 4, 3, 2, 1]
            .map(|n| lost(&class(10.0, n, &[]), 1040.0))
            .to_vec(),
    );
    ascending(
        [1021.0, 1030.0, 1050.0, 1090.0]
            .map(|end| lost(&base, end))
            .to_vec(),
    );
    let returns: [&[f64]; 3] = [&[600.0, 900.0], &[600.0], &[]];
    ascending(
        returns
            .map(|returns| lost(&class(10.0, 1, returns), 1700.0))
            .to_vec(),
    );
    let patient = |patience| {
        let mut class = class(patience, 3, &[]);
        class.press_again_after = SimDuration::ZERO;
        let line = line(&[(1000.0, Answer::Hang), (1060.0, Answer::Ok)]);
        tally(&demand(7.0, class), &line, 6).lost()
    };
    ascending([40.0, 25.0, 15.0, 5.0, 1.0].map(patient).to_vec());
}

#[test]
fn observed_minutes_are_those_of_the_chart() {
    // With one press and no return, attempts are first presses.
    let mut demand = demand(0.2, class(60.0, 1, &[]));
    demand.populations[0].objective = 0.3;
    let line = line(&[
        (610.0, Answer::Hang),
        (900.0, Answer::Error(Cause::Oom)),
        (1010.0, Answer::Ok),
        (2000.0, Answer::Error(Cause::Oom)),
        (2025.0, Answer::Ok),
    ]);
    let answers = [answers(&line)];
    for trial in 0..50 {
        let streams = Streams::for_trial(3, trial);
        let window = (at(0.0), at(3600.0));
        let chart = look(&demand, &answers, &streams, at(3600.0), window)
            .expect("a window")
            .minutes;
        let is_down = chart
            .iter()
            .filter(|m| m.failed as f64 > 0.3 * (m.ok + m.failed) as f64);
        let outcome = run(&demand, &line, trial);
        assert_eq!(
            outcome.populations[0].minutes_observed_down,
            is_down.count() as u64
        );
        let failed: u64 = chart.iter().map(|minute| minute.failed).sum();
        assert_eq!(outcome.populations[0].tally.failed_attempts(), failed);
        // A part of the chart is that part of the whole.
        let part = (at(1800.0), at(2400.0));
        let part = look(&demand, &answers, &streams, at(3600.0), part)
            .expect("a window")
            .minutes;
        assert_eq!(part, chart[30..40]);
    }
}

#[test]
fn acknowledged_and_lost_are_the_captures_in_the_window() {
    let demand = demand(7.0, class(5.0, 1, &[600.0]));
    let line = line(&[(1000.0, Answer::Error(Cause::Oom)), (1100.0, Answer::Ok)]);
    let lost_acks = [(900.0, 1050.0), (1650.0, 1655.0)].map(|(from, to)| LostAcks {
        shard: None,
        from: at(from),
        to: at(to),
    });
    let answers = [Answers {
        lost_acks: &lost_acks,
        ..answers(&line)
    }];
    let arrivals = arrivals(&demand, 0);
    let first = arrivals.count(at(900.0 - 0.05), at(1000.0 - 0.05));
    let returned = arrivals.count(at(1050.0 - 0.05), at(1055.0 - 0.05));
    let fresh = arrivals.count(at(1650.0 - 0.05), at(1655.0 - 0.05));
    for mode in [Mode::Lazy, Mode::Eager] {
        let outcome = evaluate(
            &demand,
            &answers,
            &Streams::for_trial(3, 0),
            at(3600.0),
            mode,
        );
        assert_eq!(
            outcome.populations[0].tally.acked_lost,
            first + returned + fresh
        );
    }
}
