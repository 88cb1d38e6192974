//! A failover by hand.

use super::*;
use crate::cluster::operate::Demand;

/// Promote, for every shard that fails, a replica that answers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("fail-over", "fails over", 3)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.change(|cluster, cx| {
            for shard in cluster.failing_shards() {
                let chosen = cluster.fail_over(shard, Demand::Answers, cx);
                cx.ledger
                    .trace(cx.now, || format!("on call: {}", chosen.words(cluster)));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_takes_over_from_a_primary_that_hangs() {
        let lines = took("kind = 'fail-over'").0.lines();
        let ordered = |line: &String| line.starts_with("on call: fails over to");
        assert!(lines.iter().any(ordered), "{lines:?}");
    }
}
