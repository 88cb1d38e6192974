//! Trials in parallel: one job per (point, trial). The designs of a trial that run on one thread
//! share what is drawn of its arrivals, and nothing else.
//!
//! Jobs run in blocks of some trials under every design. A block's rows are written in order before
//! the next begins, so memory does not grow with the number of trials and no result depends on the
//! number of threads. An interruption keeps the trials that every design has met: a trial that some
//! designs have met and others have not would spoil the pairing.
//!
//! A trial that fails costs one row and no more. Everything that is made of a trial is made inside
//! [`caught`]; what fails there is recorded in [`Ran::failed`], and the other rows are kept. A
//! design that fails again and again is given up after [`FAILED_MAX`] trials.

mod caught;
mod trial;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use models::TrialResult;
use models::outcome::BlastMinutes;
pub use models::spec::limits::FAILED_MAX;
use rayon::prelude::*;
use sim::Streams;

pub use crate::rows::ran::{FailedTrial, Ran};
pub use caught::{caught, install_hook};
pub use trial::{Failure, Limits, simulate};

use crate::error::Error;
use crate::progress::Progress;
use crate::rows::blast::BlastSums;
use crate::rows::write::{Spool, component_rows, outcome_row, product_rows};
use crate::study::Plan;

/// With fewer complete trials nothing has an interval: there is nothing to report.
pub const TRIALS_MIN: u64 = 2;

/// Jobs in a block, about.
const JOBS_A_BLOCK: u64 = 1024;

/// How much is to be run, and when to stop.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Trials 1 to this, under every design.
    pub trials: u64,
    /// Names all randomness.
    pub seed: u64,
    /// Set when the user interrupts.
    pub stop: &'a AtomicBool,
}

/// Where the rows go.
pub struct Sink {
    /// Rows of `outcomes.csv`.
    pub outcomes: Spool,
    /// Rows of `components.csv`.
    pub components: Spool,
    /// Rows of `products.csv`.
    pub products: Spool,
    /// What becomes `blast_radius.csv`.
    pub blast: BlastSums,
}

/// What one job yields: rows as text, and the loss for the progress.
struct JobResult {
    outcome: Vec<u8>,
    components: Vec<u8>,
    products: Vec<u8>,
    blast: Vec<BlastMinutes>,
    lost: f64,
}

/// How one job ended.
enum Ended {
    Row(JobResult),
    Failed(String),
    /// Its design had been given up before.
    GivenUp,
    Stopped,
}

/// What the designs of a trial share that run one after the other on one thread: its streams, with
/// all that was drawn of its arrivals. Results do not depend on who shares.
#[derive(Default)]
struct Shared(Option<(u64, Streams)>);

/// The failed trials of each design so far.
struct Failures(Vec<Mutex<Vec<u64>>>);

/// Runs all trials on the current thread pool.
///
/// # Errors
/// If rows cannot be written, or if an interruption leaves fewer than [`TRIALS_MIN`] trials.
pub fn run<F>(
    plan: &Plan,
    order: &Order,
    trial: F,
    sink: &mut Sink,
    progress: &mut Progress,
) -> Result<Ran, Error>
where
    F: Fn(usize, u64, &Streams) -> Result<TrialResult, Failure> + Sync,
{
    let points = plan.points.len();
    let a_block = (JOBS_A_BLOCK / points as u64).max(1);
    let failures = Failures::none(points);
    let mut ran = Ran {
        rows: vec![0; points],
        ..Ran::default()
    };
    while ran.trials < order.trials && !order.stop.load(Ordering::Relaxed) {
        let trials = ran.trials + 1..=(ran.trials + a_block).min(order.trials);
        let asked = trials.clone().count() as u64;
        let mut block = run_block(plan, order, &trial, trials.clone(), &failures, progress);
        let whole = whole_trials(&block, points);
        block.truncate(whole * points);
        let rows = failures.settle(block, *trials.start(), points, &mut ran.failed);
        keep(sink, points, &rows)?;
        for trial in rows.chunks(points) {
            let lost = trial.iter().map(|row| row.as_ref().map(|row| row.lost));
            let lost: Vec<Option<f64>> = lost.collect();
            progress.trial_ended(&lost);
            let of_points = ran.rows.iter_mut().zip(&lost);
            of_points.for_each(|(rows, lost)| *rows += u64::from(lost.is_some()));
        }
        progress.show();
        ran.trials += whole as u64;
        if (whole as u64) < asked {
            break;
        }
    }
    if ran.trials < TRIALS_MIN {
        return Err(Error::NothingKept);
    }
    Ok(ran)
}

