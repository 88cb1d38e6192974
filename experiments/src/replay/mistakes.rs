//! What types cannot say about a `[replay]` table.

use sim::SimDuration;

use crate::document::{Node, path};
use crate::error::{Problem, suggest};
use crate::forms::replay::{Check, ReplaySpec, Selector};

/// Names of services and of nodes of a world.
type Names<'a> = (&'a [&'a str], &'a [&'a str]);

/// Everything that is wrong with it; `names` and `horizon` are those of its world, none if that is
/// wrong too.
pub(super) fn wrong(
    spec: &ReplaySpec,
    file: &Node,
    names: Names<'_>,
    horizon: Option<SimDuration>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let onset = &spec.onset;
    when("replay.onset", onset, Minutes::Refused, &mut found);
    if let Some(from) = &spec.total.from {
        when("replay.total.from", from, Minutes::Allowed, &mut found);
    }
    when(
        "replay.total.to",
        &spec.total.to,
        Minutes::Allowed,
        &mut found,
    );
    let total = &spec.total;
    let of = Given {
        reported: Some(total.reported.is_some()),
        within: total.within.is_some(),
        bounds: seconds(total.at_least, total.at_most),
    };
    of.check("replay.total", &mut found);
    for (n, check) in spec.checks.iter().enumerate() {
        let key = format!("replay.check[{n}].expect");
        let minutes = match check.expect {
            Check::Count { .. } => Minutes::Refused,
            _ => Minutes::Allowed,
        };
        for (end, selector) in check.expect.moments() {
            when(&format!("{key}.{end}"), selector, minutes, &mut found);
        }
        window(&key, &check.expect, horizon, &mut found);
        if let Some(given) = given(&check.expect) {
            given.check(&key, &mut found);
        }
        of_kind(&key, &check.expect, names, &mut found);
    }
    let problem = |(key, wrong, help): Found| Problem {
        place: file.place_of(&path(&key)),
        wrong: format!("`{key}` {wrong}"),
        help,
    };
    found.into_iter().map(problem).collect()
}

/// A key, what is wrong, and what to write instead.
type Found = (String, String, String);

/// May a moment be a minute of the report?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minutes {
    Allowed,
    Refused,
}

/// A moment is an event or a minute.
fn when(key: &str, selector: &Selector, minutes: Minutes, found: &mut Vec<Found>) {
    let narrows = selector.subject.is_some()
        || selector.nth.is_some()
        || selector.last
        || selector.after_onset;
    let (wrong, help) = match (selector.event, selector.minute) {
        (None, Some(_)) if minutes == Minutes::Refused => (
            "is a minute, and must be an event",
            "write { event = \"service-down\" } or another event",
        ),
        (Some(_), None) => return,
        (None, Some(_)) if !narrows => return,
        (None, Some(_)) => (
            "is a minute, and chooses among events",
            "take `subject`, `nth`, `last` and `after_onset` out, or write `event`",
        ),
        (None, None) => (
            "says neither what happened nor when",
            "write { event = \"service-down\" } or another event, or { minute = \"38min\" }",
        ),
        (Some(_), Some(_)) => (
            "is both an event and a minute",
            "take out `event` or `minute`",
        ),
    };
    found.push((key.to_owned(), wrong.to_owned(), help.to_owned()));
}

/// A stretch of the trial in which something is counted must have a length, and lie in the trial.
fn window(key: &str, check: &Check, horizon: Option<SimDuration>, found: &mut Vec<Found>) {
    let by_minutes = match check {
        Check::FailingShare { .. } | Check::Latency { .. } => true,
        Check::Connections { .. } => false,
        Check::Interval { .. } | Check::Count { .. } | Check::Compare { .. } => return,
    };
    let ends = check.moments();
    for (end, selector) in &ends {
        if let (Some(minute), Some(horizon)) = (selector.minute, horizon)
            && minute >= horizon
        {
            found.push((
                format!("{key}.{end}"),
                format!(
                    "lies after the trial: {minute} after minute 0, and `horizon` is {horizon}"
                ),
                "give an earlier minute, or a longer `horizon`".to_owned(),
            ));
        }
    }
    let [(_, from), (_, to)] = ends[..] else {
        return;
    };
    let (Some(from), Some(to)) = (from.minute, to.minute) else {
        return;
    };
    let minute = SimDuration::from_mins(1);
    let (wrong, help) = match from >= to {
        true => (
            "ends before it begins",
            "give `to` a later minute than `from`",
        ),
        false if by_minutes && to - from < minute => (
            "is shorter than a minute, and attempts are counted by whole minutes",
            "give `to` at least a minute after `from`",
        ),
        false => return,
    };
    found.push((key.to_owned(), wrong.to_owned(), help.to_owned()));
}

/// What is given of a figure.
struct Given {
    /// Is there a figure; none if the check has no such key.
    reported: Option<bool>,
    within: bool,
    bounds: (Option<f64>, Option<f64>),
}

impl Given {
    fn check(&self, key: &str, found: &mut Vec<Found>) {
        let bounded = self.bounds != (None, None);
        let mut add = |wrong: &str, help: &str| {
            found.push((key.to_owned(), wrong.to_owned(), help.to_owned()));
        };
        match self.reported {
            Some(true) if bounded => add(
                "has a figure and bounds",
                "give `reported`, or `at_least` and `at_most`",
            ),
            Some(false) if self.within => add(
                "has `within`, and nothing to be within it of",
                "give `reported`, or take `within` out",
            ),
            Some(false) if !bounded => add(
                "gives no figure, and every result would do",
                "give `reported`, `at_least` or `at_most`",
            ),
            None if !bounded => add(
                "has no bound, and every result would do",
                "give `at_least` or `at_most`",
            ),
            _ => {}
        }
        if let (Some(least), Some(most)) = self.bounds
            && least > most
        {
            add(
                "has `at_least` above `at_most`: no result would do",
                "exchange them",
            );
        }
    }
}

/// What a check gives of its figure; none for one that compares, which has its own words.
fn given(check: &Check) -> Option<Given> {
    let of = |reported, within, bounds| {
        Some(Given {
            reported,
            within,
            bounds,
        })
    };
    match check {
        Check::Interval {
            reported,
            within,
            at_least,
            at_most,
            ..
        } => of(
            Some(reported.is_some()),
            within.is_some(),
            seconds(*at_least, *at_most),
        ),
        Check::Count {
            at_least, at_most, ..
        } => of(
            None,
            false,
            (at_least.map(f64::from), at_most.map(f64::from)),
        ),
        Check::FailingShare {
            at_least, at_most, ..
        } => of(
            None,
            false,
            (at_least.map(|p| p.get()), at_most.map(|p| p.get())),
        ),
        Check::Latency {
            at_least, at_most, ..
        } => of(None, false, seconds(*at_least, *at_most)),
        Check::Connections { .. } => of(None, false, super::measure::connection_bounds(check)),
        Check::Compare { .. } => None,
    }
}

fn seconds(
    at_least: Option<SimDuration>,
    at_most: Option<SimDuration>,
) -> (Option<f64>, Option<f64>) {
    let seconds = |time: Option<SimDuration>| time.map(|time| time.as_secs_f64());
    (seconds(at_least), seconds(at_most))
}

/// What only checks of one kind can get wrong.
fn of_kind(key: &str, check: &Check, (services, nodes): Names<'_>, found: &mut Vec<Found>) {
    match check {
        Check::FailingShare { service, .. } | Check::Latency { service, .. } => {
            // With cells the name goes on: `api of cell 2`.
            let known = |name: &&str| service.starts_with(*name);
            if !services.is_empty() && !services.iter().any(known) {
                let wrong = format!("names no service: \"{service}\"");
                found.push((format!("{key}.service"), wrong, suggest(service, services)));
            }
        }
        Check::Connections {
            node,
            at_least,
            at_most,
            rises_at_least,
            rises_at_most,
            ..
        } => {
            let named = |node: &&String| nodes.iter().any(|name| name.contains(node.as_str()));
            if let Some(node) = node
                .as_ref()
                .filter(|node| !nodes.is_empty() && !named(node))
            {
                let wrong = format!("is part of no node's name: \"{node}\"");
                found.push((format!("{key}.node"), wrong, suggest(node, nodes)));
            }
            let numbers = at_least.is_some() || at_most.is_some();
            if numbers && (rises_at_least.is_some() || rises_at_most.is_some()) {
                found.push((
                    key.to_owned(),
                    "bounds both a number and a multiple".to_owned(),
                    "make two checks of it".to_owned(),
                ));
            }
        }
        Check::Interval { .. } | Check::Count { .. } | Check::Compare { .. } => {}
    }
}
