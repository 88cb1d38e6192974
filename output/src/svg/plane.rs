//! Two axes at right angles: what curves and scatter plots are drawn on.

use super::axis::{self, Include, Ruler};
use super::canvas::{Anchor, At, Canvas, Lettering};
use super::frame::MARGIN;
use super::nearby::Room;
use super::theme::Paint;
use crate::chart::{Axis, Reference, Scale};

/// The drawing area and its axes.
pub(super) struct Plane {
    pub x: Ruler,
    pub y: Ruler,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub floor: f64,
    pub linear_y: bool,
}

/// Axes that show all values; a linear upright axis shows zero as well.
pub(super) fn new(
    (x_axis, xs): (&Axis, Vec<f64>),
    (y_axis, ys): (&Axis, Vec<f64>),
    (top, height): (f64, f64),
    right: f64,
    x_include: Include,
) -> Plane {
    let top = top + Lettering::HEADING.leading() + 10.0;
    let floor = top + height;
    let y = Ruler::new(y_axis, ys, Include::Zero, (floor, top), 6);
    let widest = y
        .ticks
        .iter()
        .map(|(_, label)| Lettering::SMALL.width(label))
        .fold(0.0, f64::max);
    let left = MARGIN + widest + 10.0;
    let x = super::fitted(x_axis, &xs, x_include, (left, right), Lettering::SMALL);
    Plane {
        x,
        y,
        left,
        right,
        top,
        floor,
        linear_y: y_axis.scale == Scale::Linear,
    }
}

/// Grid, tick labels, axis names and reference lines.
pub(super) fn draw(
    canvas: &mut Canvas,
    plane: &Plane,
    (x_axis, y_axis): (&Axis, &Axis),
    (x_references, y_references): (&[Reference], &[Reference]),
) {
    let heading = plane.top - 10.0 - Lettering::HEADING.leading() / 2.0;
    canvas.text(
        (MARGIN, heading),
        &axis::name(y_axis),
        Anchor::Start,
        Lettering::HEADING,
    );
    for (value, label) in &plane.y.ticks {
        let y = plane.y.at(*value);
        canvas.line((plane.left, y), (plane.right, y), Paint::Grid, 1.0);
        canvas.text((plane.left - 8.0, y), label, Anchor::End, Lettering::SMALL);
    }
    for (value, label) in &plane.x.ticks {
        let x = plane.x.at(*value);
        canvas.line((x, plane.floor), (x, plane.floor + 5.0), Paint::Muted, 1.0);
        canvas.text(
            (x, plane.floor + 15.0),
            label,
            Anchor::Middle,
            Lettering::SMALL,
        );
    }
    canvas.line(
        (plane.left, plane.floor),
        (plane.right, plane.floor),
        Paint::Muted,
        1.5,
    );
    let name = ((plane.left + plane.right) / 2.0, plane.floor + 37.0);
    canvas.text(
        name,
        &axis::name(x_axis),
        Anchor::Middle,
        Lettering::HEADING,
    );
    reference_lines(canvas, plane, (x_references, y_references));
}

/// The lower edge of the plane with its labels.
pub(super) fn bottom(plane: &Plane) -> f64 {
    plane.floor + 46.0
}

/// Dashed lines across the plane.
fn reference_lines(canvas: &mut Canvas, plane: &Plane, (xs, ys): (&[Reference], &[Reference])) {
    for line in reference_places(plane, (xs, ys)) {
        canvas.line(line[0], line[1], Paint::Guide, 1.5);
    }
}

/// Where the dashed lines begin and end.
pub(super) fn reference_places(
    plane: &Plane,
    (xs, ys): (&[Reference], &[Reference]),
) -> Vec<[At; 2]> {
    let upright = xs.iter().map(|reference| {
        let x = plane.x.at(reference.value);
        [(x, plane.top), (x, plane.floor)]
    });
    let level = ys.iter().map(|reference| {
        let y = plane.y.at(reference.value);
        [(plane.left, y), (plane.right, y)]
    });
    upright.chain(level).collect()
}

/// Names of the dashed lines, where they hide nothing that is drawn.
pub(super) fn name_references(
    canvas: &mut Canvas,
    plane: &Plane,
    (x_axis, y_axis): (&Axis, &Axis),
    (xs, ys): (&[Reference], &[Reference]),
    room: &mut Room,
) {
    let look = Lettering::SMALL.in_paint(Paint::Ink);
    let words = |reference: &Reference, axis: &Axis| {
        format!(
            "{} ({})",
            reference.label,
            axis.format.number(reference.value)
        )
    };
    let steps = |from: f64, to: f64| {
        (0..)
            .map(move |n| from + 9.0 * f64::from(n))
            .take_while(move |place| *place < to)
    };
    for reference in ys {
        let y = plane.y.at(reference.value);
        let spots = steps(plane.left + 8.0, plane.right)
            .flat_map(|x| [((x, y - 9.0), Anchor::Start), ((x, y + 9.0), Anchor::Start)]);
        room.write_first_free(canvas, &words(reference, y_axis), look, spots.collect());
    }
    for reference in xs {
        let x = plane.x.at(reference.value);
        let spots = steps(plane.top + 8.0, plane.floor)
            .flat_map(|y| [((x + 6.0, y), Anchor::Start), ((x - 6.0, y), Anchor::End)]);
        room.write_first_free(canvas, &words(reference, x_axis), look, spots.collect());
    }
}

/// Moves blocks of these heights, wanted at these middles in rising order, apart so that none
/// overlap, and keeps them between `top` and `bottom` as far as they have room there.
pub(super) fn spread(wanted: &[f64], heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut middles = wanted.to_vec();
    let mut edge = top;
    for (middle, height) in middles.iter_mut().zip(heights) {
        *middle = middle.max(edge + height / 2.0);
        edge = *middle + height / 2.0;
    }
    let mut edge = edge.min(bottom.max(top + heights.iter().sum::<f64>()));
    for (middle, height) in middles.iter_mut().zip(heights).rev() {
        *middle = middle.min(edge - height / 2.0);
        edge = *middle - height / 2.0;
    }
    middles
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn blocks_are_moved_apart_and_stay_inside() {
        let heights = [10.0, 10.0, 20.0];
        let middles = spread(&[98.0, 99.0, 99.0], &heights, 0.0, 100.0);
        assert_eq!(middles, [65.0, 75.0, 90.0]);
        assert_eq!(
            spread(&[10.0, 50.0], &[10.0, 10.0], 0.0, 100.0),
            [10.0, 50.0]
        );
    }
}
