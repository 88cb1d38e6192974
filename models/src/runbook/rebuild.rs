//! New nodes for what fails.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::quantity::Factor;

use super::{Begun, Effect, Remedy, Site};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// A new primary and new replicas for every shard that fails, with a full copy, and the
/// cluster's state reset.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Memory of the new nodes over the old ones, at least 1x.
    factor: Factor,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "rebuild"
    }

    fn doing(&self) -> &'static str {
        "brings up new nodes"
    }

    fn number(&self) -> u64 {
        8
    }

    fn begin(&self, site: &mut Site, takes: SimDuration) -> Begun {
        let failing = |cluster: &Cluster, _: &Cx| cluster.failing_shards();
        site.order_nodes(self.factor, takes, failing)
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
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn new_nodes_are_ordered_and_waited_for() {
        let to = |factor: &str| Params {
            factor: factor.parse().expect("a factor"),
        };
        let mut bench = Bench::new();
        bench.hang();
        let begun = to("1x").begin(&mut bench.site(), SimDuration::from_mins(5));
        assert_eq!(begun, Begun::Nodes);
        assert_eq!(bench.pending.len(), 1);
        assert_eq!(wrong(&to("1x"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&to("0.5x"), &bench.tables), ["action.factor"]);
    }
}
