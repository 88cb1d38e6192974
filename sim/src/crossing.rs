//! When a sum of levels first reaches a bound, exact to the arrival.
//!
//! A level is what a process has brought in so far, perhaps less what has expired since, perhaps
//! standing still while arrivals were rejected. Sums of levels are searched by branch and bound:
//!
//! ```text
//! sum │          ┌─ at most what came in by b less what had expired by a
//!     │ ─ ─ ─ ─ ─│─ ─ ─ ─ ─ ─ ─ bound        below the bound: the whole of [a, b) is dismissed,
//!     │      ....│.               nothing in it is opened
//!     │  ....    │ ....           otherwise: look closer, halve it, or, when a few dozen changes
//!     └──a───────b───────► t      are left, open them and walk through
//! ```
//!
//! An interval is only ever dismissed on bounds that hold for every path inside it, so the instant
//! found is the one that opening every arrival finds ([`first_reach_eager`]), to the nanosecond.
//! Watching a level that hovers just below its bound costs more, since little can be dismissed.
//!
//! What arrives at `t` counts from `t` on, for `ttl`: it has expired at `at + ttl`. Changes of one
//! instant take effect together.

use crate::arrivals::ArrivalTree;
use crate::edge::{Bounds, Change, Edge, Side};
use crate::time::{SimDuration, SimTime};

/// One summand of a level: what a tree has brought in, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Term<'a> {
    pub(crate) tree: &'a ArrivalTree,
    pub(crate) amount: Amount,
    pub(crate) closed: Option<&'a ClosedWindows>,
    ttl: Option<SimDuration>,
    offset: u64,
}

/// What one arrival adds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// Its own size.
    Sizes,
    /// Always these bytes.
    Each(u64),
}

/// When a process' arrivals were rejected and added nothing: windows in time order.
#[derive(Clone, Debug, Default)]
pub struct ClosedWindows {
    windows: Vec<Closed>,
    /// Arrivals and bytes rejected in all windows that have ended.
    rejected: (u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    from: SimTime,
    to: SimTime,
    rejected_before: (u64, u64),
}

/// The resolution of time.
const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// Intervals with fewer expected changes are opened rather than halved.
const OPENED_MAX: f64 = 64.0;

/// Changes that the eager walk holds in memory at a time.
const EAGER_CHANGES: f64 = 65_536.0;

impl<'a> Term<'a> {
    /// Every arrival adds its own size.
    pub fn sizes(tree: &'a ArrivalTree) -> Term<'a> {
        Term {
            tree,
            amount: Amount::Sizes,
            closed: None,
            ttl: None,
            offset: 0,
        }
    }

    /// Every arrival adds `bytes_each`, whatever its size.
    pub fn counted(tree: &'a ArrivalTree, bytes_each: u64) -> Term<'a> {
        Term {
            amount: Amount::Each(bytes_each),
            ..Term::sizes(tree)
        }
    }

    /// What arrives is gone again after `ttl`.
    pub fn expiring(self, ttl: SimDuration) -> Term<'a> {
        Term {
            ttl: Some(ttl),
            ..self
        }
    }

    /// What arrived in these windows was rejected and adds nothing. They must be this tree's.
    pub fn closed(self, windows: &'a ClosedWindows) -> Term<'a> {
        Term {
            closed: Some(windows),
            ..self
        }
    }

    /// Bytes that are there from the start and stay.
    pub fn offset(self, bytes: u64) -> Term<'a> {
        Term {
            offset: bytes,
            ..self
        }
    }

    /// The level in bytes at `t`, with everything that happens at `t`.
    pub fn level(&self, t: SimTime) -> u64 {
        let (mut arrived, mut expired) = edges_of(std::slice::from_ref(self));
        let after = t.saturating_add(INSTANT);
        let level = i128::from(self.offset) + arrived.total(after) - expired.total(after);
        u64::try_from(level).expect("no more expires than came in")
    }
}

impl Amount {
    /// Bytes of so many arrivals with so many bytes of their own.
    pub fn of(self, count: u64, bytes: u64) -> i128 {
        match self {
            Amount::Sizes => i128::from(bytes),
            Amount::Each(each) => i128::from(count) * i128::from(each),
        }
    }
}

impl ClosedWindows {
    /// No windows: everything is accepted.
    pub fn new() -> ClosedWindows {
        ClosedWindows::default()
    }

