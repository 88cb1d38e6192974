//! INFO memory: how full is the primary?

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::Probability;

use super::{Probe, ProbeResult, Subjects, Target};

/// Is the primary's used memory below this share of its limit?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Share of the limit from which on the check fails.
    threshold: Probability,
}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "info-memory check"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Owners
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        ProbeResult::of(target.ping(), || {
            target.memory_share() < self.threshold.get()
        })
    }

    fn memory_threshold(&self) -> Option<f64> {
        Some(self.threshold.get())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Given;
    use super::*;

    #[test]
    fn it_fails_from_the_threshold_on() {
        let threshold = "80%".parse().expect("a share");
        let probe = Params { threshold };
        let full = Given {
            memory_share: 0.8,
            ..Given::HEALTHY
        };
        assert_eq!(probe.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(probe.ask(&full), ProbeResult::Failed);
        assert_eq!(probe.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
