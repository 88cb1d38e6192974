//! Blast radius: minutes down by the cluster that failed and the service or component it reached.

use output::chart::{Axis, Caption, Chart, HeatCell, HeatMap, Palette};
use output::{Estimate, Format};

use super::{Figure, ReportContext};
use crate::rows::blast::BlastRow;

/// The matrix: the clusters of every layout that differs, down; services and components, along.
/// None if there is only one cluster: its failure reaches everything.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let rows = &context.rows.blast;
    let layouts = layouts(context);
    let clusters: usize = layouts.iter().map(|(_, clusters)| clusters.len()).sum();
    if clusters < 2 {
        return None;
    }
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let column = (row.kind.as_str(), row.name.as_str());
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let cell = |of: &str, cluster: &str, (kind, name): (&str, &str)| {
        let is_it = |r: &&BlastRow| {
            r.point == of && r.cluster == cluster && r.kind == kind && r.name == name
        };
        rows.iter().find(is_it).map(|row| HeatCell {
            value: Estimate::new(60.0 * row.down_min, 60.0 * row.low_min, 60.0 * row.high_min),
            text: String::new(),
            meets: false,
        })
    };
    let mut names = Vec::new();
    let mut cells = Vec::new();
    for (point, clusters) in &layouts {
        let of = &context.rows.manifest.points[*point].label;
        for cluster in clusters {
            names.push(format!("{}: {cluster}", context.short_label(*point)));
            cells.push(
                columns
                    .iter()
                    .map(|column| cell(of, cluster, *column))
                    .collect(),
            );
        }
    }
    let title = "How far does the failure of a cluster reach?";
    let chart = HeatMap {
        caption: Caption::new(
            title,
            "Mean time per trial, 95 % interval, in which a service or component was down because \
             that cluster failed; in cells, weighted by their share of the tenants",
            context.footer.line(),
        ),
        column_name: "what was down".to_owned(),
        columns: columns
            .iter()
            .map(|(kind, name)| format!("{name} ({kind})"))
            .collect(),
        row_name: "the cluster that failed".to_owned(),
        rows: names,
        axis: Axis::linear("downtime per trial", Format::Duration),
        palette: Palette::Cividis,
        cells,
        objective: None,
    };
    Some(Figure {
        file: "blast-radius".to_owned(),
        heading: title.to_owned(),
        text:
            "Isolation limits a failure to few columns of its row. Two clusters that fail at the \
               same time both count, so a column can add up to more than its downtime. \
               blast_radius.csv has all rows of all designs."
                .to_owned(),
        chart: Chart::HeatMap(chart),
    })
}

/// The designs whose clusters nobody before them has, one change to the baseline at a time.
fn layouts<'a>(context: &'a ReportContext) -> Vec<(usize, Vec<&'a str>)> {
    let mut layouts: Vec<(usize, Vec<&str>)> = Vec::new();
    for point in context.one_change_at_a_time() {
        let label = &context.rows.manifest.points[point].label;
        let mut clusters: Vec<&str> = Vec::new();
        for row in context.rows.blast.iter().filter(|row| row.point == *label) {
            if !clusters.contains(&row.cluster.as_str()) {
                clusters.push(&row.cluster);
            }
        }
        if layouts.iter().all(|(_, known)| *known != clusters) {
            layouts.push((point, clusters));
        }
    }
    layouts
}
