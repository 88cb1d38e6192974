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
//! what it makes together with the user's keys are reported where the user wrote `preset`.

use crate::builtin::BuiltIn;
use crate::document::{Node, Place, Sources, Value, merge::merge, parse::parse};

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

/// Puts presets in the place of their names; one that is not known stays.
pub fn expand(tree: &mut Node) {
    let services = match &mut tree.value {
        Value::Table(root) => root.get_mut("service").map(|entry| &mut entry.node.value),
        Value::Scalar(_) | Value::Array(_) => None,
    };
    let Some(Value::Array(services)) = services else {
        return;
    };
    for service in services {
        if let Value::Table(service) = &mut service.value
            && let Some(client) = service.get_mut("client")
        {
            expand_client(&mut client.node);
        }
    }
}

fn expand_client(client: &mut Node) {
    let Value::Table(table) = &mut client.value else {
        return;
    };
    let asked = table.get("preset").map(|entry| &entry.node);
    let name = asked.and_then(Node::text).unwrap_or_default();
    let Some(known) = CLIENTS.iter().find(|known| known.name == name) else {
        return;
    };
    let asked = table.remove("preset").expect("it has a name");
    let mut whole = fragment(known);
    put_at(&mut whole, asked.node.place);
    merge(&mut whole, client);
    whole.place = client.place;
    *client = whole;
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
