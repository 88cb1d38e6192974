//! Charts as SVG: one file per kind under `svg/`, each of which fills a canvas from top to bottom
//! and returns the height that it needed.
//!
//! A picture stands alone: it paints its own paper, carries its alternative text, and follows the
//! reader's choice of light or dark. Text is laid out with estimated widths, so no font is needed.

mod alt;
mod axis;
mod bars;
mod canvas;
mod dot_interval;
mod frame;
mod glyph;
mod heat_map;
mod lettering;
mod lines;
mod nearby;
mod plane;
mod scatter;
mod theme;
mod timeline;
mod timeline_labels;
mod writer;

pub use lettering::TextBox;

use self::axis::{Include, Ruler};
use self::canvas::{Canvas, Lettering};
use self::theme::Paint;
use crate::chart::{Axis, Chart};
use crate::error::Error;
use crate::escape::escaped;

impl Chart {
    /// The picture as a standalone SVG that suits light and dark paper.
    pub fn to_svg(&self) -> Result<String, Error> {
        draw(self)
    }
}

/// The chart as a standalone file.
fn draw(chart: &Chart) -> Result<String, Error> {
    let (canvas, height) = fill(chart)?;
    let style = format!("<style>{}</style>\n", theme::style());
    Ok(document(chart, &canvas, height, &style))
}

/// The chart without the style rules of [`style`], to be put into a page that has them once.
pub(crate) fn inline(chart: &Chart) -> Result<String, Error> {
    let (canvas, height) = fill(chart)?;
    Ok(document(chart, &canvas, height, ""))
}

/// The rules that make a picture dark on dark screens.
pub(crate) fn style() -> String {
    theme::style()
}

/// The chart's alternative text.
pub(crate) fn describe(chart: &Chart) -> String {
    alt::describe(chart)
}

/// Every text of the picture with the box that it takes up, by estimate, and the picture's own
/// box. For tests: no two boxes may overlap, and all must lie inside.
pub fn text_boxes(chart: &Chart) -> Result<(Vec<(String, TextBox)>, TextBox), Error> {
    let (canvas, height) = fill(chart)?;
    let page = TextBox {
        left: 0.0,
        top: 0.0,
        right: frame::WIDTH,
        bottom: height,
    };
    Ok((canvas.text_boxes(), page))
}

fn fill(chart: &Chart) -> Result<(Canvas, f64), Error> {
    crate::check::chart(chart)?;
    let mut canvas = Canvas::default();
    let height = match chart {
        Chart::DotInterval(chart) => dot_interval::draw(&mut canvas, chart),
        Chart::StackedBars(chart) => bars::draw(&mut canvas, chart, true),
        Chart::GroupedBars(chart) => bars::draw(&mut canvas, chart, false),
        Chart::Timeline(chart) => timeline::draw(&mut canvas, chart),
        Chart::HeatMap(chart) => heat_map::draw(&mut canvas, chart),
        Chart::Lines(chart) => lines::draw(&mut canvas, chart),
        Chart::Scatter(chart) => scatter::draw(&mut canvas, chart),
    };
    Ok((canvas, height))
}

fn document(chart: &Chart, canvas: &Canvas, height: f64, style: &str) -> String {
    let mut paper = Canvas::default();
    paper.rect((0.0, 0.0), (frame::WIDTH, height), Paint::Surface);
    let (width, fonts) = (frame::WIDTH, glyph::FONTS);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"{fonts}\" \
         stroke-linejoin=\"round\">\n<title>{title}</title>\n<desc>{alt}</desc>\n\
         {style}{paper}{body}</svg>\n",
        title = escaped(&chart.caption().title),
        alt = escaped(&describe(chart)),
        paper = paper.body(width, height),
        body = canvas.body(width, height),
    )
}

/// A ruler with as many ticks as their labels leave room for.
fn fitted(
    axis: &Axis,
    values: &[f64],
    include: Include,
    stretch: (f64, f64),
    look: Lettering,
) -> Ruler {
    let make = |count| Ruler::new(axis, values.iter().copied(), include, stretch, count);
    let fits = |ruler: &Ruler| {
        ruler.ticks.windows(2).all(|pair| {
            let room = ruler.at(pair[1].0) - ruler.at(pair[0].0);
            (look.width(&pair[0].1) + look.width(&pair[1].1)) / 2.0 + 8.0 <= room
        })
    };
    let mut ruler = (1..=8)
        .rev()
        .map(make)
        .find(fits)
        .unwrap_or_else(|| make(1));
    while !fits(&ruler) && ruler.ticks.len() > 1 {
        ruler.ticks.remove(1);
    }
    ruler
}
