//! How text looks, and how much room it takes.

use super::glyph;
use super::theme::Paint;

/// A place in pixels, from the upper left corner.
pub(crate) type At = (f64, f64);

/// To which side of its point a text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The text starts at its point.
    Start,
    /// The text is centred on its point.
    Middle,
    /// The text ends at its point.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lettering {
    pub size: f64,
    pub bold: bool,
    pub paint: Paint,
}

impl Lettering {
    pub(crate) const TITLE: Lettering = Lettering {
        size: 19.0,
        bold: true,
        paint: Paint::Ink,
    };
    pub(crate) const SUBTITLE: Lettering = Lettering {
        size: 13.0,
        bold: false,
        paint: Paint::Muted,
    };
    pub(crate) const HEADING: Lettering = Lettering {
        size: 12.0,
        bold: true,
        paint: Paint::Ink,
    };
    pub(crate) const BODY: Lettering = Lettering {
        size: 12.5,
        bold: false,
        paint: Paint::Ink,
    };
    pub(crate) const SMALL: Lettering = Lettering {
        size: 11.5,
        bold: false,
        paint: Paint::Muted,
    };

    /// The same letters in another paint.
    pub(crate) fn in_paint(self, paint: Paint) -> Lettering {
        Lettering { paint, ..self }
    }

    /// The same letters, bold.
    pub(crate) fn bold(self) -> Lettering {
        Lettering { bold: true, ..self }
    }

    /// The estimated width of a line.
    pub(crate) fn width(self, text: &str) -> f64 {
        glyph::width(text, self.size, self.bold)
    }

    /// The text in lines no wider than `limit`.
    pub(crate) fn wrap(self, text: &str, limit: f64) -> Vec<String> {
        glyph::wrap(text, self.size, self.bold, limit)
    }

    /// From one baseline to the next.
    pub(crate) fn leading(self) -> f64 {
        (self.size * 1.25).round()
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextBox {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl TextBox {
    /// Whether the two share more than an edge.
    pub fn overlaps(&self, other: &TextBox) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// The box that a text takes up, by estimate.
pub(crate) fn text_box(at: At, text: &str, anchor: Anchor, look: Lettering) -> TextBox {
    let width = look.width(text);
    let left = match anchor {
        Anchor::Start => at.0,
        Anchor::Middle => at.0 - width / 2.0,
        Anchor::End => at.0 - width,
    };
    let half = look.size * 0.56;
    TextBox {
        left,
        top: at.1 - half,
        right: left + width,
        bottom: at.1 + half,
    }
}
