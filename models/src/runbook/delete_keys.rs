//! Room made by hand.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Probability;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Delete keys of a workload.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
    /// Share of its bytes that is deleted.
    share: Probability,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "delete-keys"
    }

    fn doing(&self) -> &'static str {
        "deletes keys"
    }

    fn number(&self) -> u64 {
        5
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (id, workload) = site.home(&self.workload);
        site.clusters[id].delete_keys(workload, self.share.get(), &mut site.cx);
        Effect::Changed(vec![id])
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.workload_names();
        found.known(
            format!("{key}.workload"),
            "workload",
            &self.workload,
            &known,
        );
    }
}

#[cfg(test)]
mod tests {
    use sim::SimTime;

    use super::super::tests::{Bench, wrong};
    use super::*;
    use crate::ids::{Id, ShardId};

    #[test]
    fn memory_is_free_at_once() {
        let mut bench = Bench::new();
        let delete = |workload: &str| Params {
            workload: workload.to_owned(),
            share: "50%".parse().expect("a share"),
        };
        let usage = |bench: &Bench| {
            let (_, cluster) = bench.clusters.iter().next().expect("there is one");
            cluster.usage(ShardId::from_index(0), SimTime::ZERO)
        };
        let before = usage(&bench);
        delete("log").take_effect(&mut bench.site());
        assert!(usage(&bench) < 0.8 * before);
        assert_eq!(wrong(&delete("log"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&delete("lock"), &bench.tables), ["action.workload"]);
    }
}
