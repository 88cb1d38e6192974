//! A process that answers nothing for a while.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;

use super::{Draw, Drawn, FaultKind, Strike, check_target};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// The primary of the fullest shard stops answering for a while and then goes on (a stopped
/// process, a stuck disk). Its connections stay open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it stops, from the trial's start.
    at: Dist,
    /// For how long.
    lasts: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "hang"
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        Drawn {
            workload: self.workload.clone(),
            at: draw.instant(&self.at),
            strike: Box::new(self.clone()),
        }
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, (&self.workload, &self.at), system, found);
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("hang of {}", self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let shard = cluster.fullest_shard(cx.now);
        cluster.hang(shard, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, strike, wrong};
    use crate::ids::{Id, NodeId};
    use crate::redis::capability::Reply;

    const HANG: &str = r#"kind = "hang"
        workload = "log"
        lasts = "3min"
        at = { kind = "constant", value = "10min" }"#;

    #[test]
    fn the_fullest_primary_accepts_connections_and_answers_nothing() {
        let seen = strike(HANG, "log at 00:10:00.000: hang of 3min").seen(NodeId::from_index(0));
        assert_eq!(seen.tcp, Reply::Fine);
        assert_eq!(seen.ping, Reply::Silence);
    }

    #[test]
    fn it_names_a_workload() {
        assert_eq!(wrong(&read(HANG)), [""; 0]);
        let other = HANG.replace("log", "lock");
        assert_eq!(wrong(&read(&other)), ["fault.workload"]);
    }
}
