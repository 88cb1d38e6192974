//! Redis Sentinel against its rules, against itself, and against measurements of a real Redis.

mod comparison;
mod drive;
mod lab;
mod stats;
