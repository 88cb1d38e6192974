//! What people add is one file and at most three lines elsewhere: a probe of a health check, an
//! isolation layout, an action of a runbook, a fault, a figure, the preset of a client library.
//!
//! Counted are the lines of code that name a member outside its own file. Comments, tests, schema
//! text and goldens are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const LINES_MAX: usize = 3;

/// Files by their path in the workspace, with their text.
type Sources = BTreeMap<String, String>;

/// A kind of part that people add.
struct Kind {
    name: &'static str,
    /// Where its members are.
    folder: &'static str,
    /// What a file says that holds one.
    mark: &'static str,
    /// The enum of all of them, if there is one.
    spec: Option<&'static str>,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "probe",
        folder: "models/src/check/probe/",
        mark: "impl Probe for Params",
        spec: Some("ProbeSpec"),
    },
    Kind {
        name: "layout",
        folder: "models/src/layout/",
        mark: "impl Layout for Params",
        spec: Some("LayoutSpec"),
    },
    Kind {
        name: "runbook action",
        folder: "models/src/runbook/",
        mark: "impl Remedy for Params",
        spec: Some("RemedySpec"),
    },
    Kind {
        name: "fault",
        folder: "models/src/fault/",
        mark: "impl FaultKind for Params",
        spec: Some("FaultSpec"),
    },
    Kind {
        name: "figure",
        folder: "experiments/src/report/",
        mark: "\npub fn figure",
        spec: None,
    },
    Kind {
        name: "client preset",
        folder: "experiments/clients/",
        mark: "",
        spec: None,
    },
];

/// All code, and the client presets.
fn sources() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.expect("the workspace");
    let mut files = Sources::new();
    for folder in [
        "sim/src",
        "models/src",
        "models/demand/src",
        "models/failover/src",
        "experiments/src",
        "experiments/clients",
        "output/src",
    ] {
        collect(root, folder, &mut files);
    }
    files
}

fn collect(root: &Path, folder: &str, files: &mut Sources) {
    for entry in fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let is_test = ["/tests.rs", "/given.rs"]
            .iter()
            .any(|end| path.ends_with(end));
        if entry.path().is_dir() {
            collect(root, &path, files);
        } else if !is_test {
            files.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// The members of a kind: the paths of their files.
fn members<'a>(kind: &Kind, files: &'a Sources) -> Vec<&'a str> {
    let is_member = |(path, text): &(&String, &String)| {
        let below = path.strip_prefix(kind.folder);
        below.is_some_and(|name| !name.contains('/')) && text.contains(kind.mark)
    };
    let members = files.iter().filter(is_member);
    members.map(|(path, _)| path.as_str()).collect()
}

/// `read_canary` of `models/src/check/probe/read_canary.rs`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The lines outside its file that name a member, each with its place.
fn places(kind: &Kind, member: &str, files: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    let code = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") && *path != member);
    for (path, text) in code {
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or(text);
        for (number, line) in code.lines().enumerate() {
            if !line.trim_start().starts_with("//") && names(kind, member, path, line) {
                found.push(format!("  {path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

/// Does a line of code name this member: its module, its variant, or its name as text?
fn names(kind: &Kind, member: &str, path: &str, line: &str) -> bool {
    let module = stem(member);
    let kebab = module.replace('_', "-");
    let (root, below) = kind.folder.split_once('/').expect("a folder of a crate");
    let at_home = path.starts_with(&format!("{root}/src/"));
    let in_folder = path.starts_with(kind.folder);
    let by_module = if in_folder {
        has_word(line, &format!("mod {module}")) || has_word(line, &format!("{module}::"))
    } else {
        let folder = below
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(below);
        at_home && has_word(line, &format!("{folder}::{module}::"))
    };
    let texts = [format!("\"{kebab}\""), format!("/{kebab}.toml\"")];
    let by_text = at_home && !in_folder && texts.iter().any(|text| line.contains(text));
    let by_variant = kind.spec.is_some_and(|spec| {
        let variant = camel(module);
        let declares =
            path.starts_with(kind.folder) && has_word(line, &format!("{variant}({module}::Params"));
        declares || has_word(line, &format!("{spec}::{variant}"))
    });
    by_module || by_text || by_variant
}

/// Does the text stand in the line, and not inside a longer name?
fn has_word(line: &str, text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(text).any(|(at, _)| {
        let (before, after) = (
            line[..at].chars().last(),
            line[at + text.len()..].chars().next(),
        );
        let ends = text.ends_with(is_name);
        !(before.is_some_and(is_name) || ends && after.is_some_and(is_name))
    })
}

/// `ReadCanary` of `read_canary`.
fn camel(module: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    module.split('_').map(capital).collect()
}

/// Members that are named in more places than they may be.
fn scattered(files: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for kind in &KINDS {
        for member in members(kind, files) {
            let places = places(kind, member, files);
            if places.len() > LINES_MAX {
                let (name, lines) = (stem(member), places.join("\n"));
                found.push(format!("{} {name}:\n{lines}", kind.name));
            }
        }
    }
    found
}

#[test]
fn a_part_is_one_file_and_three_lines() {
    let files = sources();
    let found = scattered(&files);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_part_is_found_and_its_lines_are() {
    let files = sources();
    let counted = KINDS.map(|kind| {
        let members = members(&kind, &files);
        for member in &members {
            let lines = places(&kind, member, &files).len();
            let least = match kind.spec {
                Some(_) => 3,
                None => 1,
            };
            assert!(lines >= least, "{member} is named in {lines} lines");
        }
        (kind.name, members.len())
    });
    for (name, count) in counted {
        let least = match name {
            "runbook action" => 14,
            "client preset" => 11,
            "figure" | "fault" => 8,
            "probe" => 7,
            _ => 5,
        };
        assert!(count >= least, "{name}: {count} of at least {least}");
    }
}

#[test]
fn a_fourth_place_is_found() {
    for (member, elsewhere, line) in [
        (
            "models/src/check/probe/role.rs",
            "models/src/world/build.rs",
            "let asks_role = matches!(probe, ProbeSpec::Role(_));",
        ),
        (
            "models/src/layout/cells.rs",
            "models/src/world/settle.rs",
            "if layout.name() == \"cells\" {",
        ),
        (
            "models/src/runbook/resize.rs",
            "models/src/people/mod.rs",
            "RemedySpec::Resize(params) => params.factor,",
        ),
        (
            "models/src/fault/hang.rs",
            "models/src/fault/mod.rs",
            "use hang::Params as HangParams;",
        ),
        (
            "experiments/src/report/cost.rs",
            "experiments/src/report/page.rs",
            "sections.push(super::cost::section(material));",
        ),
        (
            "experiments/clients/jedis-6.toml",
            "experiments/src/preset.rs",
            "if name == \"jedis-6\" {",
        ),
    ] {
        let mut files = sources();
        let of_kind = |kind: &&Kind| member.starts_with(kind.folder);
        let kind = KINDS.iter().find(of_kind).expect("it is of a kind");
        let before = places(kind, member, &files).len();
        let text = files.get_mut(elsewhere).expect("it is there");
        let (code, tests) = match text.find("#[cfg(test)]\nmod tests {") {
            Some(at) => text.split_at(at),
            None => (text.as_str(), ""),
        };
        let more = format!("{line}\n").repeat(LINES_MAX + 1 - before);
        *text = format!("{code}{more}{tests}");
        let found = scattered(&files);
        assert_eq!(found.len(), 1, "{member}: {found:?}");
        assert!(found[0].contains(line), "{}", found[0]);
    }
}
