//! Minutes that an outside observer would call down: too large a share of first presses failed.
//!
//! ```text
//!  minute      │ 12 │ 13 │ 14 │ 15 │ … │ 111 │ 112 │
//!  first        ok   some ├──── all fail ────┤ some   ok
//!  presses           opened   not counted: down if   opened: shares compared
//!                             anybody came at all
//! ```
//!
//! Only first presses of first visits count: an observer's synthetic request does not retry
//! either. An attempt belongs to the minute in which it arrived.

use sim::{SimDuration, SimTime};

use crate::caller::Caller;
use crate::minutes::{MINUTE_NS, minute_of, start_of};

/// Minutes of a population, given as its classes, in which more than `objective` of the first
/// presses failed: how many, and the spans that they make, those in which nobody came included.
pub(super) fn minutes_down(
    callers: &mut [&mut Caller],
    objective: f64,
    horizon: SimTime,
) -> (u64, Vec<(u64, u64)>) {
    let mut whole = all_fail(callers);
    let mut others: Vec<u64> = Vec::new();
    for caller in callers.iter() {
        others.extend(caller.served_first.minutes());
    }
    others.sort_unstable();
    others.dedup();
    leave_out(&mut whole, &others);
    for caller in callers.iter() {
        others.extend(caller.failed_first.minutes());
        for (from, to) in &caller.failing {
            let last = minute_of(*to - SimDuration::from_nanos(1));
            others.extend(outside(&whole, minute_of(*from), last + 1));
        }
    }
    others.sort_unstable();
    others.dedup();
    others.retain(|minute| !whole.iter().any(|span| (span.0..span.1).contains(minute)));
    let presses = first_presses(callers, &others, horizon);
    let is_down = |(failed, total): (u64, u64)| failed as f64 > objective * total as f64;
    let of_minutes = others.into_iter().zip(presses);
    let single = of_minutes.filter(|(_, presses)| is_down(*presses));
    let mut spans: Vec<(u64, u64)> = single.map(|(minute, _)| (minute, minute + 1)).collect();
    let mut down = spans.len() as u64;
    for (first, end) in whole {
        let empty = minutes_without_arrivals(callers, first, end);
        down += end - first - empty.len() as u64;
        spans.extend(without_ends((first, end), &empty));
    }
    spans.sort_unstable();
    (down, joined(callers, spans))
}

/// A span without the minutes at its ends that are among these, if more is left.
fn without_ends((first, end): (u64, u64), ascending: &[u64]) -> Option<(u64, u64)> {
    let before = ascending.iter().zip(first..).take_while(|(a, b)| **a == *b);
    let first = first + before.count() as u64;
    let after = ascending.iter().rev().zip((first..end).rev());
    let end = end - after.take_while(|(a, b)| **a == *b).count() as u64;
    (first < end).then_some((first, end))
}

/// Ascending spans; two as one if nobody came between them.
fn joined(callers: &mut [&mut Caller], spans: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, end) in spans {
        let nobody_came = |(_, last): &&mut (u64, u64)| {
            let mut between = *last..first;
            between.all(|minute| minutes_without_arrivals(callers, minute, minute + 1) == [minute])
        };
        match joined.last_mut().filter(nobody_came) {
            Some(last) => last.1 = end,
            None => joined.push((first, end)),
        }
    }
    joined
}

/// Minutes in which some first press failed, ascending, but for presses that were turned away on
/// purpose.
pub(super) fn failed_minutes(callers: &[Caller]) -> Vec<u64> {
    let mut minutes: Vec<u64> = Vec::new();
    for caller in callers {
        let failed = caller.failed_first.minutes();
        minutes.extend(
            failed.filter(|minute| caller.failed_first.at(*minute) > caller.shed_first.at(*minute)),
        );
        for (from, to) in &caller.failing {
            let last = minute_of(*to - SimDuration::from_nanos(1));
            minutes.extend(minute_of(*from)..=last);
        }
    }
    minutes.sort_unstable();
    minutes.dedup();
    minutes
}

/// First presses that arrived in each of the ascending `minutes` and were not turned away on
/// purpose: how many failed, and how many there were.
pub(super) fn not_shed(
    callers: &mut [&mut Caller],
    minutes: &[u64],
    horizon: SimTime,
) -> Vec<(u64, u64)> {
    let mut presses = first_presses(callers, minutes, horizon);
    for caller in callers {
        for (minute, (failed, total)) in minutes.iter().zip(&mut presses) {
            let shed = caller.shed_first.at(*minute);
            (*failed, *total) = (*failed - shed, *total - shed);
        }
    }
    presses
}

