//! PING: does the process answer at all? A node that refuses writes does.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Probe, ProbeResult, Subjects, Target};

/// Does any known node answer PING with +PONG? "Up and reachable."
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Probe for Params {
    fn name(&self) -> &'static str {
        "ping check"
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects::Clusters
    }

    fn ask(&self, target: &dyn Target) -> ProbeResult {
        target.ping().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Given;
    use super::*;
    use crate::redis::capability::Reply;
    use demand::answer::Cause;

    #[test]
    fn a_node_without_memory_answers_and_one_that_loads_does_not() {
        let full = Given {
            write: Reply::Error(Cause::Oom),
            ..Given::HEALTHY
        };
        let loading = Given {
            ping: Reply::Error(Cause::Loading),
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&full), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&loading), ProbeResult::Failed);
        assert_eq!(Params {}.ask(&Given::SILENT), ProbeResult::Silence);
    }
}
