//! Mistakes in words: what is wrong, and what to write instead.

use std::str::FromStr;

use models::findings::{counted, grouped};
use models::spec::clock::{WallTime, ZoneOffset};
use models::spec::limits;
use models::spec::price::Usd;
use models::spec::traffic::Series;
use sim::SimDuration;
use sim::quantity::{Bytes, BytesPerSec, Factor, PerSec, Probability, SizeOrShare};

use super::mistake::{Kind, Meant, Mistake, OtherKind};
use super::{Form, Key, Shape, key_of};
use crate::document::{Entry, Node, Place, Step, Value, dotted};
use crate::error::{Problem, listed, nearest, suggest};

/// Reads a quantity of a kind, and says what is wrong and, behind a semicolon, what to write
/// instead.
pub type Read = fn(&str, &str) -> Result<(), String>;

/// The kinds of quantities that are written as text, by their names in the schema.
pub const QUANTITIES: [(&str, Read); 12] = [
    ("duration", bounded::<SimDuration>),
    ("size", bounded::<Bytes>),
    ("byte rate", bounded::<BytesPerSec>),
    ("rate", bounded::<PerSec>),
    ("share", bounded::<Probability>),
    ("size or share", size_or_share),
    ("factor", bounded::<Factor>),
    ("price", bounded::<Usd>),
    ("date and time", read::<WallTime>),
    ("offset", read::<ZoneOffset>),
    ("series", read::<Series>),
    ("bound", read::<SimDuration>),
];

fn read<T: FromStr<Err: ToString>>(_: &str, text: &str) -> Result<(), String> {
    let read = text.parse::<T>().map(drop);
    read.map_err(|error| error.to_string())
}

fn bounded<T: FromStr<Err: ToString> + PartialOrd>(kind: &str, text: &str) -> Result<(), String> {
    let value = text.parse::<T>().map_err(|error| error.to_string())?;
    let Some(limit) = limits::QUANTITIES
        .iter()
        .find(|limit| limit.quantity == kind)
    else {
        return Ok(());
    };
    let most = limit.most;
    match most.parse::<T>() {
        Ok(bound) if value <= bound => Ok(()),
        Ok(_) => Err(format!(
            "`{text}` is above the limit; write at most \"{most}\""
        )),
        Err(error) => panic!("a limit is one of its kind: {}", error.to_string()),
    }
}

