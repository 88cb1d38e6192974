//! `outage replay`: public outages, compared with what was reported.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use models::TrialResult;
use output::chart::Caption;
use output::{Cell, Column, Format, Table, TextOptions, write_all};
use sim::SimTime;

use super::ReplayArguments;
use super::interrupt::Interrupt;
use crate::document::{Node, Sources};
use crate::error::{Error, TRIALS_FAILED};
use crate::forms::replay::MeasureSpec;
use crate::progress::Bar;
use crate::replay::judge::{Line, blind, measured, scripted, total_of};
use crate::replay::missing::missing;
use crate::replay::{Kind, Replay, Watch, built_in, onset, trials};
use crate::report::story::chart;
use crate::results::{Contents, Results};
use crate::rows::manifest::trace_command;
use crate::runner::Limits;
use crate::scenario;
use crate::stats::{LEVEL, paired};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage replay pactsafe-2020 --out results/2020    # scorecard, picture and moments of one outage
  outage replay all --json | jq '.[] | select(.pass | not)'
  outage replay pactsafe-2020 --what-if alert.toml  # the same outage, but with an alert";

/// Replays one scenario, or all that are built in.
pub fn run(arguments: &ReplayArguments) -> super::Done {
    let interrupt = Interrupt::heed();
    let results = arguments.out.as_deref();
    let results = results.map(|target| Results::claim(target, &CONTENTS));
    let results = results.transpose()?;
    let mut output = ReplayOutput::default();
    let ended = all(arguments, interrupt.stop(), &mut output);
    let interrupted = matches!(ended, Err(Error::Interrupted));
    match ended {
        Err(error @ Error::Interrupted) if output.lines.is_empty() => {
            terminal::message(&error.to_string());
            return Ok(interrupt.exit_code());
        }
        Ok(()) | Err(Error::Interrupted) => print_output(arguments, &output)?,
        Err(error) => return Err(error),
    }
    if let (Some(results), Some(target)) = (results, &arguments.out) {
        let place = keep(results, &output, interrupted)?.unwrap_or_else(|| target.clone());
        terminal::message(&format!("written to {}", place.display()));
    }
    if interrupted {
        let count = output.lines.len();
        terminal::message(&format!("interrupted: {count} checks were judged before"));
        return Ok(interrupt.exit_code());
    }
    Ok(match output.failed {
        true => TRIALS_FAILED,
        false => u8::from(output.lines.iter().any(|line| !line.pass)),
    })
}

/// Everything that is asked for, one after the other. A trial that fails costs the mode of its
/// scenario, and no other.
fn all(
    arguments: &ReplayArguments,
    stop: &AtomicBool,
    output: &mut ReplayOutput,
) -> Result<(), Error> {
    let mut sources = Sources::default();
    let names: Vec<&str> = match arguments.scenario.as_str() {
        "all" => built_in(),
        one => vec![one],
    };
    for name in names {
        let replay = Replay::load(&mut sources, name)?;
        if let Some(file) = &arguments.what_if {
            let fragment = scenario::read(&mut sources, file, &[], Path::new(""))?.root;
            let text = what_if(&replay, &sources, &fragment, (arguments, stop));
            if let Some(text) = output.unless_failed(text)? {
                output.text.push_str(&text);
            }
            continue;
        }
        for kind in kinds(arguments) {
            let judged = judged(&replay, kind, (arguments, stop), &sources, output);
            output.unless_failed(judged)?;
        }
    }
    Ok(())
}

/// What a replay leaves in its directory.
const CONTENTS: Contents = Contents {
    mark: "scorecard.json",
    is_ours: |path| {
        let name = path.to_str().unwrap_or_default();
        let of_trial = ["-timeline.svg", "-timeline.csv"];
        ["scorecard.csv", "scorecard.json"].contains(&name)
            || of_trial.iter().any(|end| name.ends_with(end))
    },
};

/// The output so far.
#[derive(Default)]
struct ReplayOutput {
    /// Stories of single trials, and differences.
    text: String,
    lines: Vec<Line>,
    /// What was asked for and never came.
    missing: Vec<String>,
    /// For `--out`.
    files: Vec<(String, Vec<u8>)>,
    /// Did a trial fail?
    failed: bool,
}

