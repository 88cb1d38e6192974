//! Room made by hand.

use super::*;

/// Delete keys of a workload on every shard, one by one: a script with a pipeline of DELs. The
/// replicas get every DEL, so each is in the stream of writes. Others are served between the
/// script's batches. UNLINK takes as long for strings. The step is done when the script is. It ends
/// at once if the owner of one shard does not execute DEL: it hangs, is dead, loads its data,
/// cannot be reached, or refuses writes other than by -OOM. At `maxmemory` it does. Left out: keys
/// that were deleted are there again if a process loads a save from before.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
    /// Share of its bytes that is deleted.
    share: Probability,
    /// Keys that it deletes per second on each shard, above 0. Absent: 500000/s, as fast as Redis
    /// executes it: measured with Redis 7.0.15 in random order, 360000/s (values of 1000 bytes) to
    /// 590000/s (of 16 bytes).
    rate: Option<PerSec>,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("delete-keys", "deletes keys", 5)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (id, workload) = site.home(&self.workload);
        let what = (self.share.get(), self.rate.map(|rate| rate.get()));
        let cluster = &mut site.clusters[id];
        if let Some(number) = cluster.delete_keys(workload, what, &mut site.cx) {
            let deletion = PendingOperation::Deletion {
                cluster: id,
                number,
            };
            site.pending.push(deletion);
        }
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
        found.unless(
            self.rate.is_none_or(|rate| rate.get() > 0.0),
            format!("{key}.rate"),
            "nothing would ever be deleted",
            "give a rate above 0/s, or none",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_free_at_once() {
        let delete = "kind = 'delete-keys'\nworkload = 'log'\nshare = '50%'";
        let (before, after) = (Bench::well().usage(), took_well(delete).0.usage());
        assert!(after < 0.8 * before, "{after} of {before}");
        // No node that hangs executes it.
        let hangs = took(delete).0;
        assert_eq!(hangs.usage(), before);
        let told = hangs.lines().join("\n");
        assert!(told.contains("does not execute DEL"), "{told}");
        assert_eq!(wrong(&delete.replace("log", "lock")), ["action.workload"]);
    }
}
