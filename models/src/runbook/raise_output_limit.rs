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
        for id in &site.concerned {
            site.clusters[*id].raise_output_limit(self.to, &mut site.cx);
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
        let refuses = |bench: Bench| {
            let lines = bench.lines().into_iter();
            lines.filter(|line| line.ends_with("CONFIG SET")).count()
        };
        assert_eq!(
            (refuses(took(raise).0), refuses(took_well(raise).0)),
            (1, 0)
        );
        assert_eq!(wrong(raise), [""; 0]);
        assert_eq!(wrong(&raise.replace('2', "1")), ["action.to"]);
    }
}