/// Every trial under every design, trial by trial.
fn run_block<F>(
    plan: &Plan,
    order: &Order,
    trial: &F,
    trials: RangeInclusive<u64>,
    failures: &Failures,
    progress: &Progress,
) -> Vec<Ended>
where
    F: Fn(usize, u64, &Streams) -> Result<TrialResult, Failure> + Sync,
{
    let points = plan.points.len();
    let jobs: Vec<(u64, usize)> = trials
        .flat_map(|number| (0..points).map(move |point| (number, point)))
        .collect();
    let run_one = |shared: &mut Shared, (number, point): (u64, usize)| {
        if order.stop.load(Ordering::Relaxed) {
            return Ended::Stopped;
        }
        if failures.given_up(point, number) {
            progress.run_ended();
            return Ended::GivenUp;
        }
        let streams = shared.streams(order.seed, number);
        let ended = run_job(plan, trial, point, number, streams);
        progress.run_ended();
        if matches!(ended, Ended::Failed(_)) {
            failures.add(point, number);
            *shared = Shared::default();
        }
        ended
    };
    jobs.into_par_iter()
        .map_init(Shared::default, run_one)
        .collect()
}

/// One trial of one design, with everything that is made of it.
fn run_job<F>(plan: &Plan, trial: &F, point: usize, number: u64, streams: &Streams) -> Ended
where
    F: Fn(usize, u64, &Streams) -> Result<TrialResult, Failure>,
{
    let job = || {
        let result = trial(point, number, streams)?;
        Ok(JobResult {
            outcome: outcome_row(plan, point, number, &result.outcome),
            components: component_rows(plan, point, number, &result.components),
            products: product_rows(plan, point, number, &result.products),
            lost: result.outcome.lost as f64,
            blast: result.blast,
        })
    };
    match caught(job) {
        Ok(Ok(row)) => Ended::Row(row),
        Ok(Err(Failure::Stopped)) => Ended::Stopped,
        Ok(Err(Failure::Failed(wrong))) => Ended::Failed(wrong),
        Err(panic) => Ended::Failed(panic),
    }
}

/// How many trials, from the first on, were not stopped under any design.
fn whole_trials(block: &[Ended], points: usize) -> usize {
    let stopped = |ended: &Ended| matches!(ended, Ended::Stopped);
    let jobs = block.iter().position(stopped).unwrap_or(block.len());
    jobs / points
}

impl Failures {
    fn none(points: usize) -> Failures {
        Failures((0..points).map(|_| Mutex::default()).collect())
    }

    fn add(&self, point: usize, trial: u64) {
        self.of(point).push(trial);
    }

    /// Has the design failed [`FAILED_MAX`] times before this trial? The answer for a trial may
    /// still turn from no to yes while others run, and [`Failures::settle`] sees the last word:
    /// which rows are kept does not depend on who was faster.
    fn given_up(&self, point: usize, trial: u64) -> bool {
        let failed = self.of(point);
        failed.iter().filter(|failed| **failed < trial).count() >= FAILED_MAX
    }

    fn of(&self, point: usize) -> std::sync::MutexGuard<'_, Vec<u64>> {
        let trials = self.0[point].lock();
        trials.unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of a block that has ended, trial by trial; what failed is recorded. Rows of a
    /// design that is given up before their trial are dropped.
    fn settle(
        &self,
        block: Vec<Ended>,
        first: u64,
        points: usize,
        failed: &mut Vec<FailedTrial>,
    ) -> Vec<Option<JobResult>> {
        let mut rows = Vec::with_capacity(block.len());
        for (place, ended) in block.into_iter().enumerate() {
            let (trial, point) = (first + (place / points) as u64, place % points);
            let given_up = self.given_up(point, trial);
            rows.push(match ended {
                Ended::Row(row) if !given_up => Some(row),
                Ended::Failed(wrong) if !given_up => {
                    failed.push(FailedTrial {
                        point,
                        trial,
                        wrong,
                    });
                    None
                }
                Ended::Row(_) | Ended::Failed(_) | Ended::GivenUp => None,
                Ended::Stopped => unreachable!("only whole trials are settled"),
            });
        }
        rows
    }
}

impl Shared {
    /// The streams of a trial: those of the job before, if it was the same.
    fn streams(&mut self, seed: u64, number: u64) -> &Streams {
        let known = self.0.take().filter(|(known, _)| *known == number);
        let streams = known.unwrap_or_else(|| (number, Streams::for_trial(seed, number).kept()));
        &self.0.insert(streams).1
    }
}

fn keep(sink: &mut Sink, points: usize, rows: &[Option<JobResult>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let of = |point: usize| rows.iter().skip(point).step_by(points).flatten();
    let gather = |text: fn(&JobResult) -> &[u8]| -> Vec<Vec<u8>> {
        (0..points)
            .map(|point| of(point).flat_map(text).copied().collect())
            .collect()
    };
    sink.outcomes.push(&gather(|row| &row.outcome))?;
    sink.components.push(&gather(|row| &row.components))?;
    sink.products.push(&gather(|row| &row.products))?;
    for point in 0..points {
        of(point).for_each(|row| sink.blast.push(point, &row.blast));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
