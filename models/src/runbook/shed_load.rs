//! Load shedding at the gateway.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Probability;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;
use demand::Control;

/// The gateway turns a share of a service's requests away.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the service.
    service: String,
    /// Share that is turned away.
    share: Probability,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "shed-load"
    }

    fn doing(&self) -> &'static str {
        "sheds load"
    }

    fn number(&self) -> u64 {
        9
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.control(&self.service, Control::Shed(self.share.get()))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.service_names();
        found.known(format!("{key}.service"), "service", &self.service, &known);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn it_is_ordered_at_the_service() {
        let shed = |service: &str| Params {
            service: service.to_owned(),
            share: "40%".parse().expect("a share"),
        };
        let mut bench = Bench::new();
        shed("api").take_effect(&mut bench.site());
        assert_eq!(bench.orders(), [Control::Shed(0.4)]);
        assert_eq!(wrong(&shed("api"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&shed("web"), &bench.tables), ["action.service"]);
    }
}
