//! Which trials were run, and which of them have no row.

/// What became of the trials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Trials 1 to this were run under every design.
    pub trials: u64,
    /// For each design, how many of them have a row.
    pub rows: Vec<u64>,
    /// Those that failed, in the order of trials, then of designs.
    pub failed: Vec<FailedTrial>,
}

/// A trial of one design that has no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTrial {
    /// The design.
    pub point: usize,
    /// The trial.
    pub trial: u64,
    /// What went wrong, in one clause.
    pub wrong: String,
}
