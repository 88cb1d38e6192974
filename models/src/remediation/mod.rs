//! Remedies: what people's actions do, alerts that call them, and scaling by itself.

pub mod action;
pub mod alert;
pub mod autoscaler;
#[cfg(test)]
mod tests;
