//! A write of a key: it sees every node that does not take writes.

use super::*;

/// Can a key be written to the primary?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "write canary"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Owners
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        target.write().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_refuses_writes_fails() {
        let full = Given {
            write: REFUSED,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&full), ProbeResult::Failed);
    }
}
