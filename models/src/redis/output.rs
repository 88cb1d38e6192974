//! What the node keeps for a client that does not read: output buffers, and who cuts it off.
//!
//! ```text
//! PUBLISH ──► kernel's send and receive buffers ──► 16 KiB in the client ──► list of blocks
//!             (outside the process)                                           (used_memory)
//! ```
//!
//! Nothing slows the publisher down. The kernel takes what its socket buffers hold: the sender's
//! `sk_sndbuf` (Linux tcp_input.c: tcp_sndbuf_expand, which grows with the window and the segment
//! size up to `tcp_wmem`'s maximum) and the receiver's `tcp_rmem`. On loopback, with segments of
//! 64 KiB, that was 3.2 MB in the lab (measured); with segments of 1.4 kB it is a few hundred
//! kilobytes. Then blocks pile up in the process until a limit cuts the client off (networking.c:
//! checkClientOutputBufferLimits), and count towards `maxmemory` all that time.
//! Left out: replicas' buffers, and clients that read slowly instead of not at all.

use sim::{SimDuration, SimTime};

use super::allocator::allocated;

/// The reply buffer inside a client, filled before the list (server.h: PROTO_REPLY_CHUNK_BYTES).
const INSIDE: u64 = 16 * 1024;

/// Bytes of a block's header (server.h: clientReplyBlock) and of its list node (adlist.h).
const BLOCK_HEADER: u64 = 16;
const LIST_NODE: u64 = 24;

/// `maxmemory-clients` never falls below this (networking.c:
/// getClientEvictionLimit).
const CLIENTS_MIN: f64 = 128.0 * 1024.0;

/// Bytes on the wire of one message to one subscriber of a channel (pubsub.c:
/// addReplyPubsubMessage, RESP2).
pub fn message_on_wire(channel: u64, message: u64) -> u64 {
    let bulk =
        |length: u64| 1 + u64::from(length.checked_ilog10().unwrap_or(0)) + 1 + 2 + length + 2;
    // `*3`, then `message`, the channel's name and the message as bulk strings.
    4 + bulk(7) + bulk(channel) + bulk(message)
}

/// `client-output-buffer-limit` of a class of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputLimits {
    /// Cut off at once from here on; 0 is no limit.
    pub hard: u64,
    /// Cut off when this has been exceeded for `soft_for`; 0 is no limit.
    pub soft: u64,
    /// For how long.
    pub soft_for: SimDuration,
}

/// Subscribers of one node that have stopped reading, all of the same channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowSubscribers {
    /// How many.
    pub number: u32,
    /// Since when.
    pub since: SimTime,
    /// Messages per second on their channel.
    pub rate: f64,
    /// Bytes of a message on the wire.
    pub wire: u64,
    /// Bytes that the kernel's buffers of one connection hold.
    pub sockets: u64,
}

impl SlowSubscribers {
    /// Bytes of used memory that their blocks take at `at`.
    pub fn used(&self, at: SimTime) -> f64 {
        (self.blocks(at) * u64::from(self.number) * self.block_taken()) as f64
    }

    /// When the limits on one client cut them off, if ever.
    pub fn cut_off(&self, limits: &OutputLimits) -> Option<SimTime> {
        let counted = self.block_payload() + BLOCK_HEADER + LIST_NODE + BLOCK_HEADER;
        let reaches = |limit: u64| (limit > 0).then(|| self.block_added(limit.div_ceil(counted)));
        let hard = reaches(limits.hard);
        // Whole seconds of the server's clock must have passed, and one more.
        let patience = limits.soft_for + SimDuration::from_secs(1);
        let soft = reaches(limits.soft).map(|at| at.saturating_add(patience));
        hard.into_iter().chain(soft).min()
    }

    /// When `maxmemory-clients` evicts them: the buffers of all clients exceed `limit`, of which
    /// the others take `others`. The largest go first, so these do.
    pub fn evicted(&self, limit: f64, others: f64) -> SimTime {
        let spare = (limit.max(CLIENTS_MIN) - others).max(0.0);
        let each = (self.block_taken() * u64::from(self.number)) as f64;
        self.block_added((spare / each) as u64 + 1)
    }

    /// Blocks of each of them at `at`.
    fn blocks(&self, at: SimTime) -> u64 {
        let sent = (self.rate * at.saturating_since(self.since).as_secs_f64()) as u64 * self.wire;
        sent.saturating_sub(self.sockets + INSIDE)
            .div_ceil(self.block_payload())
    }

    /// When block number `n`, from 1, is added: with the message that does not fit into those
    /// before.
    fn block_added(&self, n: u64) -> SimTime {
        let before = self.sockets + INSIDE + n.saturating_sub(1) * self.block_payload();
        let message = before / self.wire + 1;
        let after = SimDuration::from_secs_f64(message as f64 / self.rate);
        // The clock's rounding must not put the instant before the message.
        self.since
            .saturating_add(after + SimDuration::from_nanos(1))
    }

    /// Bytes of a block with the list node that holds it.
    fn block_taken(&self) -> u64 {
        self.block_payload() + BLOCK_HEADER + allocated(LIST_NODE)
    }

    /// Bytes that a block holds: the allocator's rounding is put to use (networking.c:
    /// _addReplyProtoToList).
    fn block_payload(&self) -> u64 {
        allocated(INSIDE.max(self.wire) + BLOCK_HEADER) - BLOCK_HEADER
    }
}
