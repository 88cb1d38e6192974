//! The questions: scenarios, studies, trials, statistics, and the `outage` command.
//!
//! ```text
//! study.toml + scenario.toml ─ document/, scenario.rs, study.rs ─► design points
//! design points × trials     ─ runner.rs ─► outcomes.csv           rows.rs
//! outcomes.csv               ─ stats/, report/ ─► tables, charts, report.html
//! design points × trials     ─ planning/ ─► the cheapest design that keeps what is asked
//! measurements               ─ validate/ ─► how far the model is from a real Redis
//! ```

pub mod builtin;
pub mod cli;
pub mod clients;
pub mod document;
pub mod error;
pub mod forms;
pub mod hazards;
pub mod measures;
pub mod planning;
pub mod preset;
pub mod progress;
pub mod replay;
pub mod report;
pub mod results;
pub mod rows;
pub mod runner;
pub mod scenario;
pub mod schema;
pub mod series;
pub mod sources;
pub mod stats;
pub mod study;
pub mod terminal;
pub mod validate;
