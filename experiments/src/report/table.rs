//! The summary as a table for people, and as `summary.csv` for programs.

use output::{Cell, Column, Format, Table};

use super::summary::{Design, Measured, Summary};
use super::words::{change_words, count, drawn};
use crate::rows::read::Rows;
use crate::stats::Quantile;

/// What the headings of [`table`] mean, for the line under it.
pub const LEGEND: &str = "\
lost: requests lost per trial, mean (95 % interval), median and 95th percentile · change: of the mean \
against the baseline, trial by trial (95 % intervals that hold for all designs together) · down: \
mean time in which no request could succeed · detect: median time from the start of an outage to \
the first page or automatic action (share of trials that had both); 0 s: before the outage · \
failovers: promotions per trial (useless, false) · a month: what the trials cost, scaled to 730 \
hours; nodes that were enlarged in an incident are included, so a month without one costs less";

/// One row per design, the baseline first.
pub fn table(rows: &Rows, summary: &Summary) -> Table {
    let columns = vec![
        Column::text("design"),
        Column::number("lost", ""),
        Column::number("median", ""),
        Column::number("p95", ""),
        Column::number("change", ""),
        Column::number("down", ""),
        Column::number("detect", ""),
        Column::number("failovers", ""),
        Column::number("a month", ""),
    ];
    let n = Format::Count.number(rows.trials() as f64);
    let title = format!("{} (n = {n} trials of each design)", rows.manifest.title);
    let mut table = Table::new(title, columns);
    for design in &summary.designs {
        table.push(row(design));
    }
    table
}

fn row(design: &Design) -> Vec<Cell> {
    let mean = |measured: &Measured| measured.mean.value;
    let change = match &design.against_baseline {
        None => Cell::text("baseline"),
        Some(against) => Cell::text(change_words(against.change.as_ref(), &against.difference)),
    };
    let failovers = format!(
        "{:.1} ({:.1}, {:.1})",
        mean(&design.failovers),
        mean(&design.useless_failovers),
        mean(&design.false_failovers)
    );
    vec![
        Cell::text(&design.label),
        Cell::estimate(drawn(&design.lost.mean), count(design.lost.mean.value)),
        Cell::number(design.lost.median.value, Format::Count),
        Cell::number(design.lost.p95.value, Format::Count),
        change,
        Cell::number(mean(&design.downtime_true_s), Format::Duration),
        detect(design),
        Cell::text(failovers),
        Cell::number(mean(&design.cost_per_month_usd), Format::Money('$')),
    ]
}

/// A median over some of the trials shows their share.
fn detect(design: &Design) -> Cell {
    let (Some(detect), all) = (design.detect_s, design.lost.mean.n) else {
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
    fields.push(("trials".to_owned(), rows.trials().to_string()));
    let measures = [
        ("lost", Some(design.lost)),
        ("blocked", Some(design.blocked)),
        ("spooled", Some(design.spooled)),
        ("acked_lost", Some(design.acked_lost)),
        ("captured_twice", Some(design.captured_twice)),
        ("downtime_true_s", Some(design.downtime_true_s)),
        ("downtime_observed_s", Some(design.downtime_observed_s)),
        ("detect_s", design.detect_s),
        ("recover_s", design.recover_s),
        ("spool_replay_s", design.spool_replay_s),
        ("failovers", Some(design.failovers)),
        ("useless_failovers", Some(design.useless_failovers)),
        ("false_failovers", Some(design.false_failovers)),
        ("cost_per_month_usd", Some(design.cost_per_month_usd)),
    ];
    for (name, measured) in measures {
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
        ("probability_best", Some(design.probability_best)),
    ];
    for (name, value) in values {
        push(fields, name.to_owned(), value);
    }
}
