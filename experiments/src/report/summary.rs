//! The numbers behind every table, chart and sentence: rows in, estimates out.

use serde::Serialize;

use crate::rows::read::Rows;
use crate::stats::bootstrap::{REPLICAS, Replicas, bca, replicate};
use crate::stats::estimate::{average, never_seen_at_most};
use crate::stats::family::{holm, simultaneous};
use crate::stats::paired::{Difference, compare, differences};
use crate::stats::{Estimate, LEVEL, Quantile, amount, mean, quantile};
use crate::study::file::{Objective, Statistic};

/// A design may lose this share of the baseline's loss more than the best and still count as no
/// worse: a margin below what a decision turns on.
pub const MARGIN: f64 = 0.02;

/// What a study has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The level of every interval.
    pub level: f64,
    /// What can be said of the baseline and the best.
    pub standing: Standing,
    /// The designs, the baseline first.
    pub designs: Vec<Design>,
    /// The design with the smallest mean loss; among equals the cheapest.
    pub best: usize,
    /// The cheapest design that is no worse than the best (see `margin`).
    pub cheapest_no_worse: usize,
    /// Share of the baseline's mean loss within which a design is no worse than the best.
    pub margin: f64,
    /// What each level buys against its factor's baseline level, averaged over the full factorial.
    pub effects: Vec<Effect>,
}

/// What the trials can say at all, before anything is said about designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody came, so nothing could be lost.
    NobodyCame,
    /// The baseline had no outage, and lost nothing but visits in progress at the end.
    NoOutage,
    /// The baseline had outages and lost nothing in them.
    NothingLost,
    /// No design is shown to lose fewer than the baseline.
    NothingShown,
    /// The best design is shown to lose fewer.
    Fewer,
}

/// One design.
#[derive(Clone, Debug, Serialize)]
pub struct Design {
    /// Its name.
    pub label: String,
    /// Its level of every factor.
    pub levels: Vec<String>,
    /// Lost requests per trial.
    pub lost: Measured,
    /// Of the trials that lost anything, the share; with a bound if there was none.
    pub trials_with_loss: Share,
    /// Of the trials in which nothing could be captured for a while, the share; likewise.
    pub trials_with_outage: Share,
    /// Against the baseline; `None` for the baseline itself.
    pub against_baseline: Option<Against>,
    /// Upper end of the simultaneous interval of its loss over the best design's.
    pub above_best_at_most: f64,
    /// How often it has the smallest mean loss, over bootstrap replicas of the trials.
    pub probability_best: f64,
    /// Blocked visits a trial.
    pub blocked: Measured,
    /// Spooled visits a trial.
    pub spooled: Measured,
    /// Acknowledged and then lost, a trial.
    pub acked_lost: Measured,
    /// Captured more than once, a trial.
    pub captured_twice: Measured,
    /// Seconds in which nothing could be captured.
    pub downtime_true_s: Measured,
    /// Seconds of minutes beyond the error objective.
    pub downtime_observed_s: Measured,
    /// Seconds to the first page or automatic action, over the trials that had one.
    pub detect_s: Option<Measured>,
    /// Seconds of the whole outage, over the trials that had one and recovered.
    pub recover_s: Option<Measured>,
    /// Seconds of the longest replay of a spool, over the trials in which one took anything.
    pub spool_replay_s: Option<Measured>,
    /// Promotions a trial.
    pub failovers: Measured,
    /// Promotions that did not help, a trial.
    pub useless_failovers: Measured,
    /// Promotions that were not needed, a trial.
    pub false_failovers: Measured,
    /// US dollars a month.
    pub cost_per_month_usd: Measured,
    /// The study's objectives, in their order.
    pub objectives: Vec<Judged>,
}

/// A measure over the trials.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measured {
    /// The mean.
    pub mean: Estimate,
    /// Half of the trials stay below.
    pub median: Quantile,
    /// 95 % of the trials stay below.
    pub p95: Quantile,
    /// The largest.
    pub max: f64,
}

/// A share of trials.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// The share seen.
    pub share: f64,
    /// If none was seen: the probability is below this.
    pub at_most_if_none: Option<f64>,
}

