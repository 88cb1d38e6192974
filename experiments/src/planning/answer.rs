//! `plan.json`: what a search has found, as data.

use std::collections::BTreeMap;

use serde::Serialize;
use sim::SimDuration;

use super::sample::Sample;
use super::search::{Bounded, Found, Judged, Question, bounded, by_cost, cheaper_open};
use crate::forms::condition::{Condition, Event, Loss, Quantity};

/// The version of the form of `plan.json`; it changes when a key changes its meaning.
const VERSION: u32 = 1;

/// The probability that a single interval outside the search misses the truth, on either side.
const EACH_SIDE: f64 = 0.025;

/// What a dearer design lost by.
const COST: &str = "cost_per_month";

/// An outage that is asked about where no condition asks about one.
pub const OUTAGE: SimDuration = SimDuration::from_mins(15);

/// `plan.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Of the form of this file.
    pub version: u32,
    /// The study or scenario.
    pub study: String,
    /// Its title.
    pub title: String,
    /// Names all randomness.
    pub seed: u64,
    /// Days of a trial.
    pub days: f64,
    /// Days until the first design, as things are, is full: of all nodes, and of each shard.
    pub days_to_full: DaysToFull,
    /// The first design: a node is full within a trial.
    pub p_full: Chance,
    /// The first design: an outage is longer than this.
    pub p_unavailable: Chance,
    /// The first design: something stored or acknowledged is lost.
    pub p_data_lost: Chance,
    /// The first design, a year.
    pub expected_loss_per_year: Losses,
    /// What a design must keep.
    pub conditions: Vec<String>,
    /// The designs, in the order of the study.
    pub designs: Vec<DesignAnswer>,
    /// The cheapest design that is known to keep all conditions; absent if none is.
    pub cheapest: Option<String>,
    /// Cheaper designs that may keep them too: the trials cannot tell. The cheapest first.
    pub cheaper_open: Vec<String>,
    /// The next best.
    pub next_best: Option<NextBest>,
    /// What would change the answer.
    pub flips: Vec<Flip>,
    /// What `--fail-if` asked.
    pub gate: Option<Gate>,
    /// The search ended before everything was known.
    pub cut_short: bool,
    /// The user has interrupted it.
    pub interrupted: bool,
}

/// When memory is full.
#[derive(Clone, Debug, Serialize)]
pub struct DaysToFull {
    /// 10, 50 and 90 % of the trials are full by then; absent if beyond the end of the trials.
    pub p10: Option<f64>,
    /// See `p10`.
    pub p50: Option<f64>,
    /// See `p10`.
    pub p90: Option<f64>,
    /// The share of the trials that end before it is full.
    pub never: f64,
    /// By the name of the shard; empty in an entry of this list.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shards: BTreeMap<String, DaysToFull>,
}

/// A probability with a 95 % interval.
#[derive(Clone, Debug, Serialize)]
pub struct Chance {
    /// As it is written in a condition.
    pub quantity: String,
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The trials behind it.
    pub trials: usize,
}

/// What is lost a year, with 95 % intervals.
#[derive(Clone, Debug, Serialize)]
pub struct Losses {
    /// Requests.
    pub requests: Bounded,
    /// Records.
    pub data: Bounded,
    /// Dollars; absent where no `[plan.value]` is given.
    pub usd: Option<Bounded>,
}

/// A design.
#[derive(Clone, Debug, Serialize)]
pub struct DesignAnswer {
    /// Its name.
    pub name: String,
    /// Dollars a month for nodes, checks, spool and scaling; absent if no trial has ended.
    pub cost: Option<f64>,
    /// Its trials.
    pub trials: usize,
    /// By condition: the estimate, with bounds that hold for all designs and looks together.
    pub estimates: Vec<Bounded>,
    /// By condition: is it kept? Absent: not known.
    pub kept: Vec<Option<bool>>,
    /// Does it keep all of them? Absent: not known.
    pub meets: Option<bool>,
    /// A node is full within a trial.
    pub p_full: Option<Chance>,
    /// What is lost a year.
    pub expected_loss_per_year: Option<Losses>,
    /// Why nothing is said of it.
    pub failed: Option<String>,
}

/// The design that would be taken if there were no better one.
#[derive(Clone, Debug, Serialize)]
pub struct NextBest {
    /// Its name.
    pub name: String,
    /// By what it lost: a condition, or `cost_per_month`.
    pub lost_by: String,
    /// Its value of that.
    pub value: f64,
    /// The limit, or the cost of the cheapest.
    pub against: f64,
}

