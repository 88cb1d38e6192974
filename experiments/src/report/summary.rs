//! The numbers behind every table, chart and sentence: rows in, estimates out.
//!
//! A design whose trials failed in part is incomplete. Its numbers are those of the trials that it
//! has, it is compared with the baseline over the trials that both have, by itself, and it is
//! ranked nowhere: the trials that fail are hardly the mild ones.

use serde::ser::{Serialize, Serializer};

use super::objectives::{Judged, judged};
use crate::forms::study::Objective;
use crate::rows::read::Rows;
use crate::stats::bootstrap::{REPLICAS, Replicas, bca, replicate};
use crate::stats::estimate::{average, never_seen_at_most};
use crate::stats::family::{holm, simultaneous};
use crate::stats::paired::{Difference, compare, differences};
use crate::stats::skewed::confidence_above_zero;
use crate::stats::{Estimate, LEVEL, Quantile, amount, quantile};

/// A design may lose this share of the baseline's loss more than the best and still count as no
/// worse: a margin below what a decision turns on.
pub const MARGIN: f64 = 0.02;

/// What a study has shown.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// The level of every interval.
    pub level: f64,
    /// What can be said of the baseline and the best.
    pub standing: Standing,
    /// The designs, the baseline first.
    pub designs: Vec<Design>,
    /// The complete design with the smallest mean loss; among equals the cheapest. `None` if the
    /// baseline is incomplete.
    pub best: Option<usize>,
    /// The cheapest complete design that is no worse than the best (see `margin`).
    pub cheapest_no_worse: Option<usize>,
    /// Share of the baseline's mean loss within which a design is no worse than the best.
    pub margin: f64,
    /// What each level buys against its factor's baseline level, averaged over the full factorial.
    pub effects: Vec<Effect>,
}

/// What the trials can say at all, before anything is said about designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Trials of the baseline failed, so nothing is ranked against it.
    BaselineIncomplete,
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
#[derive(Clone, Debug, serde::Serialize)]
pub struct Design {
    /// Its name.
    pub label: String,
    /// Its level of every factor.
    pub levels: Vec<String>,
    /// How many of its trials have a row.
    pub trials: usize,
    /// Some of its trials failed.
    pub incomplete: bool,
    /// The measures of [`SUMMARISED`].
    #[serde(flatten)]
    pub measures: Measures,
    /// Of the trials that lost anything, the share; with a bound if there was none. `None` without
    /// trials.
    pub trials_with_loss: Option<Share>,
    /// Of the trials in which nothing could be captured for a while, the share; likewise.
    pub trials_with_outage: Option<Share>,
    /// Against the baseline; `None` for the baseline itself, and with fewer than two trials that
    /// both have.
    pub against_baseline: Option<Against>,
    /// Upper end of the simultaneous interval of its loss over the best design's; `None` where it
    /// is not ranked.
    pub above_best_at_most: Option<f64>,
    /// How often it has the smallest mean loss, over bootstrap replicas of the trials; likewise.
    pub probability_best: Option<f64>,
    /// The study's objectives, in their order.
    pub objectives: Vec<Judged>,
}

/// The measures that are summarised, by the names of their columns and in this order.
pub const SUMMARISED: [&str; 17] = [
    "lost",
    "blocked",
    "spooled",
    "acked_lost",
    "signed_out",
    "stored_lost",
    "jobs_lost",
    "captured_twice",
    "downtime_true_s",
    "downtime_observed_s",
    "detect_s",
    "recover_s",
    "spool_replay_s",
    "failovers",
    "useless_failovers",
    "false_failovers",
    "cost_per_month_usd",
];

/// Each of [`SUMMARISED`] over the trials in which it is defined; `None` in fewer than two.
#[derive(Clone, Debug)]
pub struct Measures([Option<Measured>; SUMMARISED.len()]);

impl Measures {
    /// Of one point.
    fn of(rows: &Rows, point: usize) -> Measures {
        Measures(SUMMARISED.map(|name| measured(&rows.defined(name, point))))
    }