/// A design against the baseline, trial by trial.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Against {
    /// Mean difference; its interval holds for all designs together.
    pub difference: Estimate,
    /// The same as a share of the baseline's mean; `None` if it is 0, or if its interval says what
    /// that of the difference does not.
    pub change: Option<Estimate>,
    /// The paired comparison by itself.
    pub alone: Difference,
    /// The BCa bootstrap interval by itself, for skewed losses.
    pub bootstrap: Estimate,
    /// The p value, adjusted for all comparisons (Holm).
    pub p_holm: f64,
}

/// What one level buys, averaged over all combinations of the other factors.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// The factor.
    pub factor: String,
    /// The level.
    pub level: String,
    /// The factor's level in the baseline.
    pub baseline_level: String,
    /// Mean loss over the designs that have the level.
    pub mean: Estimate,
    /// Mean difference to the same designs with the baseline's level, in an interval that holds for
    /// all levels together; `None` for the baseline's level itself.
    pub difference: Option<Estimate>,
    /// The same as a share of the loss with the baseline's level.
    pub change: Option<Estimate>,
}

/// An objective and whether a design keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The objective.
    pub objective: Objective,
    /// What the design has.
    pub value: Option<f64>,
    /// Kept, missed, or `None` where the interval cannot tell.
    pub kept: Option<bool>,
}

/// Everything that the rows show.
pub fn summarise(rows: &Rows, objectives: &[Objective]) -> Summary {
    let lost: Vec<&[f64]> = (0..rows.points())
        .map(|point| rows.values("lost", point))
        .collect();
    let replicas = replicate(&lost, REPLICAS);
    let costs: Vec<f64> = (0..rows.points())
        .map(|p| average(rows.values("cost_per_month_usd", p)))
        .collect();
    let best = best(&replicas.means, &costs);
    let above_best = above(&replicas, best, rows.trials());
    let against = against(&lost, &replicas);
    let shares = replicas.share_best();
    let design = |point: usize| Design {
        against_baseline: against[point],
        above_best_at_most: above_best[point],
        probability_best: shares[point],
        ..design(rows, point, objectives)
    };
    let margin = MARGIN * replicas.means[0];
    let no_worse = |point: &usize| *point == best || above_best[*point] <= margin;
    let cheapest = (0..rows.points())
        .filter(no_worse)
        .min_by(|a, b| costs[*a].total_cmp(&costs[*b]));
    let designs: Vec<Design> = (0..rows.points()).map(design).collect();
    Summary {
        level: LEVEL,
        standing: standing(rows, &designs[0], &designs[best]),
        designs,
        best,
        cheapest_no_worse: cheapest.expect("the best is no worse than itself"),
        margin: MARGIN,
        effects: effects(rows),
    }
}

fn standing(rows: &Rows, base: &Design, best: &Design) -> Standing {
    let none = |measure: &str| rows.values(measure, 0).iter().all(|value| *value == 0.0);
    let fewer = best
        .against_baseline
        .is_some_and(|against| against.difference.high < 0.0);
    match (base.trials_with_outage.share == 0.0, base.lost.max == 0.0) {
        (_, _) if none("visits") => Standing::NobodyCame,
        (true, _) if none("abandoned") => Standing::NoOutage,
        (false, true) => Standing::NothingLost,
        (_, _) if fewer => Standing::Fewer,
        (_, _) => Standing::NothingShown,
    }
}

/// The smallest mean; among equals the cheapest; among those the first.
fn best(means: &[f64], costs: &[f64]) -> usize {
    let better = |a: &usize, b: &usize| {
        means[*a]
            .total_cmp(&means[*b])
            .then(costs[*a].total_cmp(&costs[*b]))
    };
    (0..means.len())
        .min_by(better)
        .expect("a study has a design")
}

fn above(replicas: &Replicas, best: usize, n: usize) -> Vec<f64> {
    let pairs: Vec<(usize, usize)> = (0..replicas.means.len())
        .map(|point| (point, best))
        .collect();
    all_against(replicas, &pairs, n, |point, best| point - best)
        .iter()
        .map(|estimate| estimate.high)
        .collect()
}