impl ReplayOutput {
    /// What a mode of a scenario yields; nothing if one of its trials failed, which is said.
    fn unless_failed<T>(&mut self, yielded: Result<T, Error>) -> Result<Option<T>, Error> {
        match yielded {
            Err(error @ Error::Trial { .. }) => {
                terminal::message(&error.to_string());
                self.failed = true;
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// The trials that somebody waits for.
struct Waiting<'a> {
    bar: Bar,
    stop: &'a AtomicBool,
    limits: Limits,
}

impl<'a> Waiting<'a> {
    fn new(what: &str, runs: u64, stop: &'a AtomicBool, limits: Limits) -> Waiting<'a> {
        let mut bar = Bar::new("trials", runs);
        match terminal::watched() {
            true => bar.show(what),
            false => terminal::message(&format!("{what}: simulating")),
        }
        Waiting { bar, stop, limits }
    }
}

impl Watch for Waiting<'_> {
    fn stop(&self) -> &AtomicBool {
        self.stop
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn run_ended(&self) {
        self.bar.run_ended();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.bar.finish();
    }
}

/// Judges a scenario in one mode.
fn judged(
    replay: &Replay,
    kind: Kind,
    (arguments, stop): (&ReplayArguments, &AtomicBool),
    sources: &Sources,
    into: &mut ReplayOutput,
) -> Result<(), Error> {
    let world = replay.world(kind, None);
    let world = world.map_err(|problems| Error::input(sources, problems))?;
    let count = arguments.trials.unwrap_or(match kind {
        Kind::Scripted => 50,
        Kind::Blind => 300,
    });
    let others = (0..replay.spec.checks.len()).filter(|n| replay.other(*n).is_some());
    let worlds = match kind {
        Kind::Scripted => 1 + others.count() as u64,
        Kind::Blind => 1,
    };
    let what = format!("{}, {}", replay.name, kind.name());
    let limits = arguments.limits.limits();
    let waiting = Waiting::new(&what, count * worlds, stop, limits);
    let world = (&replay.spec, &world);
    let output = trials(&what, world, arguments.seed, count, &waiting);
    let output = output.map_err(|error| with_command(error, replay, kind, arguments))?;
    if kind == Kind::Scripted || arguments.blind {
        let name = &replay.name;
        let sentences = missing(&replay.spec, &output).into_iter();
        into.missing
            .extend(sentences.map(|sentence| format!("{name}: {sentence}")));
    }
    match kind {
        Kind::Scripted => {
            let lines = scripted(replay, arguments.seed, &output, &waiting)?;
            into.lines.extend(lines);
            if arguments.scenario != "all" {
                into.text.push_str(&story(replay, &output));
            }
            if arguments.out.is_some() {
                into.files
                    .extend(pictured(replay, &output, arguments.seed)?);
            }
        }
        Kind::Blind => into.lines.push(blind(replay, &output)),
    }
    Ok(())
}

/// A failed trial with the command that replays it.
fn with_command(error: Error, replay: &Replay, kind: Kind, arguments: &ReplayArguments) -> Error {
    let Error::Trial {
        point,
        trial,
        wrong,
        replay: None,
    } = error
    else {
        return error;
    };
    let asked = match arguments.scenario.as_str() {
        "all" => replay.name.as_str(),
        one => one,
    };
    let mut options = arguments.limits.limits().options();
    if kind == Kind::Scripted {
        options.push("--scripted".to_owned());
    }
    Error::Trial {
        point,
        trial,
        wrong,
        replay: Some(trace_command(asked, trial, arguments.seed, None, &options)),
    }
}

/// The scorecard as JSON.
fn as_json(lines: &[Line]) -> String {
    let json = serde_json::to_string_pretty(lines).expect("lines are plain");
    format!("{json}\n")
}

/// Writes what was found out; what was interrupted goes beside the target, and it is said where.
fn keep(
    results: Results,
    output: &ReplayOutput,
    interrupted: bool,
) -> Result<Option<PathBuf>, Error> {
    let json = as_json(&output.lines);
    let mut card = csv::Writer::from_writer(Vec::new());
    for line in &output.lines {
        card.serialize(line).expect("lines are plain");
    }
    let card = card.into_inner().expect("a vector takes everything");
    let mut files = vec![
        ("scorecard.csv", card.as_slice()),
        ("scorecard.json", json.as_bytes()),
    ];
    let more = output.files.iter();
    files.extend(more.map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    write_all(results.directory(), &files)?;
    match interrupted {
        true => results.keep_part().map(Some),
        false => results.publish().map(|()| None),
    }
}

/// Prints what was found out.
fn print_output(arguments: &ReplayArguments, output: &ReplayOutput) -> Result<(), Error> {
    if arguments.json {
        terminal::result(&as_json(&output.lines));
        return Ok(());
    }
    let mut text = output.text.clone();
    if !output.lines.is_empty() {
        let card = scorecard(&output.lines).to_text(&TextOptions::plain());
        text.push_str(&card.expect("cells fit their columns"));
    }
    for line in &output.lines {
        if let Some(reason) = &line.reason {
            let Line {
                scenario,
                mode,
                check,
                ..
            } = line;
            text.push_str(&format!("{scenario}, {mode}, {check}: {reason}\n"));
        }
    }
    for sentence in &output.missing {
        text.push_str(&format!("{sentence}\n"));
    }
    terminal::result(&text);
    Ok(())
}

/// The trial in the middle as a picture, and its moments as rows.
fn pictured(
    replay: &Replay,
    output: &[TrialResult],
    seed: u64,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let Some((number, middle)) = middle(replay, output) else {
        return Ok(Vec::new());
    };
    let name = &replay.name;
    let zero = onset(&replay.spec, middle).unwrap_or(SimTime::ZERO);
    let caption = Caption::new(
        format!("{name}: what happened, and who noticed?"),
        format!("Scripted trial {number}: its total is the median"),
        format!(
            "n = {} trials · seed {seed} · v{}",
            output.len(),
            env!("CARGO_PKG_VERSION")
        ),
    );
    let chart = chart(&middle.timeline, caption, (zero, "minute 0 of the report"));
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["scenario", "trial", "at_s", "minute", "subject", "event"])
        .expect("a vector takes everything");
    for moment in &middle.moments {
        let row = [
            name.clone(),
            number.to_string(),
            format!("{:.3}", moment.at.as_secs_f64()),
            format!("{:.3}", minutes_from(zero, moment.at)),
            moment.subject.clone(),
            moment.kind.name().to_owned(),
        ];
        rows.write_record(row).expect("a vector takes everything");
    }
    let rows = rows.into_inner().expect("a vector takes everything");
    Ok(vec![
        (format!("{name}-timeline.svg"), chart.to_svg()?.into_bytes()),
        (format!("{name}-timeline.csv"), rows),
    ])
}

/// The trial whose total is the median, and its number.
fn middle<'a>(replay: &Replay, output: &'a [TrialResult]) -> Option<(usize, &'a TrialResult)> {
    let total = |trial: &TrialResult| total_of(&replay.spec, trial).unwrap_or(f64::MAX);
    let mut by_total: Vec<(usize, &TrialResult)> = output.iter().enumerate().collect();
    by_total.sort_by(|a, b| total(a.1).total_cmp(&total(b.1)));
    let (place, trial) = by_total.get(by_total.len() / 2)?;
    Some((place + 1, trial))
}

/// Minutes from one instant to another; negative if that comes first.
fn minutes_from(zero: SimTime, at: SimTime) -> f64 {
    let minutes = |from: SimTime, to: SimTime| to.saturating_since(from).as_secs_f64() / 60.0;
    minutes(zero, at) - minutes(at, zero)
}

fn kinds(arguments: &ReplayArguments) -> Vec<Kind> {
    match (arguments.scripted, arguments.blind) {
        (true, false) => vec![Kind::Scripted],
        (false, true) => vec![Kind::Blind],
        (true, true) | (false, false) => vec![Kind::Scripted, Kind::Blind],
    }
}

/// The moments of the trial whose total is the median, by minutes of the report.
fn story(replay: &Replay, output: &[TrialResult]) -> String {
    let Some((_, middle)) = middle(replay, output) else {
        return String::new();
    };
    let zero = onset(&replay.spec, middle).unwrap_or(SimTime::ZERO);
    let mut text = format!("{}, the median scripted trial\nminute\n", replay.name);
    let mut before: Option<(String, usize)> = None;
    for moment in &middle.moments {
        let at = minutes_from(zero, moment.at);
        let what = format!("{}: {}", moment.subject, moment.kind.name());
        // What repeats is shown twice and then counted.
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
    (arguments, stop): (&ReplayArguments, &AtomicBool),
) -> Result<String, Error> {
    let kind = match arguments.blind {
        true => Kind::Blind,
        false => Kind::Scripted,
    };
    let count = arguments.trials.unwrap_or(200);
    let what = format!("{}, {}", replay.name, kind.name());
    let limits = arguments.limits.limits();
    let waiting = Waiting::new(&what, count * 2, stop, limits);
    let simulate = |with: Option<&Node>| {
        let world = replay.world(kind, with);
        let world = world.map_err(|problems| Error::input(sources, problems))?;
        let world = (&replay.spec, &world);
        trials(&replay.name, world, arguments.seed, count, &waiting)
    };
    let (as_it_was, otherwise) = (simulate(None)?, simulate(Some(fragment))?);
    let mut text = format!("{}, {}, {count} trials each\n", replay.name, kind.name());
    for (measure, unit, scale) in [
        (MeasureSpec::Lost, "lost requests", 1.0),
        (MeasureSpec::Downtime, "min of downtime", 60.0),
        (MeasureSpec::Total, "min in total", 60.0),
    ] {
        let values = |output: &[TrialResult]| -> Vec<f64> {
            let of = |trial: &TrialResult| measured(&replay.spec, measure, trial) / scale;
            output.iter().map(of).collect()
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
