//! The modules of every crate depend on each other in one direction.
//!
//! A module is a folder of `src`, or a file beside the folders. It uses another where a line of it
//! says `crate::other` or reaches it by `super::`. The root of a crate declares the modules and is
//! none itself; what it re-exports counts as a use of where it comes from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

const CRATES: [&str; 6] = [
    "sim",
    "models/demand",
    "models/failover",
    "models",
    "experiments",
    "output",
];

/// Files by their path below `src`, such as `spec/mod.rs`, with their text.
type Sources = BTreeMap<String, String>;

/// For each module the modules that it uses, each with the first line that does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

fn sources(member: &str) -> Sources {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = workspace.expect("a crate of it").join(member).join("src");
    let mut files = Sources::new();
    collect(&root, "", &mut files);
    assert!(files.len() > 5, "{member} was found");
    without_tests(&mut files);
    files
}

fn collect(directory: &Path, prefix: &str, files: &mut Sources) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), files);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap();
            files.insert(format!("{prefix}{name}"), text);
        }
    }
}

/// Takes out what only test builds have: modules `tests`, and modules of the root under
/// `cfg(test)`.
fn without_tests(files: &mut Sources) {
    let root = files.get("lib.rs").cloned().unwrap_or_default();
    let declared = root.split("#[cfg(test)]\nmod ").skip(1);
    let only_tests: Vec<&str> = declared.filter_map(|rest| rest.split(';').next()).collect();
    files.retain(|path, _| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let module = path.split(['/', '.']).next().unwrap_or(path);
        name != "tests.rs" && !only_tests.contains(&module)
    });
    for text in files.values_mut() {
        if let Some(at) = text.find("#[cfg(test)]\nmod tests {") {
            text.truncate(at);
        }
    }
}

#[test]
fn no_crate_has_a_cycle_of_modules() {
    let found: Vec<String> = CRATES
        .iter()
        .filter_map(|member| Some(format!("{member}:\n{}", cycle(&graph(&sources(member)))?)))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_cycle_that_is_put_in_is_found_with_its_lines() {
    let mut files = sources("models");
    assert_eq!(cycle(&graph(&files)), None);
    let spec = files.get_mut("spec/mod.rs").expect("models have a spec");
    spec.push_str("use crate::world::World;\n");
    let line = spec.lines().count();
    let found = cycle(&graph(&files)).expect("spec uses world, and world uses spec");
    assert!(
        found.contains(&format!("spec/mod.rs:{line}: spec uses world")),
        "{found}"
    );
    assert!(found.contains(": world uses spec"), "{found}");
}

#[test]
fn uses_are_read_in_all_their_forms() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = Sources::from([
        file("lib.rs", "mod a;\npub use d::{Deep, Other};\n"),
        file(
            "a/mod.rs",
            "// crate::e\nuse crate::{\n    b::X,\n    c,\n};\n",
        ),
        file("a/inner.rs", "use super::Y;\nuse super::super::c::Z;\n"),
        file(
            "b.rs",
            "mod tests {\n    use super::*;\n    use super::super::c;\n}\n",
        ),
        file("c.rs", "fn f() -> crate::Deep {}\n"),
        file("d.rs", "fn g(x: &crate::a::Y) {}\n"),
        file("e.rs", ""),
    ]);
    let graph = graph(&files);
    let uses = |module: &str| graph[module].keys().cloned().collect::<Vec<_>>();
    assert_eq!(uses("a"), ["b", "c"]);
    assert_eq!(uses("b"), ["c"]);
    assert_eq!(uses("c"), ["d"]);
    assert_eq!(uses("d"), ["a"]);
    let found = cycle(&graph).expect("a, c and d");
    let lines = [
        "  a/inner.rs:2: a uses c",
        "  c.rs:1: c uses d",
        "  d.rs:1: d uses a",
    ];
    assert_eq!(found, lines.join("\n"));
}

