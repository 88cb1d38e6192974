//! More workers for the store behind Redis: what its queue needs once Redis is back.

use super::*;

/// More workers for a slower store that services fall back to: its queue is served sooner.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a `[[store]]`.
    store: String,
    /// Workers over those of the scenario, at least 1x.
    factor: Factor,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("scale-store", "adds workers to the store", 24)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.scale_store(&self.store, self.factor.get())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known: Vec<&str> = system.stores.iter().map(|of| of.name.as_str()).collect();
        found.known(format!("{key}.store"), "store", &self.store, &known);
        found.unless(
            self.factor.get() >= 1.0,
            format!("{key}.factor"),
            "there would be fewer workers than before",
            "give a factor of at least 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_must_exist_and_grow() {
        let scale = "kind = 'scale-store'\nstore = 'db'\nfactor = '0.5x'";
        assert_eq!(wrong(scale), ["action.store", "action.factor"]);
    }
}
