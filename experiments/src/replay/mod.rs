//! Replays of public outages: a scenario's `[replay]` table, trials, and the scorecard.
//!
//! ```text
//! scripted   people's times pinned to the report: what machines do must come out as reported
//! blind      nothing pinned: the reported total must lie among the simulated, P5 to P95
//! what-if    the very same trials with a fragment merged: a paired difference
//! ```

pub mod judge;
pub mod spec;

use std::path::Path;

use models::{Mode, RunOptions, TrialResult, WorldSpec, run_trial};
use rayon::prelude::*;
use sim::{SimTime, Streams};

use crate::document::{Node, Sources, Value, decode, merge::merge};
use crate::error::{Error, Problem};
use crate::scenario::{self, Found, SCENARIOS};
use spec::{Check, Fragments, ReplaySpec};

/// A scenario that can be replayed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Its name.
    pub name: String,
    /// What is compared.
    pub spec: ReplaySpec,
    /// Its world, before anything is merged into it.
    tree: Node,
    fragments: Fragments,
}

/// How people's times are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As the report gives them.
    Scripted,
    /// As they are drawn for any outage.
    Blind,
}

impl Kind {
    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Scripted => "scripted",
            Kind::Blind => "blind",
        }
    }
}

/// The names of the built-in scenarios that can be replayed.
pub fn built_in() -> Vec<&'static str> {
    let has = |text: &str| text.contains("\n[replay]\n");
    let replays = SCENARIOS.iter().filter(|scenario| has(scenario.text));
    replays.map(|scenario| scenario.name).collect()
}

impl Replay {
    /// A built-in scenario or a file, with its `[replay]` table.
    ///
    /// # Errors
    /// If it cannot be read, or has no such table, or a wrong one.
    pub fn load(sources: &mut Sources, asked: &str) -> Result<Replay, Error> {
        let found = scenario::read(sources, asked, &SCENARIOS, Path::new(""))?;
        let Found { name, root, .. } = found;
        let Some(entry) = root.entry("replay") else {
            return Err(Error::Usage {
                wrong: format!("`{name}` has no [replay] table"),
                mend: format!(
                    "replay one of {}, or add the table: experiments/scenarios/README.md says how",
                    built_in().join(", ")
                ),
            });
        };
        let mut table = entry.node.clone();
        let fragments = spec::take_fragments(&mut table);
        let decoded = decode::decode(&table);
        let spec: ReplaySpec = decoded.map_err(|problems| Error::input(sources, problems))?;
        let replay = Replay {
            name,
            spec,
            tree: root,
            fragments,
        };
        replay.check(sources)?;
        Ok(replay)
    }

    /// Every world of it is sound.
    fn check(&self, sources: &Sources) -> Result<(), Error> {
        for check in &self.spec.checks {
            if let Check::Compare {
                at_least: None,
                at_most: None,
                ..
            } = check.is
            {
                return Err(Error::Usage {
                    wrong: format!(
                        "the check \"{}\" of `{}` has no bound",
                        check.name, self.name
                    ),
                    mend: "give it `at_least` or `at_most`, such as \"0.5x\"".to_owned(),
                });
            }
        }
        let mut problems: Vec<Problem> = Vec::new();
        for kind in [Kind::Scripted, Kind::Blind] {
            problems.extend(self.world(kind, None).err().unwrap_or_default());
        }
        for n in 0..self.spec.checks.len() {
            if let Some(with) = self.other(n) {
                let world = self.world(Kind::Scripted, Some(with));
                problems.extend(world.err().unwrap_or_default());
            }
        }
        problems.dedup();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Error::input(sources, problems)),
        }
    }

    /// The fragment that makes the other world of a check.
    pub fn other(&self, check: usize) -> Option<&Node> {
        self.fragments.with.get(check)?.as_ref()
    }

    /// The world in one mode, with a fragment on top.
    ///
    /// # Errors
    /// If it is not sound.
    pub fn world(&self, kind: Kind, with: Option<&Node>) -> Result<WorldSpec, Vec<Problem>> {
        let mut tree = self.tree.clone();
        if let Value::Table(table) = &mut tree.value {
            table.remove("replay");
        }
        let of_kind = match kind {
            Kind::Scripted => self.fragments.scripted.as_ref(),
            Kind::Blind => self.fragments.blind.as_ref(),
        };
        for fragment in [of_kind, with].into_iter().flatten() {
            merge(&mut tree, fragment);
        }
        scenario::world(&tree)
    }
}

/// Trials of one world, from 1 on; each with its story.
///
/// # Errors
/// If a trial cannot be finished.
pub fn trials(
    label: &str,
    world: &WorldSpec,
    seed: u64,
    count: u64,
) -> Result<Vec<TrialResult>, Error> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
    };
    let one = |trial: u64| {
        let streams = Streams::for_trial(seed, trial);
        run_trial(world, &streams, &options).map_err(|error| Error::Trial {
            point: label.to_owned(),
            trial,
            wrong: error.to_string(),
            replay: format!("outage trace {label} --trial {trial} --seed {seed}"),
            bug: false,
        })
    };
    (1..=count).into_par_iter().map(one).collect()
}

/// Minute 0 of a trial.
pub fn onset(replay: &ReplaySpec, trial: &TrialResult) -> Option<SimTime> {
    replay.onset.find(&trial.moments, None)
}
