//! When a sum of levels first reaches a bound, exact to the arrival.
//!
//! A level is what a process has brought in so far. It stands still while arrivals are rejected:
//!
//! ```text
//! bytes │                          ____/
//!       │               __________/
//!       │          ____/  (closed)
//!       │     ____/
//!       └────/────────────────────────► t
//! ```
//!
//! The instant found is the one that opening every arrival finds ([`first_reach_eager`]), to the
//! nanosecond; `search.rs` explains how it is found without. What arrives at `t` counts from `t`
//! on. Changes of one instant take effect together.

use crate::search::Watch;
pub use crate::term::{ClosedWindows, TERMS_MAX, Term};
use crate::time::SimTime;

/// The first instant of `[from, to)` at which the terms' levels add up to `bound` bytes or more.
///
/// # Panics
/// With more than [`TERMS_MAX`] terms.
pub fn first_reach(terms: &[Term], bound: u64, from: SimTime, to: SimTime) -> Option<SimTime> {
    Watch::reaching(terms, bound).search(from, to)
}

/// [`first_reach`] by opening every arrival before `to` in time order: the same instant, slowly.
pub fn first_reach_eager(
    terms: &[Term],
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    Watch::reaching(terms, bound).walk(from, to)
}
