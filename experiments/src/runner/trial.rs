//! One trial, within its limits and until it is stopped. A panic, a limit that is reached and an
//! interruption all come back as a [`Failure`]: so a run of many trials goes on with the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use models::spec::limits::{TRIAL_EVENTS, TRIAL_MEMORY, TRIAL_TIME};
use models::{RunOptions, TrialResult, WorldSpec, run_trial_within};
use sim::quantity::Bytes;
use sim::{Budget, BudgetError, Halt, SimDuration, Streams};

use super::caught;
use crate::error::Error;

/// What one trial may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events, those of opened visits among them.
    pub events: u64,
    /// What is kept of events, visits and requests at one instant.
    pub memory: Bytes,
    /// Running time. Unlike the others it depends on the machine.
    pub time: SimDuration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            events: TRIAL_EVENTS,
            memory: TRIAL_MEMORY,
            time: TRIAL_TIME,
        }
    }
}

/// Why a trial has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The user has interrupted.
    Stopped,
    /// The trial panicked or reached a limit: what happened, in one clause.
    Failed(String),
}

impl Failure {
    /// The failure as that of a command which needs this trial.
    pub fn of_trial(self, point: &str, trial: u64, replay: Option<String>) -> Error {
        match self {
            Failure::Stopped => Error::Interrupted,
            Failure::Failed(wrong) => Error::Trial {
                point: point.to_owned(),
                trial,
                wrong,
                replay,
            },
        }
    }
}

impl Limits {
    /// The options of a command that set what differs from the defaults.
    pub fn options(&self) -> Vec<String> {
        let usual = Limits::default();
        let options = [
            (
                "--trial-events",
                self.events.to_string(),
                self.events != usual.events,
            ),
            (
                "--trial-memory",
                self.memory.to_string(),
                self.memory != usual.memory,
            ),
            (
                "--trial-time",
                self.time.to_string(),
                self.time != usual.time,
            ),
        ];
        let set = options.into_iter().filter(|(.., differs)| *differs);
        set.flat_map(|(name, value, _)| [name.to_owned(), value])
            .collect()
    }
}

/// Runs one trial.
///
/// # Errors
/// If it is stopped, reaches a limit, or panics.
pub fn simulate(
    spec: &WorldSpec,
    streams: &Streams,
    options: &RunOptions,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<TrialResult, Failure> {
    // The clock decides when a trial is given up, and reaches no result.
    #[allow(clippy::disallowed_methods)]
    let started = Instant::now();
    let outside = || {
        let late = || started.elapsed().as_nanos() >= u128::from(limits.time.as_nanos());
        if stop.load(Ordering::Relaxed) {
            Some(Halt::Stopped)
        } else {
            late().then_some(Halt::Time(limits.time))
        }
    };
    let budget = Budget::new(limits.events, limits.memory, &outside);
    match caught(|| run_trial_within(spec, streams, options, &budget)) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(BudgetError::Stopped { .. })) => Err(Failure::Stopped),
        Ok(Err(error)) => Err(Failure::Failed(with_option(&error))),
        Err(panic) => Err(Failure::Failed(panic)),
    }
}

/// What happened, and the option that moves the limit.
fn with_option(error: &BudgetError) -> String {
    let option = match error {
        BudgetError::Events { .. } => "--trial-events",
        BudgetError::Memory { .. } => "--trial-memory",
        BudgetError::Time { .. } => "--trial-time",
        BudgetError::Stopped { .. } => return error.to_string(),
    };
    format!("{error} ({option} sets it)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_that_differ_from_the_defaults_are_options_of_a_command() {
        assert!(Limits::default().options().is_empty());
        let limits = Limits {
            events: 7,
            time: SimDuration::from_secs(45),
            ..Limits::default()
        };
        let expected = ["--trial-events", "7", "--trial-time", "45s"];
        assert_eq!(limits.options(), expected);
    }
}
