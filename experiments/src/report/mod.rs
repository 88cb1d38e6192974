//! From rows to the report: one file per figure or table.
//!
//! | file | shows |
//! | --- | --- |
//! | `summary.rs` | the numbers that all others draw from; `summary.json` |
//! | `table.rs` | the table of designs; `summary.csv` |
//! | `verdict.rs` | the verdict in sentences |
//! | `notes.rs` | the sentences that qualify it |
//! | `losses.rs` | lost requests per design, and paired differences to the baseline |
//! | `effects.rs` | what each level saves on average |
//! | `components.rs` | downtime by component, one change at a time |
//! | `blast_radius.rs` | minutes down by the cluster that failed and what it reached |
//! | `timeline.rs` | the timeline of a typical trial, drawn by `story.rs` |
//! | `heat.rs` | mean loss for each pair of factors |
//! | `cost.rs` | cost against loss |
//! | `exceedance.rs` | how likely a loss of more than x is |
//! | `page.rs` | report.html |

mod blast_radius;
mod components;
mod cost;
mod data_lost;
mod effects;
mod exceedance;
mod heat;
mod losses;
mod notes;
pub mod objectives;
mod page;
pub mod story;
pub mod summary;
mod table;
mod timeline;
mod verdict;
pub mod words;

use output::{Chart, Colour, Footer, Table, TextOptions};
use serde::Serialize;

use crate::error::Error;
use crate::forms::study::Objective;
use crate::rows::manifest::Manifest;
use crate::rows::read::Rows;
use story::Story;
use summary::Summary;

/// All that a study writes beside its rows.
pub struct Composed {
    /// Files by name, relative to the results directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// `summary.json`.
    pub json: String,
    table: Table,
    /// What the headings of the table mean.
    legend: String,
    verdict: Vec<String>,
}

/// A chart, the name of its file, and the question that it answers.
struct Figure {
    file: String,
    heading: String,
    text: String,
    chart: Chart,
}

/// What every figure draws from.
struct ReportContext<'a> {
    rows: &'a Rows,
    summary: &'a Summary,
    footer: Footer,
}

/// `summary.json`.
#[derive(Serialize)]
struct Json<'a> {
    verdict: &'a [String],
    manifest: &'a Manifest,
    summary: &'a Summary,
}

/// Computes statistics, draws figures and writes the verdict.
pub fn compose(
    rows: &Rows,
    story: Option<&Story>,
    objectives: &[Objective],
) -> Result<Composed, Error> {
    let summary = summary::summarise(rows, objectives);
    let context = ReportContext {
        rows,
        summary: &summary,
        footer: footer(rows),
    };
    let table = table::table(rows, &summary);
    let verdict = verdict::sentences(rows, &summary);
    let json = Json {
        verdict: &verdict,
        manifest: &rows.manifest,
        summary: &summary,
    };
    let json = String::from_utf8(output::json::value(&json)?).expect("JSON is text");
    let figures = figures(&context, story);
    let mut files = vec![
        ("summary.csv".to_owned(), table::csv(rows, &summary)),
        ("summary.json".to_owned(), json.clone().into_bytes()),
    ];
    for figure in &figures {
        files.push((
            format!("charts/{}.svg", figure.file),
            figure.chart.to_svg()?.into_bytes(),
        ));
    }
    let page = page::page(&context, &figures, &table, &verdict, &json);
    files.push(("report.html".to_owned(), page.to_html()?.into_bytes()));
    Ok(Composed {
        files,
        json,
        legend: table::legend(&summary),
        table,
        verdict,
    })
}

/// The figures, in the order of the report.
fn figures(context: &ReportContext, story: Option<&Story>) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(losses::figure(context));
    figures.extend(effects::figure(context));
    figures.extend(heat::figures(context));
    figures.extend(components::figure(context));
    figures.extend(blast_radius::figure(context));
    figures.extend(story.map(|story| timeline::figure(context, story)));
    figures.extend(cost::figure(context));
    figures.extend(exceedance::figure(context));
    figures
}

impl Composed {
    /// The table and the verdict, for a terminal.
    pub fn text(&self, width: usize, colour: bool) -> Result<String, Error> {
        let mut text = self.table.to_text(&TextOptions { width, colour })?;
        text.push_str(&format!(
            "\n{}\n",
            wrapped(" ", &self.legend, width.min(100))
        ));
        for sentence in &self.verdict {
            text.push_str(&wrapped("-", sentence, width.min(100)));
        }
        Ok(text)
    }
}

