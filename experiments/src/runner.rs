//! Trials in parallel: one job per (point, trial), nothing shared between jobs.
//!
//! Jobs run in blocks of some trials under every design. A block's rows are written in order before
//! the next begins, so memory does not grow with the number of trials and no result depends on the
//! number of threads. An interruption keeps the trials that are complete under every design: a
//! trial that some designs have met and others have not would spoil the pairing.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use models::TrialResult;
use models::outcome::BlastMinutes;
use rayon::prelude::*;

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
struct Yield {
    outcome: Vec<u8>,
    components: Vec<u8>,
    products: Vec<u8>,
    blast: Vec<BlastMinutes>,
    lost: f64,
}

/// Why a job yielded nothing.
enum Failure {
    /// The user has interrupted.
    Stopped,
    /// The trial ended with an error.
    Refused(String),
    /// The trial broke one of our own assertions.
    Broke(String),
}

/// Runs all trials on the current thread pool; returns how many were kept, from the first on. An
/// interruption before [`TRIALS_MIN`] of them keeps none.
pub fn run<F>(
    plan: &Plan,
    order: &Order,
    trial: F,
    sink: &mut Sink,
    progress: &mut Progress,
) -> Result<u64, Error>
where
    F: Fn(usize, u64) -> Result<TrialResult, String> + Sync,
{
    let points = plan.points.len() as u64;
    let a_block = (JOBS_A_BLOCK / points).max(1);
    let mut kept = 0;
    while kept < order.trials && !order.stop.load(Ordering::Relaxed) {
        let trials = kept + 1..=(kept + a_block).min(order.trials);
        let asked = trials.clone().count() as u64;
        let block = run_block(plan, order, &trial, trials.clone(), progress);
        let complete = complete(plan, trials, block)?;
        let whole = complete.len() as u64 / points;
        keep(sink, points as usize, &complete)?;
        for losses in complete.chunks(points as usize) {
            progress.trial_ended(&losses.iter().map(|ended| ended.lost).collect::<Vec<_>>());
        }
        progress.tell();
        kept += whole;
        if whole < asked {
            break;
        }
    }
    match kept < TRIALS_MIN {
        true => Err(Error::NothingKept),
        false => Ok(kept),
    }
}

/// Every trial under every design, trial by trial.
fn run_block<F>(
    plan: &Plan,
    order: &Order,
    trial: &F,
    trials: RangeInclusive<u64>,
    progress: &Progress,
) -> Vec<Result<Yield, Failure>>
where
    F: Fn(usize, u64) -> Result<TrialResult, String> + Sync,
{
    let points = plan.points.len();
    let jobs: Vec<(u64, usize)> = trials
        .flat_map(|number| (0..points).map(move |point| (number, point)))
        .collect();
    // The first job, in order, that has failed: those behind it no longer matter.
    let failed = AtomicUsize::new(usize::MAX);
    let run_one = |(place, (number, point)): (usize, (u64, usize))| {
        if order.stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed) < place {
            return Err(Failure::Stopped);
        }
        let ended = catch_unwind(AssertUnwindSafe(|| trial(point, number)));
        progress.run_ended();
        let ended = match ended {
            Ok(ended) => ended.map_err(Failure::Refused),
            Err(panic) => Err(Failure::Broke(panic_text(panic.as_ref()))),
        };
        let ended = ended.inspect_err(|_| {
            failed.fetch_min(place, Ordering::Relaxed);
        })?;
        Ok(Yield {
            outcome: outcome_row(plan, point, number, &ended.outcome),
            components: component_rows(plan, point, number, &ended.components),
            products: product_rows(plan, point, number, &ended.products),
            lost: ended.outcome.lost as f64,
            blast: ended.blast,
        })
    };
    jobs.into_par_iter().enumerate().map(run_one).collect()
}

/// The jobs of all trials that are complete under every design, up to the first that is not. The
/// first failed trial fails the study.
fn complete(
    plan: &Plan,
    trials: RangeInclusive<u64>,
    block: Vec<Result<Yield, Failure>>,
) -> Result<Vec<Yield>, Error> {
    let points = plan.points.len();
    let mut kept = Vec::with_capacity(block.len());
    for (place, ended) in block.into_iter().enumerate() {
        let number = trials.start() + (place / points) as u64;
        match ended {
            Ok(ended) => kept.push(ended),
            Err(Failure::Stopped) => break,
            Err(Failure::Refused(wrong)) => {
                return Err(failed(plan, place % points, number, wrong, false));
            }
            Err(Failure::Broke(wrong)) => {
                return Err(failed(plan, place % points, number, wrong, true));
            }
        }
    }
    kept.truncate(kept.len() / points * points);
    Ok(kept)
}

fn failed(plan: &Plan, point: usize, trial: u64, wrong: String, bug: bool) -> Error {
    let label = plan.points[point].label.clone();
    Error::Trial {
        point: label,
        trial,
        wrong,
        replay: String::new(),
        bug,
    }
}

fn keep(sink: &mut Sink, points: usize, complete: &[Yield]) -> Result<(), Error> {
    if complete.is_empty() {
        return Ok(());
    }
    let of = |point: usize| complete.iter().skip(point).step_by(points);
    let gather = |text: fn(&Yield) -> &[u8]| -> Vec<Vec<u8>> {
        (0..points)
            .map(|point| of(point).flat_map(text).copied().collect())
            .collect()
    };
    sink.outcomes.push(&gather(|ended| &ended.outcome))?;
    sink.components.push(&gather(|ended| &ended.components))?;
    sink.products.push(&gather(|ended| &ended.products))?;
    for point in 0..points {
        of(point).for_each(|ended| sink.blast.push(point, &ended.blast));
    }
    Ok(())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
        .to_owned()
}

#[cfg(test)]
mod tests;
