//! A kill and a start of the Redis processes that fail.

use super::*;
use crate::spec::FailoverSpec;

/// Stop the Redis process of every shard that fails and start it again after
/// `redis.restart_delay`: it has what it finds on disk (`redis.persistence`). One that executes
/// commands saves first, if it has save points; another is killed. A process that is dead already
/// is left to its supervisor.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// They start with a wrong configuration, as replicas of themselves: reads are answered, every
    /// write gets -READONLY until somebody restarts or replaces them, and a `role` check calls them
    /// replicas. Absent: false. Only where nothing in Redis fails over (`failover.kind`
    /// `application` or `none`).
    #[serde(default)]
    read_only: bool,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("restart-nodes", "restarts nodes", 2)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        for id in &site.concerned {
            let cluster = &mut site.clusters[*id];
            for shard in cluster.failing_shards() {
                let node = cluster.restart_owner(shard, self.read_only, &mut site.cx);
                site.pending
                    .extend(node.map(|node| PendingOperation::Start {
                        cluster: *id,
                        node,
                        loads: false,
                    }));
            }
        }
        Effect::Changed(site.concerned.clone())
    }

    fn restarts_nodes(&self) -> bool {
        true
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let by_redis = match system.failover {
            FailoverSpec::ClusterBus(_) | FailoverSpec::Sentinel(_) | FailoverSpec::Managed(_) => {
                true
            }
            FailoverSpec::Application {} | FailoverSpec::None {} => false,
        };
        found.unless(
            !self.read_only || !by_redis,
            format!("{key}.read_only"),
            "Redis Cluster refuses such a configuration, and Sentinel would undo it",
            "take it out, or set failover.kind to \"application\" or \"none\"",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id, NodeId};

    #[test]
    fn the_node_that_fails_is_waited_for() {
        let (mut bench, _) = took("kind = 'restart-nodes'");
        let first = NodeId::from_index(0);
        assert!(matches!(bench.pending[0], PendingOperation::Start { node, .. } if node == first));
        assert!(bench.pending[0].lasts(&bench.clusters));
        // A cluster bus refuses a wrong configuration.
        let wrong = wrong("kind = 'restart-nodes'\nread_only = true");
        assert_eq!(wrong, ["action.read_only"]);
    }
}
