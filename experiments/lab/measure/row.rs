//! One row of the table: columns in the order in which they were put.

use std::fmt::Display;
use std::path::Path;

/// A run's figures by column.
#[derive(Debug, Default)]
pub struct Row {
    columns: Vec<(&'static str, String)>,
}

impl Row {
    pub fn put(&mut self, name: &'static str, value: impl Display) {
        self.columns.push((name, value.to_string()));
    }

    /// Milliseconds with one decimal; empty if it did not happen.
    pub fn ms(&mut self, name: &'static str, value: Option<f64>) {
        self.put(
            name,
            value.map_or(String::new(), |value| format!("{value:.1}")),
        );
    }

    /// What happened, in a line.
    pub fn summary(&self) -> String {
        let shown = [
            "fail_detect_ms",
            "promote_ms",
            "unavail_ms",
            "noreplicas_ms",
            "busy_ms",
            "removed_ms",
            "removed_cpu_ms",
            "emptied_ms",
            "cpu_busy_frac",
        ];
        let found = self.columns.iter().filter(|(name, _)| shown.contains(name));
        let words: Vec<String> = found
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        words.join(", ")
    }
}

/// Writes all rows, with a header.
pub fn write(path: &Path, rows: &[(usize, Row)]) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_path(path)?;
    if let Some((_, first)) = rows.first() {
        writer.write_record(first.columns.iter().map(|(name, _)| name))?;
    }
    for (_, row) in rows {
        writer.write_record(row.columns.iter().map(|(_, value)| value))?;
    }
    writer.flush()?;
    Ok(())
}
