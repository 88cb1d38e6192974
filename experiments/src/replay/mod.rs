//! Replays of public outages: a scenario's `[replay]` table, trials, and the scorecard.
//!
//! ```text
//! scripted   people's times pinned to the report: what machines do must come out as reported
//! blind      nothing pinned: the reported total must lie among the simulated, P5 to P95
//! what-if    the very same trials with a fragment merged: a paired difference
//! ```

mod absent;
pub mod judge;
mod measure;
pub mod missing;
mod mistakes;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use models::{Mode, RunOptions, TrialResult, WorldSpec};
use rayon::prelude::*;
use sim::{SimTime, Streams};

use crate::builtin::{BuiltIn, SCENARIOS};
use crate::document::{Node, Sources, Value, merge::merge, parse::parse, path};
use crate::error::{Error, Problem};
use crate::forms::replay::{
    Check, CheckSpec, Fragments, ReplayFile, ReplaySpec, Selector, take_fragments,
};
use crate::runner::{Failure, Limits, simulate};
use crate::scenario::{self, Found};
use crate::schema::check::Form;

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
    let has = |scenario: &&BuiltIn| {
        let tree = parse(&mut Sources::default(), scenario.file, scenario.text);
        is_replay(&tree.expect("a test reads it"))
    };
    let replays = SCENARIOS.iter().filter(has);
    replays.map(|scenario| scenario.name).collect()
}

impl Replay {
    /// A built-in scenario or a file, with its `[replay]` table.
    ///
    /// # Errors
    /// If it cannot be read, or has no such table, or a wrong one.
    pub fn load(sources: &mut Sources, asked: &str) -> Result<Replay, Error> {
        let found = scenario::read(sources, asked, &SCENARIOS, Path::new(""))?;
        if !is_replay(&found.root) {
            let name = &found.name;
            return Err(Error::Usage {
                wrong: format!("`{name}` has no [replay] table"),
                help: format!(
                    "replay one of {}, or add the table: experiments/scenarios/README.md says how",
                    built_in().join(", ")
                ),
            });
        }
        Replay::of(found).map_err(|p| Error::input(sources, p))
    }

