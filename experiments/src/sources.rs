//! The files that were read, and places in them.

/// The files that were read, by number.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// One file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Is it extended by another that was read?
    pub is_base: bool,
}

/// Some bytes of one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the file.
    pub file: usize,
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
}

impl Sources {
    /// Takes in a file and gives it a number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
            is_base: false,
        });
        self.files.len() - 1
    }

    /// The file of this number is extended by another.
    pub fn set_base(&mut self, number: usize) {
        self.files[number].is_base = true;
    }

    /// The file of this number.
    pub fn file(&self, number: usize) -> &Source {
        &self.files[number]
    }
}

impl Source {
    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.floor(byte)];
        let in_line = &before[self.line_start(byte)..];
        (
            before.matches('\n').count() + 1,
            in_line.chars().count() + 1,
        )
    }

    /// The first byte of the line in which a byte stands.
    pub fn line_start(&self, byte: usize) -> usize {
        let before = &self.text[..self.floor(byte)];
        before.rfind('\n').map_or(0, |at| at + 1)
    }

    /// The line of this number, from 1, without its end.
    pub fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number - 1).unwrap_or("")
    }

    /// The array of tables in whose last header before a byte it stands, if it is one of them.
    pub fn array_of_tables(&self, byte: usize) -> Option<&str> {
        let line = self.line_and_column(byte).0;
        let before: Vec<&str> = self.text.lines().take(line).collect();
        let header = before.iter().rev().find(|line| line.starts_with('['))?;
        let name = header.strip_prefix("[[")?.split("]]").next()?;
        Some(name.trim())
    }

    /// The nearest start of a character at or before `byte`.
    fn floor(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte)
            .rev()
            .find(|&at| self.text.is_char_boundary(at))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_below_the_last_header() {
        let text = "a = 1\n[[fault]]\nb = 2\n[redis]\nc = 3\n".to_owned();
        let source = Source {
            name: "a".into(),
            text,
            is_base: true,
        };
        let array = |key: &str| source.array_of_tables(source.text.find(key).expect("a key"));
        assert_eq!(array("a ="), None);
        assert_eq!(array("b ="), Some("fault"));
        assert_eq!(array("c ="), None);
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = Source {
            name: "a".into(),
            text: "é = 1\nbb = 2\n".into(),
            is_base: false,
        };
        assert_eq!(source.line_and_column(3), (1, 3));
        assert_eq!(source.line_and_column(7), (2, 1));
        assert_eq!(source.line(2), "bb = 2");
        assert_eq!(source.line_and_column(99), (3, 1));
        assert_eq!(source.array_of_tables(7), None);
    }
}
