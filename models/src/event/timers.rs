//! What each kind of component waits for: plain data, so that an event names no component.

use sim::{SimDuration, SimTime};

use crate::ids::{HostId, NodeId, ServiceId, ShardId, ViewId};

/// What a cluster waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterTimer {
    /// A dataset reaches a size that matters to somebody.
    Memory,
    /// A shard's old hash table is empty.
    Rehashed,
    /// Lost keys would have expired by now.
    Fades {
        /// Of the last so much time.
        step: SimDuration,
    },
    /// The rate of commands changes.
    Pace,
    /// Time to record what full nodes have evicted.
    LooksForRoom,
    /// Keys of a full node have expired.
    Expires,
    /// The bus or the Sentinels have something to do.
    Control,
    /// The provider's control plane has made up its mind about a shard.
    Provider {
        /// The shard.
        shard: ShardId,
        /// What it had seen of the shard by then.
        turn: u32,
    },
    /// Clients have learnt of a shard's new owner.
    Follow {
        /// Which clients.
        view: ViewId,
        /// The shard.
        shard: ShardId,
        /// The node that they were told of.
        node: NodeId,
    },
    /// A shard's new owner is published.
    Published {
        /// The shard.
        shard: ShardId,
        /// Its owner.
        node: NodeId,
    },
    /// Clients are back on a node with all connections.
    Ramped {
        /// Which clients.
        view: ViewId,
        /// The node.
        node: NodeId,
    },
    /// Clients of a view try to connect to a node.
    Arrive {
        /// Which clients.
        view: ViewId,
        /// The node.
        node: NodeId,
        /// How many.
        count: u32,
        /// Their attempts before this one.
        tries: u32,
    },
    /// A node begins a round of handshakes.
    Accept(NodeId),
    /// It is over.
    Accepted {
        /// The node.
        node: NodeId,
        /// The round's number; an abandoned one says nothing.
        round: u32,
    },
    /// Clients give up what has not become a connection.
    GiveUp {
        /// Which clients.
        view: ViewId,
        /// The node.
        node: NodeId,
        /// Since when they have waited.
        since: SimTime,
    },
    /// Clients that a node has refused try again.
    AskAgain {
        /// Which clients.
        view: ViewId,
        /// The node.
        node: NodeId,
    },
    /// A supervisor starts a killed process again.
    Restart(NodeId),
    /// A node's host is there again.
    HostBack(NodeId),
    /// A Sentinel's host is there again.
    SentinelBack {
        /// The host.
        host: HostId,
    },
    /// A process has read its data.
    Loaded(NodeId),
    /// A process has read as much as fits.
    LoadKilled(NodeId),
    /// A node's save is due.
    SaveDue(NodeId),
    /// A child is done.
    Saved(NodeId),
    /// A node's process is a step more fragmented.
    Fragments(NodeId, Fragmenting),
    /// A write to a node's append-only file blocks.
    DiskBlocks(NodeId, Blocked),
    /// A disk may be well again.
    DiskWell(NodeId),
    /// Something happens to a node's slow subscribers.
    Slow(NodeId),
    /// A fault that was to last some time is over.
    FaultEnds(NodeId),
    /// Consumers of a workload's queue are back at their pace.
    ConsumersBack {
        /// The workload.
        workload: usize,
    },
    /// So much more of a backlog is done.
    Drains {
        /// Its position among the surpluses.
        surplus: usize,
    },
    /// A replica's stream has waited long enough.
    Stream {
        /// The replica.
        node: NodeId,
        /// The wait's number; an abandoned one says nothing.
        wait: u32,
    },
    /// A source's `fork` is done.
    Forked(NodeId),
    /// A node has run a script for so long that it says so.
    SaysBusy(NodeId),
    /// A primary has executed a flush, and its replicas follow.
    Flushed {
        /// The primary.
        owner: NodeId,
        /// How long it took.
        takes: SimDuration,
    },
    /// The supervisor of a node asks its process.
    Probes {
        /// The node.
        node: NodeId,
        /// Which of its processes; another one is not asked.
        process: u32,
    },
    /// That one has had its time to answer.
    ProbeTimesOut {
        /// The node.
        node: NodeId,
        /// Which of its processes.
        process: u32,
    },
    /// A process is asked whether it is ready, or its clients learn that it is not.
    Readiness {
        /// The node, and which of its processes.
        node: (NodeId, u32),
        /// What happens.
        turn: ReadinessTurn,
    },
    /// A process that was told to stop looks whether it can.
    Stops {
        /// The node.
        node: NodeId,
        /// Which of its processes.
        process: u32,
    },
    /// A process has had its time to stop.
    GraceEnds {
        /// The node.
        node: NodeId,
        /// Which of its processes.
        process: u32,
    },
    /// A script has deleted a further part of its keys.
    Deletes {
        /// The script's number.
        number: usize,
    },
    /// A further part of the keys has moved to other shards.
    Reshards {
        /// The number of the move.
        number: usize,
    },
    /// A node has freed data.
    Freed(NodeId),
    /// A primary no longer counts a replica that left it behind a cut.
    Lags(NodeId),
    /// The network is whole again.
    PartitionHealed,
    /// The copy of a shard to larger nodes has waited long enough.
    Copies(CopyStep),
    /// Clients are on the larger nodes.
    CutOverDone,
}

