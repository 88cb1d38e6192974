//! Rows as CSV (RFC 4180): a header, commas, quotes only where needed, lines ended by CR LF.
//! What is undefined is an empty field.

use csv::{Terminator, WriterBuilder};
use serde::Serialize;

use crate::error::Error;
use crate::table::{Cell, Table};

/// Flat rows as CSV; the header is made of the field names. Refuses NaN and infinities: an
/// undefined number is an `Option` that is `None`, which becomes an empty field.
pub fn rows<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, Error> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(refused)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|problem| refused(problem.into_error()))?;
    refuse_not_finite(&bytes)?;
    Ok(bytes)
}

impl Table {
    /// RFC 4180: a header, then one record per row. A column that holds estimates becomes three.
    pub fn to_csv(&self) -> Result<Vec<u8>, Error> {
        table(self)
    }
}

/// A table as CSV. A column that holds estimates becomes three: the value, `low` and `high`.
fn table(table: &Table) -> Result<Vec<u8>, Error> {
    table.check()?;
    let triple: Vec<bool> = (0..table.columns.len())
        .map(|column| table.rows.iter().any(|row| row[column].has_interval()))
        .collect();
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    writer
        .write_record(header(table, &triple))
        .map_err(refused)?;
    for row in &table.rows {
        let fields = row
            .iter()
            .zip(&triple)
            .flat_map(|(cell, &triple)| fields(cell, triple));
        writer.write_record(fields).map_err(refused)?;
    }
    writer
        .into_inner()
        .map_err(|problem| refused(problem.into_error()))
}

fn header(table: &Table, triple: &[bool]) -> Vec<String> {
    let mut names = Vec::new();
    for (column, &triple) in table.columns.iter().zip(triple) {
        names.push(column.heading());
        if triple {
            names.push(format!("{} low", column.heading()));
            names.push(format!("{} high", column.heading()));
        }
    }
    names
}

fn fields(cell: &Cell, triple: bool) -> Vec<String> {
    let mut fields = match cell {
        Cell::Text { text } => vec![text.clone()],
        Cell::Number { value, .. } => vec![value.to_string()],
        Cell::Estimate { estimate, .. } | Cell::Difference { estimate, .. } => {
            [estimate.value, estimate.low, estimate.high]
                .map(|number| number.to_string())
                .to_vec()
        }
        Cell::Empty => vec![String::new()],
    };
    fields.resize(if triple { 3 } else { 1 }, String::new());
    fields
}

fn refused(problem: impl std::fmt::Display) -> Error {
    Error::Encode {
        format: "CSV",
        problem: problem.to_string(),
    }
}

/// The encoder writes what it is given, so NaN and infinities are found in what it wrote.
fn refuse_not_finite(bytes: &[u8]) -> Result<(), Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(refused)?.clone();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(refused)?;
        let wrong = record
            .iter()
            .position(|field| matches!(field, "NaN" | "inf" | "-inf"));
        if let Some(column) = wrong {
            let name = header.get(column).unwrap_or_default();
            let problem = format!(
                "row {}, column \"{name}\" is {}; leave the field out where it is undefined",
                index + 1,
                &record[column]
            );
            return Err(Error::Encode {
                format: "CSV",
                problem,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Estimate, Format};
    use crate::table::Column;

    #[derive(Serialize)]
    struct Row {
        design: &'static str,
        downtime_s: Option<f64>,
    }

    #[test]
    fn fields_are_quoted_where_needed_and_empty_where_undefined() {
        let given = [
            Row {
                design: "two, \"far\" zones",
                downtime_s: Some(12.5),
            },
            Row {
                design: "one",
                downtime_s: None,
            },
        ];
        let text = String::from_utf8(rows(&given).unwrap()).unwrap();
        assert_eq!(
            text,
            "design,downtime_s\r\n\"two, \"\"far\"\" zones\",12.5\r\none,\r\n"
        );
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_row_and_column() {
        let given = [Row {
            design: "one",
            downtime_s: Some(f64::NAN),
        }];
        let message = rows(&given).unwrap_err().to_string();
        assert!(
            message.contains("row 1, column \"downtime_s\" is NaN"),
            "{message}"
        );
    }

    #[test]
    fn a_column_of_estimates_becomes_three() {
        let columns = vec![Column::text("design"), Column::number("downtime", "s")];
        let mut table = Table::new("", columns);
        let estimate = Estimate::new(12.4, 10.1, 14.9);
        table.push(vec![
            Cell::text("a"),
            Cell::estimate(estimate, Format::Decimals(1)),
        ]);
        table.push(vec![Cell::text("b"), Cell::Empty]);
        let text = String::from_utf8(table.to_csv().unwrap()).unwrap();
        let header = "design,downtime (s),downtime (s) low,downtime (s) high";
        assert_eq!(text, format!("{header}\r\na,12.4,10.1,14.9\r\nb,,,\r\n"));
    }
}
