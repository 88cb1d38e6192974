//! `outage compare`: run a study, keep its rows, and say what they show.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use models::{Mode, RunOptions};
use output::write_all;
use sim::Streams;

use super::CompareArguments;
use super::interrupt::Interrupt;
use super::test_panic::TestPanic;
use crate::builtin::STUDIES;
use crate::document::Sources;
use crate::error::{Error, TRIALS_FAILED};
use crate::progress::Progress;
use crate::report::{self, Composed, story::Story};
use crate::results::{Contents, Results};
use crate::rows::blast::{self, BlastSums};
use crate::rows::manifest::{Asked, FailedEntry, Manifest, basis};
use crate::rows::read::Rows;
use crate::rows::write::{Spool, components_header, outcomes_header, products_header};
use crate::runner::{self, Limits, Order, Ran, Sink};
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
    let target = arguments.out.clone().unwrap_or_else(default);
    let limits = arguments.limits.limits();
    let asked = Asked {
        name: &arguments.study,
        seed: arguments.seed.unwrap_or(study.plan.seed),
        trials: arguments.trials.unwrap_or(study.plan.trials),
        limits: &limits.options(),
    };
    let interrupt = Interrupt::heed();
    let results = Results::claim(&target, &CONTENTS)?;
    let ran = match simulate(arguments, &study, &asked, &results, &interrupt) {
        Err(error @ Error::NothingKept) => {
            terminal::message(&error.to_string());
            return Ok(interrupt.exit_code());
        }
        other => other?,
    };
    if interrupt.has_come() {
        terminal::message("interrupted: writing what is finished; once more keeps nothing");
    }
    let manifest = Manifest::of(&study.plan, basis(&study.worlds[0].about), &asked, &ran);
    let within = (&limits, interrupt.stop());
    let report = compose(&study, &manifest, results.directory(), within)?;
    let place = match manifest.interrupted {
        true => results.keep_part()?,
        false => results.publish().map(|()| target.clone())?,
    };
    match arguments.json {
        true => terminal::result(&report.json),
        false => terminal::result(&report.text(terminal::width(), terminal::colour())?),
    }
    let page = place.join("report.html");
    terminal::message(&format!("report: {}", page.display()));
    tell_failed(&manifest);
    if manifest.interrupted {
        tell_interrupted(&manifest, &place, &target);
        return Ok(interrupt.exit_code());
    }
    Ok(if manifest.failed.is_empty() {
        0
    } else {
        TRIALS_FAILED
    })
}

/// What a study leaves in its directory.
const CONTENTS: Contents = Contents {
    mark: "manifest.json",
    is_ours: |path| {
        let files = [
            "manifest.json",
            "outcomes.csv",
            "components.csv",
            "products.csv",
            "blast_radius.csv",
            "summary.csv",
            "summary.json",
            "report.html",
        ];
        let chart = path.starts_with("charts") && path.extension().is_some_and(|e| e == "svg");
        chart || files.iter().any(|file| path == Path::new(file))
    },
};

/// Runs the trials and writes the rows.
fn simulate(
    arguments: &CompareArguments,
    study: &Study,
    asked: &Asked,
    results: &Results,
    interrupt: &Interrupt,
) -> Result<Ran, Error> {
    let plan = &study.plan;
    let order = Order {
        trials: asked.trials,
        seed: asked.seed,
        stop: interrupt.stop(),
    };
    let mode = if arguments.eager {
        Mode::Eager
    } else {
        Mode::Lazy
    };
    let options = RunOptions {
        mode,
        story: false,
        watched: None,
    };
    let limits = arguments.limits.limits();
    let test_panic = TestPanic::from_environment();
    let trial = |point: usize, number: u64, streams: &Streams| {
        test_panic.meet(&plan.points[point].label, number);
        let world = &study.worlds[point];
        runner::simulate(world, streams, &options, &limits, order.stop)
    };
    let directory = results.directory();
    let mut sink = Sink {
        outcomes: Spool::new(directory)?,
        components: Spool::new(directory)?,
        products: Spool::new(directory)?,
        blast: BlastSums::new(),
    };
    let labels = plan.points.iter().map(|point| point.label.clone());
    let labels: Vec<String> = labels.collect();
    let mut progress = Progress::new(labels.clone(), asked.trials);
    let pool = arguments.threads.pool()?;
    let ran = pool.install(|| runner::run(plan, &order, trial, &mut sink, &mut progress));
    progress.finish();
    let ran = ran?;
    keep(&mut sink, plan, &labels, directory)?;
    Ok(ran)
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

/// Writes what the rows show.
fn compose(
    study: &Study,
    manifest: &Manifest,
    directory: &Path,
    limits: (&Limits, &AtomicBool),
) -> Result<Composed, Error> {
    let bytes = output::json::value(manifest)?;
    write_all(directory, &[("manifest.json", &bytes)])?;
    let rows = Rows::read(directory)?;
    let story = trace_typical(study, &rows, limits);
    let report = report::compose(&rows, story.as_ref(), &study.plan.objectives)?;
    let files: Vec<(&str, &[u8])> = report
        .files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    write_all(directory, &files)?;
    Ok(report)
}

/// Runs the typical trial of the baseline once more, for its story. A report without it is better
/// than none.
fn trace_typical(
    study: &Study,
    rows: &Rows,
    (limits, stop): (&Limits, &AtomicBool),
) -> Option<Story> {
    let trial = report::story::typical(rows)?;
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    let streams = Streams::for_trial(rows.manifest.seed, trial);
    let told = runner::simulate(&study.worlds[0], &streams, &options, limits, stop);
    Some(Story {
        trial,
        timeline: told.ok()?.timeline,
    })
}

/// How many failed trials are told one by one.
const TOLD_MAX: usize = 5;

/// Says which trials failed, and how to see it happen.
fn tell_failed(manifest: &Manifest) {
    let failed = &manifest.failed;
    for entry in failed.iter().take(TOLD_MAX) {
        let FailedEntry {
            point,
            trial,
            wrong,
            replay,
        } = entry;
        terminal::message(&format!(
            "error: trial {trial} of `{point}` failed: {wrong}\n  = see it happen: {replay}"
        ));
    }
    if failed.len() > TOLD_MAX {
        let more = failed.len() - TOLD_MAX;
        terminal::message(&format!(
            "… and {more} more failed trials, in manifest.json"
        ));
    }
    if !failed.is_empty() {
        terminal::message(
            "all other rows are kept; the designs of failed trials are incomplete and ranked \
             nowhere",
        );
    }
}

/// Says what was kept, where, and how to get the rest.
fn tell_interrupted(manifest: &Manifest, place: &Path, target: &Path) {
    let Manifest {
        trials,
        trials_asked,
        ..
    } = manifest;
    let again = manifest.whole_command();
    let untouched = match target.exists() {
        true => format!("\n  {} is as it was", target.display()),
        false => String::new(),
    };
    terminal::message(&format!(
        "interrupted: kept {trials} of {trials_asked} trials, each under all {} designs, in {}\
         {untouched}\n  the whole study: {again}\n  what was kept, again: {}",
        manifest.points.len(),
        place.display(),
        manifest.command
    ));
}
