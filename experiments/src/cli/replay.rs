//! `outage replay`: public outages again, beside what was reported.

use std::path::Path;

use models::TrialResult;
use output::{Cell, Column, Format, Table, TextOptions};
use sim::SimTime;

use super::ReplayArguments;
use crate::document::{Node, Sources};
use crate::error::Error;
use crate::replay::judge::{Line, blind, measured, scripted, total_of};
use crate::replay::spec::MeasureSpec;
use crate::replay::{Kind, Replay, built_in, onset, trials};
use crate::scenario;
use crate::stats::{LEVEL, paired};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage replay pactsafe-2020              # the timeline, and what holds of the report
  outage replay all --json | jq '.[] | select(.pass | not)'
  outage replay pactsafe-2020 --what-if alert.toml   # this very outage, but with an alert";

/// Replays one scenario, or all that are built in.
pub fn run(arguments: &ReplayArguments) -> super::Done {
    let mut sources = Sources::default();
    let names: Vec<&str> = match arguments.scenario.as_str() {
        "all" => built_in(),
        one => vec![one],
    };
    let mut lines = Vec::new();
    let mut text = String::new();
    for name in names {
        let replay = Replay::load(&mut sources, name)?;
        if let Some(file) = &arguments.what_if {
            let fragment = scenario::read(&mut sources, file, &[], Path::new(""))?.root;
            text.push_str(&what_if(&replay, &sources, &fragment, arguments)?);
            continue;
        }
        for kind in kinds(arguments) {
            terminal::message(&format!("{}, {}: simulating", replay.name, kind.name()));
            let world = replay.world(kind, None);
            let world = world.map_err(|problems| Error::input(&sources, problems))?;
            let count = arguments.trials.unwrap_or(match kind {
                Kind::Scripted => 50,
                Kind::Blind => 300,
            });
            let told = trials(&replay.name, &world, arguments.seed, count)?;
            match kind {
                Kind::Scripted => {
                    if arguments.scenario != "all" {
                        text.push_str(&story(&replay, &told));
                    }
                    lines.extend(scripted(&replay, arguments.seed, &told)?);
                }
                Kind::Blind => lines.push(blind(&replay, &told)),
            }
        }
    }
    if arguments.json {
        let json = serde_json::to_string_pretty(&lines).expect("lines are plain");
        terminal::result(&format!("{json}\n"));
    } else {
        if !lines.is_empty() {
            let card = scorecard(&lines).to_text(&TextOptions::plain());
            text.push_str(&card.expect("cells fit their columns"));
        }
        terminal::result(&text);
    }
    Ok(u8::from(lines.iter().any(|line| !line.pass)))
}

fn kinds(arguments: &ReplayArguments) -> Vec<Kind> {
    match (arguments.scripted, arguments.blind) {
        (true, false) => vec![Kind::Scripted],
        (false, true) => vec![Kind::Blind],
        (true, true) | (false, false) => vec![Kind::Scripted, Kind::Blind],
    }
}

/// What happened to whom in the trial whose total is the median, by minutes of the report.
fn story(replay: &Replay, told: &[TrialResult]) -> String {
    let total = |trial: &&TrialResult| total_of(&replay.spec, trial).unwrap_or(f64::MAX);
    let mut by_total: Vec<&TrialResult> = told.iter().collect();
    by_total.sort_by(|a, b| total(a).total_cmp(&total(b)));
    let Some(middle) = by_total.get(by_total.len() / 2) else {
        return String::new();
    };
    let zero = onset(&replay.spec, middle).unwrap_or(SimTime::ZERO);
    let mut text = format!(
        "{}, the scripted trial in the middle\nminute\n",
        replay.name
    );
    let mut before: Option<(String, usize)> = None;
    for moment in &middle.moments {
        let minutes = |from: SimTime, to: SimTime| to.saturating_since(from).as_secs_f64() / 60.0;
        let at = minutes(zero, moment.at) - minutes(moment.at, zero);
        let what = format!("{}: {}", moment.whom, moment.what.name());
        // What repeats is told twice, and then counted.
        match &mut before {
            Some((same, count)) if *same == what => *count += 1,
            Some(_) | None => before = Some((what.clone(), 1)),
        }
        if before.as_ref().is_some_and(|(_, count)| *count <= 2) {
            text.push_str(&format!("{at:>+8.1}  {what}\n"));
        }
    }
    text.push('\n');
    text
}

fn scorecard(lines: &[Line]) -> Table {
    let columns = vec![
        Column::text("scenario"),
        Column::text("mode"),
        Column::text("check"),
        Column::number("reported", ""),
        Column::number("low", ""),
        Column::number("high", ""),
        Column::number("simulated", ""),
        Column::text("holds"),
    ];
    let passed = lines.iter().filter(|line| line.pass).count();
    let title = format!("{passed} of {} hold", lines.len());
    let mut table = Table::new(title, columns);
    for line in lines {
        let cell = |value: Option<f64>| match (value, line.times) {
            (Some(value), true) => Cell::number(value, Format::Duration),
            (Some(value), false) => Cell::text(format!("{value:.2}")),
            (None, _) => Cell::Empty,
        };
        table.push(vec![
            Cell::text(&line.scenario),
            Cell::text(line.mode),
            Cell::text(&line.check),
            cell(line.reported),
            cell(line.low),
            cell(line.high),
            cell(line.simulated),
            Cell::text(if line.pass { "yes" } else { "NO" }),
        ]);
    }
    table
}

/// The same trials with something else about them, as paired differences.
fn what_if(
    replay: &Replay,
    sources: &Sources,
    fragment: &Node,
    arguments: &ReplayArguments,
) -> Result<String, Error> {
    let kind = match arguments.blind {
        true => Kind::Blind,
        false => Kind::Scripted,
    };
    let count = arguments.trials.unwrap_or(200);
    let simulate = |with: Option<&Node>| {
        let world = replay.world(kind, with);
        let world = world.map_err(|problems| Error::input(sources, problems))?;
        trials(&replay.name, &world, arguments.seed, count)
    };
    let (as_it_was, otherwise) = (simulate(None)?, simulate(Some(fragment))?);
    let mut text = format!("{}, {}, {count} trials each\n", replay.name, kind.name());
    for (measure, unit, scale) in [
        (MeasureSpec::Lost, "lost acceptances", 1.0),
        (MeasureSpec::Downtime, "min of downtime", 60.0),
        (MeasureSpec::Total, "min in all", 60.0),
    ] {
        let values = |told: &[TrialResult]| -> Vec<f64> {
            let of = |trial: &TrialResult| measured(&replay.spec, measure, trial) / scale;
            told.iter().map(of).collect()
        };
        let (before, after) = (values(&as_it_was), values(&otherwise));
        let Some(difference) = paired::compare(&before, &after, LEVEL) else {
            continue;
        };
        let mean = |values: &[f64]| crate::stats::estimate::average(values);
        text.push_str(&format!(
            "  {unit}: {:.1} instead of {:.1}, {:+.1} (95 % CI {:+.1} to {:+.1})\n",
            mean(&after),
            mean(&before),
            difference.mean.value,
            difference.mean.low,
            difference.mean.high,
        ));
    }
    Ok(text)
}
