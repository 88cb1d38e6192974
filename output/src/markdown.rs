//! Tables in GitHub-flavoured Markdown, with pipes padded so that the source reads well too.

use crate::error::Error;
use crate::table::{Align, Table};
use crate::text::columns;

impl Table {
    /// GitHub-flavoured Markdown.
    pub fn to_markdown(&self) -> Result<String, Error> {
        table(self)
    }
}

fn table(table: &Table) -> Result<String, Error> {
    table.check()?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows.push(
        table
            .columns
            .iter()
            .map(|column| escaped(&column.heading()))
            .collect(),
    );
    for row in &table.rows {
        rows.push(row.iter().map(|cell| escaped(&cell.display())).collect());
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| columns(&row[column]))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| width(column).max(3))
        .collect();

    let mut text = String::new();
    if !table.title.is_empty() {
        text.push_str(&format!("**{}**\n\n", escaped(&table.title)));
    }
    for (index, row) in rows.iter().enumerate() {
        text.push('|');
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(&format!(" {cell}{} |", " ".repeat(width - columns(cell))));
        }
        text.push('\n');
        if index == 0 {
            text.push_str(&rule(table, &widths));
        }
    }
    Ok(text)
}

fn rule(table: &Table, widths: &[usize]) -> String {
    let mut line = String::from("|");
    for (column, width) in table.columns.iter().zip(widths) {
        let dashes = "-".repeat(width - 1);
        line.push_str(&match column.align {
            Align::Left => format!(" {dashes}- |"),
            Align::Right => format!(" {dashes}: |"),
            Align::Centre => format!(" :{}: |", "-".repeat(width - 2)),
        });
    }
    line.push('\n');
    line
}

/// Keeps a cell on its line and out of the markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => safe.push(' '),
            '|' | '\\' | '*' | '_' | '`' | '[' | ']' => {
                safe.push('\\');
                safe.push(character);
            }
            '<' => safe.push_str("&lt;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use crate::format::Format;
    use crate::table::{Cell, Column, Table};

    #[test]
    fn cells_cannot_break_out_of_the_table() {
        let columns = vec![Column::text("design"), Column::number("cost", "$")];
        let mut table = Table::new("", columns);
        table.push(vec![
            Cell::text("a|b\n<i>"),
            Cell::number(1250.0, Format::Count),
        ]);
        table.push(vec![Cell::text("c"), Cell::Empty]);
        let expected = "\
| design      | cost ($) |
| ----------- | -------: |
| a\\|b &lt;i> | 1,250    |
| c           | –        |
";
        assert_eq!(table.to_markdown().unwrap(), expected);
    }
}
