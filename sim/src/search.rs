//! Branch and bound for the first instant at which `rising - falling` reaches a threshold.
//!
//! Both are totals that never fall (what arrived, what expired), so over `[a, b)` the difference is
//! at most what has risen by `b` less what had fallen at `a`:
//!
//! ```text
//!   │                    ┌──── risen by b - fallen at a
//!   │ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─│─ ─ threshold      below it: [a, b) is dismissed, nothing is opened
//!   │            .:.:'   │                   otherwise: cut it where the threshold should be met,
//!   │     .:.:''         │                   the earlier part first; when a few dozen changes are
//!   └─────a──────────────b────► t            left, open them and step through
//! ```
//!
//! Bounds hold for whatever the cells above have drawn, and cells are only looked at as closely as
//! a decision needs. Where to cut is a guess from what is known and expected; a bad guess costs
//! time and changes nothing in the answer. A stretch that is dismissed is about as long as what
//! rises takes to bring in what is missing, so a level that runs for long just below its threshold
//! takes many stretches: exactness has no shorter proof.

use crate::crossing::{TERM_MAX, Term};
use crate::edge::{Change, Edge};
use crate::time::{SimDuration, SimTime};

/// The resolution of time.
const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// Levels of so many terms, offsets included, add up to at most 2⁶².
const TERMS_MAX: usize = 256;

/// Stretches with fewer expected changes are opened rather than cut.
const OPENED_MAX: f64 = 64.0;

/// Changes that the eager walk holds in memory at a time.
const EAGER_CHANGES: f64 = 65_536.0;

/// A cut keeps this share of the way, and so many deviations of a Poisson count, from where the
/// threshold should be met. Nearer cuts dismiss more at once, but must be looked at more closely.
const MARGIN: f64 = 0.35;

/// See `MARGIN`.
const DEVIATIONS: f64 = 2.0;

/// The question whether `rising - falling >= threshold`.
pub(crate) struct Watch<'a> {
    rising: Side<'a>,
    falling: Side<'a>,
    threshold: i64,
    changes: Vec<Change>,
}

/// All edges that move the difference the same way, looking at one instant together.
struct Side<'a> {
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
    /// All that rises, before `at`.
    risen: Bounds,
    /// All that falls, up to and including `at`.
    fallen: Bounds,
}

/// Where a stretch ends that may reach the threshold.
struct End {
    at: SimTime,
    /// All that rises, before `at`.
    risen: Bounds,
    /// Whether this is a cut that was meant to be dismissed.
    guessed: bool,
}

