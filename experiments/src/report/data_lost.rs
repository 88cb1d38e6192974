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

const LOSSES: [Loss; 2] = [
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
];

impl Loss {
    /// Its mean; `None` without trials.
    fn mean(&self, rows: &Rows, point: usize) -> Option<f64> {
        let values = rows.values(self.measure, point);
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| sum / values.len() as f64)
    }
}

/// Those that any design has.
fn losses(rows: &Rows) -> impl Iterator<Item = &'static Loss> {
    let any = |loss: &&Loss| {
        let mut points = 0..rows.points();
        points.any(|point| loss.mean(rows, point).is_some_and(|mean| mean > 0.0))
    };
    LOSSES.iter().filter(any)
}

/// Their columns of the table.
pub fn columns(rows: &Rows) -> Vec<Column> {
    let columns = losses(rows).map(|loss| Column::number(loss.heading, ""));
    columns.collect()
}

/// Their cells of a design's row.
pub fn cells(rows: &Rows, point: usize) -> Vec<Cell> {
    let cell = |loss: &Loss| match loss.mean(rows, point) {
        Some(mean) => Cell::number(mean, count(mean)),
        None => Cell::Empty,
    };
    losses(rows).map(cell).collect()
}

/// What their headings mean, for the line under the table.
pub fn legend(rows: &Rows) -> String {
    let legends = losses(rows).map(|loss| format!("{} · ", loss.legend));
    legends.collect()
}

/// What the best design, or the baseline if none is better, loses of these.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let best = summary.best.unwrap_or(0);
    let told = losses(rows).filter_map(|loss| sentence(loss, rows, summary, best));
    told.chain(together(rows, summary, best)).collect()
}

fn sentence(loss: &Loss, rows: &Rows, summary: &Summary, best: usize) -> Option<String> {
    let label = |point: usize| &summary.designs[point].label;
    let (base, under_best) = (loss.mean(rows, 0)?, loss.mean(rows, best)?);
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
fn together(rows: &Rows, summary: &Summary, best: usize) -> Option<String> {
    let loss = &LOSSES[0];
    let both = |design: &Design, point: usize| {
        let lost = design.measured("lost").filter(|_| !design.incomplete)?;
        Some(lost.mean.value + loss.mean(rows, point)?)
    };
    let designs = summary.designs.iter().enumerate();
    let sums = designs.filter_map(|(point, design)| Some((point, both(design, point)?)));
    let (fewest, sum) = sums.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let of_best = both(&summary.designs[best], best)?;
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
