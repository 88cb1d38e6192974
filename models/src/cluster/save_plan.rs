//! When nodes save: their clocks, and who has to be woken for a save.
//!
//! A save that cannot matter wakes nobody. Before somebody looks at what a node has saved, or
//! something changes on which saves depend (its data are deleted, its process hangs or goes), its
//! clock is brought up to date from the dataset sizes of the past, which are all known.

use rand::RngExt;
use sim::{SimDuration, SimTime};

use super::Cluster;
use super::save_clock::{Clock, Pace};
use crate::event::Cx;
use crate::ids::{Id, NodeId};
use crate::redis::growth::{DatasetSize, Measure};
use crate::spec::persistence::ScheduleSpec;

/// Sizes of a dataset go in steps of a fiftieth: thirty-two to a doubling.
const STEPS: f64 = 32.0;

/// The step of a dataset's size.
fn step_of(bytes: f64) -> i32 {
    (bytes.max(1.0).log2() * STEPS).ceil() as i32
}

/// The largest size of a step.
fn size_of(step: i32) -> f64 {
    (f64::from(step) / STEPS).exp2()
}

impl Cluster {
    /// Sets a node's clock of saves going, anywhere between two of them.
    pub(super) fn plan_saves(&mut self, node: NodeId, cx: &mut Cx) {
        if self.persistence.saves.is_none() {
            return;
        }
        let pace = self.pace_of_writes(node);
        let (takes, bytes) = self.save_of(node, self.dataset.growth.bytes_at(cx.now));
        let mut rng = self.persistence.key.child(node.index() as u64).rng();
        let stands = (rng.random(), rng.random());
        self.persistence.forget_due(node, cx);
        let saves = self.persistence.saves.as_mut().expect("just seen");
        let plan = &mut saves.plans[node];
        plan.clock = Clock::stopped(&saves.spec.schedule).of(node);
        let saves = plan.clock.set_going((pace, bytes, takes), stands, cx.now);
        self.persistence.forks |= saves;
    }

    /// What is written to a node.
    pub(super) fn pace_of_writes(&self, node: NodeId) -> Pace {
        let changes = self.clients.commands.1 * self.topology.share_of(node);
        let bytes = changes * self.replication.write_size;
        Pace { changes, bytes }
    }

    /// How long a node saves while all shards together hold so many bytes, and how many bytes of
    /// them it holds.
    pub(super) fn save_of(&self, node: NodeId, bytes: f64) -> (SimDuration, f64) {
        let memory = &self.topology[node].memory;
        let held = size_of(step_of(bytes)) * self.topology.share_of(node) - memory.gone();
        let held = held.clamp(0.0, memory.limit());
        let keys = self.dataset.growth.keys(held);
        (self.save_time(DatasetSize::of(keys, held, false)), held)
    }

    /// Brings a node's clock up to date: what has begun before now, while nobody was woken for it.
    pub(super) fn note_saves(&mut self, node: NodeId, now: SimTime) {
        let Some(saves) = &mut self.persistence.saves else {
            return;
        };
        let plan = &mut saves.plans[node];
        if plan.due.is_some() || plan.clock.next() >= now {
            return;
        }
        let stopped = Clock::stopped(&ScheduleSpec::Nothing {});
        let mut clock = std::mem::replace(&mut plan.clock, stopped);
        let pace = self.pace_of_writes(node);
        let (mut takes, mut until) = ((SimDuration::ZERO, 0.0), SimTime::ZERO);
        while clock.next() < now {
            let at = clock.next();
            if at >= until {
                let growth = &self.dataset.growth;
                let bytes = growth.bytes_at(at);
                takes = self.save_of(node, bytes);
                let more = size_of(step_of(bytes)).floor() + 1.0;
                let found = growth.reached(Measure::Bytes, more, at, now);
                until = match growth.falls() {
                    true => at,
                    false => found.unwrap_or(SimTime::MAX),
                };
            }
            clock.begin(at, takes, pace);
        }
        let saves = self.persistence.saves.as_mut().expect("just seen");
        saves.plans[node].clock = clock;
    }

    /// The same for all nodes, before something is deleted from their data.
    pub(super) fn note_all_saves(&mut self, now: SimTime) {
        for node in self.topology.ids() {
            self.note_saves(node, now);
        }
    }

    /// Sees to it that the next save of each node is not missed if it can matter.
    pub(super) fn schedule_saves(&mut self, dataset_size: DatasetSize, cx: &mut Cx) {
        if !self.persistence.saves() {
            return;
        }
        for node in self.topology.ids() {
            let Some(saves) = &self.persistence.saves else {
                return;
            };
            if saves.plans[node].due.is_none() && self.saves_matter(node, dataset_size, cx.now) {
                self.find_running(node, cx);
                self.persistence.plan_next(node, self.id, cx);
            }
        }
    }

    /// The save that a node makes now, although nobody was woken for it.
    pub(super) fn find_running(&mut self, node: NodeId, cx: &mut Cx) {
        self.note_saves(node, cx.now);
        let clock = self.persistence.clock(node);
        let running = clock.and_then(|clock| clock.running(cx.now));
        if let Some(running) = running
            && self.persistence.children[node].saving.is_none()
        {
            self.open_save(node, running, cx);
        }
    }
}
