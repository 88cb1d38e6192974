//! The measuring laboratory: what was done to a real Redis, done to the model.
//!
//! A run boots a deployment of fresh processes, waits until it is healthy, lets one client write
//! every 10 ms, waits half a second and a random phase, stops or kills a primary, and watches until
//! writes have been good for a while. What comes out has the columns of
//! `models/failover/lab/*.csv`, so that simulated runs can be held against measured ones.
//!
//! ```text
//!   Setting ──► a Deployment (cluster.rs, sentinel.rs) ◄── questions ── the client: probe.rs
//!                  │ what the servers log: detected, promoted           │ what a user sees
//!                  └──────────────────────────► LabRun ◄────────────────┘
//! ```
//!
//! The clusters of a laboratory are seconds old at the fault, their crons nearly in step, and
//! packets take tenths of a millisecond: not the cluster of an ordinary day. Only the boot and the
//! single machine (`ClusterBus::set_loopback`) differ from how the simulator runs a bus anywhere
//! else. Left out: load of the measuring machine, reading back the keys afterwards.

mod cluster;
mod drive;
mod measured;
mod probe;
mod run;
mod sentinel;
mod sentinel_drive;
mod setting;

pub use drive::BusDrive;
pub use measured::{MEASURED, Measured};
pub use probe::{Address, Deployment, Failures, Probe, ProbeLog, ProcessState, WriteAnswer};
pub use run::{LabError, LabRun, Milestones, SentinelSteps, run};
pub use sentinel_drive::SentinelDrive;
pub use setting::{ClusterSetting, Fault, ProbeSpec, SentinelSetting, Setting};
