//! What a chart must hold before it is drawn: finite numbers, intervals the right way round,
//! parts that fit together, values above zero on logarithmic axes.

use crate::chart::{
    Axis, Bars, Chart, DotInterval, HeatMap, Lines, Reference, Scale, Scatter, Timeline,
};
use crate::error::Error;
use crate::format::Estimate;

/// The first problem of a chart, if it has one.
pub(crate) fn chart(chart: &Chart) -> Result<(), Error> {
    let check = Check {
        title: &chart.caption().title,
    };
    match chart {
        Chart::DotInterval(chart) => dot_interval(&check, chart),
        Chart::StackedBars(chart) | Chart::GroupedBars(chart) => bars(&check, chart),
        Chart::Timeline(chart) => timeline(&check, chart),
        Chart::HeatMap(chart) => heat_map(&check, chart),
        Chart::Lines(chart) => lines(&check, chart),
        Chart::Scatter(chart) => scatter(&check, chart),
    }
}

/// The questions asked of every number; problems carry the chart's title.
struct Check<'a> {
    title: &'a str,
}

impl Check<'_> {
    fn finite(&self, value: f64, place: &str) -> Result<(), Error> {
        match value.is_finite() {
            true => Ok(()),
            false => Err(Error::NotFinite {
                title: self.title.to_string(),
                place: place.to_string(),
                value,
            }),
        }
    }

    fn on_axis(&self, value: f64, axis: &Axis, place: &str) -> Result<(), Error> {
        self.finite(value, place)?;
        match axis.scale == Scale::Linear || value > 0.0 {
            true => Ok(()),
            false => Err(Error::NotPositive {
                title: self.title.to_string(),
                place: place.to_string(),
                value,
            }),
        }
    }

    fn estimate(&self, estimate: &Estimate, axis: &Axis, place: &str) -> Result<(), Error> {
        self.on_axis(estimate.value, axis, &format!("{place}, value"))?;
        self.on_axis(estimate.low, axis, &format!("{place}, lower end"))?;
        self.on_axis(estimate.high, axis, &format!("{place}, upper end"))?;
        self.fits(estimate.low <= estimate.high, || {
            format!(
                "{place}: the interval {} to {} is turned round",
                estimate.low, estimate.high
            )
        })
    }

    fn references(&self, references: &[Reference], axis: &Axis) -> Result<(), Error> {
        references.iter().try_for_each(|reference| {
            self.on_axis(
                reference.value,
                axis,
                &format!("reference \"{}\"", reference.label),
            )
        })
    }

    fn fits(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<(), Error> {
        match holds {
            true => Ok(()),
            false => Err(Error::Mismatch {
                title: self.title.to_string(),
                problem: problem(),
            }),
        }
    }

    /// Rising or level.
    fn rises(&self, values: &[f64], place: &str) -> Result<(), Error> {
        self.fits(values.windows(2).all(|pair| pair[0] <= pair[1]), || {
            format!("{place} must not fall from point to point")
        })
    }
}

fn dot_interval(check: &Check<'_>, chart: &DotInterval) -> Result<(), Error> {
    for row in &chart.rows {
        let place = format!("row \"{}\"", row.label);
        if let Some(value) = &row.value {
            check.estimate(value, &chart.value, &place)?;
        }
        if let Some(marker) = row.marker {
            check.on_axis(marker, &chart.value, &format!("{place}, marker"))?;
        }
        if let (Some(axis), Some(difference)) = (&chart.difference, &row.difference) {
            check.estimate(difference, axis, &format!("{place}, difference"))?;
        }
    }
    let linear = chart
        .difference
        .as_ref()
        .is_none_or(|axis| axis.scale == Scale::Linear);
    check.fits(linear, || {
        "differences have a zero, so their axis must be linear".to_string()
    })?;
    check.references(chart.reference.as_slice(), &chart.value)
}

fn bars(check: &Check<'_>, chart: &Bars) -> Result<(), Error> {
    let linear = chart.axis.scale == Scale::Linear;
    check.fits(linear, || {
        "bars start at zero, so their axis must be linear".to_string()
    })?;
    for row in &chart.rows {
        let place = format!("row \"{}\"", row.label);
        check.fits(row.values.len() == chart.segments.len(), || {
            format!(
                "{place} has {} values for {} segments",
                row.values.len(),
                chart.segments.len()
            )
        })?;
        for (value, segment) in row.values.iter().zip(&chart.segments) {
            let Some(value) = value else { continue };
            let place = format!("{place}, \"{}\"", segment.name);
            check.estimate(value, &chart.axis, &place)?;
            check.fits(value.low >= 0.0 && value.value >= 0.0, || {
                format!("{place} is below zero, which a bar cannot show")
            })?;
        }
        if let Some(total) = &row.total {
            check.estimate(total, &chart.axis, &format!("{place}, total"))?;
        }
    }
    check.references(chart.reference.as_slice(), &chart.axis)
}

