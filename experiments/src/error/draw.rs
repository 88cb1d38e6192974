//! Draws problems in the format that rustc made known, without and with colour.
//!
//! ```text
//! error: `redis` has no key `shard`
//!   --> my.toml:12:1
//!    |
//! 12 | shard = 3
//!    | ^^^^^
//!    |
//!    = help: did you mean `shards`?
//! ```
//!
//! The layout is the work of `annotate-snippets`. Characters of the user's file that a terminal
//! would obey or hide are escaped before it sees them, so neither a file nor a message can move the
//! cursor, clear the screen or swap the order of what is read.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Problem;
use crate::sources::{Place, Sources};

/// Problems that are drawn at once.
const PROBLEMS_MAX: usize = 20;

/// Columns of a source line that are shown; a longer line is shown around the problem.
const WIDTH: usize = 100;

/// Characters of a message that are shown: it may quote a value of any length.
const MESSAGE_MAX: usize = 1_000;

/// Problems as text, without and with colour.
#[derive(Clone, Debug)]
pub struct Report {
    plain: String,
    coloured: String,
}

impl Report {
    /// Draws problems, each once, in the order in which they stand in the files.
    pub fn of(sources: &Sources, mut problems: Vec<Problem>) -> Report {
        problems.sort_by(|a, b| (a.place, &a.wrong).cmp(&(b.place, &b.wrong)));
        problems.dedup_by(|a, b| (a.place, &a.wrong) == (b.place, &b.wrong));
        let draw = |renderer: Renderer| {
            let shown = problems.iter().take(PROBLEMS_MAX);
            let mut texts: Vec<String> = shown.map(|p| draw(&renderer, sources, p)).collect();
            if problems.len() > PROBLEMS_MAX {
                texts.push(format!(
                    "… and {} more problems",
                    problems.len() - PROBLEMS_MAX
                ));
            }
            texts.join("\n\n")
        };
        Report {
            plain: draw(Renderer::plain().term_width(WIDTH)),
            coloured: draw(Renderer::styled().term_width(WIDTH)),
        }
    }

    /// The text, with colour if asked for.
    pub fn text(&self, colour: bool) -> &str {
        if colour { &self.coloured } else { &self.plain }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain)
    }
}

fn draw(renderer: &Renderer, sources: &Sources, problem: &Problem) -> String {
    let wrong = message(&problem.wrong);
    let mut group = Group::with_title(Level::ERROR.primary_title(wrong));
    let shown = problem.place.map(|place| Shown::of(sources, place));
    if let Some(shown) = &shown {
        let marked = AnnotationKind::Primary.span(shown.from..shown.to);
        let snippet = Snippet::source(&*shown.text)
            .path(&*shown.name)
            .line_start(shown.line)
            .annotation(marked);
        group = group.element(snippet);
    }
    group = group.element(Level::HELP.message(message(&problem.help)));
    if let Some(shown) = shown.as_ref().filter(|shown| shown.is_base) {
        group = group.element(Level::NOTE.message(base_note(shown.array.as_deref())));
    }
    let mut drawn = renderer.render(&[group]);
    if let Some(shown) = shown {
        drawn = drawn.replacen(&shown.drawn_origin(), &shown.origin(), 1);
    }
    let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Said of what stands in a file that is extended, in an array of tables or elsewhere.
fn base_note(array: Option<&str>) -> String {
    let here = "this stands in the file that yours extends";
    match array {
        None => format!("{here}: write the key in your own file to override it"),
        Some(name) => format!(
            "{here}, and an array is replaced as a whole: write all `[[{name}]]` tables that you \
             want in your own file, or `{name} = []` for none"
        ),
    }
}

/// The line of a place, with what must not reach a terminal escaped.
struct Shown {
    name: String,
    is_base: bool,
    /// The array of tables in which it stands.
    array: Option<String>,
    line: usize,
    column: usize,
    text: String,
    from: usize,
    to: usize,
}

impl Shown {
    fn of(sources: &Sources, place: Place) -> Shown {
        let source = sources.file(place.file);
        let (line, column) = source.line_and_column(place.from);
        let text = source.line(line);
        let start = source.line_start(place.from);
        let within = |byte: usize| floor(text, byte.saturating_sub(start));
        let (from, to) = (within(place.from), within(place.to));
        let before = escaped(&text[..from], true);
        let marked = escaped(&text[from..to.max(from)], true);
        let after = escaped(&text[to.max(from)..], true);
        Shown {
            name: visible(&source.name).into_owned(),
            is_base: source.is_base,
            array: source
                .array_of_tables(place.to)
                .map(|name| visible(name).into_owned()),
            line,
            column,
            from: before.len(),
            to: before.len() + marked.len(),
            text: [before, marked, after].concat(),
        }
    }

    /// The place as it is in the file.
    fn origin(&self) -> String {
        format!("{}:{}:{}", self.name, self.line, self.column)
    }

    /// The place as it is drawn: escapes before it are longer than what they stand for.
    fn drawn_origin(&self) -> String {
        let column = self.text[..self.from].chars().count() + 1;
        format!("{}:{}:{column}", self.name, self.line)
    }
}

/// The nearest start of a character at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    let mut starts = (0..=byte).rev();
    starts.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A message that fits on a screen, with everything in it visible.
fn message(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.into_owned(),
    }
}

