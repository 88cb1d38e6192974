//! What the group tells the world, and what the world tells the group.

use sim::{SimDuration, SimTime};

use super::ids::{Node, Party, Sentinel};

/// Something that happened, at the instant that stands beside it in the output.
///
/// Most of it is one Sentinel's own opinion or deed, and two may well disagree for a while. What
/// reached a node is a fact: `Promote`, `Reconfigure`, `ClientsKilled`, `ScriptKill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each sentence names the fields below it
pub enum SentinelEffect {
    /// `+sdown`: `by` holds `of` for down, by itself.
    Sdown { by: Sentinel, of: Party },
    /// `-sdown`: `of` is up again in the eyes of `by`.
    SdownCleared { by: Sentinel, of: Party },
    /// `+odown`: `by` knows of `votes` Sentinels, itself among them, that hold the primary for
    /// down, and that is a quorum.
    Odown {
        by: Sentinel,
        of: Node,
        votes: usize,
    },
    /// `-odown`.
    OdownCleared { by: Sentinel, of: Node },
    /// `+try-failover`: `by` opens an epoch and asks for votes.
    TryFailover { by: Sentinel, of: Node, epoch: u64 },
    /// `+vote-for-leader`: `by` gives its vote of `epoch` to `to`.
    Vote {
        by: Sentinel,
        to: Sentinel,
        epoch: u64,
    },
    /// `+elected-leader`: `by` may fail over (by election, or because an operator forces it).
    ElectedLeader { by: Sentinel, epoch: u64 },
    /// `+selected-slave`.
    Selected { by: Sentinel, replica: Node },
    /// SLAVEOF NO ONE has reached `node`: it takes writes from now on.
    Promote { by: Sentinel, node: Node },
    /// SLAVEOF has reached `node`: it copies `new_primary` from now on.
    Reconfigure {
        by: Sentinel,
        node: Node,
        new_primary: Node,
    },
    /// CLIENT KILL has reached `node`, with either of the two above: all its clients have lost
    /// their connections, subscribers too.
    ClientsKilled { node: Node },
    /// SCRIPT KILL has reached `node`, which answers BUSY.
    ScriptKill { node: Node },
    /// `+promoted-slave`: the leader has seen the new role. From now on it names `node` to clients
    /// that ask, and tells the other Sentinels.
    PromotedSeen { by: Sentinel, node: Node },
    /// `+slave-reconf-done`: the leader has seen `replica` copy the new primary.
    ReplicaReconfigured { by: Sentinel, replica: Node },
    /// `+failover-end`, with `+failover-end-for-timeout` if replicas were left over.
    FailoverEnded { by: Sentinel, timed_out: bool },
    /// `+switch-master`: `by` watches `to` as the primary from now on.
    SwitchMaster { by: Sentinel, from: Node, to: Node },
    /// `-failover-abort-…`.
    FailoverAborted { by: Sentinel, reason: Abort },
    /// `+convert-to-slave`: `by` tells a node that it is a replica after all.
    ConvertToReplica { by: Sentinel, node: Node },
    /// `+fix-slave-config`: `by` tells a replica which node to copy.
    FixReplica { by: Sentinel, node: Node },
    /// `+reboot`: `by` sees that `node` has been restarted.
    Reboot { by: Sentinel, node: Node },
    /// `+tilt` (on) or `-tilt`: `by` has lost time, and does not act for 30 s.
    Tilt { by: Sentinel, on: bool },
}

/// Why a failover was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// `-failover-abort-not-elected`: no majority in time.
    NotElected,
    /// `-failover-abort-no-good-slave`: no replica may be promoted.
    NoGoodReplica,
    /// `-failover-abort-slave-timeout`: the chosen replica did not become a primary in time.
    ReplicaTimeout,
}

/// What a process is doing, a data node's or a Sentinel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Its event loop turns.
    Running,
    /// Stopped, frozen or blocked: its kernel accepts connections and queues what is sent, which
    /// it reads when it goes on.
    Hung,
    /// No process: connections are refused, those that stood were reset.
    Dead,
    /// The host is gone without a word: nothing is refused, nothing answered. It comes back as a
    /// new process.
    Lost,
}

/// The truth about a data node, as far as Sentinels can ever notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTruth {
    /// Its process.
    pub process: Process,
    /// What PING brings while the process runs.
    pub ping: PingReply,
    /// Primary, or whose replica.
    pub role: NodeRole,
    /// Its replication offset.
    pub offset: u64,
    /// A replica's stream from its primary.
    pub link: ReplicaLink,
}

