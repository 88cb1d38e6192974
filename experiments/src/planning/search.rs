//! The cheapest design that keeps all conditions, with few trials.
//!
//! ```text
//! all designs: 64 trials ─► broken ones go ─► the two cheapest open ones: twice as many ─┐
//!                                 ▲                                                      │
//!                                 └──────────────────────────────────────────────────────┘
//!                  until one keeps all conditions and none that is cheaper is open
//! ```
//!
//! A design beside a limit stays open for long: after 512 trials it waits until others have had
//! as many, or until one that is dearer keeps everything; then it goes on to 4,096, and so on.
//!
//! All designs meet the same trials. A design keeps a condition if the whole interval does, and
//! breaks it if none of it does. The intervals are wide enough for all designs, all conditions and
//! all looks together: of the probability of a wrong decision, look k gets 6 / (π² k²), shared
//! out among designs and conditions (Bonferroni). So the answer is wrong in at most
//! [`WRONG`] of the studies, whenever the search ends. That holds of probabilities exactly, and of
//! means where [`mean_bounds`] does.

use models::spec::limits::DESIGNS_MAX;
use rayon::prelude::*;
use serde::Serialize;
use sim::Streams;

use super::sample::{Sample, Values};
use crate::forms::condition::{Condition, Quantity};
use crate::runner::Failure;
use crate::stats::bounds::{carried_by_few, mean_bounds, share_bounds};
use crate::stats::estimate::average;

/// The probability that the answer is wrong, at most.
pub const WRONG: f64 = 0.05;

/// Trials of every design before any is dropped.
const FIRST: u64 = 64;

/// How many designs are looked at more closely at once.
const CLOSELY: usize = 2;

/// A design that is still open after so many trials waits for others; next after so many times as
/// many.
const WAITS: (u64, u64) = (512, 8);

/// Trials between two looks at the clock.
const A_STEP: u64 = 16;

/// What is asked.
pub struct Question<'a> {
    /// What a design must keep.
    pub conditions: &'a [Condition],
    /// What ends the command with a failure, asked of the first design.
    pub gate: Option<&'a Condition>,
    /// Dollars for what is lost.
    pub values: Values,
    /// Days of a trial.
    pub days: f64,
}

/// How much may be done.
pub struct Effort<'a> {
    /// Trials of a design, at most.
    pub trials: u64,
    /// The half-width of the difference in lost requests between the answer and the first design
    /// is to be at most this part of it.
    pub precision: Option<f64>,
    /// Is the time used up, or has the user interrupted?
    pub over: &'a (dyn Fn() -> bool + Sync),
    /// Told after every look: the trials of the design that has most, and what is known.
    pub heard: &'a (dyn Fn(u64, &Found) + Sync),
    /// Told every now and then how many trials have been run, of all designs.
    pub ran: &'a (dyn Fn(u64) + Sync),
}

/// A number with the bounds on which a design is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounded {
    /// The estimate.
    pub value: f64,
    /// Its lower bound.
    pub low: f64,
    /// Its upper bound; absent if there is none.
    pub high: Option<f64>,
    /// A hundredth of the trials carry more than half of it: more trials may move it far.
    pub few_carry: bool,
}

/// What is known of a design.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its trials so far.
    pub samples: Vec<Sample>,
    /// How often it was looked at.
    looks: u32,
    /// Dollars a month.
    pub cost: f64,
    /// By condition: the estimate, and whether the condition is kept.
    pub conditions: Vec<(Bounded, Option<bool>)>,
    /// The trial that failed, and why: nothing is said of the design.
    pub failed: Option<(u64, String)>,
}

/// What the search has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The designs, in the order of the study.
    pub designs: Vec<Judged>,
    /// The cheapest that is known to keep all conditions. If the search was cut short, a cheaper
    /// one may keep them too.
    pub cheapest: Option<usize>,
    /// Does the gate's condition hold of the first design?
    pub gate: Option<(Bounded, Option<bool>)>,
    /// The search has ended before everything was known.
    pub cut_short: bool,
}

impl Judged {
    /// Does it keep all conditions?
    pub fn keeps(&self) -> Option<bool> {
        if self.failed.is_some() {
            return Some(false);
        }
        let kept = self.conditions.iter().map(|(_, kept)| *kept);
        if kept.clone().any(|kept| kept == Some(false)) {
            return Some(false);
        }
        kept.clone().all(|kept| kept == Some(true)).then_some(true)
    }
}

impl Found {
    /// Is the gate asked for, and not decided?
    fn gate_open(&self) -> bool {
        self.gate.is_some_and(|(_, decided)| decided.is_none())
    }
}