impl<'a> Watch<'a> {
    /// `level >= bound`, with the constants moved to the right.
    pub fn reaching(terms: &[Term<'a>], bound: u64) -> Watch<'a> {
        let arrived = terms.iter().map(|term| Edge::new(term, SimDuration::ZERO));
        let expired = terms
            .iter()
            .filter_map(|term| Some(Edge::new(term, term.ttl?)));
        assert!(terms.len() <= TERMS_MAX, "too many terms: {}", terms.len());
        let offsets: i64 = terms.iter().map(|term| term.offset as i64).sum();
        Watch {
            rising: Side::new(arrived.collect()),
            falling: Side::new(expired.collect()),
            // No level is as high as the highest bound that fits.
            threshold: bound.min(2 * TERMS_MAX as u64 * TERM_MAX) as i64 - offsets,
            changes: Vec::new(),
        }
    }

    /// `level < bound` as `-level >= 1 - bound`: arrivals and expiries change places.
    pub fn falling_below(terms: &[Term<'a>], bound: u64) -> Watch<'a> {
        let mut watch = Watch::reaching(terms, bound);
        std::mem::swap(&mut watch.rising, &mut watch.falling);
        watch.threshold = 1 - watch.threshold;
        watch
    }

    /// The first instant in `[from, to)`, with as little opened as possible.
    pub fn search(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        if from >= to {
            return None;
        }
        let to = to.min(self.rising.silent_from().max(from + INSTANT));
        let risen = self.rising.bounds(from);
        let mut start = self.start(from, risen);
        let mut ends = vec![self.end(to, false)];
        while let Some(mut end) = ends.pop() {
            if !self.may_reach(&mut start, &mut end) {
                start = self.start(end.at, end.risen);
                continue;
            }
            let changes = self.expected(start.at, end.at);
            if changes > OPENED_MAX && end.at - start.at > INSTANT {
                let cut = self.cut(&start, &end, changes);
                end.guessed = false;
                ends.push(end);
                ends.push(self.end(cut, true));
                continue;
            }
            let mut sum = self.rising.total(start.at) - self.falling.total(start.at);
            let found = self.step_through((start.at, end.at), &mut sum, from);
            if found.is_some() {
                return found;
            }
            start = self.start(end.at, end.risen);
        }
        None
    }

    /// The first instant in `[from, to)` by opening everything before `to`, a bounded number of
    /// changes at a time.
    pub fn walk(&mut self, from: SimTime, to: SimTime) -> Option<SimTime> {
        let mut pending = vec![(SimTime::ZERO, to)];
        let mut sum = 0;
        while let Some((a, b)) = pending.pop() {
            if a >= b {
                continue;
            }
            if self.expected(a, b) > EAGER_CHANGES && b - a > INSTANT {
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

    /// Whether the difference can reach the threshold between start and end. Looks closer while
    /// that is in doubt, at the side that is known less.
    fn may_reach(&mut self, start: &mut Start, end: &mut End) -> bool {
        loop {
            if end.risen.high - start.fallen.low < self.threshold {
                return false;
            }
            if end.risen.low - start.fallen.high >= self.threshold {
                return true;
            }
            if end.risen.slack() >= start.fallen.slack() {
                end.risen = self.rising.closer(end.at, end.risen);
            } else {
                start.fallen = self.falling.closer(start.at + INSTANT, start.fallen);
            }
        }
    }

    /// Where to cut a stretch that may reach the threshold: before it should be met if nothing
    /// fell, but not so soon after the start that it is not worth a look.
    fn cut(&self, start: &Start, end: &End, changes: f64) -> SimTime {
        let missing = self.threshold as f64 - start.risen.expected + start.fallen.expected;
        let growth = (end.risen.expected - start.risen.expected).max(1.0);
        let met = (missing / growth).clamp(0.0, 1.0);
        let noise = DEVIATIONS / (changes * met).sqrt();
        let mut share = met * (1.0 - noise.clamp(MARGIN, 0.5));
        if end.guessed {
            // The last guess was too late: do not trust the next one further than a halving.
            share = share.min(0.5);
        }
        let share = share.clamp(OPENED_MAX / changes / 2.0, 1.0);
        let cut = self.rising.cut(start.at, end.at, share);
        cut.clamp(
            start.at + INSTANT,
            SimTime::from_nanos(end.at.as_nanos() - 1),
        )
    }

    /// Applies the changes of `[a, b)` to `sum`, the total before it; the first instant from `from`
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
        self.rising.open(a, b, 1, changes);
        self.falling.open(a, b, -1, changes);
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

    fn start(&mut self, at: SimTime, risen: Bounds) -> Start {
        Start {
            at,
            risen,
            fallen: self.falling.bounds(at.saturating_add(INSTANT)),
        }
    }

    fn end(&mut self, at: SimTime, guessed: bool) -> End {
        End {
            at,
            risen: self.rising.bounds(at),
            guessed,
        }
    }

    /// Expected number of changes in `[a, b)`, rejected ones included.
    fn expected(&self, a: SimTime, b: SimTime) -> f64 {
        let edges = self.rising.edges.iter().chain(&self.falling.edges);
        edges.map(|edge| edge.expected(a, b)).sum()
    }
}

impl<'a> Side<'a> {
    fn new(edges: Vec<Edge<'a>>) -> Side<'a> {
        Side {
            edges,
            looks_at: None,
        }
    }

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
    fn total(&mut self, t: SimTime) -> i64 {
        let mut bounds = self.bounds(t);
        while bounds.slack() > 0 {
            bounds = self.closer(t, bounds);
        }
        bounds.low
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

    /// Opens `[from, to)` and adds all changes, times `sign`, to `changes`.
    fn open(&mut self, from: SimTime, to: SimTime, sign: i64, changes: &mut Vec<Change>) {
        self.looks_at = None;
        for edge in &mut self.edges {
            edge.open(from, to, sign, changes);
        }
    }
}

impl Bounds {
    /// How much is not known.
    fn slack(self) -> i64 {
        self.high - self.low
    }
}
