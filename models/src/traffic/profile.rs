//! The profiles of a day and of a week, by local wall clock.
//!
//! Factors are used as they are: a profile keeps the stated mean if its own mean is 1.

use sim::{Factor, SimDuration, SimTime};

use super::Steps;
use crate::spec::clock::DAY;

/// A factor for each hour of the day.
pub(super) fn hourly(hours: &[Factor], monday: SimDuration, end: SimTime) -> Steps {
    cycle(hours, SimDuration::from_hours(1), monday, end)
}

/// A factor for each day of the week, Monday first.
pub(super) fn weekly(days: &[Factor], monday: SimDuration, end: SimTime) -> Steps {
    cycle(days, DAY, monday, end)
}

/// The factors in turn, each for `each`, from a Monday's midnight `monday` before the start on.
fn cycle(factors: &[Factor], each: SimDuration, monday: SimDuration, end: SimTime) -> Steps {
    let first = monday.as_nanos() / each.as_nanos();
    let starts = |number: u64| SimTime::from_nanos((each * number).as_nanos() - monday.as_nanos());
    let factor = |number: u64| factors[number as usize % factors.len()].get();
    let later = (first + 1..).map(|number| (starts(number), factor(number)));
    std::iter::once((SimTime::ZERO, factor(first)))
        .chain(later.take_while(|(from, _)| *from < end))
        .collect()
}
