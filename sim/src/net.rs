//! When what has come less what has gone first reaches a bound, or falls below it: exact to the
//! arrival and to the departure.
//!
//! The level rises and falls, so a single search does not find it at once. Each half only grows:
//!
//! ```text
//!   │            ____/ come                 while nothing more goes than has gone at a,
//!   │       ____/   ╎                       the level cannot reach the bound before b;
//!   │  ____/        ╎   ____/ gone          at b it is looked at again
//!   └──a────────────b──────────► t
//! ```
//!
//! Steps are long while the level is far from the bound, and one arrival long next to it.

use crate::edge::Change;
use crate::search::Watch;
use crate::term::Term;
use crate::time::{SimDuration, SimTime};

const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// Changes that the eager walk holds in memory at a time.
const EAGER_MAX: f64 = 65_536.0;

/// The first instant of `[from, to)` at which what has `come`, less what has `gone`, adds up to
/// `bound` or more. What comes or goes at `t` counts from `t` on.
///
/// # Panics
/// With more than [`crate::crossing::TERMS_MAX`] terms of one kind.
pub fn first_reach_net(
    (come, gone): (&[Term], &[Term]),
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let bound = signed(bound);
    first((come, gone), |left| bound.saturating_add(left), (from, to))
}

/// The first instant of `[from, to)` at which what has `come`, less what has `gone`, is less than
/// `bound`.
///
/// # Panics
/// With more than [`crate::crossing::TERMS_MAX`] terms of one kind.
pub fn first_below_net(
    (come, gone): (&[Term], &[Term]),
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let bound = signed(bound);
    // The level is below the bound once departures exceed arrivals less the bound.
    let most = |there: i64| there.saturating_sub(bound).saturating_add(1);
    first((gone, come), most, (from, to))
}

/// [`first_reach_net`] by opening everything before `to` in time order: the same, slowly.
pub fn first_reach_net_eager(
    (come, gone): (&[Term], &[Term]),
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let bound = signed(bound);
    walk((come, gone), (from, to), |level| level >= bound)
}

/// [`first_below_net`] by opening everything before `to` in time order: the same, slowly.
pub fn first_below_net_eager(
    (come, gone): (&[Term], &[Term]),
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let bound = signed(bound);
    walk((come, gone), (from, to), |level| level < bound)
}

/// The first instant of `[from, to)` at which the `moving` total reaches the threshold that follows
/// from the `other` one. That only grows with the other, so nothing is found too early while the
/// other stands still, and is looked at again where it has moved.
fn first(
    (moving, other): (&[Term], &[Term]),
    threshold: impl Fn(i64) -> i64,
    (from, to): (SimTime, SimTime),
) -> Option<SimTime> {
    let (mut moving, mut other) = (Watch::reaching(moving, 0), Watch::reaching(other, 0));
    let mut at = from;
    loop {
        let known = through(&mut other, at);
        moving.threshold = threshold(known);
        at = moving.search(at, to)?;
        if through(&mut other, at) == known {
            return Some(at);
        }
    }
}

fn signed(bound: u64) -> i64 {
    i64::try_from(bound).unwrap_or(i64::MAX)
}

/// The total through `t`, changes of that instant included.
fn through(watch: &mut Watch, t: SimTime) -> i64 {
    watch.total.exact(t.saturating_add(INSTANT))
}

/// Steps through all changes before `to`, a bounded number at a time.
fn walk(
    (come, gone): (&[Term], &[Term]),
    (from, to): (SimTime, SimTime),
    found: impl Fn(i64) -> bool,
) -> Option<SimTime> {
    let (mut come, mut gone) = (Watch::reaching(come, 0), Watch::reaching(gone, 0));
    let mut level = come.total.exact(from) - gone.total.exact(from);
    let mut pending = vec![(from, to)];
    while let Some((a, b)) = pending.pop() {
        if a >= b {
            continue;
        }
        let expected = come.total.expected(a, b) + gone.total.expected(a, b);
        if expected > EAGER_MAX && b - a > INSTANT {
            let middle = a + (b - a) / 2;
            pending.extend([(middle, b), (a, middle)]);
            continue;
        }
        let mut changes: Vec<Change> = vec![(from.clamp(a, b), 0)];
        gone.total.open(a, b, &mut changes);
        changes.iter_mut().for_each(|(_, by)| *by = -*by);
        come.total.open(a, b, &mut changes);
        changes.sort_by_key(|(at, _)| *at);
        for together in changes.chunk_by(|one, next| one.0 == next.0) {
            level += together.iter().map(|(_, by)| by).sum::<i64>();
            if found(level) && together[0].0 < b {
                return Some(together[0].0);
            }
        }
    }
    None
}
