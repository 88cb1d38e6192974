//! The drawing surface: collects shapes in pixels, then has plotters' SVG backend write them.
//!
//! Plotters places things on whole numbers, so it gets tenths of a pixel; its output is read back
//! line by line to turn tenths into pixels and to give themed colours their class.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform};
use plotters::style::{RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::glyph;
use super::theme::{self, Paint};

/// Plotters' units per pixel.
const TENTHS: f64 = 10.0;

/// Plotters writes a font's size divided by this.
const PLOTTERS_FONT: f64 = 1.24;

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

/// A place in pixels, from the upper left corner.
pub(crate) type At = (f64, f64);

enum Shape {
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
        let mut raw = String::new();
        let mut backend =
            SVGBackend::with_string(&mut raw, (tenths(width) as u32, tenths(height) as u32));
        for shape in &self.shapes {
            write(&mut backend, shape);
        }
        backend
            .present()
            .expect("a string can always be written to");
        drop(backend);
        let lines = raw
            .lines()
            .filter(|line| !line.starts_with("<svg") && *line != "</svg>");
        let mut body = String::with_capacity(raw.len());
        for line in lines {
            in_pixels(line, &mut body);
        }
        body
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

fn tenths(pixels: f64) -> i32 {
    (pixels * TENTHS).round() as i32
}

fn place((x, y): At) -> (i32, i32) {
    (tenths(x), tenths(y))
}

fn style(paint: Paint, opacity: f64, width: f64) -> ShapeStyle {
    let (red, green, blue) = paint.light();
    let color: RGBAColor = RGBColor(red, green, blue).mix(opacity);
    ShapeStyle {
        color,
        filled: true,
        stroke_width: tenths(width) as u32,
    }
}

fn write(backend: &mut SVGBackend<'_>, shape: &Shape) {
    let written = match shape {
        Shape::Rect {
            from,
            to,
            paint,
            fill,
        } => backend.draw_rect(place(*from), place(*to), &style(*paint, 1.0, 1.0), *fill),
        Shape::Line {
            from,
            to,
            paint,
            width,
        } => backend.draw_line(place(*from), place(*to), &style(*paint, 1.0, *width)),
        Shape::Path {
            points,
            paint,
            width,
        } => backend.draw_path(
            points.iter().copied().map(place),
            &style(*paint, 1.0, *width),
        ),
        Shape::Polygon {
            points,
            paint,
            opacity,
        } => backend.fill_polygon(
            points.iter().copied().map(place),
            &style(*paint, *opacity, 1.0),
        ),
        Shape::Disc {
            centre,
            radius,
            paint,
        } => backend.draw_circle(
            place(*centre),
            tenths(*radius) as u32,
            &style(*paint, 1.0, 0.0),
            true,
        ),
        Shape::Text {
            at,
            text,
            anchor,
            lettering,
        } => backend.draw_text(text, &text_style(*anchor, *lettering), place(*at)),
    };
    written.expect("a string can always be written to");
}

fn text_style(anchor: Anchor, lettering: Lettering) -> TextStyle<'static> {
    let (red, green, blue) = lettering.paint.light();
    let weight = if lettering.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let size = lettering.size * TENTHS * PLOTTERS_FONT;
    let font = FontDesc::new(FontFamily::SansSerif, size, weight).transform(FontTransform::None);
    let side = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let mut style = TextStyle::from(font).pos(Pos::new(side, VPos::Center));
    style.color = RGBColor(red, green, blue).to_backend_color();
    style
}

/// One line of plotters' output with pixels for tenths, classes for themed colours, and without
/// attributes that say nothing. Text is escaped, so only elements start with `<`.
fn in_pixels(line: &str, out: &mut String) {
    let Some(element) = line.strip_prefix('<').filter(|rest| !rest.starts_with('/')) else {
        out.push_str(line);
        if line.starts_with('<') {
            out.push('\n');
        }
        return;
    };
    let (name, mut rest) = element.split_once(' ').unwrap_or((element, ""));
    out.push('<');
    out.push_str(name);
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, tail) = after.split_once('"').expect("plotters closes its quotes");
        attribute(key.trim_start(), value, out);
        rest = tail;
    }
    out.push_str(rest.trim());
    if rest.ends_with("/>") {
        out.push('\n');
    }
}

fn attribute(key: &str, value: &str, out: &mut String) {
    let written = match key {
        "font-family" => return,
        "opacity" if value == "1" => return,
        "text-anchor" if value == "start" => return,
        "fill" | "stroke" if value == "none" && key == "stroke" => return,
        "fill" | "stroke" => themed(key, value),
        "x" | "y" | "x1" | "y1" | "x2" | "y2" | "cx" | "cy" | "r" | "width" | "height"
        | "stroke-width" | "font-size" => format!(" {key}=\"{}\"", pixels(value)),
        "points" => {
            let pairs = value
                .split_whitespace()
                .map(|pair| match pair.split_once(',') {
                    Some((x, y)) => format!("{},{}", pixels(x), pixels(y)),
                    None => pair.to_string(),
                });
            format!(" points=\"{}\"", pairs.collect::<Vec<_>>().join(" "))
        }
        _ => format!(" {key}=\"{value}\""),
    };
    if written != " stroke-width=\"0\"" {
        out.push_str(&written);
    }
}

fn themed(key: &str, value: &str) -> String {
    let plain = format!(" {key}=\"{value}\"");
    match theme::class_of(value) {
        Some(class) if key == "stroke" && theme::is_dashed(class) => {
            format!("{plain} stroke-dasharray=\"5 4\" class=\"s{class}\"")
        }
        Some(class) => format!("{plain} class=\"{}{class}\"", &key[..1]),
        None => plain,
    }
}

fn pixels(tenths: &str) -> String {
    let number: f64 = tenths.parse().expect("plotters writes numbers");
    format!("{}", (number * 10.0).round() / 100.0)
}
