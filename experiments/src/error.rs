//! What goes wrong for a user, and how it is told: where, what, and how to mend it.
//!
//! ```text
//! error: `redis` has no key `shard`
//!  --> my.toml:12:1
//!    |
//! 12 | shard = 3
//!    | ^^^^^
//!    = did you mean `shards`?
//! ```
//!
//! All problems of a file are told together. Mistakes of ours are panics and do not pass here.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::sources::{Place, Sources};

/// One thing that a user should mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written; `None` only where nothing was written at all.
    pub place: Option<Place>,
    /// What is wrong, in one clause.
    pub wrong: String,
    /// What to write instead.
    pub mend: String,
}

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Problems in files; the text shows all of them.
    #[error("{0}")]
    Input(String),
    /// A name that is neither built in nor a file.
    #[error("error: {wrong}\n  = {mend}")]
    Usage {
        /// What is wrong.
        wrong: String,
        /// What to do instead.
        mend: String,
    },
    /// A file could not be read.
    #[error("error: cannot read {}: {source}\n  = {mend}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do instead.
        mend: String,
    },
    /// Results could not be written or drawn.
    #[error("error: {0}")]
    Write(#[from] output::Error),
    /// The rows could not be kept.
    #[error(
        "error: cannot write results to {}: {source}\n  = give --out a directory that can be made \
         and written to",
        directory.display()
    )]
    Rows {
        /// Where they were to go.
        directory: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rows that do not read back.
    #[error("error: {file}, line {line}: {wrong}")]
    Corrupt {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        wrong: String,
    },
    /// A trial ended without an outcome.
    #[error("error: trial {trial} of `{point}` failed: {wrong}\n  = see it happen: {replay}")]
    Trial {
        /// The design point.
        point: String,
        /// The trial.
        trial: u64,
        /// What went wrong.
        wrong: String,
        /// The command that replays it.
        replay: String,
        /// It is the program's mistake, not the user's.
        bug: bool,
    },
    /// Interrupted before two trials had been run under every design.
    #[error(
        "interrupted before two trials were complete under every design; one has no interval, so \
         nothing was kept"
    )]
    NothingKept,
    /// Interrupted before anything was done.
    #[error("interrupted before anything was done")]
    Interrupted,
}

impl Error {
    /// All problems of some files as one error, in the order in which they stand in the files.
    pub fn input(sources: &Sources, problems: Vec<Problem>) -> Error {
        Error::Input(render(sources, problems))
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NothingKept | Error::Interrupted => 130,
            Error::Trial { bug: true, .. } => 101,
            Error::Input(_)
            | Error::Usage { .. }
            | Error::Read { .. }
            | Error::Write(_)
            | Error::Rows { .. }
            | Error::Corrupt { .. }
            | Error::Trial { bug: false, .. } => 2,
        }
    }
}

/// How many problems are told at once.
const PROBLEMS_MAX: usize = 20;

/// The problems as text, each once, in the order in which they stand in the files.
pub fn render(sources: &Sources, mut problems: Vec<Problem>) -> String {
    problems.sort_by(|a, b| (a.place, &a.wrong).cmp(&(b.place, &b.wrong)));
    problems.dedup();
    let mut text = String::new();
    for problem in problems.iter().take(PROBLEMS_MAX) {
        render_one(&mut text, sources, problem);
    }
    if problems.len() > PROBLEMS_MAX {
        let _ = writeln!(
            text,
            "… and {} more problems",
            problems.len() - PROBLEMS_MAX
        );
    }
    text.truncate(text.trim_end().len());
    text
}

fn render_one(text: &mut String, sources: &Sources, problem: &Problem) {
    let _ = writeln!(text, "error: {}", problem.wrong);
    let Some(place) = problem.place else {
        let _ = writeln!(text, "  = {}\n", problem.mend);
        return;
    };
    let source = sources.file(place.file);
    let (line, column) = source.line_and_column(place.from);
    let length = source.text[..place.to.min(source.text.len())]
        .chars()
        .count()
        - source.text[..place.from.min(source.text.len())]
            .chars()
            .count();
    let margin = line.to_string().len();
    let (shown, before) = window(source.line(line), column - 1);
    let room = shown.chars().count().saturating_sub(before);
    let carets = "^".repeat(length.clamp(1, room.max(1)));
    let indent: String = shown
        .chars()
        .take(before)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let _ = writeln!(text, "{:margin$}--> {}:{line}:{column}", "", source.name);
    let _ = writeln!(text, "{:margin$} |", "");
    let _ = writeln!(text, "{line} | {shown}");
    let _ = writeln!(text, "{:margin$} | {indent}{carets}", "");
    let _ = writeln!(text, "{:margin$} = {}", "", problem.mend);
    if source.is_base {
        let _ = writeln!(text, "{:margin$} = {BASE}", "");
    }
    text.push('\n');
}

