//! What a Redis Cluster is configured with, as `redis.conf` names it, and how it is laid out.
//!
//! Names and meanings: redis.conf and `src/config.c` of Redis 7.0.15. The directives that Redis
//! takes in milliseconds or seconds are durations here. No value has a default: each is a modelling
//! decision and stands in a scenario file.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use super::ids::Shard;
use crate::problem::{Problem, unless, unless_saved};

/// The most primaries of one Redis Cluster: its authors recommend no more nodes than about that.
pub const PRIMARIES_MAX: usize = 1000;

/// The most members of one Redis Cluster here, primaries and replicas. Each keeps a view of every
/// other, so memory grows with the square: 2,000 take about 480 MiB.
pub const MEMBERS_MAX: usize = 2000;

/// What the bus remembers of the time before a trial must fit into the year that it was up.
pub const NODE_TIMEOUT_MAX: SimDuration = SimDuration::from_days(7);

/// One Redis Cluster's configuration, the same on all of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterBusSpec {
    /// Whose rules apply: `"redis-7.0"` (also the closest to older versions) or `"valkey-8"`.
    pub version: Version,
    /// `cluster-node-timeout`: silence after which a node is possibly failing, at least 100ms.
    /// Redis ships 15s; a failover takes about that and 1 to 2 s more.
    pub node_timeout: SimDuration,
    /// `cluster-replica-validity-factor`: how old a replica's data may be, in node timeouts; 0 lets
    /// any replica stand for election. Redis ships 10.
    pub replica_validity_factor: u32,
    /// `repl-ping-replica-period`, which is added to the staleness that is allowed. Redis ships
    /// 10s.
    pub repl_ping_replica_period: SimDuration,
    /// `cluster-require-full-coverage`: every shard refuses (-CLUSTERDOWN) when one has no working
    /// owner. Redis ships `true`.
    pub require_full_coverage: bool,
    /// `cluster-allow-reads-when-down`: reads are served although the cluster is down. It concerns
    /// the answers to clients, not the bus. Redis ships `false`.
    pub allow_reads_when_down: bool,
    /// `cluster-migration-barrier`: replicas that a primary keeps when one moves to a primary
    /// without any. Redis ships 1.
    pub migration_barrier: u32,
    /// `cluster-allow-replica-migration`: may a replica move to a primary without any? Redis ships
    /// `true`.
    pub allow_replica_migration: bool,
    /// One-way delay of a packet between two members, event loops included, above 0s; `"250us"` in
    /// one network. The same for every pair; next to crons 100 ms apart its spread hardly counts.
    pub latency: SimDuration,
    /// How long writing `nodes.conf` to disk takes: before a vote is asked for, before it is given
    /// and before a promotion is announced. At most a minute: a member answers nobody meanwhile.
    pub config_save: SimDuration,
}

/// Whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// Redis 7.0: election timers survive a change of role; a forced failover waits for the cron.
    #[serde(rename = "redis-7.0")]
    Redis70,
    /// Valkey 8: election timers are cleared on a change of role (PR 782), equal offsets are ranked
    /// by node id (PR 762), a forced failover starts at once (PR 1067), only primaries with slots
    /// report failures, and a lone primary declares its replicas failed by itself.
    #[serde(rename = "valkey-8")]
    Valkey8,
}

/// One member as the cluster was laid out, before anything failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberInit {
    /// The shard that it owns or copies.
    pub shard: Shard,
    /// Owner or copy. Each shard has exactly one primary at the start.
    pub role: Role,
    /// `cluster-replica-no-failover`: this node never stands for election by itself.
    pub no_failover: bool,
}

/// What a member is to its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Owns the shard's slots (a master in Redis' words).
    Primary,
    /// Copies a primary (a slave in Redis' words).
    Replica,
}

