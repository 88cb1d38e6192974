//! A higher `maxmemory`, on nodes of the same size.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Factor;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Raise `maxmemory` on every node of the clusters concerned, in place, each time that it is
/// taken. Above the node's memory the node swaps or is killed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limit over the present one, above 1x.
    to: Factor,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "raise-maxmemory"
    }

    fn doing(&self) -> &'static str {
        "raises maxmemory"
    }

    fn number(&self) -> u64 {
        4
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        for id in &site.concerned {
            site.clusters[*id].raise_maxmemory(self.to, &mut site.cx);
        }
        Effect::Changed(site.concerned.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.to.get() > 1.0,
            format!("{key}.to"),
            "the limit would not be higher",
            "give a factor above 1x",
        );
        found.unless(
            system.redis.maxmemory.is_some(),
            key,
            "no node has a limit that could be raised",
            "set redis.maxmemory, or take the step out",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn it_needs_a_limit_and_raises_it() {
        let mut tables = Bench::new().tables;
        let by = |to: &str| Params {
            to: to.parse().expect("a factor"),
        };
        assert_eq!(wrong(&by("1.2x"), &tables), ["action"]);
        tables.redis.maxmemory = "70%".parse().ok();
        assert_eq!(wrong(&by("1.2x"), &tables), [""; 0]);
        assert_eq!(wrong(&by("1x"), &tables), ["action.to"]);
    }
}
