//! Outages told in twenty lines of TOML each, whose traces are kept as text and reviewed like code.
//!
//! A story is `stories/<name>.toml`, merged into the small world; what happens in its first trial
//! stands beside it. `UPDATE_GOLDEN=1 cargo test -p models --test stories` rewrites what is kept.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use models::{Mode, TrialResult};
use support::{story_world, trial};

fn stories() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let entries = fs::read_dir(directory).expect("stories are kept");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    found.sort();
    found
}

/// The trace, and what it comes to.
fn told(result: &TrialResult) -> String {
    let mut text = String::new();
    for (at, line) in &result.trace {
        text += &format!("{:11.6}  {line}\n", at.as_secs_f64());
    }
    let outcome = &result.outcome;
    text += &format!(
        "\n{} visits, {} failed attempts, {} acknowledged and lost, {:.3} s down\n",
        outcome.visits, outcome.failed_attempts, outcome.acked_lost, outcome.downtime_true_s
    );
    text
}

#[test]
fn every_story_goes_as_it_went_before() {
    let stories = stories();
    assert!(stories.len() >= 4, "{stories:?}");
    for story in stories {
        let text = fs::read_to_string(&story).expect("a story");
        let spec = story_world(&text);
        let result = trial(&spec, 0, Mode::Lazy);
        let eager = trial(&spec, 0, Mode::Eager);
        assert_eq!(result, eager, "{}", story.display());
        let (found, kept) = (told(&result), story.with_extension("txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&kept, &found).expect("the story is kept");
        }
        let before = fs::read_to_string(&kept).unwrap_or_default();
        assert_eq!(before, found, "{}", kept.display());
    }
}