/// Text in which nothing is left that a terminal would obey or hide: control characters and those
/// that change the direction of writing stand as TOML would escape them.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) {
        Cow::Owned(escaped(text, false))
    } else {
        Cow::Borrowed(text)
    }
}

/// Does a terminal obey this character, or hide it?
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// Escapes hidden characters; tabs stay where `tabs` says so.
fn escaped(text: &str, tabs: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' if tabs => shown.push('\t'),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if !is_hidden(c) => shown.push(c),
            _ if u32::from(c) <= 0xFFFF => shown.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => shown.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is drawn of a problem at `marked` in `text`.
    fn drawn(text: &str, marked: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("my.toml", text);
        let from = text.find(marked).expect("it is there");
        let place = Some(Place {
            file,
            from,
            to: from + marked.len(),
        });
        let problem = Problem {
            place,
            wrong: "no such key".to_owned(),
            help: "did you mean `shards`?".to_owned(),
        };
        Report::of(&sources, vec![problem]).to_string()
    }

    #[test]
    fn a_problem_shows_its_line_with_a_caret() {
        let expected = "\
error: no such key
 --> my.toml:2:1
  |
2 | shard = 3
  | ^^^^^
  |
  = help: did you mean `shards`?";
        assert_eq!(drawn("a = 1\nshard = 3\n", "shard"), expected);
    }

    /// The columns under which carets stand, and the line above them.
    fn carets(text: &str, marked: &str) -> (String, String) {
        let drawn = drawn(text, marked);
        let lines: Vec<&str> = drawn.lines().collect();
        let (source, carets) = (lines[3], lines[4]);
        let width = |text: &str| console::measure_text_width(text);
        let at = |text: &str, part: &str| width(&text[..text.find(part).expect("it is there")]);
        assert_eq!(at(source, marked), at(carets, "^"), "{drawn}");
        (source.to_owned(), carets.to_owned())
    }

    #[test]
    fn wide_characters_and_tabs_keep_the_caret_in_place() {
        let (_, under) = carets("\"名前\" = \"番号\" # 三\n", "番号");
        assert!(under.ends_with(&"^".repeat(4)), "{under}");
        carets("\tshard = 3\n", "shard");
        carets("a = \"é\u{301}\", shard = 3\n", "shard");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = "name = \"\u{1b}[2J\u{9b}31m\u{202e}abc\u{2066}\"\n";
        let drawn = drawn(text, "abc");
        assert!(
            drawn.contains(r#"name = "\u001B[2J\u009B31m\u202Eabc\u2066""#),
            "{drawn}"
        );
        assert!(!drawn.contains(|c| is_hidden(c) && c != '\n'), "{drawn:?}");
        assert_eq!(visible("a\u{1b}\u{E0041}\n"), r"a\u001B\U000E0041\n");
        assert_eq!(visible("naïve 名前"), "naïve 名前");
    }

    #[test]
    fn a_long_line_is_shown_around_the_problem() {
        let line: String = (0..90).map(|k| format!("{k:03},")).collect();
        for part in ["000", "030", "089"] {
            let (source, _) = carets(&line, part);
            assert!(source.chars().count() <= WIDTH + 10, "{source}");
        }
    }

    #[test]
    fn a_problem_at_the_end_of_a_file_has_a_place() {
        let mut sources = Sources::default();
        let file = sources.add("my.toml", "a = 1\n");
        let place = Some(Place {
            file,
            from: 6,
            to: 6,
        });
        let (wrong, help) = ("too short".to_owned(), "go on".to_owned());
        let report = Report::of(&sources, vec![Problem { place, wrong, help }]);
        assert!(report.to_string().contains("--> my.toml:2:1\n"), "{report}");
    }
}