/// A size has the bound of every size; a share needs none.
fn size_or_share(_: &str, text: &str) -> Result<(), String> {
    match text.parse::<SizeOrShare>() {
        Ok(SizeOrShare::Size(_)) => bounded::<Bytes>("size", text),
        Ok(SizeOrShare::Share(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// A mistake in words, with its place.
pub fn problem(form: &Form, tree: &Node, mistake: &Mistake) -> Problem {
    let path = &mistake.path;
    let place = tree.place_of(path).or(Some(gap(tree, true)));
    let (wrong, help) = match &mistake.kind {
        Kind::UnknownKey { key, meant } => {
            return unknown_key(form, tree, (path, key), meant.as_ref());
        }
        Kind::MissingKey { key } => return missing_key(form, tree, path, key),
        Kind::OtherKind(found) => return other_kind(tree, path, found),
        Kind::NoScenario { missing } => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            let wrong = format!(
                "this is not a complete scenario: it lacks {}",
                listed(&missing)
            );
            let help = "begin with `extends = \"incident-2020\"`, or with another scenario of \
                        `outage list`, and write only what is to differ; `outage schema \
                        --template` prints a whole one";
            return Problem {
                place: Some(gap(tree, false)),
                wrong,
                help: help.to_owned(),
            };
        }
        Kind::UnknownWord { known } => {
            let word = tree.at(path).and_then(Node::text).unwrap_or_default();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let wrong = format!("`{}` cannot be \"{word}\"", dotted(path));
            let is_preset = path.last() == Some(&Step::Key("preset".to_owned()));
            let of_hazards = path.first() == Some(&Step::Key("hazards".to_owned()));
            match is_preset && !of_hazards {
                true => (wrong, other_preset(word, &known)),
                false => (wrong, suggest(word, &known)),
            }
        }
        Kind::WrongType => wrong_type(form, tree, path),
        Kind::NoSuchQuantity { quantity } => {
            let text = tree.at(path).and_then(Node::text).unwrap_or_default();
            let (wrong, help) = refusal(quantity, text);
            (format!("`{}`: {wrong}", dotted(path)), help)
        }
        Kind::TooSmall { least } => {
            let wrong = format!("`{}` {}", dotted(path), amount(tree, path));
            (wrong, format!("write at least {least}"))
        }
        Kind::TooLarge { most } => {
            let wrong = format!("`{}` {}", dotted(path), amount(tree, path));
            let why = form
                .limit(tree, path)
                .map_or_else(String::new, |why| format!(": {why}"));
            (
                wrong,
                format!("write at most {}{why}", most_in_words(tree, path, *most)),
            )
        }
        Kind::Other(message) => {
            let wrong = format!("`{}`: {message}", dotted(path));
            (wrong, "write another value".to_owned())
        }
    };
    Problem { place, wrong, help }
}

/// What to write for a client library that has no preset: another version of it, or what its author
/// finds most like it.
fn other_preset(word: &str, known: &[&str]) -> String {
    let library = |name: &str| {
        name.trim_end_matches(|c: char| !c.is_alphabetic())
            .to_lowercase()
    };
    let same = known.iter().any(|k| library(k) == library(word));
    let alike = nearest(word, known.iter().copied())
        .filter(|name| same || name.chars().next() == word.to_lowercase().chars().next());
    match alike {
        Some(name) => format!("did you mean `{name}`? known: {}", listed(known)),
        None => format!(
            "for another library write the preset that is most like it, and its own keys (such as \
             `command_timeout`) beside `preset`; known: {}",
            listed(known)
        ),
    }
}

/// Why a text is not a quantity, and what to write instead.
fn refusal(quantity: &str, text: &str) -> (String, String) {
    let read = QUANTITIES.iter().find(|(kind, _)| *kind == quantity);
    let message = read.and_then(|(kind, read)| read(kind, text).err());
    let message = message.unwrap_or_else(|| format!("`{text}` is not a {quantity}"));
    match message.rsplit_once("; ") {
        Some((wrong, help)) => (wrong.to_owned(), help.to_owned()),
        None => (message, "write another value".to_owned()),
    }
}

/// How much there is at the end of a path.
fn amount(tree: &Node, path: &[Step]) -> String {
    let node = tree.at(path).unwrap_or(tree);
    match node.array() {
        Some(elements) => format!("has {}", counted(elements.len() as u64, "element")),
        None => format!("is {}", node.to_toml()),
    }
}

fn most_in_words(tree: &Node, path: &[Step], most: u64) -> String {
    match tree.at(path).and_then(Node::array) {
        Some(_) => counted(most, "element"),
        None => grouped(most.into()),
    }
}

/// The keys of one kind under the name of another.
fn other_kind(tree: &Node, path: &[Step], found: &OtherKind) -> Problem {
    let list = |keys: &[String]| listed(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let OtherKind {
        written,
        other,
        unknown,
        missing,
    } = found;
    let kind = tree.at(path).and_then(|table| table.get("kind"));
    let add = match missing.as_slice() {
        [] => String::new(),
        missing => format!(" and add {}", list(missing)),
    };
    Problem {
        place: kind.map(|kind| kind.place).or_else(|| tree.place_of(path)),
        wrong: format!(
            "{} is \"{written}\" and has keys of \"{other}\": {}",
            owner(&[path, &[Step::Key("kind".to_owned())]].concat()),
            list(unknown)
        ),
        help: format!("take these keys out{add}, or write kind = \"{other}\""),
    }
}

fn unknown_key(
    form: &Form,
    tree: &Node,
    (path, key): (&[Step], &str),
    meant: Option<&Meant>,
) -> Problem {
    let known = form.keys(tree, path).unwrap_or_default();
    let known: Vec<&str> = known.iter().map(|key| key.name.as_str()).collect();
    let help = match meant {
        Some(meant) if meant.table.is_empty() && !path.is_empty() => {
            "it belongs at the top of the file, above the first [table]".to_owned()
        }
        Some(meant) if meant.table != path => {
            let (there, here) = (header(&meant.table), header(path));
            format!("it belongs to {there}: write it there, above {here}")
        }
        Some(meant) if nearest(key, known.iter().copied()).is_none() => {
            let name = &meant.key;
            format!("did you mean `{name}`, which is missing?")
        }
        Some(_) => suggest(key, &known),
        None if known.is_empty() => "take it out; no key is known here".to_owned(),
        None => match elsewhere(&form.keys, key).as_slice() {
            [] => suggest(key, &known),
            places => format!(
                "it is a key of {}; {}",
                listed(places),
                suggest(key, &known)
            ),
        },
    };
    let entry = tree.at(path).and_then(|node| node.entry(key));
    Problem {
        place: entry.map(|entry| entry.key).or_else(|| tree.place_of(path)),
        wrong: format!("{} has no key `{key}`", owner(path)),
        help,
    }
}

/// The header of a table, as it would stand in the file.
fn header(path: &[Step]) -> String {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    match path.last() {
        Some(Step::Index(_)) => format!("[[{}]]", keys.join(".")),
        Some(Step::Key(_)) => format!("[{}]", keys.join(".")),
        None => "the top of the file".to_owned(),
    }
}

/// The tables that have a key of this name, if they are few.
fn elsewhere<'a>(keys: &'a [Key], name: &str) -> Vec<&'a str> {
    const FEW: usize = 2;
    let mut found = Vec::new();
    for key in keys {
        if key.shape.keys().iter().any(|below| below.name == name) {
            found.push(key.name.as_str());
        }
    }
    if found.len() > FEW {
        found.clear();
    }
    found
}

fn missing_key(form: &Form, tree: &Node, path: &[Step], key: &str) -> Problem {
    let step = Step::Key(key.to_owned());
    let at = [path, std::slice::from_ref(&step)].concat();
    let keys = form.keys(tree, path).unwrap_or_default();
    let shape = key_of(keys, &step).map(|key| &key.shape);
    let (is_table, help) = match (shape, form.shape(tree, path)) {
        (None, Some(Shape::Kinds(kinds))) if key == "kind" => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
            (false, format!("add `kind = …`, one of: {}", quoted(&kinds)))
        }
        (Some(Shape::Words(words)), _) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            (
                false,
                format!("add `{key} = …`, one of: {}", quoted(&words)),
            )
        }
        (Some(Shape::List(of)), _) if of.is_table() => {
            (true, format!("add at least one table [{}]", header(&at)))
        }
        (Some(shape), _) if shape.is_table() && !shape.is_distribution() => {
            (true, format!("add a table {}", header(&at)))
        }
        (Some(shape), _) => (false, format!("add `{key} = …`: {}", form_of(shape))),
        (None, _) => (false, format!("add `{key} = …`")),
    };
    Problem {
        place: tree.place_of(path).or_else(|| Some(gap(tree, is_table))),
        wrong: format!("{} lacks `{key}`", owner(path)),
        help,
    }
}

