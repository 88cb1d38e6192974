//! The world: everything that knows what Redis is.
//!
//! ```text
//!  faults, growth ──► clusters (nodes, memory, bus) ──► services ──► signers
//!                        ▲   ▲                             │
//!         people, autoscaler └── health checks, alerts ────┘
//! ```
//!
//! Truth is in the clusters; everybody else knows what came back when they asked. `spec` is the
//! input, `outcome` the result, `trial` runs one; `world` routes events and has no behaviour.
//! Signers are counted at the end (`demand`) against what their service answered, since nothing
//! that they do changes what the infrastructure does here.

pub mod blast;
pub mod check;
pub mod cluster;
pub mod event;
pub mod fault;
pub mod findings;
#[cfg(test)]
mod given;
pub mod ids;
pub mod layout;
pub mod ledger;
pub mod moment;
pub mod outcome;
pub mod people;
mod problems;
pub mod redis;
pub mod remediation;
pub mod runbook;
pub mod service;
pub mod spec;
pub mod spool;
pub mod streams;
pub mod traffic;
mod trial;
pub mod world;

pub use demand::Mode;
pub use findings::Problem;
pub use outcome::{ComponentDowntime, Timeline, TrialOutcome, TrialResult};
pub use trial::{run_trial, run_trial_within};
pub use world::WorldSpec;

/// How a trial is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Lazily, or everything opened.
    pub mode: Mode,
    /// Keep the timeline, the trace and the draws.
    pub story: bool,
    /// With a story: a stretch whose attempts are looked at too, beside those around the outage;
    /// absent: only those.
    pub watched: Option<(sim::SimTime, sim::SimTime)>,
}
