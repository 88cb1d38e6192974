//! The documents keep up with the code: every link leads somewhere, every rule that the code cites
//! is defined, and nothing points outside the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{outage, stderr, stdout};

fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the workspace")
}

/// The text files of the project that end in one of `endings`, without build output and results.
fn files(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(root(), endings, &mut found);
    assert!(found.len() > 5, "the project was found");
    found
}

fn collect(directory: &Path, endings: &[&str], found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            if !["target", "results", ".git"].contains(&name.as_str()) {
                collect(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
        }
    }
}

#[track_caller]
fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// What stands between the brackets of `](…)`, outside code.
fn links(markdown: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let targets = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')'));
            found.extend(targets.map(|(target, _)| (number + 1, target)));
        }
    }
    found
}

/// Headings as anchors: lower case, spaces as hyphens, punctuation dropped.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (path, text) in files(&[".md"]) {
        for (line, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let aimed = match file {
                "" => root().join(&path),
                _ => root().join(&path).parent().unwrap().join(file),
            };
            let known = anchor.is_empty()
                || fs::read_to_string(&aimed).is_ok_and(|text| anchors(&text).contains(anchor));
            if !aimed.exists() || !known {
                broken.push(format!("{}:{line}: {target}", path.display()));
            }
        }
    }
    assert!(seen > 20, "the links were found");
    assert_none(broken);
}

/// A letter of a group of rules and one or two digits, as a word of its own: `C11`, `S3`.
fn rules(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| {
        let (letter, number) = word.split_at_checked(1).unwrap_or_default();
        let is_number = (1..=2).contains(&number.len()) && number.parse::<u8>().is_ok();
        "CEPSMFR".contains(letter) && !letter.is_empty() && is_number
    })
}

#[test]
fn every_rule_that_the_code_cites_is_defined() {
    let defined: BTreeSet<String> = fs::read_to_string(root().join("models/RULES.md"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**"))
        .map(|(rule, _)| rule.to_owned())
        .collect();
    let mut undefined = Vec::new();
    let mut cited = BTreeSet::new();
    for (path, text) in files(&[".rs", ".toml"]) {
        if !path.starts_with("models") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let comment = if path.extension().is_some_and(|end| end == "rs") {
                line.split_once("//")
            } else {
                line.split_once('#')
            };
            for rule in comment.into_iter().flat_map(|(_, comment)| rules(comment)) {
                if defined.contains(rule) {
                    cited.insert(rule.to_owned());
                } else {
                    undefined.push(format!("{}:{}: {rule}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(cited.len() > 40, "citations were found: {cited:?}");
    assert_none(undefined);
}

#[test]
fn nothing_points_outside_the_project() {
    // Put together here, so that this file does not find itself.
    let outside = [
        concat!("../sha", "red"),
        concat!("/wo", "rk/"),
        concat!("/tm", "p/w"),
        concat!("/ho", "me/"),
    ];
    let mut found = Vec::new();
    for (path, text) in files(&[".rs", ".toml", ".md", ".yml", ".yaml", ".txt", "run"]) {
        for (number, line) in text.lines().enumerate() {
            if outside.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert_none(found);
}

#[test]
fn the_readmes_own_study_is_sound() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, study) = text.split_once("```toml\n").expect("a study in TOML");
    let (study, _) = study.split_once("```").expect("the end of the study");
    let place = tempfile::tempdir().unwrap();
    let scenario = stdout(&outage(place.path(), &["schema", "--template"]));
    fs::write(place.path().join("mine.toml"), scenario).unwrap();
    fs::write(place.path().join("study.toml"), study).unwrap();
    let checked = outage(place.path(), &["check", "study.toml"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
}

#[test]
fn the_readme_is_short_and_names_the_two_commands() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 150, "{}", text.lines().count());
    for command in ["cargo run --release -- compare", "cargo test --workspace"] {
        assert!(text.contains(command), "{command}");
    }
}
