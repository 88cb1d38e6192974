//! Presets of hazards: `preset = "ordinary-year"` in `[hazards]` stands for the rates of a file;
//! keys beside it override single rates.
//!
//! A preset is a TOML file with the tables `every` and `lasts`, and for each hazard where its rate
//! comes from, how sure that is, and as of when.

use models::spec::hazard::HazardsSpec;
use serde::Deserialize;

use crate::builtin::BuiltIn;
use crate::document::{Node, Sources, Value, merge::merge, parse::parse};
use crate::preset::put_at;

/// The presets.
pub const HAZARDS: [BuiltIn; 3] = [
    BuiltIn {
        name: "ordinary-year",
        file: "experiments/hazards/ordinary-year.toml",
        text: include_str!("../hazards/ordinary-year.toml"),
    },
    BuiltIn {
        name: "bad-zone",
        file: "experiments/hazards/bad-zone.toml",
        text: include_str!("../hazards/bad-zone.toml"),
    },
    BuiltIn {
        name: "busy-team",
        file: "experiments/hazards/busy-team.toml",
        text: include_str!("../hazards/busy-team.toml"),
    },
];

/// Where a rate comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The hazard, by its key.
    pub hazard: String,
    /// As of when.
    pub date: String,
    /// Is it published, or an assumption?
    pub confidence: Confidence,
    /// Who says so, and how the rate follows from it.
    pub source: String,
}

/// How sure a rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Somebody has counted.
    Published,
    /// Nobody has, as far as we know.
    Assumption,
}

/// The sources of a preset.
pub fn sources(preset: &BuiltIn) -> Vec<SourceSpec> {
    #[derive(Deserialize)]
    struct File {
        source: Vec<SourceSpec>,
    }
    let file: Result<File, _> = toml::from_str(preset.text);
    file.expect("presets name their sources: a test reads all of them")
        .source
}

/// The rates of a preset.
pub fn rates(preset: &BuiltIn) -> HazardsSpec {
    let mut file: toml::Table = preset.text.parse().expect("presets are TOML");
    file.remove("source");
    file.try_into()
        .expect("presets hold rates: a test reads all of them")
}

/// Replaces the name of a preset by its rates; an unknown name stays.
pub fn expand(tree: &mut Node) {
    let hazards = match &mut tree.value {
        Value::Table(root) => root.get_mut("hazards").map(|entry| &mut entry.node),
        Value::Scalar(_) | Value::Array(_) => None,
    };
    let Some(hazards) = hazards else { return };
    let Value::Table(table) = &mut hazards.value else {
        return;
    };
    let asked = table.get("preset").map(|entry| &entry.node);
    let name = asked.and_then(Node::text).unwrap_or_default();
    let Some(known) = HAZARDS.iter().find(|known| known.name == name) else {
        return;
    };
    let asked = table.remove("preset").expect("it has a name");
    let parsed = parse(&mut Sources::default(), known.file, known.text);
    let mut whole = parsed.expect("presets are TOML: a test reads all of them");
    if let Value::Table(table) = &mut whole.value {
        table.remove("source");
    }
    put_at(&mut whole, asked.node.place);
    merge(&mut whole, hazards);
    whole.place = hazards.place;
    *hazards = whole;
}
