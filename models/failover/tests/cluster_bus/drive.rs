//! The laboratory's minimal world around one bus, with what the tests ask of it.

use failover::cluster_bus::{
    BusEffect, ClusterBus, ClusterBusSpec, Member, MemberInit, Role, Shard, Version,
};
pub use failover::lab::BusDrive as Drive;
use sim::{Purpose, SimDuration, SimTime, Streams};

/// Redis' defaults but for the node timeout, on one machine.
pub fn spec(node_timeout_ms: u64) -> ClusterBusSpec {
    ClusterBusSpec {
        version: Version::Redis70,
        node_timeout: SimDuration::from_millis(node_timeout_ms),
        replica_validity_factor: 10,
        repl_ping_replica_period: SimDuration::from_secs(10),
        require_full_coverage: true,
        allow_reads_when_down: false,
        migration_barrier: 1,
        allow_replica_migration: true,
        latency: SimDuration::from_micros(500),
        config_save: SimDuration::from_millis(1),
    }
}

/// Primaries first (member i owns shard i), then one replica of each, then another of each, …
pub fn layout(shards: u16, replicas: u16) -> Vec<MemberInit> {
    let member = |shard, role| MemberInit {
        shard: Shard(shard),
        role,
        no_failover: false,
    };
    let primaries = (0..shards).map(|s| member(s, Role::Primary));
    let copies = (0..replicas).flat_map(|_| (0..shards).map(|s| member(s, Role::Replica)));
    primaries.chain(copies).collect()
}

/// What the tests ask of a bus in its world.
pub trait Questions: Sized {
    /// A cluster that has been healthy for long, a minute into the trial.
    fn new(spec: ClusterBusSpec, layout: &[MemberInit], seed: u64) -> Self;
    /// Lets `span` milliseconds pass.
    fn pass(&mut self, span_ms: u64);
    /// Cuts or restores both directions between two groups.
    fn cut(&mut self, group: &[Member], reachable: bool);
    /// When the first effect that fits was heard, in milliseconds since `since`.
    fn first_ms(&self, since: SimTime, fits: impl Fn(&BusEffect) -> bool) -> Option<f64>;
    fn count(&self, fits: impl Fn(&BusEffect) -> bool) -> usize;
    fn promoted(&self, since: SimTime, shard: u16) -> Option<(Member, f64)>;
}

impl Questions for Drive {
    fn new(spec: ClusterBusSpec, layout: &[MemberInit], seed: u64) -> Drive {
        let key = Streams::for_trial(seed, 0).key(Purpose(7), 0);
        let bus = ClusterBus::new(spec, layout, key, SimTime::ZERO);
        Drive::around(bus, SimTime::ZERO + SimDuration::from_mins(1))
    }

    fn pass(&mut self, span_ms: u64) {
        self.until(self.now + SimDuration::from_millis(span_ms));
    }

    fn cut(&mut self, group: &[Member], reachable: bool) {
        let others: Vec<Member> = self.bus.members().filter(|m| !group.contains(m)).collect();
        for &a in group {
            for &b in &others {
                self.bus
                    .set_reachable(self.now, a, b, reachable, &mut self.heard);
                self.bus
                    .set_reachable(self.now, b, a, reachable, &mut self.heard);
            }
        }
        self.react();
    }

    fn first_ms(&self, since: SimTime, fits: impl Fn(&BusEffect) -> bool) -> Option<f64> {
        let after = |at: SimTime| at.saturating_since(since).as_secs_f64() * 1e3;
        let mut later = self.heard.iter().filter(|(at, _)| *at >= since);
        later.find(|(_, e)| fits(e)).map(|(at, _)| after(*at))
    }

    fn count(&self, fits: impl Fn(&BusEffect) -> bool) -> usize {
        self.heard.iter().filter(|(_, e)| fits(e)).count()
    }

    fn promoted(&self, since: SimTime, shard: u16) -> Option<(Member, f64)> {
        self.heard.iter().find_map(|(at, effect)| match *effect {
            BusEffect::Promoted {
                member, shard: s, ..
            } if s.0 == shard && *at >= since => Some((member, (*at - since).as_secs_f64() * 1e3)),
            _ => None,
        })
    }
}
