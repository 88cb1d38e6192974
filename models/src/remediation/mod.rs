//! Remedies that do not wait for somebody to notice: an alert on memory, and scaling by itself.

pub mod alert;
pub mod autoscaler;
