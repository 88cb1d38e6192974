//! Tables for terminals and text files: aligned columns, a rule under the heading, no frames.
//!
//! ```text
//! Downtime by design
//!
//! design          downtime (s)   cost a month
//! ────────────────────────────────────────────
//! two zones   12.4 (10.1–14.9)         $1,250
//! ```
//!
//! A table that is too wide wraps inside the cells of its widest columns, at spaces.

use crate::error::Error;
use crate::table::{Align, Cell, Table, TextOptions};

const GAP: usize = 3;
/// No column is made narrower than this for want of room.
const NARROWEST: usize = 10;
/// A column of words this wide reads well.
const READABLE: usize = 26;

/// A space at which no line is broken.
const UNBROKEN: char = '\u{a0}';

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

impl Table {
    /// For a terminal or a text file.
    pub fn to_text(&self, options: &TextOptions) -> Result<String, Error> {
        table(self, options)
    }
}

fn table(table: &Table, options: &TextOptions) -> Result<String, Error> {
    table.check()?;
    let widths = column_widths(table, options.width);
    let mut text = String::new();
    if !table.title.is_empty() {
        let titles = wrap(&table.title, options.width.max(NARROWEST));
        titles
            .iter()
            .for_each(|line| text.push_str(&dressed(line, BOLD, options)));
        text.push('\n');
    }
    let headings: Vec<Cell> = table
        .columns
        .iter()
        .map(|column| Cell::text(column.heading()))
        .collect();
    push_row(&mut text, &headings, table, &widths, |line| {
        dressed(line, BOLD, options)
    });
    let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    text.push_str(&dressed(&"─".repeat(total), DIM, options));
    for row in &table.rows {
        push_row(&mut text, row, table, &widths, |line| format!("{line}\n"));
    }
    if table.rows.is_empty() {
        text.push_str(&dressed("(no rows)", DIM, options));
    }
    Ok(text)
}

