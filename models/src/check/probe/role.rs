//! ROLE: does the node that clients take for a primary hold itself for one?

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Probe, ProbeResult, Subjects, Target};

/// Does the node that should be the primary answer ROLE with `master`?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "role check"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Owners
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        ProbeResult::of(target.ping(), || !target.is_replica())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Given;
    use super::*;

    #[test]
    fn a_replica_fails() {
        let replica = Given {
            replica: true,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&replica), ProbeResult::Failed);
        assert_eq!(Params {}.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
