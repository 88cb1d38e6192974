//! A host that is gone with everything on it.

use super::*;
use crate::ids::{HostId, Id};

/// A host of the cluster fails silently, with every node on it, and comes back later: its processes
/// start again and read their data. A host that only lost its network is a `partition`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// The host, counted from 0; `redis.hosts` says which nodes stand on which host. Host 0 carries
    /// the primary of the first and fullest shard.
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

    fn kills(&self) -> bool {
        true
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            lasts: Some(self.lasts),
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.workload, &self.at, self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        check_host(format!("{key}.host"), self.host, system, found);
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
    use super::*;
    use crate::ids::NodeId;
    use crate::redis::capability::Reply;

    #[test]
    fn the_node_on_it_is_silent() {
        let loss = "kind = 'host-loss'\nhost = 1\nlasts = '3min'";
        let cluster = strike(loss, "host 1 lost for 3min");
        assert_eq!(cluster.seen(NodeId::from_index(1)).tcp, Reply::Silence);
        assert_eq!(cluster.seen(NodeId::from_index(0)).tcp, Reply::Fine);
        assert_eq!(wrong(&loss.replace("= 1", "= 9")), ["fault.host"]);
    }
}
