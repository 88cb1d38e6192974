//! When a node's memory becomes trouble, as a number of dataset bytes.
//!
//! Everything but the dataset is known at an instant (tables, buffers, backlog, copied pages), so
//! every limit can be turned into "the dataset size from which on this node is in trouble", and the
//! instant of the trouble is a crossing of the dataset's growth. Which limit bites follows from the
//! numbers:
//!
//! ```text
//! used     = start-up + dataset + tables + buffers + backlog     (M1)
//! counted  = used - uncounted                       (what maxmemory is compared with, M2)
//! resident = used x fragmentation + copied          (what the host has to hold)
//!
//! counted  >= maxmemory, noeviction, primary  -> writes get -OOM   (M3; replicas ignore it, M6)
//! lasting  >= maxmemory, a volatile policy    -> the same: nothing is left that may go
//! resident >= memory, no swap                 -> the kernel kills  (F7)
//! resident >= memory, swap: a part of the commands brings back pages first      -> late (F9)
//! ... and the load's page faults fill the thread's time                          -> stalled (F9)
//! ```
//!
//! The stall: a command touches a few pages (bucket, entry, key, value). With a share `m` of the
//! resident set swapped out and `c` commands a second the single thread is busy
//! `c x (command + pages x m x fault)` seconds a second; at 1 it gets nowhere, and since the bus
//! shares the thread, neither does the bus. Before that commands are late: those that fault take
//! longer, and all wait in one line for the thread, by M/M/1 `s / (1 - c x s)` with the mean time
//! `s` of a command. How late is known in steps of a factor of four ([`Slowness`]). A replica that
//! serves nobody applies only the writes: it holds the same data and is well, until it is promoted.
//! Pages are taken to be swapped out evenly; the kernel prefers cold ones, so the model stalls a
//! little too early.

use sim::SimDuration;

use super::evict::Evictable;
use super::growth::Measure;
use crate::spec::RedisSpec;
use crate::spec::limits::NODE_MEMORY_MAX;
use crate::spec::redis::MaxmemoryPolicy;

/// What a server without data or clients takes: measured on Redis 7.0.15 (`used_memory_startup`).
pub const STARTUP: f64 = 876_176.0;

/// Pages that one command touches: hash bucket, entry, key and value (an assumption).
const PAGES_PER_COMMAND: f64 = 4.0;

/// What happens to a node at a limit, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It refuses writes with `-OOM`.
    Refuses,
    /// It spends its time on page faults.
    Stalls,
    /// The kernel kills it.
    Killed,
}

/// How much later than usual a node answers, on average. Because it swaps, that is known in steps:
/// from 2 ms times 4 to the power of the step on, up to four times that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slowness(SimDuration);

impl Slowness {
    /// Up to 2 s: a line in which one waits for longer takes longer to form than memory takes from
    /// there to the stall.
    const STEPS: u8 = 5;

    /// Every step of a node that swaps, from the least on: the geometric middle of each.
    pub fn all() -> impl Iterator<Item = Slowness> {
        (0..Slowness::STEPS).map(|step| Slowness(SimDuration::from_millis(4 << (2 * step))))
    }

    /// That of a node that answers so much later; none for less than a millisecond.
    pub fn of(late: SimDuration) -> Option<Slowness> {
        (late >= SimDuration::from_millis(1)).then_some(Slowness(late))
    }

    /// Where a step begins.
    fn from(self) -> SimDuration {
        self.0.scaled(0.5)
    }

    /// How much later an answer comes.
    pub fn late(self) -> SimDuration {
        self.0
    }
}

/// The memory of one node, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Bytes of the dataset that are not here: lost, or evicted.
    gone: f64,
    /// Of those, bytes that were evicted. Under a volatile policy none of them lasts.
    evicted: f64,
}

