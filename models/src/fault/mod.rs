//! What goes wrong, with one file for each kind of fault. Faults are drawn before the trial begins,
//! without a look at the design.
//!
//! ```text
//! [[fault]] --draw--> Fault: workload, instant, cell --record--> what is drawn
//!                                                    --growth--> what it adds to a dataset
//!                                                    --strike--> what it does to a cluster
//! ```
//!
//! To add a kind, write its file, and name it below: its module, its variant and its arm.

mod busy_script;
mod crash;
mod disk_full;
mod flush;
mod growth_burst;
mod hang;
pub mod hazard;
mod host_loss;
mod on;
mod partition;
mod slow_command;
mod slow_consumers;
mod slow_disk;
mod slow_subscriber;
#[cfg(test)]
mod tests;

use rand::RngExt;
use schemars::JsonSchema;
use serde::Deserialize;
use sim::dist::Dist;
use sim::quantity::Probability;
use sim::{ArrivalTree, Intensity, Marks, Rng, SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::cluster::queue::ExtraGrowth;
use crate::event::Cx;
use crate::findings::Findings;
use crate::layout::ClusterPlan;
use crate::spec::SystemSpec;
use crate::spec::target::On;
use crate::streams;
use on::{NodeFault, NodeStrike};
#[cfg(test)]
use tests::{on, read, strike, wrong, wrong_alone};

/// One kind of fault.
#[allow(missing_docs)] // each file says what its fault is
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultSpec {
    GrowthBurst(growth_burst::Params),
    BusyScript(busy_script::Params),
    Crash(crash::Params),
    Flush(flush::Params),
    Hang(hang::Params),
    HostLoss(host_loss::Params),
    Partition(partition::Params),
    SlowCommand(slow_command::Params),
    SlowConsumers(slow_consumers::Params),
    DiskFull(disk_full::Params),
    SlowDisk(slow_disk::Params),
    SlowSubscriber(slow_subscriber::Params),
}

impl FaultSpec {
    /// What draws it.
    pub fn kind(&self) -> &dyn FaultKind {
        match self {
            FaultSpec::GrowthBurst(params) => params,
            FaultSpec::BusyScript(params) => params,
            FaultSpec::Crash(params) => params,
            FaultSpec::Flush(params) => params,
            FaultSpec::Hang(params) => params,
            FaultSpec::HostLoss(params) => params,
            FaultSpec::Partition(params) => params,
            FaultSpec::SlowCommand(params) => params,
            FaultSpec::SlowConsumers(params) => params,
            FaultSpec::DiskFull(params) => params,
            FaultSpec::SlowDisk(params) => params,
            FaultSpec::SlowSubscriber(params) => params,
        }
    }
}

/// One kind of fault, as a scenario asks for it.
pub trait FaultKind {
    /// Its name in a scenario.
    fn name(&self) -> &'static str;

    /// Does it kill processes?
    fn kills(&self) -> bool {
        false
    }

    /// Does it add data to a workload?
    fn adds_data(&self) -> bool {
        false
    }

    /// Does it matter only to those who wait for their disks?
    fn slows_disks(&self) -> bool {
        false
    }

    /// Bytes of values that it adds in all, and in each key, if its own keys say so.
    fn added(&self) -> Option<(f64, f64)> {
        None
    }

    /// Does it delete keys?
    fn deletes(&self) -> bool {
        false
    }

    /// Is another of its kind dropped that strikes the same cluster while this one lasts?
    fn is_single(&self) -> bool {
        false
    }

    /// What its keys say about where and when it strikes.
    fn target(&self) -> Target<'_>;

    /// What it is in one trial.
    fn draw(&self, draw: &mut Draw) -> Drawn;

    /// What types cannot say about its keys, which stand at `key`.
    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
    }
}

/// Where and when a fault strikes, as it stands in a scenario.
pub struct Target<'a> {
    /// The workload whose cluster is hit, if it is not drawn.
    pub workload: Option<&'a str>,
    /// When it begins.
    pub at: &'a Dist,
    /// How long after that it comes again, and again; `None` if it comes once.
    pub every: Option<&'a Dist>,
    /// Which nodes it strikes, if it is about single nodes and says so.
    pub on: Option<On>,
    /// How long it lasts; `None` if no key says so.
    pub lasts: Option<SimDuration>,
}