    /// The `[replay]` table of a scenario that has one.
    ///
    /// # Errors
    /// Everything that is wrong with it, and with each of its worlds.
    pub fn of(found: Found) -> Result<Replay, Vec<Problem>> {
        let mut alone = found.root.clone();
        let mut fragments = Fragments::default();
        if let Value::Table(table) = &mut alone.value {
            table.retain(|key, _| key == "replay");
            if let Some(entry) = table.get_mut("replay") {
                fragments = take_fragments(&mut entry.node);
            }
        }
        let mut problems = wrong_worlds(&found.root, &fragments);
        let spec = match Form::replay().decode::<ReplayFile>(&alone) {
            Ok(file) => file.replay,
            Err(more) => return Err([problems, more].concat()),
        };
        problems.extend(wrong_fragments(&spec, &fragments, &alone));
        let world = world(&found.root, &fragments, Kind::Scripted, None);
        let services = world.iter().flat_map(|world| &world.services);
        let services: Vec<&str> = services.map(|service| service.name.as_str()).collect();
        let nodes = world.iter().flat_map(WorldSpec::node_names);
        let nodes: Vec<String> = nodes.collect();
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        let horizon = world.as_ref().map(|world| world.horizon).ok();
        let names = (&*services, &*nodes);
        problems.extend(mistakes::wrong(&spec, &alone, names, horizon));
        match problems.is_empty() {
            true => Ok(Replay {
                name: found.name,
                spec,
                tree: found.root,
                fragments,
            }),
            false => Err(problems),
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
        world(&self.tree, &self.fragments, kind, with)
    }
}

/// Can this scenario be replayed?
pub fn is_replay(scenario: &Node) -> bool {
    scenario.entry("replay").is_some()
}

fn world(
    scenario: &Node,
    fragments: &Fragments,
    kind: Kind,
    with: Option<&Node>,
) -> Result<WorldSpec, Vec<Problem>> {
    let mut tree = scenario.clone();
    if let Value::Table(table) = &mut tree.value {
        table.remove("replay");
    }
    let of_kind = match kind {
        Kind::Scripted => fragments.scripted.as_ref(),
        Kind::Blind => fragments.blind.as_ref(),
    };
    for fragment in [of_kind, with].into_iter().flatten() {
        merge(&mut tree, fragment);
    }
    scenario::world(&tree)
}

/// What is wrong with any world of a replay.
fn wrong_worlds(scenario: &Node, fragments: &Fragments) -> Vec<Problem> {
    let others = fragments.with.iter().flatten();
    let others = others.map(|with| (Kind::Scripted, Some(with)));
    let own = [(Kind::Scripted, None), (Kind::Blind, None)];
    let all = own.into_iter().chain(others);
    all.flat_map(|(kind, with)| world(scenario, fragments, kind, with).err())
        .flatten()
        .collect()
}

/// Another world belongs to a check that compares, and to no other.
fn wrong_fragments(spec: &ReplaySpec, fragments: &Fragments, file: &Node) -> Vec<Problem> {
    let wrong = |(n, check): (usize, &CheckSpec)| {
        let with = fragments.with.get(n).is_some_and(Option::is_some);
        let compares = matches!(check.expect, Check::Compare { .. });
        let bounded = !matches!(
            check.expect,
            Check::Compare {
                at_least: None,
                at_most: None,
                ..
            }
        );
        let (wrong, help) = match (compares, with) {
            (true, _) if !bounded => (
                "compares, and every result would do",
                "give it `at_least` or `at_most`, such as \"0.5x\"",
            ),
            (true, true) | (false, false) => return None,
            (true, false) => (
                "compares with another world, and there is none",
                "add `with = { … }` beside `is`: a part of a scenario, merged into this one",
            ),
            (false, true) => (
                "has another world (`with`), and does not compare",
                "take `with` out, or write expect = { kind = \"compare\", … }",
            ),
        };
        Some(Problem {
            place: file.place_of(&path(&format!("replay.check[{n}].expect"))),
            wrong: format!("`replay.check[{n}]` {wrong}"),
            help: help.to_owned(),
        })
    };
    spec.checks.iter().enumerate().filter_map(wrong).collect()
}

/// One trial of a world with its story. People who go by the clock of the report need to know its
/// minute 0: a first run, in which they never act, finds it, and a second one plays them. If one of
/// the checks asks for attempts that the run does not show, another one shows them.
///
/// # Errors
/// As [`simulate`].
pub fn tell(
    (onset, checks): (&Selector, &[CheckSpec]),
    world: &WorldSpec,
    streams: &Streams,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<TrialResult, Failure> {
    let run = |world: &WorldSpec| {
        let mut options = RunOptions {
            mode: Mode::Lazy,
            story: true,
            watched: None,
        };
        let told = simulate(world, streams, &options, limits, stop)?;
        options.watched = measure::watched((onset, checks), &told);
        match options.watched {
            Some(_) => simulate(world, streams, &options, limits, stop),
            None => Ok(told),
        }
    };
    if !world.people.has_reported_times() {
        return run(world);
    }
    let from = |minute_zero| {
        let mut world = world.clone();
        let reported = world.people.reported.get_or_insert_default();
        reported.minute_zero = Some(minute_zero);
        world
    };
    let told = run(&from(world.horizon))?;
    match onset.find(&told.moments, None) {
        Some(zero) => run(&from(zero - SimTime::ZERO)),
        None => Ok(told),
    }
}

/// Trials of one world, from 1 on; each with its story. All are run, whatever becomes of others.
///
/// # Errors
/// If trials fail: the first of them. If they are stopped.
pub fn trials(
    label: &str,
    (spec, world): (&ReplaySpec, &WorldSpec),
    seed: u64,
    count: u64,
    watch: &dyn Watch,
) -> Result<Vec<TrialResult>, Error> {
    let one = |trial: u64| {
        let stop = watch.stop();
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let streams = Streams::for_trial(seed, trial);
        let asks = (&spec.onset, &*spec.checks);
        let told = tell(asks, world, &streams, &watch.limits(), stop);
        watch.run_ended();
        told.map_err(|failure| failure.of_trial(label, trial, None))
    };
    // Collected as they are first: which error comes back does not depend on who was faster.
    let told: Vec<Result<TrialResult, Error>> = (1..=count).into_par_iter().map(one).collect();
    told.into_iter().collect()
}

/// The caller that waits for trials. Its methods are called from any thread.
pub trait Watch: Sync {
    /// Set when the trials are no longer wanted.
    fn stop(&self) -> &AtomicBool;
    /// What each trial may use.
    fn limits(&self) -> Limits {
        Limits::default()
    }
    /// One more trial has ended.
    fn run_ended(&self);
}

/// A no-op observer.
impl Watch for () {
    fn stop(&self) -> &AtomicBool {
        static NEVER: AtomicBool = AtomicBool::new(false);
        &NEVER
    }

    fn run_ended(&self) {}
}

/// Minute 0 of a trial.
pub fn onset(replay: &ReplaySpec, trial: &TrialResult) -> Option<SimTime> {
    replay.onset.find(&trial.moments, None)
}
