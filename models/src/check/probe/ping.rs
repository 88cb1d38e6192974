//! PING: does the process answer at all? A node that refuses writes does.

use super::*;

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
    use super::*;

    #[test]
    fn a_node_that_hangs_is_silent() {
        let hung = Given {
            ping: Reply::Silence,
            ..Given::HEALTHY
        };
        assert_eq!(Params {}.ask(&hung), ProbeResult::Silence);
    }
}
