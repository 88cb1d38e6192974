//! A higher `maxmemory`, on nodes of the same size.

use super::*;

/// Raise `maxmemory` on every node of the clusters concerned that executes CONFIG SET, in place,
/// each time that it is taken. A node does not that hangs, is dead, loads its data or cannot be
/// reached. Above the node's memory the node swaps or is killed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limit over the present one, above 1x; of `redis.maxmemory` in bytes as well.
    to: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("raise-maxmemory", "raises maxmemory", 4)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.change(|cluster, cx| cluster.raise_maxmemory(self.to, cx))
    }

    fn maxmemory(&self) -> Option<Factor> {
        Some(self.to)
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_raise(found, key, self.to);
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
    use super::*;

    #[test]
    fn it_needs_a_limit_and_raises_it() {
        let wrong = wrong("kind = 'raise-maxmemory'\nto = '1x'");
        assert_eq!(wrong, ["action.to", "action"]);
    }
}
