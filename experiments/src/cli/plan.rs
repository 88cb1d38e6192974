//! `outage plan`: when is it full, how likely is an outage, and what is the cheapest design?

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use models::{Mode, RunOptions, WorldSpec};
use output::write_all;
use sim::{SimDuration, Streams};

use super::interrupt::Interrupt;
use super::{PlanArguments, Undecided};
use crate::builtin::{SCENARIOS, STUDIES};
use crate::document::Sources;
use crate::error::{Error, TRIALS_FAILED};
use crate::forms::condition::{Condition, Event, Order, Quantity};
use crate::forms::study::ValueFile;
use crate::planning::answer::{About, Answer, OUTAGE};
use crate::planning::sample::{Sample, Values};
use crate::planning::search::{Effort, Found, Question, cheaper_open, search};
use crate::planning::words;
use crate::results::{Contents, Results};
use crate::rows::manifest::trace_command;
use crate::runner;
use crate::scenario;
use crate::study::{Study, is_study};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage plan capacity-90d                     # what should we buy for the next 90 days?
  outage plan my-study.toml --budget 10min --out results/plan
  outage plan mine.toml --fail-if 'p_unavailable(30d, 5min) > 2%' --markdown";

/// How long it takes without `--budget` and `--trials`.
const BUDGET: SimDuration = SimDuration::from_secs(60);

/// Time between two messages that say the same.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Trials of a design, at most.
const TRIALS_MAX: u64 = 1_000_000;

/// The exit code of a gate that fails.
const GATE_FAILED: u8 = 1;

/// What a plan leaves in its directory.
const CONTENTS: Contents = Contents {
    mark: "plan.json",
    is_ours: |path| path == Path::new("plan.json") || path == Path::new("plan.md"),
};

/// What is planned.
struct Subject {
    name: String,
    title: String,
    seed: u64,
    names: Vec<String>,
    worlds: Vec<WorldSpec>,
    conditions: Vec<Condition>,
    value: Option<ValueFile>,
}

/// Searches, and prints what was found.
pub fn run(arguments: &PlanArguments) -> super::Done {
    let subject = Subject::read(arguments)?;
    let horizon = subject.worlds[0].horizon;
    let gate = arguments.fail_if.as_deref();
    let gate = gate.map(|text| gate_of(text, horizon)).transpose()?;
    let default = || PathBuf::from("results").join(format!("{}-plan", subject.name));
    let target = arguments.out.clone().unwrap_or_else(default);
    let interrupt = Interrupt::heed();
    let results = Results::claim(&target, &CONTENTS)?;
    let question = Question {
        conditions: &subject.conditions,
        gate: gate.as_ref(),
        values: subject.values(),
        days: horizon.as_secs_f64() / 86_400.0,
    };
    let found = subject.search(arguments, &question, &interrupt)?;
    if found.designs[0].samples.len() < 2 && found.designs[0].failed.is_none() {
        return Err(Error::NothingKept);
    }
    let about = About {
        study: &subject.name,
        title: &subject.title,
        seed: subject.seed,
        names: &subject.names,
        horizon,
        valued: subject.value.is_some(),
        interrupted: interrupt.has_come(),
    };
    if let Some((trial, wrong)) = &found.designs[0].failed {
        return Err(Error::Trial {
            point: subject.names[0].clone(),
            trial: *trial,
            wrong: wrong.clone(),
            replay: Some(subject.replay(arguments, 0, *trial)),
        });
    }
    let answer = Answer::of(&found, &question, &about);
    let markdown = markdown(&answer, &subject.conditions)?;
    let json = output::json::value(&answer)?;
    write_all(
        results.directory(),
        &[("plan.json", &json), ("plan.md", markdown.as_bytes())],
    )?;
    let place = match about.interrupted {
        true => results.keep_part()?,
        false => results.publish().map(|()| target)?,
    };
    match (arguments.json, arguments.markdown) {
        (true, _) => terminal::result(&String::from_utf8_lossy(&json)),
        (_, true) => terminal::result(&markdown),
        (false, false) => terminal::result(&text(&answer, &subject.conditions)?),
    }
    terminal::message(&format!("plan: {}", place.join("plan.json").display()));
    if answer.interrupted {
        terminal::message("interrupted: what was known by then is kept there");
    } else if answer.cut_short {
        terminal::message("note: time or trials were used up before all that is asked was known");
    }
    for (n, design) in found.designs.iter().enumerate() {
        if let Some((trial, _)) = &design.failed {
            let replay = subject.replay(arguments, n, *trial);
            terminal::message(&format!("a trial failed; see it happen: {replay}"));
        }
    }
    Ok(code(&answer, arguments, &interrupt))
}

