//! Two measures against each other, less being better on both: every point named, dominated ones
//! grey, the others joined by the frontier.

use super::axis::Include;
use super::canvas::{At, Canvas, Lettering, TextBox};
use super::frame::{self, MARGIN, WIDTH};
use super::nearby::Room;
use super::plane::{self, Plane};
use super::theme::Paint;
use crate::chart::{Point, Scatter};
use crate::colour::Colour;

const HEIGHT: f64 = 400.0;

pub(super) fn draw(canvas: &mut Canvas, chart: &Scatter) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart.points.is_empty() {
        let bottom = frame::nothing(canvas, top, "No points to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let plane = plane(chart, top);
    plane::draw(
        canvas,
        &plane,
        (&chart.x, &chart.y),
        (&[], &chart.y_references),
    );
    let line = if chart.frontier {
        frontier(chart, &plane)
    } else {
        Vec::new()
    };
    if line.len() > 1 {
        canvas.path(line.clone(), Paint::Guide, 1.5);
    }
    let mut order: Vec<&Point> = chart.points.iter().collect();
    order.sort_by_key(|point| !point.dominated);
    for point in &order {
        draw_point(canvas, point, &plane);
    }
    name_points(canvas, chart, &order, &line, &plane);
    frame::close(canvas, &chart.caption, plane::bottom(&plane))
}

fn plane(chart: &Scatter, top: f64) -> Plane {
    let points = chart.points.iter();
    let xs = points
        .clone()
        .flat_map(|point| [point.x.value, point.x.low, point.x.high])
        .collect();
    let mut ys: Vec<f64> = points
        .flat_map(|point| [point.y.value, point.y.low, point.y.high])
        .collect();
    ys.extend(chart.y_references.iter().map(|reference| reference.value));
    let right = WIDTH - MARGIN - 8.0;
    plane::new(
        (&chart.x, xs),
        (&chart.y, ys),
        (top, HEIGHT),
        right,
        Include::Zero,
    )
}

fn paint(point: &Point) -> Paint {
    Paint::Series(if point.dominated {
        Colour::Grey
    } else {
        point.colour
    })
}

fn place(point: &Point, plane: &Plane) -> At {
    (plane.x.at(point.x.value), plane.y.at(point.y.value))
}

/// Steps from point to point: between two designs, nothing better than the cheaper one is known.
fn frontier(chart: &Scatter, plane: &Plane) -> Vec<At> {
    let mut best: Vec<&Point> = chart
        .points
        .iter()
        .filter(|point| !point.dominated)
        .collect();
    best.sort_by(|a, b| a.x.value.total_cmp(&b.x.value));
    let mut line: Vec<At> = Vec::new();
    for point in best {
        let here = place(point, plane);
        if let Some(before) = line.last().copied() {
            line.push((here.0, before.1));
        }
        line.push(here);
    }
    line
}

fn draw_point(canvas: &mut Canvas, point: &Point, plane: &Plane) {
    let (x, y) = place(point, plane);
    let paint = paint(point);
    if !point.x.is_exact() {
        canvas.line(
            (plane.x.at(point.x.low), y),
            (plane.x.at(point.x.high), y),
            paint,
            1.5,
        );
    }
    if !point.y.is_exact() {
        canvas.line(
            (x, plane.y.at(point.y.low)),
            (x, plane.y.at(point.y.high)),
            paint,
            1.5,
        );
    }
    let radius = if point.dominated { 4.5 } else { 6.5 };
    canvas.disc((x, y), radius, paint);
}

/// With more dominated items than this, their names would hide the picture; the table has them.
const DOMINATED_NAMES_MAX: usize = 12;

/// The names, those of the points that matter first.
fn name_points(canvas: &mut Canvas, chart: &Scatter, order: &[&Point], line: &[At], plane: &Plane) {
    let (left, right) = (plane.left + 3.0, WIDTH - MARGIN);
    let bounds = TextBox {
        left,
        top: plane.top,
        right,
        bottom: plane.floor - 2.0,
    };
    let mut room = Room::new(canvas, bounds);
    room.keep_off_line(line);
    let references = (&[][..], chart.y_references.as_slice());
    for line in plane::reference_places(plane, references) {
        room.keep_off_line(&line);
    }
    for point in order {
        let (x, y) = place(point, plane);
        room.keep_off((x, y), 7.0);
        room.keep_off_line(&[(x, plane.y.at(point.y.high)), (x, plane.y.at(point.y.low))]);
        room.keep_off_line(&[(plane.x.at(point.x.low), y), (plane.x.at(point.x.high), y)]);
    }
    plane::name_references(canvas, plane, (&chart.x, &chart.y), references, &mut room);
    let dominated = order.iter().filter(|point| point.dominated).count();
    let crowded = dominated > DOMINATED_NAMES_MAX;
    for point in order
        .iter()
        .rev()
        .filter(|point| !(crowded && point.dominated))
    {
        let look = match point.dominated {
            true => Lettering {
                size: 12.0,
                bold: false,
                paint: Paint::Muted,
            },
            false => Lettering::BODY.bold(),
        };
        room.name(canvas, &point.label, look, place(point, plane));
    }
}
