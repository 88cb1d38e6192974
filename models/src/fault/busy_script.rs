//! A script that takes long: its node answers nobody, and then -BUSY.

use super::*;

/// The primary of the fullest shard runs a script (EVAL, FCALL) for a long time. It answers nobody
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
            lasts: Some(self.lasts),
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.workload, &self.at, self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("a script of {}", self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.run_script(self.lasts, self.writes, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id, NodeId};
    use crate::redis::capability::Reply;

    #[test]
    fn the_fullest_primary_is_silent_at_first() {
        let script = "kind = 'busy-script'\nlasts = '3min'";
        let seen = strike(script, "a script of 3min").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&script.replace("3min", "0s")), ["fault.lasts"]);
    }
}