/// What a running node answers to PING, and with it to other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingReply {
    /// `+PONG`. Also at `maxmemory`: only writes are refused there.
    Pong,
    /// `-LOADING`: it reads its data. INFO works.
    Loading,
    /// `-MASTERDOWN`: a replica without its primary and without `replica-serve-stale-data`.
    MasterDown,
    /// `-MISCONF`: a primary whose last save failed. All but PING and writes work.
    Misconf,
    /// `-BUSY`: a script has run for too long. INFO does not work either.
    Busy,
    /// `-NOAUTH`: Sentinel has no password, or a wrong one. Nothing works.
    NoAuth,
}

/// What a data node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Takes writes (a master in Redis' words).
    Primary,
    /// Copies another (a slave in Redis' words).
    Replica {
        /// The primary that it is told to copy.
        of: Node,
    },
}

/// A replica's stream from its primary, as INFO shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `since` is what it says
pub enum ReplicaLink {
    /// `master_link_status:up`.
    Up,
    /// Lost since.
    Down { since: SimTime },
    /// Started and not yet connected: INFO shows -1 s.
    NeverSynced,
}

/// Why `SENTINEL FAILOVER` was refused on the spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManualFailoverError {
    /// The Sentinel does not answer commands.
    #[error("the Sentinel's process does not run")]
    NotRunning,
    /// "-INPROG Failover already in progress".
    #[error("a failover is already in progress")]
    InProgress,
    /// "-NOGOODSLAVE No suitable replica to promote".
    #[error("no replica is fit to be promoted")]
    NoGoodReplica,
}

impl NodeTruth {
    /// A primary in good health.
    pub const PRIMARY: NodeTruth = NodeTruth {
        process: Process::Running,
        ping: PingReply::Pong,
        role: NodeRole::Primary,
        offset: 0,
        link: ReplicaLink::Up,
    };

    /// A replica of `of` in good health.
    pub const fn replica(of: Node) -> NodeTruth {
        NodeTruth {
            role: NodeRole::Replica { of },
            ..NodeTruth::PRIMARY
        }
    }

    /// The same truth on a clock that is `offset` ahead.
    pub(super) fn shifted(self, offset: SimDuration) -> NodeTruth {
        self.with_since(|since| since + offset)
    }

    /// The same truth on a clock that is `offset` behind.
    pub(super) fn shifted_back(self, offset: SimDuration) -> NodeTruth {
        self.with_since(|since| since - offset)
    }

    fn with_since(self, shift: impl FnOnce(SimTime) -> SimTime) -> NodeTruth {
        let link = match self.link {
            ReplicaLink::Down { since } => ReplicaLink::Down {
                since: shift(since),
            },
            ReplicaLink::Up | ReplicaLink::NeverSynced => self.link,
        };
        NodeTruth { link, ..self }
    }
}

impl Abort {
    /// In a few words, for traces.
    pub const fn words(self) -> &'static str {
        match self {
            Abort::NotElected => "not elected",
            Abort::NoGoodReplica => "no replica is fit to be promoted",
            Abort::ReplicaTimeout => "the chosen replica did not become a primary in time",
        }
    }
}

impl Process {
    /// A process is there, if perhaps not doing anything.
    pub(super) fn exists(self) -> bool {
        match self {
            Process::Running | Process::Hung => true,
            Process::Dead | Process::Lost => false,
        }
    }
}

impl PingReply {
    /// Rule S3: whether Sentinel takes it for a sign of life.
    pub fn acceptable(self) -> bool {
        match self {
            PingReply::Pong | PingReply::Loading | PingReply::MasterDown => true,
            PingReply::Misconf | PingReply::Busy | PingReply::NoAuth => false,
        }
    }

    /// Whether INFO, PUBLISH and SUBSCRIBE work.
    pub(super) fn informs(self) -> bool {
        match self {
            PingReply::Pong | PingReply::Loading | PingReply::MasterDown | PingReply::Misconf => {
                true
            }
            PingReply::Busy | PingReply::NoAuth => false,
        }
    }

    /// Whether SLAVEOF works.
    pub(super) fn obeys(self) -> bool {
        match self {
            PingReply::Pong | PingReply::MasterDown | PingReply::Misconf => true,
            PingReply::Loading | PingReply::Busy | PingReply::NoAuth => false,
        }
    }
}