fn wrong_type(form: &Form, tree: &Node, path: &[Step]) -> (String, String) {
    let node = tree.at(path).unwrap_or(tree);
    let wrong = format!("`{}` is {}", dotted(path), in_words(node));
    let help = match form.shape(tree, path) {
        Some(shape) => instead(node, shape, path),
        None if path.last() == Some(&Step::Key("kind".to_owned())) => {
            let table = form.shape(tree, &path[..path.len() - 1]);
            let kinds = table.map_or(&[][..], Shape::kinds);
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
            format!("write one of: {}", quoted(&kinds))
        }
        None => "write text in quotes".to_owned(),
    };
    (wrong, help)
}

/// What to write in place of a value of another type.
fn instead(node: &Node, shape: &Shape, path: &[Step]) -> String {
    let text = node.text();
    match shape {
        Shape::Words(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            format!("write one of: {}", quoted(&words))
        }
        Shape::Table(_) | Shape::Kinds(_) if node.array().is_some() => {
            let header = header(path);
            format!("it is one table: write {header}, not [{header}]")
        }
        Shape::Table(keys) => {
            let keys: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            format!("write a table with: {}", listed(&keys))
        }
        Shape::Kinds(_) if shape.is_distribution() && text.is_some() => format!(
            "it is drawn from a distribution: for a fixed one write {{ kind = \"constant\", value \
             = \"{}\" }}",
            text.unwrap_or_default()
        ),
        Shape::List(of) if node.table().is_some() && of.is_table() => {
            let header = header(path);
            format!("write [{header}]: one table for each, even if there is only one")
        }
        Shape::List(_) if text.is_some() => {
            format!("write an array: [\"{}\"]", text.unwrap_or_default())
        }
        Shape::Plain { form, .. } if is_number_in_quotes(form, text) => {
            format!("write it without quotes: {}", text.unwrap_or_default())
        }
        Shape::Plain { .. } | Shape::Kinds(_) | Shape::List(_) | Shape::Fragment => {
            format!("write {}", form_of(shape))
        }
    }
}

