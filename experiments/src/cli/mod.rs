//! The command line: what can be asked, and which file answers.

pub mod check;
mod clients;
mod compare;
mod hazards;
mod interrupt;
mod list;
mod plan;
mod replay;
mod schema;
mod sweep;
mod test_panic;
mod trace;
mod validate;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use models::spec::limits::{TRIAL_EVENTS, TRIAL_MEMORY, TRIAL_TIME};
use sim::SimDuration;
use sim::quantity::Bytes;

use crate::error::Error;
use crate::runner::Limits;
use crate::{runner, terminal};

/// Discrete-event simulation of outages of services that depend on Redis.
#[derive(Debug, Parser)]
#[command(name = "outage", version, arg_required_else_help = true, before_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  outage compare                        # the built-in study: which change helps how much?
  outage check my-study.toml            # is it valid? what does it compare?
  outage trace incident-2020 --trial 1  # one trial, event by event";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a study: print table and verdict; write rows, charts and report.html
    #[command(before_help = compare::EXAMPLES)]
    Compare(CompareArguments),
    /// Check a scenario or a study without running it
    #[command(before_help = check::EXAMPLES)]
    Check {
        /// A file, a built-in name, or - for standard input
        file: String,
    },
    /// Compare client libraries while a primary hangs or is killed
    #[command(before_help = clients::EXAMPLES)]
    Clients(ClientsArguments),
    /// What happens by itself to a deployment in a year, and how we know
    #[command(before_help = hazards::EXAMPLES)]
    Hazards(HazardsArguments),
    /// List the built-in scenarios and studies
    #[command(before_help = list::EXAMPLES)]
    List,
    /// When is it full, how likely is an outage, what is the cheapest design that keeps a promise?
    #[command(before_help = plan::EXAMPLES)]
    Plan(PlanArguments),
    /// Replay public outages and compare them with their reports
    #[command(before_help = replay::EXAMPLES)]
    Replay(ReplayArguments),
    /// Describe the keys of a scenario file: meaning, type and possible values
    #[command(before_help = schema::EXAMPLES)]
    Schema(SchemaArguments),
    /// One or two keys of a scenario over a range of values
    #[command(before_help = sweep::EXAMPLES)]
    Sweep(SweepArguments),
    /// Print one trial event by event: states, messages, verdicts, what people do
    #[command(before_help = trace::EXAMPLES)]
    Trace(TraceArguments),
    /// Compare the model with measurements of a real Redis
    #[command(before_help = validate::EXAMPLES, after_help = validate::BOUNDS)]
    Validate(ValidateArguments),
}

#[derive(Debug, clap::Args)]
struct CompareArguments {
    /// A built-in study, a file, or - for standard input
    #[arg(default_value = "incident-2020")]
    study: String,
    /// Trials of each design, at least 2 [default: that of the study]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000_000))]
    trials: Option<u64>,
    /// The seed; the same seed gives the same bytes [default: that of the study]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    #[command(flatten)]
    threads: ThreadArguments,
    /// Directory for rows, charts and report; those of an earlier run are replaced
    /// [default: results/<study>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print summary.json instead of the table
    #[arg(long)]
    json: bool,
    /// Simulate every request instead of counting quiet periods: slow, same bytes (a test)
    #[arg(long)]
    eager: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Debug, clap::Args)]
struct ClientsArguments {
    /// Trials for each library and fault
    #[arg(long, value_name = "N", default_value_t = 11,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    trials: u64,
    /// The seed; the same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print the rows as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Debug, clap::Args)]
struct HazardsArguments {
    /// A scenario: a file, a built-in name, or - for standard input; without [hazards] of its own
    /// it gets those of `ordinary-year`
    #[arg(default_value = "clients")]
    file: String,
    /// Take this preset for all rates that the scenario does not give
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Years to draw
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(2..=100_000))]
    years: u64,
}

