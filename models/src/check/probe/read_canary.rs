//! A read of a known key.

use super::*;

/// Can a known key be read from the primary?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "read canary"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Owners
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        target.read().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_cannot_be_read_fails() {
        let loading = Given {
            read: REFUSED,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&loading), ProbeResult::Failed);
    }
}
