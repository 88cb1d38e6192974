//! Branch and bound for the first instant at which a total reaches a threshold.
//!
//! The total never falls, so over `[a, b)` it is at most what has arrived by `b`:
//!
//! ```text
//!   │                    ┌──── total at b
//!   │ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─│─ ─ threshold      below it: [a, b) is dismissed, nothing is opened
//!   │            .:.:'   │                   otherwise: cut it where the threshold should be met,
//!   │     .:.:''         │                   the earlier part first; when a few dozen arrivals are
//!   └─────a──────────────b────► t            left, open them and step through
//! ```
//!
//! Bounds hold for whatever the cells above have drawn, and cells are only looked at as closely as
//! a decision needs. Where to cut is a guess from what is known and expected; a bad guess costs
//! time and changes nothing in the answer.

use crate::edge::{Change, Edge};
use crate::term::{TERMS_MAX, Term};
use crate::time::{SimDuration, SimTime};

/// The resolution of time.
const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// Stretches with fewer expected arrivals are opened rather than cut.
const OPENED_MAX: f64 = 64.0;

/// Arrivals that the eager walk holds in memory at a time.
const EAGER_MAX: f64 = 65_536.0;

/// A cut keeps this share of the way, and so many deviations of a Poisson count, from where the
/// threshold should be met. Nearer cuts dismiss more at once, but must be looked at more closely.
const MARGIN: f64 = 0.35;

/// See `MARGIN`.
const DEVIATIONS: f64 = 2.0;

/// The question when the terms' levels add up to the threshold.
pub(crate) struct Watch<'a> {
    pub(crate) total: Total<'a>,
    pub(crate) threshold: i64,
    changes: Vec<Change>,
}

/// All edges, looking at one instant together.
pub(crate) struct Total<'a> {
    edges: Vec<Edge<'a>>,
    looks_at: Option<SimTime>,
}

/// What is known of a total.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: i64,
    high: i64,
    /// Its expected value; only guesses rest on it.
    expected: f64,
}

/// Where the stretches that are left begin: nothing earlier reaches the threshold.
struct Start {
    at: SimTime,
    /// The total before `at`.
    total: Bounds,
}

/// Where a stretch ends that may reach the threshold.
struct End {
    at: SimTime,
    /// The total before `at`.
    total: Bounds,
    /// Whether this is a cut that was meant to be dismissed.
    guessed: bool,
}

