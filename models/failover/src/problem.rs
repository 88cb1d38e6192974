//! What is wrong with a key of a specification.

use sim::SimDuration;

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

/// Writing a configuration file takes no longer than this.
const CONFIG_SAVE_MAX: SimDuration = SimDuration::from_mins(1);

/// Adds a problem if writing a configuration file takes too long.
pub(crate) fn unless_saved(problems: &mut Vec<Problem>, config_save: SimDuration) {
    unless(
        problems,
        config_save <= CONFIG_SAVE_MAX,
        "config_save",
        format!("it is {config_save}, and nothing else is done or sent meanwhile"),
        format!("write at most {CONFIG_SAVE_MAX}"),
    );
}
