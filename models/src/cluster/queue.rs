//! A queue whose consumers are slow fills, and drains once they are back at their pace.
//!
//! ```text
//! jobs ──────────────────► backlog grows by jobs - capacity / slowdown
//!          consumers back ─┤ and shrinks by capacity - jobs, in steps, until it is empty
//! ```
//!
//! The backlog is a source of growth like a burst, exact to the job; what is worked off is deleted
//! in steps of a 64th, so memory is at most that much too full on the way down.
//!
//! Left out: jobs that are let in one by one while Redis is full and slow consumers make room for
//! them (all are refused until the consumers are back); jobs that fail and are tried again; the
//! deletions' part of the replication stream.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::dataset::Dataset;
use crate::event::{ClusterTimer, Cx};
use crate::moment::MomentKind;
use crate::redis::growth::DatasetSize;
use crate::spec::redis::QueueSpec;

/// Steps in which a backlog is worked off.
const STEPS: f64 = 64.0;

/// What a workload gets beyond its steady growth, from one tree.
#[derive(Clone, Debug)]
pub struct ExtraGrowth {
    /// The workload, by position in the scenario.
    pub workload: usize,
    backlog: Option<Backlog>,
}

#[derive(Clone, Debug)]
struct Backlog {
    queue: QueueSpec,
    begins: SimTime,
    /// What was worked off, or deleted.
    gone: DatasetSize,
    /// How it is being worked off.
    drain: Option<Drain>,
}

#[derive(Clone, Copy, Debug)]
struct Drain {
    step: DatasetSize,
    each: SimDuration,
}

impl ExtraGrowth {
    /// A growth burst: it stays.
    pub fn burst(workload: usize) -> ExtraGrowth {
        ExtraGrowth {
            workload,
            backlog: None,
        }
    }

    /// Jobs that pile up from this instant on.
    pub fn backlog(workload: usize, queue: QueueSpec, begins: SimTime) -> ExtraGrowth {
        let backlog = Backlog {
            queue,
            begins,
            gone: DatasetSize::default(),
            drain: None,
        };
        ExtraGrowth {
            workload,
            backlog: Some(backlog),
        }
    }

    /// Is it one that can be worked off?
    pub fn is_backlog(&self) -> bool {
        self.backlog.is_some()
    }
}

impl Cluster {
    /// The consumers of a workload's queue will be back at their pace.
    pub fn consumers_back_in(&self, workload: usize, lasts: SimDuration, cx: &mut Cx) {
        self.after(lasts, ClusterTimer::ConsumersBack { workload }, cx);
    }

    /// The consumers of a workload's queue do `factor` times their capacity from now on: what has
    /// piled up is worked off.
    pub fn consumers_back(&mut self, workload: usize, factor: f64, cx: &mut Cx) {
        for i in 0..self.dataset.surpluses.len() {
            if self.dataset.surpluses[i].workload == workload {
                self.begin_drain(i, factor, cx);
            }
        }
        self.plan_streams(cx);
        self.settle(cx);
    }

    fn begin_drain(&mut self, surplus: usize, factor: f64, cx: &mut Cx) {
        let source = self.dataset.source_of(surplus);
        let Some(backlog) = &self.dataset.surpluses[surplus].backlog else {
            return;
        };
        if backlog.begins > cx.now || backlog.drain.is_some() {
            return;
        }
        let surplus_rate = backlog.queue.capacity.get() * factor - backlog.queue.jobs.get();
        let gone = backlog.gone;
        self.dataset.growth.stop(source, cx.now);
        let left = self.dataset.growth.brought_by(source, cx.now).without(gone);
        let name = self.dataset.names[self.dataset.surpluses[surplus].workload].clone();
        cx.ledger.moment(cx.now, MomentKind::BacklogDrains, &name);
        if left.keys < 1.0 {
            cx.ledger.moment(cx.now, MomentKind::BacklogDone, &name);
            return;
        }
        cx.ledger.trace(cx.now, || {
            format!(
                "{name}: consumers are back, {:.0} jobs are waiting",
                left.keys
            )
        });
        let step = left.share((left.keys / STEPS).ceil() / left.keys);
        let each = SimDuration::from_secs_f64(step.keys / surplus_rate);
        let backlog = self.dataset.surpluses[surplus].backlog.as_mut();
        backlog.expect("just seen").drain = Some(Drain { step, each });
        self.after(each, ClusterTimer::Drains { surplus }, cx);
    }

