//! Tests of whole worlds, in one binary: linking one takes less time than fourteen.

mod alerts;
mod balancers;
mod capability_lab;
mod cold_cache;
mod connections;
mod degraded;
mod evictions;
mod full_sync_lab;
mod latency;
mod layouts;
mod memory_lab;
mod memory_pages;
mod modes;
mod overload;
mod people;
mod processes;
mod queues;
mod random_worlds;
mod replication;
mod restarts;
mod spool;
mod stories;
mod support;
mod traffic;
mod views;
mod world;
