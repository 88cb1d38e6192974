//! What a group of Sentinels is configured with, as `sentinel.conf` names it.
//!
//! Names and meanings: sentinel.conf and `src/sentinel.c` of Redis 7.0.15. What Redis takes in
//! milliseconds is a duration here. No value has a default: each is a modelling decision and stands
//! in a scenario file.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use super::effect::NodeRole;
use super::ids::Node;
use crate::problem::{Problem, unless, unless_saved};

/// One group of Sentinels, all with the same configuration, that watch one primary.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelSpec {
    /// How many Sentinels there are, at least 1 and usually 3. Dead ones count for majorities too.
    /// Sentinel i runs on host i of `redis.hosts`, round robin, and is lost or cut off with it:
    /// with 3 give at least 3 hosts, or the loss of one may take the majority along.
    pub sentinels: u16,
    /// The quorum of `sentinel monitor`: how many must consider the primary down, 1 to `sentinels`.
    pub quorum: u16,
    /// `down-after-milliseconds`: silence after which an instance is subjectively down, at least
    /// 100ms. Redis ships 30s.
    pub down_after: SimDuration,
    /// `failover-timeout`: half the pause between attempts, and the limit of several steps; at
    /// least 1s. Redis ships 3min.
    pub failover_timeout: SimDuration,
    /// `parallel-syncs`: replicas that are pointed at the new primary at a time, at least 1. Redis
    /// ships 1.
    pub parallel_syncs: u16,
    /// `master-reboot-down-after-period`: a primary that was restarted is down when it does not
    /// answer +PONG within this; 0s turns the rule off, as Redis does by default.
    pub master_reboot_down_after: SimDuration,
    /// One-way delay between any two processes, event loops included, above 0s; `"250us"` in one
    /// network.
    pub latency: SimDuration,
    /// How long writing `sentinel.conf` to disk takes. Each new epoch, vote, replica and switch is
    /// written before anything else is done, with three synchronisations: the new file, its
    /// directory, and the file again. At most a minute: a Sentinel answers nobody meanwhile.
    pub config_save: SimDuration,
}

/// One data node as the group was set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInit {
    /// Exactly one is the primary; the others copy it.
    pub role: NodeRole,
    /// `replica-priority`: the lowest is promoted first, and 0 never.
    pub priority: u32,
}

impl SentinelSpec {
    /// Every problem that the types cannot rule out, as sentences for the user.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let counts = [
            ("sentinels", self.sentinels, 3),
            ("quorum", self.quorum, 1),
            ("parallel_syncs", self.parallel_syncs, 1),
        ];
        for (key, count, least) in counts {
            unless(
                &mut found,
                count > 0,
                key,
                "it is 0",
                format!("write {least} or more"),
            );
        }
        unless(
            &mut found,
            self.quorum <= self.sentinels,
            "quorum",
            format!(
                "it is {}, but there are {} sentinels",
                self.quorum, self.sentinels
            ),
            "give at most as many as there are sentinels, or no primary would ever be failed over",
        );
        unless(
            &mut found,
            self.down_after >= SimDuration::from_millis(100),
            "down_after",
            format!("it is {}, and Sentinel looks every 100 ms", self.down_after),
            "write 100ms or more",
        );
        unless(
            &mut found,
            self.failover_timeout >= SimDuration::from_secs(1),
            "failover_timeout",
            format!(
                "it is {}, and roles are seen once a second",
                self.failover_timeout
            ),
            "write 1s or more",
        );
        let (latency, most) = (self.latency, self.down_after / 8);
        unless(
            &mut found,
            latency > SimDuration::ZERO,
            "latency",
            "it is 0s, and a message takes time",
            "write 50us for loopback",
        );
        unless(
            &mut found,
            latency <= most,
            "latency",
            format!("it is {latency}, and a healthy group would suspect itself"),
            format!("write at most an eighth of down_after, {most}"),
        );
        unless_saved(&mut found, self.config_save);
        found
    }

    pub(super) fn down_after_ms(&self) -> i64 {
        whole_ms(self.down_after)
    }

    pub(super) fn failover_timeout_ms(&self) -> i64 {
        whole_ms(self.failover_timeout)
    }

    pub(super) fn master_reboot_down_after_ms(&self) -> i64 {
        whole_ms(self.master_reboot_down_after)
    }
}

fn whole_ms(span: SimDuration) -> i64 {
    i64::try_from(span.as_nanos() / 1_000_000).expect("a span of less than an age")
}

/// Every problem with the data nodes of a group, as sentences.
pub fn node_problems(nodes: &[NodeInit]) -> Vec<String> {
    let mut problems = Vec::new();
    let primaries: Vec<usize> = (0..nodes.len())
        .filter(|n| nodes[*n].role == NodeRole::Primary)
        .collect();
    if primaries.len() != 1 {
        problems.push(format!(
            "there are {} primaries; a group watches exactly one",
            primaries.len()
        ));
    }
    if nodes.len() > usize::from(u16::MAX) {
        problems.push("a group has at most 65535 nodes".to_owned());
    }
    for (index, node) in nodes.iter().enumerate() {
        if let NodeRole::Replica { of: Node(of) } = node.role
            && !primaries.contains(&usize::from(of))
        {
            problems.push(format!(
                "node {index} copies node {of}, which is no primary"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        sentinels = 3
        quorum = 2
        down_after = "30s"
        failover_timeout = "3min"
        parallel_syncs = 1
        master_reboot_down_after = "0s"
        latency = "250us"
        config_save = "3ms"
    "#;

    #[test]
    fn it_reads_as_in_sentinel_conf() {
        let spec: SentinelSpec = toml::from_str(TEXT).expect("a valid text");
        assert_eq!(spec.down_after_ms(), 30_000);
        assert_eq!(spec.failover_timeout_ms(), 180_000);
        assert_eq!(spec.problems(), []);
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = TEXT.replace("quorum", "qorum");
        let error = toml::from_str::<SentinelSpec>(&unknown).expect_err("no such key");
        assert!(error.to_string().contains("qorum"));
        for (from, to) in [
            ("quorum = 2", "quorum = 4"),
            ("quorum = 2", "quorum = 0"),
            ("250us", "4s"),
            ("250us", "0s"),
            ("parallel_syncs = 1", "parallel_syncs = 0"),
            ("\"3min\"", "\"10ms\""),
        ] {
            let spec: SentinelSpec = toml::from_str(&TEXT.replace(from, to)).expect("it parses");
            assert_eq!(spec.problems().len(), 1, "{to}: {:?}", spec.problems());
        }
    }

    #[test]
    fn a_group_watches_one_primary() {
        let node = |role| NodeInit {
            role,
            priority: 100,
        };
        let replica = NodeRole::Replica { of: Node(0) };
        assert!(node_problems(&[node(NodeRole::Primary), node(replica)]).is_empty());
        assert_eq!(node_problems(&[node(NodeRole::Primary); 2]).len(), 1);
        assert_eq!(node_problems(&[node(replica)]).len(), 2);
    }
}
