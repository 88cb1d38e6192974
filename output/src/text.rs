//! Tables for terminals.

use crate::error::Error;
use crate::table::{Table, TextOptions};

pub(crate) fn table(table: &Table, _options: &TextOptions) -> Result<String, Error> {
    table.check()?;
    let rows = table.rows.iter();
    Ok(rows
        .map(|row| {
            row.iter()
                .map(|cell| cell.display() + "  ")
                .collect::<String>()
                + "\n"
        })
        .collect())
}
