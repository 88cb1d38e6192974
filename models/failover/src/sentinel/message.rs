//! What Sentinels say to data nodes and to each other, and what comes back.
//!
//! ```text
//!   Sentinel ── command connection: PING, INFO, PUBLISH, SLAVEOF … ──► data node
//!            ◄── replies, in order ──────────────────────────────────
//!            ◄── pub/sub connection: everybody's HELLO ──────────────
//!   Sentinel ── command connection: PING, HELLO, is-master-down? ────► other Sentinel
//! ```
//!
//! Sources: `sentinelSendPeriodicCommands`, `sentinelSendHello`, `sentinelSendSlaveOf`,
//! `sentinelAskMasterStateToOtherSentinels` in `src/sentinel.c`, Redis 7.0.15. Left out: AUTH and
//! CLIENT SETNAME; that a PUBLISH on the primary reaches its replicas' subscribers too (each
//! Sentinel publishes on every node itself, so it only repeats what they hear).

use super::effect::{NodeRole, PingReply};
use super::ids::{Node, Party, Sentinel};

/// One connection: who opened it, who accepted it, and a number that no other connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnName {
    pub owner: Sentinel,
    pub peer: Party,
    pub number: u64,
}

/// What a Sentinel asks of a data node or of another Sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ping,
    Info,
    Publish(Hello),
    Subscribe,
    /// MULTI, SLAVEOF, CONFIG REWRITE, CLIENT KILL twice, EXEC. `None` is SLAVEOF NO ONE.
    SlaveOf {
        new_primary: Option<Node>,
    },
    ScriptKill,
    /// `SENTINEL is-master-down-by-addr`, with the asker's id if it wants a vote.
    AskDown {
        about: Node,
        epoch: u64,
        candidate: Option<Sentinel>,
    },
}

/// What comes back on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ping(PingReply),
    /// `None`: an error instead.
    Info(Option<Box<Info>>),
    Published {
        accepted: bool,
    },
    /// Anything on the pub/sub connection that is not a message.
    Subscribed,
    /// Somebody's HELLO, on the pub/sub connection.
    Message(Hello),
    Down {
        down: bool,
        leader: Option<Sentinel>,
        leader_epoch: u64,
    },
    /// Replies that nobody looks at.
    Done {
        commands: u32,
    },
}

/// What arrives at a process on a connection, or about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// The owner learns that its connection stands, to this start of the peer's process.
    Established {
        incarnation: u32,
    },
    /// The owner learns that it is gone, or was refused.
    Closed,
    Reply(Reply),
    /// The peer gets a command.
    Command(Command),
}

/// "I exist, and this is the primary": ids, epochs and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub from: Sentinel,
    pub current_epoch: u64,
    pub primary: Node,
    pub config_epoch: u64,
}

/// The lines of INFO that Sentinel reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub run_id: u64,
    pub role: NodeRole,
    /// `slave0`, `slave1`, …: who is connected to this primary.
    pub replicas: Vec<Node>,
    /// `master_link_down_since_seconds`, in ms: 0 if the line is missing, -1000 if never synced.
    pub link_down_ms: i64,
    pub link_up: bool,
    pub offset: u64,
    pub priority: u32,
}

impl Command {
    /// How many replies it brings (`pending_commands`).
    pub(super) fn replies(&self) -> u32 {
        match self {
            Command::Subscribe => 0,
            Command::SlaveOf { .. } => 6,
            Command::Ping
            | Command::Info
            | Command::Publish(_)
            | Command::ScriptKill
            | Command::AskDown { .. } => 1,
        }
    }

    /// Whether it changes anything at a node that reads it late.
    pub(super) fn has_effect(&self) -> bool {
        match self {
            Command::SlaveOf { .. } | Command::ScriptKill => true,
            Command::Ping
            | Command::Info
            | Command::Publish(_)
            | Command::Subscribe
            | Command::AskDown { .. } => false,
        }
    }
}
