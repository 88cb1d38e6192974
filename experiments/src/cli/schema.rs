//! `outage schema`: what a scenario file may hold.

use super::SchemaArguments;
use crate::error::{Error, suggest};
use crate::schema::{self, keys, markdown, text};
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage schema                    # every key, one per line
  outage schema redis.maxmemory    # one key in full
  outage schema --json             # JSON Schema, for editors";

/// A small scenario to start from.
pub const TEMPLATE: &str = include_str!("../../scenarios/template/replay.toml");

/// Prints what was asked for.
pub fn run(arguments: &SchemaArguments) -> super::Done {
    let keys = keys::keys(&schema::whole());
    let told = match &arguments.key {
        _ if arguments.template => TEMPLATE.to_owned(),
        Some(path) if arguments.json => {
            known(&keys, path)?;
            let schema = schema::at(path).ok_or_else(|| Error::Usage {
                wrong: format!("`{path}` names a kind and no key"),
                help: "leave the kind out, or ask without --json".to_owned(),
            });
            let json = serde_json::to_string_pretty(&schema?).expect("a schema is plain");
            format!("{json}\n")
        }
        None if arguments.json => {
            let schema = schema::file();
            let json = serde_json::to_string_pretty(&schema).expect("a schema is plain");
            format!("{json}\n")
        }
        _ if arguments.markdown => markdown::reference(&keys),
        None => text::outline(&keys),
        Some(path) => text::about(path, &known(&keys, path)?),
    };
    terminal::result(&told);
    Ok(0)
}

/// What a path names, or the nearest that there is.
fn known<'a>(keys: &'a [keys::Key], path: &str) -> Result<keys::Found<'a>, Error> {
    keys::find(keys, path).map_err(|(step, known)| {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Error::Usage {
            wrong: format!("`{step}` in `{path}` is no key of a scenario"),
            help: suggest(&step, &known),
        }
    })
}