/// Searches among so many designs. `trial` runs one.
pub fn search<F>(designs: usize, question: &Question, effort: &Effort, seed: u64, trial: F) -> Found
where
    F: Fn(usize, u64, &Streams) -> Result<Sample, Failure> + Sync,
{
    assert!((1..=DESIGNS_MAX).contains(&designs), "{designs} designs");
    let empty = Judged {
        samples: Vec::new(),
        looks: 0,
        cost: f64::INFINITY,
        conditions: Vec::new(),
        failed: None,
    };
    let mut found = Found {
        designs: vec![empty; designs],
        cheapest: None,
        gate: None,
        cut_short: false,
    };
    let mut asked: Vec<usize> = (0..designs).collect();
    let mut trials = FIRST.min(effort.trials);
    loop {
        let whole = extend(&mut found, (&asked, trials), effort, seed, &trial);
        judge(&mut found, &asked, question);
        (effort.heard)(trials, &found);
        let open = still_open(&found, effort);
        if open.is_empty() {
            let vague = not_precise(&found, effort).is_some();
            found.cut_short = found.gate_open() || vague || !cheaper_open(&found).is_empty();
            return found;
        }
        asked = open;
        let least = asked
            .iter()
            .map(|n| found.designs[*n].samples.len() as u64)
            .min();
        trials = (2 * least.unwrap_or_default()).min(effort.trials);
        if !whole {
            found.cut_short = true;
            return found;
        }
    }
}

/// Runs the trials that these designs lack up to a number. False if it was cut short.
fn extend<F>(
    found: &mut Found,
    (asked, until): (&[usize], u64),
    effort: &Effort,
    seed: u64,
    trial: &F,
) -> bool
where
    F: Fn(usize, u64, &Streams) -> Result<Sample, Failure> + Sync,
{
    let has = |found: &Found, n: usize| found.designs[n].samples.len() as u64;
    loop {
        let runs = |n: &&usize| found.designs[**n].failed.is_none() && has(found, **n) < until;
        let short: Vec<usize> = asked.iter().filter(runs).copied().collect();
        let Some(from) = short.iter().map(|n| has(found, *n)).min() else {
            return true;
        };
        // The first trials are run in any case: without them there is nothing to say.
        if from >= A_STEP && (effort.over)() {
            return false;
        }
        let to = (from + A_STEP).min(until);
        let of_trial = |number: u64| {
            let streams = Streams::for_trial(seed, number).kept();
            let lacks = short.iter().filter(|n| has(found, **n) < number);
            let run = |n: &usize| (*n, trial(*n, number, &streams));
            lacks.map(run).collect::<Vec<_>>()
        };
        let numbers: Vec<u64> = (from + 1..=to).collect();
        let ran: Vec<_> = numbers.par_iter().map(|n| of_trial(*n)).collect();
        for (number, of_trial) in numbers.iter().zip(ran) {
            for (n, sample) in of_trial {
                let design = &mut found.designs[n];
                match sample {
                    Ok(sample) if design.failed.is_none() => design.samples.push(sample),
                    Ok(_) => {}
                    Err(Failure::Failed(wrong)) => {
                        design.failed.get_or_insert((*number, wrong));
                    }
                    // Trials behind it would stand in its place.
                    Err(Failure::Stopped) => return false,
                }
            }
        }
        let of_all = found
            .designs
            .iter()
            .map(|design| design.samples.len() as u64);
        (effort.ran)(of_all.sum());
        let whole = |n: &usize| found.designs[*n].failed.is_some() || has(found, *n) >= to;
        if !short.iter().all(whole) {
            return false;
        }
    }
}

/// Looks at the designs that have new trials.
fn judge(found: &mut Found, asked: &[usize], question: &Question) {
    let parts = found.designs.len() * question.conditions.len().max(1);
    let worst: Vec<f64> = question
        .conditions
        .iter()
        .map(|condition| worst_of(found, condition.quantity, question))
        .collect();
    for n in asked {
        let design = &mut found.designs[*n];
        if design.samples.len() < 2 {
            continue;
        }
        let costs: Vec<f64> = design.samples.iter().map(|sample| sample.cost).collect();
        design.cost = average(&costs);
        design.looks += 1;
        let wrong = WRONG / 2.0 * spent(design.looks) / parts as f64;
        let before = std::mem::take(&mut design.conditions);
        let conditions = question.conditions.iter().zip(&worst).enumerate();
        design.conditions = conditions
            .map(|(at, (condition, worst))| {
                let bounded = bounded(
                    &design.samples,
                    condition.quantity,
                    question,
                    (*worst, wrong),
                );
                // What was decided stays: each look has had its part of the probability.
                let known = before.get(at).and_then(|(_, kept)| *kept);
                (bounded, known.or(decided(condition, bounded)))
            })
            .collect();
    }
    if let Some(gate) = question.gate {
        let first = &found.designs[0];
        if first.samples.len() >= 2 {
            let worst = worst_of(found, gate.quantity, question);
            let wrong = WRONG / 2.0 * spent(first.looks);
            let bounded = bounded(&first.samples, gate.quantity, question, (worst, wrong));
            let known = found.gate.and_then(|(_, known)| known);
            found.gate = Some((bounded, known.or(decided(gate, bounded))));
        }
    }
    let keeps = |n: &usize| found.designs[*n].keeps() == Some(true);
    found.cheapest = by_cost(found).into_iter().find(keeps);
}

