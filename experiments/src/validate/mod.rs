//! The model against measurements of a real Redis.
//!
//! ```text
//! CSV, one row a run ─ sheet.rs, read.rs ─► groups of one setting ─┐
//!                     setting ─ failover::lab, in parallel ─► runs ┴ judge.rs ─► lines ─ paper.rs
//!                     deed ─ node, a world of one shard, in parallel ────► runs ─► lines
//! lab/clients/measured.csv ─ clients.rs, presets in a world of `outage clients` ─► lines
//! ```
//!
//! A line compares one quantity under one setting: medians, 95th percentiles, distributions. The
//! settings are read from the columns, so files that nobody had when the model was built are judged
//! like those that are built in.

pub mod clients;
pub mod judge;
pub mod node;
pub mod paper;
pub mod read;
mod setting;
mod sheet;
mod simulate;

pub use judge::{Line, Quantity, Verdict, judge};
pub use simulate::Order;
