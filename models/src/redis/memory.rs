//! When a node's memory becomes trouble, as a number of dataset bytes.
//!
//! Everything but the dataset is known in each role (client buffers, backlog), so every limit can
//! be turned into "the dataset size from which on this node is in trouble", and the instant of the
//! trouble is a crossing of the dataset's growth. Which limit bites follows from the numbers:
//!
//! ```text
//! used     = dataset + client buffers + backlog   (what maxmemory is compared with, M1-M2)
//! resident = used x fragmentation                 (what the host has to hold)
//!
//! used     >= maxmemory, noeviction, primary  -> writes get -OOM   (M3; replicas ignore it, M6)
//! resident >= memory, no swap                 -> the kernel kills  (F7)
//! resident >= memory, swap, and the load's page faults fill the thread's time -> stalled (F9)
//! ```
//!
//! The stall: a command touches a few pages (bucket, entry, key, value). With a share `m` of the
//! resident set swapped out and `c` commands a second the single thread is busy
//! `c x (command + pages x m x fault)` seconds a second; at 1 it gets nowhere, and since the bus
//! shares the thread, neither does the bus. A replica that serves nobody applies only the writes:
//! it holds the same data and is well, until it is promoted. Pages are taken to be swapped out
//! evenly; the kernel prefers cold ones, so the model stalls a little too early.

use sim::SimDuration;

use crate::spec::RedisSpec;
use crate::spec::redis::MaxmemoryPolicy;

/// Pages that one command touches: hash bucket, entry, key and value (an assumption).
const PAGES_PER_COMMAND: f64 = 4.0;

/// What happens to a node at a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It refuses writes with `-OOM`.
    Refuses,
    /// It spends its time on page faults.
    Stalls,
    /// The kernel kills it.
    Killed,
}

/// The memory of one node, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct NodeMemory {
    /// What the process may hold resident: the node's memory less the system's reserve.
    available: f64,
    /// `maxmemory`, if set.
    maxmemory: Option<f64>,
    policy: MaxmemoryPolicy,
    swap: bool,
    fragmentation: f64,
    backlog: f64,
    command_time: SimDuration,
    swap_fault: SimDuration,
}

/// What a node's role lays on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Does it enforce `maxmemory`? Only a primary does (`replica-ignore-maxmemory yes`).
    pub primary: bool,
    /// Bytes of client buffers.
    pub buffers: f64,
    /// Commands per second that it executes.
    pub commands: f64,
}

impl NodeMemory {
    /// A node with this much memory.
    pub fn new(spec: &RedisSpec, node_memory: f64) -> NodeMemory {
        let available = node_memory - spec.system_reserve.as_f64();
        assert!(available > 0.0, "a layout leaves every node some memory");
        NodeMemory {
            available,
            maxmemory: spec.maxmemory.map(|share| share.get() * node_memory),
            policy: spec.maxmemory_policy,
            swap: spec.swap,
            fragmentation: spec.fragmentation.get(),
            backlog: spec.backlog.as_f64(),
            command_time: spec.command_time,
            swap_fault: spec.swap_fault,
        }
    }

    /// Used memory that a node can hold at most before anything bites: what usage is a share of.
    pub fn limit(&self) -> f64 {
        let host = self.available / self.fragmentation;
        self.maxmemory.map_or(host, |limit| limit.min(host))
    }

    /// Used memory with `dataset` bytes of data.
    pub fn used(&self, dataset: f64, load: Load) -> f64 {
        dataset + load.buffers + self.backlog
    }

    /// The dataset size at which used memory is this share of the limit.
    pub fn dataset_at_usage(&self, share: f64, load: Load) -> f64 {
        share * self.limit() - load.buffers - self.backlog
    }

    /// The dataset size from which on the node is in trouble under `load`, and what the trouble is;
    /// `None` if nothing ever bites (a replica that nobody asks anything, with swap).
    pub fn trouble(&self, load: Load) -> Option<(f64, Trouble)> {
        let refuses = match self.policy {
            MaxmemoryPolicy::Noeviction if load.primary => self.maxmemory,
            MaxmemoryPolicy::Noeviction | MaxmemoryPolicy::AllkeysLru => None,
        };
        let refuses = refuses.map(|limit| (limit, Trouble::Refuses));
        let host = if self.swap {
            self.stall_used(load.commands)
                .map(|used| (used, Trouble::Stalls))
        } else {
            Some((self.available / self.fragmentation, Trouble::Killed))
        };
        let (used, trouble) = [refuses, host]
            .into_iter()
            .flatten()
            .min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        Some((used - load.buffers - self.backlog, trouble))
    }

    /// Used memory at which page faults fill the thread's time.
    fn stall_used(&self, commands: f64) -> Option<f64> {
        let spare = 1.0 / commands - self.command_time.as_secs_f64();
        let fault = PAGES_PER_COMMAND * self.swap_fault.as_secs_f64();
        let swapped_share = spare.max(0.0) / fault;
        (swapped_share < 1.0).then(|| self.available / (1.0 - swapped_share) / self.fragmentation)
    }
}