    /// Rejects everything from `at` on, until [`ClosedWindows::reopen`].
    ///
    /// # Panics
    /// If it is closed already, or was still closed at `at`.
    pub fn close(&mut self, at: SimTime) {
        if let Some(last) = self.windows.last() {
            assert!(last.to < SimTime::MAX, "closed twice");
            assert!(last.to <= at, "windows must not overlap");
        }
        self.windows.push(Closed {
            from: at,
            to: SimTime::MAX,
            rejected_before: self.rejected,
        });
    }

    /// Accepts again from `at` on; `tree` is the process whose arrivals were rejected.
    ///
    /// # Panics
    /// If it is not closed, or was closed after `at`.
    pub fn reopen(&mut self, tree: &ArrivalTree, at: SimTime) {
        let last = self.windows.last_mut().expect("it was closed before");
        assert!(last.to == SimTime::MAX, "reopened twice");
        assert!(last.from <= at, "a window must not end before it starts");
        last.to = at;
        let (count, bytes) = tree.totals(last.from, at);
        self.rejected = (self.rejected.0 + count, self.rejected.1 + bytes);
    }

    /// Closed in each `[from, to)`, ascending and apart.
    pub fn of(tree: &ArrivalTree, windows: &[(SimTime, SimTime)]) -> ClosedWindows {
        let mut closed = ClosedWindows::new();
        for (from, to) in windows {
            closed.close(*from);
            closed.reopen(tree, *to);
        }
        closed
    }

    /// Whether what arrives at `t` is rejected.
    pub fn contains(&self, t: SimTime) -> bool {
        let started = self.windows.partition_point(|window| window.from <= t);
        started
            .checked_sub(1)
            .is_some_and(|last| self.windows[last].holds(t))
    }

    /// What was accepted before `t` is what arrived before the returned instant, less the returned
    /// arrivals and bytes: inside a window, the count stands still.
    pub(crate) fn effective(&self, t: SimTime) -> (SimTime, (u64, u64)) {
        let started = self.windows.partition_point(|window| window.from <= t);
        let Some(last) = started.checked_sub(1).map(|last| self.windows[last]) else {
            return (t, (0, 0));
        };
        if last.holds(t) {
            return (last.from, last.rejected_before);
        }
        let next = self.windows.get(started);
        (t, next.map_or(self.rejected, |next| next.rejected_before))
    }
}

impl Closed {
    /// Whether `t` lies inside; a window that has not ended has no end.
    fn holds(&self, t: SimTime) -> bool {
        self.from <= t && (t < self.to || self.to == SimTime::MAX)
    }
}

/// The first instant of `[from, to)` at which the terms' levels add up to `bound` bytes or more.
pub fn first_reach(terms: &[Term], bound: u64, from: SimTime, to: SimTime) -> Option<SimTime> {
    Watch::reaching(terms, bound).search(from, to)
}

/// The first instant of `[from, to)` at which the terms' levels add up to less than `bound` bytes.
pub fn first_below(terms: &[Term], bound: u64, from: SimTime, to: SimTime) -> Option<SimTime> {
    Watch::falling_below(terms, bound).search(from, to)
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

/// [`first_below`] by opening every arrival before `to` in time order: the same instant, slowly.
pub fn first_below_eager(
    terms: &[Term],
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    Watch::falling_below(terms, bound).walk(from, to)
}

/// What arrives and what expires.
fn edges_of<'a>(terms: &[Term<'a>]) -> (Side<'a>, Side<'a>) {
    let arrived = terms.iter().map(|term| Edge::new(term, SimDuration::ZERO));
    let expired = terms
        .iter()
        .filter_map(|term| Some(Edge::new(term, term.ttl?)));
    (Side::new(arrived.collect()), Side::new(expired.collect()))
}

fn offsets(terms: &[Term]) -> i128 {
    terms.iter().map(|term| i128::from(term.offset)).sum()
}

/// The question whether `rising - falling >= threshold`.
struct Watch<'a> {
    rising: Side<'a>,
    falling: Side<'a>,
    threshold: i128,
    changes: Vec<Change>,
}

/// A stretch of time that has not been dismissed, with what is known so far.
#[derive(Clone, Copy)]
struct Interval {
    from: SimTime,
    to: SimTime,
    /// All that rises, before `to`.
    risen: Bounds,
    /// All that falls, up to and including `from`.
    fallen: Bounds,
}

