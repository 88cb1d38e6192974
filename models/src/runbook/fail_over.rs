//! A failover by hand.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Remedy, Site};
use crate::cluster::operate::Demand;

/// Promote, for every shard that fails, a replica that answers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "fail-over"
    }

    fn doing(&self) -> &'static str {
        "fails over"
    }

    fn number(&self) -> u64 {
        3
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let cx = &mut site.cx;
        for id in &site.concerned {
            let cluster = &mut site.clusters[*id];
            for shard in cluster.failing_shards() {
                let chosen = cluster.fail_over(shard, Demand::Answers, cx);
                cx.ledger
                    .say(cx.now, || format!("on call: {}", chosen.words(cluster)));
            }
        }
        Effect::Changed(site.concerned.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn a_replica_takes_over_from_a_primary_that_hangs() {
        let mut bench = Bench::new();
        bench.hang();
        Params {}.take_effect(&mut bench.site());
        let lines = bench.lines();
        let ordered = |line: &String| line.starts_with("on call: fails over to");
        assert!(lines.iter().any(ordered), "{lines:?}");
    }
}
