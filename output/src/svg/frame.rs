//! What every picture has round it: title and subtitle above, the footer below, and legends.

use super::canvas::{Anchor, Canvas, Lettering};
use super::theme::Paint;
use crate::chart::Caption;

/// Every picture is this wide; its height follows from what is in it.
pub(crate) const WIDTH: f64 = 960.0;
/// Left and right margin.
pub(crate) const MARGIN: f64 = 24.0;
/// Room inside the margins.
pub(crate) const INNER: f64 = WIDTH - 2.0 * MARGIN;

/// Writes title and subtitle; returns where the picture may begin.
pub(crate) fn open(canvas: &mut Canvas, caption: &Caption) -> f64 {
    let mut top = 18.0;
    for (text, look) in [
        (&caption.title, Lettering::TITLE),
        (&caption.subtitle, Lettering::SUBTITLE),
    ] {
        if !text.is_empty() {
            top = paragraph(canvas, text, look, top) + 4.0;
        }
    }
    top + 12.0
}

/// Writes the footer below `bottom`; returns the height of the picture.
pub(crate) fn close(canvas: &mut Canvas, caption: &Caption, bottom: f64) -> f64 {
    if caption.footer.is_empty() {
        return (bottom + 16.0).ceil();
    }
    let rule = (bottom + 14.0).round() + 0.5;
    canvas.line((MARGIN, rule), (WIDTH - MARGIN, rule), Paint::Grid, 1.0);
    let look = Lettering {
        size: 11.0,
        ..Lettering::SMALL
    };
    (paragraph(canvas, &caption.footer, look, rule + 8.0) + 10.0).ceil()
}

/// Says that there is nothing to draw; returns the lower edge.
pub(crate) fn nothing(canvas: &mut Canvas, top: f64, what: &str) -> f64 {
    canvas.rect((MARGIN, top), (WIDTH - MARGIN, top + 72.0), Paint::Stripe);
    canvas.text(
        (WIDTH / 2.0, top + 36.0),
        what,
        Anchor::Middle,
        Lettering::SUBTITLE,
    );
    top + 72.0
}

fn paragraph(canvas: &mut Canvas, text: &str, look: Lettering, top: f64) -> f64 {
    let mut middle = top + look.leading() / 2.0;
    for line in look.wrap(text, INNER) {
        canvas.text((MARGIN, middle), &line, Anchor::Start, look);
        middle += look.leading();
    }
    middle - look.leading() / 2.0
}

/// What stands before a name in a legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swatch {
    /// A filled square.
    Square,
    /// A filled square with an outline.
    Outlined(Paint),
    /// A dot.
    Dot,
    /// A dot with an empty middle.
    Ring,
    /// A small upright bar.
    Bar,
    /// A dashed line.
    Dashes,
}

/// Writes names behind their swatches, in as many lines as they need; returns the lower edge.
pub(crate) fn legend(
    canvas: &mut Canvas,
    (left, top): (f64, f64),
    room: f64,
    entries: &[(Swatch, Paint, String)],
) -> f64 {
    let look = Lettering::SMALL.in_paint(Paint::Ink);
    let line_height = 19.0;
    let (mut x, mut y) = (left, top + line_height / 2.0);
    for (kind, paint, name) in entries {
        let lines = look.wrap(name, room - 20.0);
        let width = lines
            .iter()
            .map(|line| look.width(line))
            .fold(0.0, f64::max);
        if x > left && x + 20.0 + width > left + room {
            x = left;
            y += line_height;
        }
        swatch(canvas, (x, y), *kind, *paint);
        for (index, line) in lines.iter().enumerate() {
            y += if index == 0 { 0.0 } else { look.leading() };
            canvas.text((x + 19.0, y), line, Anchor::Start, look);
        }
        x += 20.0 + width + 20.0;
    }
    if entries.is_empty() {
        top
    } else {
        y + line_height / 2.0
    }
}

fn swatch(canvas: &mut Canvas, (x, y): (f64, f64), kind: Swatch, paint: Paint) {
    match kind {
        Swatch::Square => canvas.rect((x, y - 6.0), (x + 12.0, y + 6.0), paint),
        Swatch::Outlined(outline) => {
            canvas.rect((x, y - 6.0), (x + 12.0, y + 6.0), paint);
            canvas.outline((x + 0.5, y - 5.5), (x + 11.5, y + 5.5), outline);
        }
        Swatch::Dot => canvas.disc((x + 6.0, y), 5.0, paint),
        Swatch::Ring => canvas.ring((x + 6.0, y), 5.0, paint),
        Swatch::Bar => canvas.rect((x + 4.5, y - 7.0), (x + 7.5, y + 7.0), paint),
        Swatch::Dashes => canvas.line((x - 2.0, y), (x + 14.0, y), paint, 1.5),
    }
}
