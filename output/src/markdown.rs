//! Tables in Markdown.

use crate::error::Error;
use crate::table::Table;

pub(crate) fn table(table: &Table) -> Result<String, Error> {
    table.check()?;
    Ok(String::new())
}