fn against(lost: &[&[f64]], replicas: &Replicas) -> Vec<Option<Against>> {
    let n = lost[0].len();
    let alone: Vec<Difference> = lost[1..]
        .iter()
        .map(|values| compare(lost[0], values, LEVEL).expect("two trials at least"))
        .collect();
    let adjusted = holm(
        &alone
            .iter()
            .map(|difference| difference.p)
            .collect::<Vec<_>>(),
    );
    let pairs: Vec<(usize, usize)> = (1..lost.len()).map(|point| (point, 0)).collect();
    let together = all_against(replicas, &pairs, n, |point, base| point - base);
    let changes = has_ratio(replicas, 0)
        .then(|| no_less_than_all(all_against(replicas, &pairs, n, |p, base| p / base - 1.0)));
    let one = |place: usize| {
        let replicas = replicas.of(|means| means[place + 1] - means[0]).1;
        Some(Against {
            difference: together[place],
            change: changes
                .as_ref()
                .map(|changes| changes[place])
                .filter(|change| agree(change, &together[place])),
            alone: alone[place],
            bootstrap: bca(&differences(lost[0], lost[place + 1]), replicas, LEVEL),
            p_holm: adjusted[place],
        })
    };
    std::iter::once(None)
        .chain((0..alone.len()).map(one))
        .collect()
}

fn design(rows: &Rows, point: usize, objectives: &[Objective]) -> Design {
    let entry = &rows.manifest.points[point];
    let all = |measure: &str| measured(rows.values(measure, point)).expect("two trials at least");
    let some = |measure: &str| measured(&rows.defined(measure, point));
    let lost = rows.values("lost", point);
    let levels = rows.manifest.factors.iter().zip(&entry.levels);
    Design {
        label: entry.label.clone(),
        levels: levels
            .map(|(factor, level)| factor.levels[*level].clone())
            .collect(),
        lost: all("lost"),
        trials_with_loss: above_zero(lost),
        trials_with_outage: above_zero(rows.values("downtime_true_s", point)),
        against_baseline: None,
        above_best_at_most: 0.0,
        probability_best: 0.0,
        blocked: all("blocked"),
        spooled: all("spooled"),
        acked_lost: all("acked_lost"),
        captured_twice: all("captured_twice"),
        downtime_true_s: all("downtime_true_s"),
        downtime_observed_s: all("downtime_observed_s"),
        detect_s: some("detect_s"),
        recover_s: some("recover_s"),
        spool_replay_s: some("spool_replay_s"),
        failovers: all("failovers"),
        useless_failovers: all("useless_failovers"),
        false_failovers: all("false_failovers"),
        cost_per_month_usd: all("cost_per_month_usd"),
        objectives: objectives
            .iter()
            .map(|objective| judged(rows, point, objective))
            .collect(),
    }
}

fn above_zero(values: &[f64]) -> Share {
    let n = values.len();
    let count = values.iter().filter(|value| **value > 0.0).count();
    Share {
        share: count as f64 / n as f64,
        at_most_if_none: (count == 0).then(|| never_seen_at_most(n, LEVEL)),
    }
}

