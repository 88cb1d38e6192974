//! Mean loss for each pair of factors, the others as in the baseline.

use output::Format;
use output::chart::{Axis, Caption, Chart, HeatCell, HeatMap, Palette};

use super::words::drawn;
use super::{Figure, ReportContext};
use crate::rows::manifest::Manifest;

/// Pairs of factors that are drawn, at most.
const PAIRS_MAX: usize = 3;

/// One chart per pair of factors.
pub fn figures(context: &ReportContext) -> Vec<Figure> {
    let factors = context.rows.manifest.factors.len();
    let pairs =
        (0..factors).flat_map(|first| (first + 1..factors).map(move |second| (first, second)));
    let pairs = pairs.take(PAIRS_MAX);
    let mut figures: Vec<Figure> = Vec::new();
    for (down, along) in pairs {
        let mut figure = figure(context, down, along);
        let others: Vec<&str> = figures.iter().map(|figure| figure.file.as_str()).collect();
        figure.file = distinct(figure.file, &others);
        figures.push(figure);
    }
    figures
}

fn figure(context: &ReportContext, down: usize, along: usize) -> Figure {
    let manifest = &context.rows.manifest;
    let (row_factor, column_factor) = (&manifest.factors[down], &manifest.factors[along]);
    let cell = |row: usize, column: usize| {
        let mut levels = manifest.points[0].levels.clone();
        (levels[down], levels[along]) = (row, column);
        let point = manifest
            .points
            .iter()
            .position(|p| !p.single && p.levels == levels)?;
        if !manifest.is_complete(point) {
            return None;
        }
        let design = &context.summary.designs[point];
        let judged = &design.objectives;
        Some(HeatCell {
            value: drawn(&design.lost().mean),
            text: String::new(),
            meets: !judged.is_empty() && judged.iter().all(|judged| judged.kept == Some(true)),
        })
    };
    let cells = (0..row_factor.levels.len())
        .map(|row| {
            (0..column_factor.levels.len())
                .map(|column| cell(row, column))
                .collect()
        })
        .collect();
    let others = others(manifest, &[down, along]);
    let name = format!("{} × {}", row_factor.name, column_factor.name);
    let has_objective = context
        .summary
        .designs
        .iter()
        .any(|d| !d.objectives.is_empty());
    let chart = HeatMap {
        caption: Caption::new(
            format!("Lost requests by {name}"),
            format!("Mean per trial with 95 % interval{others}"),
            context.footer.line(),
        ),
        column_name: column_factor.name.clone(),
        columns: column_factor.levels.clone(),
        row_name: row_factor.name.clone(),
        rows: row_factor.levels.clone(),
        axis: Axis::linear("lost requests per trial", Format::Count),
        palette: Palette::Cividis,
        cells,
        objective: has_objective.then(|| "meets the objectives".to_owned()),
    };
    Figure {
        file: format!(
            "heat-{}-{}",
            slug(&row_factor.name, down),
            slug(&column_factor.name, along)
        ),
        heading: format!("Where is the cliff: {name}?"),
        text: String::new(),
        chart: Chart::HeatMap(chart),
    }
}

/// The levels of the factors that are not drawn: those of the baseline.
fn others(manifest: &Manifest, drawn: &[usize]) -> String {
    let level = |factor: usize| {
        let entry = &manifest.factors[factor];
        let level = &entry.levels[manifest.points[0].levels[factor]];
        format!("; {} = {level}", entry.name)
    };
    (0..manifest.factors.len())
        .filter(|factor| !drawn.contains(factor))
        .map(level)
        .collect()
}

/// Characters of a factor that its file name keeps, at most.
const SLUG_MAX: usize = 40;

/// A name that every file system accepts; in another script, the number of the factor.
fn slug(name: &str, factor: usize) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let slug: String = name.chars().map(plain).take(SLUG_MAX).collect();
    if slug.chars().any(|c| c.is_ascii_alphanumeric()) {
        slug
    } else {
        format!("factor-{}", factor + 1)
    }
}

/// A name that no other figure has, by a number if need be.
fn distinct(name: String, others: &[&str]) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let free = names.find(|name| !others.contains(&name.as_str()));
    free.expect("numbers do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_name_of_its_own_that_file_systems_accept() {
        assert_eq!(slug("Health check", 0), "health-check");
        assert_eq!(slug("名前", 0), "factor-1");
        assert_eq!(slug("配置", 1), "factor-2");
        assert_eq!(slug(&"long ".repeat(24), 0).len(), SLUG_MAX);
        let file = |name: &str, others: &[&str]| distinct(name.to_owned(), others);
        assert_eq!(file("heat-a-b", &[]), "heat-a-b");
        assert_eq!(file("heat-a-b", &["heat-a-b"]), "heat-a-b-2");
        assert_eq!(file("heat-a-b", &["heat-a-b", "heat-a-b-2"]), "heat-a-b-3");
    }
}