fn timeline(check: &Check<'_>, chart: &Timeline) -> Result<(), Error> {
    check.finite(chart.from_s, "left edge")?;
    check.finite(chart.to_s, "right edge")?;
    check.fits(chart.from_s < chart.to_s, || {
        "the right edge is not after the left".to_string()
    })?;
    for track in &chart.tracks {
        let place = format!("track \"{}\"", track.label);
        for span in &track.spans {
            check.finite(
                span.from_s,
                &format!("{place}, start of \"{}\"", span.state),
            )?;
            check.finite(span.to_s, &format!("{place}, end of \"{}\"", span.state))?;
            check.fits(span.from_s <= span.to_s, || {
                format!("{place}: \"{}\" ends before it starts", span.state)
            })?;
        }
        for mark in &track.marks {
            check.finite(mark.at_s, &format!("{place}, mark \"{}\"", mark.label))?;
        }
    }
    let Some(strip) = &chart.strip else {
        return Ok(());
    };
    for edge in &strip.edges_s {
        check.finite(*edge, "edge of a bin")?;
    }
    check.rises(&strip.edges_s, "edges of bins")?;
    for series in &strip.series {
        check.fits(series.counts.len() + 1 == strip.edges_s.len(), || {
            let (counts, edges) = (series.counts.len(), strip.edges_s.len());
            format!(
                "\"{}\" has {counts} counts for {edges} edges; bins have one more",
                series.name
            )
        })?;
        for count in &series.counts {
            check.finite(*count, &format!("count of \"{}\"", series.name))?;
            check.fits(*count >= 0.0, || {
                format!("\"{}\" counts below zero", series.name)
            })?;
        }
    }
    Ok(())
}

fn heat_map(check: &Check<'_>, chart: &HeatMap) -> Result<(), Error> {
    check.fits(chart.cells.len() == chart.rows.len(), || {
        format!(
            "{} rows of cells for {} row labels",
            chart.cells.len(),
            chart.rows.len()
        )
    })?;
    for (label, row) in chart.rows.iter().zip(&chart.cells) {
        check.fits(row.len() == chart.columns.len(), || {
            format!(
                "row \"{label}\" has {} cells for {} columns",
                row.len(),
                chart.columns.len()
            )
        })?;
        for (column, cell) in chart.columns.iter().zip(row) {
            let place = format!("cell \"{label}\", \"{column}\"");
            if let Some(cell) = cell {
                check.estimate(&cell.value, &chart.axis, &place)?;
            }
        }
    }
    Ok(())
}

fn lines(check: &Check<'_>, chart: &Lines) -> Result<(), Error> {
    for series in &chart.series {
        let place = format!("series \"{}\"", series.label);
        for (x, y) in &series.points {
            check.on_axis(*x, &chart.x, &format!("{place}, x"))?;
            check.on_axis(*y, &chart.y, &format!("{place}, y"))?;
        }
        let xs: Vec<f64> = series.points.iter().map(|point| point.0).collect();
        check.rises(&xs, &format!("{place}, x"))?;
        for band in &series.bands {
            for (x, low, high) in band {
                check.on_axis(*x, &chart.x, &format!("{place}, band x"))?;
                let middle = Estimate::new(*low, *low, *high);
                check.estimate(&middle, &chart.y, &format!("{place}, band"))?;
            }
            let xs: Vec<f64> = band.iter().map(|point| point.0).collect();
            check.rises(&xs, &format!("{place}, band x"))?;
        }
    }
    check.references(&chart.x_references, &chart.x)?;
    check.references(&chart.y_references, &chart.y)
}

fn scatter(check: &Check<'_>, chart: &Scatter) -> Result<(), Error> {
    for point in &chart.points {
        let place = format!("point \"{}\"", point.label);
        check.estimate(&point.x, &chart.x, &format!("{place}, x"))?;
        check.estimate(&point.y, &chart.y, &format!("{place}, y"))?;
    }
    check.references(&chart.y_references, &chart.y)
}
