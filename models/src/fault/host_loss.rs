//! A host that is gone with everything on it.

use super::*;
use crate::ids::{HostId, Id};

/// A host of the cluster fails silently, with every node on it, and comes back later: its processes
/// start again and read their data. Several at once are a zone, or a rack. A host that only lost
/// its network is a `partition`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// The host, counted from 0; `redis.hosts` says which nodes stand on which host. Host 0 carries
    /// the primary of the first and fullest shard.
    host: Option<u16>,
    /// In place of `host`: several hosts that are gone at once, such as all in one zone.
    #[serde(default)]
    hosts: Vec<u16>,
    /// When it is gone, from the trial's start.
    at: Dist,
    /// From one to the next; absent: it comes once.
    every: Option<Dist>,
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
        found.unless(
            self.host.is_some() == self.hosts.is_empty(),
            format!("{key}.host"),
            match self.host {
                Some(_) => "`hosts` says the same again",
                None => "no host is named",
            },
            "give `host` for one, or `hosts` for several",
        );
        if let Some(host) = self.host {
            check_host(format!("{key}.host"), host, system, found);
        }
        for (n, host) in self.hosts.iter().enumerate() {
            check_host(format!("{key}.hosts[{n}]"), *host, system, found);
        }
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        match self.host {
            Some(host) => format!("host {host} lost for {}", self.lasts),
            None => format!("hosts {:?} lost for {}", self.hosts, self.lasts),
        }
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        for host in self.host.iter().chain(&self.hosts) {
            cluster.lose_host(HostId::from_index((*host).into()), self.lasts, cx);
        }
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
        let zone = loss.replace("host = 1", "hosts = [1, 2]");
        let cluster = strike(&zone, "hosts [1, 2] lost for 3min");
        let silent = |node| cluster.seen(NodeId::from_index(node)).tcp == Reply::Silence;
        assert_eq!([0, 1, 2, 3].map(silent), [false, true, true, false]);
        assert_eq!(wrong(&format!("{zone}\nhost = 0")), ["fault.host"]);
    }
}
