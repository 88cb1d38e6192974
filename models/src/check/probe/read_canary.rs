//! A read of a known key.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Probe, ProbeResult, Subjects, Target};

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
    use super::super::Given;
    use super::*;
    use crate::redis::capability::Reply;
    use demand::answer::Cause;

    #[test]
    fn a_node_that_refuses_writes_passes_and_one_that_loads_does_not() {
        let full = Given {
            write: Reply::Error(Cause::Oom),
            ..Given::HEALTHY
        };
        let loading = Given {
            read: Reply::Error(Cause::Loading),
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&full), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&loading), ProbeResult::Failed);
        assert_eq!(Params {}.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
