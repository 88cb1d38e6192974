//! A CSV file whose every field remembers where it was written.
//!
//! The header names the columns. Empty lines are skipped; a record that is shorter or longer than
//! the header is a mistake of the file.

use crate::document::{Place, Sources};
use crate::error::{Problem, suggest};

/// A file of records under a header.
#[derive(Clone, Debug)]
pub struct Sheet {
    file: usize,
    header: Vec<Field>,
    records: Vec<Record>,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// What it holds, without quotes and blanks around it.
    pub text: String,
    /// Where.
    pub place: Place,
}

impl Sheet {
    /// Reads a file of the sources, or reports what is wrong with its shape.
    pub fn read(sources: &Sources, file: usize) -> Result<Sheet, Vec<Problem>> {
        let text = &sources.file(file).text;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| vec![unreadable(file, text, &error)])?;
            let from = record.position().expect("it was read").byte() as usize;
            records.push(placed(file, text, from, &record));
        }
        if records.is_empty() {
            let place = Place {
                file,
                from: 0,
                to: 0,
            };
            let help = "write a header and one line for each run, as models/failover/lab/*.csv do";
            return Err(vec![problem(place, "the file is empty".to_owned(), help)]);
        }
        let header = records.remove(0).fields;
        let sheet = Sheet {
            file,
            header,
            records,
        };
        let problems = sheet.problems(text.len());
        match problems.is_empty() {
            true => Ok(sheet),
            false => Err(problems),
        }
    }

    /// All records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The number of a column, if the file has it.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|field| field.text == name)
    }

    /// A problem with what the header lacks.
    pub fn lacks(&self, wrong: String, wanted: &[&str]) -> Problem {
        let (first, last) = (&self.header[0], &self.header[self.header.len() - 1]);
        let place = Place {
            file: self.file,
            from: first.place.from,
            to: last.place.to,
        };
        let near = wanted.iter().find_map(|name| {
            let known: Vec<&str> = self
                .header
                .iter()
                .map(|field| field.text.as_str())
                .collect();
            let near = crate::error::nearest(name, known)?;
            Some(format!("is `{near}` meant for `{name}`?"))
        });
        let help = near.unwrap_or_else(|| suggest("", wanted).replace("known", "expected"));
        problem(place, wrong, &help)
    }

    fn problems(&self, end: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (place, field) in self.header.iter().enumerate() {
            if self.column(&field.text) != Some(place) {
                let wrong = format!("there are two columns `{}`", field.text);
                problems.push(problem(field.place, wrong, "rename or remove one of them"));
            }
        }
        let columns = self.header.len();
        for record in &self.records {
            let found = record.fields.len();
            let last = record.fields[found.min(columns + 1) - 1].place;
            if found != columns {
                let wrong = format!("this line has {found} fields, and the header has {columns}");
                let help = "write one field for each column; leave it empty if there is no value";
                problems.push(problem(last, wrong, help));
            }
        }
        if self.records.is_empty() {
            let place = Place {
                file: self.file,
                from: end.saturating_sub(1),
                to: end,
            };
            let wrong = "there is a header and no run".to_owned();
            problems.push(problem(place, wrong, "write one line for each run"));
        }
        problems
    }
}

impl Record {
    /// The field in a column of the sheet.
    pub fn field(&self, column: usize) -> &Field {
        &self.fields[column]
    }

    /// All of the record.
    pub fn place(&self) -> Place {
        let (first, last) = (&self.fields[0], &self.fields[self.fields.len() - 1]);
        Place {
            to: last.place.to,
            ..first.place
        }
    }
}

fn problem(place: Place, wrong: String, help: &str) -> Problem {
    Problem {
        place: Some(place),
        wrong,
        help: help.to_owned(),
    }
}

fn unreadable(file: usize, text: &str, error: &csv::Error) -> Problem {
    let from = error.position().map_or(0, |at| at.byte() as usize);
    let to = from
        + text[from.min(text.len())..]
            .lines()
            .next()
            .map_or(0, str::len);
    let place = Place { file, from, to };
    problem(
        place,
        format!("this is not CSV: {error}"),
        "write comma-separated values",
    )
}

/// A record's fields with the bytes that they were written in.
fn placed(file: usize, text: &str, from: usize, record: &csv::StringRecord) -> Record {
    // The position of a record may be that of the empty lines before it.
    let blank = text[from..].len() - text[from..].trim_start_matches(['\r', '\n']).len();
    let mut at = from + blank;
    let mut fields = Vec::new();
    for value in record {
        let to = at + written_length(&text[at..]);
        let place = Place { file, from: at, to };
        fields.push(Field {
            text: value.trim().trim_start_matches('\u{feff}').to_owned(),
            place,
        });
        at = (to + 1).min(text.len());
    }
    Record { fields }
}

/// Bytes up to the comma or the end of the line that ends a field.
fn written_length(rest: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' | b'\r' | b'\n' if !quoted => return at,
            0..=u8::MAX => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sheet, Vec<Problem>> {
        let mut sources = Sources::default();
        let file = sources.add("a.csv", text);
        Sheet::read(&sources, file)
    }

    #[test]
    fn every_field_knows_where_it_was_written() {
        let text = "\u{feff}a,b,c\r\n\r\n1,\"x, \"\"y\"\"\",é\r\n,,3\n";
        let sheet = read(text).unwrap();
        let written: Vec<Vec<&str>> = sheet
            .records()
            .iter()
            .map(|record| {
                let places = record.fields.iter().map(|field| field.place);
                places.map(|place| &text[place.from..place.to]).collect()
            })
            .collect();
        assert_eq!(written, [["1", "\"x, \"\"y\"\"\"", "é"], ["", "", "3"]]);
        assert_eq!(sheet.column("a"), Some(0), "without the byte order mark");
        assert_eq!(sheet.records()[0].field(1).text, "x, \"y\"");
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        let wrong = |text: &str| {
            let problems = read(text).unwrap_err();
            problems
                .into_iter()
                .map(|problem| problem.wrong)
                .collect::<Vec<_>>()
        };
        assert_eq!(wrong(""), ["the file is empty"]);
        assert_eq!(wrong("a,b\n"), ["there is a header and no run"]);
        assert_eq!(wrong("a,a\n1,2\n"), ["there are two columns `a`"]);
        let short = ["this line has 1 fields, and the header has 2"; 1];
        assert_eq!(wrong("a,b\n1,2\n1\n"), short);
    }
}