/// What lies on a node beside its dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Does it enforce `maxmemory`? Only a primary does (`replica-ignore-maxmemory yes`).
    pub primary: bool,
    /// Bytes of its hash tables.
    pub tables: f64,
    /// Bytes of the buffers of clients, subscribers and replicas.
    pub buffers: f64,
    /// Bytes of those that `maxmemory` does not count: replication buffers beyond the backlog
    /// (evict.c: freeMemoryGetNotCountedMemory).
    pub uncounted: f64,
    /// Resident bytes on top of used memory while a child saves: copied pages and page tables.
    pub copied: f64,
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
            maxmemory: spec.maxmemory.map(|limit| limit.of(node_memory)),
            policy: spec.maxmemory_policy,
            swap: spec.swap,
            fragmentation: spec.lasting_fragmentation().get(),
            backlog: spec.backlog.as_f64(),
            command_time: spec.command_time,
            swap_fault: spec.swap_fault,
            gone: 0.0,
            evicted: 0.0,
        }
    }

    /// From now on resident memory is so many times what is used.
    pub fn set_fragmentation(&mut self, fragmentation: f64) {
        self.fragmentation = fragmentation;
    }

    /// The same node with a copy of a dataset of which so many bytes had been evicted before.
    pub fn without(self, gone: f64) -> NodeMemory {
        let part = if gone < self.gone {
            gone / self.gone
        } else {
            1.0
        };
        NodeMemory {
            gone,
            evicted: self.evicted * part,
            ..self
        }
    }

    /// So many bytes more are evicted.
    pub fn evict(self, more: f64) -> NodeMemory {
        NodeMemory {
            gone: self.gone + more,
            evicted: self.evicted + more,
            ..self
        }
    }

    /// It lacks what another one does, as far as that was evicted.
    pub fn evicted_as(self, other: &NodeMemory) -> NodeMemory {
        NodeMemory {
            evicted: other.evicted.min(self.gone),
            ..self
        }
    }

    /// Bytes of the dataset that are not here.
    pub fn gone(&self) -> f64 {
        self.gone
    }

    /// Used memory that a node can hold at most before anything bites: what usage is a share of.
    pub fn limit(&self) -> f64 {
        let host = self.available / self.fragmentation;
        self.maxmemory.map_or(host, |limit| limit.min(host))
    }

    /// Used memory with `dataset` bytes of data. Eviction keeps it at `maxmemory`.
    pub fn used(&self, dataset: f64, load: Load) -> f64 {
        let used = dataset + self.fixed(load);
        let evicts_at = self.evicts_at().map(|limit| limit + load.uncounted);
        evicts_at.map_or(used, |limit| used.min(limit))
    }

    /// Resident memory with `dataset` bytes of data.
    pub fn resident(&self, dataset: f64, load: Load) -> f64 {
        self.used(dataset, load) * self.fragmentation + load.copied
    }

    /// May so many more bytes be allocated without going beyond `maxmemory`?
    pub fn allows(&self, dataset: f64, load: Load, more: f64) -> bool {
        let counted = self.used(dataset, load) - load.uncounted + more;
        self.maxmemory.is_none_or(|limit| counted <= limit)
    }

    /// What the process may hold resident, and whether the host swaps beyond that.
    pub fn host(&self) -> (f64, bool) {
        (self.available, self.swap)
    }

    /// `maxmemory`, if set.
    pub fn maxmemory(&self) -> Option<f64> {
        self.maxmemory
    }

    /// `maxmemory`, if set, becomes this multiple of itself, up to what a machine can have.
    pub fn raise_maxmemory(&mut self, to: f64) {
        let raised = |limit: f64| (limit * to).min(NODE_MEMORY_MAX.as_f64().max(limit));
        self.maxmemory = self.maxmemory.map(raised);
    }

    /// Are keys evicted rather than writes refused?
    pub fn evicts(&self) -> bool {
        self.evicts_at().is_some()
    }

    /// The dataset size from which on keys are evicted, if they are.
    pub fn evicts_from(&self, load: Load) -> Option<f64> {
        let limit = self.evicts_at()?;
        Some(limit + load.uncounted - self.fixed(load))
    }

    /// The dataset size at which this much is resident.
    pub fn dataset_at_resident(&self, resident: f64, load: Load) -> f64 {
        (resident - load.copied) / self.fragmentation - self.fixed(load)
    }

    /// The part of a dataset that can be loaded before the kernel kills; 1 if all of it can.
    pub fn loadable(&self, dataset: f64, load: Load) -> f64 {
        let alone = Load {
            buffers: 0.0,
            copied: 0.0,
            ..load
        };
        let needed = (self.used(dataset, alone) - self.backlog) * self.fragmentation;
        if self.swap {
            1.0
        } else {
            (self.available / needed).min(1.0)
        }
    }

    /// Everything that is used beside the dataset, less what has gone of it.
    fn fixed(&self, load: Load) -> f64 {
        STARTUP + load.tables + load.buffers + self.backlog - self.gone
    }

    /// Used memory at which keys are evicted, if they are.
    fn evicts_at(&self) -> Option<f64> {
        match self.policy.evictable() {
            Evictable::Nothing => None,
            Evictable::Volatile | Evictable::Everything => self.maxmemory,
        }
    }

    /// The dataset size at which used memory is this share of the limit.
    pub fn dataset_at_usage(&self, share: f64, load: Load) -> f64 {
        share * self.limit() - self.fixed(load)
    }

    /// The sizes from which on the node is in trouble under `load`, and what the trouble is: none
    /// if nothing ever bites (a replica that nobody asks anything, with swap).
    pub fn troubles(&self, load: Load) -> [Option<(Measure, f64, Trouble)>; 2] {
        let refused = match self.policy.evictable() {
            Evictable::Nothing => Some(Measure::Bytes),
            Evictable::Volatile => Some(Measure::Lasting),
            Evictable::Everything => None,
        };
        let fixed = self.fixed(load);
        let limit = self.maxmemory.filter(|_| load.primary);
        // What was evicted under a volatile policy is none of what lasts.
        let stays = match refused {
            Some(Measure::Lasting) => self.evicted,
            _ => 0.0,
        };
        let refuses = refused.zip(limit).map(|(measure, limit)| {
            let size = limit + load.uncounted - fixed - stays;
            (measure, size, Trouble::Refuses)
        });
        let host = if self.swap {
            self.stall_used(load).map(|used| (used, Trouble::Stalls))
        } else {
            let used = (self.available - load.copied) / self.fragmentation;
            Some((used, Trouble::Killed))
        };
        let kept_below = |used: f64| {
            let kept = self.evicts_at().map(|limit| limit + load.uncounted);
            kept.is_some_and(|limit| limit < used)
        };
        let host = host
            .filter(|(used, _)| !kept_below(*used))
            .map(|(used, trouble)| (Measure::Bytes, used - fixed, trouble));
        [refuses, host]
    }

    /// The dataset sizes from which on the node answers so slowly under `load`; none where it never
    /// does, or stalls before.
    pub fn slows(&self, load: Load) -> impl Iterator<Item = (f64, Slowness)> + '_ {
        let stalls = self.stall_used(load).unwrap_or(f64::INFINITY);
        let fixed = self.fixed(load);
        let steps = Slowness::all().take(if self.swap { usize::MAX } else { 0 });
        let sizes = steps.map_while(move |step| Some((self.slow_used(load, step)?, step)));
        let kept = self.evicts_at().map(|limit| limit + load.uncounted);
        let before = move |used: f64| used < stalls && kept.is_none_or(|limit| used <= limit);
        let sizes = sizes.take_while(move |(used, _)| before(*used));
        sizes.map(move |(used, step)| (used - fixed, step))
    }

    /// Used memory from which on commands are answered so much later.
    fn slow_used(&self, load: Load, step: Slowness) -> Option<f64> {
        let command = self.command_time.as_secs_f64();
        let usual = command / (1.0 - load.commands * command);
        if usual < 0.0 || !usual.is_finite() {
            return None;
        }
        // M/M/1: what is answered after w on average has a mean service time of w / (1 + c w).
        let after = usual + step.from().as_secs_f64();
        let mean = after / (1.0 + load.commands * after);
        let fault = PAGES_PER_COMMAND * self.swap_fault.as_secs_f64();
        let swapped_share = (mean - command) / fault;
        let resident = self.available / (1.0 - swapped_share);
        (swapped_share < 1.0).then(|| (resident - load.copied) / self.fragmentation)
    }

    /// Used memory at which page faults fill the thread's time.
    fn stall_used(&self, load: Load) -> Option<f64> {
        let spare = 1.0 / load.commands - self.command_time.as_secs_f64();
        let fault = PAGES_PER_COMMAND * self.swap_fault.as_secs_f64();
        let swapped_share = spare.max(0.0) / fault;
        let resident = self.available / (1.0 - swapped_share);
        (swapped_share < 1.0).then(|| (resident - load.copied) / self.fragmentation)
    }
}
