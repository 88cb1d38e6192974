//! Losses that the headline does not count: what was confirmed and then gone, users signed out.
//!
//! A design that goes on taking writes loses few requests, and for that very reason may lose many
//! acknowledged ones. So both stand in the table, and in the verdict beside its first sentence.

use output::{Cell, Column};

use super::summary::{Design, Summary};
use super::words::count;
use crate::rows::read::Rows;
use crate::stats::LEVEL;
use crate::stats::paired::compare;

/// A loss of data.
struct Loss {
    /// Its column in the rows.
    measure: &'static str,
    /// Its column in the table.
    heading: &'static str,
    /// What the heading means.
    legend: &'static str,
    /// Who or what, and what happens to them, for sentences.
    words: (&'static str, &'static str),
}

const LOSSES: [Loss; 4] = [
    Loss {
        measure: "acked_lost",
        heading: "acked, lost",
        legend: "acked, lost: mean of requests that were confirmed and then lost",
        words: ("acknowledged requests", "are lost afterwards"),
    },
    Loss {
        measure: "signed_out",
        heading: "signed out",
        legend: "signed out: mean of users whose sessions are gone",
        words: ("users", "are signed out"),
    },
    Loss {
        measure: "stored_lost",
        heading: "keys lost",
        legend: "keys lost: mean of stored keys that are gone with a process or by a flush",
        words: ("stored keys", "are lost"),
    },
    Loss {
        measure: "jobs_lost",
        heading: "jobs lost",
        legend: "jobs lost: mean of jobs that waited in a queue and are gone",
        words: ("jobs", "are never done"),
    },
];

impl Loss {
    /// Its mean; `None` with fewer than two trials.
    fn mean(&self, design: &Design) -> Option<f64> {
        Some(design.measured(self.measure)?.mean.value)
    }
}

/// Those that any design has.
fn losses(summary: &Summary) -> impl Iterator<Item = &'static Loss> {
    let any = |loss: &&Loss| {
        let mut designs = summary.designs.iter();
        designs.any(|design| loss.mean(design).is_some_and(|mean| mean > 0.0))
    };
    LOSSES.iter().filter(any)
}

/// Their columns of the table.
pub fn columns(summary: &Summary) -> Vec<Column> {
    let columns = losses(summary).map(|loss| Column::number(loss.heading, ""));
    columns.collect()
}

/// Their cells of a design's row.
pub fn cells(summary: &Summary, design: &Design) -> Vec<Cell> {
    let cell = |loss: &Loss| match loss.mean(design) {
        Some(mean) => Cell::number(mean, count(mean)),
        None => Cell::Empty,
    };
    losses(summary).map(cell).collect()
}

/// What their headings mean, for the line under the table.
pub fn legend(summary: &Summary) -> String {
    let legends = losses(summary).map(|loss| format!("{} · ", loss.legend));
    legends.collect()
}

/// What the best design, or the baseline if none is better, loses of these.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let best = summary.best.unwrap_or(0);
    let told = losses(summary).filter_map(|loss| sentence(loss, rows, summary, best));
    told.chain(together(summary, best)).collect()
}

fn sentence(loss: &Loss, rows: &Rows, summary: &Summary, best: usize) -> Option<String> {
    let designs = &summary.designs;
    let label = |point: usize| &designs[point].label;
    let (base, under_best) = (loss.mean(&designs[0])?, loss.mean(&designs[best])?);
    let number = |mean: f64| count(mean).number(mean);
    let (subject, fate) = loss.words;
    if base == 0.0 && under_best == 0.0 {
        return None;
    }
    if best == 0 {
        return Some(format!(
            "Under {}, {} {subject} per trial {fate}. Lost requests do not include them.",
            label(0),
            number(base)
        ));
    }
    let (before, after) = (
        rows.values(loss.measure, 0),
        rows.values(loss.measure, best),
    );
    let more = before.len() == after.len()
        && compare(before, after, LEVEL).is_some_and(|difference| difference.mean.low > 0.0);
    Some(format!(
        "{} {}, {} {subject} per trial {fate}; under {}, {}. Lost requests do not include them.",
        if more { "But under" } else { "Under" },
        label(best),
        number(under_best),
        label(0),
        number(base)
    ))
}

/// The design that loses the fewest of both kinds of requests, if it is another one.
fn together(summary: &Summary, best: usize) -> Option<String> {
    let loss = &LOSSES[0];
    let both = |design: &Design| {
        let lost = design.measured("lost").filter(|_| !design.incomplete)?;
        Some(lost.mean.value + loss.mean(design)?)
    };
    let sums = summary.designs.iter().map(both).enumerate();
    let sums = sums.filter_map(|(point, sum)| Some((point, sum?)));
    let (fewest, sum) = sums.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let of_best = both(&summary.designs[best])?;
    let number = |mean: f64| count(mean).number(mean);
    (fewest != best && sum < of_best).then(|| {
        format!(
            "Counted with those lost at once, {} loses the fewest requests: {} per trial, against \
             {} under {}.",
            summary.designs[fewest].label,
            number(sum),
            number(of_best),
            summary.designs[best].label
        )
    })
}
