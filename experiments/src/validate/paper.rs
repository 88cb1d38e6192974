//! The comparison as a table for people and as JSON for programs.

use output::{Cell, Column, Format, Table, TextOptions};
use serde::Serialize;

use super::judge::{Line, Quantity, Verdict};
use crate::error::Error;

/// One line as JSON: seconds, or shares; null where undefined.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Record<'a> {
    setting: &'a str,
    quantity: &'static str,
    n: usize,
    measured_median_s: Option<f64>,
    simulated_median_s: Option<f64>,
    median_rel: Option<f64>,
    measured_p95_s: Option<f64>,
    simulated_p95_s: Option<f64>,
    p95_rel: Option<f64>,
    ks: Option<f64>,
    p: Option<f64>,
}

/// The lines as one JSON array.
pub fn json(lines: &[Line]) -> Result<String, Error> {
    let records: Vec<Record> = lines.iter().map(record).collect();
    let bytes = output::json::value(&records)?;
    Ok(String::from_utf8(bytes).expect("JSON is text"))
}

fn record(line: &Line) -> Record<'_> {
    Record {
        setting: &line.setting,
        quantity: name(line.quantity),
        n: line.measured.n,
        measured_median_s: line.measured.median,
        simulated_median_s: line.simulated.median,
        median_rel: line.median_rel(),
        measured_p95_s: line.measured.p95,
        simulated_p95_s: line.simulated.p95,
        p95_rel: line.p95_rel(),
        ks: line.test.map(|test| test.statistic),
        p: line.test.map(|test| test.p).or(line.share_p),
    }
}

fn name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Detect => "detect",
        Quantity::Promote => "promote",
        Quantity::Unavailable => "unavailable",
        Quantity::FailoverShare => "failover_share",
        Quantity::Follow => "follow",
        Quantity::NoReplicas => "noreplicas",
        Quantity::Busy => "busy",
        Quantity::Removed => "removed",
        Quantity::Emptied => "emptied",
        Quantity::KeptShare => "kept_share",
    }
}

/// The lines as a table, and what they come to.
pub fn text(lines: &[Line], options: &TextOptions) -> Result<String, Error> {
    let seconds = |name: &str| Column::number(name, "s");
    let plain = |name: &str| Column::number(name, "");
    let columns = vec![
        Column::text("quantity"),
        Column::number("n", "of runs"),
        seconds("median"),
        seconds("simulated"),
        plain("off"),
        seconds("p95"),
        seconds("simulated"),
        plain("off"),
        plain("KS"),
        plain("p"),
        Column::text("verdict"),
    ];
    let mut text = String::new();
    for group in lines.chunk_by(|a, b| a.setting == b.setting) {
        let mut table = Table::new(group[0].setting.as_str(), columns.clone());
        group.iter().for_each(|line| table.push(cells(line)));
        text.push_str(&table.to_text(options)?);
        text.push('\n');
    }
    text.push_str(&summary(lines));
    Ok(text)
}

fn cells(line: &Line) -> Vec<Cell> {
    let share = line.quantity.is_share();
    let value = match share {
        true => Format::Percent(1),
        false => Format::Decimals(3),
    };
    let of = |figure: Option<f64>| Cell::optional(figure, value);
    let off = match share {
        true => signed(line.apart(), Format::Points(0)),
        false => signed(line.median_rel(), Format::Percent(1)),
    };
    let p = line.test.map(|test| test.p).or(line.share_p);
    vec![
        Cell::text(name(line.quantity)),
        Cell::text(format!("{}/{}", line.measured.n, line.measured.runs)),
        of(line.measured.median),
        of(line.simulated.median),
        off,
        of(line.measured.p95),
        of(line.simulated.p95),
        signed(line.p95_rel(), Format::Percent(1)),
        Cell::optional(line.test.map(|test| test.statistic), Format::Decimals(3)),
        Cell::optional(p, Format::Decimals(3)),
        Cell::text(verdict(&line.verdict())),
    ]
}

fn signed(value: Option<f64>, format: Format) -> Cell {
    value.map_or(Cell::Empty, |value| Cell::text(format.signed(value)))
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds => "holds".to_owned(),
        Verdict::Misses(bounds) => format!("misses: {}", bounds.join(", ")),
        Verdict::Known(why) => format!("known miss: {why}"),
        Verdict::Undefined(why) => (*why).to_owned(),
    }
}

fn summary(lines: &[Line]) -> String {
    let verdicts: Vec<Verdict> = lines.iter().map(Line::verdict).collect();
    let holds = verdicts.iter().filter(|v| **v == Verdict::Holds).count();
    let misses = missed(lines);
    let known = |verdict: &&Verdict| matches!(verdict, Verdict::Known(_));
    let known = verdicts.iter().filter(known).count();
    let told = match known {
        0 => String::new(),
        some => format!(", {some} for a known reason"),
    };
    let compared = holds + misses + known;
    format!(
        "{holds} of {compared} comparisons hold, {} miss a bound{told} (median 5 % or 50 ms, p95 \
         10 %, KS p > 0.01 or medians within 50 ms, share 15 points; follow: median 10 % or \
         250 ms; removed: median a factor of 2 or 50 ms); {} compare nothing\n",
        misses + known,
        verdicts.len() - compared
    )
}

/// The number of lines that miss a bound without a known reason.
pub fn missed(lines: &[Line]) -> usize {
    let missed = |line: &&Line| match line.verdict() {
        Verdict::Misses(_) => true,
        Verdict::Holds | Verdict::Known(_) | Verdict::Undefined(_) => false,
    };
    lines.iter().filter(missed).count()
}
