//! Horizontal bars from zero: segments end to end with the sum behind them, or side by side with
//! each value behind its bar.

use super::axis::{self, Include, Ruler};
use super::canvas::{Anchor, Canvas, Lettering};
use super::frame::{self, INNER, MARGIN, Swatch, WIDTH};
use super::theme::Paint;
use crate::chart::{BarRow, Bars};
use crate::format::Estimate;

const LABELS_MOST: f64 = 260.0;
const STACKED_HEIGHT: f64 = 22.0;
const GROUPED_HEIGHT: f64 = 15.0;

/// A row's label in lines, and its stretch of the page.
struct Row<'a> {
    row: &'a BarRow,
    label: Vec<String>,
    top: f64,
    height: f64,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &Bars, stacked: bool) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart.rows.is_empty() || chart.segments.is_empty() {
        let bottom = frame::nothing(canvas, top, "No bars to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let top = legend(canvas, chart, top);
    let widest = chart
        .rows
        .iter()
        .map(|row| Lettering::BODY.width(&row.label))
        .fold(0.0, f64::max);
    let label_width = widest.min(LABELS_MOST);
    let head = top + Lettering::HEADING.leading() + 24.0;
    let (rows, bottom) = lay_out(chart, stacked, label_width, head);
    let ruler = ruler(chart, stacked, MARGIN + label_width + 14.0);
    axis(canvas, chart, &ruler, (top, head, bottom));
    for row in &rows {
        let label_at = (MARGIN + label_width, row.top + row.height / 2.0);
        canvas.block(label_at, &row.label, Anchor::End, Lettering::BODY);
        match stacked {
            true => stack(canvas, chart, row, &ruler),
            false => group(canvas, chart, row, &ruler),
        }
    }
    let zero = ruler.at(0.0);
    canvas.line((zero, head - 4.0), (zero, bottom), Paint::Ink, 1.5);
    if let Some(reference) = &chart.reference {
        let x = ruler.at(reference.value);
        canvas.line((x, head - 4.0), (x, bottom), Paint::Guide, 1.5);
    }
    frame::close(canvas, &chart.caption, bottom + 6.0)
}

fn legend(canvas: &mut Canvas, chart: &Bars, top: f64) -> f64 {
    let segments = chart.segments.iter();
    let mut entries: Vec<(Swatch, Paint, String)> = segments
        .map(|segment| {
            (
                Swatch::Square,
                Paint::Series(segment.colour),
                segment.name.clone(),
            )
        })
        .collect();
    if let Some(reference) = &chart.reference {
        let value = chart.axis.format.number(reference.value);
        entries.push((
            Swatch::Dashes,
            Paint::Guide,
            format!("{}: {value}", reference.label),
        ));
    }
    frame::legend(canvas, (MARGIN, top - 6.0), INNER, &entries) + 10.0
}

fn lay_out<'a>(chart: &'a Bars, stacked: bool, label_width: f64, head: f64) -> (Vec<Row<'a>>, f64) {
    let bars = match stacked {
        true => STACKED_HEIGHT,
        false => GROUPED_HEIGHT * chart.segments.len() as f64,
    };
    let mut top = head + 4.0;
    let mut rows = Vec::new();
    for row in &chart.rows {
        let label = Lettering::BODY.wrap(&row.label, label_width + 0.5);
        let height = bars.max(label.len() as f64 * Lettering::BODY.leading());
        rows.push(Row {
            row,
            label,
            top,
            height,
        });
        top += height + 10.0;
    }
    (rows, top)
}

fn ruler(chart: &Bars, stacked: bool, from: f64) -> Ruler {
    let mut values: Vec<f64> = chart
        .reference
        .iter()
        .map(|reference| reference.value)
        .collect();
    let mut widest = 0.0f64;
    for row in &chart.rows {
        let known = row.values.iter().flatten();
        if stacked {
            values.push(known.map(|value| value.value).sum());
            values.extend(row.total.iter().flat_map(|total| [total.value, total.high]));
            widest = widest.max(Lettering::BODY.bold().width(&total_text(chart, row)));
        } else {
            for value in known {
                values.extend([value.value, value.high]);
                let text = chart.axis.format.estimate(value);
                widest = widest.max(Lettering::SMALL.width(&text));
            }
        }
    }
    let stretch = (from, WIDTH - MARGIN - widest - 12.0);
    super::fitted(
        &chart.axis,
        &values,
        Include::Zero,
        stretch,
        Lettering::SMALL,
    )
}

