//! One node of a cluster: its condition, its stream, and what clients and its role lay on it.

use sim::{SimDuration, SimTime};

use super::save::Child;
use super::subscribers::Slow;
use crate::redis::capability::{Capabilities, Condition};
use crate::redis::memory::{NodeMemory, Trouble};
use crate::redis::replication::{Cron, Lineage};
use failover::cluster_bus::ReplicaLink;

/// A pause that is shorter delays requests and probes, and nobody takes it for an outage.
const NOTICEABLE: SimDuration = SimDuration::from_secs(1);

/// A node, in the truth.
#[derive(Clone, Debug, PartialEq)]
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
    /// It was started as a replica of itself: it answers reads, and refuses writes.
    pub read_only: bool,
    /// Do clients know it as the owner of its shard?
    pub known: bool,
    /// Are the clients' connections and their load back on it?
    pub loaded: bool,
    /// Its process is in `fork`, for so long.
    pub forking: Option<SimDuration>,
    /// The primary that it copies; none if it is one.
    pub follows: Option<usize>,
    /// How that goes.
    pub link: Link,
    /// What its bus was told of that last.
    pub heard: ReplicaLink,
    /// Where its data stand: up to date whenever its stream stands still.
    pub lineage: Lineage,
    /// Can it ask to go on from there? Not after a full synchronisation that came to nothing.
    pub positioned: bool,
    /// Its data hold all that was acknowledged up to then, unless its stream runs.
    pub covered: SimTime,
    /// The shard's stream when the lineage was up to date last, if clients write to this node.
    pub taking: Option<u64>,
    /// It hangs, or hung last, with its clients' commands in its sockets.
    pub queued: bool,
    /// A primary without replicas, since when.
    pub alone: Option<SimTime>,
    /// Its `replicationCron`.
    pub cron: Cron,
    /// Since when its source holds more for it than it may for long.
    pub soft_since: Option<SimTime>,
    /// What its stream waits for, and the number of that wait; an abandoned one says nothing.
    pub due: Option<Due>,
    /// See `due`.
    pub wait: u32,
    /// How often its process has read its data.
    pub loads: u32,
    /// Promoted in the present outage, and whether that has already proved useless.
    pub promoted: Option<Promotion>,
}

/// A replica's stream from its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is a primary.
    None,
    /// All writes arrive, a network delay later.
    Streaming,
    /// Nothing arrives.
    Apart {
        /// Since when.
        since: SimTime,
        /// Why.
        why: Parting,
        /// Since when the connection is gone; before, the primary keeps what it could not send.
        torn: Option<SimTime>,
        /// The primary counts it no longer for `min-replicas-to-write`.
        lagging: bool,
        /// Both sides can talk again, and will find out then.
        rejoins: Option<SimTime>,
    },
    /// It has asked for a full synchronisation.
    Waiting {
        /// When.
        since: SimTime,
    },
    /// The child saves, and sends to it.
    Receiving(Copying),
    /// It loads what it has received.
    Loading(Copying),
    /// It applies what was held for it meanwhile.
    CatchingUp {
        /// Up to when it had the writes as it began.
        from: SimTime,
        /// When it began.
        began: SimTime,
        /// When it will have them all.
        ends: SimTime,
    },
}

/// A full synchronisation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copying {
    /// When the child was forked: what it saves is of then.
    pub began: SimTime,
    /// The source's offset then.
    pub offset: u64,
    /// When the child is done.
    pub saved: SimTime,
    /// When the present stage ends.
    pub ends: SimTime,
    /// Since when the source hangs, and sends nothing.
    pub stalled: Option<SimTime>,
    /// The source has cut the replica off, which does not know it yet.
    pub cut_off: bool,
}

/// Why a replica and its primary do not talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// One of them hangs; the other's kernel connects and waits.
    Hung,
    /// A process is gone, or one of them ended the connection: who connects is told at once.
    Gone,
    /// The network between them is cut.
    Cut,
}

/// What a replica's stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Both can talk again.
    Rejoin,
    /// The connection is given up: too long a silence, or too much is held.
    Tear,
    /// The primary counts it no longer.
    Lag,
    /// The source forks for it, and for all who wait.
    Fork,
    /// It has received everything.
    Received,
    /// It has loaded everything.
    Loaded,
    /// It has all writes.
    CaughtUp,
    /// The source holds more for it than it may for long.
    SoftLimit,
    /// The source holds more for it than it may.
    CutOff,
}

/// A promotion, until it is known whether it helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// When.
    pub at: SimTime,
    /// Has the node met the trouble that it was to cure?
    pub useless: bool,
}

/// A change of a node that may put it into another condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// Of what its process and host do.
    Fault(Option<Condition>),
    /// Of what memory does to it.
    Trouble(Option<Trouble>),
    /// It forks, and does nothing else for so long.
    Forking(Option<SimDuration>),
    /// Of its stream.
    Link(Link),
    /// Its last save failed, and that stops writes; or no longer.
    SaveFailed(bool),
}

impl Node {
    /// The same node with this changed.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Fault(fault) => self.fault = fault,
            Change::Trouble(trouble) => self.trouble = trouble,
            Change::Forking(forking) => self.forking = forking,
            Change::Link(link) => self.link = link,
            Change::SaveFailed(failed) => self.child.failed = failed,
        }
    }

    /// Its condition: a fault of the process or host first, then what memory does, then its stream.
    pub fn condition(&self) -> Condition {
        match (self.fault, self.trouble) {
            (Some(fault), _) => fault,
            (None, Some(Trouble::Stalls)) => Condition::Stalled,
            (None, Some(Trouble::Killed)) => Condition::Killed,
            (None, _) if self.forking.is_some() => Condition::Forking,
            (None, _) if matches!(self.link, Link::Loading(_)) => Condition::LoadingCopy,
            (None, _) if self.child.failed => Condition::SaveFailed,
            (None, Some(Trouble::Refuses)) => Condition::AtMaxmemory,
            (None, None) => Condition::Healthy,
        }
    }

    /// What it can do for those who ask and wait a moment: a short fork is not noticed.
    pub fn capabilities(&self) -> Capabilities {
        match (self.condition(), self.forking) {
            (Condition::Forking, Some(lasts)) if lasts < NOTICEABLE => {
                Condition::Healthy.capabilities()
            }
            (condition, _) => condition.capabilities(),
        }
    }
}
