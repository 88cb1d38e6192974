//! The cluster bus against its rules and against itself.

mod dormancy;
mod drive;
mod elections;
mod random_worlds;
mod rules;
mod shared;
