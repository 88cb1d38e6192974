//! A disk that is full: saves fail, and writes may be refused for it.

use super::*;
use crate::ids::NodeId;

/// The disk of a node is full for a while. Its saves fail. If it keeps an append-only file it
/// refuses writes, and PING, with -MISCONF (server.c: writeCommandsDeniedByDiskError), until it can
/// write again, which it tries each second; with `fsync = "always"` it exits instead, and again
/// after each start (aof.c: flushAppendOnlyFile). The disk stays full if another node is promoted.
/// Left out: a replica lives on, which Redis 7.0 and later ends
/// (`replica-ignore-disk-write-errors`), and copies all the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When the disk is full, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// Which nodes; absent: the primary of the fullest shard.
    on: Option<On>,
    /// For how long.
    lasts: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "disk-full"
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
            (system.redis.persistence.as_ref()).is_some_and(|spec| spec.schedule.writes()),
            format!("{key}.kind"),
            "no node writes anything to its disk",
            "add a [redis.persistence] table that saves something",
        );
    }
}

impl NodeFault for Params {
    fn words(&self) -> String {
        format!("disk full for {}", self.lasts)
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.fill_disk(node, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::redis::capability::Reply;
    use demand::answer::Cause;

    #[test]
    fn what_cannot_be_appended_is_refused() {
        let full = "kind = 'disk-full'\nlasts = '3min'";
        let cluster = strike(full, "disk full for 3min");
        let seen = cluster.seen(NodeId::from_index(0));
        assert_eq!(seen.writes, Reply::Error(Cause::Misconf));
        assert_eq!(seen.reads, Reply::Fine);
    }
}