    /// One more step of a backlog is done.
    pub(super) fn on_drains(&mut self, surplus: usize, cx: &mut Cx) {
        // Doublings and saves until now are those of all keys.
        self.settle_tables(self.dataset.growth.size_at(cx.now), cx);
        self.note_all_saves(cx.now);
        let source = self.dataset.source_of(surplus);
        let ExtraGrowth { workload, backlog } = &mut self.dataset.surpluses[surplus];
        let workload = *workload;
        let backlog = backlog.as_mut().expect("only backlogs drain");
        let Drain { step, each } = backlog.drain.expect("it drains");
        let left = self
            .dataset
            .growth
            .brought_by(source, cx.now)
            .without(backlog.gone);
        let last = left.keys <= step.keys;
        let done = if last { left } else { step }.whole();
        backlog.gone = backlog.gone.with(done);
        let steady = self.dataset.place_of(workload);
        self.dataset.deleted[steady] = self.dataset.deleted[steady].with(done);
        self.dataset.growth.delete(cx.now, done);
        if last {
            let name = &self.dataset.names[workload];
            cx.ledger
                .trace(cx.now, || format!("{name}: the backlog is worked off"));
            cx.ledger.moment(cx.now, MomentKind::BacklogDone, name);
        } else {
            self.after(each, ClusterTimer::Drains { surplus }, cx);
        }
    }
}

impl Dataset {
    /// A shard with this share of the keys has lost the jobs that wait there, or those of them that
    /// came after `since`: what that is of each backlog.
    pub(super) fn lose_jobs(
        &mut self,
        share: f64,
        since: Option<SimTime>,
        now: SimTime,
    ) -> Vec<DatasetSize> {
        let first = self.source_of(0);
        let growth = &self.growth;
        let lose = |(i, surplus): (usize, &mut ExtraGrowth)| {
            let Some(backlog) = &mut surplus.backlog else {
                return DatasetSize::default();
            };
            let brought = growth.brought_by(first + i, now);
            let left = brought.without(backlog.gone);
            // The first that came are the first that are done.
            let came = since
                .map(|since| backlog.queue.jobs.get() * now.saturating_since(since).as_secs_f64());
            let gone = match came {
                Some(came) if came < left.keys => left.share(came / left.keys),
                Some(_) | None => left,
            };
            let gone = gone.share(share).whole();
            backlog.gone = backlog.gone.with(gone);
            gone
        };
        let gone: Vec<DatasetSize> = self.surpluses.iter_mut().enumerate().map(lose).collect();
        self.jobs_lost += gone.iter().map(|gone| gone.keys).sum::<f64>();
        gone
    }

    /// The workload of each backlog, beside what is given of each.
    pub(super) fn with_workloads(&self, of: &[DatasetSize]) -> Vec<(usize, DatasetSize)> {
        let workloads = self.surpluses.iter().map(|surplus| surplus.workload);
        workloads.zip(of.iter().copied()).collect()
    }

    /// Jobs that were lost are there again.
    pub(super) fn find_jobs(&mut self, found: &[DatasetSize]) {
        for (surplus, found) in self.surpluses.iter_mut().zip(found) {
            if let Some(backlog) = &mut surplus.backlog {
                backlog.gone = backlog.gone.without(*found);
                self.jobs_lost -= found.keys;
            }
        }
    }

    /// Keys of a workload are deleted, jobs that wait among them.
    pub(super) fn backlogs_lose(&mut self, workload: usize, share: f64, now: SimTime) {
        let first = self.source_of(0);
        for (i, surplus) in self.surpluses.iter_mut().enumerate() {
            let Some(backlog) = &mut surplus.backlog else {
                continue;
            };
            if surplus.workload == workload {
                let left = self.growth.brought_by(first + i, now);
                let gone = left.without(backlog.gone).share(share).whole();
                backlog.gone = backlog.gone.with(gone);
                self.jobs_lost += gone.keys;
            }
        }
    }
}
