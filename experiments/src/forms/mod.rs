//! What stands in a file, as types: studies, and what a replay compares. That of a scenario is
//! [`models::WorldSpec`].

pub mod condition;
pub mod range;
pub mod replay;
pub mod study;
