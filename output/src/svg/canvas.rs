//! The drawing surface: collects shapes in pixels, in the order in which they are drawn.

use super::lettering::text_box;
pub(crate) use super::lettering::{Anchor, At, Lettering, TextBox};
use super::theme::Paint;
use super::writer;

/// Shapes in the order in which they are drawn.
#[derive(Default)]
pub(crate) struct Canvas {
    shapes: Vec<Shape>,
}

impl Canvas {
    /// A filled rectangle.
    pub(crate) fn rect(&mut self, from: At, to: At, paint: Paint) {
        self.shapes.push(Shape::Rect {
            from,
            to,
            paint,
            fill: true,
        });
    }

    /// A rectangle's outline, one pixel wide.
    pub(crate) fn outline(&mut self, from: At, to: At, paint: Paint) {
        self.shapes.push(Shape::Rect {
            from,
            to,
            paint,
            fill: false,
        });
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: At, to: At, paint: Paint, width: f64) {
        self.shapes.push(Shape::Line {
            from,
            to,
            paint,
            width,
        });
    }

    /// A line through all points.
    pub(crate) fn path(&mut self, points: Vec<At>, paint: Paint, width: f64) {
        self.shapes.push(Shape::Path {
            points,
            paint,
            width,
        });
    }

    /// A filled polygon.
    pub(crate) fn polygon(&mut self, points: Vec<At>, paint: Paint, opacity: f64) {
        self.shapes.push(Shape::Polygon {
            points,
            paint,
            opacity,
        });
    }

    /// A filled circle.
    pub(crate) fn disc(&mut self, centre: At, radius: f64, paint: Paint) {
        self.shapes.push(Shape::Disc {
            centre,
            radius,
            paint,
        });
    }

    /// A circle with an empty middle.
    pub(crate) fn ring(&mut self, centre: At, radius: f64, paint: Paint) {
        self.disc(centre, radius, paint);
        self.disc(centre, radius - 2.0, Paint::Surface);
    }

    /// One line of text; `at` is on its vertical middle.
    pub(crate) fn text(&mut self, at: At, text: &str, anchor: Anchor, lettering: Lettering) {
        if !text.is_empty() {
            // XML has no way to write control characters.
            let text = text.replace(char::is_control, " ");
            self.shapes.push(Shape::Text {
                at,
                text,
                anchor,
                lettering,
            });
        }
    }

    /// Several lines of text, as a block that is centred on `at` vertically.
    pub(crate) fn block(&mut self, at: At, lines: &[String], anchor: Anchor, look: Lettering) {
        let first = at.1 - look.leading() * (lines.len() as f64 - 1.0) / 2.0;
        for (index, line) in lines.iter().enumerate() {
            self.text(
                (at.0, first + look.leading() * index as f64),
                line,
                anchor,
                look,
            );
        }
    }

    /// Where every text stands, by estimate, with the text.
    pub(crate) fn text_boxes(&self) -> Vec<(String, TextBox)> {
        let boxes = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text {
                at,
                text,
                anchor,
                lettering,
            } => Some((text.clone(), text_box(*at, text, *anchor, *lettering))),
            Shape::Rect { .. }
            | Shape::Line { .. }
            | Shape::Path { .. }
            | Shape::Polygon { .. }
            | Shape::Disc { .. } => None,
        });
        boxes.collect()
    }

    /// The shapes as lines of SVG, without the enclosing element.
    pub(crate) fn body(&self, width: f64, height: f64) -> String {
        writer::lines(&self.shapes, (width, height))
    }
}

/// What can be drawn, in pixels.
pub(super) enum Shape {
    Rect {
        from: At,
        to: At,
        paint: Paint,
        fill: bool,
    },
    Line {
        from: At,
        to: At,
        paint: Paint,
        width: f64,
    },
    Path {
        points: Vec<At>,
        paint: Paint,
        width: f64,
    },
    Polygon {
        points: Vec<At>,
        paint: Paint,
        opacity: f64,
    },
    Disc {
        centre: At,
        radius: f64,
        paint: Paint,
    },
    Text {
        at: At,
        text: String,
        anchor: Anchor,
        lettering: Lettering,
    },
}
