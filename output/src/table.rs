//! A table as pure data. Text, Markdown, CSV and HTML are made of it in the files of these names.

use serde::Serialize;

use crate::error::Error;
use crate::format::{Estimate, Format};

/// Rows under named columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What the table shows; may be empty.
    pub title: String,
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column's heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What is in it.
    pub name: String,
    /// The unit of its numbers; empty where it has none or the numbers carry their own.
    pub unit: String,
    /// To which side its cells keep.
    pub align: Align,
}

/// To which side cells keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
    /// Short marks.
    Centre,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cell {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A number.
    Number {
        /// The number.
        value: f64,
        /// How it is written.
        format: Format,
    },
    /// A number with its interval.
    Estimate {
        /// The number and its interval.
        estimate: Estimate,
        /// How all three are written.
        format: Format,
    },
    /// A difference with its interval; its signs are written.
    Difference {
        /// The difference and its interval.
        estimate: Estimate,
        /// How all three are written.
        format: Format,
    },
    /// Nothing is known: empty in CSV, a dash where people read.
    Empty,
}

/// How a table becomes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal; wider tables wrap inside their cells.
    pub width: usize,
    /// Set headings bold and intervals dim with ANSI escapes.
    pub colour: bool,
}

impl TextOptions {
    /// 110 columns, no escapes.
    pub fn plain() -> TextOptions {
        TextOptions {
            width: 110,
            colour: false,
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>, columns: Vec<Column>) -> Table {
        Table {
            title: title.into(),
            columns,
            rows: Vec::new(),
        }
    }

    /// Appends a row. Panics when it does not have one cell per column.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a row of \"{}\" has one cell a column",
            self.title
        );
        self.rows.push(row);
    }

    /// Refuses rows of a wrong length and numbers that are not finite.
    pub fn check(&self) -> Result<(), Error> {
        for (index, row) in self.rows.iter().enumerate() {
            if row.len() != self.columns.len() {
                let problem = format!(
                    "row {} has {} cells, but there are {} columns",
                    index + 1,
                    row.len(),
                    self.columns.len()
                );
                return Err(Error::Mismatch {
                    title: self.title.clone(),
                    problem,
                });
            }
            for (cell, column) in row.iter().zip(&self.columns) {
                self.check_cell(
                    cell,
                    &format!("row {}, column \"{}\"", index + 1, column.name),
                )?;
            }
        }
        Ok(())
    }

    fn check_cell(&self, cell: &Cell, place: &str) -> Result<(), Error> {
        let refused = match cell {
            Cell::Text { .. } | Cell::Empty => None,
            Cell::Number { value, .. } => Some(*value).filter(|value| !value.is_finite()),
            Cell::Estimate { estimate, .. } | Cell::Difference { estimate, .. } => {
                estimate.first_not_finite()
            }
        };
        match refused {
            None => Ok(()),
            Some(value) => Err(Error::NotFinite {
                title: self.title.clone(),
                place: place.to_string(),
                value,
            }),
        }
    }
}

impl Column {
    /// A column of words.
    pub fn text(name: impl Into<String>) -> Column {
        Column {
            name: name.into(),
            unit: String::new(),
            align: Align::Left,
        }
    }

    /// A column of numbers; the unit may be empty.
    pub fn number(name: impl Into<String>, unit: impl Into<String>) -> Column {
        Column {
            name: name.into(),
            unit: unit.into(),
            align: Align::Right,
        }
    }

    /// Name and unit as one heading: `downtime (s)`.
    pub fn heading(&self) -> String {
        match self.unit.is_empty() {
            true => self.name.clone(),
            false => format!("{} ({})", self.name, self.unit),
        }
    }
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text { text: text.into() }
    }

    /// A number.
    pub fn number(value: f64, format: Format) -> Cell {
        Cell::Number { value, format }
    }

    /// A number with its interval.
    pub fn estimate(estimate: Estimate, format: Format) -> Cell {
        Cell::Estimate { estimate, format }
    }

    /// A difference with its interval.
    pub fn difference(estimate: Estimate, format: Format) -> Cell {
        Cell::Difference { estimate, format }
    }

    /// A number if there is one.
    pub fn optional(value: Option<f64>, format: Format) -> Cell {
        value.map_or(Cell::Empty, |value| Cell::number(value, format))
    }

    /// Whether three numbers stand here.
    pub(crate) fn has_interval(&self) -> bool {
        match self {
            Cell::Estimate { .. } | Cell::Difference { .. } => true,
            Cell::Text { .. } | Cell::Number { .. } | Cell::Empty => false,
        }
    }

    /// What people read; a dash where nothing is known.
    pub fn display(&self) -> String {
        match self {
            Cell::Text { text } => text.clone(),
            Cell::Number { value, format } => format.number(*value),
            Cell::Estimate { estimate, format } => format.estimate(estimate),
            Cell::Difference { estimate, format } => format.difference(estimate),
            Cell::Empty => "–".to_string(),
        }
    }
}