/// How many columns of a terminal a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// How many columns of a terminal a character takes: none for marks that combine, two for East
/// Asian characters and pictographs, one otherwise.
pub(crate) fn columns_of(character: char) -> usize {
    match character as u32 {
        0x0000..0x0020 | 0x007f..0x00a0 => 0,
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 => 2,
        0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn dressed(line: &str, dress: &str, options: &TextOptions) -> String {
    match options.colour {
        true => format!("{dress}{line}{PLAIN}\n"),
        false => format!("{line}\n"),
    }
}

/// A column's natural width, and the least that leaves every word and number in one piece.
struct ColumnWidth {
    natural: usize,
    least: usize,
    words: bool,
}

/// The natural widths where they fit. Where not, words wrap first as long as they stay readable,
/// then intervals go under their values, then words wrap as far as they can.
fn column_widths(table: &Table, limit: usize) -> Vec<usize> {
    let wanted: Vec<ColumnWidth> = (0..table.columns.len())
        .map(|index| wish(table, index))
        .collect();
    let mut widths: Vec<usize> = wanted.iter().map(|wish| wish.natural).collect();
    let room = limit.saturating_sub(GAP * widths.len().saturating_sub(1));
    shrink(&mut widths, room, |index| {
        if wanted[index].words {
            READABLE
        } else {
            usize::MAX
        }
    });
    while widths.iter().sum::<usize>() > room {
        let stackable = (0..widths.len())
            .filter(|&index| !wanted[index].words && widths[index] > wanted[index].least);
        match stackable.max_by_key(|&index| widths[index] - wanted[index].least) {
            Some(index) => widths[index] = wanted[index].least,
            None => break,
        }
    }
    shrink(&mut widths, room, |index| wanted[index].least);
    give_back(&mut widths, &wanted, room);
    widths
}

fn wish(table: &Table, index: usize) -> ColumnWidth {
    let mut texts = vec![table.columns[index].heading()];
    texts.extend(table.rows.iter().map(|row| unbroken(&row[index])));
    let natural = texts.iter().map(|text| columns(text)).max().unwrap_or(0);
    let word = |text: &String| text.split(' ').map(columns).max().unwrap_or(0);
    let longest = texts.iter().map(word).max().unwrap_or(0);
    let words = table.columns[index].align == Align::Left;
    ColumnWidth {
        natural,
        least: longest.clamp(NARROWEST, 28).min(natural),
        words,
    }
}

/// Narrows the widest column until all fit, none below its floor.
fn shrink(widths: &mut [usize], room: usize, floor: impl Fn(usize) -> usize) {
    while widths.iter().sum::<usize>() > room {
        let shrinkable = (0..widths.len()).filter(|&index| widths[index] > floor(index));
        match shrinkable.max_by_key(|&index| widths[index]) {
            Some(widest) => widths[widest] -= 1,
            None => break,
        }
    }
}

/// Words take what room is left.
fn give_back(widths: &mut [usize], wanted: &[ColumnWidth], room: usize) {
    for (index, wish) in wanted.iter().enumerate().filter(|(_, wish)| wish.words) {
        let left = room.saturating_sub(widths.iter().sum());
        widths[index] = (widths[index] + left).min(wish.natural);
    }
}

fn push_row(
    text: &mut String,
    row: &[Cell],
    table: &Table,
    widths: &[usize],
    dress: impl Fn(&str) -> String,
) {
    let cells: Vec<Vec<String>> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| wrap(&unbroken(cell), *width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    for index in 0..height {
        let mut line = String::new();
        for (place, (cell, column)) in cells.iter().zip(&table.columns).enumerate() {
            let part = cell.get(index).map_or("", String::as_str);
            let gap = if place == 0 { 0 } else { GAP };
            line.push_str(&" ".repeat(gap));
            line.push_str(&padded(part, widths[place], column.align));
        }
        text.push_str(&dress(line.trim_end()));
    }
}

fn padded(part: &str, width: usize, align: Align) -> String {
    let room = width.saturating_sub(columns(part));
    let before = match align {
        Align::Left => 0,
        Align::Right => room,
        Align::Centre => room / 2,
    };
    format!("{}{part}{}", " ".repeat(before), " ".repeat(room - before))
}

/// What a cell says, with spaces inside numbers at which no line is broken; an interval may stand
/// under its value, but stays in one piece.
fn unbroken(cell: &Cell) -> String {
    let text = cell.display();
    match cell {
        Cell::Text { .. } | Cell::Empty => text,
        Cell::Number { .. } | Cell::Estimate { .. } | Cell::Difference { .. } => {
            let joined = text.replace(' ', &UNBROKEN.to_string());
            joined.replacen(&format!("{UNBROKEN}("), " (", 1)
        }
    }
}

/// Lines no wider than `limit`, broken at spaces, inside a word only where it is wider by itself.
/// What would move the cursor or ring the bell is left out.
fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text
        .split([' ', '\n', '\t', '\r'])
        .filter(|word| !word.is_empty())
    {
        let line = lines.last_mut().expect("there is always a line");
        let joined = columns(line) + 1 + columns(word);
        if !line.is_empty() && joined <= limit {
            line.push(' ');
        } else if !line.is_empty() {
            lines.push(String::new());
        }
        for character in word.chars().filter(|character| !character.is_control()) {
            let line = lines.last_mut().expect("there is always a line");
            if columns(line) + columns_of(character) > limit && !line.is_empty() {
                lines.push(String::new());
            }
            lines
                .last_mut()
                .expect("there is always a line")
                .push(character);
        }
    }
    lines
        .into_iter()
        .map(|line| line.replace(UNBROKEN, " "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Estimate, Format};
    use crate::table::Column;

    fn example(label: &str) -> Table {
        let columns = vec![Column::text("design"), Column::number("downtime", "s")];
        let mut table = Table::new("Downtime by design", columns);
        let estimate = Estimate::new(12.4, 10.1, 14.9);
        table.push(vec![
            Cell::text(label),
            Cell::estimate(estimate, Format::Decimals(1)),
        ]);
        table.push(vec![Cell::text("界 b"), Cell::Empty]);
        table
    }

    #[test]
    fn columns_line_up_by_their_width_on_the_screen() {
        let text = example("two zones").to_text(&TextOptions::plain()).unwrap();
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert!(
            lines.iter().all(|line| columns(line) == columns(lines[0])),
            "{text}"
        );
    }

    #[test]
    fn a_wide_table_wraps_and_loses_nothing() {
        let label = "a design with a long name that goes on and on and on";
        let options = TextOptions {
            width: 40,
            colour: false,
        };
        let text = example(label).to_text(&options).unwrap();
        assert!(text.lines().all(|line| columns(line) <= 40), "{text}");
        assert!(label.split(' ').all(|word| text.contains(word)), "{text}");
    }

    #[test]
    fn colour_is_asked_for_and_escapes_in_data_are_left_out() {
        let table = example("\u{1b}[31mred");
        assert!(
            !table
                .to_text(&TextOptions::plain())
                .unwrap()
                .contains('\u{1b}')
        );
        let options = TextOptions {
            width: 80,
            colour: true,
        };
        assert!(table.to_text(&options).unwrap().contains("\u{1b}[1m"));
    }
}