impl<'a> Watch<'a> {
    /// `level >= bound`, with the constants moved to the right.
    fn reaching(terms: &[Term<'a>], bound: u64) -> Watch<'a> {
        let (rising, falling) = edges_of(terms);
        Watch {
            rising,
            falling,
            threshold: i128::from(bound) - offsets(terms),
            changes: Vec::new(),
        }
    }

    /// `level < bound` as `-level >= 1 - bound`: arrivals and expiries change places.
    fn falling_below(terms: &[Term<'a>], bound: u64) -> Watch<'a> {
        let Watch {
            rising,
            falling,
            threshold,
            changes,
        } = Watch::reaching(terms, bound);
        Watch {
            rising: falling,
            falling: rising,
            threshold: 1 - threshold,
            changes,
        }
    }

    /// Branch and bound over time, earlier half first.
    fn search(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        if from >= to {
            return None;
        }
        let whole = Interval {
            from,
            to,
            risen: self.rising.bounds(to),
            fallen: self.falling.bounds(from + INSTANT),
        };
        let mut pending = vec![whole];
        while let Some(interval) = pending.pop() {
            let Some(Interval {
                from,
                to,
                risen,
                fallen,
            }) = self.undismissed(interval)
            else {
                continue;
            };
            if self.is_small(from, to, OPENED_MAX) {
                let mut sum = self.rising.total(from) - self.falling.total(from);
                let found = self.step_through((from, to), &mut sum, from);
                if found.is_some() {
                    return found;
                }
            } else {
                let middle = middle(from, to);
                pending.push(Interval {
                    from: middle,
                    fallen: Bounds::UNKNOWN,
                    to,
                    risen,
                });
                pending.push(Interval {
                    to: middle,
                    risen: Bounds::UNKNOWN,
                    from,
                    fallen,
                });
            }
        }
        None
    }

    /// The interval with what had to be learnt about it, unless the sum stays below the threshold:
    /// at most, all that rises has risen by `to`, and nothing falls after `from`. Looks closer while
    /// that is in doubt, at the side that is known less.
    fn undismissed(&mut self, mut interval: Interval) -> Option<Interval> {
        let Interval {
            from,
            to,
            risen,
            fallen,
        } = &mut interval;
        if *risen == Bounds::UNKNOWN {
            *risen = self.rising.bounds(*to);
        }
        if *fallen == Bounds::UNKNOWN {
            *fallen = self.falling.bounds(*from + INSTANT);
        }
        loop {
            if risen.high - fallen.low < self.threshold {
                return None;
            }
            if risen.low - fallen.high >= self.threshold {
                return Some(interval);
            }
            if risen.slack() >= fallen.slack() {
                *risen = self.rising.closer(*to, *risen);
            } else {
                *fallen = self.falling.closer(*from + INSTANT, *fallen);
            }
        }
    }

    /// Opens everything and walks through it, a bounded number of changes at a time.
    fn walk(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        let mut pending = vec![(SimTime::ZERO, to)];
        let mut sum = 0;
        while let Some((a, b)) = pending.pop() {
            if a >= b {
                continue;
            }
            if self.is_small(a, b, EAGER_CHANGES) {
                let found = self.step_through((a, b), &mut sum, from);
                if found.is_some() {
                    return found;
                }
            } else {
                let middle = middle(a, b);
                pending.extend([(middle, b), (a, middle)]);
            }
        }
        None
    }

    /// Applies the changes of `[a, b)` to `sum`, the total before it; the first instant from `from`
    /// on at which it reaches the threshold.
    fn step_through(
        &mut self,
        (a, b): (SimTime, SimTime),
        sum: &mut i128,
        from: SimTime,
    ) -> Option<SimTime> {
        let changes = &mut self.changes;
        changes.clear();
        // Nothing may change at the instant where watching starts; it counts all the same.
        changes.push((from.clamp(a, b), 0));
        self.rising.open(a, b, 1, changes);
        self.falling.open(a, b, -1, changes);
        // Stable and quick on what is sorted in pieces.
        changes.sort_by_key(|(at, _)| *at);
        for together in changes.chunk_by(|one, next| one.0 == next.0) {
            let at = together[0].0;
            *sum += together.iter().map(|(_, by)| i128::from(*by)).sum::<i128>();
            if *sum >= self.threshold && from <= at && at < b {
                return Some(at);
            }
        }
        None
    }

    fn is_small(&self, a: SimTime, b: SimTime, changes_max: f64) -> bool {
        b - a <= INSTANT || self.rising.expected(a, b) + self.falling.expected(a, b) <= changes_max
    }
}

fn middle(a: SimTime, b: SimTime) -> SimTime {
    a + (b - a) / 2
}
