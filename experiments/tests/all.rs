//! Tests of the whole program and of what stands around it, in one binary: linking one takes less
//! time than twenty.

mod cli;
mod common_random_numbers;
mod docs;
mod extension;
mod failing;
mod golden;
mod hazards;
mod incident;
#[cfg(unix)]
mod interruption;
mod layers;
mod limits;
mod malformed;
mod plan;
mod presets;
mod replay;
mod runbooks;
mod schema;
mod series;
mod standing;
mod support;
mod sweep;
mod tidy;
mod trace;
mod validate;
mod validate_nodes;
