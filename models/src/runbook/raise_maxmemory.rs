//! A higher `maxmemory`, on nodes of the same size.

use super::*;

/// Raise `maxmemory` on every node of the clusters concerned that executes CONFIG SET, in place,
/// each time that it is taken. A node does not that hangs, is dead, loads its data or cannot be
/// reached. Above the node's memory the node swaps or is killed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limit over the present one, above 1x.
    to: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("raise-maxmemory", "raises maxmemory", 4)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        for id in &site.concerned {
            site.clusters[*id].raise_maxmemory(self.to, &mut site.cx);
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
