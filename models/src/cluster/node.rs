//! One node of a cluster: its condition, and what clients and its role lay on it.

use sim::SimTime;

use super::save::Child;
use super::subscribers::Slow;
use crate::redis::capability::{Capabilities, Condition};
use crate::redis::memory::{NodeMemory, Trouble};

/// A node, in the truth.
#[derive(Clone, Debug)]
pub struct Node {
    /// The shard whose data it holds.
    pub shard: usize,
    /// The host on which it stands.
    pub host: usize,
    /// Its memory.
    pub memory: NodeMemory,
    /// Bytes of memory that are paid for.
    pub bytes: f64,
    /// What its process and host do, memory aside.
    pub fault: Option<Condition>,
    /// What memory does to it.
    pub trouble: Option<Trouble>,
    /// What its saves do to it.
    pub child: Child,
    /// Subscribers that do not read.
    pub slow: Option<Slow>,
    /// Does it hold itself for a primary?
    pub primary: bool,
    /// Do clients know it as the owner of its shard?
    pub known: bool,
    /// Are the clients' connections and their load back on it?
    pub loaded: bool,
    /// A copy that has all of its primary's data, or the primary itself.
    pub in_sync: bool,
    /// Promoted in the present outage, and whether that has already proved useless.
    pub promoted: Option<Promotion>,
}

/// A promotion, until it is known whether it helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// When.
    pub at: SimTime,
    /// Has the node met the trouble that it was to cure?
    pub useless: bool,
}

impl Node {
    /// Its condition: a fault of the process or host first, then what memory does.
    pub fn condition(&self) -> Condition {
        match (self.fault, self.trouble) {
            (Some(fault), _) => fault,
            (None, _) if self.child.forking => Condition::Hung,
            (None, Some(Trouble::Stalls)) => Condition::Stalled,
            (None, Some(Trouble::Killed)) => Condition::Killed,
            (None, _) if self.child.failed => Condition::SaveFailed,
            (None, Some(Trouble::Refuses)) => Condition::AtMaxmemory,
            (None, None) => Condition::Healthy,
        }
    }

    /// What it can do for whom.
    pub fn capabilities(&self) -> Capabilities {
        self.condition().capabilities()
    }
}
