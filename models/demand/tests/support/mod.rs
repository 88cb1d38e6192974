//! What tests and benchmarks of demand share: entry points without a limit, a plain service and who
//! comes to it.

#![allow(dead_code, reason = "not every test needs all of it")]

use demand::answer::{Answer, AnswerTimeline};
use demand::{
    Answers, BackoffGrowth, Class, Client, Demand, DemandOutcome, MinuteTimes, Mode, Need,
    Population, Service, ServiceModel, Window,
};
use rand::RngExt;
use sim::{Budget, Intensity, Rng, SimDuration, SimTime, Streams};

/// [`demand::evaluate`] without a limit.
pub fn evaluate(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
    mode: Mode,
) -> DemandOutcome {
    let outcome = demand::evaluate(
        demand,
        answers,
        streams,
        horizon,
        (mode, &[]),
        &Budget::unlimited(),
    );
    outcome.expect("there is no limit").outcome
}

/// What becomes of all visits, lazily and eagerly, which must agree.
pub fn both_ways(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
) -> DemandOutcome {
    let run = |mode| evaluate(demand, answers, streams, horizon, mode);
    let (lazy, eager) = (run(Mode::Lazy), run(Mode::Eager));
    assert_eq!(lazy, eager);
    lazy
}

/// How long first presses at each service took in each of these minutes.
pub fn press_times(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    (horizon, minutes): (SimTime, &[u64]),
    (mode, limits): (Mode, &[SimDuration]),
) -> Vec<Vec<MinuteTimes>> {
    let limits = vec![limits.to_vec(); answers.len()];
    let how = (mode, &limits[..]);
    let budget = Budget::unlimited();
    let run = demand::evaluate(demand, answers, streams, horizon, how, &budget);
    let mut run = run.expect("there is no limit");
    let services = 0..demand.services.len();
    services
        .map(|n| run.first_press_times(n, minutes))
        .collect()
}

/// [`demand::look`] at the first population, without a limit.
pub fn look(
    demand: &Demand,
    answers: &[Answers],
    streams: &Streams,
    horizon: SimTime,
    around: (SimTime, SimTime),
) -> Option<Window> {
    let window = demand::look(
        demand,
        0,
        answers,
        streams,
        horizon,
        around,
        &Budget::unlimited(),
    );
    window.expect("there is no limit")
}

/// So many seconds.
pub fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

/// The instant after so many seconds.
pub fn at(s: f64) -> SimTime {
    SimTime::ZERO + seconds(s)
}

/// Any of these.
pub fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())].clone()
}

/// A duration anywhere between two orders of magnitude.
pub fn span(rng: &mut Rng, low: f64, high: f64) -> SimDuration {
    let log = low.ln() + (high / low).ln() * rng.random::<f64>();
    // Round numbers make ties, which are where orders of events show.
    let secs = if rng.random_bool(0.5) {
        (log.exp() * 2.0).round() / 2.0
    } else {
        log.exp()
    };
    seconds(secs.max(0.001))
}

/// A service that answers in 50 ms, with a client that never gives up.
pub fn service(workers: u32, queue_limit: u32) -> Service {
    Service {
        name: "api".to_owned(),
        workers,
        queue_limit,
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

/// Signers who wait for a minute, press again after a second and do not come back.
pub fn signers(presses_max: u32) -> Class {
    Class {
        name: "signers".to_owned(),
        share: 1.0,
        patience: seconds(60.0),
        presses_max,
        press_again_after: seconds(1.0),
        returns: Vec::new(),
    }
}

/// So many of them come to the first service a second, up to `horizon`.
pub fn population(rate: f64, class: Class, horizon: SimTime) -> Population {
    Population {
        name: "signers".to_owned(),
        entity: 0,
        service: 0,
        whole: 0,
        visits: Intensity::constant(rate, SimTime::ZERO, horizon),
        objective: 0.01,
        signers: true,
        classes: vec![class],
        home: 0,
    }
}

/// One service, and who comes there.
pub fn demand_of(service: Service, population: Population) -> Demand {
    Demand {
        services: vec![service],
        populations: vec![population],
        balancers: Vec::new(),
    }
}

/// The inside of a service with these needs.
pub fn inside(needs: Vec<Need>) -> ServiceModel {
    ServiceModel {
        work: None,
        runs_on: false,
        connect_timeout: None,
        offline_queue: None,
        growth: BackoffGrowth {
            factor: 1.0,
            max: seconds(60.0),
            jitter: 0.0,
        },
        retries_at_once: None,
        needs,
        stores: Vec::new(),
        losses: Vec::new(),
        crowded_out: Vec::new(),
    }
}

/// The service answers like this, and nothing else happens to it.
pub fn answers(timeline: &AnswerTimeline) -> Answers<'_> {
    Answers {
        timeline,
        lost_acks: &[],
        needs: &[],
        controls: &[],
    }
}

/// It answers well, but from these seconds on like this.
pub fn line(changes: &[(f64, Answer)]) -> AnswerTimeline {
    let mut line = AnswerTimeline::new();
    for (s, answer) in changes {
        line.set(at(*s), *answer);
    }
    line
}
