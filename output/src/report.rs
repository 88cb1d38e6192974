//! A report: the verdict first, then the facts, then one section per question. Pure data; `html.rs`
//! makes one self-contained page of it.

use serde::Serialize;

use crate::chart::Chart;
use crate::table::Table;

/// Everything on the page, in reading order.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the study is called.
    pub title: String,
    /// The answer. The first sentence is set large; further ones qualify it.
    pub verdict: Vec<String>,
    /// What was studied, as (name, value): horizon, trials, objective and so on.
    pub facts: Vec<(String, String)>,
    /// One section per question.
    pub sections: Vec<Section>,
    /// Where the numbers come from.
    pub footer: Footer,
    /// The whole result as JSON, embedded for the download link; it must parse.
    #[serde(skip)]
    pub raw_json: Option<String>,
}

/// One question with its answer: prose, then a chart with the table behind it, then a table.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The question or the finding.
    pub heading: String,
    /// Prose; a blank line starts a new paragraph. Plain text, no markup.
    pub text: String,
    /// A picture; the numbers behind it are listed under it without being asked for.
    pub chart: Option<Chart>,
    /// A table that is shown in full.
    pub table: Option<Table>,
}

/// Where the numbers come from, as it stands under every chart and at the end of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footer {
    /// How many independent trials stand behind each number, with its unit: `1,000 trials`.
    pub n: String,
    /// The seed of the study.
    pub seed: String,
    /// The version of the program.
    pub version: String,
    /// The hash of the scenario.
    pub scenario: String,
    /// The command that makes the same report again.
    pub command: String,
}

impl Footer {
    /// One line for the bottom of a chart: `n = 1,000 trials · seed 7 · v0.1.0 · scenario 3fa9c1`.
    /// Parts that are empty are left out.
    pub fn line(&self) -> String {
        let parts = [
            ("n = ", &self.n),
            ("seed ", &self.seed),
            ("v", &self.version),
            ("scenario ", &self.scenario),
        ];
        let filled = parts.iter().filter(|(_, value)| !value.is_empty());
        filled
            .map(|(name, value)| format!("{name}{value}"))
            .collect::<Vec<_>>()
            .join(" · ")
    }
}

impl Section {
    /// A section with prose only; set `chart` and `table` where there are any.
    pub fn new(heading: impl Into<String>, text: impl Into<String>) -> Section {
        Section {
            heading: heading.into(),
            text: text.into(),
            chart: None,
            table: None,
        }
    }

    /// The same section with a chart.
    pub fn with_chart(mut self, chart: Chart) -> Section {
        self.chart = Some(chart);
        self
    }

    /// The same section with a table.
    pub fn with_table(mut self, table: Table) -> Section {
        self.table = Some(table);
        self
    }
}
