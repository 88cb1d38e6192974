//! Room made by hand.

use super::*;

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
        let (before, after) = (Bench::new().usage(), took(delete).0.usage());
        assert!(after < 0.8 * before, "{after} of {before}");
        assert_eq!(wrong(&delete.replace("log", "lock")), ["action.workload"]);
    }
}
