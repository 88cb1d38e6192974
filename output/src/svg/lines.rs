//! Curves, steps and areas with bands, each named at its right end.

use super::axis::Include;
use super::canvas::{Anchor, At, Canvas, Lettering};
use super::frame::{self, MARGIN, WIDTH};
use super::plane::{self, Plane};
use super::theme::Paint;
use crate::chart::{Lines, Series, Shape};

const LABELS_MOST: f64 = 190.0;
const HEIGHT: f64 = 340.0;
/// The opacity of each band; bands within bands add up.
const BAND: f64 = 0.2;

pub(super) fn draw(canvas: &mut Canvas, chart: &Lines) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart
        .series
        .iter()
        .all(|series| series.points.is_empty() && series.bands.is_empty())
    {
        let bottom = frame::nothing(canvas, top, "No curves to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let widths = chart
        .series
        .iter()
        .map(|series| Lettering::BODY.bold().width(&series.label));
    let right = WIDTH - MARGIN - widths.fold(0.0, f64::max).min(LABELS_MOST) - 26.0;
    let plane = plane(chart, top, right);
    plane::draw(
        canvas,
        &plane,
        (&chart.x, &chart.y),
        (&chart.x_references, &chart.y_references),
    );
    for series in &chart.series {
        for band in &series.bands {
            canvas.polygon(
                band_outline(series.shape, band, &plane),
                series_paint(series),
                BAND,
            );
        }
    }
    for series in &chart.series {
        curve(canvas, series, &plane);
    }
    name_series(canvas, chart, &plane, right);
    frame::close(canvas, &chart.caption, plane::bottom(&plane))
}

fn series_paint(series: &Series) -> Paint {
    Paint::Series(series.colour)
}

fn plane(chart: &Lines, top: f64, right: f64) -> Plane {
    let points = chart.series.iter().flat_map(|series| &series.points);
    let bands = chart
        .series
        .iter()
        .flat_map(|series| series.bands.iter().flatten());
    let mut xs: Vec<f64> = points.clone().map(|point| point.0).collect();
    let mut ys: Vec<f64> = points.map(|point| point.1).collect();
    for (x, low, high) in bands {
        xs.push(*x);
        ys.extend([*low, *high]);
    }
    xs.extend(chart.x_references.iter().map(|reference| reference.value));
    ys.extend(chart.y_references.iter().map(|reference| reference.value));
    plane::new(
        (&chart.x, xs),
        (&chart.y, ys),
        (top, HEIGHT),
        right,
        Include::Values,
    )
}

fn curve(canvas: &mut Canvas, series: &Series, plane: &Plane) {
    let at = |point: &(f64, f64)| (plane.x.at(point.0), plane.y.at(point.1));
    let places: Vec<At> = series.points.iter().map(at).collect();
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return;
    };
    if places.len() == 1 {
        canvas.disc(*first, 4.0, series_paint(series));
        return;
    }
    let line = match series.shape {
        Shape::Straight => places.clone(),
        Shape::Step | Shape::Area => stepped(&places),
    };
    if series.shape == Shape::Area {
        let floor = plane.y.at(if plane.linear_y { 0.0 } else { plane.y.low() });
        let mut area = vec![(first.0, floor)];
        area.extend(&line);
        area.push((last.0, floor));
        canvas.polygon(area, series_paint(series), 0.35);
    }
    canvas.path(line, series_paint(series), 2.25);
}

/// Level until the next point.
fn stepped(places: &[At]) -> Vec<At> {
    let mut line = Vec::with_capacity(places.len() * 2);
    for (index, place) in places.iter().enumerate() {
        if index > 0 {
            line.push((place.0, places[index - 1].1));
        }
        line.push(*place);
    }
    line
}

fn band_outline(shape: Shape, band: &[(f64, f64, f64)], plane: &Plane) -> Vec<At> {
    let edge = |pick: fn(&(f64, f64, f64)) -> f64| {
        let places: Vec<At> = band
            .iter()
            .map(|point| (plane.x.at(point.0), plane.y.at(pick(point))))
            .collect();
        match shape {
            Shape::Straight => places,
            Shape::Step | Shape::Area => stepped(&places),
        }
    };
    let mut outline = edge(|point| point.2);
    outline.extend(edge(|point| point.1).into_iter().rev());
    outline
}

/// A name at the right of the plane, in its curve's order, moved apart where curves end close
/// together, with a thin line to the end of its curve.
fn name_series(canvas: &mut Canvas, chart: &Lines, plane: &Plane, right: f64) {
    let look = Lettering::BODY.bold();
    let mut names: Vec<(At, f64, Vec<String>, Paint)> = Vec::new();
    for series in &chart.series {
        let band_end = series.bands.first().and_then(|band| band.last());
        let end = series.points.last().copied();
        let end = end.or(band_end.map(|(x, low, high)| (*x, (low + high) / 2.0)));
        if let Some(end) = end.filter(|_| !series.label.is_empty()) {
            let place = (plane.x.at(end.0), plane.y.at(end.1));
            let lines = look.wrap(&series.label, WIDTH - MARGIN - right - 24.0);
            names.push((place, place.1, lines, series_paint(series)));
        }
    }
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    let heights: Vec<f64> = names
        .iter()
        .map(|name| name.2.len() as f64 * look.leading() + 2.0)
        .collect();
    let wanted: Vec<f64> = names.iter().map(|name| name.1).collect();
    let (top, bottom) = (plane.top - 8.0, plane.floor + 8.0);
    let middles = plane::spread(&wanted, &heights, top, bottom);
    for ((end, _, lines, paint), middle) in names.iter().zip(middles) {
        canvas.line((end.0 + 3.0, end.1), (right + 14.0, middle), *paint, 1.0);
        canvas.rect(
            (right + 14.0, middle - 1.5),
            (right + 22.0, middle + 1.5),
            *paint,
        );
        canvas.block((right + 26.0, middle), lines, Anchor::Start, look);
    }
}
