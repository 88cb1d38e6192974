//! `report.html`: the verdict, the facts, then one section for each question.

use output::{Cell, Column, Format, Report, Section, Table};

use super::{Figure, ReportContext};
use crate::rows::manifest::Manifest;

/// The page as data.
pub fn page(
    context: &ReportContext,
    figures: &[Figure],
    table: &Table,
    verdict: &[String],
    json: &str,
) -> Report {
    let manifest = &context.rows.manifest;
    let mut facts = vec![
        ("Scenario".to_owned(), manifest.scenario.clone()),
        ("Designs".to_owned(), manifest.points.len().to_string()),
        (
            "Trials of each design".to_owned(),
            Format::Count.number(manifest.trials as f64),
        ),
        ("Baseline".to_owned(), manifest.points[0].label.clone()),
    ];
    for factor in &manifest.factors {
        facts.push((format!("Factor {}", factor.name), factor.levels.join("; ")));
    }
    if manifest.interrupted {
        let asked = Format::Count.number(manifest.trials_asked as f64);
        facts.push((
            "Interrupted".to_owned(),
            format!("{asked} trials were requested"),
        ));
    }
    let incomplete = manifest.points.iter();
    let incomplete = incomplete.filter(|point| point.trials < manifest.trials);
    let incomplete: Vec<String> = incomplete
        .map(|point| format!("{} ({} trials)", point.label, point.trials))
        .collect();
    if !incomplete.is_empty() {
        facts.push(("Incomplete".to_owned(), incomplete.join(", ")));
    }
    let section = |figure: &Figure| {
        Section::new(&figure.heading, &figure.text).with_chart(figure.chart.clone())
    };
    let mut sections: Vec<Section> = figures.iter().map(section).collect();
    sections.push(
        Section::new(
            "All designs",
            format!(
                "{}. summary.csv has more columns.",
                super::table::legend(context.summary)
            ),
        )
        .with_table(table.clone()),
    );
    sections.extend(failed(manifest));
    sections.extend(basis(manifest));
    Report {
        title: manifest.title.clone(),
        verdict: verdict.to_vec(),
        facts,
        sections,
        footer: context.footer.clone(),
        raw_json: Some(json.to_owned()),
    }
}

/// The trials that failed, and how to see it happen.
fn failed(manifest: &Manifest) -> Option<Section> {
    if manifest.failed.is_empty() {
        return None;
    }
    let columns = vec![
        Column::text("design"),
        Column::number("trial", ""),
        Column::text("what went wrong"),
        Column::text("replay"),
    ];
    let mut table = Table::new("Trials that failed", columns);
    for entry in &manifest.failed {
        table.push(vec![
            Cell::text(&entry.point),
            Cell::number(entry.trial as f64, Format::Count),
            Cell::text(&entry.wrong),
            Cell::text(&entry.replay),
        ]);
    }
    let text = "These trials have no row. Their designs are incomplete: they are compared with the \
                baseline over the trials that both have, and are ranked nowhere.";
    Some(Section::new("Which trials failed?", text).with_table(table))
}

/// Where the numbers of the scenario come from: each is either reported or assumed.
fn basis(manifest: &Manifest) -> Option<Section> {
    if manifest.basis.is_empty() {
        return None;
    }
    let columns = vec![
        Column::text("basis"),
        Column::text("what"),
        Column::text("source or reason"),
    ];
    let mut table = Table::new("Where the numbers come from", columns);
    for entry in &manifest.basis {
        let basis = if entry.reported {
            "reported"
        } else {
            "assumed"
        };
        table.push(vec![
            Cell::text(basis),
            Cell::text(&entry.what),
            Cell::text(&entry.why),
        ]);
    }
    let text = "Every number of the scenario is either reported or assumed. Change what does not \
                fit your deployment, and run the study again.";
    Some(Section::new("Where do the numbers come from?", text).with_table(table))
}
