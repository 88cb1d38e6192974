//! A script that takes long: its node answers nobody, and then -BUSY.

use super::*;
use crate::ids::NodeId;

/// A node runs a script (EVAL, FCALL) for a long time. It answers nobody
/// until `redis.busy_reply_threshold`, and from then on the bus, and clients with -BUSY. So a
/// Redis Cluster with a longer `node_timeout` does not fail over. A Sentinel that holds the node
/// for down sends SCRIPT KILL when it hears -BUSY (sentinel.c: sentinelPingReplyCallback), which
/// ends a script that has not written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it begins, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// Which nodes; absent: the primary of the fullest shard.
    on: Option<On>,
    /// For how long, unless it is killed.
    lasts: SimDuration,
    /// Has it written? Then SCRIPT KILL does not end it. Absent: no.
    #[serde(default)]
    writes: bool,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "busy-script"
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: self.every.as_ref(),
            on: self.on,
            lasts: Some(self.lasts),
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits_nodes(self)
    }
}

impl NodeFault for Params {
    fn words(&self) -> String {
        format!("a script of {}", self.lasts)
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.run_script(node, (self.lasts, self.writes), cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::redis::capability::Reply;

    #[test]
    fn the_fullest_primary_is_silent_at_first() {
        let script = "kind = 'busy-script'\nlasts = '3min'";
        let seen = strike(script, "a script of 3min").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&script.replace("3min", "0s")), ["fault.lasts"]);
    }
}
