//! `report.html`: the verdict first, then the facts, then one section per question.

use output::{Format, Report, Section, Table};

use super::{Figure, Material};

/// The page as data.
pub fn page(
    material: &Material,
    figures: &[Figure],
    table: &Table,
    verdict: &[String],
    json: &str,
) -> Report {
    let manifest = &material.rows.manifest;
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
        facts.push((format!("Factor {}", factor.name), factor.levels.join(", ")));
    }
    if manifest.interrupted {
        let asked = Format::Count.number(manifest.trials_asked as f64);
        facts.push((
            "Interrupted".to_owned(),
            format!("{asked} trials were asked for"),
        ));
    }
    let section = |figure: &Figure| {
        Section::new(&figure.heading, &figure.text).with_chart(figure.chart.clone())
    };
    let mut sections: Vec<Section> = figures.iter().map(section).collect();
    sections.push(
        Section::new(
            "All designs",
            format!("{}. More in summary.csv.", super::table::LEGEND),
        )
        .with_table(table.clone()),
    );
    Report {
        title: manifest.title.clone(),
        verdict: verdict.to_vec(),
        facts,
        sections,
        footer: material.footer.clone(),
        raw_json: Some(json.to_owned()),
    }
}