/// A limit at which another design would be the cheapest.
#[derive(Clone, Debug, Serialize)]
pub struct Flip {
    /// The condition.
    pub condition: String,
    /// The estimate of the cheaper design: with a limit beyond it, that design would do.
    pub at: f64,
    /// That design.
    pub to: String,
    /// Dollars a month that it would save.
    pub saves: f64,
}

/// What `--fail-if` asked of the first design.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// As it was written.
    pub condition: String,
    /// The estimate and its bounds.
    pub estimate: Bounded,
    /// Does it hold, so that the command fails? Absent: not known.
    pub holds: Option<bool>,
}

/// What the answer is about.
pub struct About<'a> {
    /// The study or scenario.
    pub study: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Names all randomness.
    pub seed: u64,
    /// The names of the designs.
    pub names: &'a [String],
    /// The length of a trial.
    pub horizon: SimDuration,
    /// Are there dollars for what is lost?
    pub valued: bool,
    /// The user has interrupted it.
    pub interrupted: bool,
}

impl Answer {
    /// What was found.
    pub fn of(found: &Found, question: &Question, about: &About) -> Answer {
        let first = &found.designs[0].samples;
        let name = |n: usize| about.names[n].clone();
        let chance = |quantity| chance(first, quantity, question);
        let gate = question.gate.zip(found.gate);
        let designs = found.designs.iter().zip(about.names);
        Answer {
            version: VERSION,
            study: about.study.to_owned(),
            title: about.title.to_owned(),
            seed: about.seed,
            days: question.days,
            days_to_full: days_to_full(first),
            p_full: chance(full(about.horizon)),
            p_unavailable: chance(outage(question.conditions, about.horizon)),
            p_data_lost: chance(Quantity::Chance(Event::DataLost)),
            expected_loss_per_year: losses(first, question, about.valued),
            conditions: texts(question.conditions),
            designs: designs
                .map(|(judged, name)| design(judged, name, question, about))
                .collect(),
            cheapest: found.cheapest.map(name),
            cheaper_open: cheaper_open(found).into_iter().map(name).collect(),
            next_best: next_best(found, question, about.names),
            flips: flips(found, question, about.names),
            gate: gate.map(|(gate, (estimate, holds))| Gate {
                condition: gate.text.clone(),
                estimate,
                holds,
            }),
            cut_short: found.cut_short,
            interrupted: about.interrupted,
        }
    }
}

fn texts(conditions: &[Condition]) -> Vec<String> {
    let texts = conditions.iter().map(|condition| condition.text.clone());
    texts.collect()
}

fn full(horizon: SimDuration) -> Quantity {
    Quantity::Chance(Event::Full { within: horizon })
}

/// The outage that a condition asks about, else one of 15 minutes.
fn outage(conditions: &[Condition], horizon: SimDuration) -> Quantity {
    let mut asked = conditions.iter().map(|condition| condition.quantity);
    let of_outages =
        |quantity: &Quantity| matches!(quantity, Quantity::Chance(Event::Unavailable { .. }));
    asked
        .find(of_outages)
        .unwrap_or(Quantity::Chance(Event::Unavailable {
            within: horizon,
            longer: OUTAGE,
        }))
}

fn chance(samples: &[Sample], quantity: Quantity, question: &Question) -> Chance {
    let bounded = bounded(samples, quantity, question, (0.0, EACH_SIDE));
    Chance {
        quantity: quantity.to_string(),
        value: bounded.value,
        low: bounded.low,
        high: bounded.high.expect("a probability has bounds"),
        trials: samples.len(),
    }
}

fn losses(samples: &[Sample], question: &Question, valued: bool) -> Losses {
    let a_year = |loss| {
        let quantity = Quantity::Rate(loss, 365.0);
        let value = |s: &Sample| s.value(quantity, &question.values, question.days);
        let worst = samples.iter().map(value).fold(0.0, f64::max);
        bounded(samples, quantity, question, (worst, EACH_SIDE))
    };
    Losses {
        requests: a_year(Loss::Requests),
        data: a_year(Loss::Records),
        usd: valued.then(|| a_year(Loss::Money)),
    }
}

fn design(judged: &Judged, name: &str, question: &Question, about: &About) -> DesignAnswer {
    let samples = &judged.samples;
    let known = samples.len() >= 2 && judged.failed.is_none();
    let estimates = judged.conditions.iter().map(|(bounded, _)| *bounded);
    let failed = judged.failed.as_ref();
    DesignAnswer {
        name: name.to_owned(),
        cost: Some(judged.cost).filter(|cost| cost.is_finite()),
        trials: samples.len(),
        estimates: estimates.collect(),
        kept: judged.conditions.iter().map(|(_, kept)| *kept).collect(),
        meets: match known {
            true => judged.keeps(),
            false => None,
        },
        p_full: known.then(|| chance(samples, full(about.horizon), question)),
        expected_loss_per_year: known.then(|| losses(samples, question, about.valued)),
        failed: failed.map(|(trial, wrong)| format!("trial {trial}: {wrong}")),
    }
}

