//! Shapes to SVG by way of plotters' SVG backend.
//!
//! Plotters places things on whole numbers, so it gets tenths of a pixel; its output is read back
//! line by line to turn tenths into pixels and to give themed colours their class.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform};
use plotters::style::{RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::canvas::Shape;
use super::lettering::{Anchor, At, Lettering};
use super::theme::{self, Paint};

/// Plotters' units per pixel.
const TENTHS: f64 = 10.0;

/// Plotters writes a font's size divided by this.
const PLOTTERS_FONT: f64 = 1.24;

/// The shapes as lines of SVG, without the enclosing element.
pub(super) fn lines(shapes: &[Shape], (width, height): (f64, f64)) -> String {
    let size = (tenths(width) as u32, tenths(height) as u32);
    let mut raw = String::new();
    let mut backend = SVGBackend::with_string(&mut raw, size);
    shapes.iter().for_each(|shape| write(&mut backend, shape));
    backend
        .present()
        .expect("a string can always be written to");
    drop(backend);
    let mut lines = String::with_capacity(raw.len());
    for line in raw
        .lines()
        .filter(|line| !line.starts_with("<svg") && *line != "</svg>")
    {
        in_pixels(line, &mut lines);
    }
    lines
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