    /// Every measure with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<Measured>)> {
        SUMMARISED.into_iter().zip(self.0)
    }
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Design {
    /// A measure of [`SUMMARISED`]; `None` if it is defined in fewer than two trials.
    pub fn measured(&self, name: &str) -> Option<Measured> {
        let place = SUMMARISED.iter().position(|known| *known == name);
        self.measures.0[place.expect("a measure that is summarised")]
    }

    /// The lost requests of a complete design.
    pub fn lost(&self) -> Measured {
        let lost = self.measured("lost");
        lost.expect("a complete design has two trials at least")
    }

    /// The mean of a measure that every trial of a complete design defines.
    pub fn mean(&self, name: &str) -> f64 {
        let measured = self.measured(name);
        let measured = measured.expect("a complete design has two trials at least");
        measured.mean.value
    }
}

/// A measure over the trials.
#[derive(Clone, Copy, Debug, serde::Serialize)]
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
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Share {
    /// The share seen.
    pub share: f64,
    /// If none was seen: the probability is below this.
    pub at_most_if_none: Option<f64>,
}

/// A design against the baseline, trial by trial.
#[derive(Clone, Copy, Debug, serde::Serialize)]
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
#[derive(Clone, Debug, serde::Serialize)]
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

/// Everything that the rows show.
pub fn summarise(rows: &Rows, objectives: &[Objective]) -> Summary {
    let mut designs: Vec<Design> = (0..rows.points())
        .map(|point| design(rows, point, objectives))
        .collect();
    let complete = rows.complete();
    let ranked = (complete.first() == Some(&0)).then(|| rank(rows, &complete, &mut designs));
    compare_alone(rows, &mut designs);
    let adjusted = holm(&p_values(&designs));
    let compared = designs
        .iter_mut()
        .filter_map(|d| d.against_baseline.as_mut());
    for (against, p_holm) in compared.zip(adjusted) {
        against.p_holm = p_holm;
    }
    Summary {
        level: LEVEL,
        standing: match ranked {
            None => Standing::BaselineIncomplete,
            Some((best, _)) => standing(rows, &designs[0], &designs[best]),
        },
        designs,
        best: ranked.map(|(best, _)| best),
        cheapest_no_worse: ranked.map(|(_, cheapest)| cheapest),
        margin: MARGIN,
        effects: effects(rows),
    }
}

/// Compares the complete designs, the baseline first among them, with it and with the best. Returns
/// the best, and the cheapest that is no worse.
fn rank(rows: &Rows, complete: &[usize], designs: &mut [Design]) -> (usize, usize) {
    let lost: Vec<&[f64]> = complete.iter().map(|p| rows.values("lost", *p)).collect();
    let replicas = replicate(&lost, REPLICAS);
    let cost = |p: &usize| average(rows.values("cost_per_month_usd", *p));
    let costs: Vec<f64> = complete.iter().map(cost).collect();
    let best = best(&replicas.means, &costs);
    let above_best = above(&replicas, best, rows.trials());
    let against = against(&lost, &replicas);
    let shares = probabilities_best(&lost, &replicas, best);
    for (place, point) in complete.iter().enumerate() {
        let design = &mut designs[*point];
        design.against_baseline = against[place];
        design.above_best_at_most = Some(above_best[place]);
        design.probability_best = Some(shares[place]);
    }
    let margin = MARGIN * replicas.means[0];
    let no_worse = |place: &usize| *place == best || above_best[*place] <= margin;
    let cheapest = (0..complete.len())
        .filter(no_worse)
        .min_by(|a, b| costs[*a].total_cmp(&costs[*b]));
    let cheapest = cheapest.expect("the best is no worse than itself");
    (complete[best], complete[cheapest])
}

