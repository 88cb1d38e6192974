//! The summary as a table for people, and as `summary.csv` for programs.

use output::{Cell, Column, Format, Table};

use super::data_lost;
use super::summary::{Design, Measured, Summary};
use super::words::{change_words, count, drawn};
use crate::rows::read::Rows;
use crate::stats::Quantile;

/// What the headings of [`table`] mean, for the line under it.
pub fn legend(summary: &Summary) -> String {
    format!("{LOST}{}{REST}", data_lost::legend(summary))
}

const LOST: &str = "\
lost: requests lost per trial, mean (95 % interval), median and 95th percentile · change: of the \
mean against the baseline, trial by trial (95 % intervals that hold for all designs together) · ";
const REST: &str = "\
down: minutes in which more requests failed than the objective allows, mean · detect: median time \
from the start of an outage to the first page or automatic action (share of trials that had an \
outage and one of them); 0 s: before the outage · failovers: promotions per trial (useless, \
false) · a month: what the trials cost, scaled to 730 hours; nodes that were enlarged in an \
incident are included, so a month without one costs less";

/// One row per design, the baseline first.
pub fn table(rows: &Rows, summary: &Summary) -> Table {
    let mut columns = vec![
        Column::text("design"),
        Column::number("lost", ""),
        Column::number("median", ""),
        Column::number("p95", ""),
        Column::number("change", ""),
    ];
    columns.extend(data_lost::columns(summary));
    columns.extend([
        Column::number("down", ""),
        Column::number("detect", ""),
        Column::number("failovers", ""),
        Column::number("a month", ""),
    ]);
    let n = Format::Count.number(rows.trials() as f64);
    let title = format!("{} (n = {n} trials of each design)", rows.manifest.title);
    let mut table = Table::new(title, columns);
    for design in &summary.designs {
        table.push(row(rows, summary, design));
    }
    table
}

fn row(rows: &Rows, summary: &Summary, design: &Design) -> Vec<Cell> {
    let of = |name: &str| design.measured(name);
    let number = |value: Option<f64>, format| match value {
        Some(value) => Cell::number(value, format),
        None => Cell::Empty,
    };
    let mean = |name: &str| of(name).map(|measured| measured.mean.value);
    let lost = of("lost");
    let mut row = vec![
        Cell::text(&design.label),
        lost.map_or(Cell::Empty, |lost| {
            Cell::estimate(drawn(&lost.mean), count(lost.mean.value))
        }),
        number(lost.map(|lost| lost.median.value), Format::Count),
        number(lost.map(|lost| lost.p95.value), Format::Count),
        change(rows, design),
    ];
    row.extend(data_lost::cells(summary, design));
    row.extend([
        number(mean("downtime_observed_s"), Format::Duration),
        detect(design),
        failovers(design).map_or(Cell::Empty, Cell::text),
        number(mean("cost_per_month_usd"), Format::Money('$')),
    ]);
    row
}

/// Against the baseline, or why there is no comparison.
fn change(rows: &Rows, design: &Design) -> Cell {
    if design.incomplete {
        let (trials, all) = (design.trials, rows.trials());
        return Cell::text(format!("INCOMPLETE: {trials} of {all} trials"));
    }
    Cell::text(match &design.against_baseline {
        None if rows.manifest.is_complete(0) => "baseline".to_owned(),
        None => "the baseline has no trials".to_owned(),
        Some(against) => {
            let words = change_words(against.change.as_ref(), &against.difference);
            match against.alone.mean.n == rows.trials() {
                true => words,
                false => format!("{words}, n = {}", against.alone.mean.n),
            }
        }
    })
}

fn failovers(design: &Design) -> Option<String> {
    let mean = |name: &str| Some(design.measured(name)?.mean.value);
    Some(format!(
        "{:.1} ({:.1}, {:.1})",
        mean("failovers")?,
        mean("useless_failovers")?,
        mean("false_failovers")?
    ))
}

/// A median over some of the trials shows their share.
fn detect(design: &Design) -> Cell {
    let (Some(detect), all) = (design.measured("detect_s"), design.trials) else {
        return Cell::Empty;
    };
    let time = Format::Duration.number(detect.median.value);
    let share = Format::Percent(0).number(detect.mean.n as f64 / all as f64);
    Cell::text(match detect.mean.n == all {
        true => time,
        false => format!("{time} ({share})"),
    })
}

