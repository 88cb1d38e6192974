//! Redis Sentinel against its rules, against itself, and against measurements of a real Redis.

mod comparison;
mod dormancy;
mod drive;
mod failover;
mod gray;
mod lab;
mod random_worlds;
mod rules;
mod stats;