/// How likely each design is to lose the fewest. Bootstrap replicas know nothing of a tail that the
/// trials have not met, so the best is no more likely than the corrected interval of its lead over
/// each rival allows; what that leaves goes to the rivals.
fn probabilities_best(lost: &[&[f64]], replicas: &Replicas, best: usize) -> Vec<f64> {
    let mut shares = replicas.share_best();
    let doubt = |place: usize| match replicas.means[place] == replicas.means[best] {
        true => 0.0,
        false => 1.0 - confidence_above_zero(&differences(lost[best], lost[place])),
    };
    let doubts: Vec<f64> = (0..lost.len()).map(doubt).collect();
    let equal = |place: usize| replicas.means[place] == replicas.means[best];
    let of_equals: f64 = (0..lost.len())
        .filter(|p| equal(*p))
        .map(|p| shares[p])
        .sum();
    let sure = doubts
        .iter()
        .fold(of_equals, |sure, doubt| sure.min(1.0 - doubt));
    let claims = shares.iter().zip(&doubts);
    let claims: Vec<f64> = claims.map(|(share, doubt)| share.max(*doubt)).collect();
    let of_rivals: f64 = (0..lost.len())
        .filter(|p| !equal(*p))
        .map(|p| claims[p])
        .sum();
    for place in 0..lost.len() {
        shares[place] = match equal(place) {
            true if of_equals > 0.0 => shares[place] * sure / of_equals,
            true => shares[place],
            false if of_rivals > 0.0 => claims[place] * (1.0 - sure) / of_rivals,
            false => 0.0,
        };
    }
    shares
}

/// Compares what [`rank`] has left out with the baseline: each design by itself, over the trials
/// that both have.
fn compare_alone(rows: &Rows, designs: &mut [Design]) {
    for (point, design) in designs.iter_mut().enumerate().skip(1) {
        let trials = rows.common(&[0, point]);
        if design.against_baseline.is_some() || trials.len() < 2 {
            continue;
        }
        let base = rows.values_in("lost", 0, &trials);
        let lost = rows.values_in("lost", point, &trials);
        let pair = [base.as_slice(), lost.as_slice()];
        design.against_baseline = against(&pair, &replicate(&pair, REPLICAS))[1];
    }
}

fn p_values(designs: &[Design]) -> Vec<f64> {
    let compared = designs.iter().filter_map(|design| design.against_baseline);
    compared.map(|against| against.alone.p).collect()
}

fn standing(rows: &Rows, base: &Design, best: &Design) -> Standing {
    let none = |measure: &str| rows.values(measure, 0).iter().all(|value| *value == 0.0);
    let fewer = best
        .against_baseline
        .is_some_and(|against| against.difference.high < 0.0);
    let no_outage = none("downtime_true_s") && none("downtime_observed_s");
    match (no_outage, base.lost().max == 0.0) {
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

/// Designs against the first of them. The p values are adjusted later.
fn against(lost: &[&[f64]], replicas: &Replicas) -> Vec<Option<Against>> {
    let n = lost[0].len();
    let alone: Vec<Difference> = lost[1..]
        .iter()
        .map(|values| compare(lost[0], values, LEVEL).expect("two trials at least"))
        .collect();
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
            p_holm: alone[place].p,
        })
    };
    std::iter::once(None)
        .chain((0..alone.len()).map(one))
        .collect()
}

fn design(rows: &Rows, point: usize, objectives: &[Objective]) -> Design {
    let entry = &rows.manifest.points[point];
    let levels = rows.manifest.factors.iter().zip(&entry.levels);
    Design {
        label: entry.label.clone(),
        levels: levels
            .map(|(factor, level)| factor.levels[*level].clone())
            .collect(),
        trials: rows.trials_of(point).len(),
        incomplete: !rows.manifest.is_complete(point),
        measures: Measures::of(rows, point),
        trials_with_loss: above_zero(rows.values("lost", point)),
        trials_with_outage: above_zero(&either_downtime(rows, point)),
        against_baseline: None,
        above_best_at_most: None,
        probability_best: None,
        objectives: objectives
            .iter()
            .map(|objective| judged(rows, point, objective))
            .collect(),
    }
}

/// The longer of each trial's two downtimes: a service without visits has only the first, a
/// service that failed some requests only the second.
fn either_downtime(rows: &Rows, point: usize) -> Vec<f64> {
    let of = |measure: &str| rows.values(measure, point);
    let pairs = of("downtime_true_s").iter().zip(of("downtime_observed_s"));
    pairs.map(|(one, other)| one.max(*other)).collect()
}

