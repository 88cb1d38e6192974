//! Names next to the things they name: the nearest spot that is free, with a thin line to the thing
//! where the spot is not beside it.

use super::canvas::{Anchor, At, Canvas, Lettering, TextBox};
use super::lettering::text_box;
use super::theme::Paint;

/// Where names may stand, and what is there already.
pub(super) struct Room {
    pub bounds: TextBox,
    pub taken: Vec<TextBox>,
}

impl Room {
    /// The bounds, with every text that is on the canvas already.
    pub(super) fn new(canvas: &Canvas, bounds: TextBox) -> Room {
        let taken = canvas
            .text_boxes()
            .into_iter()
            .map(|(_, taken)| taken)
            .collect();
        Room { bounds, taken }
    }

    /// Keeps names off a place, `reach` pixels to each side.
    pub(super) fn keep_off(&mut self, (x, y): At, reach: f64) {
        let (left, right) = (x - reach, x + reach);
        self.taken.push(TextBox {
            left,
            top: y - reach,
            right,
            bottom: y + reach,
        });
    }

    /// Keeps names off a line through these points.
    pub(super) fn keep_off_line(&mut self, points: &[At]) {
        for pair in points.windows(2) {
            let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            let steps = (dx.hypot(dy) / 6.0).ceil().max(1.0);
            for step in 0..=steps as usize {
                let share = step as f64 / steps;
                self.keep_off((pair[0].0 + dx * share, pair[0].1 + dy * share), 2.0);
            }
        }
    }

    /// Writes a text at the first spot that is free, or at the first of all.
    pub(super) fn write_first_free(
        &mut self,
        canvas: &mut Canvas,
        text: &str,
        look: Lettering,
        spots: Vec<(At, Anchor)>,
    ) {
        let free = |(at, anchor): &&(At, Anchor)| self.is_free(text_box(*at, text, *anchor, look));
        if let Some((at, anchor)) = spots.iter().find(free).or(spots.first()) {
            canvas.text(*at, text, *anchor, look);
            self.taken.push(text_box(*at, text, *anchor, look));
        }
    }

    /// Writes a name as close to its thing as there is room.
    pub(super) fn name(&mut self, canvas: &mut Canvas, label: &str, look: Lettering, here: At) {
        if label.is_empty() {
            return;
        }
        let (at, anchor) = self.spot(label, look, here);
        let own = text_box(at, label, anchor, look);
        if (at.1 - here.1).abs() > 20.0 || (at.0 - here.0).abs() > 20.0 {
            let end = match (here.0 < own.left, here.0 > own.right) {
                (true, _) => (own.left - 2.0, at.1),
                (_, true) => (own.right + 2.0, at.1),
                _ if here.1 < own.top => (here.0, own.top),
                _ => (here.0, own.bottom),
            };
            canvas.line(here, end, Paint::Muted, 0.8);
        }
        canvas.text(at, label, anchor, look);
        self.taken.push(own);
    }

    /// The nearest free spot: right, left, above, below, then in wider and wider circles.
    fn spot(&self, label: &str, look: Lettering, (x, y): At) -> (At, Anchor) {
        for ring in 0..60 {
            let away = 7.0 * f64::from(ring);
            let spots = [
                ((x + 11.0, y - away), Anchor::Start),
                ((x + 11.0, y + away), Anchor::Start),
                ((x - 11.0, y - away), Anchor::End),
                ((x - 11.0, y + away), Anchor::End),
                ((x, y - 16.0 - away), Anchor::Middle),
                ((x, y + 16.0 + away), Anchor::Middle),
                ((x + 11.0 + away, y - away), Anchor::Start),
                ((x + 11.0 + away, y + away), Anchor::Start),
                ((x - 11.0 - away, y - away), Anchor::End),
                ((x - 11.0 - away, y + away), Anchor::End),
            ];
            let free =
                |(at, anchor): &(At, Anchor)| self.is_free(text_box(*at, label, *anchor, look));
            if let Some(spot) = spots.into_iter().find(free) {
                return spot;
            }
        }
        // No room at all: better on top of something than left out.
        (
            (x.min(self.bounds.right - look.width(label)), y - 14.0),
            Anchor::Start,
        )
    }

    fn is_free(&self, own: TextBox) -> bool {
        let bounds = &self.bounds;
        own.left >= bounds.left
            && own.right <= bounds.right
            && own.top >= bounds.top
            && own.bottom <= bounds.bottom
            && !self.taken.iter().any(|other| other.overlaps(&own))
    }
}
