//! One row per item: label, value with interval, paired difference to the baseline, the number in
//! words. A dot with an empty middle says that the interval of the difference includes zero.
//!
//! ```text
//!               lost visits       difference to baseline
//!  two zones      ──●──          ──●──   │                −61 % (−67 to −54 %)
//!  one zone            ──●──             │ baseline       1,204 (1,120–1,290)
//! ```

use super::axis::{self, Include, Ruler};
use super::canvas::{Anchor, Canvas, Lettering};
use super::frame::{self, INNER, MARGIN, Swatch, WIDTH};
use super::theme::Paint;
use crate::chart::{Axis, DotInterval, DotRow, Order};
use crate::format::Estimate;

const GAP: f64 = 22.0;
/// Half the room between the panels: their outer tick labels must not read as one number.
const BETWEEN: f64 = 32.0;
const LABELS_MOST: f64 = 270.0;
const WORDS_MOST: f64 = 220.0;

/// Where a row stands, and its texts in lines.
struct Row<'a> {
    row: &'a DotRow,
    label: Vec<String>,
    words: Vec<String>,
    middle: f64,
    height: f64,
}

/// The stretches of the columns, left to right.
struct Columns {
    value: (f64, f64),
    difference: (f64, f64),
    words: f64,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &DotInterval) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart.rows.is_empty() {
        let bottom = frame::nothing(canvas, top, "No items to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let top = legend(canvas, chart, top);
    let (mut rows, columns) = lay_out(chart);
    let head = top + heading_height(chart, &columns);
    let mut bottom = head;
    for row in &mut rows {
        row.middle = bottom + row.height / 2.0;
        bottom += row.height;
    }
    stripes(canvas, &rows);
    let left = value_ruler(chart, columns.value);
    panel(canvas, &chart.value, &left, (top, head, bottom));
    if let Some(reference) = &chart.reference {
        let x = left.at(reference.value);
        canvas.line((x, head), (x, bottom), Paint::Guide, 1.5);
    }
    let right = chart
        .difference
        .as_ref()
        .map(|axis| (axis, difference_ruler(chart, axis, &columns)));
    if let Some((axis, ruler)) = &right {
        panel(canvas, axis, ruler, (top, head, bottom));
        let zero = ruler.at(0.0);
        canvas.line((zero, head - 4.0), (zero, bottom + 4.0), Paint::Ink, 2.5);
    }
    for row in &rows {
        texts(canvas, row, columns.words);
        value(canvas, row, &left);
        if let Some((_, ruler)) = &right {
            difference(canvas, row, ruler);
        }
    }
    frame::close(canvas, &chart.caption, bottom + 24.0)
}

fn ordered(chart: &DotInterval) -> Vec<&DotRow> {
    let mut rows: Vec<&DotRow> = chart.rows.iter().collect();
    let key = |estimate: Option<Estimate>| estimate.map_or(f64::INFINITY, |e| e.value);
    match chart.order {
        Order::Given => {}
        Order::ByValue => rows.sort_by(|a, b| key(a.value).total_cmp(&key(b.value))),
        Order::ByDifference => {
            rows.sort_by(|a, b| key(a.difference).total_cmp(&key(b.difference)));
        }
    }
    rows
}

fn lay_out(chart: &DotInterval) -> (Vec<Row<'_>>, Columns) {
    let rows = ordered(chart);
    let words: Vec<String> = rows.iter().map(|row| words(chart, row)).collect();
    let label_look = |row: &DotRow| match row.baseline {
        true => Lettering::BODY.bold(),
        false => Lettering::BODY,
    };
    let widest =
        |widths: &mut dyn Iterator<Item = f64>, most: f64| widths.fold(0.0, f64::max).min(most);
    let label_width = widest(
        &mut rows.iter().map(|row| label_look(row).width(&row.label)),
        LABELS_MOST,
    );
    let words_width = widest(
        &mut words.iter().map(|words| Lettering::BODY.width(words)),
        WORDS_MOST,
    );
    let from = MARGIN + label_width + GAP;
    let to = WIDTH - MARGIN - words_width - GAP;
    let middle = match chart.difference {
        Some(_) => from + (to - from) * 0.46,
        None => to + BETWEEN,
    };
    let columns = Columns {
        value: (from, middle - BETWEEN),
        difference: (middle + BETWEEN, to),
        words: WIDTH - MARGIN - words_width,
    };
    let rows = rows.into_iter().zip(words).map(|(row, words)| {
        let label = label_look(row).wrap(&row.label, label_width + 0.5);
        let words = Lettering::BODY.wrap(&words, words_width + 0.5);
        let lines = label.len().max(words.len()) as f64;
        let height = lines * Lettering::BODY.leading() + 8.0;
        Row {
            row,
            label,
            words,
            middle: 0.0,
            height,
        }
    });
    (rows.collect(), columns)
}

fn words(chart: &DotInterval, row: &DotRow) -> String {
    if !row.words.is_empty() {
        return row.words.clone();
    }
    match (&chart.difference, &row.difference, &row.value) {
        (Some(axis), Some(difference), _) => axis.format.difference(difference),
        (_, _, Some(value)) => chart.value.format.estimate(value),
        (_, _, None) => "no data".to_string(),
    }
}

fn legend(canvas: &mut Canvas, chart: &DotInterval, top: f64) -> f64 {
    let mut entries: Vec<(Swatch, Paint, String)> = chart
        .groups
        .iter()
        .map(|group| (Swatch::Dot, Paint::Series(group.colour), group.name.clone()))
        .collect();
    if !chart.marker_name.is_empty() {
        entries.push((Swatch::Bar, Paint::Ink, chart.marker_name.clone()));
    }
    if let Some(reference) = &chart.reference {
        let value = chart.value.format.number(reference.value);
        entries.push((
            Swatch::Dashes,
            Paint::Guide,
            format!("{}: {value}", reference.label),
        ));
    }
    let unclear = chart
        .rows
        .iter()
        .any(|row| row.difference.is_some_and(|d| includes_zero(&d)));
    if chart.difference.is_some() && unclear {
        let name = "empty dot: the interval of the difference includes zero".to_string();
        entries.push((Swatch::Ring, Paint::Muted, name));
    }
    let bottom = frame::legend(canvas, (MARGIN, top - 6.0), INNER, &entries);
    if entries.is_empty() {
        top
    } else {
        bottom + 10.0
    }
}

fn includes_zero(difference: &Estimate) -> bool {
    difference.low <= 0.0 && difference.high >= 0.0 && !difference.is_exact()
}

fn heading_lines(axis: &Axis, (from, to): (f64, f64)) -> Vec<String> {
    Lettering::HEADING.wrap(&axis::name(axis), to - from)
}

fn heading_height(chart: &DotInterval, columns: &Columns) -> f64 {
    let left = heading_lines(&chart.value, columns.value).len();
    let right = chart.difference.as_ref();
    let right = right.map_or(0, |axis| heading_lines(axis, columns.difference).len());
    left.max(right) as f64 * Lettering::HEADING.leading() + 26.0
}

/// The heading, tick labels above (and below, where the reader has scrolled far), and grid lines.
fn panel(canvas: &mut Canvas, axis: &Axis, ruler: &Ruler, (top, head, bottom): (f64, f64, f64)) {
    let stretch = (ruler.at(ruler.low()), ruler.at(ruler.high()));
    for (index, line) in heading_lines(axis, stretch).iter().enumerate() {
        let y = top + Lettering::HEADING.leading() * (index as f64 + 0.5);
        canvas.text((stretch.0, y), line, Anchor::Start, Lettering::HEADING);
    }
    for (value, label) in &ruler.ticks {
        let x = ruler.at(*value);
        canvas.line((x, head - 4.0), (x, bottom), Paint::Grid, 1.0);
        canvas.text((x, head - 13.0), label, Anchor::Middle, Lettering::SMALL);
        canvas.text((x, bottom + 13.0), label, Anchor::Middle, Lettering::SMALL);
    }
}

fn value_ruler(chart: &DotInterval, stretch: (f64, f64)) -> Ruler {
    let estimates = chart.rows.iter().filter_map(|row| row.value);
    let mut values: Vec<f64> = estimates.flat_map(|e| [e.value, e.low, e.high]).collect();
    values.extend(chart.rows.iter().filter_map(|row| row.marker));
    values.extend(chart.reference.iter().map(|reference| reference.value));
    fitted(&chart.value, &values, stretch)
}

fn difference_ruler(chart: &DotInterval, axis: &Axis, columns: &Columns) -> Ruler {
    let estimates = chart.rows.iter().filter_map(|row| row.difference);
    let values: Vec<f64> = estimates.flat_map(|e| [e.value, e.low, e.high]).collect();
    fitted(axis, &values, columns.difference)
}

/// As many ticks as their labels leave room for.
fn fitted(axis: &Axis, values: &[f64], stretch: (f64, f64)) -> Ruler {
    super::fitted(axis, values, Include::Zero, stretch, Lettering::SMALL)
}

fn stripes(canvas: &mut Canvas, rows: &[Row<'_>]) {
    for (index, row) in rows.iter().enumerate() {
        let (top, bottom) = (row.middle - row.height / 2.0, row.middle + row.height / 2.0);
        if index % 2 == 0 {
            canvas.rect(
                (MARGIN - 8.0, top),
                (WIDTH - MARGIN + 8.0, bottom),
                Paint::Stripe,
            );
        }
    }
}

fn texts(canvas: &mut Canvas, row: &Row<'_>, words_from: f64) {
    let look = if row.row.baseline {
        Lettering::BODY.bold()
    } else {
        Lettering::BODY
    };
    canvas.block((MARGIN, row.middle), &row.label, Anchor::Start, look);
    let look = if row.row.value.is_some() {
        look
    } else {
        look.in_paint(Paint::Muted)
    };
    let look = Lettering {
        bold: false,
        ..look
    };
    canvas.block((words_from, row.middle), &row.words, Anchor::Start, look);
}

fn value(canvas: &mut Canvas, row: &Row<'_>, ruler: &Ruler) {
    let paint = Paint::Series(row.row.colour);
    match &row.row.value {
        Some(estimate) => {
            interval(canvas, estimate, ruler, row.middle, paint);
            canvas.disc((ruler.at(estimate.value), row.middle), 5.0, paint);
        }
        None => {
            let x = ruler.at(ruler.low()) + 4.0;
            canvas.text((x, row.middle), "no data", Anchor::Start, Lettering::SMALL);
        }
    }
    if let Some(marker) = row.row.marker {
        let x = ruler.at(marker);
        canvas.rect(
            (x - 1.5, row.middle - 8.0),
            (x + 1.5, row.middle + 8.0),
            Paint::Ink,
        );
    }
}

fn difference(canvas: &mut Canvas, row: &Row<'_>, ruler: &Ruler) {
    let paint = Paint::Series(row.row.colour);
    match &row.row.difference {
        Some(estimate) => {
            interval(canvas, estimate, ruler, row.middle, paint);
            let centre = (ruler.at(estimate.value), row.middle);
            match includes_zero(estimate) {
                true => canvas.ring(centre, 5.0, paint),
                false => canvas.disc(centre, 5.0, paint),
            }
        }
        None if row.row.baseline => {
            let (zero, text) = (ruler.at(0.0), "baseline");
            let look = Lettering::SMALL.in_paint(Paint::Ink).bold();
            let right = zero + 10.0 + look.width(text) <= ruler.at(ruler.high());
            let (x, anchor) = if right {
                (zero + 10.0, Anchor::Start)
            } else {
                (zero - 10.0, Anchor::End)
            };
            canvas.text((x, row.middle), text, anchor, look);
        }
        None => {}
    }
}

fn interval(canvas: &mut Canvas, estimate: &Estimate, ruler: &Ruler, y: f64, paint: Paint) {
    let (low, high) = (ruler.at(estimate.low), ruler.at(estimate.high));
    canvas.line((low, y), (high, y), paint, 2.5);
    for end in [low, high] {
        canvas.line((end, y - 4.0), (end, y + 4.0), paint, 1.5);
    }
}
