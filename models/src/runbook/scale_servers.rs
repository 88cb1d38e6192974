//! More servers: they help where workers are short, and nowhere else.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Factor;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;
use demand::Control;

/// More servers for a service: more workers, and a longer queue before them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the service.
    service: String,
    /// Workers over those of the scenario, at least 1x.
    factor: Factor,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "scale-servers"
    }

    fn doing(&self) -> &'static str {
        "brings up more servers"
    }

    fn number(&self) -> u64 {
        12
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.control(&self.service, Control::Scale(self.factor.get()))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.service_names();
        found.known(format!("{key}.service"), "service", &self.service, &known);
        found.unless(
            self.factor.get() >= 1.0,
            format!("{key}.factor"),
            "there would be fewer servers than before",
            "give a factor of at least 1x",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn it_is_ordered_at_the_service() {
        let scale = |service: &str, factor: &str| Params {
            service: service.to_owned(),
            factor: factor.parse().expect("a factor"),
        };
        let mut bench = Bench::new();
        scale("api", "2x").take_effect(&mut bench.site());
        assert_eq!(bench.orders(), [Control::Scale(2.0)]);
        assert_eq!(wrong(&scale("api", "1x"), &bench.tables), [""; 0]);
        let both = ["action.service", "action.factor"];
        assert_eq!(wrong(&scale("web", "0.5x"), &bench.tables), both);
    }
}