/// Mean and quantiles; `None` for fewer than two values.
pub fn measured(values: &[f64]) -> Option<Measured> {
    Some(Measured {
        mean: amount(values, LEVEL)?,
        median: quantile(values, 0.5, LEVEL)?,
        p95: quantile(values, 0.95, LEVEL)?,
        max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn judged(rows: &Rows, point: usize, objective: &Objective) -> Judged {
    let bound = objective.at_most.value();
    let values = rows.defined(&objective.measure, point);
    let share = match objective.statistic {
        Statistic::Mean => None,
        Statistic::Median => Some(0.5),
        Statistic::P95 => Some(0.95),
    };
    let found = match share {
        None => mean(&values, LEVEL).map(|e| (e.value, Some((e.low, e.high)))),
        Some(share) => quantile(&values, share, LEVEL).map(|q| (q.value, q.interval)),
    };
    let kept = found
        .and_then(|(_, interval)| interval)
        .and_then(|(low, high)| match (high <= bound, low > bound) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        });
    Judged {
        objective: objective.clone(),
        value: found.map(|(value, _)| value),
        kept,
    }
}

/// The average effect of every level, over the full factorial; single points take no part.
fn effects(rows: &Rows) -> Vec<Effect> {
    let factors = &rows.manifest.factors;
    let baseline = &rows.manifest.points[0].levels;
    let averages: Vec<Vec<Vec<f64>>> = (0..factors.len())
        .map(|factor| {
            (0..factors[factor].levels.len())
                .map(|l| averaged(rows, factor, l))
                .collect()
        })
        .collect();
    let slices: Vec<&[f64]> = averages.iter().flatten().map(Vec::as_slice).collect();
    if slices.is_empty() {
        return Vec::new();
    }
    let replicas = replicate(&slices, REPLICAS);
    let mut places = Vec::new();
    let mut start = 0;
    for (factor, levels) in averages.iter().enumerate() {
        let base = start + baseline[factor];
        places.extend((0..levels.len()).map(|level| (factor, level, start + level, base)));
        start += levels.len();
    }
    let varied: Vec<(usize, usize)> = places
        .iter()
        .filter(|(_, _, place, base)| place != base)
        .map(|(_, _, place, base)| (*place, *base))
        .collect();
    let differences = all_against(&replicas, &varied, rows.trials(), |level, base| {
        level - base
    });
    let defined = varied.iter().all(|(_, base)| has_ratio(&replicas, *base));
    let ratio = |level: f64, base: f64| level / base - 1.0;
    let changes =
        defined.then(|| no_less_than_all(all_against(&replicas, &varied, rows.trials(), ratio)));
    let effect = |&(factor, level, place, base): &(usize, usize, usize, usize)| {
        let number = varied.iter().position(|pair| *pair == (place, base));
        let change = number.and_then(|number| Some(changes.as_ref()?[number]));
        Effect {
            factor: factors[factor].name.clone(),
            level: factors[factor].levels[level].clone(),
            baseline_level: factors[factor].levels[baseline[factor]].clone(),
            mean: amount(slices[place], LEVEL).expect("two trials at least"),
            difference: number.map(|number| differences[number]),
            change: change
                .filter(|change| number.is_some_and(|number| agree(change, &differences[number]))),
        }
    };
    places.iter().map(effect).collect()
}

/// Whether a change in per cent of this design has a meaning: it loses something, and so many of
/// its trials do that none of its replicas comes out as nothing.
fn has_ratio(replicas: &Replicas, base: usize) -> bool {
    let (mean, drawn) = replicas.of(|means| means[base]);
    mean > 0.0 && drawn.iter().all(|mean| *mean > 0.0)
}

/// Whether two intervals say the same of zero: below, above, or cannot tell. With a handful of
/// trials the ratio of two means may seem sure where their difference is not; it is then left out,
/// so that no figure claims what the test denies.
fn agree(change: &Estimate, difference: &Estimate) -> bool {
    let side = |e: &Estimate| (e.high < 0.0, e.low > 0.0);
    side(change) == side(difference)
}

/// Nothing loses less than nothing: the interval of a change ends at −100 %.
fn no_less_than_all(changes: Vec<Estimate>) -> Vec<Estimate> {
    let cut = |change: Estimate| Estimate {
        low: change.low.max(-1.0),
        ..change
    };
    changes.into_iter().map(cut).collect()
}

/// Something made of the means of each pair, in intervals that hold for all pairs together.
fn all_against(
    replicas: &Replicas,
    pairs: &[(usize, usize)],
    n: usize,
    quantity: impl Fn(f64, f64) -> f64 + Copy,
) -> Vec<Estimate> {
    let of =
        |&(level, base): &(usize, usize)| move |means: &[f64]| quantity(means[level], means[base]);
    let quantities: Vec<_> = pairs.iter().map(of).collect();
    simultaneous(replicas, &quantities, LEVEL, n)
}

/// For each trial, the mean loss over all combinations that have the level.
fn averaged(rows: &Rows, factor: usize, level: usize) -> Vec<f64> {
    let points = &rows.manifest.points;
    let having: Vec<usize> = (0..points.len())
        .filter(|point| !points[*point].single && points[*point].levels[factor] == level)
        .collect();
    let mean = |trial: usize| {
        let sum: f64 = having
            .iter()
            .map(|point| rows.values("lost", *point)[trial])
            .sum();
        sum / having.len() as f64
    };
    (0..rows.trials()).map(mean).collect()
}
