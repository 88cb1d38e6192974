//! `outage trace`: one trial as text, every line with its time on two clocks.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use models::findings::{counted, grouped};
use models::outcome::TrialOutcome;
use models::{Mode, RunOptions, WorldSpec};
use sim::{SimTime, Streams};

use super::TraceArguments;
use super::test_panic::TestPanic;
use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::{Error, suggest};
use crate::forms::replay::Selector;
use crate::measures::MEASURES;
use crate::replay::{Kind, Replay, is_replay, tell};
use crate::report::objectives::with_endless;
use crate::report::story::onset;
use crate::rows::read::Rows;
use crate::runner::{Failure, caught, simulate};
use crate::scenario::{self, Found};
use crate::stats::{LEVEL, quantile};
use crate::study::{Study, is_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage trace incident-2020 --trial 1
  outage trace my-study.toml --worst --only \"on call\"     # after `outage compare my-study.toml`
  outage trace my-replay.toml --trial 7 --seed 3 --scripted | less";

/// Prints one trial.
pub fn run(arguments: &TraceArguments) -> super::Done {
    let mut sources = Sources::default();
    let subject = subject(&mut sources, arguments)?;
    let (seed, trial) = match arguments.which.trial {
        Some(trial) => (arguments.seed.unwrap_or(subject.seed), trial),
        None => saved_trial(&subject, arguments)?,
    };
    let (design, limits) = (&subject.design, arguments.limits.limits());
    let met = caught(|| TestPanic::from_environment().meet(design, trial));
    let streams = Streams::for_trial(seed, trial);
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    // Nobody stops it: a signal ends the program.
    let stop = AtomicBool::new(false);
    let told = met
        .map_err(Failure::Failed)
        .and_then(|()| match &subject.onset {
            Some(onset) => tell((onset, &[]), &subject.spec, &streams, &limits, &stop),
            None => simulate(&subject.spec, &streams, &options, &limits, &stop),
        })
        .map_err(|failure| failure.of_trial(&subject.label, trial, None))?;
    let zero = onset(&told.timeline);
    let mut text = format!("{}, trial {trial}, seed {seed}\n", subject.label);
    text.push_str(&summary(&told.outcome));
    text.push_str(match zero {
        Some(_) => "since the start    since the outage\n",
        None if told.outcome.downtime_observed_s > 0.0 => {
            "since the start    (degraded, no outage)\n"
        }
        None => "since the start    (no outage)\n",
    });
    let shown = |(at, line): &&(SimTime, String)| {
        let since = *at - SimTime::ZERO;
        let within = arguments.from.is_none_or(|from| from <= since)
            && arguments.to.is_none_or(|to| since <= to);
        let only = arguments.only.as_ref();
        within && only.is_none_or(|only| line.contains(only.as_str()))
    };
    let lines: Vec<&(SimTime, String)> = told.trace.iter().filter(shown).collect();
    for (at, line) in &lines {
        text.push_str(&format!("{at:<16}   {}   {line}\n", relative(*at, zero)));
    }
    if lines.len() < told.trace.len() {
        let (shown, all) = (lines.len(), told.trace.len());
        text.push_str(&format!(
            "({} of {} lines)\n",
            grouped(shown as u128),
            grouped(all as u128)
        ));
    }
    terminal::result(&text);
    Ok(0)
}

/// The outcome of the trial, in one line.
fn summary(outcome: &TrialOutcome) -> String {
    let gone = |count: u64, words: &str| match count {
        0 => String::new(),
        some => format!(", {} {words}", grouped(some.into())),
    };
    let gone = gone(outcome.acked_lost, "acknowledged and then lost")
        + &gone(outcome.signed_out, "users signed out")
        + &gone(outcome.stored_lost, "stored keys lost")
        + &gone(outcome.jobs_lost, "jobs lost");
    format!(
        "{}, {} blocked, {} lost{gone}; down for {:.0} min (too many requests failed), and \
         for {:.1} min none could succeed or an overload failed most; {}, {} of them useless, {} \
         false\n\n",
        counted(outcome.visits, "visit"),
        grouped(outcome.blocked.into()),
        grouped(outcome.lost.into()),
        outcome.downtime_observed_s / 60.0,
        outcome.downtime_true_s / 60.0,
        counted(outcome.failovers, "promotion"),
        outcome.useless_failovers,
        outcome.false_failovers
    )
}

/// The trial of a finished study that --worst or --median asks for, after the study's seed.
fn saved_trial(subject: &Subject, arguments: &TraceArguments) -> Result<(u64, u64), Error> {
    let usage = |wrong: String, help: &str| Error::Usage {
        wrong,
        help: help.to_owned(),
    };
    let Some(study) = &subject.study else {
        let wrong = format!(
            "{} was not run as a study, so no trial is the worst",
            subject.label
        );
        return Err(usage(wrong, "give --trial N"));
    };
    if arguments.seed.is_some() {
        let wrong = "--seed is that of the saved rows".to_owned();
        return Err(usage(wrong, "leave it out, or give --trial N"));
    }
    let measure = arguments.of.as_str();
    let names: Vec<&str> = MEASURES.iter().map(|of| of.name).collect();
    if !names.contains(&measure) {
        let wrong = format!("outcomes.csv has no measure `{measure}`");
        return Err(Error::Usage {
            wrong,
            help: suggest(measure, &names),
        });
    }
    let default = || PathBuf::from("results").join(study);
    let directory = arguments.results.clone().unwrap_or_else(default);
    let rows = Rows::read(&directory)?;
    let points = &rows.manifest.points;
    let point = points.iter().position(|of| of.label == subject.design);
    let place = point.and_then(|point| {
        let values = with_endless(&rows, point, measure);
        let place = match arguments.which.worst {
            true => worst(&values),
            false => closest_to_median(&values),
        };
        Some(rows.trials_of(point)[place?])
    });
    let trial = place.ok_or_else(|| {
        let wrong = format!(
            "{} holds no trial of `{}` in which {measure} is defined",
            directory.display(),
            subject.design
        );
        usage(
            wrong,
            "run `outage compare` on this study first, or name its --results",
        )
    })?;
    Ok((rows.manifest.seed, trial))
}

/// The place of the largest value; of equal ones the first.
fn worst(values: &[Option<f64>]) -> Option<usize> {
    let defined = (0..values.len()).filter(|place| values[*place].is_some());
    let value = |place: &usize| values[*place].unwrap_or(f64::NEG_INFINITY);
    defined.rev().max_by(|a, b| value(a).total_cmp(&value(b)))
}

fn closest_to_median(values: &[Option<f64>]) -> Option<usize> {
    let defined: Vec<f64> = values.iter().copied().flatten().collect();
    let median = quantile(&defined, 0.5, LEVEL)?.value;
    let apart = |place: &usize| match values[*place] {
        Some(value) if value == median => 0.0,
        Some(value) => (value - median).abs(),
        None => f64::NAN,
    };
    let places = (0..values.len()).filter(|place| values[*place].is_some());
    places.min_by(|a, b| apart(a).total_cmp(&apart(b)))
}

/// What is to be traced.
struct Subject {
    label: String,
    /// The design of a study; empty for a scenario.
    design: String,
    /// The name of the study.
    study: Option<String>,
    seed: u64,
    spec: WorldSpec,
    /// Minute 0 of its report, if there is one.
    onset: Option<Selector>,
}

fn subject(sources: &mut Sources, arguments: &TraceArguments) -> Result<Subject, Error> {
    let built_in = [STUDIES.as_slice(), SCENARIOS.as_slice()].concat();
    let found = scenario::read(sources, &arguments.scenario, &built_in, Path::new(""))?;
    if !is_study(&found.root) {
        if arguments.point.is_some() {
            let wrong = format!("`{}` is a scenario and has no design points", found.name);
            return Err(Error::Usage {
                wrong,
                help: "leave --point out".to_owned(),
            });
        }
        return scenario_of(sources, found, arguments.scripted);
    }
    if arguments.scripted {
        return Err(Error::Usage {
            wrong: format!(
                "`{}` is a study: no report gives the times of its people",
                found.name
            ),
            help: "leave --scripted out".to_owned(),
        });
    }
    let mut study = Study::load(sources, &found)?;
    let labels: Vec<&str> = study.plan.points.iter().map(|p| p.label.as_str()).collect();
    let asked = arguments.point.as_deref().unwrap_or(labels[0]);
    let place = labels
        .iter()
        .position(|label| *label == asked)
        .ok_or_else(|| Error::Usage {
            wrong: format!("study `{}` has no point `{asked}`", study.plan.name),
            help: suggest(asked, &labels),
        })?;
    let label = format!("study {}, design {}", study.plan.name, labels[place]);
    Ok(Subject {
        label,
        design: labels[place].to_owned(),
        study: Some(study.plan.name.clone()),
        seed: study.plan.seed,
        spec: study.worlds.swap_remove(place),
        onset: None,
    })
}

/// A scenario, as it is drawn or, if it is a replay, as its report has it.
fn scenario_of(sources: &Sources, found: Found, scripted: bool) -> Result<Subject, Error> {
    let wrong = |problems| Error::input(sources, problems);
    let name = found.name.clone();
    let (mode, spec, onset) = match (is_replay(&found.root), scripted) {
        (false, true) => {
            return Err(Error::Usage {
                wrong: format!("`{name}` has no [replay] table, so nothing is scripted"),
                help: "leave --scripted out".to_owned(),
            });
        }
        (false, false) => ("", scenario::world(&found.root).map_err(wrong)?, None),
        (true, _) => {
            let replay = Replay::of(found).map_err(wrong)?;
            let (mode, kind) = match scripted {
                true => (", scripted", Kind::Scripted),
                false => (", blind (--scripted takes the report's times)", Kind::Blind),
            };
            let world = replay.world(kind, None).map_err(wrong)?;
            (mode, world, Some(replay.spec.onset))
        }
    };
    Ok(Subject {
        label: format!("scenario {name}{mode}"),
        design: String::new(),
        study: None,
        seed: 1,
        spec,
        onset,
    })
}

/// `+00:12:03.250` or `-00:00:10.000`; blank where there is no outage.
fn relative(at: SimTime, zero: Option<SimTime>) -> String {
    let Some(zero) = zero else {
        return String::new();
    };
    let (sign, apart) = match at >= zero {
        true => ('+', at - zero),
        false => ('-', zero - at),
    };
    format!("{sign}{:<16}", (SimTime::ZERO + apart).to_string())
}
