//! A process that is killed.

use super::*;

/// The process of the fullest shard's primary is killed; a supervisor starts it again after
/// `redis.restart_delay`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it is killed, from the trial's start.
    at: Dist,
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
            lasts: None,
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
        "crash".to_owned()
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let shard = cluster.fullest_shard(cx.now);
        cluster.crash(shard, cx);
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
