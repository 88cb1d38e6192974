//! A network that is cut in two.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;

use super::{Draw, Drawn, FaultKind, Strike};
use crate::cluster::Cluster;
use crate::cluster::Cut;
use crate::event::Cx;
use crate::findings::Findings;
use crate::ids::{HostId, Id};
use crate::spec::SystemSpec;

/// Some hosts of a cluster are cut off from the others for a while, both ways. Nodes on them go
/// on, so no `node-down` is told: for minute 0 of a replay take `fault` or `service-down`.
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
        Drawn {
            workload: self.workload.clone(),
            at: draw.instant(&self.at),
            strike: Box::new(self.clone()),
        }
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
        let cut = Cut {
            hosts: self.hosts.iter().map(host).collect(),
            with_clients: self.clients == SideSpec::Hosts,
        };
        cluster.partition(cut, self.lasts, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, strike, wrong};
    use crate::ids::Id;
    use crate::redis::capability::Reply;

    const CUT: &str = r#"kind = "partition"
        workload = "log"
        hosts = [0, 1]
        clients = "others"
        lasts = "3min"
        at = { kind = "constant", value = "10min" }"#;

    #[test]
    fn clients_reach_one_side() {
        let record = "log at 00:10:00.000: hosts [0, 1] cut off for 3min";
        let silent = |cut: &str| {
            let cluster = strike(cut, record);
            let nodes = cluster.nodes();
            let silent = nodes.filter(|n| cluster.seen(*n).tcp == Reply::Silence);
            silent.map(Id::index).collect::<Vec<usize>>()
        };
        assert_eq!(silent(CUT), [0, 1]);
        let inside = CUT.replace("others", "hosts");
        assert_eq!(silent(&inside), [2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn there_are_hosts_on_both_sides() {
        assert_eq!(wrong(&read(CUT)), [""; 0]);
        for hosts in ["[]", "[0, 1, 2, 3, 4, 5, 6, 7, 8]", "[0, 9]"] {
            let other = CUT.replace("[0, 1]", hosts);
            assert_eq!(wrong(&read(&other)), ["fault.hosts"], "{hosts}");
        }
        let short = CUT.replace("3min", "0s");
        assert_eq!(wrong(&read(&short)), ["fault.lasts"]);
    }
}
