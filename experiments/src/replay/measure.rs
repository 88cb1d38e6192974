//! What a check measures in one trial beside moments: shares of failing attempts, their latency,
//! and connections.

use std::ops::Range;

use demand::{Minute, Times, Window};
use models::TrialResult;
use sim::{SimDuration, SimTime};

use super::absent::{Absent, Found};
use super::onset;
use crate::forms::replay::{Check, CheckSpec, ReplaySpec, Selector};

/// Attempts of a minute that say something about its share or its latency.
const ATTEMPTS_MIN: u64 = 10;

/// How long before and after an outage attempts are looked at.
const MARGIN: SimDuration = SimDuration::from_mins(30);

const MINUTE: SimDuration = SimDuration::from_mins(1);

/// Bounds of a measure.
type Limits = (Option<f64>, Option<f64>);

/// The share of attempts that fail.
pub(super) fn failing(check: &Check, spec: &ReplaySpec, trial: &TrialResult) -> Found {
    let Check::FailingShare {
        service,
        from,
        to,
        peak,
        ..
    } = check
    else {
        unreachable!("it is asked for of a check of this kind");
    };
    let (window, inside) = minutes(service, (from, to), &spec.onset, trial)?;
    let minutes = window.all[inside].iter();
    let share = |(ok, failed): (u64, u64)| failed as f64 / (ok + failed) as f64;
    if *peak {
        let counts = minutes.filter(|m| m.ok + m.failed >= ATTEMPTS_MIN);
        let shares = counts.map(|m| share((m.ok, m.failed)));
        return shares.reduce(f64::max).ok_or(Absent::FewAttempts);
    }
    let sum = |(ok, failed): (u64, u64), m: &Minute| (ok + m.ok, failed + m.failed);
    let all = minutes.fold((0, 0), sum);
    match all {
        (0, 0) => Err(Absent::NoAttempt),
        all => Ok(share(all)),
    }
}

/// How long attempts take that succeed, in seconds.
pub(super) fn latency(check: &Check, spec: &ReplaySpec, trial: &TrialResult) -> Found {
    let Check::Latency {
        service,
        from,
        to,
        percentile,
        peak,
        ..
    } = check
    else {
        unreachable!("it is asked for of a check of this kind");
    };
    let (window, inside) = minutes(service, (from, to), &spec.onset, trial)?;
    let times = window.times[inside.clone()].iter();
    let of = |times: &Times| {
        let took = match percentile {
            None => times.mean(),
            Some(share) => times.quantile(share.get()),
        };
        took.map(|took| took.as_secs_f64())
    };
    if *peak {
        let counts = times.filter(|times| times.count() >= ATTEMPTS_MIN);
        let longest = counts.filter_map(of).reduce(f64::max);
        return longest.ok_or(Absent::FewSuccesses);
    }
    let mut all = Times::default();
    times.for_each(|times| all.merge(times));
    let tried = window.all[inside].iter().any(|m| m.ok + m.failed > 0);
    let none = match tried {
        true => Absent::NoSuccess,
        false => Absent::NoAttempt,
    };
    of(&all).ok_or(none)
}

/// Two ends of a check.
type Ends<'a> = (&'a Option<Selector>, &'a Option<Selector>);

/// The window of a service, and the places of its minutes between two moments.
fn minutes<'a>(
    service: &str,
    ends: Ends,
    onset: &Selector,
    trial: &'a TrialResult,
) -> Result<(&'a Window, Range<usize>), Absent> {
    let windows = match trial.watched.is_empty() {
        true => &trial.windows,
        false => &trial.watched,
    };
    let window = windows.iter().find(|(name, _)| name == service);
    let (_, window) = window.ok_or(Absent::Unknown)?;
    let asked = asked(ends, onset, trial)?;
    let place = |minute: u64| window.all.partition_point(|m| m.minute < minute);
    let inside = place(asked.start)..place(asked.end);
    if asked.is_empty() {
        return Err(Absent::NoMinute);
    }
    match inside.is_empty() {
        true => Err(Absent::AfterTheEnd),
        false => Ok((window, inside)),
    }
}

