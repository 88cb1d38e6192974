//! Minutes that an outside observer would call down: too large a share of first presses failed.
//!
//! ```text
//!  minute      │ 12 │ 13 │ 14 │ 15 │ … │ 111 │ 112 │
//!  first        ok   some ├──── all fail ────┤ some   ok
//!  presses           opened   not counted: down if   opened: shares compared
//!                             anybody came at all
//! ```
//!
//! Only first presses of first visits count: an observer's synthetic acceptance does not retry
//! either. An attempt belongs to the minute in which it arrived.

use sim::{SimDuration, SimTime};

use super::caller::Caller;

/// Nanoseconds in a minute.
pub(super) const MINUTE_NS: u64 = 60_000_000_000;

/// The minute that `at` lies in.
pub(super) fn minute_of(at: SimTime) -> u64 {
    at.as_nanos() / MINUTE_NS
}

fn start_of(minute: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_mins(minute)
}

/// A count for each minute that has one, in time order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MinuteCounts {
    counts: Vec<(u64, u64)>,
}

impl MinuteCounts {
    /// One more at `at`. Quick if times nearly ascend.
    pub fn add(&mut self, at: SimTime) {
        let minute = minute_of(at);
        match self.counts.last_mut() {
            Some(last) if last.0 == minute => last.1 += 1,
            Some(last) if last.0 < minute => self.counts.push((minute, 1)),
            None => self.counts.push((minute, 1)),
            Some(_) => match self.counts.binary_search_by_key(&minute, |count| count.0) {
                Ok(place) => self.counts[place].1 += 1,
                Err(place) => self.counts.insert(place, (minute, 1)),
            },
        }
    }

    fn at(&self, minute: u64) -> u64 {
        let place = self.counts.binary_search_by_key(&minute, |count| count.0);
        place.map_or(0, |place| self.counts[place].1)
    }
}

/// Minutes of a population, given as its classes, in which more than `objective` of the first
/// presses failed.
pub(super) fn minutes_down(callers: &[&Caller], objective: f64, horizon: SimTime) -> u64 {
    let whole = all_fail(callers);
    let mut down = 0;
    for (first, end) in &whole {
        down += minutes_with_arrivals(callers, *first, *end);
    }
    let mut others: Vec<u64> = Vec::new();
    for caller in callers {
        others.extend(caller.failed_first.counts.iter().map(|count| count.0));
        for (from, to) in &caller.failing {
            let last = minute_of(*to - SimDuration::from_nanos(1));
            others.extend(outside(&whole, minute_of(*from), last + 1));
        }
    }
    others.sort_unstable();
    others.dedup();
    others.retain(|minute| !whole.iter().any(|span| (span.0..span.1).contains(minute)));
    let is_down = |minute: &&u64| {
        let (failed, total) = first_presses(callers, **minute, horizon);
        failed as f64 > objective * total as f64
    };
    down + others.iter().filter(is_down).count() as u64
}

/// Spans of whole minutes in which every first press of every class is known to fail.
fn all_fail(callers: &[&Caller]) -> Vec<(u64, u64)> {
    let Some((first, rest)) = callers.split_first() else {
        return Vec::new();
    };
    let mut common = first.failing.clone();
    for caller in rest {
        let mut both = Vec::new();
        for a in &common {
            let cut = caller.failing.iter().map(|b| (a.0.max(b.0), a.1.min(b.1)));
            both.extend(cut.filter(|span| span.0 < span.1));
        }
        common = both;
    }
    let whole = common.iter().map(|(from, to)| {
        let first = from.as_nanos().div_ceil(MINUTE_NS);
        (first, minute_of(*to))
    });
    whole.filter(|(first, end)| first < end).collect()
}

/// The minutes of `[first, end)` that lie in none of the spans, which are few and in order.
fn outside(spans: &[(u64, u64)], first: u64, end: u64) -> Vec<u64> {
    let mut minutes = Vec::new();
    let mut next = first;
    for span in spans {
        minutes.extend(next..span.0.clamp(next, end.max(next)));
        next = next.max(span.1);
    }
    minutes.extend(next..end.max(next));
    minutes
}

/// How many of the minutes `[first, end)` have a first press at all.
fn minutes_with_arrivals(callers: &[&Caller], first: u64, end: u64) -> u64 {
    let rate = |caller: &&&Caller| caller.tree.intensity().total();
    let Some(busiest) = callers.iter().max_by(|a, b| rate(a).total_cmp(&rate(b))) else {
        return 0;
    };
    let mut found = 0;
    let mut before = busiest.tree.count_before(start_of(first));
    for minute in first..end {
        let (from, to) = (start_of(minute), start_of(minute + 1));
        let after = busiest.tree.count_before(to);
        let some = after > before || callers.iter().any(|caller| caller.tree.count(from, to) > 0);
        found += u64::from(some);
        before = after;
    }
    found
}

/// First presses that arrived in `minute`: how many failed, and how many there were.
fn first_presses(callers: &[&Caller], minute: u64, horizon: SimTime) -> (u64, u64) {
    let (from, to) = (start_of(minute), start_of(minute + 1).min(horizon));
    let (mut failed, mut total) = (0, 0);
    for caller in callers {
        failed += caller.failed_first.at(minute);
        total += caller.tree.count(from, to);
        for span in &caller.failing {
            failed += caller.tree.count(span.0.max(from), span.1.min(to));
        }
    }
    (failed, total)
}