/// 130 if it was interrupted, 1 if the gate fails, 3 if a trial has failed.
fn code(answer: &Answer, arguments: &PlanArguments, interrupt: &Interrupt) -> u8 {
    if answer.interrupted {
        return interrupt.exit_code();
    }
    let fails = answer.gate.as_ref().is_some_and(|gate| match gate.holds {
        Some(holds) => holds,
        None => arguments.undecided == Undecided::Fail,
    });
    let failed = answer.designs.iter().any(|design| design.failed.is_some());
    match (fails, failed) {
        (true, _) => GATE_FAILED,
        (false, true) => TRIALS_FAILED,
        (false, false) => 0,
    }
}

impl Subject {
    fn read(arguments: &PlanArguments) -> Result<Subject, Error> {
        let mut sources = Sources::default();
        let built_in = [STUDIES.as_slice(), SCENARIOS.as_slice()].concat();
        let found = scenario::read(&mut sources, &arguments.study, &built_in, Path::new(""))?;
        let subject = if is_study(&found.root) {
            let Study {
                plan,
                worlds,
                conditions,
            } = Study::load(&mut sources, &found)?;
            Subject {
                name: plan.name,
                title: plan.title,
                seed: plan.seed,
                names: plan.points.into_iter().map(|point| point.label).collect(),
                worlds,
                conditions,
                value: plan.value,
            }
        } else {
            let world = scenario::world(&found.root);
            let world = world.map_err(|problems| Error::input(&sources, problems))?;
            Subject {
                name: found.name.clone(),
                title: world.about.title.clone(),
                seed: 1,
                names: vec!["as it is".to_owned()],
                worlds: vec![world],
                conditions: Vec::new(),
                value: None,
            }
        };
        let seed = arguments.seed.unwrap_or(subject.seed);
        Ok(Subject { seed, ..subject }.with_conditions())
    }

    /// Where nothing is asked, this is: no outage above 15 minutes in 99 of 100 trials.
    fn with_conditions(mut self) -> Subject {
        if self.conditions.is_empty() {
            let within = self.worlds[0].horizon;
            let quantity = Quantity::Chance(Event::Unavailable {
                within,
                longer: OUTAGE,
            });
            let text = format!("{quantity} <= 1%");
            terminal::message(&format!(
                "note: a study asks for something with plan.keep; here: {text}"
            ));
            self.conditions.push(Condition {
                text,
                quantity,
                order: Order::AtMost,
                limit: 0.01,
            });
        }
        self
    }

    /// The command that tells a trial of a design.
    fn replay(&self, arguments: &PlanArguments, design: usize, trial: u64) -> String {
        let name = Some(self.names[design].as_str()).filter(|_| self.names.len() > 1);
        let limits = arguments.limits.limits().options();
        trace_command(&arguments.study, trial, self.seed, name, &limits)
    }

    fn values(&self) -> Values {
        let value = self.value.unwrap_or_default();
        let dollars = |usd: Option<models::spec::price::Usd>| usd.map_or(0.0, |usd| usd.get());
        Values {
            request: dollars(value.request),
            record: dollars(value.record),
            degraded_hour: dollars(value.degraded_hour),
        }
    }

