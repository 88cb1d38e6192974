//! Charts as pure data: what is shown, not how it is drawn.
//!
//! | chart | question it answers |
//! | --- | --- |
//! | [`DotInterval`] | which is better, by how much, and how sure is that |
//! | [`Bars`] (stacked, grouped) | what is a total made of |
//! | [`Timeline`] | what happened, and who knew it when |
//! | [`HeatMap`] | where is the cliff |
//! | [`Lines`] | how likely is it to be worse than x; when is the limit reached |
//! | [`Scatter`] | what does it cost to be better |
//!
//! Values may be left out (`None`) and are then said to be missing. A value that is not finite is
//! refused. The title says the finding or the question; numbers carry their [`Format`].

use serde::Serialize;

use crate::colour::{Colour, Tone};
use crate::format::{Estimate, Format};

/// One picture.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Chart {
    /// One row per item: an estimate, and its paired difference to a baseline.
    DotInterval(DotInterval),
    /// One bar per row, made of segments laid end to end.
    StackedBars(Bars),
    /// One bar per row and segment, side by side.
    GroupedBars(Bars),
    /// States over time, one track per observer.
    Timeline(Timeline),
    /// A value for each pair of two inputs.
    HeatMap(HeatMap),
    /// Curves or steps, with bands.
    Lines(Lines),
    /// Two estimates per item against each other.
    Scatter(Scatter),
}

impl Chart {
    /// The words around the picture.
    pub fn caption(&self) -> &Caption {
        match self {
            Chart::DotInterval(chart) => &chart.caption,
            Chart::StackedBars(chart) | Chart::GroupedBars(chart) => &chart.caption,
            Chart::Timeline(chart) => &chart.caption,
            Chart::HeatMap(chart) => &chart.caption,
            Chart::Lines(chart) => &chart.caption,
            Chart::Scatter(chart) => &chart.caption,
        }
    }
}

/// The words around a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caption {
    /// The finding, or the question: one sentence.
    pub title: String,
    /// What is shown: population, measure, interval.
    pub subtitle: String,
    /// n, seed, version, scenario hash: see [`crate::Footer::line`].
    pub footer: String,
}

impl Caption {
    /// The three texts in reading order.
    pub fn new(
        title: impl Into<String>,
        subtitle: impl Into<String>,
        footer: impl Into<String>,
    ) -> Caption {
        Caption {
            title: title.into(),
            subtitle: subtitle.into(),
            footer: footer.into(),
        }
    }
}

/// How a value becomes a place on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal steps are equal distances.
    Linear,
    /// Equal ratios are equal distances; the axis says so. Values must be above zero.
    Log,
}

/// What is measured along a direction of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// The measure, for instance `lost visits per trial`.
    pub name: String,
    /// How its values are written.
    pub format: Format,
    /// How its values are placed.
    pub scale: Scale,
}

impl Axis {
    /// A linear axis.
    pub fn linear(name: impl Into<String>, format: Format) -> Axis {
        Axis {
            name: name.into(),
            format,
            scale: Scale::Linear,
        }
    }

    /// A logarithmic axis.
    pub fn log(name: impl Into<String>, format: Format) -> Axis {
        Axis {
            name: name.into(),
            format,
            scale: Scale::Log,
        }
    }
}

/// A value worth a line across the picture, such as an objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// Where it stands, in the axis' unit.
    pub value: f64,
    /// What it is.
    pub label: String,
}

/// In which order rows are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As they are given.
    Given,
    /// Smallest value first; rows without a value last.
    ByValue,
    /// Smallest difference first; rows without a difference keep their order behind those with one.
    ByDifference,
}

/// One row per item: the estimate on the left, the paired difference to a baseline on the right.
#[derive(Clone, Debug, Serialize)]
pub struct DotInterval {
    /// The words around it.
    pub caption: Caption,
    /// What the left panel shows.
    pub value: Axis,
    /// What the right panel shows, with a bold line at zero; `None` leaves the panel out.
    pub difference: Option<Axis>,
    /// An objective across the left panel.
    pub reference: Option<Reference>,
    /// What the rows' colours mean; empty where every item has its own.
    pub groups: Vec<Segment>,
    /// What the rows' markers are; empty where no row has one.
    pub marker_name: String,
    /// In which order the rows are drawn.
    pub order: Order,
    /// The items, up to about 45.
    pub rows: Vec<DotRow>,
}

/// One item of a [`DotInterval`].
#[derive(Clone, Debug, Serialize)]
pub struct DotRow {
    /// The item.
    pub label: String,
    /// Its colour, in this chart and every other.
    pub colour: Colour,
    /// Its value; `None` is said to be missing.
    pub value: Option<Estimate>,
    /// Its paired difference to the baseline; `None` for the baseline itself.
    pub difference: Option<Estimate>,
    /// The number in words, at the right edge; empty writes the estimate that was drawn last.
    pub words: String,
    /// This row is what the others are compared with.
    pub baseline: bool,
    /// Another value of the same measure to compare with (a record, an earlier run): a small bar.
    pub marker: Option<f64>,
}

/// Horizontal bars, from zero.
#[derive(Clone, Debug, Serialize)]
pub struct Bars {
    /// The words around it.
    pub caption: Caption,
    /// What the length of a bar means; always linear.
    pub axis: Axis,
    /// The parts of every bar, in the order in which they are drawn.
    pub segments: Vec<Segment>,
    /// The bars.
    pub rows: Vec<BarRow>,
    /// An objective across the picture.
    pub reference: Option<Reference>,
}

/// A name and its colour: a part that every bar has, a group of rows.
#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    /// What it is.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
}

