//! New nodes for what fails.

use super::*;

/// A new primary and new replicas for every shard that fails, with a full copy, and the
/// cluster's state reset.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Memory of the new nodes over the old ones, at least 1x.
    factor: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("rebuild", "brings up new nodes", 8)
    }

    fn begin(&self, site: &mut Site, takes: SimDuration) -> Begun {
        let failing = |cluster: &Cluster, _: &Cx| cluster.failing_shards();
        site.order_nodes((self.factor, None), takes, failing)
    }

    fn take_effect(&self, _site: &mut Site) -> Effect {
        Effect::Copying
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.factor.get() >= 1.0,
            format!("{key}.factor"),
            "the data might not fit into smaller nodes",
            "give a factor of at least 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_nodes_are_ordered_and_waited_for() {
        let rebuild = "kind = 'rebuild'\nfactor = '1x'";
        let (bench, effect) = took(rebuild);
        assert_eq!((bench.pending.len(), effect), (1, Effect::Copying));
        assert_eq!(wrong(&rebuild.replace("1x", "0.5x")), ["action.factor"]);
    }
}
