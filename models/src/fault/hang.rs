//! A process that answers nothing for a while.

use super::*;
use crate::ids::NodeId;

/// A process stops answering for a while and then goes on (a stopped process, a frozen machine).
/// Its connections stay open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it stops, from the trial's start.
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
        "hang"
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
        format!("hang of {}", self.lasts)
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.hang(node, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::redis::capability::Reply;

    #[test]
    fn the_fullest_primary_accepts_connections_and_answers_nothing() {
        let hang = "kind = 'hang'\nlasts = '3min'";
        let seen = strike(hang, "hang of 3min").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&hang.replace("3min", "0s")), ["fault.lasts"]);
    }
}
