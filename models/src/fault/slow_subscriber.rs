//! Subscribers that stop reading: their buffers grow in the node.

use super::*;
use crate::cluster::subscribers::SlowSubscriber;
use sim::quantity::{Bytes, PerSec};

/// Subscribers on the fullest shard's primary stop reading for a while.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When they stop reading, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// For how long.
    lasts: SimDuration,
    /// How many subscribers of one channel.
    subscribers: u32,
    /// Messages on it per second.
    messages: PerSec,
    /// Size of a message.
    message_size: Bytes,
    /// How soon a disconnected one reconnects, to read as little as before; absent: never.
    reconnects_after: Option<SimDuration>,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "slow-subscriber"
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: self.every.as_ref(),
            on: None,
            lasts: Some(self.lasts),
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.target(), self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        found.unless(
            system.redis.pubsub.is_some(),
            format!("{key}.kind"),
            "nobody subscribes to anything",
            "add a [redis.pubsub] table",
        );
        found.unless(
            self.subscribers > 0 && self.messages.get() > 0.0,
            format!("{key}.subscribers"),
            "nothing piles up without subscribers or messages",
            "give at least 1 subscriber and a rate of messages above 0/s",
        );
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("slow subscribers for {}", self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let shard = cluster.fullest_shard(cx.now);
        let asked = SlowSubscriber {
            subscribers: self.subscribers,
            rate: self.messages.get(),
            message: self.message_size.get(),
            lasts: self.lasts,
            reconnects_after: self.reconnects_after,
        };
        cluster.slow_subscribers(shard, asked, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_subscribers_and_messages() {
        let slow = "kind = 'slow-subscriber'\nlasts = '3min'\nsubscribers = 0
            messages = '10/s'\nmessage_size = '1KiB'";
        assert_eq!(wrong(slow), ["fault.kind", "fault.subscribers"]);
    }
}