#[derive(Debug, clap::Args)]
struct PlanArguments {
    /// A study or a scenario: a file, a built-in name, or - for standard input
    study: String,
    /// Go on until the difference in lost requests between the answer and the first design is known
    /// to this part of it, such as 5%
    #[arg(long, value_name = "P", value_parser = part)]
    precision: Option<f64>,
    /// How long it may take [default: 60s, or without end with --trials]
    #[arg(long, value_name = "TIME")]
    budget: Option<SimDuration>,
    /// Trials of a design, at most; without --budget the result depends on nothing else
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    trials: Option<u64>,
    /// The seed; the same seed gives the same trials [default: that of the study, else 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    #[command(flatten)]
    threads: ThreadArguments,
    /// Directory for plan.json and plan.md; those of an earlier run are replaced
    /// [default: results/<study>-plan]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print plan.json
    #[arg(long)]
    json: bool,
    /// Print Markdown, for a comment on a change
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// End with exit code 1 if this holds of the first design, such as
    /// 'p_unavailable(30d, 5min) > 2%'
    #[arg(long, value_name = "EXPR")]
    fail_if: Option<String>,
    /// What --fail-if does where the trials cannot tell
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "fail",
        requires = "fail_if"
    )]
    undecided: Undecided,
    #[command(flatten)]
    limits: LimitArguments,
}

/// What a gate does that cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Undecided {
    /// End with exit code 1.
    Fail,
    /// End with exit code 0.
    Pass,
}

fn part(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|number| number / 100.0),
        None => text.parse(),
    };
    let inside = number.ok().filter(|part| *part > 0.0 && *part < 1.0);
    inside.ok_or_else(|| "write a part such as 5% or 0.05".to_owned())
}

#[derive(Debug, clap::Args)]
struct ReplayArguments {
    /// A built-in scenario, a file, - for standard input, or all for the built-in replays
    #[arg(default_value = "all")]
    scenario: String,
    /// Only scripted mode: people take the reported times, and the machines' times are compared
    #[arg(long)]
    scripted: bool,
    /// Only blind mode: people's times are drawn, and the total is compared
    #[arg(long)]
    blind: bool,
    /// Print the scorecard as JSON
    #[arg(long)]
    json: bool,
    /// Directory for the scorecard (CSV, JSON) and each median scripted trial as a picture (SVG)
    /// and its moments (CSV); those of an earlier run are replaced [default: nothing is written]
    #[arg(long, value_name = "DIR", conflicts_with = "what_if")]
    out: Option<PathBuf>,
    /// A fragment of a scenario to merge: the same outage with that change, as paired differences
    #[arg(long, value_name = "FILE")]
    what_if: Option<String>,
    #[command(flatten)]
    limits: LimitArguments,
    /// Trials of each mode [default: 50 scripted, 300 blind, 200 for what-if]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    trials: Option<u64>,
    /// The seed; the same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, clap::Args)]
struct SchemaArguments {
    /// A key with the tables that it is in, such as fault.crash.at [default: all, one per line]
    key: Option<String>,
    /// Print a JSON Schema (draft 2020-12) of a scenario file, or of the key
    #[arg(long)]
    json: bool,
    /// Print the reference of all keys as Markdown
    #[arg(long, conflicts_with_all = ["key", "json"])]
    markdown: bool,
    /// Print a small scenario to start from
    #[arg(long, conflicts_with_all = ["key", "json", "markdown"])]
    template: bool,
}

#[derive(Debug, clap::Args)]
struct TraceArguments {
    /// A built-in scenario or study, a file, or - for standard input
    scenario: String,
    #[command(flatten)]
    which: WhichTrial,
    /// The measure for --worst and --median, a column of outcomes.csv
    #[arg(long, value_name = "MEASURE", default_value = "lost")]
    of: String,
    /// Directory of results for --worst and --median [default: results/<study>]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Only lines with this text, such as the name of a node, a service or `on call`
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only lines from this time on, such as 90min
    #[arg(long, value_name = "TIME")]
    from: Option<SimDuration>,
    /// Only lines up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<SimDuration>,
    /// The seed [default: that of the study, else 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The design, if a study is given [default: the baseline]
    #[arg(long, value_name = "LABEL")]
    point: Option<String>,
    /// With the reported times of people, if the scenario is a replay
    #[arg(long)]
    scripted: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

/// Exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct WhichTrial {
    /// Number of the trial, from 1
    #[arg(long, value_name = "N", value_parser = trial_number)]
    trial: Option<u64>,
    /// The trial of a finished study that lost most
    #[arg(long)]
    worst: bool,
    /// The trial of a finished study that is closest to the median
    #[arg(long)]
    median: bool,
}

fn trial_number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("trials are numbered from 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("write the number of a trial, such as 1".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
struct ValidateArguments {
    /// CSV files of measurements [default: the built-in ones]
    #[arg(value_name = "CSV")]
    files: Vec<String>,
    /// Print the comparisons as JSON
    #[arg(long)]
    json: bool,
    /// Simulated runs for each setting
    #[arg(long, value_name = "N", default_value_t = 4000,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    runs: u64,
    /// The seed; the same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadArguments,
}

#[derive(Debug, clap::Args)]
struct SweepArguments {
    /// A scenario: a file or a built-in name
    scenario: String,
    /// A key and its values: KEY=FROM..TO, KEY=FROM..TO:log:9 or KEY=A,B,C. Given twice, all
    /// combinations
    #[arg(long, value_name = "KEY=VALUES", required = true)]
    vary: Vec<String>,
    /// Search the cheapest value that keeps this, such as 'p_full(60d) <= 5%' (see `outage plan`)
    #[arg(long, value_name = "EXPR")]
    keep: Vec<String>,
    /// Trials of each design [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    trials: Option<u64>,
    /// The seed; the same seed gives the same bytes [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    #[command(flatten)]
    threads: ThreadArguments,
    /// Directory for the results; the study is written beside it
    /// [default: results/<scenario>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct ThreadArguments {
    /// Number of threads; no trial depends on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: Option<u64>,
}

/// What each trial may use; the defaults stand in `models/src/spec/limits.rs`.
#[derive(Clone, Debug, clap::Args)]
struct LimitArguments {
    /// Events of a trial, at most; a trial that needs more fails
    #[arg(long, value_name = "N", default_value_t = TRIAL_EVENTS,
          value_parser = clap::value_parser!(u64).range(1..))]
    trial_events: u64,
    /// Memory for the events, visits and requests of a trial
    #[arg(long, value_name = "SIZE", default_value_t = TRIAL_MEMORY)]
    trial_memory: Bytes,
    /// Running time of a trial; unlike the other limits it depends on the machine
    #[arg(long, value_name = "SPAN", default_value_t = TRIAL_TIME)]
    trial_time: SimDuration,
}