/// One bar (stacked) or one group of bars (grouped).
#[derive(Clone, Debug, Serialize)]
pub struct BarRow {
    /// What the bar stands for.
    pub label: String,
    /// One value per segment, none below zero; `None` is left out, and said so where bars are
    /// grouped. Intervals are drawn where bars are grouped.
    pub values: Vec<Option<Estimate>>,
    /// The sum with its interval, drawn where bars are stacked. `None` writes the plain sum.
    pub total: Option<Estimate>,
}

/// States over time: what was true, who saw what, who did what.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The words around it.
    pub caption: Caption,
    /// What happened at second zero.
    pub zero_label: String,
    /// Left edge, seconds from zero; usually negative.
    pub from_s: f64,
    /// Right edge, seconds from zero.
    pub to_s: f64,
    /// Rows, top to bottom. Neighbours with the same group share its heading.
    pub tracks: Vec<Track>,
    /// Counts over time, under the tracks.
    pub strip: Option<Strip>,
}

/// One row of a [`Timeline`].
#[derive(Clone, Debug, Serialize)]
pub struct Track {
    /// Whose states these are.
    pub label: String,
    /// The heading that it stands under: truth, observers, people, services.
    pub group: String,
    /// States; they must not overlap. Where there is none, nothing is drawn.
    pub spans: Vec<Span>,
    /// Instants worth a word.
    pub marks: Vec<Mark>,
}

/// A state that lasted.
#[derive(Clone, Debug, Serialize)]
pub struct Span {
    /// When it began, seconds from zero; may lie before the left edge.
    pub from_s: f64,
    /// When it ended, seconds from zero; may lie behind the right edge.
    pub to_s: f64,
    /// Its name, written inside where there is room.
    pub state: String,
    /// What it means.
    pub tone: Tone,
}

/// An instant.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// When, seconds from zero.
    pub at_s: f64,
    /// What happened.
    pub label: String,
    /// What it means.
    pub tone: Tone,
}

/// Counts over time, as areas laid on each other.
#[derive(Clone, Debug, Serialize)]
pub struct Strip {
    /// What is counted, with the width of a bin: `visits per minute`.
    pub name: String,
    /// Bin edges, seconds from zero, rising; one more than there are counts.
    pub edges_s: Vec<f64>,
    /// The areas, bottom first.
    pub series: Vec<StripSeries>,
}

/// One area of a [`Strip`].
#[derive(Clone, Debug, Serialize)]
pub struct StripSeries {
    /// What is counted.
    pub name: String,
    /// What it means.
    pub tone: Tone,
    /// One count per bin, none below zero.
    pub counts: Vec<f64>,
}

/// A value for each pair of two inputs.
#[derive(Clone, Debug, Serialize)]
pub struct HeatMap {
    /// The words around it.
    pub caption: Caption,
    /// The input along the top.
    pub column_name: String,
    /// Its levels.
    pub columns: Vec<String>,
    /// The input down the side.
    pub row_name: String,
    /// Its levels.
    pub rows: Vec<String>,
    /// The measure that becomes a colour.
    pub axis: Axis,
    /// The colours.
    pub palette: Palette,
    /// One row of cells per level of `rows`.
    pub cells: Vec<Vec<Option<HeatCell>>>,
    /// What the outline round some cells means; `None` where no cell is outlined.
    pub objective: Option<String>,
}

/// One pair of levels.
#[derive(Clone, Debug, Serialize)]
pub struct HeatCell {
    /// The value with its interval, if it has one (see [`Estimate::exact`]).
    pub value: Estimate,
    /// What is written instead of the value; empty writes the value.
    pub text: String,
    /// This cell meets the objective, and lies inside the outline.
    pub meets: bool,
}

/// Colours from little to much, in steps that look equal and survive grey print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Palette {
    /// Purple to yellow.
    Viridis,
    /// Blue to yellow, the same to people with any colour vision.
    Cividis,
}

/// Curves or steps.
#[derive(Clone, Debug, Serialize)]
pub struct Lines {
    /// The words around it.
    pub caption: Caption,
    /// Along the bottom.
    pub x: Axis,
    /// Up the side; a linear one starts at zero unless a value lies below it.
    pub y: Axis,
    /// The curves, drawn first to last.
    pub series: Vec<Series>,
    /// Upright lines.
    pub x_references: Vec<Reference>,
    /// Level lines.
    pub y_references: Vec<Reference>,
}

/// One curve of [`Lines`].
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// What it is, written at the curve's end.
    pub label: String,
    /// Its colour.
    pub colour: Colour,
    /// How the points are joined.
    pub shape: Shape,
    /// (x, y), x rising.
    pub points: Vec<(f64, f64)>,
    /// (x, low, high), x rising: a shaded interval. Several bands lie on each other, palest first.
    pub bands: Vec<Vec<(f64, f64, f64)>>,
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Straight from point to point.
    Straight,
    /// Level until the next point: counts, survival functions, histograms.
    Step,
    /// Level until the next point, filled down to the axis.
    Area,
}

/// Two measures against each other; less is better on both.
#[derive(Clone, Debug, Serialize)]
pub struct Scatter {
    /// The words around it.
    pub caption: Caption,
    /// Along the bottom.
    pub x: Axis,
    /// Up the side.
    pub y: Axis,
    /// The items.
    pub points: Vec<Point>,
    /// Join the points that are not dominated, in order of x.
    pub frontier: bool,
    /// Level lines, such as an objective.
    pub y_references: Vec<Reference>,
}

/// One item of a [`Scatter`].
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The item.
    pub label: String,
    /// Its colour; a dominated item is grey whatever stands here.
    pub colour: Colour,
    /// Along the bottom, with its interval.
    pub x: Estimate,
    /// Up the side, with its interval.
    pub y: Estimate,
    /// Another item is at least as good on both measures and better on one.
    pub dominated: bool,
}
