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
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
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

    fn is_single(&self) -> bool {
        true
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: self.every.as_ref(),
            on: None,
            lasts: Some(self.lasts),
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.target(), self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        let count = system.redis.hosts;
        for (n, host) in self.hosts.iter().enumerate() {
            let key = format!("{key}.hosts[{n}]");
            found.unless(
                !self.hosts[..n].contains(host),
                &key,
                &format!("host {host} is named twice"),
                "name each host once",
            );
            check_host(key, *host, system, found);
        }
        let named = |host: u16| self.hosts.contains(&host);
        let sides = (0..count).any(named) && !(0..count).all(named);
        found.unless(
            // A host that does not exist, or too few hosts: that is reported.
            sides || self.hosts.iter().any(|host| *host >= count) || count <= system.redis.replicas,
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
        for (hosts, key) in [
            ("[]", "fault.hosts"),
            ("[0, 1, 2, 3, 4, 5, 6, 7, 8]", "fault.hosts"),
            ("[0, 9]", "fault.hosts[1]"),
            ("[0, 1, 0]", "fault.hosts[2]"),
        ] {
            let wrong = wrong(&cut.replace("[0, 1]", hosts));
            assert_eq!(wrong, [key], "{hosts}");
        }
    }
}
