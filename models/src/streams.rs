//! The names of the random streams. A number is part of every draw: never reuse or renumber one.
//!
//! The entity beside a purpose is something that exists in every design that is compared: a
//! workload, a class of signers, an observer, an incident. It is never a Redis node. Numbers 40 and
//! 43 are those of [`demand`], 60 and 61 those of [`failover`].

use sim::Purpose;

pub use demand::streams::{ARRIVALS, CALLS};
pub use failover::streams::{LAB, LAB_BUS};

/// The entity of something that designs know by its name (FNV-1a, 64 bits).
pub fn entity(name: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    name.bytes().fold(0xCBF2_9CE4_8422_2325, mix)
}

/// What the world does to us: when a fault begins and how it runs. Entity: the fault's position.
pub const FAULT: Purpose = Purpose(1);
/// Which workload a growth burst hits. Entity: the fault's position.
pub const FAULT_TARGET: Purpose = Purpose(2);
/// Which cell a fault hits, if there are cells. Entity: the fault's position.
pub const FAULT_CELL: Purpose = Purpose(3);
/// What happens by itself. Entity: the hazard, by its name; sub-streams for each cluster (as for
/// the bus) and each node, host or zone of it.
pub const HAZARD: Purpose = Purpose(4);
/// Keys that a workload adds. Entity: the workload's position, and the cell.
pub const GROWTH: Purpose = Purpose(10);
/// Keys that a growth burst adds. Entity: the fault's position.
pub const BURST: Purpose = Purpose(11);
/// How far a workload's rate of new keys is from what is stated. Entity: the workload's position.
pub const GROWTH_BAND: Purpose = Purpose(12);
/// When a workload's rate of new keys steps. Entity: the workload's position; a sub-stream for each
/// step.
pub const GROWTH_STEP: Purpose = Purpose(13);
/// A cluster's bus. Entity: the first workload on the cluster, and the cell.
pub const BUS: Purpose = Purpose(20);
/// The phase of the nodes' background saves. Entity: as for the bus.
pub const SAVE_PHASE: Purpose = Purpose(21);
/// The phase of an observer's probes. Entity: check and observer.
pub const PROBE_PHASE: Purpose = Purpose(30);
/// The phase of an alert rule's scrapes. Entity: the rule, by its name.
pub const SCRAPE_PHASE: Purpose = Purpose(31);
/// Does an alert rule reach anybody? Entity: the rule, by its name.
pub const ALERT_REACHES: Purpose = Purpose(32);
/// Is an alert rule's metric collected? Entity: the rule, by its name.
pub const ALERT_BLIND: Purpose = Purpose(33);
/// When an alert rule pages without a cause. Entity: the rule, by its name.
pub const FALSE_ALARMS: Purpose = Purpose(34);
/// When bursts begin and end. Entity: the population.
pub const BURSTS: Purpose = Purpose(41);
/// When surges begin and how long they last. Entity: the population; surges are sub-streams.
pub const SURGE: Purpose = Purpose(42);
/// What people take for each step. Entity: the incident.
pub const PEOPLE: Purpose = Purpose(50);
/// What the steps of the runbook take. Entity: the incident; a sub-stream for each action.
pub const PEOPLE_STEP: Purpose = Purpose(52);
/// What false pages cost. Entity: the page.
pub const FALSE_PAGE: Purpose = Purpose(53);
/// What the autoscaler's provider takes. Entity: the action.
pub const PROVIDER: Purpose = Purpose(51);
/// What new servers of a service take until they serve. Entity: the order and the service.
pub const SERVERS: Purpose = Purpose(54);
/// When a load balancer first asks its processes. Entity: the service.
pub const BALANCER_PHASE: Purpose = Purpose(56);
/// When requests of a process fail so often that a load balancer ejects it. Entity: the service.
pub const OUTLIERS: Purpose = Purpose(57);
/// When an autoscaler of servers looks first. Entity: the service.
pub const SERVERS_PHASE: Purpose = Purpose(55);
