//! One trial, from its specification to its row: build, run, settle.

use sim::{Agenda, EngineError, SimTime, Streams, run};

use crate::RunOptions;
use crate::outcome::TrialResult;
use crate::world;
use crate::world::WorldSpec;

/// Why a trial could not be finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The event limit was reached.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// More events than any trial of a sensible scenario needs.
const EVENT_LIMIT: u64 = 200_000_000;

/// Runs one trial of a validated scenario.
///
/// # Errors
/// If the trial needs more events than any sensible scenario.
pub fn run_trial(
    spec: &WorldSpec,
    streams: &Streams,
    options: &RunOptions,
) -> Result<TrialResult, TrialError> {
    let streams = &streams.kept();
    let end = SimTime::ZERO + spec.horizon;
    let mut world = world::world(spec, streams, options);
    let mut agenda = Agenda::new();
    world.start(&mut agenda);
    run(&mut world, &mut agenda, end, EVENT_LIMIT)?;
    Ok(world::settle(world, streams, options.mode))
}
