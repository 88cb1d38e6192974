//! An end of retries, of people and of programs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;
use demand::Control;

/// Callers of a service are told not to retry, or its clients are.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the service.
    service: String,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "stop-retries"
    }

    fn doing(&self) -> &'static str {
        "stops retries"
    }

    fn number(&self) -> u64 {
        10
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.control(&self.service, Control::StopRetries)
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
        let stop = |service: &str| Params {
            service: service.to_owned(),
        };
        let mut bench = Bench::new();
        stop("api").take_effect(&mut bench.site());
        assert_eq!(bench.orders(), [Control::StopRetries]);
        assert_eq!(wrong(&stop("api"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&stop("web"), &bench.tables), ["action.service"]);
    }
}
