//! A higher `maxclients`, so that connections that were refused get in.

use super::*;

/// Raise `maxclients` on every node of the clusters concerned that executes CONFIG SET, each time
/// that it is taken: clients that were refused get in at their next attempt. A node does not
/// execute it that hangs, is dead, loads its data or cannot be reached. People are taken to get
/// through to a node that is at its limit, and its system to allow so many open files.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The new limit over the present one, above 1x.
    to: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("raise-maxclients", "raises maxclients", 25)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.change(|cluster, cx| cluster.raise_maxclients(self.to, cx))
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        check_raise(found, key, self.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_hangs_keeps_its_limit() {
        let raise = "kind = 'raise-maxclients'\nto = '2x'";
        assert_eq!(
            (took(raise).0.refusals(), took_well(raise).0.refusals()),
            (1, 0)
        );
        assert_eq!(wrong(&raise.replace('2', "1")), ["action.to"]);
    }
}
