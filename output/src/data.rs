//! The table behind a chart.

use crate::chart::Chart;
use crate::table::Table;

pub(crate) fn table(chart: &Chart) -> Table {
    Table::new(chart.caption().title.clone(), Vec::new())
}
