//! What goes wrong for a user: where, what, and how to fix it.
//!
//! All problems of a file are reported together, drawn by [`Report`]. Mistakes of ours are panics
//! and do not pass here.

mod draw;
mod suggest;

use std::path::PathBuf;

use crate::sources::{Place, Sources};
pub use draw::{Report, is_hidden, visible};
pub use suggest::{listed, nearest, suggest};

/// One thing that a user should fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written; `None` only where nothing was written at all.
    pub place: Option<Place>,
    /// What is wrong, in one clause.
    pub wrong: String,
    /// What to write instead.
    pub help: String,
}

/// The exit code when trials failed: what the others yielded is complete.
pub const TRIALS_FAILED: u8 = 3;

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Problems in files; the text shows all of them.
    #[error("{0}")]
    Input(Report),
    /// A name that is neither built in nor a file.
    #[error("error: {wrong}\n  = {help}")]
    Usage {
        /// What is wrong.
        wrong: String,
        /// What to do instead.
        help: String,
    },
    /// A file could not be read.
    #[error("error: cannot read {}: {source}\n  = {help}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do instead.
        help: String,
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
    #[error("error: trial {trial} of `{point}` failed: {wrong}{}", told(replay.as_deref()))]
    Trial {
        /// The design point.
        point: String,
        /// The trial.
        trial: u64,
        /// What went wrong.
        wrong: String,
        /// The command that replays it, unless that is what failed.
        replay: Option<String>,
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

fn told(replay: Option<&str>) -> String {
    replay.map_or_else(String::new, |replay| {
        format!("\n  = see it happen: {replay}")
    })
}

impl Error {
    /// All problems of some files as one error, in the order in which they stand in the files.
    pub fn input(sources: &Sources, problems: Vec<Problem>) -> Error {
        Error::Input(Report::of(sources, problems))
    }

    /// The text for a terminal, with colour where that is wanted.
    pub fn text(&self, colour: bool) -> String {
        match self {
            Error::Input(report) => report.text(colour).to_owned(),
            Error::Usage { .. }
            | Error::Read { .. }
            | Error::Write(_)
            | Error::Rows { .. }
            | Error::Corrupt { .. }
            | Error::Trial { .. }
            | Error::NothingKept
            | Error::Interrupted => self.to_string(),
        }
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NothingKept | Error::Interrupted => 130,
            Error::Trial { .. } => TRIALS_FAILED,
            Error::Input(_)
            | Error::Usage { .. }
            | Error::Read { .. }
            | Error::Write(_)
            | Error::Rows { .. }
            | Error::Corrupt { .. } => 2,
        }
    }
}
