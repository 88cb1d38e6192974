//! Text to [`Node`]s, with every syntax error that can be found in one go.

use toml::de::{DeArray, DeTable, DeValue};

use super::{Entry, Node, Place, Sources, Table, Value};
use crate::error::Problem;

/// Reads a document and keeps its text for messages.
pub fn parse(sources: &mut Sources, name: &str, text: &str) -> Result<Node, Vec<Problem>> {
    // A byte order mark says nothing about UTF-8, and would move every place behind it.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let file = sources.add(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reading = Reading {
        file,
        problems: Vec::new(),
    };
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        if value_is_missing(text, &span) {
            reading.refuse(span, "the value is missing, expected a value after the `=`");
        } else {
            reading.refuse(span, error.message());
        }
    }
    let whole = Place {
        file,
        from: 0,
        to: text.len(),
    };
    let root = Node {
        place: whole,
        value: Value::Table(reading.table(document.get_ref())),
    };
    if reading.problems.is_empty() {
        Ok(root)
    } else {
        Err(reading.problems)
    }
}

/// Does nothing, or a comment, stand where a value should: between `=` and the end of the line?
fn value_is_missing(text: &str, span: &std::ops::Range<usize>) -> bool {
    let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.start..)) else {
        return false;
    };
    let line = after.lines().next().unwrap_or_default().trim_start();
    let before = before.rsplit('\n').next().unwrap_or_default();
    before.trim_end().ends_with('=') && (line.is_empty() || line.starts_with('#'))
}

struct Reading {
    file: usize,
    problems: Vec<Problem>,
}

impl Reading {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place {
            file: self.file,
            from: span.start,
            to: span.end,
        }
    }

    /// The parser says `what is wrong, expected ...`: the second half is the help.
    fn refuse(&mut self, span: std::ops::Range<usize>, message: &str) {
        let place = Some(self.place(span));
        let quotes = message.starts_with("string values must be quoted");
        let (wrong, help) = match message.split_once(", expected ") {
            Some((_, _)) if quotes => (
                "text stands without quotes".to_owned(),
                "put it in quotes, such as \"500ms\"".to_owned(),
            ),
            Some((wrong, expected)) => (wrong.to_owned(), format!("write {expected} here")),
            None if message.contains("duplicate key") => {
                (message.to_owned(), "keep one of the two".to_owned())
            }
            None => (
                message.to_owned(),
                "correct the TOML (https://toml.io)".to_owned(),
            ),
        };
        self.problems.push(Problem { place, wrong, help });
    }

    fn table(&mut self, table: &DeTable<'_>) -> Table {
        let mut entries = Table::new();
        for (key, value) in table.iter() {
            let place = self.place(key.span());
            let node = self.node(value.span(), value.get_ref());
            entries.insert(key.get_ref().to_string(), Entry { key: place, node });
        }
        entries
    }

    fn array(&mut self, array: &DeArray<'_>) -> Vec<Node> {
        array
            .iter()
            .map(|element| self.node(element.span(), element.get_ref()))
            .collect()
    }

    fn node(&mut self, span: std::ops::Range<usize>, value: &DeValue<'_>) -> Node {
        let place = self.place(span.clone());
        let value = match value {
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Array(array) => Value::Array(self.array(array)),
            DeValue::String(text) => Value::Scalar(toml::Value::String(text.to_string())),
            DeValue::Boolean(truth) => Value::Scalar(toml::Value::Boolean(*truth)),
            DeValue::Datetime(instant) => Value::Scalar(toml::Value::Datetime(*instant)),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix());
                if number.is_err() {
                    self.refuse(span, "the number is too large, expected at most 19 digits");
                }
                Value::Scalar(toml::Value::Integer(number.unwrap_or(0)))
            }
            DeValue::Float(digits) => {
                let number = digits.as_str().parse();
                if number.is_err() {
                    self.refuse(span, "the number cannot be read, expected one such as 0.5");
                }
                Value::Scalar(toml::Value::Float(number.unwrap_or(0.0)))
            }
        };
        Node { place, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_remember_where_they_were_written() {
        let mut sources = Sources::default();
        let text = "a = 1\n[[fault]]\nkind = \"crash\"\n[redis]\nx = 0.5\n";
        let root = parse(&mut sources, "a.toml", text).unwrap();
        let place = |node: &Node| &text[node.place.from..node.place.to];
        assert_eq!(place(root.get("a").unwrap()), "1");
        let fault = &root.get("fault").unwrap().array().unwrap()[0];
        assert_eq!(place(fault), "[[fault]]");
        assert_eq!(place(fault.get("kind").unwrap()), "\"crash\"");
        assert_eq!(place(root.get("redis").unwrap()), "[redis]");
    }

    #[test]
    fn a_value_that_is_missing_is_not_text_without_quotes() {
        for text in ["a =\nb = 1\n", "a = # none\n", "a ="] {
            let problems = parse(&mut Sources::default(), "a.toml", text).unwrap_err();
            assert_eq!(problems[0].wrong, "the value is missing", "{problems:?}");
            assert_eq!(problems[0].help, "write a value after the `=` here");
        }
    }

    #[test]
    fn every_syntax_error_is_found_in_one_go() {
        let mut sources = Sources::default();
        let text = "a = 5m\nb = 1\nb = 2\nc = 99999999999999999999\n";
        let problems = parse(&mut sources, "a.toml", text).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].help.contains("quotes"), "{problems:?}");
    }
}