/// Days until memory is full, from trials that end at some time.
fn days_to_full(samples: &[Sample]) -> DaysToFull {
    let full = samples.iter().flat_map(|sample| &sample.full);
    let mut names: Vec<&String> = full.map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let of_shard = |name: &String| {
        let at = |sample: &Sample| {
            let mut full = sample.full.iter();
            full.find(|(of, _)| of == name).map(|(_, at)| *at)
        };
        quantiles(samples.iter().map(at).collect())
    };
    let shards = names.iter().map(|name| ((*name).clone(), of_shard(name)));
    DaysToFull {
        shards: shards.collect(),
        ..quantiles(samples.iter().map(Sample::first_full).collect())
    }
}

fn quantiles(full: Vec<Option<f64>>) -> DaysToFull {
    let trials = full.len();
    let mut days: Vec<f64> = full.into_iter().flatten().map(|s| s / 86_400.0).collect();
    days.sort_by(f64::total_cmp);
    // The smallest of the times by which at least this share is full.
    let by = |share: f64| {
        let place = (share * trials as f64).ceil().max(1.0) as usize - 1;
        days.get(place).copied()
    };
    DaysToFull {
        p10: by(0.1),
        p50: by(0.5),
        p90: by(0.9),
        never: 1.0 - days.len() as f64 / trials.max(1) as f64,
        shards: BTreeMap::new(),
    }
}

fn next_best(found: &Found, question: &Question, names: &[String]) -> Option<NextBest> {
    let best = found.cheapest?;
    let costs = found.designs[best].cost;
    let order = by_cost(found);
    let mut others = order
        .iter()
        .copied()
        .filter(|n| *n != best && found.designs[*n].failed.is_none());
    let dearer = |n: &usize| {
        let design = &found.designs[*n];
        design.keeps() != Some(false) && design.cost >= costs
    };
    if let Some(dearer) = others.clone().find(dearer) {
        return Some(NextBest {
            name: names[dearer].clone(),
            lost_by: COST.to_owned(),
            value: found.designs[dearer].cost,
            against: costs,
        });
    }
    let broken = others.next_back()?;
    let conditions = &found.designs[broken].conditions;
    let mut conditions = question.conditions.iter().zip(conditions);
    let (condition, (bounded, _)) = conditions.find(|(_, (_, kept))| *kept == Some(false))?;
    Some(NextBest {
        name: names[broken].clone(),
        lost_by: condition.text.clone(),
        value: bounded.value,
        against: condition.limit,
    })
}

/// For each condition the cheapest of the designs that break it and no other.
fn flips(found: &Found, question: &Question, names: &[String]) -> Vec<Flip> {
    let Some(best) = found.cheapest else {
        return Vec::new();
    };
    let costs = found.designs[best].cost;
    let order = by_cost(found);
    let breaks_only = |n: &usize, number: usize| {
        let design = &found.designs[*n];
        let mut kept = design.conditions.iter().enumerate();
        design.failed.is_none()
            && design.cost < costs
            && kept.all(|(at, (_, kept))| (*kept == Some(false)) == (at == number))
    };
    let conditions = question.conditions.iter().enumerate();
    conditions
        .filter_map(|(number, condition)| {
            let mut order = order.iter().copied();
            let cheaper = order.find(|n| breaks_only(n, number))?;
            let design = &found.designs[cheaper];
            // With a certain event a condition asks for nothing.
            let certain = matches!(condition.quantity, Quantity::Chance(_))
                && design.conditions[number].0.value >= 1.0;
            if certain {
                return None;
            }
            Some(Flip {
                condition: condition.text.clone(),
                at: design.conditions[number].0.value,
                to: names[cheaper].clone(),
                saves: costs - design.cost,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_end_before_it_is_full_count_as_later() {
        let full = |day: Option<f64>| Sample {
            full: day
                .map(|d| ("a".to_owned(), d * 86_400.0))
                .into_iter()
                .collect(),
            ..Sample::default()
        };
        let days = [Some(10.0), None, Some(30.0), Some(20.0), None];
        let days = days_to_full(&days.map(full));
        assert_eq!(
            (days.p10, days.p50, days.p90),
            (Some(10.0), Some(30.0), None)
        );
        assert!((days.never - 0.4).abs() < 1e-12);
        assert_eq!(days.shards["a"].p50, Some(30.0));
    }
}
