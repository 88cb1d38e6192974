//! The keys of a scenario in words, for a terminal.

use super::keys::{Found, Key, Kind, Shape};

/// All keys with the first sentence of each, by table.
pub fn outline(keys: &[Key]) -> String {
    let mut text = String::new();
    for key in keys {
        line(&mut text, key, 0);
        below(&mut text, &key.shape, 1);
    }
    text.push_str(
        "\n* must be given; a file that extends another may leave out what that one has.\n\
         outage schema KEY tells all about one of them: outage schema redis.maxmemory\n",
    );
    text
}

fn below(text: &mut String, shape: &Shape, depth: usize) {
    match shape {
        Shape::Table(keys) => {
            for key in keys {
                line(text, key, depth);
                if !key.shape.is_distribution() {
                    below(text, &key.shape, depth + 1);
                }
            }
        }
        Shape::Kinds(kinds) => {
            for kind in kinds {
                let indent = "  ".repeat(depth);
                let quoted = format!("kind = \"{}\"", kind.name);
                text.push_str(&format!("{indent}{quoted}  {}\n", first(&kind.meaning)));
                for key in &kind.keys {
                    line(text, key, depth + 1);
                    if !key.shape.is_distribution() {
                        below(text, &key.shape, depth + 2);
                    }
                }
            }
        }
        Shape::List(of) => below(text, of, depth),
        Shape::Plain { .. } | Shape::Words(_) | Shape::Fragment => {}
    }
}

fn line(text: &mut String, key: &Key, depth: usize) {
    let indent = "  ".repeat(depth);
    let star = if key.required { "*" } else { "" };
    let name = format!("{indent}{}{star}", key.name);
    text.push_str(&format!(
        "{name:<34}{:<24} {}\n",
        key.shape.name(),
        first(&key.meaning)
    ));
}

/// The first sentence.
fn first(meaning: &str) -> &str {
    let whole = meaning.lines().next().unwrap_or_default();
    let mut ends = whole.match_indices(['.', '?']);
    let ended = |(at, _): &(usize, &str)| whole[at + 1..].starts_with(' ');
    ends.find(ended).map_or(whole, |(at, _)| &whole[..=at])
}

/// All about one key, or about one kind of table.
pub fn about(path: &str, found: &Found) -> String {
    match found {
        Found::Kind(kind) => about_kind(path, kind),
        Found::Keys(keys) => {
            let mut told: Vec<String> = Vec::new();
            for key in keys {
                let text = about_key(path, key);
                if !told.contains(&text) {
                    told.push(text);
                }
            }
            told.join("\n")
        }
    }
}

fn about_key(path: &str, key: &Key) -> String {
    let must = if key.required { ", must be given" } else { "" };
    let mut text = format!("{path}: {}{must}\n\n{}\n", key.shape.name(), key.meaning);
    about_shape(&mut text, &key.shape);
    text
}

fn about_shape(text: &mut String, shape: &Shape) {
    match shape {
        Shape::Plain {
            about, examples, ..
        } => {
            if !about.is_empty() {
                text.push_str(&format!("\n{about}\n"));
            }
            if !examples.is_empty() {
                text.push_str(&format!("For example {}.\n", examples.join(", ")));
            }
        }
        Shape::Words(words) => {
            text.push_str("\nOne of:\n");
            for (word, meaning) in words {
                text.push_str(&format!("  {:<26} {meaning}\n", format!("\"{word}\"")));
            }
        }
        Shape::Table(_) | Shape::Kinds(_) => {
            text.push('\n');
            below(text, shape, 1);
        }
        Shape::List(of) => about_shape(text, of),
        Shape::Fragment => {}
    }
}

fn about_kind(path: &str, kind: &Kind) -> String {
    let mut text = format!("{path}: kind = \"{}\"\n\n{}\n\n", kind.name, kind.meaning);
    for key in &kind.keys {
        line(&mut text, key, 1);
        below(&mut text, &key.shape, 2);
    }
    text
}
