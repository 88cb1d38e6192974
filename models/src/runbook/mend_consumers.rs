//! Consumers of a queue at their pace again.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Factor;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;
use crate::spec::redis::QueueSpec;

/// The consumers of a workload's queue are back at their pace: slow queries are ended, a
/// dependency is mended, and consumers may be added.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload; it has a `queue`.
    workload: String,
    /// Their capacity from then on over that of the scenario; absent: the same.
    factor: Option<Factor>,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "mend-consumers"
    }

    fn doing(&self) -> &'static str {
        "mends what the consumers wait for"
    }

    fn number(&self) -> u64 {
        13
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (id, workload) = site.home(&self.workload);
        site.clusters[id].consumers_back(workload, self.pace(), &mut site.cx);
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
        let of = system.workloads.iter().find(|w| w.name == self.workload);
        let queue = of.and_then(|workload| workload.queue);
        found.unless(
            queue.is_some() || of.is_none(),
            format!("{key}.workload"),
            "this workload holds no queue",
            "give it a `queue`, or name one that has one",
        );
        let keeps_up = |queue: QueueSpec| queue.capacity.get() * self.pace() > queue.jobs.get();
        found.unless(
            queue.is_none_or(keeps_up),
            format!("{key}.factor"),
            "the consumers would not keep up, and the backlog never end",
            "give a factor that takes `queue.capacity` above `queue.jobs`",
        );
    }
}

impl Params {
    /// Their capacity over that of the scenario.
    fn pace(&self) -> f64 {
        self.factor.map_or(1.0, |factor| factor.get())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn the_workload_has_a_queue_that_the_consumers_can_empty() {
        let to = |workload: &str, factor: &str| Params {
            workload: workload.to_owned(),
            factor: factor.parse().ok(),
        };
        let tables = Bench::new().tables;
        assert_eq!(wrong(&to("cache", "2x"), &tables), [""; 0]);
        assert_eq!(wrong(&to("cache", "0.5x"), &tables), ["action.factor"]);
        for workload in ["log", "lock"] {
            assert_eq!(wrong(&to(workload, "2x"), &tables), ["action.workload"]);
        }
    }
}
