//! Failover: how a group of Redis nodes finds out that a primary is gone, and who takes its place.

pub mod cluster_bus;
pub mod sentinel;
