//! Sentences that qualify the verdict: how much a mean depends on a few trials, what a better
//! design makes worse, what pairing was worth. They are about the study, not about the best design.

use output::Format;

use super::summary::{Design, Summary};
use super::words::{count, some};
use crate::rows::read::Rows;
use crate::stats::paired::{Difference, compare, differences};
use crate::stats::skewed::{few_carry, few_speak_against};
use crate::stats::{LEVEL, quantile};

/// The sentences that apply.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let base = &summary.designs[0];
    let mut sentences: Vec<String> = Vec::new();
    if !base.incomplete {
        sentences.extend(tail_note(rows.values("lost", 0)));
        sentences.extend(few_trials_notes(rows, summary));
        sentences.extend(worse_components_note(rows));
    }
    sentences.extend(failovers_note(base));
    sentences.extend(duplicate_captures_note(summary));
    sentences.extend(summary.best.and_then(|best| spool_replay_note(rows, best)));
    sentences.extend(pairing_note(summary));
    sentences
}

/// Worth a sentence if the worst 1 % of trials hold this share of the loss.
const TAIL_SHARE: f64 = 0.1;

/// A mean that rests on a few trials is far from what a typical trial loses.
fn tail_note(lost: &[f64]) -> Option<String> {
    let worst = lost.len() / 100;
    let mut sorted = lost.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let all: f64 = sorted.iter().sum();
    let share = sorted[..worst].iter().sum::<f64>() / all;
    let median = quantile(lost, 0.5, LEVEL)?.value;
    (worst > 0 && all > 0.0 && share >= TAIL_SHARE).then(|| {
        format!(
            "The baseline's mean depends on its tail: the {worst} worst of {} trials hold {} of \
             the loss, and half of the trials lose less than {}.",
            lost.len(),
            Format::Percent(0).number(share),
            count(median).number(median)
        )
    })
}

/// Designs whose mean rests on a few trials: their intervals may be too narrow. And rivals that the
/// best design only beats because a few trials against it are outweighed.
fn few_trials_notes(rows: &Rows, summary: &Summary) -> Vec<String> {
    let Some(best) = summary.best else {
        return Vec::new();
    };
    let lost = |point: usize| rows.values("lost", point);
    let complete = (0..summary.designs.len()).filter(|point| !summary.designs[*point].incomplete);
    let labels = |points: &mut dyn Iterator<Item = usize>| {
        let labels = points.map(|point| summary.designs[point].label.as_str());
        labels.collect::<Vec<&str>>()
    };
    let carried = labels(&mut complete.clone().filter(|point| few_carry(lost(*point))));
    let unsure = labels(&mut complete.filter(|point| {
        *point != best && few_speak_against(&differences(lost(best), lost(*point)))
    }));
    let mut notes = Vec::new();
    if !carried.is_empty() {
        notes.push(format!(
            "A few trials carry the mean loss of {}: rarer and worse ones may be missing, so 95 % \
             intervals may cover less often. Give more trials.",
            some(&carried)
        ));
    }
    if !unsure.is_empty() {
        notes.push(format!(
            "In a few trials {} loses far more than {}: more trials may reverse their order.",
            summary.designs[best].label,
            some(&unsure)
        ));
    }
    notes
}

/// A component that is down for this share longer, with confidence, is worth a sentence.
const LONGER: f64 = 0.005;

/// Components that one change to the baseline makes worse, although fewer requests are lost.
fn worse_components_note(rows: &Rows) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    for point in one_change(rows) {
        let longer_downtime: Vec<String> = (0..rows.components.len())
            .filter_map(|component| longer_downtime(rows, component, point))
            .collect();
        if !longer_downtime.is_empty() {
            let label = &rows.manifest.points[point].label;
            found.push(format!("under {label} {}", longer_downtime.join(" and ")));
        }
    }
    (!found.is_empty()).then(|| {
        format!(
            "One change to the baseline makes some components worse: {}.",
            found.join("; ")
        )
    })
}

fn one_change(rows: &Rows) -> impl Iterator<Item = usize> + '_ {
    let points = &rows.manifest.points;
    let base = &points[0].levels;
    let changes = |levels: &[usize]| base.iter().zip(levels).filter(|(a, b)| a != b).count();
    (1..points.len())
        .filter(move |p| !points[*p].single && changes(&points[*p].levels) == 1)
        .filter(|point| rows.manifest.is_complete(*point))
}

