//! The numbers behind a chart as a table, one function per kind. Nothing is rounded away: CSV and
//! JSON made of it hold full precision.

use crate::chart::{Bars, Chart, DotInterval, HeatMap, Lines, Scatter, Timeline};
use crate::format::{Estimate, Format};
use crate::table::{Cell, Column, Table};

impl Chart {
    /// The numbers behind the picture.
    pub fn data_table(&self) -> Table {
        table(self)
    }
}

fn table(chart: &Chart) -> Table {
    let mut table = match chart {
        Chart::DotInterval(chart) => dot_interval(chart),
        Chart::StackedBars(chart) => bars(chart, true),
        Chart::GroupedBars(chart) => bars(chart, false),
        Chart::Timeline(chart) => timeline(chart),
        Chart::HeatMap(chart) => heat_map(chart),
        Chart::Lines(chart) => lines(chart),
        Chart::Scatter(chart) => scatter(chart),
    };
    table.title = chart.caption().title.clone();
    table
}

fn optional(estimate: Option<Estimate>, format: Format) -> Cell {
    estimate.map_or(Cell::Empty, |estimate| cell(estimate, format))
}

fn cell(estimate: Estimate, format: Format) -> Cell {
    match estimate.is_exact() {
        true => Cell::number(estimate.value, format),
        false => Cell::estimate(estimate, format),
    }
}

fn dot_interval(chart: &DotInterval) -> Table {
    let mut columns = vec![Column::text("item"), Column::number(&chart.value.name, "")];
    columns.extend(
        chart
            .difference
            .as_ref()
            .map(|axis| Column::number(&axis.name, "")),
    );
    let markers = !chart.marker_name.is_empty();
    columns.extend(markers.then(|| Column::number(&chart.marker_name, "")));
    let mut table = Table::new("", columns);
    for row in &chart.rows {
        let mut cells = vec![
            Cell::text(&row.label),
            optional(row.value, chart.value.format),
        ];
        if let Some(axis) = &chart.difference {
            let difference = row
                .difference
                .map(|value| Cell::difference(value, axis.format));
            cells.push(difference.unwrap_or(Cell::Empty));
        }
        if markers {
            cells.push(Cell::optional(row.marker, chart.value.format));
        }
        table.push(cells);
    }
    table
}

fn bars(chart: &Bars, stacked: bool) -> Table {
    let mut columns = vec![Column::text("item")];
    columns.extend(
        chart
            .segments
            .iter()
            .map(|segment| Column::number(&segment.name, "")),
    );
    columns.extend(stacked.then(|| Column::number("total", "")));
    let mut table = Table::new("", columns);
    for row in &chart.rows {
        let mut cells = vec![Cell::text(&row.label)];
        cells.extend(
            row.values
                .iter()
                .map(|value| optional(*value, chart.axis.format)),
        );
        if stacked {
            let known: Vec<f64> = row
                .values
                .iter()
                .flatten()
                .map(|value| value.value)
                .collect();
            let sum = (!known.is_empty()).then(|| Estimate::exact(known.iter().sum()));
            cells.push(optional(row.total.or(sum), chart.axis.format));
        }
        // A row of the wrong length is refused where the chart is drawn.
        cells.resize(table.columns.len(), Cell::Empty);
        table.push(cells);
    }
    table
}

fn timeline(chart: &Timeline) -> Table {
    let columns = vec![
        Column::text("track"),
        Column::text("what"),
        Column::number("from", "s"),
        Column::number("to", "s"),
    ];
    let seconds = |value: f64| Cell::number(value, Format::Decimals(1));
    let mut table = Table::new("", columns);
    for track in &chart.tracks {
        for span in &track.spans {
            let ends = [seconds(span.from_s), seconds(span.to_s)];
            let names = [Cell::text(&track.label), Cell::text(&span.state)];
            table.push(names.into_iter().chain(ends).collect());
        }
        for mark in &track.marks {
            let names = [Cell::text(&track.label), Cell::text(&mark.label)];
            table.push(
                names
                    .into_iter()
                    .chain([seconds(mark.at_s), Cell::Empty])
                    .collect(),
            );
        }
    }
    table
}

fn heat_map(chart: &HeatMap) -> Table {
    let columns = vec![
        Column::text(&chart.row_name),
        Column::text(&chart.column_name),
        Column::number(&chart.axis.name, ""),
        Column::text("meets the objective"),
    ];
    let mut table = Table::new("", columns);
    for (row, cells) in chart.rows.iter().zip(&chart.cells) {
        for (column, found) in chart.columns.iter().zip(cells) {
            let meets = match (found, &chart.objective) {
                (Some(found), Some(_)) => Cell::text(if found.meets { "yes" } else { "no" }),
                (Some(_), None) | (None, _) => Cell::Empty,
            };
            let value = optional(found.as_ref().map(|found| found.value), chart.axis.format);
            table.push(vec![Cell::text(row), Cell::text(column), value, meets]);
        }
    }
    if chart.objective.is_none() {
        table.columns.pop();
        table.rows.iter_mut().for_each(|row| row.truncate(3));
    }
    table
}

fn lines(chart: &Lines) -> Table {
    let columns = vec![
        Column::text("series"),
        Column::number(&chart.x.name, ""),
        Column::number(&chart.y.name, ""),
        Column::text("part"),
    ];
    let mut table = Table::new("", columns);
    for series in &chart.series {
        let mut push = |x: f64, y: f64, part: String| {
            let (x, y) = (
                Cell::number(x, chart.x.format),
                Cell::number(y, chart.y.format),
            );
            table.push(vec![Cell::text(&series.label), x, y, Cell::text(part)]);
        };
        series
            .points
            .iter()
            .for_each(|(x, y)| push(*x, *y, "line".to_string()));
        for (index, band) in series.bands.iter().enumerate() {
            for (x, low, high) in band {
                push(*x, *low, format!("band {}, lower edge", index + 1));
                push(*x, *high, format!("band {}, upper edge", index + 1));
            }
        }
    }
    table
}

fn scatter(chart: &Scatter) -> Table {
    let columns = vec![
        Column::text("item"),
        Column::number(&chart.x.name, ""),
        Column::number(&chart.y.name, ""),
        Column::text("dominated"),
    ];
    let mut table = Table::new("", columns);
    for point in &chart.points {
        let (x, y) = (cell(point.x, chart.x.format), cell(point.y, chart.y.format));
        let dominated = if point.dominated { "yes" } else { "no" };
        table.push(vec![Cell::text(&point.label), x, y, Cell::text(dominated)]);
    }
    table
}
