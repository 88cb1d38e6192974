//! Statistics: plain functions on slices. Every estimate carries its interval, level and n.
//!
//! | file | answers |
//! | --- | --- |
//! | `estimate.rs` | how large is the mean, or a share, and how sure is that |
//! | `quantile.rs` | what do half, and 95 %, of the trials stay below |
//! | `paired.rs` | is B better than A, trial by trial; what did pairing gain |
//! | `bootstrap.rs` | the same for skewed losses; how likely is a design the best |
//! | `kolmogorov.rs` | do two samples come from one distribution |
//! | `binomial.rs` | is a count what a share makes one expect |
//! | `skewed.rs` | how far does the interval of a skewed mean reach, and do few trials carry it |
//! | `bounds.rs` | within which bounds is a share, or a skewed mean |
//! | `family.rs` | what can still be said when many designs are looked at together |

pub mod binomial;
pub mod bootstrap;
pub mod bounds;
pub mod estimate;
pub mod family;
pub mod kolmogorov;
pub mod paired;
pub mod quantile;
pub mod skewed;

pub use estimate::{Estimate, amount, mean};
pub use quantile::{P95_TRIALS_MIN, Quantile, quantile};

#[cfg(test)]
mod coverage;

/// The level of every interval that is printed.
pub const LEVEL: f64 = 0.95;
