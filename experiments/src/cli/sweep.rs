//! `outage sweep`: one or two keys of a scenario over a range of values.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CompareArguments, PlanArguments, SweepArguments, Undecided, compare, plan};
use crate::builtin::SCENARIOS;
use crate::document::Sources;
use crate::error::Error;
use crate::forms::range::Vary;
use crate::scenario;
use crate::study::is_study;
use crate::study::sweep::{MARK, Sweep};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage sweep mine.toml --vary redis.node_memory=16GiB..128GiB:log:4
  outage sweep mine.toml --vary redis.replicas=0..2 --vary failover.node_timeout=5s,15s,30s
  outage sweep mine.toml --vary redis.node_memory=4GiB..16GiB:4 --keep 'p_full(60d) <= 5%'";

/// Trials of each design, if nobody says how many.
const TRIALS: u64 = 100;

/// Writes a study and compares its designs, or searches the cheapest that keeps what is asked.
pub fn run(arguments: &SweepArguments) -> super::Done {
    let varies = varies(&arguments.vary)?;
    let mut sources = Sources::default();
    let found = scenario::read(&mut sources, &arguments.scenario, &SCENARIOS, Path::new(""))?;
    if is_study(&found.root) {
        let wrong = format!(
            "`{}` is a study, and a sweep varies a scenario",
            arguments.scenario
        );
        return Err(usage(
            wrong,
            "name its scenario, or run `outage compare` on the study",
        ));
    }
    let scenario = reference(&arguments.scenario).ok_or_else(|| {
        usage(
            "a sweep needs a file or a built-in name".to_owned(),
            "save it first",
        )
    })?;
    let sweep = Sweep {
        scenario: &scenario,
        base: &found.root,
        varies: &varies,
        runs: (
            arguments.trials.unwrap_or(TRIALS),
            arguments.seed.unwrap_or(1),
        ),
        keep: &arguments.keep,
    };
    let text = sweep.text();
    let text = text.map_err(|(wrong, help)| Error::Usage { wrong, help })?;
    let default = || PathBuf::from("results").join(format!("{}-sweep", found.name));
    let target = arguments.out.clone().unwrap_or_else(default);
    let study = target.with_extension("toml");
    keep_study(&study, &text)?;
    terminal::message(&format!("study: {}", study.display()));
    let study = study.display().to_string();
    if arguments.keep.is_empty() {
        return compare::run(&CompareArguments {
            study,
            trials: None,
            seed: None,
            threads: arguments.threads.clone(),
            out: Some(target),
            json: arguments.json,
            eager: false,
            limits: arguments.limits.clone(),
        });
    }
    plan::run(&PlanArguments {
        study,
        precision: None,
        budget: None,
        trials: arguments.trials,
        seed: arguments.seed,
        threads: arguments.threads.clone(),
        out: Some(target),
        json: arguments.json,
        markdown: false,
        fail_if: None,
        undecided: Undecided::Fail,
        limits: arguments.limits.clone(),
    })
}

fn usage(wrong: String, help: &str) -> Error {
    Error::Usage {
        wrong,
        help: help.to_owned(),
    }
}

fn varies(texts: &[String]) -> Result<Vec<Vary>, Error> {
    let read = |text: &String| {
        Vary::parse(text)
            .map_err(|mistake| usage(format!("--vary: {}", mistake.shown()), &mistake.help))
    };
    texts.iter().map(read).collect()
}

/// The scenario as a study in another folder names it.
fn reference(asked: &str) -> Option<String> {
    if asked == "-" {
        return None;
    }
    if SCENARIOS.iter().any(|known| known.name == asked) {
        return Some(asked.to_owned());
    }
    let whole = fs::canonicalize(asked).ok()?;
    Some(whole.display().to_string())
}

/// Writes the study, but not over a file of the user's own.
fn keep_study(file: &Path, text: &str) -> Result<(), Error> {
    let refused = |source| Error::Rows {
        directory: file.to_path_buf(),
        source,
    };
    if let Ok(there) = fs::read_to_string(file)
        && !there.starts_with(MARK)
    {
        return Err(Error::Usage {
            wrong: format!(
                "{} is not of a sweep, and would be replaced",
                file.display()
            ),
            help: "move it away, or name another directory with --out".to_owned(),
        });
    }
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(refused)?;
    }
    fs::write(file, text).map_err(refused)
}
