//! Presets of client libraries: `preset = "jedis-6"` in a service's `client` table stands for what
//! that library does unless it is told otherwise; keys beside it count before its own.
//!
//! ```text
//! [service.client]
//! preset = "ioredis-5"        every key of experiments/clients/ioredis-5.toml
//! command_timeout = "2s"      ... but for this one
//! ```
//!
//! A preset is a file like any other, with the library's own source files named in it. Mistakes in
//! what it makes together with the user's keys are told where the user wrote `preset`.

use crate::builtin::BuiltIn;
use crate::document::{Entry, Node, Place, Sources, Value, merge::merge, parse::parse};
use crate::error::{Problem, suggest};

/// The libraries.
pub const CLIENTS: [BuiltIn; 11] = [
    client("redis-py-5", include_str!("../clients/redis-py-5.toml")),
    client("redis-py-6", include_str!("../clients/redis-py-6.toml")),
    client("redis-py-8", include_str!("../clients/redis-py-8.toml")),
    client("jedis-6", include_str!("../clients/jedis-6.toml")),
    client("lettuce-6", include_str!("../clients/lettuce-6.toml")),
    client("lettuce-7", include_str!("../clients/lettuce-7.toml")),
    client("ioredis-5", include_str!("../clients/ioredis-5.toml")),
    client("ioredis-6", include_str!("../clients/ioredis-6.toml")),
    client("go-redis-9", include_str!("../clients/go-redis-9.toml")),
    client(
        "stackexchange-2",
        include_str!("../clients/stackexchange-2.toml"),
    ),
    client("redis-rs-1", include_str!("../clients/redis-rs-1.toml")),
];

const fn client(name: &'static str, text: &'static str) -> BuiltIn {
    BuiltIn {
        name,
        file: "a preset",
        text,
    }
}

/// Puts presets in the place of their names. Names that are not known are told, and any preset
/// stands in for them, so that other mistakes come to light in the same run.
pub fn expand(tree: &mut Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Value::Table(root) = &mut tree.value else {
        return problems;
    };
    let Some(Entry { node, .. }) = root.get_mut("service") else {
        return problems;
    };
    let Value::Array(services) = &mut node.value else {
        return problems;
    };
    for service in services {
        let Value::Table(service) = &mut service.value else {
            continue;
        };
        if let Some(client) = service.get_mut("client") {
            problems.extend(expand_client(&mut client.node));
        }
    }
    problems
}

fn expand_client(client: &mut Node) -> Option<Problem> {
    let Value::Table(table) = &mut client.value else {
        return None;
    };
    let asked = table.remove("preset")?;
    let place = asked.node.place;
    let name = asked.node.text().unwrap_or_default();
    let known = CLIENTS.iter().find(|known| known.name == name);
    let problem = known.is_none().then(|| {
        let names: Vec<&str> = CLIENTS.iter().map(|known| known.name).collect();
        Problem {
            place: Some(place),
            wrong: format!("there is no preset of a client called `{name}`"),
            mend: suggest(name, &names),
        }
    });
    let mut whole = fragment(known.unwrap_or(&CLIENTS[0]));
    put_at(&mut whole, place);
    merge(&mut whole, client);
    whole.place = client.place;
    *client = whole;
    problem
}

/// What a preset holds.
fn fragment(preset: &BuiltIn) -> Node {
    let parsed = parse(&mut Sources::default(), preset.file, preset.text);
    parsed.expect("presets are TOML: a test reads all of them")
}

/// Everything in `node` was written where its name was.
fn put_at(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Array(elements) => elements.iter_mut().for_each(|node| put_at(node, place)),
        Value::Table(table) => {
            for entry in table.values_mut() {
                entry.key = place;
                put_at(&mut entry.node, place);
            }
        }
    }
}
