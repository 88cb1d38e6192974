//! Malformed scenarios and studies: what is reported, word for word.
//!
//! A case is a small edit of `small.toml` or `study.toml`, so that it shows the mistake and nothing
//! else and outlives new keys:
//!
//! ```text
//! # What the mistake is.
//! @ small.toml          the file that is edited, or made; the first one is checked
//! - shards = 3          a line that is taken out
//! + shard = 3           and what stands in its place; without a line taken out, at the end
//! ```
//!
//! What the binary says is kept beside it as `.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{directory, golden, outage, stderr, stdout};

#[test]
fn every_mistake_is_reported_with_file_line_column_and_help() {
    let cases = cases();
    assert!(cases.len() >= 80, "{} cases", cases.len());
    for case in cases {
        let place = directory();
        let checked = apply(&fs::read_to_string(&case).unwrap(), place.path());
        let output = outage(place.path(), &["check", &checked]);
        let (reported, case) = (stderr(&output), case.with_extension("txt"));
        assert_eq!(
            output.status.code(),
            Some(2),
            "{}: {reported}",
            case.display()
        );
        assert_eq!(stdout(&output), "", "{}: results only", case.display());
        let problems = reported.matches("error: ").count();
        let places = reported
            .lines()
            .filter(|line| line.trim_start().starts_with("--> "))
            .count();
        let helps = reported
            .lines()
            .filter(|line| line.trim_start().starts_with("= help: "))
            .count();
        assert!(
            problems > 0 && problems == places && places == helps,
            "{reported}"
        );
        golden(&case, &reported);
    }
}

#[test]
fn comparing_and_tracing_report_the_same_mistakes() {
    let place = directory();
    let edit = "@ small.toml\n- shards = 3\n+ shard = 3\n";
    apply(edit, place.path());
    let reported = stderr(&outage(place.path(), &["check", "study.toml"]));
    assert!(reported.contains("--> small.toml:"), "{reported}");
    assert_eq!(
        reported,
        stderr(&outage(place.path(), &["compare", "study.toml"]))
    );
    let traced = outage(place.path(), &["trace", "small.toml", "--trial", "1"]);
    assert_eq!(reported, stderr(&traced));
    assert_eq!(traced.status.code(), Some(2));
    assert!(!place.path().join("results").exists(), "nothing was begun");
}

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "edit"))
        .collect();
    cases.sort();
    cases
}

/// Applies an edit; returns the name of the file that it is about.
fn apply(edit: &str, place: &Path) -> String {
    let mut checked = None;
    let mut file = PathBuf::new();
    let mut lines: Vec<String> = Vec::new();
    let mut at = None;
    for line in edit.lines() {
        match line.split_at_checked(2) {
            Some(("@ ", name)) => {
                checked.get_or_insert_with(|| name.to_owned());
                file = place.join(name);
                lines = fs::read_to_string(&file)
                    .unwrap_or_default()
                    .lines()
                    .map(str::to_owned)
                    .collect();
                at = None;
            }
            Some(("- ", old)) => {
                let found = lines.iter().position(|line| line == old);
                at = Some(found.unwrap_or_else(|| panic!("there is no line `{old}`")));
                lines.remove(at.expect("it was found"));
            }
            Some(("+ ", new)) => {
                let place = at.unwrap_or(lines.len());
                lines.insert(place, new.to_owned());
                at = Some(place + 1);
            }
            Some(_) | None => continue,
        }
        fs::write(&file, lines.join("\n") + "\n").unwrap();
    }
    checked.expect("an edit names its file")
}
