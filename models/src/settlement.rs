//! The end of a trial: signers are counted against what their service answered, and the row is
//! made up from the ledger.

use sim::{SimDuration, SimTime, Streams};

use crate::Mode;
use crate::demand::{self, Answers, PopulationOutcome};
use crate::layout;
use crate::outcome::{ComponentDowntime, TrialOutcome, TrialResult};
use crate::spec::{ActionSpec, WorldSpec};
use crate::visitors;
use crate::world::World;

/// The result of a world that has come to its end.
pub fn settle(world: World, streams: &Streams, mode: Mode) -> TrialResult {
    let (start, end) = (SimTime::ZERO, world.end);
    let (signers, minutes) = signers(&world, streams, mode);
    let tally = &signers.tally;
    let capture = &world.services[world.capture];
    let outage = capture.outage(end);
    let detect = outage.and_then(|(from, _)| {
        let found = world.ledger.detections.iter().min()?;
        Some(found.saturating_since(from).as_secs_f64())
    });
    let recover = outage.and_then(|(from, to)| Some((to? - from).as_secs_f64()));
    let outcome = TrialOutcome {
        visits: tally.visits,
        captured_first_try: tally.captured_first_try,
        captured_after_retry: tally.captured_after_retry,
        captured_on_return: tally.captured_on_return,
        spooled: tally.spooled,
        abandoned: tally.abandoned,
        still_pending: tally.still_pending,
        blocked: tally.blocked(),
        lost: tally.lost(),
        failed_attempts: tally.failed_attempts(),
        failed: tally.failed,
        acked_lost: tally.acked_lost,
        captured_twice: tally.captured_twice,
        downtime_true_s: capture.timeline().downtime(start, end).as_secs_f64(),
        downtime_observed_s: 60.0 * signers.minutes_observed_down as f64,
        detect_s: detect,
        recover_s: recover,
        failovers: world.ledger.failovers,
        useless_failovers: world.ledger.useless_failovers,
        false_failovers: world.ledger.false_failovers,
        cost_per_month_usd: cost_per_month(&world),
    };
    outcome.assert_adds_up();
    let components = components(&world);
    let mut ledger = world.ledger;
    let draws = std::mem::take(&mut ledger.draws);
    let moments = std::mem::take(&mut ledger.moments);
    let (trace, mut timeline) = ledger.into_story();
    timeline.minutes = minutes;
    TrialResult {
        outcome,
        components,
        timeline,
        moments,
        trace,
        draws,
    }
}

/// What became of the signers, counted against what every service answered; and their presses
/// minute by minute around the outage, if the trial is to be told.
fn signers(
    world: &World,
    streams: &Streams,
    mode: Mode,
) -> (PopulationOutcome, Vec<(u64, u64, u64)>) {
    let lost_acks = visitors::lost_acks(world);
    let answers: Vec<Answers> = world
        .services
        .iter()
        .zip(&lost_acks)
        .map(|((_, service), lost_acks)| Answers {
            timeline: service.timeline(),
            lost_acks,
        })
        .collect();
    let demand = visitors::demand(world.spec);
    let mut outcome = demand::evaluate(&demand, &answers, streams, world.end, mode);
    let minutes = strip(world).map_or_else(Vec::new, |window| {
        demand::minutes(&demand, 0, &answers, streams, world.end, window)
    });
    let minutes = minutes
        .iter()
        .map(|minute| (minute.minute, minute.ok, minute.failed));
    (outcome.populations.swap_remove(0), minutes.collect())
}

/// Around the outage, if there was one and the trial is to be told: the minutes worth a chart.
fn strip(world: &World) -> Option<(SimTime, SimTime)> {
    let (from, to) = world.services[world.capture].outage(world.end)?;
    let to = to.unwrap_or(world.end).min(from + STRIP_MAX);
    let window = (
        from.saturating_sub(STRIP_MARGIN),
        to.saturating_add(STRIP_MARGIN),
    );
    world.ledger.tells().then_some(window)
}

/// How long before and after an outage the strip of attempts reaches.
const STRIP_MARGIN: SimDuration = SimDuration::from_mins(30);

/// The longest stretch of an outage that the strip shows.
const STRIP_MAX: SimDuration = SimDuration::from_hours(12);

/// A component is up while all of its services are: its downtime is that of their worst.
fn components(world: &World) -> Vec<ComponentDowntime> {
    let component = |component: &crate::spec::ComponentSpec| {
        let mut down = sim::Intervals::new();
        for name in &component.services {
            let (_, service) = world
                .services
                .iter()
                .find(|(_, service)| service.name == *name)
                .expect("validated: components name services");
            for (from, to, answer) in service.timeline().spans(world.end) {
                if !answer.captures() {
                    down.add(from, to);
                }
            }
        }
        let downtime_true_s = down.total().as_secs_f64();
        ComponentDowntime {
            component: component.name.clone(),
            downtime_true_s,
        }
    };
    world.spec.components.iter().map(component).collect()
}

/// Nodes by what was paid for over the trial, and the fees of what stands beside them.
fn cost_per_month(world: &World) -> f64 {
    let spec: &WorldSpec = world.spec;
    let nodes = world
        .clusters
        .iter()
        .map(|(_, cluster)| cluster.nodes().len())
        .sum();
    let mut byte_seconds = 0.0;
    for (i, (from, bytes)) in world.paid.iter().enumerate() {
        let to = world.paid.get(i + 1).map_or(world.end, |(next, _)| *next);
        byte_seconds += bytes * (to - *from).as_secs_f64();
    }
    let bytes = byte_seconds / spec.horizon.as_secs_f64();
    let price = &spec.price;
    let spools = |check: &crate::spec::CheckSpec| check.actions.contains(&ActionSpec::OpenSpool);
    let mut cost = layout::nodes_per_month(spec, nodes, bytes);
    cost += spec.health_checks.len() as f64 * price.check_month.get();
    cost += f64::from(u8::from(spec.health_checks.iter().any(spools))) * price.spool_month.get();
    cost += f64::from(u8::from(!spec.alerts.is_empty())) * price.alert_month.get();
    cost += spec
        .autoscaler
        .as_ref()
        .map_or(0.0, |_| price.autoscaler_month.get());
    cost
}
