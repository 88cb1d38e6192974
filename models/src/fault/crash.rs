//! A process that is killed.

use super::*;
use crate::ids::NodeId;

/// A process is killed; a supervisor starts it again after `redis.restart_delay`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it is killed, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// Which nodes; absent: the primary of the fullest shard.
    on: Option<On>,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn kills(&self) -> bool {
        true
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: self.every.as_ref(),
            on: self.on,
            lasts: None,
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits_nodes(self)
    }
}

impl NodeFault for Params {
    fn words(&self) -> String {
        "crash".to_owned()
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.crash(node, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_primary_is_down() {
        let cluster = strike("kind = 'crash'", "crash");
        let mut nodes = cluster.nodes();
        assert!(nodes.next().is_some_and(|first| cluster.is_down(first)));
        assert!(nodes.all(|node| !cluster.is_down(node)));
    }
}