fn longer_downtime(rows: &Rows, component: usize, point: usize) -> Option<String> {
    let (before, after) = (rows.downtime(component, 0), rows.downtime(component, point));
    let difference = compare(before, after, LEVEL)?.mean;
    let mean = before.iter().sum::<f64>() / before.len() as f64;
    let time = |seconds| Format::Duration.number(seconds);
    (difference.low > 0.0 && difference.value > LONGER * mean).then(|| {
        format!(
            "{} is down for {} per trial instead of {}",
            rows.components[component],
            time(mean + difference.value),
            time(mean)
        )
    })
}

fn failovers_note(base: &Design) -> Option<String> {
    if base.incomplete {
        return None;
    }
    let trials = base.trials;
    let (all, useless) = (base.mean("failovers"), base.mean("useless_failovers"));
    (all > 0.0).then(|| {
        format!(
            "The baseline has {all:.1} promotions per trial, {useless:.1} of them useless (means \
             of {trials} trials)."
        )
    })
}

/// A request that seemed to fail may have been executed: its retry is captured a second time.
fn duplicate_captures_note(summary: &Summary) -> Option<String> {
    let best = summary.best?;
    let mean = |design: &Design| design.mean("captured_twice");
    let number = |design: &Design| count(mean(design)).number(mean(design));
    let (base, best, place) = (&summary.designs[0], &summary.designs[best], best);
    let under_best = match place {
        0 => String::new(),
        _ => format!(" and {} under {}", number(best), best.label),
    };
    (mean(base) > 0.0 || mean(best) > 0.0).then(|| {
        format!(
            "Requests captured twice, because one that seemed to fail had been executed: {} per \
             trial under the baseline{under_best}.",
            number(base)
        )
    })
}

/// Spooled requests are safe, but readers do not find them until they are replayed.
fn spool_replay_note(rows: &Rows, best: usize) -> Option<String> {
    let took = rows.defined("spool_replay_s", best);
    let median = quantile(&took, 0.5, LEVEL)?.value;
    let left = rows.values("spool_left", best);
    let left = left.iter().filter(|writes| **writes > 0.0).count();
    Some(format!(
        "The best design needs {} (median of {} trials) to replay its spool to Redis; at the \
         end of {left} of these trials it is not empty.",
        Format::Duration.number(median),
        took.len()
    ))
}

/// Below this worth, pairing has gained next to nothing.
const WORTH_LITTLE: f64 = 1.5;

/// What it was worth that all designs met the same trials.
fn pairing_note(summary: &Summary) -> Option<String> {
    let alone = |design: &Design| design.against_baseline.map(|against| against.alone);
    let complete = summary.designs.iter().filter(|design| !design.incomplete);
    let alone: Vec<Difference> = complete.filter_map(alone).collect();
    let (correlations, worth): (Vec<f64>, Vec<f64>) = alone
        .iter()
        .filter_map(|d| Some((d.correlation?, d.worth?)))
        .unzip();
    let middle = |values: &[f64]| Some(quantile(values, 0.5, LEVEL)?.value);
    let most = worth.iter().copied().fold(1.0, f64::max);
    let correlation = Format::Decimals(2).number(middle(&correlations)?);
    let worth = middle(&worth)?;
    let paper = Format::Decimals(1);
    Some(match worth < WORTH_LITTLE {
        true => format!(
            "All designs met the same trials. For the median design this hardly narrows the \
             difference to the baseline (correlation {correlation}; one paired trial is worth {} \
             unpaired ones): when a design loses next to nothing, the difference is as uncertain \
             as the baseline's own loss, and the change in per cent is the certain figure.{}",
            paper.number(worth),
            up_to(
                most,
                " For similar designs one paired trial is worth ",
                " unpaired ones."
            )
        ),
        false => format!(
            "All designs met the same trials. The median correlation with the baseline is \
             {correlation}, so one paired trial is worth {} unpaired ones{}.",
            paper.number(worth),
            up_to(most, ", and for similar designs ", "")
        ),
    })
}

/// What pairing is worth at the most, where that says anything: designs that hardly differ have no
/// bound.
fn up_to(most: f64, before: &str, after: &str) -> String {
    match most {
        WORTH_LITTLE..1000.0 => {
            format!("{before}up to {}{after}", Format::Decimals(1).number(most))
        }
        1000.0.. => format!("{before}more than 1,000{after}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_that_rests_on_its_tail_is_said_to() {
        let mut lost = vec![100.0; 200];
        assert_eq!(tail_note(&lost), None, "no trial stands out");
        (lost[7], lost[90]) = (5_000.0, 5_000.0);
        let told = tail_note(&lost).expect("two trials hold a third");
        assert!(
            told.contains("the 2 worst of 200 trials hold 34 %"),
            "{told}"
        );
        assert!(told.contains("less than 100."), "{told}");
        assert_eq!(tail_note(&[0.0; 200]), None, "nothing has no tail");
    }
}
