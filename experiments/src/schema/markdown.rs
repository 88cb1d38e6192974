//! The keys of a scenario as a document: `experiments/scenarios/REFERENCE.md`.

use models::spec::limits::{
    ADDED_MAX, ARRIVALS_MAX, BUS_MEMBERS_MAX, FAILED_MAX, HORIZON_MAX, LOOKS_MAX, NODE_MEMORY_MAX,
    NODES_MAX, SOURCES_MAX, SYNC_MAX, TRIAL_EVENTS, TRIAL_MEMORY, TRIAL_TIME,
};

use super::keys::{Key, Kind, Shape};

const HEAD: &str = "\
# Every key of a scenario

From the types that read it (`outage schema --markdown`; a test keeps it so). `outage schema KEY`
tells the same in a terminal, `outage schema --json` for editors, and `outage schema --template`
prints a small scenario to begin with.

A file that `extends` another may leave out what that one has: tables are merged key by key, an
array (`[[service]]`) replaces the other's whole, and so does a table with another `kind`. **Keys
in bold** must be there in the end; the others mean what \"absent\" says when they are left out.

";

/// The whole document.
pub fn reference(keys: &[Key]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## The file\n\n");
    table(&mut text, keys);
    let mut plain: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut distribution = None;
    let mut told = Vec::new();
    for key in keys {
        section(&mut text, &key.name, key, 2, &mut told);
        collect(&key.shape, &mut plain, &mut distribution);
    }
    text.push_str("## Values\n\n| form | what it is | examples |\n| --- | --- | --- |\n");
    plain.sort();
    for (form, about, examples) in plain {
        let examples: Vec<String> = examples.iter().map(|e| format!("`{e}`")).collect();
        text.push_str(&format!("| {form} | {about} | {} |\n", examples.join(", ")));
    }
    if let Some(shape) = distribution {
        text.push_str("\n### distribution\n\nOf durations, by its `kind`.\n\n");
        kinds(&mut text, "", shape.kinds(), 3, &mut told);
    }
    text.push_str(&limits());
    let mut clean = text.trim_end().to_owned();
    clean.push('\n');
    clean
}

/// What a trial may use, and what becomes of it beyond.
fn limits() -> String {
    let events = TRIAL_EVENTS / 1_000_000;
    format!(
        "## Limits of size

`check` refuses a scenario that is larger than this; limits of single keys stand beside the keys.

| what | at most |
| --- | --- |
| simulated time | {HORIZON_MAX} |
| nodes of all clusters together | {NODES_MAX} |
| of them with `cluster-bus`, where each keeps a view of every other | {BUS_MEMBERS_MAX} |
| workloads and faults that add data, together | {SOURCES_MAX} |
| visits, calls or new keys that are expected of one source | {ARRIVALS_MAX:e} |
| bytes that one source is expected to add | {ADDED_MAX} |
| probes and scrapes of all checks and alerts | {LOOKS_MAX:e} |
| memory of a node, resizes included | {NODE_MEMORY_MAX} |
| time that a full resync of all data would take | {SYNC_MAX} |

## Limits of a trial

| limit | unless set | option |
| --- | --- | --- |
| events, those of opened visits among them | {events} million | `--trial-events` |
| memory for what is kept of them at one instant | {TRIAL_MEMORY} | `--trial-memory` |
| running time | {TRIAL_TIME} | `--trial-time` |

A trial that reaches a limit has no row, like one that panics. All other rows are kept, its design
is ranked nowhere, the command that replays it is printed, and the exit code is 3. A design with
{FAILED_MAX} failed trials is not run any further.

Events and memory are counted by the simulator: the same trials fail on every machine. Running time
depends on the machine, and so do results in which a trial has reached its limit.
"
    )
}

/// The keys or words of what was described, and under which title.
type Told = Vec<(Vec<String>, String)>;

/// The name by which a document's own links know a title.
fn anchor(title: &str) -> String {
    let lower = title.to_lowercase();
    let kept = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    lower.chars().filter(|c| kept(*c)).collect()
}

/// What has keys of its own gets a section, and what is in it sections below.
fn section(text: &mut String, path: &str, key: &Key, depth: usize, told: &mut Told) {
    let (list, shape) = match &key.shape {
        Shape::List(of) => (true, of.as_ref()),
        one => (false, one),
    };
    if shape.is_distribution() {
        return;
    }
    let names: Vec<String> = match shape {
        Shape::Words(words) => words.iter().map(|(word, _)| word.clone()).collect(),
        one => one.keys().iter().map(|key| key.name.clone()).collect(),
    };
    let hashes = "#".repeat(depth.min(5));
    let before = told.iter().find(|(known, _)| *known == names);
    if let Some((_, before)) = before.filter(|_| names.len() > 4) {
        text.push_str(&format!(
            "`{path}` is like [{before}](#{}).\n\n",
            anchor(before)
        ));
        return;
    }
    let title = if list {
        format!("[[{path}]]")
    } else {
        path.to_owned()
    };
    told.push((names, title.clone()));
    match shape {
        Shape::Table(keys) => {
            text.push_str(&format!("{hashes} {title}\n\n{}\n\n", key.meaning));
            table(text, keys);
            for below in keys {
                section(
                    text,
                    &format!("{path}.{}", below.name),
                    below,
                    depth + 1,
                    told,
                );
            }
        }
        Shape::Kinds(of) => {
            text.push_str(&format!("{hashes} {title}\n\n{}\n\n", key.meaning));
            kinds(text, path, of, depth, told);
        }
        Shape::Words(words) if words.len() > 4 => {
            text.push_str(&format!("{hashes} {title}\n\n{}\n\n", key.meaning));
            text.push_str("| word | meaning |\n| --- | --- |\n");
            for (word, meaning) in words {
                text.push_str(&format!("| `{word}` | {} |\n", cell(meaning)));
            }
            text.push('\n');
        }
        Shape::Plain { .. } | Shape::Words(_) | Shape::List(_) | Shape::Fragment => {}
    }
}

fn kinds(text: &mut String, path: &str, of: &[Kind], depth: usize, told: &mut Told) {
    for kind in of {
        text.push_str(&format!(
            "**`kind = \"{}\"`**: {}\n\n",
            kind.name, kind.meaning
        ));
        table(text, &kind.keys);
        for key in &kind.keys {
            section(text, &format!("{path}.{}", key.name), key, depth + 1, told);
        }
    }
}

fn table(text: &mut String, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    text.push_str("| key | form | meaning |\n| --- | --- | --- |\n");
    for key in keys {
        let name = match key.required {
            true => format!("**`{}`**", key.name),
            false => format!("`{}`", key.name),
        };
        let meaning = cell(&key.meaning);
        text.push_str(&format!("| {name} | {} | {meaning} |\n", key.shape.name()));
    }
    text.push('\n');
}

fn cell(text: &str) -> String {
    text.replace("\n\n", " ").replace('|', "\\|")
}

/// The plain forms that occur, and the distribution.
fn collect<'a>(
    shape: &'a Shape,
    plain: &mut Vec<(String, String, Vec<String>)>,
    distribution: &mut Option<&'a Shape>,
) {
    if let Shape::Plain {
        form,
        about,
        examples,
    } = shape
        && !about.is_empty()
        && !plain.iter().any(|(known, ..)| known == form)
    {
        plain.push((form.clone(), about.clone(), examples.clone()));
    }
    if shape.is_distribution() {
        *distribution = Some(shape);
    }
    if let Shape::List(of) = shape {
        collect(of, plain, distribution);
    }
    for key in shape.keys() {
        collect(&key.shape, plain, distribution);
    }
}