/// The designs that may be cheaper than the answer, the cheapest first.
pub fn cheaper_open(found: &Found) -> Vec<usize> {
    let best = found.cheapest.map(|n| found.designs[n].cost);
    let best = best.unwrap_or(f64::INFINITY);
    let mut order = by_cost(found);
    order.retain(|n| {
        let design = &found.designs[*n];
        design.keeps().is_none() && design.cost < best
    });
    order
}

/// The part of the probability of a wrong decision that the k-th look may use.
fn spent(look: u32) -> f64 {
    6.0 / (std::f64::consts::PI * f64::from(look)).powi(2)
}

/// The designs, the cheapest first; of equal ones the first.
pub fn by_cost(found: &Found) -> Vec<usize> {
    let mut order: Vec<usize> = (0..found.designs.len()).collect();
    order.sort_by(|a, b| found.designs[*a].cost.total_cmp(&found.designs[*b].cost));
    order
}

fn worst_of(found: &Found, quantity: Quantity, question: &Question) -> f64 {
    let samples = found.designs.iter().flat_map(|design| &design.samples);
    let values = samples.map(|sample| sample.value(quantity, &question.values, question.days));
    values.fold(0.0, f64::max)
}

/// An estimate with bounds that are each wrong with this probability.
pub fn bounded(
    samples: &[Sample],
    quantity: Quantity,
    question: &Question,
    (worst, wrong): (f64, f64),
) -> Bounded {
    let value = |sample: &Sample| sample.value(quantity, &question.values, question.days);
    let values: Vec<f64> = samples.iter().map(value).collect();
    let few_carry = matches!(quantity, Quantity::Rate(..)) && carried_by_few(&values);
    let bounds = match quantity {
        Quantity::Chance(_) => {
            let hits = values.iter().filter(|value| **value > 0.0).count();
            Some(share_bounds(values.len(), hits, wrong))
        }
        Quantity::Rate(..) => mean_bounds(&values, worst, wrong),
    };
    Bounded {
        value: average(&values),
        low: bounds.map_or(0.0, |(low, _)| low),
        high: bounds.map(|(_, high)| high),
        few_carry,
    }
}

fn decided(condition: &Condition, bounded: Bounded) -> Option<bool> {
    condition.holds_between((bounded.low, bounded.high?))
}

/// The designs of which more must be known.
fn still_open(found: &Found, effort: &Effort) -> Vec<usize> {
    let trials = |n: &usize| found.designs[*n].samples.len() as u64;
    let mut open = cheaper_open(found);
    open.retain(|n| trials(n) < effort.trials);
    let turn = |n: &usize| {
        let (first, times) = WAITS;
        let trials = trials(n);
        (trials / first).max(1).ilog(times) + u32::from(trials >= first)
    };
    let next = open.iter().map(turn).min();
    open.retain(|n| Some(turn(n)) == next);
    open.truncate(CLOSELY);
    if found.gate_open() {
        open.push(0);
    }
    open.extend(not_precise(found, effort).into_iter().flatten());
    open.retain(|n| found.designs[*n].failed.is_none() && trials(n) < effort.trials);
    open.sort_unstable();
    open.dedup();
    open
}

/// The answer and the first design, while their difference is not known as well as asked.
fn not_precise(found: &Found, effort: &Effort) -> Option<[usize; 2]> {
    let (precision, best) = effort.precision.zip(found.cheapest)?;
    (!is_precise(found, best, precision)).then_some([0, best])
}

/// Is the paired difference in lost requests known so well?
fn is_precise(found: &Found, best: usize, precision: f64) -> bool {
    let [first, best] = [0, best].map(|n| &found.designs[n].samples);
    let n = first.len().min(best.len());
    let lost = |samples: &[Sample]| samples[..n].iter().map(|s| s.lost).collect::<Vec<f64>>();
    let differences = crate::stats::paired::differences(&lost(first), &lost(best));
    if differences.iter().all(|difference| *difference == 0.0) {
        return true;
    }
    let looks = found.designs[0].looks.max(1);
    let level = 1.0 - WRONG * spent(looks);
    let amounts: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let mean = crate::stats::mean(&differences, level);
    let narrow =
        |mean: crate::stats::Estimate| (mean.high - mean.low) / 2.0 <= precision * mean.value.abs();
    !carried_by_few(&amounts) && mean.is_some_and(narrow)
}

#[cfg(test)]
mod tests;
