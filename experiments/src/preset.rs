//! Presets of client libraries: `preset = "jedis-6"` in a service's `client` table stands for that
//! library's defaults; keys beside it override single keys of the preset.
//!
//! ```text
//! [service.client]
//! preset = "ioredis-5"        every key of experiments/clients/ioredis-5.toml
//! command_timeout = "2s"      ... but for this one
//! ```
//!
//! A preset is a TOML file that cites the library's source files. A library behaves differently
//! with a Redis Cluster, with Sentinels and with a plain address, so its preset has a table for
//! each; the client's `mode` or else `failover.kind` selects one. A preset without that table is
//! rejected: the library has no such client. Mistakes in the combination of a preset and the user's
//! keys are reported where the user wrote `preset`.

use crate::builtin::BuiltIn;
use crate::document::{Node, Place, Sources, Value, merge::merge, parse::parse, path};
use crate::error::Problem;

/// The libraries.
pub const CLIENTS: [BuiltIn; 14] = [
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
    client("node-redis-5", include_str!("../clients/node-redis-5.toml")),
    client(
        "valkey-glide-2",
        include_str!("../clients/valkey-glide-2.toml"),
    ),
    client("phpredis-6", include_str!("../clients/phpredis-6.toml")),
];

const fn client(name: &'static str, text: &'static str) -> BuiltIn {
    BuiltIn {
        name,
        file: "a preset",
        text,
    }
}

/// The kinds of clients that a preset may describe.
const TABLES: [&str; 3] = ["cluster", "sentinel", "plain"];

/// Replaces the names of presets by their keys; an unknown name stays. A library without a client
/// of the needed kind is a problem.
pub fn expand(tree: &mut Node) -> Vec<Problem> {
    let kind = tree.at(&path("failover.kind")).and_then(Node::text);
    let kind = kind.unwrap_or_default().to_owned();
    let services = match &mut tree.value {
        Value::Table(root) => root.get_mut("service").map(|entry| &mut entry.node.value),
        Value::Scalar(_) | Value::Array(_) => None,
    };
    let Some(Value::Array(services)) = services else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for service in services {
        if let Value::Table(service) = &mut service.value
            && let Some(client) = service.get_mut("client")
        {
            problems.extend(expand_client(&mut client.node, &kind));
        }
    }
    problems
}

fn expand_client(client: &mut Node, kind: &str) -> Option<Problem> {
    let mode = client.at(&path("mode")).and_then(Node::text);
    let needed = table_for(mode, kind);
    let Value::Table(table) = &mut client.value else {
        return None;
    };
    let asked = table.get("preset").map(|entry| &entry.node);
    let name = asked.and_then(Node::text).unwrap_or_default();
    let known = CLIENTS.iter().find(|known| known.name == name)?;
    let asked = table.remove("preset").expect("it has a name");
    let (mut whole, of_table) = parts(known, needed);
    let Some(of_table) = of_table else {
        return Some(Problem {
            place: Some(asked.node.place),
            wrong: format!("`{}` has no {needed} client", known.name),
            help: "choose another library, or write all keys of the client yourself".to_owned(),
        });
    };
    merge(&mut whole, &of_table);
    put_at(&mut whole, asked.node.place);
    merge(&mut whole, client);
    whole.place = client.place;
    *client = whole;
    None
}

/// The preset's table for a client in this mode, by default that of this kind of failover.
fn table_for(mode: Option<&str>, kind: &str) -> &'static str {
    match (mode, kind) {
        (Some("cluster"), _) | (None, "cluster-bus") => "cluster",
        (Some("sentinel"), _) | (None, "sentinel") => "sentinel",
        _ => "plain",
    }
}

/// The common keys of a preset, and the table for this kind of client, if it has one.
fn parts(preset: &BuiltIn, needed: &str) -> (Node, Option<Node>) {
    let mut whole = fragment(preset);
    let mut found = None;
    if let Value::Table(table) = &mut whole.value {
        for name in TABLES {
            let entry = table.remove(name);
            if name == needed {
                found = entry.map(|entry| entry.node);
            }
        }
    }
    (whole, found)
}

/// What a preset holds.
fn fragment(preset: &BuiltIn) -> Node {
    let parsed = parse(&mut Sources::default(), preset.file, preset.text);
    parsed.expect("presets are TOML: a test reads all of them")
}

/// Everything in `node` was written where its name was.
pub fn put_at(node: &mut Node, place: Place) {
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
