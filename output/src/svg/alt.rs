//! The picture in words, for people who cannot see it: what kind it is, what it shows, and its
//! numbers as far as they can be listened to.

use crate::chart::{Chart, DotInterval, HeatMap, Lines, Scatter, Timeline};

/// More rows than this are left to the table.
const SPOKEN: usize = 8;

pub(super) fn describe(chart: &Chart) -> String {
    let said = match chart {
        Chart::DotInterval(chart) => dot_interval(chart),
        Chart::StackedBars(chart) => bars("Stacked bars", chart),
        Chart::GroupedBars(chart) => bars("Grouped bars", chart),
        Chart::Timeline(chart) => timeline(chart),
        Chart::HeatMap(chart) => heat_map(chart),
        Chart::Lines(chart) => lines(chart),
        Chart::Scatter(chart) => scatter(chart),
    };
    let subtitle = &chart.caption().subtitle;
    match subtitle.is_empty() {
        true => said,
        false => format!("{}. {said}", subtitle.trim_end_matches('.')),
    }
}

fn list(items: impl Iterator<Item = String>, total: usize) -> String {
    let spoken: Vec<String> = items.take(SPOKEN).collect();
    let rest = if total > SPOKEN {
        format!("; and {} more", total - SPOKEN)
    } else {
        String::new()
    };
    format!("{}{rest}", spoken.join("; "))
}

fn dot_interval(chart: &DotInterval) -> String {
    let rows = chart.rows.iter().map(|row| {
        let value = row.value.map(|value| chart.value.format.estimate(&value));
        let value = value.unwrap_or("no data".to_string());
        let axis = chart.difference.as_ref();
        let difference = axis
            .zip(row.difference)
            .map(|(axis, d)| axis.format.difference(&d));
        let difference = difference
            .map(|d| format!(", difference {d}"))
            .unwrap_or_default();
        format!("{}: {value}{difference}", row.label)
    });
    let count = chart.rows.len();
    format!(
        "Dots with intervals, {}, {count} rows. {}",
        chart.value.name,
        list(rows, count)
    )
}

fn bars(kind: &str, chart: &crate::chart::Bars) -> String {
    let rows = chart.rows.iter().map(|row| {
        let parts = row
            .values
            .iter()
            .zip(&chart.segments)
            .map(|(value, segment)| match value {
                Some(value) => {
                    format!("{} {}", segment.name, chart.axis.format.number(value.value))
                }
                None => format!("{} no data", segment.name),
            });
        format!("{}: {}", row.label, parts.collect::<Vec<_>>().join(", "))
    });
    let count = chart.rows.len();
    format!(
        "{kind}, {}, {count} rows. {}",
        chart.axis.name,
        list(rows, count)
    )
}

fn timeline(chart: &Timeline) -> String {
    let tracks = chart.tracks.iter().map(|track| {
        let states = track.spans.iter().map(|span| span.state.as_str());
        let marks = track.marks.iter().map(|mark| mark.label.as_str());
        let words: Vec<&str> = states.chain(marks).take(SPOKEN).collect();
        format!("{}: {}", track.label, words.join(", "))
    });
    let count = chart.tracks.len();
    format!(
        "Timeline from {}, {count} tracks. {}",
        chart.zero_label,
        list(tracks, count)
    )
}

fn heat_map(chart: &HeatMap) -> String {
    let cells: Vec<f64> = chart
        .cells
        .iter()
        .flatten()
        .flatten()
        .map(|c| c.value.value)
        .collect();
    let low = cells.iter().copied().fold(f64::INFINITY, f64::min);
    let high = cells.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = match cells.is_empty() {
        true => "no data".to_string(),
        false => format!("from {}", chart.axis.format.range(low, high)),
    };
    let objective = chart.objective.as_ref().map(|objective| {
        let meets = chart
            .cells
            .iter()
            .flatten()
            .flatten()
            .filter(|cell| cell.meets)
            .count();
        format!(
            " {meets} of {} cells are outlined: {objective}.",
            cells.len()
        )
    });
    format!(
        "Heat map, {} by {} and {}, {range}.{}",
        chart.axis.name,
        chart.row_name,
        chart.column_name,
        objective.unwrap_or_default()
    )
}

fn lines(chart: &Lines) -> String {
    let series = chart
        .series
        .iter()
        .map(|series| match series.points.last() {
            Some((x, y)) => format!(
                "{} ends at {} for {}",
                series.label,
                chart.y.format.number(*y),
                chart.x.format.number(*x)
            ),
            None => format!("{} has no points", series.label),
        });
    let count = chart.series.len();
    format!(
        "Lines, {} against {}. {}",
        chart.y.name,
        chart.x.name,
        list(series, count)
    )
}

fn scatter(chart: &Scatter) -> String {
    let points = chart.points.iter().map(|point| {
        let dominated = if point.dominated { " (dominated)" } else { "" };
        format!(
            "{}{dominated}: {}, {}",
            point.label,
            chart.x.format.number(point.x.value),
            chart.y.format.number(point.y.value)
        )
    });
    let count = chart.points.len();
    format!(
        "Scatter plot, {} against {}. {}",
        chart.y.name,
        chart.x.name,
        list(points, count)
    )
}
