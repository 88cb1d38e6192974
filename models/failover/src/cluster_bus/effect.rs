//! What the bus tells the world, and what the world tells the bus.

use sim::{SimDuration, SimTime};

use super::ids::{Member, Shard};

/// Something that happened on one member, at the instant that stands beside it in the output.
///
/// Everything here is one node's own opinion or deed; two members may well disagree for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each sentence names the fields below it
pub enum BusEffect {
    /// `by` has waited a node timeout for `of` and holds it for possibly failing.
    Pfail { by: Member, of: Member },
    /// `of` answered `by` before a majority agreed.
    PfailCleared { by: Member, of: Member },
    /// `by` considers `of` failed: it counted a majority itself (`declared`) or received a FAIL
    /// packet.
    Fail {
        by: Member,
        of: Member,
        declared: bool,
    },
    /// `of` answered `by` again, and nobody has taken its slots (or it has none).
    FailCleared { by: Member, of: Member },
    /// From now on `of` serves its slots (`ok`), or answers CLUSTERDOWN.
    ClusterState { of: Member, ok: bool },
    /// A replica will ask for votes at `at`, at its next cron.
    ElectionScheduled { by: Member, at: SimTime, rank: u32 },
    /// A replica asks for votes.
    ElectionStarted { by: Member, epoch: u64 },
    /// A primary gives its vote.
    Vote { by: Member, to: Member, epoch: u64 },
    /// A replica has taken over a shard. It comes once per shard that it took.
    Promoted {
        member: Member,
        shard: Shard,
        epoch: u64,
    },
    /// A primary has lost its last slots and copies `new_primary` from now on.
    Demoted { member: Member, new_primary: Member },
    /// A replica copies `new_primary` from now on, after a failover or to help an orphan.
    ReplicaRepointed { member: Member, new_primary: Member },
    /// A primary stops taking writes, for a manual failover, at the longest until `until`.
    WritesPaused { primary: Member, until: SimTime },
    /// That pause is over.
    WritesResumed { primary: Member },
    /// A manual failover that did not finish within 5 s; it is not tried again.
    ManualFailoverTimedOut { member: Member },
}

/// What a member's own process is doing. Only its consequences for the bus matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Its event loop turns.
    Running,
    /// Stopped, frozen or blocked: no cron, no answer; its kernel accepts connections and queues
    /// packets, which it reads when it goes on.
    Hung,
    /// No process: connections are refused. To model a host that vanished without a reset, cut it
    /// off with `set_reachable` first.
    Dead,
    /// Reads its own data after a start. To the bus this is the same as hung (rule P5: bus
    /// connections are not accepted while a node that has no primary loads).
    Loading,
    /// A replica that loads a full copy from its primary: it answers but runs no cron (rule P6).
    LoadingCopy,
}

/// What the world tells the bus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BusInput {
    /// [`super::ClusterBus::set_process`].
    Process(Member, Process),
    /// [`super::ClusterBus::set_reachable`]: from, to, and whether it is.
    Reachable(Member, Member, bool),
    /// [`super::ClusterBus::set_replication`]: the offset and the stream.
    Replication(Member, u64, ReplicaLink),
    /// [`super::ClusterBus::manual_failover`].
    ManualFailover(Member, ManualFailover),
    /// [`super::ClusterBus::advance`].
    Advance,
}

/// A replica's stream from its primary, as the replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `since` is what it says
pub enum ReplicaLink {
    /// Connected, and the primary speaks (at least its ping every `repl-ping-replica-period`).
    Up,
    /// Connected, but the primary has said nothing since.
    Silent { since: SimTime },
    /// Lost since.
    Down { since: SimTime },
    /// Started and not yet copied anything: never eligible (rule E2).
    NeverSynced,
}

/// The three forms of `CLUSTER FAILOVER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualFailover {
    /// Agree with the primary first: writes pause, the replica catches up, then it is elected.
    Plain,
    /// Do not ask the primary; still needs a majority of primaries.
    Force,
    /// Ask nobody.
    Takeover,
}

/// Why `CLUSTER FAILOVER` was refused on the spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManualFailoverError {
    /// The process does not answer commands.
    #[error("the node's process does not run")]
    NotRunning,
    /// "You should send CLUSTER FAILOVER to a replica".
    #[error("the node is a primary; the command goes to a replica")]
    NotAReplica,
    /// "Master is down or failed, please use CLUSTER FAILOVER FORCE".
    #[error("its primary is down or failed; only FORCE or TAKEOVER can help")]
    PrimaryDown,
}

impl BusEffect {
    /// The same effect with its instants on a clock that is `offset` behind.
    pub(super) fn shifted_back(self, offset: SimDuration) -> BusEffect {
        match self {
            BusEffect::ElectionScheduled { by, at, rank } => BusEffect::ElectionScheduled {
                by,
                at: at - offset,
                rank,
            },
            BusEffect::WritesPaused { primary, until } => BusEffect::WritesPaused {
                primary,
                until: until - offset,
            },
            BusEffect::Pfail { .. }
            | BusEffect::PfailCleared { .. }
            | BusEffect::Fail { .. }
            | BusEffect::FailCleared { .. }
            | BusEffect::ClusterState { .. }
            | BusEffect::ElectionStarted { .. }
            | BusEffect::Vote { .. }
            | BusEffect::Promoted { .. }
            | BusEffect::Demoted { .. }
            | BusEffect::ReplicaRepointed { .. }
            | BusEffect::WritesResumed { .. }
            | BusEffect::ManualFailoverTimedOut { .. } => self,
        }
    }
}