impl LimitArguments {
    fn limits(&self) -> Limits {
        Limits {
            events: self.trial_events,
            memory: self.trial_memory,
            time: self.trial_time,
        }
    }
}

impl ThreadArguments {
    /// The threads that simulate.
    fn pool(&self) -> Result<rayon::ThreadPool, Error> {
        let threads = self.threads.unwrap_or(0) as usize;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map_err(|error| Error::Usage {
            wrong: format!("threads could not be started: {error}"),
            help: "ask for fewer with --threads".to_owned(),
        })
    }
}

/// Reads the arguments, does what they say, and returns the exit code.
pub fn run() -> u8 {
    runner::install_hook();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return refuse(&refusal),
    };
    let done = match &arguments.verb {
        Verb::Compare(arguments) => compare::run(arguments),
        Verb::Check { file } => check::run(file),
        Verb::Clients(arguments) => clients::run(arguments),
        Verb::Hazards(arguments) => hazards::run(arguments),
        Verb::List => list::run(),
        Verb::Plan(arguments) => plan::run(arguments),
        Verb::Replay(arguments) => replay::run(arguments),
        Verb::Schema(arguments) => schema::run(arguments),
        Verb::Sweep(arguments) => sweep::run(arguments),
        Verb::Trace(arguments) => trace::run(arguments),
        Verb::Validate(arguments) => validate::run(arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            terminal::message(&error.text(terminal::message_colour()));
            error.exit_code()
        }
    }
}

/// Help and version go to stdout and are no mistake; anything else is.
fn refuse(refusal: &clap::Error) -> u8 {
    let text = refusal.render();
    match refusal.use_stderr() {
        true => {
            terminal::message(text.to_string().trim_end());
            2
        }
        false => {
            let colour = terminal::colour();
            let text = if colour {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            terminal::result(&text);
            0
        }
    }
}

/// The result of a command: an exit code, or an error that knows its own.
type Done = Result<u8, Error>;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_well_formed_and_every_help_starts_with_three_examples() {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        let verbs: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        for mut verb in verbs.into_iter().filter(|verb| verb.get_name() != "help") {
            let help = verb.render_long_help().to_string();
            assert!(help.starts_with("Examples:\n"), "{help}");
            assert_eq!(help.matches("\n  outage ").count(), 3, "{help}");
        }
    }
}
