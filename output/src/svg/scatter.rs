//! Two measures against each other, less being better on both: every point named, dominated ones
//! grey, the others joined by the frontier.

use super::axis::Include;
use super::canvas::{Anchor, At, Canvas, Lettering, TextBox, text_box};
use super::frame::{self, MARGIN, WIDTH};
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
    if chart.frontier {
        frontier(canvas, chart, &plane);
    }
    let mut order: Vec<&Point> = chart.points.iter().collect();
    order.sort_by_key(|point| !point.dominated);
    for point in &order {
        draw_point(canvas, point, &plane);
    }
    name_points(canvas, &order, &plane);
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
fn frontier(canvas: &mut Canvas, chart: &Scatter, plane: &Plane) {
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
    if line.len() > 1 {
        canvas.path(line, Paint::Guide, 1.5);
    }
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

/// Every name as close to its point as there is room, the points that matter first; one that had
/// to move away gets a thin line to its point.
fn name_points(canvas: &mut Canvas, order: &[&Point], plane: &Plane) {
    let mut taken: Vec<TextBox> = canvas
        .text_boxes()
        .into_iter()
        .map(|(_, taken)| taken)
        .collect();
    for point in order {
        let (x, y) = place(point, plane);
        taken.push(TextBox {
            left: x - 7.0,
            top: y - 7.0,
            right: x + 7.0,
            bottom: y + 7.0,
        });
        let (high, low) = (plane.y.at(point.y.high), plane.y.at(point.y.low));
        taken.push(TextBox {
            left: x - 2.0,
            top: high,
            right: x + 2.0,
            bottom: low,
        });
    }
    for point in order.iter().rev() {
        let look = match point.dominated {
            true => Lettering {
                size: 12.0,
                bold: false,
                paint: Paint::Muted,
            },
            false => Lettering::BODY.bold(),
        };
        let here = place(point, plane);
        let (at, anchor) = spot(&point.label, look, here, plane, &taken);
        let own = text_box(at, &point.label, anchor, look);
        if (at.1 - here.1).abs() > 20.0 || (at.0 - here.0).abs() > 20.0 {
            let edge = if here.0 < own.left {
                own.left - 2.0
            } else {
                own.right + 2.0
            };
            let edge = if here.0 > own.left && here.0 < own.right {
                here.0
            } else {
                edge
            };
            canvas.line(here, (edge, at.1), Paint::Grid, 1.0);
        }
        canvas.text(at, &point.label, anchor, look);
        taken.push(own);
    }
}

/// The free spot nearest to the point: right, left, above, below, then in wider and wider circles.
fn spot(
    label: &str,
    look: Lettering,
    (x, y): At,
    plane: &Plane,
    taken: &[TextBox],
) -> (At, Anchor) {
    for ring in 0..40 {
        let away = 14.0 * f64::from(ring);
        let spots = [
            ((x + 11.0, y - away), Anchor::Start),
            ((x + 11.0, y + away), Anchor::Start),
            ((x - 11.0, y - away), Anchor::End),
            ((x - 11.0, y + away), Anchor::End),
            ((x, y - 16.0 - away), Anchor::Middle),
            ((x, y + 16.0 + away), Anchor::Middle),
            ((x + 11.0 + away, y - away), Anchor::Start),
            ((x + 11.0 + away, y + away), Anchor::Start),
        ];
        let free = spots.into_iter().find(|(at, anchor)| {
            let own = text_box(*at, label, *anchor, look);
            let inside = own.left >= plane.left + 3.0
                && own.right <= WIDTH - MARGIN
                && own.top >= plane.top
                && own.bottom <= plane.floor - 2.0;
            inside && !taken.iter().any(|other| other.overlaps(&own))
        });
        if let Some(free) = free {
            return free;
        }
    }
    // No room at all: better on top of something than left out.
    (
        (x.min(WIDTH - MARGIN - look.width(label)), y - 14.0),
        Anchor::Start,
    )
}
