//! ROLE: does the node that clients take for a primary hold itself for one?

use super::*;

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
    use super::*;

    #[test]
    fn a_replica_and_a_killed_node_fail_and_who_is_silent_says_nothing() {
        let replica = Given {
            replica: true,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&Given::HEALTHY), ProbeResult::Passed);
        assert_eq!(Params {}.ask(&replica), ProbeResult::Failed);
        let answering = |ping| Given {
            ping,
            ..Given::HEALTHY
        };
        let killed = answering(Reply::Error(Cause::Refused));
        assert_eq!(Params {}.ask(&killed), ProbeResult::Failed);
        let loading = answering(Reply::Error(Cause::Loading));
        assert_eq!(Params {}.ask(&loading), ProbeResult::Passed);
        let hung = Given {
            ping: Reply::Silence,
            ..replica
        };
        assert_eq!(Params {}.ask(&hung), ProbeResult::Silence);
    }
}
