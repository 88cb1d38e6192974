//! What a service's durable spool takes while it is open, opening by opening.

use sim::SimTime;

use crate::answer::Answer;

/// One span of time in which a spool is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// It opens.
    pub from: SimTime,
    /// It closes; the horizon, if it is open to the end.
    pub to: SimTime,
    /// Writes that it took, of signers and callers alike, each press by itself.
    pub writes: u64,
}

/// The openings of a service's spool, in time order.
pub(super) fn openings(changes: &[(SimTime, Answer)], horizon: SimTime) -> Vec<Opening> {
    let ends = changes.iter().skip(1).map(|(at, _)| *at);
    let spans = changes.iter().zip(ends.chain([horizon]));
    let open = spans.filter(|((from, answer), _)| *answer == Answer::Spool && *from < horizon);
    open.map(|((from, _), to)| Opening {
        from: *from,
        to: to.min(horizon),
        writes: 0,
    })
    .collect()
}

/// Books `writes` that the spool took at `at`, when it was open.
pub(super) fn take(openings: &mut [Opening], at: SimTime, writes: u64) {
    let next = openings.partition_point(|opening| opening.from <= at);
    let opening = &mut openings[next - 1];
    assert!(at < opening.to, "only an open spool takes anything");
    opening.writes += writes;
}