    // A clock decides when it has taken long enough; with `--trials` alone it reaches no result.
    #[allow(clippy::disallowed_methods)]
    fn search(
        &self,
        arguments: &PlanArguments,
        question: &Question,
        interrupt: &Interrupt,
    ) -> Result<Found, Error> {
        let started = Instant::now();
        let told: Mutex<Option<(String, Instant)>> = Mutex::new(None);
        let told = || told.lock().unwrap_or_else(PoisonError::into_inner);
        let clocked = arguments.budget.is_some() || arguments.trials.is_none();
        let budget = arguments.budget.unwrap_or(BUDGET);
        let budget = Duration::from_nanos(budget.as_nanos());
        let over = || interrupt.has_come() || clocked && started.elapsed() >= budget;
        let heard = |trials: u64, found: &Found| {
            let known = self.known(found);
            let mut told = told();
            let is_new =
                |(text, at): &(String, Instant)| *text != known || at.elapsed() >= TELL_EVERY;
            if told.as_ref().is_none_or(is_new) {
                terminal::message(&format!("up to {trials} trials: {known}"));
                *told = Some((known, Instant::now()));
            }
        };
        let ran = |trials: u64| {
            let mut told = told();
            let last = told.as_ref().map_or(started, |(_, at)| *at);
            if last.elapsed() >= TELL_EVERY {
                terminal::message(&format!("{trials} trials have been run"));
                let known = told.take().map_or_else(String::new, |(known, _)| known);
                *told = Some((known, Instant::now()));
            }
        };
        let effort = Effort {
            trials: arguments.trials.unwrap_or(TRIALS_MAX),
            precision: arguments.precision,
            over: &over,
            heard: &heard,
            ran: &ran,
        };
        let options = RunOptions {
            mode: Mode::Lazy,
            story: false,
            watched: None,
        };
        let limits = arguments.limits.limits();
        let trial = |design: usize, _: u64, streams: &Streams| {
            let world = &self.worlds[design];
            let ran = runner::simulate(world, streams, &options, &limits, interrupt.stop())?;
            Ok(Sample::of(&ran))
        };
        let pool = arguments.threads.pool()?;
        Ok(pool.install(|| search(self.worlds.len(), question, &effort, self.seed, trial)))
    }

    /// What is known so far, in one line.
    fn known(&self, found: &Found) -> String {
        let broken = found.designs.iter();
        let broken = broken
            .filter(|design| design.keeps() == Some(false))
            .count();
        let known = match found.cheapest {
            Some(n) => match cheaper_open(found).len() {
                0 => format!("`{}` is the cheapest that keeps all", self.names[n]),
                open => format!("`{}` keeps all, cheaper and open: {open}", self.names[n]),
            },
            None => "the cheapest is not known yet".to_owned(),
        };
        format!(
            "{broken} of {} designs are out, {known}",
            found.designs.len()
        )
    }
}

fn gate_of(text: &str, horizon: SimDuration) -> Result<Condition, Error> {
    Condition::parse(text, horizon).map_err(|mistake| Error::Usage {
        wrong: format!("--fail-if: {}", mistake.shown()),
        help: mistake.help,
    })
}

/// For a terminal.
fn text(answer: &Answer, conditions: &[Condition]) -> Result<String, Error> {
    let options = output::TextOptions {
        width: terminal::width(),
        colour: terminal::colour(),
    };
    let table = words::table(answer, conditions).to_text(&options)?;
    let said = words::sentences(answer, conditions).join("\n");
    Ok(format!("{}\n\n{table}\n{said}\n", answer.title))
}

/// For a comment on a change.
fn markdown(answer: &Answer, conditions: &[Condition]) -> Result<String, Error> {
    let table = words::table(answer, conditions).to_markdown()?;
    let said = words::sentences(answer, conditions);
    let said: Vec<String> = said
        .iter()
        .map(|sentence| format!("- {sentence}"))
        .collect();
    Ok(format!(
        "## {}\n\n{}\n\n{table}",
        answer.title,
        said.join("\n")
    ))
}
