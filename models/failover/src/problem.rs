//! What is wrong with a key of a specification.

/// A key that cannot be as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: &'static str,
    /// What it is, and why that cannot be.
    pub wrong: String,
    /// What to write instead.
    pub help: String,
}

/// Adds a problem unless it is fine.
pub(crate) fn unless(
    problems: &mut Vec<Problem>,
    fine: bool,
    key: &'static str,
    wrong: impl Into<String>,
    help: impl Into<String>,
) {
    if !fine {
        problems.push(Problem {
            key,
            wrong: wrong.into(),
            help: help.into(),
        });
    }
}
