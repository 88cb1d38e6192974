//! Downtime by component of the status page: one change to the baseline at a time, and the best.

use output::chart::{Axis, BarRow, Bars, Caption, Chart, Segment};
use output::{Colour, Format};

use super::words::drawn;
use super::{Figure, ReportContext};
use crate::stats::{LEVEL, amount};

/// The chart; none if the scenario lists no components, or no design is complete.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let rows = context.rows;
    let points = context.one_change_at_a_time();
    if rows.components.is_empty() || points.is_empty() {
        return None;
    }
    let downtime = |component: usize, point: usize| {
        amount(rows.downtime(component, point), LEVEL).map(|estimate| drawn(&estimate))
    };
    let bar = |point: usize| BarRow {
        label: context.short_label(point),
        values: (0..rows.components.len())
            .map(|component| downtime(component, point))
            .collect(),
        total: None,
    };
    let segment = |(place, name): (usize, &String)| Segment {
        name: name.clone(),
        colour: Colour::nth(place),
    };
    let bars = Bars {
        caption: Caption::new(
            "Which components go down, and for how long?",
            "Mean time in which no request could succeed or an overload failed most, 95 % \
             interval. Shown: the baseline, one change at a time, and the best design",
            context.footer.line(),
        ),
        axis: Axis::linear("downtime per trial", Format::Duration),
        segments: rows.components.iter().enumerate().map(segment).collect(),
        rows: points.into_iter().map(bar).collect(),
        reference: None,
    };
    Some(Figure {
        file: "components".to_owned(),
        heading: "Which components go down, and for how long?".to_owned(),
        text: "A component is up while every service behind it can answer. With isolation some \
               components stay up while others are down. But a component that needs several \
               workloads meets the outages of all their clusters, and can be down for longer than \
               with one shared cluster."
            .to_owned(),
        chart: Chart::GroupedBars(bars),
    })
}
