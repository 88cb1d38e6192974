//! `outage list`: what is built in.

use crate::builtin::{BuiltIn, SCENARIOS, STUDIES};
use crate::document::{Sources, parse::parse, path};
use crate::error::Error;
use crate::hazards::HAZARDS;
use crate::preset::CLIENTS;
use crate::terminal;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage list                    # what is built in
  outage compare incident-2020   # run one of the studies
  outage check incident-2020     # what it contains";

/// Prints the built-in studies and scenarios with their titles, and the presets.
pub fn run() -> super::Done {
    let mut text = String::from("Studies (outage compare NAME)\n");
    for study in &STUDIES {
        text.push_str(&line(study, "title")?);
    }
    text.push_str("\nScenarios (outage trace NAME --trial N; scenario = \"NAME\" in a study)\n");
    for scenario in &SCENARIOS {
        text.push_str(&line(scenario, "about.title")?);
    }
    text.push_str("\nClient libraries (client = { preset = \"NAME\" } in a service)\n");
    for names in CLIENTS.chunks(4) {
        let names: Vec<&str> = names.iter().map(|client| client.name).collect();
        text.push_str(&format!("  {}\n", names.join(", ")));
    }
    text.push_str("\nHazards (hazards = { preset = \"NAME\" } in a scenario)\n");
    let names: Vec<&str> = HAZARDS.iter().map(|preset| preset.name).collect();
    text.push_str(&format!("  {}\n", names.join(", ")));
    terminal::result(&text);
    Ok(0)
}

fn line(built_in: &BuiltIn, title: &str) -> Result<String, Error> {
    let mut sources = Sources::default();
    let root = parse(&mut sources, built_in.file, built_in.text)
        .map_err(|problems| Error::input(&sources, problems))?;
    let title = root
        .at(&path(title))
        .and_then(|node| node.text())
        .unwrap_or_default();
    Ok(format!("  {:<20} {title}\n", built_in.name))
}
