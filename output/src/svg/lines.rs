//! Curves, steps and areas with bands, each named at its right end; more than a few of them, whose
//! ends may lie on each other, in a legend above.

use super::axis::Include;
use super::canvas::{Anchor, At, Canvas, Lettering, TextBox};
use super::frame::{self, INNER, MARGIN, Swatch, WIDTH};
use super::nearby::Room;
use super::plane::{self, Plane};
use super::theme::Paint;
use crate::chart::{Lines, Series, Shape};

const LABELS_MOST: f64 = 190.0;
/// A curve that ends this close to the right edge is named in the margin.
const EDGE: f64 = 28.0;
const HEIGHT: f64 = 340.0;
/// More curves than this are named in a legend.
const NAMED_AT_ENDS_MAX: usize = 4;
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
    let top = legend(canvas, chart, top);
    let right = WIDTH - MARGIN - margin_width(chart);
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
    name_series(canvas, chart, &plane);
    frame::close(canvas, &chart.caption, plane::bottom(&plane))
}

fn has_legend(chart: &Lines) -> bool {
    chart.series.len() > NAMED_AT_ENDS_MAX
}

fn legend(canvas: &mut Canvas, chart: &Lines, top: f64) -> f64 {
    if !has_legend(chart) {
        return top;
    }
    let entry = |series: &Series| (Swatch::Square, series_paint(series), series.label.clone());
    let entries: Vec<(Swatch, Paint, String)> = chart.series.iter().map(entry).collect();
    frame::legend(canvas, (MARGIN, top - 6.0), INNER, &entries) + 10.0
}

/// Room for the names of the curves that run to the right edge, or nearly.
fn margin_width(chart: &Lines) -> f64 {
    if has_legend(chart) {
        return 0.0;
    }
    let last = |series: &Series| series.points.last().map_or(f64::INFINITY, |point| point.0);
    let points = chart.series.iter().flat_map(|series| &series.points);
    let rightmost = points
        .map(|point| point.0)
        .fold(f64::NEG_INFINITY, f64::max);
    let near = chart
        .series
        .iter()
        .filter(|series| last(series) >= rightmost * 0.9);
    let widths = near.map(|series| Lettering::BODY.bold().width(&series.label));
    widths.fold(0.0, f64::max).min(LABELS_MOST) + 27.0
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
        Include::Exactly,
    )
}

fn curve(canvas: &mut Canvas, series: &Series, plane: &Plane) {
    let places = places(series, plane);
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return;
    };
    if places.len() == 1 {
        canvas.disc(*first, 4.0, series_paint(series));
        return;
    }
    let line = outline(series, plane);
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

/// The end of a series and what is written there.
struct Name {
    end: At,
    text: String,
    paint: Paint,
}

/// Names at the curves' ends: in the margin, moved apart, where a curve runs to the right edge;
/// beside its end where it stops before.
fn name_series(canvas: &mut Canvas, chart: &Lines, plane: &Plane) {
    let at_ends = chart.series.iter().filter(|_| !has_legend(chart));
    let names = at_ends.filter_map(|series| name(series, plane));
    let (margin, inside): (Vec<Name>, Vec<Name>) =
        names.partition(|name| name.end.0 > plane.right - EDGE);
    name_in_margin(canvas, margin, plane);
    let (left, right) = (plane.left + 4.0, WIDTH - MARGIN);
    let bounds = TextBox {
        left,
        top: plane.top,
        right,
        bottom: plane.floor - 3.0,
    };
    let mut room = Room::new(canvas, bounds);
    for series in &chart.series {
        room.keep_off_line(&outline(series, plane));
    }
    let references = (chart.x_references.as_slice(), chart.y_references.as_slice());
    for line in plane::reference_places(plane, references) {
        room.keep_off_line(&line);
    }
    for name in &inside {
        room.keep_off(name.end, 4.0);
    }
    plane::name_references(canvas, plane, (&chart.x, &chart.y), references, &mut room);
    for name in inside {
        canvas.disc(name.end, 4.0, name.paint);
        room.name(canvas, &name.text, Lettering::BODY.bold(), name.end);
    }
}

fn name(series: &Series, plane: &Plane) -> Option<Name> {
    let band_end = series.bands.first().and_then(|band| band.last());
    let end = series.points.last().copied();
    let end = end.or(band_end.map(|(x, low, high)| (*x, (low + high) / 2.0)))?;
    let end = (plane.x.at(end.0), plane.y.at(end.1));
    Some(Name {
        end,
        text: series.label.clone(),
        paint: series_paint(series),
    })
}

fn name_in_margin(canvas: &mut Canvas, mut names: Vec<Name>, plane: &Plane) {
    names.retain(|name| !name.text.is_empty());
    let look = Lettering::BODY.bold();
    names.sort_by(|a, b| a.end.1.total_cmp(&b.end.1));
    let limit = WIDTH - MARGIN - plane.right - 26.0;
    let lines: Vec<Vec<String>> = names
        .iter()
        .map(|name| look.wrap(&name.text, limit))
        .collect();
    let heights: Vec<f64> = lines
        .iter()
        .map(|lines| lines.len() as f64 * look.leading() + 2.0)
        .collect();
    let wanted: Vec<f64> = names.iter().map(|name| name.end.1).collect();
    let middles = plane::spread(&wanted, &heights, plane.top - 8.0, plane.floor + 8.0);
    let from = plane.right;
    for ((name, lines), middle) in names.iter().zip(&lines).zip(middles) {
        canvas.line(
            (name.end.0 + 3.0, name.end.1),
            (from + 14.0, middle),
            name.paint,
            1.0,
        );
        canvas.rect(
            (from + 14.0, middle - 1.5),
            (from + 22.0, middle + 1.5),
            name.paint,
        );
        canvas.block((from + 26.0, middle), lines, Anchor::Start, look);
    }
}

/// The curve as it is drawn.
fn outline(series: &Series, plane: &Plane) -> Vec<At> {
    let places = places(series, plane);
    match series.shape {
        Shape::Straight => places,
        Shape::Step | Shape::Area => stepped(&places),
    }
}

fn places(series: &Series, plane: &Plane) -> Vec<At> {
    series
        .points
        .iter()
        .map(|point| (plane.x.at(point.0), plane.y.at(point.1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::chart::{Axis, Caption, Chart, Lines, Series, Shape};
    use crate::{Colour, Format};

    /// Curves that all end on the same place.
    fn falling(count: usize) -> String {
        let series = (0..count).map(|number| Series {
            label: format!("curve {number}"),
            colour: Colour::nth(number),
            shape: Shape::Step,
            points: vec![(1.0, 1.0), (50.0 + number as f64, 0.5), (100.0, 0.0)],
            bands: Vec::new(),
        });
        let chart = Lines {
            caption: Caption::new("", "", ""),
            x: Axis::linear("lost", Format::Count),
            y: Axis::linear("share", Format::Percent(0)),
            series: series.collect(),
            x_references: Vec::new(),
            y_references: Vec::new(),
        };
        Chart::Lines(chart).to_svg().expect("it can be drawn")
    }

    #[test]
    fn many_curves_are_named_in_a_legend_and_few_at_their_ends() {
        let before_axis = |svg: &str| {
            let axis = svg.find(">share<").expect("the axis is named");
            svg[..axis].matches(">curve ").count()
        };
        assert_eq!(before_axis(&falling(7)), 7);
        assert_eq!(before_axis(&falling(4)), 0);
    }
}