impl<'a> Watch<'a> {
    /// `level >= bound`.
    pub fn reaching(terms: &[Term<'a>], bound: u64) -> Watch<'a> {
        assert!(terms.len() <= TERMS_MAX, "too many terms: {}", terms.len());
        Watch {
            total: Total {
                edges: terms.iter().map(Edge::new).collect(),
                looks_at: None,
            },
            // So many terms do not add up to the largest integer.
            threshold: i64::try_from(bound).unwrap_or(i64::MAX),
            changes: Vec::new(),
        }
    }

    /// The first instant in `[from, to)`, with as little opened as possible.
    pub fn search(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        if from >= to {
            return None;
        }
        let to = to.min(self.total.silent_from().max(from + INSTANT));
        let total = self.total.bounds(from);
        let mut start = Start { at: from, total };
        let mut ends = vec![self.end(to, false)];
        while let Some(mut end) = ends.pop() {
            if !self.may_reach(&mut end) {
                start = end.passed();
                continue;
            }
            let arrivals = self.total.expected(start.at, end.at);
            if arrivals > OPENED_MAX && end.at - start.at > INSTANT {
                let cut = self.cut(&start, &end, arrivals);
                end.guessed = false;
                ends.push(end);
                ends.push(self.end(cut, true));
                continue;
            }
            let mut sum = self.total.exact(start.at);
            let found = self.step_through((start.at, end.at), &mut sum, from);
            if found.is_some() {
                return found;
            }
            start = end.passed();
        }
        None
    }

    /// The first instant in `[from, to)` by opening everything before `to`, a bounded number of
    /// arrivals at a time.
    pub fn walk(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        let mut pending = vec![(SimTime::ZERO, to)];
        let mut sum = self.total.exact(SimTime::ZERO);
        while let Some((a, b)) = pending.pop() {
            if a >= b {
                continue;
            }
            if self.total.expected(a, b) > EAGER_MAX && b - a > INSTANT {
                let middle = a + (b - a) / 2;
                pending.extend([(middle, b), (a, middle)]);
                continue;
            }
            let found = self.step_through((a, b), &mut sum, from);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether the total can reach the threshold before the end. Looks closer while that is in
    /// doubt.
    fn may_reach(&mut self, end: &mut End) -> bool {
        loop {
            if end.total.high < self.threshold {
                return false;
            }
            if end.total.low >= self.threshold {
                return true;
            }
            end.total = self.total.closer(end.at, end.total);
        }
    }

    /// Where to cut a stretch that may reach the threshold: before it should be met, but not so
    /// soon after the start that it is not worth a look.
    fn cut(&self, start: &Start, end: &End, arrivals: f64) -> SimTime {
        let missing = self.threshold as f64 - start.total.expected;
        let growth = (end.total.expected - start.total.expected).max(1.0);
        let met = (missing / growth).clamp(0.0, 1.0);
        let noise = DEVIATIONS / (arrivals * met).sqrt();
        let mut share = met * (1.0 - noise.clamp(MARGIN, 0.5));
        if end.guessed {
            // The last guess was too late: do not trust the next one further than a halving.
            share = share.min(0.5);
        }
        let share = share.clamp(OPENED_MAX / arrivals / 2.0, 1.0);
        let cut = self.total.cut(start.at, end.at, share);
        cut.clamp(
            start.at + INSTANT,
            SimTime::from_nanos(end.at.as_nanos() - 1),
        )
    }

    /// Adds the changes of `[a, b)` to `sum`, the total before it; the first instant from `from`
    /// on at which it reaches the threshold.
    fn step_through(
        &mut self,
        (a, b): (SimTime, SimTime),
        sum: &mut i64,
        from: SimTime,
    ) -> Option<SimTime> {
        let changes = &mut self.changes;
        changes.clear();
        // Nothing may change at the instant where watching starts; it counts all the same.
        changes.push((from.clamp(a, b), 0));
        self.total.open(a, b, changes);
        // Stable and quick on what is sorted in pieces.
        changes.sort_by_key(|(at, _)| *at);
        for together in changes.chunk_by(|one, next| one.0 == next.0) {
            let at = together[0].0;
            *sum += together.iter().map(|(_, by)| by).sum::<i64>();
            if *sum >= self.threshold && from <= at && at < b {
                return Some(at);
            }
        }
        None
    }

    fn end(&mut self, at: SimTime, guessed: bool) -> End {
        End {
            at,
            total: self.total.bounds(at),
            guessed,
        }
    }
}

impl End {
    /// The stretch up to here is dismissed: what is left starts here.
    fn passed(&self) -> Start {
        Start {
            at: self.at,
            total: self.total,
        }
    }
}

impl Total<'_> {
    /// What is known without opening anything of the changes strictly before `t`.
    fn bounds(&mut self, t: SimTime) -> Bounds {
        if self.looks_at != Some(t) {
            self.edges.iter_mut().for_each(|edge| edge.seek(t));
            self.looks_at = Some(t);
        }
        Bounds {
            low: self.edges.iter().map(|edge| edge.low).sum(),
            high: self.edges.iter().map(|edge| edge.high).sum(),
            expected: self.edges.iter().map(Edge::guess).sum(),
        }
    }

    /// Better bounds than `known` for the changes strictly before `t`, unless those are exact:
    /// at most half as far apart.
    fn closer(&mut self, t: SimTime, known: Bounds) -> Bounds {
        let mut slack = self.bounds(t).slack();
        while slack > known.slack() / 2 {
            let vaguest = self.edges.iter_mut().max_by_key(|edge| edge.slack());
            let edge = vaguest.expect("without edges there is no slack");
            slack -= edge.slack();
            edge.refine();
            slack += edge.slack();
        }
        self.bounds(t)
    }

    /// The exact total of the changes strictly before `t`.
    pub(crate) fn exact(&mut self, t: SimTime) -> i64 {
        let mut bounds = self.bounds(t);
        while bounds.slack() > 0 {
            bounds = self.closer(t, bounds);
        }
        bounds.low
    }

    /// Expected number of arrivals in `[a, b)`, rejected ones included.
    pub(crate) fn expected(&self, a: SimTime, b: SimTime) -> f64 {
        self.edges.iter().map(|edge| edge.expected(a, b)).sum()
    }

    /// The instant by which a share of `[from, to)` should have happened, in the operational time
    /// of the edge that should rise most.
    fn cut(&self, from: SimTime, to: SimTime, share: f64) -> SimTime {
        let growth = |edge: &&Edge| edge.expected(from, to) * edge.mean();
        let most = self
            .edges
            .iter()
            .max_by(|one, other| growth(one).total_cmp(&growth(other)));
        most.map_or(from, |edge| edge.cut(from, to, share))
    }

    /// From here on nothing changes.
    fn silent_from(&self) -> SimTime {
        let edges = self.edges.iter().map(Edge::silent_from);
        edges.max().unwrap_or(SimTime::ZERO)
    }

    /// Opens `[from, to)` and appends all changes to `changes`.
    pub(crate) fn open(&mut self, from: SimTime, to: SimTime, changes: &mut Vec<Change>) {
        self.looks_at = None;
        for edge in &mut self.edges {
            edge.open(from, to, changes);
        }
    }
}

impl Bounds {
    /// How much is not known.
    fn slack(self) -> i64 {
        self.high - self.low
    }
}
