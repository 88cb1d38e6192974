//! More servers: they help where workers are short, and nowhere else.

use super::*;

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
    fn about(&self) -> About {
        About::new("scale-servers", "brings up more servers", 12)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.control(&self.service, Control::Scale(self.factor.get()))
    }

    fn controls(&self, service: &str) -> bool {
        self.service == service
    }

    fn scales(&self, service: &str) -> f64 {
        match self.service == service {
            true => self.factor.get(),
            false => 1.0,
        }
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.service_names();
        found.known(format!("{key}.service"), "service", &self.service, &known);
        let services = system.services.iter();
        let mut scaled = services.filter(|service| service.name == self.service);
        found.unless(
            !scaled.any(|service| service.servers.is_some()),
            format!("{key}.service"),
            "its autoscaler sets the number of its servers, and would undo the step",
            "take the step out, or service.servers",
        );
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
    use super::*;

    #[test]
    fn it_is_ordered_at_the_service() {
        let scale = "kind = 'scale-servers'\nservice = 'api'\nfactor = '2x'";
        assert_eq!(took(scale).0.orders(), [Control::Scale(2.0)]);
        assert_eq!(wrong(&scale.replace("2x", "0.5x")), ["action.factor"]);
    }
}
