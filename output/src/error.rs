//! What can be wrong with something that is to be put on paper.

use std::fmt;
use std::path::PathBuf;

/// Why a table, chart, report or file could not be written.
#[derive(Debug)]
pub enum Error {
    /// A number was NaN or infinite. Nothing missing is drawn as zero: leave the value out instead.
    NotFinite {
        /// The title of the chart or table.
        title: String,
        /// Which number, for instance `row "two zones", value`.
        place: String,
        /// What stood there.
        value: f64,
    },
    /// A logarithmic axis was given a value that is not above zero.
    NotPositive {
        /// The title of the chart.
        title: String,
        /// Which number.
        place: String,
        /// What stood there.
        value: f64,
    },
    /// Parts that belong together do not fit: rows of different lengths, spans that end before
    /// they start, intervals turned round.
    Mismatch {
        /// The title of the chart or table.
        title: String,
        /// What does not fit.
        problem: String,
    },
    /// Rows could not be turned into CSV or JSON.
    Encode {
        /// The format that was to be written.
        format: &'static str,
        /// What the encoder said.
        problem: String,
    },
    /// A file or directory could not be written.
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFinite {
                title,
                place,
                value,
            } => write!(
                f,
                "\"{title}\": {place} is {value}, which is not a number that can be drawn; \
                 leave the value out where it is undefined"
            ),
            Error::NotPositive {
                title,
                place,
                value,
            } => write!(
                f,
                "\"{title}\": {place} is {value}, but its axis is logarithmic and needs values \
                 above zero; use a linear axis or leave the value out"
            ),
            Error::Mismatch { title, problem } => write!(f, "\"{title}\": {problem}"),
            Error::Encode { format, problem } => write!(f, "cannot write {format}: {problem}"),
            Error::Write { path, source } => write!(f, "cannot write {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Write { source, .. } => Some(source),
            Error::NotFinite { .. }
            | Error::NotPositive { .. }
            | Error::Mismatch { .. }
            | Error::Encode { .. } => None,
        }
    }
}
