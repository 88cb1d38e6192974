//! A whole request through a service, as a robot sends it. It names no node.

use super::*;

/// Does a whole synthetic request go through the service? In an overload it does as most requests
/// do.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The service that is asked.
    service: String,
}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "synthetic request"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Service(&self.service)
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        target.request().into()
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
    fn it_names_a_service_whose_requests_go_through() {
        let probe = |service: &str| Params {
            service: service.to_owned(),
        };
        let errs = Given {
            request: REFUSED,
            ..Given::HEALTHY
        };
        assert_eq!(probe("api").ask(&errs), ProbeResult::Failed);
        let check = |s: &SystemSpec, found: &mut Findings| probe("web").check("probe", s, found);
        assert_eq!(crate::given::tables().wrong(check), ["probe.service"]);
    }
}
