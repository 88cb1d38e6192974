//! Redis Sentinel against its rules and against itself.

mod dormancy;
mod drive;
mod failover;
mod gray;
mod random_worlds;
mod rules;
