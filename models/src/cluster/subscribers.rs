//! Subscribers that stop reading: their buffers grow in a node until they are cut off.

use sim::{SimDuration, SimTime};

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ShardId};
use crate::redis::output::{OutputLimits, SlowSubscribers, message_on_wire};

/// What a slow-subscriber fault asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowSubscriber {
    /// How many stop reading.
    pub subscribers: u32,
    /// Messages per second on their channel.
    pub rate: f64,
    /// Bytes of a message.
    pub message: u64,
    /// For how long they do not read.
    pub lasts: SimDuration,
    /// How soon one that was cut off is back, and still does not read; `None`: it stays away.
    pub reconnects_after: Option<SimDuration>,
}

/// Subscribers of a node that do not read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slow {
    asked: SlowSubscriber,
    buffers: SlowSubscribers,
    until: SimTime,
    /// The next thing that happens to them.
    turns: SimTime,
}

/// Bytes of the channel's name in a message: a few more or less change nothing.
const CHANNEL: u64 = 16;

impl Slow {
    /// Bytes of used memory that their buffers take.
    pub fn used(&self, now: SimTime) -> f64 {
        self.buffers.used(now)
    }

    /// Until when their buffers only grow.
    pub fn turns(&self) -> SimTime {
        self.turns
    }
}

impl Cluster {
    /// Subscribers of a shard's owner stop reading.
    pub fn slow_subscribers(&mut self, shard: ShardId, asked: SlowSubscriber, cx: &mut Cx) {
        let owner = self.topology.owners[shard];
        cx.ledger.trace(cx.now, || {
            let (name, count) = (self.node_name(owner), asked.subscribers);
            format!("{name}: subscribers stop reading ({count})")
        });
        let until = cx.now.saturating_add(asked.lasts);
        self.listen(owner, asked, (cx.now, until), cx);
        self.settle(cx);
    }

    /// Something happens to a node's slow subscribers.
    pub(super) fn on_slow(&mut self, node: NodeId, cx: &mut Cx) {
        let Some(slow) = self.topology[node].slow else {
            return;
        };
        if slow.turns != cx.now {
            return;
        }
        self.topology[node].slow = None;
        if cx.now >= slow.until {
            cx.ledger.trace(cx.now, || {
                format!("{}: subscribers read again", self.node_name(node))
            });
            return;
        }
        cx.ledger.trace(cx.now, || {
            let name = self.node_name(node);
            format!("{name}: slow subscribers are disconnected")
        });
        let Some(wait) = slow.asked.reconnects_after else {
            return;
        };
        let back = cx.now.saturating_add(wait);
        if back < slow.until {
            let stretch = (back, slow.until);
            self.listen(node, slow.asked, stretch, cx);
        }
    }

    /// They are connected and do not read for a stretch of time.
    fn listen(
        &mut self,
        node: NodeId,
        asked: SlowSubscriber,
        (since, until): (SimTime, SimTime),
        cx: &mut Cx,
    ) {
        let pubsub = self.redis.pubsub.expect("validated: there are subscribers");
        let buffers = SlowSubscribers {
            number: asked.subscribers,
            since,
            rate: asked.rate,
            wire: message_on_wire(CHANNEL, asked.message),
            sockets: pubsub.socket_buffers.get(),
        };
        let limits = OutputLimits {
            hard: pubsub.hard_limit.get(),
            soft: pubsub.soft_limit.get(),
            soft_for: pubsub.soft_time,
        };
        let others = self.redis.connection_memory.as_f64()
            * f64::from(self.redis.connections + pubsub.subscribers);
        // Where there is none, the limit is in bytes.
        let maxmemory = self.topology[node].memory.maxmemory().unwrap_or(0.0);
        let evicted = pubsub
            .maxmemory_clients
            .filter(|limit| !limit.is_zero())
            .map(|limit| buffers.evicted(limit.of(maxmemory), others));
        let cut_off = buffers.cut_off(&limits).into_iter().chain(evicted).min();
        let turns = cut_off.map_or(until, |at| at.min(until));
        self.topology[node].slow = Some(Slow {
            asked,
            buffers,
            until,
            turns,
        });
        self.after(turns - cx.now, ClusterTimer::Slow(node), cx);
    }
}
