//! A disk that is full: saves fail, and writes may be refused for it.

use super::*;

/// The disk of the fullest shard's primary is full for a while: its saves fail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When the disk is full, from the trial's start.
    at: Dist,
    /// For how long.
    lasts: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "save-fails"
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
        found.unless(
            (system.redis.persistence.as_ref()).is_some_and(|spec| spec.schedule.writes()),
            format!("{key}.kind"),
            "no node saves anything, so no save can fail",
            "add a [redis.persistence] table that saves something",
        );
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("disk full for {}", self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let shard = cluster.fullest_shard(cx.now);
        cluster.fill_disk(shard, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_save() {
        assert_eq!(wrong("kind = 'save-fails'\nlasts = '3min'"), ["fault.kind"]);
    }
}