/// What a fault is drawn from.
pub struct Draw<'a> {
    /// Its position in the scenario.
    pub number: u64,
    /// How often it has come before.
    pub turn: u64,
    /// Its own random numbers.
    pub rng: Rng,
    /// All others.
    pub streams: &'a Streams,
    /// What it may hit.
    pub system: SystemSpec<'a>,
}

/// A fault as it was drawn.
pub struct Drawn {
    /// The name of the workload whose cluster is hit.
    pub workload: String,
    /// When it strikes.
    pub at: SimTime,
    /// What it does.
    pub strike: Box<dyn Strike>,
}

/// What a fault does.
pub trait Strike {
    /// What was drawn, in words, for the record.
    fn words(&self) -> String;

    /// What it adds to the workload's data from its instant on.
    fn growth(&self) -> Option<&ArrivalTree> {
        None
    }

    /// What becomes of what it adds to a workload; `None` if it adds nothing.
    fn surplus(&self, _workload: usize) -> Option<ExtraGrowth> {
        None
    }

    /// Its instant has come.
    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx);
}

/// One fault of one trial.
pub struct Fault {
    /// Its position in the scenario, and how often it has come before.
    pub number: (u64, u64),
    /// The name of its kind in a scenario.
    pub kind: &'static str,
    /// Where it strikes.
    pub place: Place,
    /// When it strikes.
    pub at: SimTime,
    /// What it does.
    pub strike: Box<dyn Strike>,
}

/// Where a fault strikes.
#[derive(Clone, Debug)]
pub enum Place {
    /// The cluster on which a workload lives, by position, in a cell.
    Workload {
        /// The workload.
        workload: usize,
        /// The cell.
        cell: usize,
    },
    /// One of the clusters.
    Cluster {
        /// Its name among all random streams.
        entity: u64,
        /// Its name.
        name: String,
    },
}

impl Fault {
    /// The workload that it is about, if it is about one.
    pub fn workload(&self) -> Option<usize> {
        match self.place {
            Place::Workload { workload, .. } => Some(workload),
            Place::Cluster { .. } => None,
        }
    }

    /// Does it hit the cluster of this plan?
    pub fn hits(&self, plan: &ClusterPlan) -> bool {
        match self.place {
            Place::Workload { workload, cell } => {
                plan.cell == cell && plan.workloads.contains(&workload)
            }
            Place::Cluster { entity, .. } => plan.entity() == entity,
        }
    }

    /// Puts the draws behind it on record.
    pub fn record(&self, system: &SystemSpec, cx: &mut Cx) {
        let words = self.strike.words();
        let (name, number) = match (&self.place, self.number) {
            (Place::Cluster { name, .. }, _) => (name, "hazard".to_owned()),
            (Place::Workload { workload, .. }, (number, turn)) => {
                let name = &system.workloads[*workload].name;
                match turn {
                    0 => (name, format!("fault {}", number + 1)),
                    _ => (name, format!("fault {}, time {}", number + 1, turn + 1)),
                }
            }
        };
        cx.ledger
            .draw(number, format!("{name} at {}: {words}", self.at));
    }
}

/// A fault comes no more often than this in one trial.
pub const TURNS_MAX: u64 = 10_000;

/// The times between the strikes of a fault draw from this child of its key.
const GAPS: u64 = u64::MAX;

/// The faults of this trial, in the order of the scenario.
pub fn draw(
    faults: &[FaultSpec],
    cells: usize,
    system: &SystemSpec,
    streams: &Streams,
) -> Vec<Fault> {
    let end = SimTime::ZERO + system.horizon;
    let mut drawn = Vec::new();
    for (number, fault) in (0..).zip(faults) {
        let kind = fault.kind();
        let key = streams.key(streams::FAULT, number);
        let mut gaps = key.child(GAPS).rng();
        let mut next: Option<SimTime> = None;
        for turn in 0..TURNS_MAX {
            let rng = match turn {
                0 => key.rng(),
                _ => key.child(turn).rng(),
            };
            let one = kind.draw(&mut Draw {
                number,
                turn,
                rng,
                streams,
                system: *system,
            });
            let at = next.unwrap_or(one.at);
            if turn > 0 && at >= end {
                break;
            }
            drawn.push(Fault {
                number: (number, turn),
                kind: kind.name(),
                place: Place::Workload {
                    workload: system.workload(&one.workload),
                    cell: cell((number, turn), cells, streams),
                },
                at,
                strike: one.strike,
            });
            let Some(every) = kind.target().every else {
                break;
            };
            next = Some(at.saturating_add(every.sample(&mut gaps)));
        }
    }
    drawn
}

