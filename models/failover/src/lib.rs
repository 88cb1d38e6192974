//! Failover: how a group of Redis nodes finds out that a primary is gone, and who takes its place.
//!
//! [`cluster_bus`] is Redis Cluster's own protocol, [`sentinel`] the processes that watch from
//! outside; both send over the same TCP (`tcp`). [`lab`] does to either what was done to a real
//! Redis and is held against what was measured.

pub mod cluster_bus;
pub mod lab;
mod problem;
pub mod sentinel;
pub mod streams;
pub mod tcp;

pub use problem::Problem;
