//! Room made by hand.

use super::*;

/// Delete keys of a workload on every shard. Nothing is deleted while the owner of one of them does
/// not execute DEL: it hangs, is dead, loads its data, cannot be reached, or refuses writes other
/// than by -OOM. At `maxmemory` it does.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
    /// Share of its bytes that is deleted.
    share: Probability,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("delete-keys", "deletes keys", 5)
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
