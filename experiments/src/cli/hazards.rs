//! `outage hazards`: what happens by itself to a deployment in a year, and how we know.

use std::path::Path;

use models::WorldSpec;
use models::fault::hazard;
use models::spec::hazard::{Hazard, HazardKind, HazardsSpec, Victim};
use output::{Cell, Column, Format, Table, TextOptions};
use sim::{SimDuration, Streams};

use crate::builtin::SCENARIOS;
use crate::document::{Node, Sources, merge::merge, parse::parse, path};
use crate::error::Error;
use crate::hazards::{Confidence, HAZARDS, SourceSpec, rates, sources};
use crate::report::words::drawn;
use crate::scenario;
use crate::stats::estimate::amount;
use crate::study::is_study;
use crate::terminal;

use super::HazardsArguments;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage hazards                          # an ordinary year of the scenario `clients`
  outage hazards mine.toml                # of your deployment, with its own rates
  outage hazards --preset bad-zone        # with another preset";

/// A year.
const YEAR: SimDuration = SimDuration::from_days(365);

/// Prints the table, and where each rate comes from.
pub fn run(arguments: &HazardsArguments) -> super::Done {
    let mut read = Sources::default();
    let found = scenario::read(&mut read, &arguments.file, &SCENARIOS, Path::new(""))?;
    let mut root = found.root;
    if is_study(&root) {
        return Err(Error::Usage {
            wrong: format!(
                "`{}` is a study, and hazards are those of a scenario",
                arguments.file
            ),
            help: "name the scenario that it compares (its key `scenario`)".to_owned(),
        });
    }
    let chosen = root.at(&path("hazards.preset")).and_then(Node::text);
    let named = arguments.preset.as_deref().or(chosen);
    let preset = match root.at(&path("hazards")) {
        Some(_) => named,
        None => named.or(Some(HAZARDS[0].name)),
    };
    let preset = preset.map(str::to_owned);
    if let Some(name) = &preset {
        let text = format!("hazards = {{ preset = \"{name}\" }}");
        let chosen = parse(&mut read, "--preset", &text);
        let chosen = chosen.map_err(|problems| Error::input(&read, problems))?;
        merge(&mut root, &chosen);
    }
    let spec = scenario::world(&root).map_err(|problems| Error::input(&read, problems))?;
    let known = HAZARDS
        .iter()
        .find(|known| Some(known.name) == preset.as_deref());
    let sources = known.map(sources).unwrap_or_default();
    let usual = known.map(rates).unwrap_or_default();
    let table = table(&found.name, spec, (&usual, &sources), arguments.years);
    let mut text = table
        .to_text(&TextOptions::plain())
        .expect("cells fit their columns");
    for source in &sources {
        text.push_str(&format!("\n{}: {}\n", source.hazard, source.source));
    }
    terminal::result(&text);
    Ok(0)
}

/// Each hazard, how often it should come to this deployment, and how often it does.
fn table(
    name: &str,
    mut spec: WorldSpec,
    (usual, sources): (&HazardsSpec, &[SourceSpec]),
    years: u64,
) -> Table {
    let columns = vec![
        Column::text("hazard"),
        Column::text("of each"),
        Column::number("every", ""),
        Column::number("a year", ""),
        Column::number("drawn", ""),
        Column::number("median", ""),
        Column::number("9 of 10 below", ""),
        Column::text("rate"),
        Column::text("as of"),
    ];
    let title = format!(
        "What happens by itself to `{name}`: a year by the rates, and the mean of {years} drawn"
    );
    let mut table = Table::new(title, columns);
    spec.horizon = YEAR;
    let Some(hazards) = &spec.hazards else {
        return table;
    };
    let system = spec.system();
    let plans = spec.layout.layout().place(&system);
    let year = |number| hazard::draw(hazards, &plans, &system, &Streams::for_trial(1, number));
    let met: Vec<Vec<&str>> = (1..=years)
        .map(|number| year(number).iter().map(|fault| fault.kind).collect())
        .collect();
    for Hazard { kind, every, lasts } in hazards.all() {
        let victims = hazard::victims(kind.victim(), &system) * plans.len() as u64;
        let expected = victims as f64 * YEAR.as_secs_f64() / every.as_secs_f64();
        let counts: Vec<f64> = met
            .iter()
            .map(|year| year.iter().filter(|met| **met == kind.name()).count() as f64)
            .collect();
        let mean = amount(&counts, 0.95).expect("there are two years at least");
        let same = usual.all().any(|of| of.kind == kind && of.every == every);
        let source = sources.iter().find(|source| source.hazard == kind.name());
        let source = source.filter(|_| same);
        let quantile = |share| match lasts {
            Some(lasts) => Cell::number(lasts.quantile(share).as_secs_f64(), Format::Duration),
            None => Cell::text("–"),
        };
        table.push(vec![
            Cell::text(kind.name()),
            Cell::text(match kind.victim() {
                Victim::Node if kind == HazardKind::SlowCommand => "node, if it serves",
                Victim::Node => "node",
                Victim::Host => "host",
                Victim::Zone => "zone",
            }),
            Cell::number(every.as_secs_f64(), Format::Duration),
            Cell::number(expected, Format::Significant(3)),
            Cell::estimate(drawn(&mean), Format::Significant(3)),
            quantile(0.5),
            quantile(0.9),
            Cell::text(match source.map(|source| source.confidence) {
                Some(Confidence::Published) => "published",
                Some(Confidence::Assumption) => "assumption",
                None => "your own",
            }),
            Cell::text(source.map_or("", |source| &source.date)),
        ]);
    }
    table
}
