//! Keys that are gone at once: `FLUSHALL` by mistake, or a deploy that changes the names of keys.

use super::*;

/// A share of a workload's keys is deleted on all shards: `FLUSHALL` by mistake, or a deploy that
/// names keys differently. With `"100%"` that is one command on each shard, and its owner and
/// replicas answer nobody while they free the keys (at `redis.sync.flush_keys`), unless it is
/// `lazy`. Nothing is deleted if the owner of a shard does not execute the command
/// then: it hangs, is dead, loads its data, cannot be reached, or refuses writes other than by
/// -OOM. A cache (`service.needs.misses`) is cold afterwards; the keys that come back take no
/// memory in the model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
    /// When it happens, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
    /// The share of its keys, above 0%.
    share: Probability,
    /// Does a thread of its own free the keys: `FLUSHALL ASYNC`, or `lazyfree-lazy-user-flush yes`?
    /// Absent: no, as Redis ships it.
    #[serde(default)]
    lazy: bool,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "flush"
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: self.every.as_ref(),
            on: None,
            lasts: None,
        }
    }

    fn deletes(&self) -> bool {
        true
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        let workload = draw.system.workload(&self.workload);
        let share = self.share.get();
        let at_once = share >= 1.0 && !self.lazy;
        let flush = Flush {
            workload,
            share,
            at_once,
        };
        draw.hits(&self.target(), flush)
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        found.unless(
            self.share.get() > 0.0,
            format!("{key}.share"),
            "nothing would be deleted",
            "give more than 0%",
        );
    }
}

/// What is deleted.
#[derive(Clone, Copy)]
struct Flush {
    workload: usize,
    share: f64,
    at_once: bool,
}

impl Strike for Flush {
    fn words(&self) -> String {
        format!("{:.0} % of its keys are deleted", 100.0 * self.share)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.flush(self.workload, (self.share, self.at_once), cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_gone_from_every_shard() {
        let flush = "kind = 'flush'\nshare = '50%'";
        let cluster = strike(flush, "50 % of its keys are deleted");
        let lost = cluster.losses();
        assert_eq!(lost.len(), cluster.shards().len());
        assert!(lost.iter().all(|loss| loss.share == 0.5));
        assert_eq!(wrong(&flush.replace("50", "0")), ["fault.share"]);
    }
}
