//! The world: everything that knows what Redis is.

pub mod answer;
mod build;
pub mod check;
pub mod cluster;
pub mod demand;
pub mod event;
pub mod failover;
pub mod fault;
pub mod ids;
pub mod layout;
pub mod ledger;
pub mod outcome;
pub mod people;
pub mod redis;
pub mod remediation;
pub mod service;
mod settlement;
pub mod spec;
pub mod streams;
mod visitors;
pub mod world;

pub use outcome::{ComponentDowntime, Timeline, TrialOutcome};
pub use spec::{Problem, WorldSpec};
pub use world::{RunOptions, TrialError, TrialResult, run_trial};

/// How a trial is evaluated. Both ways give the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only what somebody looks at is evaluated.
    Lazy,
    /// Everything is, request by request and heartbeat by heartbeat.
    Eager,
}
