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
mod flush;
mod growth_burst;
mod hang;
mod host_loss;
mod partition;
mod save_fails;
mod slow_command;
mod slow_consumers;
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
use crate::streams;
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
    SaveFails(save_fails::Params),
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
            FaultSpec::SaveFails(params) => params,
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

    /// Bytes of values that it adds in all, and in each key, if its own keys say so.
    fn added(&self) -> Option<(f64, f64)> {
        None
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
    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings);
}

/// Where and when a fault strikes, as it stands in a scenario.
pub struct Target<'a> {
    /// The workload whose cluster is hit, if it is not drawn.
    pub workload: Option<&'a str>,
    /// When it begins.
    pub at: &'a Dist,
    /// How long it lasts; `None` if no key says so.
    pub lasts: Option<SimDuration>,
}

/// What a fault is drawn from.
pub struct Draw<'a> {
    /// Its position in the scenario.
    pub number: u64,
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
    /// The name of its kind in a scenario.
    pub kind: &'static str,
    /// The workload whose cluster is hit, by position.
    pub workload: usize,
    /// The cell that is hit.
    pub cell: usize,
    /// When it strikes.
    pub at: SimTime,
    /// What it does.
    pub strike: Box<dyn Strike>,
}

impl Fault {
    /// Does it hit the cluster of this plan?
    pub fn hits(&self, plan: &ClusterPlan) -> bool {
        plan.cell == self.cell && plan.workloads.contains(&self.workload)
    }

    /// Puts the draws behind fault number `i` on record.
    pub fn record(&self, i: usize, system: &SystemSpec, cx: &mut Cx) {
        let name = &system.workloads[self.workload].name;
        let (number, words) = (i + 1, self.strike.words());
        cx.ledger.draw(
            format!("fault {number}"),
            format!("{name} at {}: {words}", self.at),
        );
    }
}

/// The faults of this trial, in the order of the scenario.
pub fn draw(
    faults: &[FaultSpec],
    cells: usize,
    system: &SystemSpec,
    streams: &Streams,
) -> Vec<Fault> {
    let one = |(i, fault): (usize, &FaultSpec)| {
        let number = i as u64;
        let drawn = fault.kind().draw(&mut Draw {
            number,
            rng: streams.stream(streams::FAULT, number),
            streams,
            system: *system,
        });
        Fault {
            kind: fault.kind().name(),
            workload: system.workload(&drawn.workload),
            cell: cell(number, cells, streams),
            at: drawn.at,
            strike: drawn.strike,
        }
    };
    faults.iter().enumerate().map(one).collect()
}

/// The cell that fault number `i` hits: any of them alike. The same draw for any number of cells,
/// so what hits the second of two hits the third or the fourth of four.
fn cell(i: u64, cells: usize, streams: &Streams) -> usize {
    let draw: f64 = streams.stream(streams::FAULT_CELL, i).random();
    (draw * cells as f64) as usize
}

impl Draw<'_> {
    /// A fault that is as it stands in the scenario, but for its instant.
    fn hits(&mut self, workload: &str, at: &Dist, strike: impl Strike + 'static) -> Drawn {
        Drawn {
            workload: workload.to_owned(),
            at: self.instant(at),
            strike: Box::new(strike),
        }
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

/// A fault hits the cluster of a workload that exists, at an instant that can be drawn, and lasts.
fn check_target(key: &str, target: &Target, system: &SystemSpec, found: &mut Findings) {
    found.dist(format!("{key}.at"), target.at);
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
