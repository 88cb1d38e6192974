//! A higher limit on what a primary holds for its replicas.

use super::*;

/// Raise the limit on what a primary holds for a replica (`client-output-buffer-limit`), hard
/// and soft, on every node of the clusters concerned that executes CONFIG SET: not on one that
/// hangs, is dead, loads its data or cannot be reached.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limits over the present ones, above 1x.
    to: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new(
            "raise-output-limit",
            "raises the replicas' buffer limit",
            14,
        )
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.change(|cluster, cx| cluster.raise_output_limit(self.to, cx))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_raise(found, key, self.to);
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
    use super::*;

    #[test]
    fn it_raises_the_limit() {
        let raise = "kind = 'raise-output-limit'\nto = '2x'";
        assert_eq!(
            (took(raise).0.refusals(), took_well(raise).0.refusals()),
            (1, 0)
        );
        assert_eq!(wrong(raise), [""; 0]);
        assert_eq!(wrong(&raise.replace('2', "1")), ["action.to"]);
    }
}
