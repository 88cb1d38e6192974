//! A whole request through a service, as a robot sends it. It names no node.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Probe, ProbeResult, Subjects, Target};
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Does a whole acceptance, made by a robot, go through the service?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The service that is asked.
    service: String,
}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "synthetic acceptance"
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
    use super::super::Given;
    use super::*;
    use crate::redis::capability::Reply;
    use demand::answer::Cause;

    #[test]
    fn an_error_fails() {
        let probe = Params {
            service: "api".to_owned(),
        };
        let errs = Given {
            request: Reply::Error(Cause::Oom),
            ..Given::HEALTHY
        };
        assert_eq!(probe.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(probe.ask(&errs), ProbeResult::Failed);
        assert_eq!(probe.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
