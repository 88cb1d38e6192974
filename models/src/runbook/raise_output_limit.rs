//! A higher limit on what a primary holds for its replicas.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Factor;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Raise the limit on what a primary holds for a replica (`client-output-buffer-limit`), hard
/// and soft, on every node of the clusters concerned.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limits over the present ones, above 1x.
    to: Factor,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "raise-output-limit"
    }

    fn doing(&self) -> &'static str {
        "raises the replicas' buffer limit"
    }

    fn number(&self) -> u64 {
        14
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        for id in &site.concerned {
            site.clusters[*id].raise_output_limit(self.to, &mut site.cx);
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
            system.redis.replication.output_limit.is_some(),
            key,
            "no primary has a limit that could be raised",
            "set redis.replication.output_limit, or take the step out",
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
        assert_eq!(wrong(&by("2x"), &tables), [""; 0]);
        assert_eq!(wrong(&by("1x"), &tables), ["action.to"]);
        tables.redis.replication.output_limit = None;
        assert_eq!(wrong(&by("2x"), &tables), ["action"]);
    }
}