/// `summary.csv`: every number with its interval, in columns of its own; empty where undefined.
pub fn csv(rows: &Rows, summary: &Summary) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for (place, design) in summary.designs.iter().enumerate() {
        let fields = fields(rows, design);
        if place == 0 {
            writer
                .write_record(fields.iter().map(|(name, _)| name))
                .expect("memory takes any record");
        }
        writer
            .write_record(fields.iter().map(|(_, value)| value))
            .expect("memory takes any record, and all have the same fields");
    }
    writer.into_inner().expect("memory can always be flushed")
}

type Fields = Vec<(String, String)>;

fn fields(rows: &Rows, design: &Design) -> Fields {
    let mut fields = vec![("point".to_owned(), design.label.clone())];
    let factors = rows.manifest.factors.iter().zip(&design.levels);
    fields.extend(factors.map(|(factor, level)| (factor.name.clone(), level.clone())));
    let failed = rows.trials() - design.trials;
    fields.push(("trials".to_owned(), design.trials.to_string()));
    fields.push(("trials_missing".to_owned(), failed.to_string()));
    for (name, measured) in design.measures.iter() {
        push_measure(&mut fields, name, measured);
    }
    push_against(&mut fields, design);
    fields
}

fn push(fields: &mut Fields, name: String, value: Option<f64>) {
    fields.push((
        name,
        value.map(|value| value.to_string()).unwrap_or_default(),
    ));
}

fn push_measure(fields: &mut Fields, name: &str, measured: Option<Measured>) {
    let mean = measured.map(|measured| measured.mean);
    push(fields, format!("{name}_mean"), mean.map(|mean| mean.value));
    push(
        fields,
        format!("{name}_mean_low"),
        mean.map(|mean| mean.low),
    );
    push(
        fields,
        format!("{name}_mean_high"),
        mean.map(|mean| mean.high),
    );
    let mut quantile = |suffix: &str, quantile: Option<Quantile>| {
        let interval = quantile.and_then(|quantile| quantile.interval);
        push(
            fields,
            format!("{name}_{suffix}"),
            quantile.map(|quantile| quantile.value),
        );
        push(
            fields,
            format!("{name}_{suffix}_low"),
            interval.map(|(low, _)| low),
        );
        push(
            fields,
            format!("{name}_{suffix}_high"),
            interval.map(|(_, high)| high),
        );
    };
    quantile("median", measured.map(|measured| measured.median));
    quantile("p95", measured.map(|measured| measured.p95));
    push(
        fields,
        format!("{name}_max"),
        measured.map(|measured| measured.max),
    );
}

fn push_against(fields: &mut Fields, design: &Design) {
    let against = design.against_baseline;
    let together = against.map(|against| against.difference);
    let change = against.and_then(|against| against.change);
    let alone = against.map(|against| against.alone);
    let bootstrap = against.map(|against| against.bootstrap);
    let values = [
        ("pairs", alone.map(|d| d.mean.n as f64)),
        ("lost_difference", together.map(|e| e.value)),
        ("lost_difference_low", together.map(|e| e.low)),
        ("lost_difference_high", together.map(|e| e.high)),
        ("lost_change", change.map(|e| e.value)),
        ("lost_change_low", change.map(|e| e.low)),
        ("lost_change_high", change.map(|e| e.high)),
        ("lost_difference_alone_low", alone.map(|d| d.mean.low)),
        ("lost_difference_alone_high", alone.map(|d| d.mean.high)),
        ("lost_difference_bootstrap_low", bootstrap.map(|e| e.low)),
        ("lost_difference_bootstrap_high", bootstrap.map(|e| e.high)),
        ("p", alone.map(|d| d.p)),
        ("p_holm", against.map(|against| against.p_holm)),
        ("correlation", alone.and_then(|d| d.correlation)),
        ("pairing_worth", alone.and_then(|d| d.worth)),
        ("probability_best", design.probability_best),
    ];
    for (name, value) in values {
        push(fields, name.to_owned(), value);
    }
}