/// The lines that close the shortest cycle, one under another.
fn cycle(graph: &Graph) -> Option<String> {
    let cycles = graph.keys().filter_map(|start| cycle_through(start, graph));
    let shortest = cycles.min_by_key(Vec::len)?;
    Some(shortest.join("\n"))
}

fn cycle_through(start: &str, graph: &Graph) -> Option<Vec<String>> {
    let mut reached: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(module) = next.pop_front() {
        for used in graph.get(module)?.keys() {
            if !reached.contains_key(used.as_str()) {
                reached.insert(used, module);
                next.push_back(used);
            }
        }
    }
    let mut lines = Vec::new();
    let mut module = start;
    loop {
        let user = *reached.get(module)?;
        lines.push(format!("  {}: {user} uses {module}", graph[user][module]));
        module = user;
        if module == start {
            lines.reverse();
            return Some(lines);
        }
    }
}

fn graph(files: &Sources) -> Graph {
    let modules: BTreeSet<&str> = files.keys().filter_map(|path| module_of(path)).collect();
    let root = files.get("lib.rs").map_or("", String::as_str);
    let mut graph: Graph = modules
        .iter()
        .map(|module| ((*module).to_owned(), BTreeMap::new()))
        .collect();
    for (path, text) in files {
        let Some(user) = module_of(path) else {
            continue;
        };
        for (line, name) in names(path, text) {
            let used = match modules.get(name.as_str()) {
                Some(module) => (*module).to_owned(),
                None => match exported_from(root, &name) {
                    Some(module) => module,
                    None => continue,
                },
            };
            if used != user {
                let uses = graph.get_mut(user).expect("every module has an entry");
                uses.entry(used).or_insert(format!("{path}:{line}"));
            }
        }
    }
    graph
}

/// `spec` of `spec/mod.rs` and of `spec.rs`; none for the root of a crate.
fn module_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    let name = first.trim_end_matches(".rs");
    (!["lib.rs", "main.rs"].contains(&path)).then_some(name)
}

/// The module out of which the root re-exports a name.
fn exported_from(root: &str, name: &str) -> Option<String> {
    root.split("pub use ").skip(1).find_map(|rest| {
        let (module, names) = rest.split(';').next()?.split_once("::")?;
        let mut words = names.split(|c: char| !is_name(c));
        words.any(|word| word == name).then(|| module.to_owned())
    })
}

/// The names right below the crate's root that a file reaches, with the lines on which it does.
fn names(path: &str, text: &str) -> Vec<(usize, String)> {
    let mut module: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    module.retain(|part| *part != "mod");
    let text = without_comments(text);
    let mut found = Vec::new();
    let mut inside = 0;
    let mut start = 0;
    for (number, line) in text.lines().enumerate() {
        match line {
            "}" => inside = 0,
            _ if line.ends_with(" {") && line.trim_start_matches("pub ").starts_with("mod ") => {
                inside = 1;
            }
            _ => {}
        }
        for (at, _) in line
            .match_indices("crate::")
            .chain(line.match_indices("super::"))
        {
            if line[..at].ends_with(|c: char| is_name(c) || c == ':') {
                continue;
            }
            let mut rest = &text[start + at..];
            let mut above = 0;
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                above += 1;
            }
            let below_root = match rest.strip_prefix("crate::") {
                Some(after) => {
                    rest = after;
                    &module[..0]
                }
                None => &module[..(module.len() + inside - above).min(module.len())],
            };
            match below_root.first() {
                Some(first) => found.push((number + 1, (*first).to_owned())),
                None => found.extend(firsts(rest).into_iter().map(|name| (number + 1, name))),
            }
        }
        start += line.len() + 1;
    }
    found
}

/// The first names of a path, or of each path in braces.
fn firsts(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| is_name(*c)).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0;
    let mut firsts = vec![word(group.trim_start())];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => firsts.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    firsts.retain(|first| !first.is_empty());
    firsts
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or("").to_owned() + "\n";
    text.lines().map(code).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