/// How long the first presses of a minute took that were not turned away on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinuteTimes {
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: SimDuration,
    /// For each limit, how many took at least so long.
    pub slow: Vec<u64>,
}

impl MinuteTimes {
    /// Adds those of another class or process.
    pub fn add(&mut self, other: &MinuteTimes) {
        self.count += other.count;
        self.sum += other.sum;
        self.slow.resize(self.slow.len().max(other.slow.len()), 0);
        for (slow, other) in self.slow.iter_mut().zip(&other.slow) {
            *slow += other;
        }
    }
}

/// Minutes, ascending, in which first presses may have taken another time than `usual`; none if
/// nobody asked how long they took.
pub(super) fn timed_minutes(callers: &[Caller], usual: SimDuration) -> Vec<u64> {
    let times = callers.iter().filter_map(|caller| caller.times.as_ref());
    let mut minutes: Vec<u64> = times.flat_map(|times| times.minutes(usual)).collect();
    minutes.sort_unstable();
    minutes.dedup();
    minutes
}

/// How long first presses took in each of the minutes. A press that is turned away, on purpose or
/// because the service is full, takes no time.
pub(super) fn first_press_times(
    callers: &mut [Caller],
    minutes: &[u64],
    horizon: SimTime,
) -> Vec<MinuteTimes> {
    let mut all = vec![MinuteTimes::default(); minutes.len()];
    for caller in callers {
        let Some(times) = &caller.times else { continue };
        for (minute, all) in minutes.iter().zip(&mut all) {
            let (from, to) = (start_of(*minute), start_of(minute + 1).min(horizon));
            let arrivals = &mut caller.arrivals;
            let count = arrivals.count(from, to) - caller.shed_first.at(*minute);
            let (sum, slow) = times.at(*minute, |from, to| arrivals.count(from, to));
            all.add(&MinuteTimes { count, sum, slow });
        }
    }
    all
}

/// Spans of whole minutes in which every first press of every class is known to fail.
fn all_fail(callers: &[&mut Caller]) -> Vec<(u64, u64)> {
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

/// Takes ascending minutes out of ascending spans.
fn leave_out(spans: &mut Vec<(u64, u64)>, minutes: &[u64]) {
    if minutes.is_empty() {
        return;
    }
    let mut left = Vec::new();
    for (first, end) in spans.drain(..) {
        let mut next = first;
        let start = minutes.partition_point(|minute| *minute < first);
        for minute in minutes[start..].iter().take_while(|minute| **minute < end) {
            left.extend((next < *minute).then_some((next, *minute)));
            next = minute + 1;
        }
        left.extend((next < end).then_some((next, end)));
    }
    *spans = left;
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

/// Which of the minutes `[first, end)` have no first press at all.
fn minutes_without_arrivals(callers: &mut [&mut Caller], first: u64, end: u64) -> Vec<u64> {
    let rate = |caller: &&mut &mut Caller| caller.arrivals.intensity().total();
    let Some(busiest) = callers
        .iter_mut()
        .max_by(|a, b| rate(a).total_cmp(&rate(b)))
    else {
        return (first..end).collect();
    };
    // Nearly always the busiest class alone shows that somebody came.
    let mut empty = Vec::new();
    let mut before = busiest.arrivals.count_before(start_of(first));
    for minute in first..end {
        let after = busiest.arrivals.count_before(start_of(minute + 1));
        if after == before {
            empty.push(minute);
        }
        before = after;
    }
    empty.retain(|minute| {
        let (from, to) = (start_of(*minute), start_of(minute + 1));
        callers
            .iter_mut()
            .all(|caller| caller.arrivals.count(from, to) == 0)
    });
    empty
}

/// First presses that arrived in each of the ascending `minutes`: how many failed, and how many
/// there were.
fn first_presses(
    callers: &mut [&mut Caller],
    minutes: &[u64],
    horizon: SimTime,
) -> Vec<(u64, u64)> {
    let mut presses = vec![(0, 0); minutes.len()];
    for caller in callers {
        for (minute, (failed, total)) in minutes.iter().zip(&mut presses) {
            let (from, to) = (start_of(*minute), start_of(minute + 1).min(horizon));
            *failed += caller.failed_first.at(*minute);
            let served = caller.served_first.at(*minute);
            *total += caller.arrivals.count(from, to);
            for span in &caller.failing {
                let (from, to) = (span.0.max(from), span.1.min(to));
                if from < to {
                    *failed += caller.arrivals.count(from, to);
                }
            }
            *failed -= served;
        }
    }
    presses
}
