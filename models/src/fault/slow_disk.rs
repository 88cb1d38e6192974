//! A disk that takes long to say that something is written.

use super::*;
use crate::ids::NodeId;

/// Each `fsync` takes long on the disk of a node, for a while: a volume in a
/// network that hangs, a disk that fails, a neighbour that writes. It matters to an append-only
/// file with `fsync` `always` or `everysec` (`redis.disk` says how), and to nothing else. Saves and
/// loads keep their pace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When the disk gets slow, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// Which nodes; absent: the primary of the fullest shard.
    on: Option<On>,
    /// For how long.
    lasts: SimDuration,
    /// What each `fsync` takes, such as `"9s"`; what is held up at the end is done then.
    fsync: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "slow-disk"
    }

    fn slows_disks(&self) -> bool {
        true
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

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        found.unless(
            self.fsync > SimDuration::ZERO,
            format!("{key}.fsync"),
            "a disk that takes no time is not slow",
            "give a positive duration such as \"9s\"",
        );
    }
}

impl NodeFault for Params {
    fn words(&self) -> String {
        format!("an fsync takes {} for {}", self.fsync, self.lasts)
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.slow_disk(node, (self.lasts, self.fsync), cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::redis::capability::Reply;

    #[test]
    fn nobody_notices_before_a_write_has_waited() {
        let slow = "kind = 'slow-disk'\nlasts = '3min'\nfsync = '9s'";
        let cluster = strike(slow, "an fsync takes 9s for 3min");
        assert_eq!(cluster.seen(NodeId::from_index(0)).writes, Reply::Fine);
        assert_eq!(wrong(&slow.replace("'9s'", "'0s'")), ["fault.fsync"]);
    }
}
