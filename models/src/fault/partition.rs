//! A network that is cut in two.

use super::*;
use crate::cluster::NetworkCut;
use crate::ids::{HostId, Id};

/// Some hosts of a cluster are cut off from the others for a while, both ways. Nodes on them keep
/// running, so there is no `node-down`: for minute 0 of a replay take `fault` or `service-down`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When the cut begins, from the trial's start.
    at: Dist,
    /// For how long; above 0s.
    lasts: SimDuration,
    /// The hosts on one side, counted from 0; the others are on the other side.
    hosts: Vec<u16>,
    /// The side of the clients and of the health checks.
    clients: SideSpec,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.workload, &self.at, self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.workload_names();
        found.known(
            format!("{key}.workload"),
            "workload",
            &self.workload,
            &known,
        );
        found.dist(format!("{key}.at"), &self.at);
        found.unless(
            self.lasts > SimDuration::ZERO,
            format!("{key}.lasts"),
            "a partition of no length changes nothing",
            "give a positive duration such as \"30s\"",
        );
        let count = system.redis.hosts;
        found.unless(
            self.hosts.iter().all(|host| *host < count),
            format!("{key}.hosts"),
            "a cluster does not have so many hosts",
            &format!("count hosts from 0 to {}", count.saturating_sub(1)),
        );
        let named = |host: u16| self.hosts.contains(&host);
        found.unless(
            (0..count).any(named) && !(0..count).all(named),
            format!("{key}.hosts"),
            "a partition has two sides, with hosts on both",
            "name some of the hosts, not none and not all",
        );
    }
}

/// A side of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SideSpec {
    /// On the side of the named hosts.
    Hosts,
    /// On the side of all other hosts.
    Others,
}

impl Strike for Params {
    fn words(&self) -> String {
        format!("hosts {:?} cut off for {}", self.hosts, self.lasts)
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let host = |host: &u16| HostId::from_index((*host).into());
        let cut = NetworkCut {
            hosts: self.hosts.iter().map(host).collect(),
            with_clients: self.clients == SideSpec::Hosts,
        };
        cluster.partition(cut, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::capability::Reply;

    #[test]
    fn clients_reach_one_side() {
        let cut = "kind = 'partition'\nhosts = [0, 1]\nclients = 'others'\nlasts = '3min'";
        let silent = |cut: &str| {
            let cluster = strike(cut, "hosts [0, 1] cut off for 3min");
            let nodes = cluster.nodes();
            let silent = nodes.filter(|n| cluster.seen(*n).tcp == Reply::Silence);
            silent.map(Id::index).collect::<Vec<usize>>()
        };
        assert_eq!(silent(cut), [0, 1]);
        assert_eq!(
            silent(&cut.replace("others", "hosts")),
            [2, 3, 4, 5, 6, 7, 8]
        );
        for hosts in ["[]", "[0, 1, 2, 3, 4, 5, 6, 7, 8]", "[0, 9]"] {
            let wrong = wrong(&cut.replace("[0, 1]", hosts));
            assert_eq!(wrong, ["fault.hosts"], "{hosts}");
        }
    }
}
