//! Larger nodes for what is full.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::{Factor, Probability};

use super::{Begun, Effect, Remedy, Site};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Larger nodes for full shards, with a full copy and a cut-over.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Memory of the new nodes over the old ones, above 1x.
    factor: Factor,
    /// Every shard that is at least this full gets larger nodes; the fullest if none is.
    from: Probability,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn doing(&self) -> &'static str {
        "brings up larger nodes"
    }

    fn number(&self) -> u64 {
        7
    }

    fn begin(&self, site: &mut Site, takes: SimDuration) -> Begun {
        let full = |cluster: &Cluster, cx: &Cx| cluster.shards_from(self.from.get(), cx);
        site.order_nodes(self.factor, takes, full)
    }

    fn take_effect(&self, _site: &mut Site) -> Effect {
        Effect::Copying
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.factor.get() > 1.0,
            format!("{key}.factor"),
            "the new nodes would not be larger",
            "give a factor above 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn new_nodes_are_ordered_and_waited_for() {
        let to = |factor: &str| Params {
            factor: factor.parse().expect("a factor"),
            from: "80%".parse().expect("a share"),
        };
        let mut bench = Bench::new();
        let begun = to("2x").begin(&mut bench.site(), SimDuration::from_mins(5));
        assert_eq!(begun, Begun::Nodes);
        assert_eq!(bench.pending.len(), 1);
        assert!(bench.pending[0].lasts(&bench.clusters));
        assert_eq!(wrong(&to("2x"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&to("1x"), &bench.tables), ["action.factor"]);
    }
}
