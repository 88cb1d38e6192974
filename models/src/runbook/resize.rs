//! Larger nodes for what is full.

use super::*;

/// Larger nodes for full shards, with a full copy and a cut-over. They are configured as
/// `redis.conf` says: a `redis.maxmemory` that is a share grows with them, one in bytes stays.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Memory of the new nodes over the old ones, above 1x.
    factor: Factor,
    /// Every shard that is at least this full gets larger nodes; the fullest if none is.
    from: Probability,
    /// Memory of the largest node that can be had over that of the scenario, at least 1x; absent:
    /// any.
    ceiling: Option<Factor>,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("resize", "brings up larger nodes", 7)
    }

    fn begin(&self, site: &mut Site, takes: SimDuration) -> Begun {
        let full = |cluster: &Cluster, cx: &Cx| cluster.shards_from(self.from.get(), cx);
        site.order_nodes((self.factor, self.ceiling), takes, full)
    }

    fn take_effect(&self, _site: &mut Site) -> Effect {
        Effect::Copying
    }

    fn enlarges_nodes(&self) -> bool {
        true
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.factor.get() > 1.0,
            format!("{key}.factor"),
            "the new nodes would not be larger",
            "give a factor above 1x",
        );
        found.unless(
            self.ceiling.is_none_or(|ceiling| ceiling.get() >= 1.0),
            format!("{key}.ceiling"),
            "the nodes of the scenario would be larger than the largest",
            "give a factor of at least 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_nodes_are_ordered_and_waited_for() {
        let resize = "kind = 'resize'\nfactor = '2x'\nfrom = '80%'";
        let (bench, effect) = took(resize);
        assert_eq!((bench.pending.len(), effect), (1, Effect::Copying));
        assert_eq!(wrong(&resize.replace("2x", "1x")), ["action.factor"]);
        let ceiling = format!("{resize}\nceiling = '0.5x'");
        assert_eq!(wrong(&ceiling), ["action.ceiling"]);
    }
}
