//! The commands that clients send to a cluster. They may vary with the growth of their workload or
//! with the visits (`workload.commands_follow`).
//!
//! ```text
//!  commands │    ┌──┐ factor 2        at each step everything that goes by the rate is brought up
//!           │────┘  └────────         to now: streams of writes, saves, hash tables
//!           └────────────────► t
//! ```
//!
//! Left out: a save that is already planned keeps its time when the rate changes.

use sim::SimTime;

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::layout::ClusterPlan;
use crate::spec::{SystemSpec, WorkloadSpec};

/// From when on the workloads of a cluster have so many times their stated commands.
pub type Pace = (SimTime, Vec<f64>);

/// What a workload's clients ask for at its stated rate, over all shards and cells.
#[derive(Clone, Copy, Debug)]
struct Offered {
    /// Commands per second, those of them that write, and those of these that add a key.
    commands: f64,
    writes: f64,
    new_keys: f64,
    /// Bytes of a write in the stream.
    write_size: f64,
}

/// What all clients of a cluster ask for.
#[derive(Clone, Debug)]
pub(super) struct Paces {
    workloads: Vec<Offered>,
    /// The part of everything that this cluster gets.
    part: f64,
    factors: Vec<f64>,
    steps: Vec<Pace>,
    /// The step that comes next.
    next: usize,
}

impl Paces {
    /// The stated rates, at all times.
    pub fn new(spec: &SystemSpec, plan: &ClusterPlan) -> Paces {
        let offered = |workload: &WorkloadSpec| Offered {
            commands: workload.commands.get(),
            writes: workload.commands.get() * workload.writes.get(),
            new_keys: workload.new_keys.get(),
            write_size: workload.write_size.as_f64(),
        };
        let here = plan.workloads.iter().map(|w| &spec.workloads[*w]);
        Paces {
            workloads: here.map(offered).collect(),
            part: plan.part,
            factors: vec![1.0; plan.workloads.len()],
            steps: Vec::new(),
            next: 0,
        }
    }

    fn sum(&self, of: impl Fn(&Offered) -> f64) -> f64 {
        let workloads = self.workloads.iter().zip(&self.factors);
        workloads
            .map(|(offered, factor)| factor * of(offered))
            .sum()
    }

    /// Commands per second, and those that write.
    pub fn commands(&self) -> (f64, f64) {
        let all = self.sum(|of| of.commands) * self.part;
        (all, self.sum(|of| of.writes) * self.part)
    }

    /// Bytes per second of writes that add no key.
    pub fn other_writes(&self) -> f64 {
        self.sum(|of| (of.writes - of.new_keys).max(0.0) * of.write_size) * self.part
    }

    /// Mean size of a write over all workloads; zero if nobody writes.
    pub fn write_size(&self) -> f64 {
        let all = self.sum(|of| of.writes);
        let bytes = self.sum(|of| of.writes * of.write_size);
        if all > 0.0 { bytes / all } else { 0.0 }
    }

    /// What clients send of all commands, and of all writes, that have these parts of each
    /// workload.
    pub fn share(&self, parts: &[(f64, f64)]) -> (f64, f64) {
        let workloads = self.workloads.iter().zip(&self.factors).zip(parts);
        workloads.fold((0.0, 0.0), |sum, ((offered, factor), part)| {
            let (commands, writes) = (factor * offered.commands, factor * offered.writes);
            (sum.0 + commands * part.0, sum.1 + writes * part.1)
        })
    }
}

impl Cluster {
    /// The commands of its workloads vary like this; the first step is at the trial's start.
    pub fn vary_commands(&mut self, steps: Vec<Pace>) {
        self.clients.paces.steps = steps;
        if self.takes_next_pace(SimTime::ZERO) {
            self.offer_commands();
            for shard in self.shards() {
                self.take_writes(shard, SimTime::ZERO);
            }
        }
    }

    fn takes_next_pace(&mut self, now: SimTime) -> bool {
        let paces = &mut self.clients.paces;
        let due = paces.steps.get(paces.next);
        let Some((_, factors)) = due.filter(|(from, _)| *from <= now) else {
            return false;
        };
        paces.factors.clone_from(factors);
        paces.next += 1;
        true
    }

    fn offer_commands(&mut self) {
        self.clients.share_commands();
        self.replication.other_writes = self.clients.paces.other_writes();
        self.replication.write_size = self.clients.paces.write_size();
    }

    /// Plans the next change of the commands.
    pub(super) fn plan_pace(&self, cx: &mut Cx) {
        let paces = &self.clients.paces;
        if let Some((from, _)) = paces.steps.get(paces.next) {
            self.after(*from - cx.now, ClusterTimer::Pace, cx);
        }
    }

    /// The rate of commands changes.
    pub(super) fn on_pace(&mut self, cx: &mut Cx) {
        self.bring_up_streams(cx);
        if self.takes_next_pace(cx.now) {
            self.offer_commands();
        }
        self.mark_streams(cx);
        self.plan_pace(cx);
    }
}