impl ClusterBusSpec {
    /// Every problem that the types cannot rule out, as sentences for the user.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let (timeout, latency, most) = (self.node_timeout, self.latency, self.node_timeout / 8);
        unless(
            &mut found,
            timeout >= SimDuration::from_millis(100),
            "node_timeout",
            format!("it is {timeout}, and crons run every 100 ms"),
            "write 100ms or more",
        );
        unless(
            &mut found,
            timeout <= NODE_TIMEOUT_MAX,
            "node_timeout",
            format!("it is {timeout}, and the cluster is as if it had been up for a year"),
            format!("write at most {NODE_TIMEOUT_MAX}"),
        );
        unless(
            &mut found,
            latency > SimDuration::ZERO,
            "latency",
            "it is 0s, and a packet takes time",
            "write 50us for loopback",
        );
        unless(
            &mut found,
            latency <= most,
            "latency",
            format!("it is {latency}, and a healthy cluster would suspect itself"),
            format!("write at most an eighth of node_timeout, {most}"),
        );
        unless_saved(&mut found, self.config_save);
        found
    }

    /// The node timeout in Redis' unit.
    pub(super) fn node_timeout_ms(&self) -> u64 {
        self.node_timeout.as_nanos() / 1_000_000
    }
}

/// Every problem with a layout, as sentences.
pub fn layout_problems(layout: &[MemberInit]) -> Vec<String> {
    let mut problems = Vec::new();
    let shards = layout
        .iter()
        .map(|m| usize::from(m.shard.0) + 1)
        .max()
        .unwrap_or(0);
    if shards == 0 {
        problems.push("a cluster has at least one member".to_owned());
    }
    if shards > PRIMARIES_MAX || layout.len() > MEMBERS_MAX {
        problems.push(format!(
            "a cluster has at most {PRIMARIES_MAX} primaries and {MEMBERS_MAX} members"
        ));
    }
    let mut primaries = vec![0; shards];
    for member in layout.iter().filter(|m| m.role == Role::Primary) {
        primaries[usize::from(member.shard.0)] += 1;
    }
    for (shard, primaries) in primaries.into_iter().enumerate() {
        if primaries != 1 {
            problems.push(format!(
                "shard {shard} has {primaries} primaries; it needs exactly one"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        version = "redis-7.0"
        node_timeout = "15s"
        replica_validity_factor = 10
        repl_ping_replica_period = "10s"
        require_full_coverage = true
        allow_reads_when_down = false
        migration_barrier = 1
        allow_replica_migration = true
        latency = "250us"
        config_save = "1ms"
    "#;

    #[test]
    fn it_reads_as_in_redis_conf() {
        let spec: ClusterBusSpec = toml::from_str(TEXT).expect("a valid text");
        assert_eq!(spec.node_timeout_ms(), 15_000);
        assert_eq!(spec.version, Version::Redis70);
        assert_eq!(spec.problems(), []);
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = TEXT.replace("latency", "latancy");
        let error = toml::from_str::<ClusterBusSpec>(&unknown).expect_err("no such key");
        assert!(error.to_string().contains("latancy"));
        let slow = TEXT.replace("250us", "9s");
        let spec: ClusterBusSpec = toml::from_str(&slow).expect("a valid text");
        assert_eq!(spec.problems().len(), 1);
        let eternal = TEXT.replace("\"15s\"", "\"3650d\"");
        let spec: ClusterBusSpec = toml::from_str(&eternal).expect("a valid text");
        assert!(
            spec.problems()[0].help.ends_with("write at most 7d"),
            "{:?}",
            spec.problems()
        );
    }

    #[test]
    fn a_shard_has_one_primary() {
        let member = |role| MemberInit {
            shard: Shard(0),
            role,
            no_failover: false,
        };
        assert!(layout_problems(&[member(Role::Primary), member(Role::Replica)]).is_empty());
        assert_eq!(layout_problems(&[member(Role::Replica)]).len(), 1);
        assert_eq!(
            layout_problems(&[member(Role::Primary), member(Role::Primary)]).len(),
            1
        );
    }
}
