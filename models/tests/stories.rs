//! Outages described in a few lines, each with its trace kept beside it and reviewed like code.
//!
//! A story is a TOML file in `tests/stories`: what it changes of `tests/worlds/small.toml` (tables
//! are merged, all else is replaced), which trial is told, and sentences that must come in this
//! order, so that a story that stops telling its point fails even after
//! `UPDATE_GOLDEN=1 cargo test -p models --test stories` has rewritten the trace.

use std::fs;
use std::path::{Path, PathBuf};

use models::{Mode, RunOptions, WorldSpec, run_trial};
use serde::Deserialize;
use sim::Streams;
use toml::{Table, Value};

/// One story.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// What it is about.
    title: String,
    /// The trial that is told.
    trial: u64,
    /// Parts of sentences that come in this order.
    must_say: Vec<String>,
    /// Parts of sentences that never come.
    #[serde(default)]
    must_not_say: Vec<String>,
    /// What it changes of the small world.
    world: Table,
}

#[test]
fn every_story_is_told_as_kept() {
    let stories = files("toml");
    let traces = files("txt").len();
    assert!(stories.len() == traces, "every story has its trace");
    assert!(stories.len() >= 28, "{} stories", stories.len());
    for path in stories {
        let text = fs::read_to_string(&path).expect("a readable file");
        let story: Story =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let told = tell(&story, Mode::Lazy, &path);
        assert_eq!(told, tell(&story, Mode::Eager, &path), "{}", path.display());
        has_its_point(&story, &told, &path);
        golden(&path.with_extension("txt"), &told);
    }
}

/// Files of this kind in the directory of stories.
fn files(extension: &str) -> Vec<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let entries = fs::read_dir(place).expect("a directory of stories");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

fn tell(story: &Story, mode: Mode, path: &Path) -> String {
    let mut world: Table = include_str!("worlds/small.toml")
        .parse()
        .expect("it is TOML");
    merge(&mut world, &story.world);
    let spec: WorldSpec = world
        .try_into()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(spec.problems(), [], "{}", path.display());
    let options = RunOptions {
        mode,
        story: true,
        watched: None,
    };
    let streams = Streams::for_trial(7, story.trial);
    let result = run_trial(&spec, &streams, &options).expect("the trial ends");
    let mut text = format!("{}\n\n", story.title);
    for (at, line) in &result.trace {
        text.push_str(&format!("{at:<14} {line}\n"));
    }
    let outcome = &result.outcome;
    text.push_str(&format!(
        "\n{} visits, {} lost, {} acknowledged and lost; down for {:.1} s; {} promotions, {} \
         useless, {} false\n",
        outcome.visits,
        outcome.lost,
        outcome.acked_lost,
        outcome.downtime_true_s,
        outcome.failovers,
        outcome.useless_failovers,
        outcome.false_failovers,
    ));
    text
}

/// Tables are merged, all else is replaced.
fn merge(base: &mut Table, change: &Table) {
    for (key, value) in change {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(change)) if !change.contains_key("kind") => {
                merge(base, change);
            }
            (_, value) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn has_its_point(story: &Story, told: &str, path: &Path) {
    let mut rest = told;
    for point in &story.must_say {
        let found = rest.find(point.as_str());
        let at = found.unwrap_or_else(|| panic!("{}: no `{point}` in\n{told}", path.display()));
        rest = &rest[at + point.len()..];
    }
    for point in &story.must_not_say {
        assert!(!told.contains(point.as_str()), "{}: {told}", path.display());
    }
}

fn golden(path: &Path, told: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, told).expect("a writable file");
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        told,
        kept,
        "{}: UPDATE_GOLDEN=1 rewrites it",
        path.display()
    );
}