/// A step of a process that gets fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragmenting {
    /// Which of its node's processes or copies; another one has its own steps.
    pub process: u32,
    /// The step.
    pub step: u32,
    /// How long each lasts.
    pub each: SimDuration,
}

/// What the copy of a shard to larger nodes waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyStep {
    /// The plan's number; an abandoned one says nothing.
    pub plan: u32,
    /// The shard's place in the plan.
    pub place: usize,
    /// The wait's number; an abandoned one says nothing.
    pub wait: u32,
}

/// A write that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The watch's number; an abandoned one says nothing.
    pub watch: u32,
    /// For how long.
    pub lasts: SimDuration,
}

/// What a check waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckTimer {
    /// The next probe of an observer is due.
    Probe {
        /// The subject, by position.
        subject: usize,
        /// The observer, by position.
        observer: usize,
    },
    /// A reply has come, or the timeout has run out.
    Answered {
        /// The subject, by position.
        subject: usize,
        /// The observer, by position.
        observer: usize,
        /// When the probe was sent.
        sent: SimTime,
        /// Did it pass?
        passed: bool,
    },
    /// The cool-down is over, and the verdict may still be down.
    Retry {
        /// The subject, by position.
        subject: usize,
    },
}

/// What a rule waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertTimer {
    /// A scrape that may matter.
    Scrape,
    /// The metric is not collected from now on, or is again.
    Symptoms,
    /// It pages without a cause.
    FalseAlarm,
}

/// What an autoscaler waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalerTimer {
    /// The target may have been exceeded for long enough.
    Sustained {
        /// Since when.
        since: SimTime,
    },
    /// The cool-down is over.
    Again,
    /// New nodes for more shards exist.
    Provisioned,
}

/// What an autoscaler of servers waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServersTimer {
    /// It looks at the share of busy workers.
    Look,
    /// So many servers serve.
    Serve {
        /// Their number, those of before included.
        servers: u32,
    },
}

/// What the load balancer of a service waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalancerTimer {
    /// It asks every process.
    Asks,
    /// Those that have not answered have run out of time.
    TimesOut,
    /// Enough requests of a process in a row have failed.
    Ejects {
        /// Its position among those of the service.
        process: usize,
    },
    /// An ejected process may come back.
    Returns {
        /// Its position among those of the service.
        process: usize,
    },
}

/// What people wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleTimer {
    /// Somebody notices, or an alert on symptoms fires.
    Notice,
    /// Somebody has started to work on it.
    Acknowledged,
    /// A false page is seen to be one.
    Looked,
    /// The cause is found.
    Diagnosed,
    /// It is agreed to take the next step.
    Decided,
    /// The action takes effect.
    Effect,
    /// Time to see whether it has helped.
    Verify,
}

/// A rolling restart of a service that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// The service.
    pub service: ServiceId,
    /// The next of its processes.
    pub next: usize,
    /// How many are restarted together.
    pub at_once: usize,
    /// From one group to the next.
    pub every: SimDuration,
}

/// What happens to the readiness of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadinessTurn {
    /// It is asked.
    Asks,
    /// It has had its time to answer.
    TimesOut,
    /// Clients with this view have had theirs, on all of their connections.
    ShutsOut(ViewId),
}
