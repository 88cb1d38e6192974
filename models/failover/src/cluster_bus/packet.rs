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
//! A header rarely changes and is sent often, so a packet only names its header; [`Stationery`]
//! keeps the headers that are in use, and used packets, so that sending allocates nothing.
//!
//! Sources: `struct clusterMsg` in `src/cluster.h`; `clusterBuildMessageHdr` and
//! `clusterSetGossipEntry` in `src/cluster.c` (Redis 7.0.15); rules C1, C10, C16.
//! Left out: addresses and ports (nodes keep theirs), hostnames, pub/sub and module packets, and
//! packet sizes: a packet is 2-3 kB, so even a slow network carries it well within the latency.

use super::ids::{Member, Shard};

/// One outbound link's name: who opened it, and that node's running number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkName {
    pub owner: Member,
    pub number: u32,
}

/// A header's number in [`Packets`].
pub(super) type HeaderId = u32;

/// A packet under way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub from: Member,
    pub to: Member,
    pub link: LinkName,
    /// The start of the receiving process that the link was made to (if the sender owns the link).
    pub incarnation: u32,
    pub kind: PacketKind,
    pub header: HeaderId,
    pub gossip: Vec<Gossip>,
}

/// What a packet says beyond its header.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        shards: Box<[Shard]>,
    },
}

/// What every packet says about its sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub current_epoch: u64,
    /// The sender's own, or its primary's if it is a replica. So are `shards`.
    pub config_epoch: u64,
    /// In ascending order.
    pub shards: Vec<Shard>,
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
    pub pong_s: u32,
}

/// Headers in use, and packets to be used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Stationery {
    spare: Vec<Box<Packet>>,
    headers: Vec<Published>,
    free: Vec<HeaderId>,
    /// How many headers there have been.
    stamps: u32,
}

/// A header, and by how many packets and senders it is in use.
#[derive(Clone, Debug)]
struct Published {
    header: Header,
    stamp: u32,
    users: u32,
}

impl Stationery {
    /// A packet with an empty list of gossip, to be filled in.
    pub(super) fn packet(&mut self) -> Box<Packet> {
        self.spare.pop().unwrap_or_default()
    }

    /// A packet has been read, or is lost.
    pub(super) fn recycle(&mut self, mut packet: Box<Packet>) {
        self.release(packet.header);
        packet.gossip.clear();
        self.spare.push(packet);
    }

    /// Keeps a new header, for its sender.
    pub(super) fn publish(&mut self, header: Header) -> HeaderId {
        self.stamps += 1;
        let published = Published {
            header,
            stamp: self.stamps,
            users: 1,
        };
        if let Some(id) = self.free.pop() {
            self.headers[id as usize] = published;
            return id;
        }
        self.headers.push(published);
        u32::try_from(self.headers.len() - 1).expect("fewer than 2^32 headers are in use")
    }

    pub(super) fn header(&self, id: HeaderId) -> &Header {
        &self.headers[id as usize].header
    }

    /// A number that no other header of this bus ever has, above 0.
    pub(super) fn stamp(&self, id: HeaderId) -> u32 {
        self.headers[id as usize].stamp
    }

    /// One more packet names this header.
    pub(super) fn share(&mut self, id: HeaderId) -> HeaderId {
        self.headers[id as usize].users += 1;
        id
    }

    /// A packet or a sender no longer names this header.
    pub(super) fn release(&mut self, id: HeaderId) {
        let published = &mut self.headers[id as usize];
        published.users -= 1;
        if published.users == 0 {
            self.free.push(id);
        }
    }
}

impl Default for Packet {
    fn default() -> Packet {
        let nobody = Member(0);
        Packet {
            from: nobody,
            to: nobody,
            link: LinkName {
                owner: nobody,
                number: 0,
            },
            incarnation: 0,
            kind: PacketKind::Ping,
            header: 0,
            gossip: Vec::new(),
        }
    }
}