/// The cell that a fault hits: any of them alike. The same draw for any number of cells, so what
/// hits the second of two hits the third or the fourth of four.
fn cell((number, turn): (u64, u64), cells: usize, streams: &Streams) -> usize {
    let key = streams.key(streams::FAULT_CELL, number);
    let mut rng = match turn {
        0 => key.rng(),
        _ => key.child(turn).rng(),
    };
    (rng.random::<f64>() * cells as f64) as usize
}

impl Draw<'_> {
    /// A fault that is as it stands in the scenario, but for its instant.
    fn hits(&mut self, target: &Target, strike: impl Strike + 'static) -> Drawn {
        let workload = target.workload.expect("it names a workload");
        Drawn {
            workload: workload.to_owned(),
            at: self.instant(target.at),
            strike: Box::new(strike),
        }
    }

    /// A fault of nodes that is as it stands in the scenario, but for its instant and which nodes.
    fn hits_nodes<F: NodeFault + Clone + 'static>(&mut self, fault: &F) -> Drawn {
        let key = self.streams.key(streams::FAULT_TARGET, self.number);
        let strike = NodeStrike {
            fault: fault.clone(),
            pick: key.child(self.turn).rng().random(),
        };
        self.hits(&fault.target(), strike)
    }

    /// An instant after the trial's start.
    fn instant(&mut self, after: &Dist) -> SimTime {
        SimTime::ZERO + after.sample(&mut self.rng)
    }

    /// Keys that are added at so many per second for a stretch of time.
    fn keys(&self, (starts, ends): (SimTime, SimTime), rate: f64, key_bytes: f64) -> ArrivalTree {
        let ends = ends.max(starts + SimDuration::from_nanos(1));
        let intensity = Intensity::piecewise(&[(SimTime::ZERO, 0.0), (starts, rate)], ends);
        let marks = Marks {
            shape: 2.0,
            mean_bytes: key_bytes,
        };
        let key = self.streams.key(streams::BURST, self.number);
        ArrivalTree::of(self.streams, key, intensity, Some(marks))
    }
}

/// A fault comes again after it has ended, and not too often.
fn check_every(
    key: &str,
    every: &Dist,
    target: &Target,
    system: &SystemSpec,
    found: &mut Findings,
) {
    if !found.dist(key, every) {
        return;
    }
    let least = system.horizon.scaled(1.0 / TURNS_MAX as f64);
    found.unless(
        every.mean() > least,
        key,
        &format!("it would come more than {TURNS_MAX} times in a trial"),
        "give a longer time from one to the next",
    );
    found.unless(
        every.mean() > target.lasts.unwrap_or_default(),
        key,
        "it would come again before it ends",
        "give a longer time from one to the next than `lasts`",
    );
}

/// A fault hits the cluster of a workload that exists, at an instant that can be drawn, and lasts.
fn check_target(key: &str, target: &Target, system: &SystemSpec, found: &mut Findings) {
    found.dist(format!("{key}.at"), target.at);
    if let Some(every) = target.every {
        check_every(&format!("{key}.every"), every, target, system, found);
    }
    found.unless(
        system.redis.replicas > 0 || !target.on.is_some_and(On::replicas),
        format!("{key}.on"),
        "there is no replica",
        "give redis.replicas, or name another node",
    );
    if let Some(workload) = target.workload {
        let known = system.workload_names();
        found.known(format!("{key}.workload"), "workload", workload, &known);
    }
    found.unless(
        target.lasts != Some(SimDuration::ZERO),
        format!("{key}.lasts"),
        "a fault of no length changes nothing",
        "give a positive duration such as \"30s\"",
    );
}

/// Can this host be lost or cut off? Not asked of a cluster whose hosts are too few anyway: that is
/// reported at `redis.hosts`.
fn check_host(key: String, host: u16, system: &SystemSpec, found: &mut Findings) {
    let count = system.redis.hosts;
    found.unless(
        host < count || count <= system.redis.replicas,
        key,
        &format!("there is no host {host}: `redis.hosts` is {count}, and they are counted from 0"),
        &format!("give a number from 0 to {}", count.saturating_sub(1)),
    );
}
