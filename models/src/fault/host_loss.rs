//! A host that is gone with everything on it.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;

use super::{Draw, Drawn, FaultKind, Strike, check_target};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::findings::Findings;
use crate::ids::{HostId, Id};
use crate::spec::SystemSpec;

/// A host of the cluster is gone without a word, with every node on it, and comes back later:
/// its processes start anew and read their data. A host that only lost its network is a
/// `partition`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// The host, counted from 0. Nodes are dealt round, shard by shard, primaries first: host 0
    /// carries the primary of the first and fullest shard.
    host: u16,
    /// When it is gone, from the trial's start.
    at: Dist,
    /// For how long.
    lasts: SimDuration,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "host-loss"
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
        found.unless(
            self.host < system.redis.hosts,
            format!("{key}.host"),
            "a cluster has no such host",
            "give a number from 0 to `redis.hosts` less one",
        );
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("host {} lost for {}", self.host, self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.lose_host(HostId::from_index(self.host.into()), self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, strike, wrong};
    use crate::ids::{Id, NodeId};
    use crate::redis::capability::Reply;

    const LOSS: &str = r#"kind = "host-loss"
        workload = "log"
        host = 1
        lasts = "3min"
        at = { kind = "constant", value = "10min" }"#;

    #[test]
    fn the_node_on_it_is_silent() {
        let cluster = strike(LOSS, "log at 00:10:00.000: host 1 lost for 3min");
        assert_eq!(cluster.seen(NodeId::from_index(1)).tcp, Reply::Silence);
        assert_eq!(cluster.seen(NodeId::from_index(0)).tcp, Reply::Fine);
    }

    #[test]
    fn a_cluster_has_the_host() {
        assert_eq!(wrong(&read(LOSS)), [""; 0]);
        let other = LOSS.replace("host = 1", "host = 9");
        assert_eq!(wrong(&read(&other)), ["fault.host"]);
    }
}
