//! Labels above a track's bar: in as many lanes as it takes for no two to overlap and for no
//! leader to run through another label.

use super::canvas::{Anchor, Canvas, Lettering};
use super::theme::Paint;

const LANE: f64 = 16.0;
const LOOK: Lettering = Lettering {
    size: 11.5,
    bold: false,
    paint: Paint::Ink,
};
/// Longer labels wrap.
const WIDEST: f64 = 300.0;
/// Between a leader and its label, and between neighbours.
const GAP: f64 = 5.0;

/// What is to be written, and over which place.
pub(super) struct Label {
    pub x: f64,
    pub text: String,
}

/// A label with its place: `lane` counts up from the bar.
pub(super) struct Placed {
    x: f64,
    lines: Vec<String>,
    left: f64,
    right: f64,
    lane: usize,
}

/// Places labels from the right to the left, each as low as it can be.
pub(super) fn place(mut wanted: Vec<Label>, stretch: (f64, f64)) -> Vec<Placed> {
    wanted.sort_by(|a, b| b.x.total_cmp(&a.x));
    let mut placed: Vec<Placed> = Vec::new();
    for label in wanted {
        let own = free(&label, stretch, &placed);
        placed.push(own);
    }
    placed
}

fn free(label: &Label, stretch: (f64, f64), placed: &[Placed]) -> Placed {
    let lines = LOOK.wrap(&label.text, WIDEST.min(stretch.1 - stretch.0));
    let width = lines
        .iter()
        .map(|line| LOOK.width(line))
        .fold(0.0, f64::max);
    let right_of = (label.x + GAP, label.x + GAP + width);
    let left_of = (label.x - GAP - width, label.x - GAP);
    let inside = |(left, right): &(f64, f64)| *left >= stretch.0 && *right <= stretch.1;
    let mut sides: Vec<(f64, f64)> = [right_of, left_of].into_iter().filter(inside).collect();
    sides.push((stretch.1 - width, stretch.1));
    let above = |other: &Placed| other.lane + other.lines.len();
    let most = placed.iter().map(above).max().unwrap_or(0);
    // Should every place cross some leader, the paper behind the letters hides the crossing.
    for tidy in [apart, beside] {
        for (left, right) in &sides {
            for lane in 0..=most {
                let lines = lines.clone();
                let own = Placed {
                    x: label.x,
                    lines,
                    left: *left,
                    right: *right,
                    lane,
                };
                if placed.iter().all(|other| tidy(&own, other)) {
                    return own;
                }
            }
        }
    }
    unreachable!("the lane above all others is free");
}

/// Neither overlaps the other, nor does a leader cross the other's text.
fn apart(one: &Placed, other: &Placed) -> bool {
    let crosses = |leader: &Placed, text: &Placed| {
        leader.lane > text.lane && leader.x >= text.left - 2.0 && leader.x <= text.right + 2.0
    };
    beside(one, other) && !crosses(one, other) && !crosses(other, one)
}

/// Neither overlaps the other.
fn beside(one: &Placed, other: &Placed) -> bool {
    one.right + GAP <= other.left
        || other.right + GAP <= one.left
        || one.lane >= other.lane + other.lines.len()
        || other.lane >= one.lane + one.lines.len()
}

/// How much room the labels take above the bar.
pub(super) fn height(placed: &[Placed]) -> f64 {
    let lanes = placed
        .iter()
        .map(|label| label.lane + label.lines.len())
        .max()
        .unwrap_or(0);
    lanes as f64 * LANE
}

/// Writes the labels above a bar that begins at `bar_top`.
pub(super) fn draw(canvas: &mut Canvas, placed: &[Placed], bar_top: f64) {
    for label in placed {
        let top = bar_top - LANE * (label.lane as f64 + 0.5) - 1.0;
        canvas.line((label.x, top - 5.0), (label.x, bar_top), Paint::Muted, 1.0);
    }
    for label in placed {
        let lowest = bar_top - LANE * (label.lane as f64 + 0.5) - 1.0;
        for (index, line) in label.lines.iter().rev().enumerate() {
            let y = lowest - LANE * index as f64;
            // Paper behind the letters keeps grid lines out of them.
            canvas.rect(
                (label.left - 1.0, y - 6.5),
                (label.right + 1.0, y + 6.5),
                Paint::Surface,
            );
            canvas.text((label.left, y), line, Anchor::Start, LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowded_labels_go_to_lanes_of_their_own() {
        let label = |x: f64| Label {
            x,
            text: "promotion failed".to_string(),
        };
        let crowded: Vec<Label> = (0..12)
            .map(|index| label(400.0 + 6.0 * f64::from(index)))
            .collect();
        let placed = place(crowded, (200.0, 700.0));
        for (index, one) in placed.iter().enumerate() {
            assert!(one.left >= 200.0 && one.right <= 700.0);
            assert!(placed[..index].iter().all(|other| apart(one, other)));
        }
    }
}
