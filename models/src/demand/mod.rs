//! Signers and callers who meet what a service answers, evaluated lazily and exactly.

use sim::Purpose;

mod outcome;
mod population;

pub use outcome::{DemandOutcome, PopulationOutcome, Tally};
pub use population::{Answers, Class, Client, Demand, Population, Service};

/// Arrivals of visits. Entity: the population; its classes are sub-streams, by position.
pub const ARRIVALS: Purpose = Purpose(40);

/// How much of the horizon is opened visit by visit. Never changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only what the answer and the class do not decide.
    Lazy,
    /// All of it.
    Eager,
}