fn axis(canvas: &mut Canvas, chart: &Bars, ruler: &Ruler, (top, head, bottom): (f64, f64, f64)) {
    let from = ruler.at(ruler.low());
    let heading = top + Lettering::HEADING.leading() / 2.0;
    canvas.text(
        (from, heading),
        &axis::name(&chart.axis),
        Anchor::Start,
        Lettering::HEADING,
    );
    for (value, label) in &ruler.ticks {
        let x = ruler.at(*value);
        canvas.line((x, head - 4.0), (x, bottom), Paint::Grid, 1.0);
        canvas.text((x, head - 13.0), label, Anchor::Middle, Lettering::SMALL);
    }
}

fn total(row: &BarRow) -> Estimate {
    let sum = row.values.iter().flatten().map(|value| value.value).sum();
    row.total.unwrap_or(Estimate::exact(sum))
}

fn total_text(chart: &Bars, row: &BarRow) -> String {
    match row.values.iter().all(Option::is_none) && row.total.is_none() {
        true => "no data".to_string(),
        false => chart.axis.format.estimate(&total(row)),
    }
}

fn stack(canvas: &mut Canvas, chart: &Bars, row: &Row<'_>, ruler: &Ruler) {
    let middle = row.top + row.height / 2.0;
    let (top, bottom) = (middle - STACKED_HEIGHT / 2.0, middle + STACKED_HEIGHT / 2.0);
    let mut sum = 0.0;
    for (value, segment) in row.row.values.iter().zip(&chart.segments) {
        let Some(value) = value else { continue };
        let (left, right) = (ruler.at(sum), ruler.at(sum + value.value));
        sum += value.value;
        // A sliver of paper between segments tells them apart in grey print.
        let gap = if right - left > 3.0 { 1.0 } else { 0.0 };
        canvas.rect(
            (left, top),
            (right - gap, bottom),
            Paint::Series(segment.colour),
        );
        let text = chart.axis.format.number(value.value);
        if Lettering::SMALL.width(&text) + 10.0 < right - left {
            let look = Lettering::SMALL.in_paint(Paint::OnSeries(segment.colour));
            canvas.text(((left + right) / 2.0, middle), &text, Anchor::Middle, look);
        }
    }
    let whole = total(row.row);
    let mut end = ruler.at(sum.max(whole.value));
    if !whole.is_exact() {
        whisker(canvas, &whole, ruler, bottom + 3.0);
        end = end.max(ruler.at(whole.high));
    }
    let text = total_text(chart, row.row);
    canvas.text(
        (end + 9.0, middle),
        &text,
        Anchor::Start,
        Lettering::BODY.bold(),
    );
}

fn group(canvas: &mut Canvas, chart: &Bars, row: &Row<'_>, ruler: &Ruler) {
    let bars = GROUPED_HEIGHT * chart.segments.len() as f64;
    let mut top = row.top + (row.height - bars) / 2.0;
    for (value, segment) in row.row.values.iter().zip(&chart.segments) {
        let middle = top + GROUPED_HEIGHT / 2.0;
        let (end, text) = match value {
            Some(value) => {
                let right = ruler.at(value.value);
                let from = (ruler.at(0.0), top + 1.0);
                let to = (right, top + GROUPED_HEIGHT - 1.0);
                canvas.rect(from, to, Paint::Series(segment.colour));
                if !value.is_exact() {
                    whisker(canvas, value, ruler, middle);
                }
                (
                    ruler.at(value.high.max(value.value)),
                    chart.axis.format.estimate(value),
                )
            }
            None => (ruler.at(0.0), "no data".to_string()),
        };
        let look = Lettering::SMALL.in_paint(if value.is_some() {
            Paint::Ink
        } else {
            Paint::Muted
        });
        canvas.text((end + 7.0, middle), &text, Anchor::Start, look);
        top += GROUPED_HEIGHT;
    }
}

fn whisker(canvas: &mut Canvas, estimate: &Estimate, ruler: &Ruler, y: f64) {
    let (low, high) = (ruler.at(estimate.low), ruler.at(estimate.high));
    // Paper round the ink keeps it visible on dark bars.
    for (paint, width, reach) in [(Paint::Surface, 3.5, 4.0), (Paint::Ink, 1.5, 3.0)] {
        canvas.line((low, y), (high, y), paint, width);
        for end in [low, high] {
            canvas.line((end, y - reach), (end, y + reach), paint, width);
        }
    }
}
