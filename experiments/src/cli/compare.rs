//! `outage compare`: run a study, keep its rows, and say what they show.

use std::path::{Path, PathBuf};

use models::{Mode, RunOptions, run_trial};
use output::write_all;
use sim::Streams;

use super::{CompareArguments, interrupt};
use crate::builtin::STUDIES;
use crate::document::Sources;
use crate::error::Error;
use crate::progress::Progress;
use crate::report::{self, story::Story};
use crate::rows::blast::{self, BlastSums};
use crate::rows::manifest::{Extent, Manifest, basis};
use crate::rows::read::Rows;
use crate::rows::write::{Spool, components_header, outcomes_header, products_header};
use crate::runner::{self, Order, Sink};
use crate::scenario;
use crate::study::{Plan, Study, is_study, not_a_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage compare                               # the built-in study of the 2 June 2020 incident
  outage compare incident-2020 --trials 2000   # narrower intervals
  outage compare my-study.toml --seed 7 --out results/mine --json | jq .verdict";

/// Runs the study and prints what came of it.
pub fn run(arguments: &CompareArguments) -> super::Done {
    let mut sources = Sources::default();
    let found = scenario::read(&mut sources, &arguments.study, &STUDIES, Path::new(""))?;
    if !is_study(&found.root) {
        return Err(not_a_study(&arguments.study));
    }
    let study = Study::load(&mut sources, &found)?;
    let default = || PathBuf::from("results").join(&study.plan.name);
    let directory = arguments.out.clone().unwrap_or_else(default);
    let seed = arguments.seed.unwrap_or(study.plan.seed);
    let asked = arguments.trials.unwrap_or(study.plan.trials);
    let kept = simulate(arguments, &study, seed, asked, &directory)?;
    let extent = Extent { seed, asked, kept };
    let basis = basis(&study.worlds[0].about);
    let manifest = Manifest::of(&study.plan, basis, &arguments.study, extent);
    write_all(
        &directory,
        &[("manifest.json", &output::json::value(&manifest)?)],
    )?;

    let rows = Rows::read(&directory)?;
    let story = tell_typical(&study, &rows, seed)?;
    let report = report::compose(&rows, story.as_ref(), &study.plan.objectives)?;
    let files: Vec<(&str, &[u8])> = report
        .files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    write_all(&directory, &files)?;
    match arguments.json {
        true => terminal::result(&report.json),
        false => terminal::result(&report.text(terminal::width(), terminal::colour())?),
    }
    terminal::message(&format!(
        "report: {}",
        directory.join("report.html").display()
    ));
    Ok(if kept < asked {
        interrupted(&manifest)
    } else {
        0
    })
}

/// Runs the trials and writes the rows; returns how many trials were kept.
fn simulate(
    arguments: &CompareArguments,
    study: &Study,
    seed: u64,
    asked: u64,
    directory: &Path,
) -> Result<u64, Error> {
    let plan = &study.plan;
    let stop = interrupt::stop();
    let order = Order {
        trials: asked,
        stop: &stop,
    };
    let mode = if arguments.eager {
        Mode::Eager
    } else {
        Mode::Lazy
    };
    let options = RunOptions { mode, story: false };
    let trial = |point: usize, number: u64| {
        let streams = Streams::for_trial(seed, number);
        run_trial(&study.worlds[point], &streams, &options).map_err(|error| error.to_string())
    };
    let mut sink = Sink {
        outcomes: Spool::new(directory)?,
        components: Spool::new(directory)?,
        products: Spool::new(directory)?,
        blast: BlastSums::new(),
    };
    let labels = plan.points.iter().map(|point| point.label.clone());
    let labels: Vec<String> = labels.collect();
    let mut progress = Progress::new(labels.clone(), asked);
    let pool = super::pool(arguments.threads)?;
    // A trial that panics is told once, with the command that shows the whole panic.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let kept = pool.install(|| runner::run(plan, &order, trial, &mut sink, &mut progress));
    std::panic::set_hook(loud);
    progress.finish();
    let kept = kept.map_err(|error| with_replay(error, &arguments.study, seed))?;
    keep(&mut sink, plan, &labels, directory)?;
    Ok(kept)
}

/// Writes all rows.
fn keep(sink: &mut Sink, plan: &Plan, labels: &[String], directory: &Path) -> Result<(), Error> {
    let outcomes = directory.join("outcomes.csv");
    sink.outcomes.write(&outcomes_header(plan), &outcomes)?;
    let components = directory.join("components.csv");
    sink.components.write(&components_header(), &components)?;
    let products = directory.join("products.csv");
    sink.products.write(&products_header(), &products)?;
    let blast = blast::csv(&sink.blast.rows(labels));
    write_all(directory, &[("blast_radius.csv", &blast)])?;
    Ok(())
}

fn with_replay(error: Error, study: &str, seed: u64) -> Error {
    match error {
        Error::Trial {
            point,
            trial,
            wrong,
            bug,
            ..
        } => {
            let replay =
                format!("outage trace {study} --trial {trial} --seed {seed} --point \"{point}\"");
            Error::Trial {
                point,
                trial,
                wrong,
                replay,
                bug,
            }
        }
        other => other,
    }
}

/// Runs the typical trial of the baseline once more, for its story.
fn tell_typical(study: &Study, rows: &Rows, seed: u64) -> Result<Option<Story>, Error> {
    let Some(trial) = report::story::typical(rows) else {
        return Ok(None);
    };
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
    };
    let told = run_trial(&study.worlds[0], &Streams::for_trial(seed, trial), &options);
    let told = told.expect("this trial has ended well before");
    Ok(Some(Story {
        trial,
        timeline: told.timeline,
    }))
}

fn interrupted(manifest: &Manifest) -> u8 {
    let Manifest {
        trials,
        trials_asked,
        ..
    } = manifest;
    let again = manifest.command.replace(
        &format!("--trials {trials} "),
        &format!("--trials {trials_asked} "),
    );
    terminal::message(&format!(
        "interrupted: kept {trials} of {trials_asked} trials, each under all {} designs\n  \
         the whole study: {again}\n  what was kept, again: {}",
        manifest.points.len(),
        manifest.command
    ));
    130
}
