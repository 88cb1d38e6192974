//! A connection: the shallowest of all probes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Probe, ProbeResult, Subjects, Target};

/// Does any known node accept a connection?
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "tcp check"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Clusters
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        target.connect().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Given;
    use super::*;
    use crate::redis::capability::Reply;
    use demand::answer::Cause;

    #[test]
    fn a_node_that_hangs_still_accepts() {
        let hung = Given {
            connect: Reply::Fine,
            ..Given::SILENT
        };
        let killed = Given {
            connect: Reply::Error(Cause::Refused),
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&hung), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&killed), ProbeResult::Failed);
        assert_eq!(Params {}.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