/// The minutes between two moments. Those that are absent lie half an hour before and after the
/// outage of `[signers]`, or minute 0 if there was none.
fn asked((from, to): Ends, onset: &Selector, trial: &TrialResult) -> Result<Range<u64>, Absent> {
    let zero = onset.find(&trial.moments, None);
    let shown = match (shown(&trial.windows), zero) {
        (Some(shown), _) => shown,
        (None, Some(zero)) => {
            minute(zero.saturating_sub(MARGIN))..minute(zero.saturating_add(MARGIN)) + 1
        }
        (None, None) => return Err(Absent::Onset),
    };
    let at = |end: &Option<Selector>, absent| match end {
        None => Ok(absent),
        Some(end) => found(end, zero, trial).map(minute),
    };
    Ok(at(from, shown.start)?..at(to, shown.end)?)
}

/// The moment, or why there is none.
pub(super) fn found(
    selector: &Selector,
    zero: Option<SimTime>,
    trial: &TrialResult,
) -> Result<SimTime, Absent> {
    let absent = match (selector.minute, zero) {
        (Some(_), None) => Absent::Onset,
        _ => Absent::Moment,
    };
    selector.find(&trial.moments, zero).ok_or(absent)
}

/// The minutes of windows.
fn shown(windows: &[(String, Window)]) -> Option<Range<u64>> {
    let (_, window) = windows.first()?;
    Some(window.all.first()?.minute..window.all.last()?.minute + 1)
}

/// The stretch that checks ask for, if the trial has not shown all of it.
pub(super) fn watched(
    (onset, checks): (&Selector, &[CheckSpec]),
    trial: &TrialResult,
) -> Option<(SimTime, SimTime)> {
    let asks = checks.iter().filter_map(|check| match &check.expect {
        Check::FailingShare { from, to, .. } | Check::Latency { from, to, .. } => {
            let asked = asked((from, to), onset, trial).ok();
            asked.filter(|minutes| !minutes.is_empty())
        }
        Check::Interval { .. }
        | Check::Count { .. }
        | Check::Connections { .. }
        | Check::Compare { .. } => None,
    });
    let hull =
        |one: Range<u64>, other: Range<u64>| one.start.min(other.start)..one.end.max(other.end);
    let asked = asks.reduce(hull)?;
    let shown = shown(&trial.windows);
    let all = shown.is_some_and(|shown| shown.start <= asked.start && asked.end <= shown.end);
    let at = |minute: u64| SimTime::ZERO + SimDuration::from_mins(minute);
    (!all).then(|| (at(asked.start), at(asked.end)))
}

fn minute(at: SimTime) -> u64 {
    (at - SimTime::ZERO).as_nanos() / MINUTE.as_nanos()
}

/// The most connections at a node, or the multiple of those at the start that they are.
pub(super) fn connections(check: &Check, spec: &ReplaySpec, trial: &TrialResult) -> Found {
    let Check::Connections { node, from, to, .. } = check else {
        unreachable!("it is asked for of a check of this kind");
    };
    let zero = onset(spec, trial);
    let at = |end: &Option<Selector>, absent| match end {
        None => Ok(absent),
        Some(end) => found(end, zero, trial),
    };
    let (from, to) = (at(from, SimTime::ZERO)?, at(to, SimTime::MAX)?);
    let asked = node.as_deref().unwrap_or("");
    let nodes = trial.connections.iter();
    let mut nodes = nodes.filter(|(name, _)| name.contains(asked)).peekable();
    if nodes.peek().is_none() {
        return Err(Absent::Unknown);
    }
    let (mut start, mut most) = (0, 0);
    for (_, changes) in nodes {
        let later = changes.partition_point(|(at, _)| *at <= from);
        let first = later.checked_sub(1).map_or(0, |place| changes[place].1);
        let inside = changes[later..].iter().take_while(|(at, _)| *at < to);
        start = start.max(first);
        most = inside
            .map(|(_, count)| *count)
            .fold(most.max(first), u64::max);
    }
    match rises(check) {
        None => Ok(most as f64),
        Some(_) if start == 0 => Err(Absent::NoConnection),
        Some(_) => Ok(most as f64 / start as f64),
    }
}

/// The bounds of a check of connections: numbers, or multiples of the number at the start.
pub(super) fn connection_bounds(check: &Check) -> Limits {
    let Check::Connections {
        at_least, at_most, ..
    } = check
    else {
        unreachable!("it is asked for of a check of this kind");
    };
    let numbers = (at_least.map(f64::from), at_most.map(f64::from));
    rises(check).unwrap_or(numbers)
}

fn rises(check: &Check) -> Option<Limits> {
    let Check::Connections {
        rises_at_least: least,
        rises_at_most: most,
        ..
    } = check
    else {
        return None;
    };
    let given = least.is_some() || most.is_some();
    given.then(|| (least.map(|f| f.get()), most.map(|f| f.get())))
}
