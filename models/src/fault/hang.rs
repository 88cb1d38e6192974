//! A process that answers nothing for a while.

use super::*;

/// The primary of the fullest shard stops answering for a while and then goes on (a stopped
/// process, a stuck disk). Its connections stay open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it stops, from the trial's start.
    at: Dist,
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
        format!("hang of {}", self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let shard = cluster.fullest_shard(cx.now);
        cluster.hang(shard, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id, NodeId};
    use crate::redis::capability::Reply;

    #[test]
    fn the_fullest_primary_accepts_connections_and_answers_nothing() {
        let hang = "kind = 'hang'\nlasts = '3min'";
        let seen = strike(hang, "hang of 3min").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&hang.replace("3min", "0s")), ["fault.lasts"]);
    }
}