/// A sentence as a hanging paragraph behind a mark.
fn wrapped(mark: &str, sentence: &str, width: usize) -> String {
    let mut text = String::from(mark);
    let mut column = 1;
    for word in sentence.split(' ') {
        let length = word.chars().count() + 1;
        if column + length > width {
            text.push_str("\n ");
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

fn footer(rows: &Rows) -> Footer {
    let manifest = &rows.manifest;
    let mut n = output::Format::Count.number(manifest.trials as f64);
    n.push_str(" trials");
    if manifest.interrupted {
        n.push_str(" (interrupted)");
    }
    match rows.points() - rows.complete().len() {
        0 => {}
        1 => n.push_str(" (1 design is incomplete and not drawn)"),
        many => n.push_str(&format!(" ({many} designs are incomplete and not drawn)")),
    }
    Footer {
        n,
        seed: manifest.seed.to_string(),
        version: manifest.version.clone(),
        scenario: format!("{} {}", manifest.scenario, manifest.scenario_hash),
        command: manifest.command.clone(),
    }
}

impl ReportContext<'_> {
    /// The colour of a design in every chart: one of its own for each leader, grey for the rest.
    fn colour(&self, point: usize) -> Colour {
        let place = self.leaders().iter().position(|leader| *leader == point);
        place.map_or(Colour::Grey, Colour::nth)
    }

    /// The complete designs that have a colour of their own: the baseline, the best, and in turn,
    /// from every factor and from the single points, the one change that leaves the least loss.
    fn leaders(&self) -> Vec<usize> {
        let lost = |point: &usize| self.summary.designs[*point].mean("lost");
        let points = &self.rows.manifest.points;
        let base = &points[0].levels;
        let changed = |point: &usize| {
            let pairs = base.iter().zip(&points[*point].levels);
            pairs
                .enumerate()
                .find(|(_, (a, b))| a != b)
                .map(|(factor, _)| factor)
        };
        let singles = base.len();
        let group = |point: &usize| match points[*point].single {
            true => Some(singles),
            false => changed(point),
        };
        let mut waiting: Vec<usize> = self.one_change_at_a_time();
        waiting.sort_by(|a, b| lost(a).total_cmp(&lost(b)));
        let mut leaders: Vec<usize> = waiting.iter().copied().filter(|p| *p == 0).collect();
        let best = self.summary.best.filter(|best| *best != 0);
        leaders.extend(best);
        waiting.retain(|point| !leaders.contains(point));
        // The best has had the turn of its kind.
        let mut had = best.as_ref().and_then(&group);
        while leaders.len() < Colour::SEQUENCE.len() && !waiting.is_empty() {
            for of in (0..=singles).filter(|of| had.take_if(|had| had == of).is_none()) {
                let next = waiting.iter().position(|point| group(point) == Some(of));
                leaders.extend(next.map(|place| waiting.remove(place)));
            }
        }
        leaders.truncate(Colour::SEQUENCE.len());
        // The baseline stays first.
        leaders.sort_by(|a, b| (*a != 0).cmp(&(*b != 0)).then(lost(a).total_cmp(&lost(b))));
        leaders
    }

    /// The baseline, every design that differs from it in one factor, every single point, and the
    /// best, as far as they are complete.
    fn one_change_at_a_time(&self) -> Vec<usize> {
        let points = &self.rows.manifest.points;
        let base = &points[0].levels;
        let changes = |levels: &[usize]| base.iter().zip(levels).filter(|(a, b)| a != b).count();
        let mut complete = self.rows.complete();
        complete.retain(|point| {
            let entry = &points[*point];
            entry.single || changes(&entry.levels) <= 1 || Some(*point) == self.summary.best
        });
        complete
    }

    /// The name of a design in a chart of [`ReportContext::one_change_at_a_time`]: what is changed.
    fn short_label(&self, point: usize) -> String {
        let entry = &self.rows.manifest.points[point];
        let base = &self.rows.manifest.points[0];
        if point == 0 {
            return format!("baseline: {}", base.label);
        }
        let changed = self
            .rows
            .manifest
            .factors
            .iter()
            .zip(base.levels.iter().zip(&entry.levels));
        let changed: Vec<&str> = changed
            .filter(|(_, (a, b))| a != b)
            .map(|(factor, (_, level))| factor.levels[*level].as_str())
            .collect();
        match entry.single {
            true => entry.label.clone(),
            false => format!("+ {}", changed.join(" + ")),
        }
    }
}
