//! An end of the retries of a service's Redis client.

use super::*;

/// The Redis client of a service stops retrying. Users who press again go on; see `shed-load`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the service.
    service: String,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("stop-retries", "stops retries", 10)
    }

    fn control(&self) -> Option<(&str, Control)> {
        Some((&self.service, Control::StopRetries))
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
        let stop = "kind = 'stop-retries'\nservice = 'api'";
        assert_eq!(took(stop).0.orders(), [Control::StopRetries]);
        assert_eq!(wrong(&stop.replace("api", "web")), ["action.service"]);
    }
}
