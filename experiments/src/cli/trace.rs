//! `outage trace`: one trial as text, every line with its time on two clocks.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use models::findings::{counted, grouped};
use models::{Mode, RunOptions, WorldSpec};
use sim::{SimTime, Streams};

use super::TraceArguments;
use super::test_panic::TestPanic;
use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::{Error, suggest};
use crate::forms::replay::Selector;
use crate::replay::{Kind, Replay, is_replay, tell};
use crate::report::story::onset;
use crate::runner::{Failure, caught, simulate};
use crate::scenario::{self, Found};
use crate::study::{Study, is_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage trace incident-2020 --trial 1
  outage trace incident-2020 --trial 1 --point \"write-canary / shared / alert\"
  outage trace my-replay.toml --trial 7 --seed 3 --scripted | less";

/// Prints one trial.
pub fn run(arguments: &TraceArguments) -> super::Done {
    let mut sources = Sources::default();
    let subject = subject(&mut sources, arguments)?;
    let seed = arguments.seed.unwrap_or(subject.seed);
    let (design, limits) = (&subject.design, arguments.limits.limits());
    let met = caught(|| TestPanic::from_environment().meet(design, arguments.trial));
    let streams = Streams::for_trial(seed, arguments.trial);
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
        .map_err(|failure| failure.of_trial(&subject.label, arguments.trial, None))?;
    let zero = onset(&told.timeline);
    let mut text = format!(
        "{}, trial {}, seed {seed}\n",
        subject.label, arguments.trial
    );
    text.push_str(match zero {
        Some(_) => "since the start    since the outage\n",
        None if told.outcome.downtime_observed_s > 0.0 => {
            "since the start    (degraded, no outage)\n"
        }
        None => "since the start    (no outage)\n",
    });
    for (at, line) in &told.trace {
        text.push_str(&format!("{at:<16}   {}   {line}\n", relative(*at, zero)));
    }
    let outcome = &told.outcome;
    let gone = |count: u64, words: &str| match count {
        0 => String::new(),
        some => format!(", {} {words}", grouped(some.into())),
    };
    let gone = gone(outcome.acked_lost, "acknowledged and then lost")
        + &gone(outcome.signed_out, "users signed out")
        + &gone(outcome.stored_lost, "stored keys lost")
        + &gone(outcome.jobs_lost, "jobs lost");
    text.push_str(&format!(
        "\n{}, {} blocked, {} lost{gone}; down for {:.0} min (too many requests failed), and \
         for {:.1} min none could succeed or an overload failed most; {}, {} of them useless, {} \
         false\n",
        counted(outcome.visits, "visit"),
        grouped(outcome.blocked.into()),
        grouped(outcome.lost.into()),
        outcome.downtime_observed_s / 60.0,
        outcome.downtime_true_s / 60.0,
        counted(outcome.failovers, "promotion"),
        outcome.useless_failovers,
        outcome.false_failovers
    ));
    terminal::result(&text);
    Ok(0)
}

/// What is to be traced.
struct Subject {
    label: String,
    /// The design of a study; empty for a scenario.
    design: String,
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
