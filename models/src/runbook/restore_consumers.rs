//! Consumers of a queue at their pace again.

use super::*;
use crate::spec::redis::QueueSpec;

/// The consumers of a workload's queue are back at full speed: slow queries are ended, a dependency
/// is repaired, consumers may be added.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload; it has a `queue`.
    workload: String,
    /// Their capacity from then on over that of the scenario; absent: the same.
    factor: Option<Factor>,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("restore-consumers", "restores the consumers", 13)
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
    use super::*;

    #[test]
    fn the_workload_has_a_queue_that_they_can_empty() {
        let action = "kind = 'restore-consumers'\nworkload = 'cache'";
        assert_eq!(wrong(action), [""; 0]);
        assert_eq!(wrong(&action.replace("cache", "log")), ["action.workload"]);
        assert_eq!(
            wrong(&format!("{action}\nfactor = '0.5x'")),
            ["action.factor"]
        );
    }
}
