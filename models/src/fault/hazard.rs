//! Hazards as faults: each node, host and zone of each cluster meets them at its own times.
//!
//! The times of a node do not depend on how many others there are, so designs that are compared
//! meet the same as far as they have the same nodes.

use sim::dist::Dist;
use sim::{SimDuration, SimTime, Streams};

use super::{Fault, Place, Strike, TURNS_MAX};
use crate::cluster::{Cluster, NetworkCut};
use crate::event::Cx;
use crate::ids::{HostId, Id, NodeId};
use crate::layout::ClusterPlan;
use crate::spec::SystemSpec;
use crate::spec::hazard::{Hazard, HazardKind, HazardsSpec, Victim};
use crate::streams;

/// The hazards of one trial, cluster by cluster.
pub fn draw(
    hazards: &HazardsSpec,
    plans: &[ClusterPlan],
    system: &SystemSpec,
    streams: &Streams,
) -> Vec<Fault> {
    let mut drawn = Vec::new();
    for hazard in hazards.all() {
        for plan in plans {
            for victim in 0..victims(hazard.kind.victim(), system) {
                drawn.extend(of_one(hazard, (plan, victim), system, streams));
            }
        }
    }
    drawn
}

/// How many there are in a cluster.
pub fn victims(of: Victim, system: &SystemSpec) -> u64 {
    let redis = system.redis;
    match of {
        Victim::Node => u64::from(redis.shards) * (1 + u64::from(redis.replicas)),
        Victim::Host => redis.hosts.into(),
        Victim::Zone => redis.zones().into(),
    }
}

/// What one of them meets.
fn of_one(
    hazard: Hazard,
    (plan, victim): (&ClusterPlan, u64),
    system: &SystemSpec,
    streams: &Streams,
) -> Vec<Fault> {
    let key = streams.key(streams::HAZARD, streams::entity(hazard.kind.name()));
    let mut rng = key.child(plan.entity()).child(victim).rng();
    let (end, mean) = (SimTime::ZERO + system.horizon, hazard.every);
    let gap = Dist::Exponential { mean };
    let mut met = Vec::new();
    let mut at = SimTime::ZERO;
    for turn in 0..TURNS_MAX {
        at = at.saturating_add(gap.sample(&mut rng));
        if at >= end {
            break;
        }
        let lasts = hazard.lasts.map(|lasts| lasts.sample(&mut rng));
        let strike = Met {
            kind: hazard.kind,
            victim,
            zones: system.redis.zones(),
            hosts: system.redis.hosts,
            lasts: lasts.unwrap_or_default(),
        };
        met.push(Fault {
            number: (victim, turn),
            kind: hazard.kind.name(),
            place: Place::Cluster {
                entity: plan.entity(),
                name: plan.name.clone(),
            },
            at,
            strike: Box::new(strike),
        });
    }
    met
}

/// A hazard that one node, host or zone meets.
struct Met {
    kind: HazardKind,
    victim: u64,
    zones: u16,
    hosts: u16,
    lasts: SimDuration,
}

impl Met {
    /// The hosts that it is about.
    fn struck(&self) -> Vec<HostId> {
        let hosts = 0..u64::from(self.hosts);
        let zones = u64::from(self.zones);
        let hit = hosts.filter(|host| match self.kind.victim() {
            Victim::Zone => host % zones == self.victim,
            Victim::Node | Victim::Host => *host == self.victim,
        });
        hit.map(|host| HostId::from_index(host as usize)).collect()
    }
}

impl Strike for Met {
    fn words(&self) -> String {
        let (name, victim) = (self.kind.name(), self.victim);
        match self.lasts {
            SimDuration::ZERO => format!("{name} {victim}"),
            lasts => format!("{name} {victim} for {lasts}"),
        }
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let (node, lasts) = (NodeId::from_index(self.victim as usize), self.lasts);
        match self.kind {
            HazardKind::ProcessCrash => cluster.crash(node, cx),
            HazardKind::Maintenance => cluster.restart(node, cx),
            HazardKind::SlowCommand if !cluster.serves(node) => {}
            HazardKind::Freeze | HazardKind::SlowCommand => cluster.hang(node, lasts, cx),
            HazardKind::SlowDisk => cluster.slow_disk(node, (lasts, lasts), cx),
            HazardKind::DiskFull => cluster.fill_disk(node, lasts, cx),
            HazardKind::CutOff => {
                let cut = NetworkCut {
                    hosts: self.struck(),
                    with_clients: false,
                };
                cluster.partition(cut, lasts, cx);
            }
            HazardKind::HostLoss | HazardKind::ZoneLoss => {
                for host in self.struck() {
                    cluster.lose_host(host, lasts, cx);
                }
            }
        }
    }
}