fn above_zero(values: &[f64]) -> Option<Share> {
    let n = values.len();
    let count = values.iter().filter(|value| **value > 0.0).count();
    (n > 0).then(|| Share {
        share: count as f64 / n as f64,
        at_most_if_none: (count == 0).then(|| never_seen_at_most(n, LEVEL)),
    })
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

/// The losses of one level of a factor, trial by trial, in the mean over all combinations of the
/// others that are complete with this level and with the baseline's; and of that, over the same.
struct Averaged {
    factor: usize,
    level: usize,
    lost: Vec<f64>,
    base: Vec<f64>,
}

/// The average effect of every level, over the full factorial; single points take no part.
fn effects(rows: &Rows) -> Vec<Effect> {
    let factors = &rows.manifest.factors;
    let baseline = &rows.manifest.points[0].levels;
    let levels = (0..factors.len())
        .flat_map(|factor| (0..factors[factor].levels.len()).map(move |level| (factor, level)));
    let averages: Vec<Averaged> = levels.filter_map(|of| averaged(rows, of)).collect();
    if averages.is_empty() {
        return Vec::new();
    }
    let both = |of: &Averaged| [of.lost.clone(), of.base.clone()];
    let slices: Vec<Vec<f64>> = averages.iter().flat_map(both).collect();
    let slices: Vec<&[f64]> = slices.iter().map(Vec::as_slice).collect();
    let replicas = replicate(&slices, REPLICAS);
    let varied: Vec<usize> = (0..averages.len())
        .filter(|place| averages[*place].level != baseline[averages[*place].factor])
        .collect();
    let pairs: Vec<(usize, usize)> = varied.iter().map(|p| (2 * p, 2 * p + 1)).collect();
    let n = rows.trials();
    let differences = all_against(&replicas, &pairs, n, |level, base| level - base);
    let defined = pairs.iter().all(|(_, base)| has_ratio(&replicas, *base));
    let ratio = |level: f64, base: f64| level / base - 1.0;
    let changes = defined.then(|| no_less_than_all(all_against(&replicas, &pairs, n, ratio)));
    let effect = |(place, of): (usize, &Averaged)| {
        let number = varied.iter().position(|varied| *varied == place);
        let difference = number.map(|number| differences[number]);
        let change = number.and_then(|number| Some(changes.as_ref()?[number]));
        let agrees = |change: &Estimate| difference.is_some_and(|d| agree(change, &d));
        Effect {
            factor: factors[of.factor].name.clone(),
            level: factors[of.factor].levels[of.level].clone(),
            baseline_level: factors[of.factor].levels[baseline[of.factor]].clone(),
            mean: amount(&of.lost, LEVEL).expect("two trials at least"),
            difference,
            change: change.filter(agrees),
        }
    };
    averages.iter().enumerate().map(effect).collect()
}

/// `None` if no combination is complete.
fn averaged(rows: &Rows, (factor, level): (usize, usize)) -> Option<Averaged> {
    let points = &rows.manifest.points;
    let usable = |point: &usize| !points[*point].single && rows.manifest.is_complete(*point);
    let with_base = |point: usize| {
        let mut levels = points[point].levels.clone();
        levels[factor] = points[0].levels[factor];
        let mut others = (0..points.len()).filter(usable);
        Some((point, others.find(|other| points[*other].levels == levels)?))
    };
    let having = (0..points.len()).filter(usable);
    let having = having.filter(|point| points[*point].levels[factor] == level);
    let (of_level, mut of_base): (Vec<usize>, Vec<usize>) = having.filter_map(with_base).unzip();
    of_base.sort_unstable();
    (!of_level.is_empty()).then(|| Averaged {
        factor,
        level,
        lost: mean_lost(rows, &of_level),
        base: mean_lost(rows, &of_base),
    })
}

/// The mean loss of complete designs, trial by trial.
fn mean_lost(rows: &Rows, points: &[usize]) -> Vec<f64> {
    let lost: Vec<&[f64]> = points.iter().map(|p| rows.values("lost", *p)).collect();
    let mean = |trial: usize| {
        let sum: f64 = lost.iter().map(|values| values[trial]).sum();
        sum / lost.len() as f64
    };
    (0..rows.trials()).map(mean).collect()
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
