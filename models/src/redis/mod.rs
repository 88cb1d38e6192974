//! One Redis node: what it can do, what it holds, and what moving its data takes.

pub mod capability;
pub mod growth;
pub mod memory;
pub mod replication;
pub mod sync;
