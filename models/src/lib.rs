//! The world: everything that knows what Redis is.

pub mod answer;
pub mod demand;
