//! A cell per pair of levels, coloured from little to much, with its value in words. Cells that
//! meet the objective lie inside a heavy outline.

use super::axis::{self, Include, Ruler};
use super::canvas::{Anchor, At, Canvas, Lettering};
use super::frame::{self, INNER, MARGIN, WIDTH};
use super::theme::Paint;
use crate::chart::{HeatCell, HeatMap, Palette};

const CELL_HEIGHT: f64 = 46.0;
const CELL_MOST: f64 = 132.0;
const LABELS_MOST: f64 = 220.0;

/// Nine equally spaced colours of each palette; those between are mixed.
const VIRIDIS: [(u8, u8, u8); 9] = [
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
];
const CIVIDIS: [(u8, u8, u8); 9] = [
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (254, 232, 56),
];

/// Where the cells stand.
struct Grid {
    left: f64,
    top: f64,
    cell: f64,
    height: f64,
    /// Every cell's text fits in large letters.
    roomy: bool,
    row_labels: Vec<Vec<String>>,
    column_labels: Vec<Vec<String>>,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &HeatMap) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart.rows.is_empty() || chart.columns.is_empty() {
        let bottom = frame::nothing(canvas, top, "No cells to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let grid = lay_out(chart, top);
    names(canvas, chart, &grid, top);
    let ruler = ruler(chart);
    for (row, cells) in chart.cells.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            draw_cell(canvas, chart, cell.as_ref(), &grid, &ruler, (row, column));
        }
    }
    outline(canvas, chart, &grid);
    let bottom = grid.top + grid.height * chart.rows.len() as f64;
    let bottom = legend(canvas, chart, &ruler, bottom + 18.0);
    frame::close(canvas, &chart.caption, bottom)
}

fn lay_out(chart: &HeatMap, top: f64) -> Grid {
    let labels = chart.rows.iter().chain([&chart.row_name]);
    let widest = labels
        .map(|label| Lettering::BODY.bold().width(label))
        .fold(0.0, f64::max);
    let label_width = widest.min(LABELS_MOST);
    let left = MARGIN + label_width + 12.0;
    let cell = ((WIDTH - MARGIN - left) / chart.columns.len() as f64).min(CELL_MOST);
    let wrap = |label: &String, room: f64| Lettering::BODY.wrap(label, room);
    let row_labels: Vec<Vec<String>> = chart
        .rows
        .iter()
        .map(|label| wrap(label, label_width + 0.5))
        .collect();
    let lines = row_labels.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let height = CELL_HEIGHT.max(lines * Lettering::BODY.leading() + 8.0);
    let column_labels: Vec<Vec<String>> = chart
        .columns
        .iter()
        .map(|label| wrap(label, cell - 6.0))
        .collect();
    let texts = chart
        .cells
        .iter()
        .flatten()
        .flatten()
        .map(|cell| cell_text(chart, cell));
    let large = Lettering {
        size: 13.0,
        ..Lettering::BODY.bold()
    };
    let roomy = texts.map(|text| large.width(&text)).fold(0.0, f64::max) <= cell - 6.0;
    let lines = column_labels.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let head = Lettering::HEADING.leading() + 6.0 + lines * Lettering::BODY.leading() + 8.0;
    Grid {
        left,
        top: top + head,
        cell,
        height,
        roomy,
        row_labels,
        column_labels,
    }
}

fn names(canvas: &mut Canvas, chart: &HeatMap, grid: &Grid, top: f64) {
    let heading = top + Lettering::HEADING.leading() / 2.0;
    canvas.text(
        (grid.left, heading),
        &chart.column_name,
        Anchor::Start,
        Lettering::HEADING,
    );
    let row_name = Lettering::HEADING.wrap(&chart.row_name, grid.left - MARGIN - 12.0);
    let y = grid.top - 8.0 - Lettering::HEADING.leading() * row_name.len() as f64 / 2.0;
    canvas.block((MARGIN, y), &row_name, Anchor::Start, Lettering::HEADING);
    for (index, label) in grid.column_labels.iter().enumerate() {
        let x = grid.left + grid.cell * (index as f64 + 0.5);
        let y = grid.top - 8.0 - Lettering::BODY.leading() * label.len() as f64 / 2.0;
        canvas.block((x, y), label, Anchor::Middle, Lettering::BODY);
    }
    for (index, label) in grid.row_labels.iter().enumerate() {
        let y = grid.top + grid.height * (index as f64 + 0.5);
        canvas.block((grid.left - 12.0, y), label, Anchor::End, Lettering::BODY);
    }
}

