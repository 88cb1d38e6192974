//! What travels on the bus.
//!
//! Every packet carries the sender's header: epochs, role, the slots that it (or its primary)
//! claims, its replication offset. PING and PONG also carry gossip about a few other nodes.
//!
//! ```text
//!   member i ── link(i→j): i's PINGs, broadcasts, votes ──► member j
//!            ◄── same link: j's PONGs ────────────────────
//!   member i ◄── link(j→i): j's PINGs, … ───────────────── member j
//! ```
//!
//! Sources: `struct clusterMsg` in `src/cluster.h`; `clusterBuildMessageHdr` and
//! `clusterSetGossipEntry` in `src/cluster.c` (Redis 7.0.15); rules C1, C10, C16.
//! Left out: addresses and ports (nodes keep theirs), hostnames, pub/sub and module packets, and
//! packet sizes: a packet is 2-3 kB, so even a slow network carries it well within the latency.

use super::ids::{Member, ShardSet};

/// One outbound link's name: who opened it, and that node's running number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkName {
    pub owner: Member,
    pub number: u32,
}

/// A packet under way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub from: Member,
    pub to: Member,
    pub link: LinkName,
    /// The start of the receiving process that the link was made to (if the sender owns the link).
    pub incarnation: u32,
    pub kind: PacketKind,
    pub header: Header,
    pub gossip: Vec<Gossip>,
}

/// What a packet says beyond its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketKind {
    Ping,
    Pong,
    /// A majority agreed that this node is gone.
    Fail {
        about: Member,
    },
    /// A replica asks for a vote; `force` is the FORCEACK flag of a manual failover.
    AuthRequest {
        force: bool,
    },
    AuthAck,
    /// A replica asks its primary to pause writes.
    ManualStart,
    /// "Your slots belong to this node by now."
    Update {
        about: Member,
        config_epoch: u64,
        slots: ShardSet,
    },
}

/// What every packet says about its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub current_epoch: u64,
    /// The sender's own, or its primary's if it is a replica. So are `slots`.
    pub config_epoch: u64,
    pub slots: ShardSet,
    pub replica_of: Option<Member>,
    pub offset: u64,
    pub no_failover: bool,
    /// The sender is a primary that pauses writes for a manual failover.
    pub paused: bool,
}

/// What a sender says about a third node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gossip {
    pub about: Member,
    /// The sender flags it as possibly failing or failed.
    pub failing: bool,
    /// When the sender last had a PONG from it, in whole seconds of the clock.
    pub pong_s: u64,
}
