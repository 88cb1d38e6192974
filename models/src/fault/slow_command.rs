//! A command that takes long: nothing else is executed meanwhile.

use super::*;
use crate::ids::NodeId;

/// A node executes one command that takes long (KEYS, a large range, the deletion of a large key).
/// Its thread answers nobody meanwhile: no client, no Sentinel, no bus.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it comes, the first time, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// Which nodes; absent: the primary of the fullest shard.
    on: Option<On>,
    /// How long it takes.
    takes: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "slow-command"
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

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        found.unless(
            self.takes > SimDuration::ZERO,
            format!("{key}.takes"),
            "a command that takes no time changes nothing",
            "give a positive duration such as \"9s\"",
        );
    }
}

impl NodeFault for Params {
    fn words(&self) -> String {
        format!("a command of {}", self.takes)
    }

    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.hang(node, self.takes, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::redis::capability::Reply;

    #[test]
    fn nothing_else_is_executed_meanwhile() {
        let slow = "kind = 'slow-command'\ntakes = '9s'";
        let seen = strike(slow, "a command of 9s").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&slow.replace("9s", "0s")), ["fault.takes"]);
    }
}
