//! Load shedding at the gateway.

use super::*;

/// Load shedding: the gateway refuses a share of a service's requests.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the service.
    service: String,
    /// Share that is refused.
    share: Probability,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("shed-load", "sheds load", 9)
    }

    fn control(&self) -> Option<(&str, Control)> {
        Some((&self.service, Control::Shed(self.share.get())))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.service_names();
        found.known(format!("{key}.service"), "service", &self.service, &known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ordered_at_the_service() {
        let shed = "kind = 'shed-load'\nservice = 'api'\nshare = '40%'";
        assert_eq!(took(shed).0.orders(), [Control::Shed(0.4)]);
        assert_eq!(wrong(&shed.replace("api", "web")), ["action.service"]);
    }
}
