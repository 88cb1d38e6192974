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
use crate::edge::{Change, Edge};
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
        let after = t.saturating_add(INSTANT);
        let edges = self.edges().map(|(lag, grows)| {
            let mut edge = Edge::new(self, lag, grows);
            let total = edge.total(after);
            edge.signed(total)
        });
        let level = i128::from(self.offset) + edges.sum::<i128>();
        u64::try_from(level).expect("no more expires than came in")
    }

    /// Arrivals, and expiries if there are any: how late they are, and whether the level grows.
    fn edges(&self) -> impl Iterator<Item = (SimDuration, bool)> {
        let expiry = self.ttl.map(|ttl| (ttl, false));
        [(SimDuration::ZERO, true)].into_iter().chain(expiry)
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
    let (mut edges, threshold) = rising_with_level(terms, bound);
    search(&mut edges, threshold, from, to)
}

/// The first instant of `[from, to)` at which the terms' levels add up to less than `bound` bytes.
pub fn first_below(terms: &[Term], bound: u64, from: SimTime, to: SimTime) -> Option<SimTime> {
    let (mut edges, threshold) = falling_with_level(terms, bound);
    search(&mut edges, threshold, from, to)
}

/// [`first_reach`] by opening every arrival before `to` in time order: the same instant, slowly.
pub fn first_reach_eager(
    terms: &[Term],
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let (mut edges, threshold) = rising_with_level(terms, bound);
    walk(&mut edges, threshold, from, to)
}

/// [`first_below`] by opening every arrival before `to` in time order: the same instant, slowly.
pub fn first_below_eager(
    terms: &[Term],
    bound: u64,
    from: SimTime,
    to: SimTime,
) -> Option<SimTime> {
    let (mut edges, threshold) = falling_with_level(terms, bound);
    walk(&mut edges, threshold, from, to)
}

/// The resolution of time.
const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// `level >= bound`, with the constants moved to the right.
fn rising_with_level<'a>(terms: &[Term<'a>], bound: u64) -> (Vec<Edge<'a>>, i128) {
    let edges = terms.iter().flat_map(|term| {
        let edges = term.edges();
        edges.map(move |(lag, grows)| Edge::new(term, lag, grows))
    });
    (edges.collect(), i128::from(bound) - offsets(terms))
}

/// `level < bound` as `-level >= 1 - bound`: the same search with arrivals and expiries exchanged.
fn falling_with_level<'a>(terms: &[Term<'a>], bound: u64) -> (Vec<Edge<'a>>, i128) {
    let (mut edges, threshold) = rising_with_level(terms, bound);
    for edge in &mut edges {
        edge.rising = !edge.rising;
    }
    (edges, 1 - threshold)
}

fn offsets(terms: &[Term]) -> i128 {
    terms.iter().map(|term| i128::from(term.offset)).sum()
}

/// Branch and bound over time, earlier half first.
fn search(edges: &mut [Edge], threshold: i128, from: SimTime, to: SimTime) -> Option<SimTime> {
    let mut pending = vec![(from, to)];
    let mut changes = Vec::new();
    while let Some((a, b)) = pending.pop() {
        if a >= b || !may_reach(edges, threshold, a, b) {
            continue;
        }
        if is_small(edges, a, b, OPENED_MAX) {
            let mut sum = sum_before(edges, a);
            let found = step_through(edges, &mut sum, threshold, (a, b), a, &mut changes);
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

/// The exact sum before `t`.
fn sum_before(edges: &mut [Edge], t: SimTime) -> i128 {
    let totals = edges.iter_mut().map(|edge| {
        let total = edge.total(t);
        edge.signed(total)
    });
    totals.sum()
}

/// Whether the sum can reach the threshold in `[a, b)`: at most, everything that rises has risen by
/// `b`, and nothing falls after `a`. Looks closer while that is in doubt, at the vaguest edge first.
fn may_reach(edges: &mut [Edge], threshold: i128, a: SimTime, b: SimTime) -> bool {
    let (mut upper, mut slack) = (0, 0);
    for edge in edges.iter_mut() {
        edge.seek(if edge.rising { b } else { a + INSTANT });
        upper += edge.signed(if edge.rising { edge.high } else { edge.low });
        slack += edge.slack();
    }
    while upper >= threshold && upper - slack < threshold {
        let vaguest = edges.iter_mut().max_by_key(|edge| edge.slack());
        let edge = vaguest.expect("without edges there is no slack");
        let (low, high) = (edge.low, edge.high);
        edge.refine();
        upper -= if edge.rising {
            high - edge.high
        } else {
            edge.low - low
        };
        slack -= (high - low) - edge.slack();
    }
    upper >= threshold
}

/// Opens everything and walks through it, a bounded number of changes at a time.
fn walk(edges: &mut [Edge], threshold: i128, from: SimTime, to: SimTime) -> Option<SimTime> {
    let mut pending = vec![(SimTime::ZERO, to)];
    let mut changes = Vec::new();
    let mut sum = 0;
    while let Some((a, b)) = pending.pop() {
        if a >= b {
            continue;
        }
        if is_small(edges, a, b, EAGER_CHANGES) {
            let found = step_through(edges, &mut sum, threshold, (a, b), from, &mut changes);
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

/// Applies the changes of the interval to `sum`, the total before it; the first instant from `from`
/// on at which it reaches the threshold.
fn step_through(
    edges: &mut [Edge],
    sum: &mut i128,
    threshold: i128,
    (a, b): (SimTime, SimTime),
    from: SimTime,
    changes: &mut Vec<Change>,
) -> Option<SimTime> {
    changes.clear();
    // Nothing may change at the instant where watching starts; it counts all the same.
    changes.push((from.clamp(a, b), 0));
    for edge in edges {
        edge.open(a, b, changes);
    }
    // Stable and quick on what is sorted in pieces.
    changes.sort_by_key(|(at, _)| *at);
    for together in changes.chunk_by(|one, next| one.0 == next.0) {
        let at = together[0].0;
        *sum += together.iter().map(|(_, by)| i128::from(*by)).sum::<i128>();
        if *sum >= threshold && from <= at && at < b {
            return Some(at);
        }
    }
    None
}

fn is_small(edges: &[Edge], a: SimTime, b: SimTime, changes_max: f64) -> bool {
    let changes: f64 = edges.iter().map(|edge| edge.expected(a, b)).sum();
    changes <= changes_max || b - a <= INSTANT
}

fn middle(a: SimTime, b: SimTime) -> SimTime {
    a + (b - a) / 2
}