/// Said of what stands in a file that is extended.
const BASE: &str = "this stands in the file that yours extends: write your own in its place, or an \
                    empty array such as `fault = []` for none";

/// Lines longer than this are shown in part.
const SHOWN_MAX: usize = 100;

/// The part of a line around a place, and how many characters of it stand before that place.
fn window(line: &str, place: usize) -> (String, usize) {
    if line.chars().count() <= SHOWN_MAX {
        return (line.to_owned(), place);
    }
    let skipped = place.saturating_sub(SHOWN_MAX / 2);
    let part: String = line.chars().skip(skipped).take(SHOWN_MAX).collect();
    match skipped {
        0 => (format!("{part} …"), place),
        _ if skipped + SHOWN_MAX < line.chars().count() => {
            (format!("… {part} …"), place - skipped + 2)
        }
        _ => (format!("… {part}"), place - skipped + 2),
    }
}

/// The known word nearest to what was written, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&written, &word.to_lowercase()), word))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// A longer list says nothing beside a near word.
const LIST_MAX: usize = 16;

/// "did you mean …", or what there is to choose from.
pub fn suggest(written: &str, known: &[&str]) -> String {
    let known = once_each(known);
    let all = listed(&known);
    match nearest(written, known.iter().copied()).or_else(|| holding(written, &known)) {
        Some(word) if known.len() == 1 || known.len() > LIST_MAX => {
            format!("did you mean `{word}`?")
        }
        Some(word) => format!("did you mean `{word}`? known: {all}"),
        None => format!("known: {all}"),
    }
}

/// The words in quotes, each once, and no more of them than can be read.
pub fn listed(words: &[&str]) -> String {
    let words = once_each(words);
    let quoted = words.iter().take(LIST_MAX).map(|word| format!("`{word}`"));
    let mut text = quoted.collect::<Vec<_>>().join(", ");
    if words.len() > LIST_MAX {
        text.push_str(&format!(" and {} more", words.len() - LIST_MAX));
    }
    text
}

fn once_each<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let first = |place: &usize| !words[..*place].contains(&words[*place]);
    (0..words.len()).filter(first).map(|p| words[p]).collect()
}

/// The first word that begins with what was written.
fn holding<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let begins = |word: &&&str| word.to_lowercase().starts_with(&written);
    known
        .iter()
        .find(begins)
        .filter(|_| !written.is_empty())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_with_a_caret() {
        let mut sources = Sources::default();
        let file = sources.add("my.toml", "a = 1\nshard = 3\n");
        let place = Some(Place {
            file,
            from: 6,
            to: 11,
        });
        let mend = "did you mean `shards`?".to_owned();
        let text = render(
            &sources,
            vec![Problem {
                place,
                wrong: "no such key".into(),
                mend,
            }],
        );
        let expected = "error: no such key\n --> my.toml:2:1\n  |\n2 | shard = 3\n  | ^^^^^\n  \
                        = did you mean `shards`?";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_long_line_is_shown_around_the_problem() {
        let line: String = (0..60).map(|k| format!("{k:03},")).collect();
        let found = |place: usize| {
            let (shown, before) = window(&line, place);
            assert!(shown.chars().count() <= SHOWN_MAX + 4);
            shown.chars().skip(before).take(4).collect::<String>()
        };
        assert_eq!([found(0), found(120), found(236)], ["000,", "030,", "059,"]);
        assert_eq!(window("short", 2), ("short".to_owned(), 2));
    }

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        let known = ["interval", "timeout", "judge"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("time_out", known), Some("timeout"));
        assert_eq!(nearest("zebra", known), None);
    }

    #[test]
    fn every_known_word_is_told_once_and_a_long_list_is_cut() {
        assert_eq!(suggest("zebra", &["ping", "ping"]), "known: `ping`");
        let many: Vec<String> = (0..42).map(|k| format!("design {k}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let told = suggest("nope", &many);
        assert!(told.ends_with("`design 15` and 26 more"), "{told}");
        let point = suggest("ping", &[many.as_slice(), &["ping / shared"]].concat());
        assert_eq!(point, "did you mean `ping / shared`?");
    }
}
