//! One trial, from its specification to its row: build, run, settle.

use sim::budget::CHECK_EVERY;
use sim::quantity::Bytes;
use sim::{Agenda, Budget, BudgetError, EngineError, SimTime, Streams, run};

use crate::RunOptions;
use crate::event::Event;
use crate::outcome::TrialResult;
use crate::spec::limits::{TRIAL_EVENTS, TRIAL_MEMORY};
use crate::world::{self, World, WorldSpec};

/// Runs one trial of a validated scenario, within the limits of events and memory that hold unless
/// somebody says otherwise.
///
/// # Errors
/// If it exceeds one of them.
pub fn run_trial(
    spec: &WorldSpec,
    streams: &Streams,
    options: &RunOptions,
) -> Result<TrialResult, BudgetError> {
    let budget = Budget::new(TRIAL_EVENTS, TRIAL_MEMORY, &|| None);
    run_trial_within(spec, streams, options, &budget)
}

/// The same within `budget`: events of the infrastructure and of the visits that are opened add up,
/// over all runs of the trial (`service/overload.rs` says why there may be several).
///
/// # Errors
/// If the budget is used up.
pub fn run_trial_within(
    spec: &WorldSpec,
    streams: &Streams,
    options: &RunOptions,
    budget: &Budget,
) -> Result<TrialResult, BudgetError> {
    let streams = &streams.kept();
    let mut known = Vec::new();
    loop {
        let mut world = world::world(spec, streams, options, &known);
        let mut agenda = Agenda::new();
        world.start(&mut agenda);
        run_world(&mut world, &mut agenda, budget)?;
        let counted = world::count(&world, streams, options.mode, budget)?;
        if counted.overloads == known {
            return world::settle(world, counted, (streams, options.watched), budget);
        }
        known = counted.overloads;
    }
}

/// Runs the infrastructure to the end of the trial.
fn run_world(
    world: &mut World,
    agenda: &mut Agenda<Event>,
    budget: &Budget,
) -> Result<(), BudgetError> {
    let end: SimTime = world.end;
    loop {
        let (events, ended) = match run(world, agenda, end, CHECK_EVERY) {
            Ok(summary) => (summary.events, true),
            Err(EngineError::EventLimit { limit, .. }) => (limit, false),
        };
        let pending = agenda.len() * size_of::<Event>() + world.ledger.memory();
        budget.spend(events, agenda.now(), || Bytes::new(pending as u64))?;
        if ended {
            return Ok(());
        }
    }
}
