//! A minimal world around one bus: a clock, what was heard, and replicas that copy after a second.

use std::collections::BTreeMap;

use models::failover::cluster_bus::{
    BusEffect, BusEffects, ClusterBus, ClusterBusSpec, Member, MemberInit, Process, ReplicaLink,
    Role, Shard, Version,
};
use sim::{Purpose, SimDuration, SimTime, Streams};

/// A bus and what it has said so far.
pub struct Drive {
    pub bus: ClusterBus,
    pub now: SimTime,
    pub heard: BusEffects,
    /// How much of `heard` the world has already acted on.
    acted: usize,
    /// When a copy will be complete, by member.
    copies: BTreeMap<Member, SimTime>,
}

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

impl Drive {
    /// A cluster that has been healthy for long, a minute into the trial.
    pub fn new(spec: ClusterBusSpec, layout: &[MemberInit], seed: u64) -> Drive {
        let key = Streams::for_trial(seed, 0).key(Purpose(7), 0);
        Drive::around(ClusterBus::new(spec, layout, key, SimTime::ZERO), 60_000)
    }

    pub fn around(bus: ClusterBus, now_ms: u64) -> Drive {
        let now = SimTime::ZERO + SimDuration::from_millis(now_ms);
        let (heard, copies) = (BusEffects::new(), BTreeMap::new());
        Drive {
            bus,
            now,
            heard,
            acted: 0,
            copies,
        }
    }

    /// Lets `span` milliseconds pass, event by event, as a world's agenda would.
    pub fn pass(&mut self, span_ms: u64) {
        self.until(self.now + SimDuration::from_millis(span_ms));
    }

    pub fn until(&mut self, until: SimTime) {
        loop {
            let copied = self.copies.iter().map(|(m, at)| (*at, *m)).min();
            let next_bus = self.bus.next_at().unwrap_or(SimTime::MAX);
            let next = copied.map_or(next_bus, |(at, _)| at.min(next_bus));
            if next > until {
                break;
            }
            self.now = next;
            if let Some((at, member)) = copied.filter(|(at, _)| *at == next) {
                assert!(at >= self.now);
                self.copies.remove(&member);
                self.replication(member, ReplicaLink::Up);
            }
            self.bus.advance(next, &mut self.heard);
            self.react();
        }
        self.now = until;
    }

    /// New replicas copy their primary within a second.
    fn react(&mut self) {
        while let Some((at, effect)) = self.heard.get(self.acted).copied() {
            self.acted += 1;
            let (BusEffect::Demoted { member, .. } | BusEffect::ReplicaRepointed { member, .. }) =
                effect
            else {
                continue;
            };
            self.replication(member, ReplicaLink::NeverSynced);
            self.copies
                .insert(member, at.max(self.now) + SimDuration::from_secs(1));
        }
    }

    pub fn process(&mut self, member: Member, process: Process) {
        self.bus
            .set_process(self.now, member, process, &mut self.heard);
        self.react();
    }

    pub fn replication(&mut self, member: Member, link: ReplicaLink) {
        self.bus
            .set_replication(self.now, member, 1000, link, &mut self.heard);
    }

    /// Cuts or mends both ways between two groups.
    pub fn cut(&mut self, group: &[Member], reachable: bool) {
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

    /// When the first effect that fits was heard, in milliseconds since `since`.
    pub fn first_ms(&self, since: SimTime, fits: impl Fn(&BusEffect) -> bool) -> Option<f64> {
        let after = |at: SimTime| at.saturating_since(since).as_secs_f64() * 1e3;
        let mut later = self.heard.iter().filter(|(at, _)| *at >= since);
        later.find(|(_, e)| fits(e)).map(|(at, _)| after(*at))
    }

    pub fn count(&self, fits: impl Fn(&BusEffect) -> bool) -> usize {
        self.heard.iter().filter(|(_, e)| fits(e)).count()
    }

    pub fn promoted(&self, since: SimTime, shard: u16) -> Option<(Member, f64)> {
        self.heard.iter().find_map(|(at, effect)| match *effect {
            BusEffect::Promoted {
                member, shard: s, ..
            } if s.0 == shard && *at >= since => Some((member, (*at - since).as_secs_f64() * 1e3)),
            _ => None,
        })
    }
}
