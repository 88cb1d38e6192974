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
        for id in &site.concerned {
            site.clusters[*id].raise_maxclients(self.to, &mut site.cx);
        }
        Effect::Changed(site.concerned.clone())
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.to.get() > 1.0,
            format!("{key}.to"),
            "the limit would not be higher",
            "give a factor above 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_hangs_keeps_its_limit() {
        let raise = "kind = 'raise-maxclients'\nto = '2x'";
        let refuses = |bench: Bench| {
            let lines = bench.lines().into_iter();
            lines.filter(|line| line.ends_with("CONFIG SET")).count()
        };
        assert_eq!(
            (refuses(took(raise).0), refuses(took_well(raise).0)),
            (1, 0)
        );
        assert_eq!(wrong(&raise.replace('2', "1")), ["action.to"]);
    }
}
