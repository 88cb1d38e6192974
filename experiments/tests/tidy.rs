//! House rules that no compiler knows: lengths, words, leftovers; and everything built in parses.

use std::fs;
use std::path::{Path, PathBuf};

use experiments::builtin::{SCENARIOS, STUDIES};
use experiments::document::Sources;
use experiments::scenario::{read, world};
use experiments::study::Study;

const LINE_MAX: usize = 100;
const FUNCTION_MAX: usize = 70;
const FILE_MAX: usize = 600;

/// Every Rust file of the workspace with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let mut files = Vec::new();
    for member in ["sim", "models", "experiments", "output"] {
        collect(&root.join(member), &mut files);
    }
    assert!(files.len() > 50, "the workspace was found");
    files
}

fn collect(directory: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
}

#[track_caller]
fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn lines_functions_and_files_are_short() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let path = path.display();
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_MAX {
            found.push(format!("{path}: {} lines", lines.len()));
        }
        for (number, line) in lines.iter().enumerate() {
            if line.chars().count() > LINE_MAX {
                found.push(format!(
                    "{path}:{}: {} columns",
                    number + 1,
                    line.chars().count()
                ));
            }
        }
        for (start, length) in functions(&lines)
            .into_iter()
            .filter(|(_, n)| *n > FUNCTION_MAX)
        {
            found.push(format!("{path}:{start}: a function of {length} lines"));
        }
    }
    none(found);
}

/// First line, from 1, and length of every function: from `fn` to the brace in its column.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let starts = |line: &str| {
        let words: Vec<&str> = line.trim_start().splitn(5, ' ').collect();
        let before = ["pub", "pub(crate)", "pub(super)", "const", "async"];
        words.iter().find(|word| !before.contains(word)) == Some(&"fn")
    };
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| starts(line)) {
        let close = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let end = lines[start..].iter().position(|line| *line == close);
        let body = lines[start..]
            .iter()
            .position(|line| line.ends_with([';', '}', '{']));
        let has_body = body.is_some_and(|body| lines[start + body].ends_with('{'));
        found.extend(end.filter(|_| has_body).map(|end| (start + 1, end + 1)));
    }
    found
}

#[test]
fn the_kernel_and_the_paper_know_nothing_of_redis() {
    let words = [
        "redis",
        "sentinel",
        "maxmemory",
        "failover",
        "health check",
        "acceptance",
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        let shown = path.display().to_string();
        let inside = |member: &str| shown.contains(&format!("/{member}/src/"));
        if !inside("sim") && !inside("output") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for word in words.iter().filter(|word| lower.contains(*word)) {
                found.push(format!("{shown}:{}: {word}", number + 1));
            }
        }
    }
    none(found);
}

#[test]
fn the_world_only_routes_events() {
    let files = sources();
    let world = files
        .iter()
        .find(|(path, _)| path.ends_with("models/src/world/mod.rs"));
    let (_, text) = world.expect("there is a world");
    let lines = text.lines().count();
    assert!(
        lines <= 300,
        "{lines} lines: behaviour belongs to the parts"
    );
}

#[test]
fn nothing_is_left_over() {
    // Put together here, so that this file does not find itself.
    let words = [
        concat!("dbg", "!("),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    none(found);
}

#[test]
fn every_file_opens_with_what_it_does() {
    let silent = sources()
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !path.ends_with("build.rs"));
    none(silent.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn everything_built_in_is_sound_and_everything_on_disk_is_built_in() {
    let names = |directory: &str| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let files = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
        let mut names: Vec<String> = files.filter(is_toml).map(stem).collect();
        names.sort();
        names
    };
    assert_eq!(names("scenarios"), SCENARIOS.map(|scenario| scenario.name));
    assert_eq!(names("studies"), STUDIES.map(|study| study.name));
    for scenario in &SCENARIOS {
        let mut files = Sources::default();
        let found = read(&mut files, scenario.name, &SCENARIOS, Path::new("")).unwrap();
        let sound = world(&found.root);
        assert!(sound.is_ok(), "{}: {:?}", scenario.name, sound.unwrap_err());
    }
    for study in &STUDIES {
        let mut files = Sources::default();
        let found = read(&mut files, study.name, &STUDIES, Path::new("")).unwrap();
        let sound = Study::load(&mut files, &found);
        assert!(sound.is_ok(), "{}", sound.unwrap_err());
    }
}
