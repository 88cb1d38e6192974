//! One Redis node: what it can do, what it holds, and what moving its data takes.

pub mod allocator;
pub mod capability;
pub mod commands;
pub mod evict;
pub mod fork;
pub mod growth;
pub mod keyspace;
pub mod memory;
pub mod output;
pub mod replication;
pub mod save;
pub mod sync;
pub mod table;
