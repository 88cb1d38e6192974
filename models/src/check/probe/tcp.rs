//! A connection: the shallowest of all probes.

use super::*;

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
    use super::*;

    #[test]
    fn a_node_that_hangs_still_accepts() {
        let hung = Given {
            ping: Reply::Silence,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&hung), ProbeResult::Passed);
        let killed = Given {
            connect: REFUSED,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&killed), ProbeResult::Failed);
    }
}
