//! Cost against loss: which designs are worth buying, and which are dominated.

use output::Format;
use output::chart::{Axis, Caption, Chart, Point, Scatter};

use super::words::drawn;
use super::{Figure, ReportContext};

/// The chart; none if no design is complete.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let designs = &context.summary.designs;
    let complete = context.rows.complete();
    if complete.is_empty() {
        return None;
    }
    let cost = |point: usize| {
        let cost = designs[point].measured("cost_per_month_usd");
        cost.expect("a complete design has two trials at least")
            .mean
    };
    let place = |point: usize| (cost(point).value, designs[point].mean("lost"));
    let dominated = |point: usize| {
        let (cost, lost) = place(point);
        complete.iter().any(|other| {
            let (cheaper, fewer) = place(*other);
            let no_worse = cheaper <= cost && fewer <= lost;
            no_worse && (cheaper < cost || fewer < lost)
        })
    };
    // Designs with equal cost and loss would lie on each other: the first stands for all.
    let before = |point: usize| complete.iter().filter(move |other| **other < point);
    let twin = |point: usize| before(point).any(|other| place(*other) == place(point));
    let points = complete.iter().copied();
    let points = points.filter(|point| !twin(*point)).map(|point| Point {
        label: designs[point].label.clone(),
        colour: context.colour(point),
        x: drawn(&cost(point)),
        y: drawn(&designs[point].lost().mean),
        dominated: dominated(point),
    });
    let chart = Scatter {
        caption: Caption::new(
            "What does it cost to lose fewer?",
            "Mean over the trials with 95 % interval. Grey: another design is at least as good on \
             both axes and better on one",
            context.footer.line(),
        ),
        x: Axis::linear("cost per month, as simulated", Format::Money('$')),
        y: Axis::linear("lost requests per trial", Format::Count),
        points: points.collect(),
        frontier: true,
        y_references: Vec::new(),
    };
    Some(Figure {
        file: "cost".to_owned(),
        heading: "What does it cost to lose fewer?".to_owned(),
        text:
            "Prices are assumptions of the scenario ([price]): put in your own. Costs are those of \
             the trials, scaled to a month. They include nodes that were enlarged in an incident, \
             so a month without an incident costs less, and designs that cost the same at the \
               start may differ here."
                .to_owned(),
        chart: Chart::Scatter(chart),
    })
}