fn is_number_in_quotes(form: &str, text: Option<&str>) -> bool {
    let Some(text) = text else { return false };
    match form {
        super::keys::WHOLE => text.parse::<u64>().is_ok(),
        super::keys::NUMBER => text.parse::<f64>().is_ok_and(f64::is_finite),
        super::keys::TRUTH => text == "true" || text == "false",
        _ => false,
    }
}

/// What is expected, as a user would say it.
fn form_of(shape: &Shape) -> String {
    match shape {
        Shape::Plain { form, examples, .. } => {
            let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
            let article = match form.as_str() {
                super::keys::WHOLE => return "a whole number such as 3".to_owned(),
                super::keys::NUMBER => return "a number such as 0.5".to_owned(),
                super::keys::TRUTH => return form.clone(),
                super::keys::TEXT => return "text in quotes".to_owned(),
                "offset" => "an",
                _ => "a",
            };
            match examples.as_slice() {
                [] => format!("{article} {form}"),
                [one] => format!("{article} {form} such as {one}"),
                [one, other, ..] => format!("{article} {form} such as {one} or {other}"),
            }
        }
        Shape::Words(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            format!("one of: {}", quoted(&words))
        }
        Shape::Kinds(_) if shape.is_distribution() => {
            "a distribution such as { kind = \"constant\", value = \"90s\" }".to_owned()
        }
        Shape::Kinds(_) => "a table: { kind = \"…\", … }".to_owned(),
        Shape::Table(_) | Shape::Fragment => "a table: { … }".to_owned(),
        Shape::List(_) => "an array: [ … ]".to_owned(),
    }
}

fn owner(path: &[Step]) -> String {
    if path.is_empty() {
        "the file".to_owned()
    } else {
        format!("`{}`", dotted(path))
    }
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

fn in_words(node: &Node) -> String {
    match &node.value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Scalar(toml::Value::String(text)) => format!("the text \"{text}\""),
        Value::Scalar(toml::Value::Float(number)) if !number.is_finite() => {
            format!("{}, which is not a number", node.to_toml())
        }
        Value::Scalar(toml::Value::Integer(_) | toml::Value::Float(_)) => {
            format!("the bare number {}", node.to_toml())
        }
        Value::Scalar(toml::Value::Datetime(_)) => format!("the bare date {}", node.to_toml()),
        Value::Scalar(other) => other.to_string(),
    }
}

/// Where a key of the top level could be added: a value above the first table, a table at the end.
pub fn gap(tree: &Node, is_table: bool) -> Place {
    let end = tree.place.to.saturating_sub(1);
    let nested = |entry: &&Entry| !matches!(entry.node.value, Value::Scalar(_));
    let tables = tree
        .table()
        .into_iter()
        .flat_map(|table| table.values())
        .filter(nested);
    let first = tables
        .filter(|e| e.key.file == tree.place.file)
        .map(|entry| entry.key)
        .min();
    match first {
        Some(place) if !is_table => place,
        Some(_) | None => Place {
            file: tree.place.file,
            from: end,
            to: tree.place.to,
        },
    }
}
