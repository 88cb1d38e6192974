//! Remedies that act by themselves: alerts that call people, and scaling.

pub mod alert;
pub mod autoscaler;
pub mod server_scaler;