/// From the least value to the greatest, over the stretch of the scale's legend.
fn ruler(chart: &HeatMap) -> Ruler {
    let values: Vec<f64> = chart
        .cells
        .iter()
        .flatten()
        .flatten()
        .map(|c| c.value.value)
        .collect();
    super::fitted(
        &chart.axis,
        &values,
        Include::Values,
        (MARGIN + 28.0, MARGIN + 348.0),
        Lettering::SMALL,
    )
}

fn share(ruler: &Ruler, value: f64) -> f64 {
    let (from, to) = (ruler.at(ruler.low()), ruler.at(ruler.high()));
    (ruler.at(value) - from) / (to - from)
}

fn colour(palette: Palette, share: f64) -> (u8, u8, u8) {
    let stops = match palette {
        Palette::Viridis => &VIRIDIS,
        Palette::Cividis => &CIVIDIS,
    };
    let position = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let index = (position.floor() as usize).min(stops.len() - 2);
    let part = position - index as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (stops[index], stops[index + 1]);
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// White on dark cells and black on light ones, whichever differs more.
fn readable((red, green, blue): (u8, u8, u8)) -> Paint {
    let linear = |part: u8| (f64::from(part) / 255.0).powi(2);
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    match luminance > 0.2 {
        true => Paint::Fixed(0x0A, 0x0A, 0x0A),
        false => Paint::Fixed(0xFD, 0xFD, 0xFD),
    }
}

fn draw_cell(
    canvas: &mut Canvas,
    chart: &HeatMap,
    cell: Option<&HeatCell>,
    grid: &Grid,
    ruler: &Ruler,
    (row, column): (usize, usize),
) {
    let left = grid.left + grid.cell * column as f64;
    let top = grid.top + grid.height * row as f64;
    let (from, to) = (
        (left, top),
        (left + grid.cell - 1.0, top + grid.height - 1.0),
    );
    let centre = (
        left + (grid.cell - 1.0) / 2.0,
        top + (grid.height - 1.0) / 2.0,
    );
    let Some(cell) = cell else {
        canvas.rect(from, to, Paint::Stripe);
        canvas.text(centre, "–", Anchor::Middle, Lettering::SMALL);
        return;
    };
    let fill = colour(chart.palette, share(ruler, cell.value.value));
    canvas.rect(from, to, Paint::Fixed(fill.0, fill.1, fill.2));
    write_cell(canvas, chart, cell, grid, (centre, readable(fill)));
}

/// The value, then its interval where both fit. What does not fit is left to the table behind the
/// picture.
fn write_cell(
    canvas: &mut Canvas,
    chart: &HeatMap,
    cell: &HeatCell,
    grid: &Grid,
    (centre, ink): (At, Paint),
) {
    let large = Lettering {
        size: 13.0,
        bold: true,
        paint: ink,
    };
    let small = Lettering {
        size: 11.0,
        bold: false,
        paint: ink,
    };
    let room = grid.cell - 6.0;
    let text = cell_text(chart, cell);
    let interval = chart.axis.format.range(cell.value.low, cell.value.high);
    let look = if grid.roomy { large } else { small };
    let lines = look.wrap(&text, room);
    let whole = text.split_whitespace().all(|word| look.width(word) <= room);
    if !whole || lines.len() as f64 * look.leading() > grid.height {
        return;
    }
    let under = lines.len() == 1 && !cell.value.is_exact() && small.width(&interval) <= room;
    let middle = if under { centre.1 - 8.0 } else { centre.1 };
    canvas.block((centre.0, middle), &lines, Anchor::Middle, look);
    if under {
        canvas.text((centre.0, centre.1 + 9.0), &interval, Anchor::Middle, small);
    }
}

fn cell_text(chart: &HeatMap, cell: &HeatCell) -> String {
    match cell.text.is_empty() {
        true => chart.axis.format.number(cell.value.value),
        false => cell.text.clone(),
    }
}

/// Lines between cells that meet the objective and those that do not.
fn outline(canvas: &mut Canvas, chart: &HeatMap, grid: &Grid) {
    let meets = |row: isize, column: isize| {
        let row = usize::try_from(row)
            .ok()
            .and_then(|row| chart.cells.get(row));
        let cell = row.and_then(|row| usize::try_from(column).ok().and_then(|c| row.get(c)));
        matches!(cell, Some(Some(cell)) if cell.meets)
    };
    let x = |column: isize| grid.left + grid.cell * column as f64 - 0.5;
    let y = |row: isize| grid.top + grid.height * row as f64 - 0.5;
    let mut edges = Vec::new();
    for row in 0..=chart.rows.len() as isize {
        for column in 0..=chart.columns.len() as isize {
            if meets(row, column) != meets(row - 1, column) {
                edges.push(((x(column), y(row)), (x(column + 1), y(row))));
            }
            if meets(row, column) != meets(row, column - 1) {
                edges.push(((x(column), y(row)), (x(column), y(row + 1))));
            }
        }
    }
    // Ink on paper: the paper's edge keeps the line visible on dark cells.
    for (paint, width, reach) in [(Paint::Surface, 6.0, 3.0), (Paint::Ink, 3.0, 1.5)] {
        for (from, to) in &edges {
            let (dx, dy) = if from.1 == to.1 {
                (reach, 0.0)
            } else {
                (0.0, reach)
            };
            canvas.line(
                (from.0 - dx, from.1 - dy),
                (to.0 + dx, to.1 + dy),
                paint,
                width,
            );
        }
    }
}

fn legend(canvas: &mut Canvas, chart: &HeatMap, ruler: &Ruler, top: f64) -> f64 {
    const STEPS: usize = 64;
    let (from, to) = (ruler.at(ruler.low()), ruler.at(ruler.high()));
    let heading = top + Lettering::HEADING.leading() / 2.0;
    canvas.text(
        (MARGIN, heading),
        &axis::name(&chart.axis),
        Anchor::Start,
        Lettering::HEADING,
    );
    let bar = top + Lettering::HEADING.leading() + 4.0;
    let width = (to - from) / STEPS as f64;
    for step in 0..STEPS {
        let left = from + width * step as f64;
        let (r, g, b) = colour(chart.palette, (step as f64 + 0.5) / STEPS as f64);
        // Half a pixel of overlap, so that no seam shows.
        let right = (left + width + 0.5).min(to);
        canvas.rect((left, bar), (right, bar + 12.0), Paint::Fixed(r, g, b));
    }
    for (value, label) in &ruler.ticks {
        let x = ruler.at(*value);
        canvas.line((x, bar + 12.0), (x, bar + 16.0), Paint::Muted, 1.0);
        canvas.text((x, bar + 25.0), label, Anchor::Middle, Lettering::SMALL);
    }
    if let Some(objective) = &chart.objective {
        let left = to + 64.0;
        canvas.rect((left, bar - 3.0), (left + 22.0, bar + 13.0), Paint::Ink);
        canvas.rect((left + 3.0, bar), (left + 19.0, bar + 10.0), Paint::Surface);
        let lines = Lettering::BODY.wrap(objective, INNER + MARGIN - left - 32.0);
        canvas.block(
            (left + 32.0, bar + 5.0),
            &lines,
            Anchor::Start,
            Lettering::BODY,
        );
    }
    bar + 34.0
}
