//! A minimal world around one bus: a clock, what was heard, and replicas that copy after a second.

use std::collections::BTreeMap;

use sim::{SimDuration, SimTime};

use crate::cluster_bus::{BusEffect, BusEffects, ClusterBus, Member, Process, ReplicaLink};

/// How long a replica takes to copy a primary. The data sets of a laboratory are tiny.
const COPY: SimDuration = SimDuration::from_secs(1);

/// A bus, the time, and what the bus has said so far.
#[derive(Clone, Debug)]
pub struct BusDrive {
    /// The bus.
    pub bus: ClusterBus,
    /// The time.
    pub now: SimTime,
    /// Everything that it said, in order.
    pub heard: BusEffects,
    /// How much of `heard` the world has already acted on.
    acted: usize,
    /// When a copy will be complete, by member.
    copies: BTreeMap<Member, SimTime>,
}

impl BusDrive {
    /// A world that begins at `now`.
    pub fn around(bus: ClusterBus, now: SimTime) -> BusDrive {
        BusDrive {
            bus,
            now,
            heard: BusEffects::new(),
            acted: 0,
            copies: BTreeMap::new(),
        }
    }

    /// Lets time pass until `until`, event by event, as a world's agenda would.
    pub fn until(&mut self, until: SimTime) {
        loop {
            let copied = self.copies.iter().map(|(m, at)| (*at, *m)).min();
            let next_bus = self.bus.next_at().unwrap_or(SimTime::MAX);
            let next = copied.map_or(next_bus, |(at, _)| at.min(next_bus));
            if next > until {
                break;
            }
            self.now = next;
            if let Some((_, member)) = copied.filter(|(at, _)| *at == next) {
                self.copies.remove(&member);
                self.replication(member, ReplicaLink::Up);
            }
            self.bus.advance(next, &mut self.heard);
            self.react();
        }
        self.now = until;
    }

    /// New replicas copy their primary.
    pub fn react(&mut self) {
        while let Some((at, effect)) = self.heard.get(self.acted).copied() {
            self.acted += 1;
            let (BusEffect::Demoted { member, .. } | BusEffect::ReplicaRepointed { member, .. }) =
                effect
            else {
                continue;
            };
            self.replication(member, ReplicaLink::NeverSynced);
            self.copies.insert(member, at.max(self.now) + COPY);
        }
    }

    /// Something happens to a member's process, now.
    pub fn process(&mut self, member: Member, process: Process) {
        self.bus
            .set_process(self.now, member, process, &mut self.heard);
        self.react();
    }

    /// Something happens to a replica's stream, now. All replicas have all data.
    pub fn replication(&mut self, member: Member, link: ReplicaLink) {
        self.bus
            .set_replication(self.now, member, 1000, link, &mut self.heard);
    }
}
