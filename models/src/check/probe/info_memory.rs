//! INFO memory: how full is the primary?

use super::*;
use sim::quantity::Probability;

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
    use super::*;

    #[test]
    fn it_fails_from_the_threshold_on() {
        let threshold = "80%".parse().expect("a share");
        let ask = |memory: f64| {
            Params { threshold }.ask(&Given {
                memory,
                ..Given::HEALTHY
            })
        };
        assert_eq!(ask(0.79), ProbeResult::Passed);
        assert_eq!(ask(0.8), ProbeResult::Failed);
    }
}
