//! Lost requests per design: dots with intervals, and the paired difference to the baseline.

use output::chart::{Axis, Caption, Chart, DotInterval, DotRow, Order};

use super::summary::Standing;
use super::words::{change_words, count, drawn, less};
use super::{Figure, ReportContext};

/// With more designs than this only the leading ones are drawn.
const ROWS_MAX: usize = 12;

/// The chart; none if no design is complete.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let designs = &context.summary.designs;
    let complete = context.rows.complete();
    let all = complete.len() <= ROWS_MAX;
    let mut order = if all { complete } else { context.leaders() };
    // The baseline stays on top, as it does everywhere; the others follow, smallest loss first.
    let lost = |point: &usize| designs[*point].mean("lost");
    order.sort_by(|a, b| (*a != 0).cmp(&(*b != 0)).then(lost(a).total_cmp(&lost(b))));
    // In the chart the baseline's loss is written as it is in the table.
    let size = count(lost(order.first()?));
    let row = |point: usize| DotRow {
        label: match all {
            true => designs[point].label.clone(),
            false => context.short_label(point),
        },
        colour: context.colour(point),
        value: Some(drawn(&designs[point].lost().mean)),
        difference: designs[point]
            .against_baseline
            .map(|against| drawn(&against.difference)),
        words: designs[point]
            .against_baseline
            .map_or_else(String::new, |a| {
                change_words(a.change.as_ref(), &a.difference)
            }),
        baseline: point == 0,
        marker: None,
    };
    let chart = DotInterval {
        caption: Caption::new(
            title(context),
            format!(
                "Mean with 95 % interval. Right: paired difference to the baseline, intervals hold \
                 for all designs together{}",
                if all {
                    ""
                } else {
                    ". The table has all designs"
                }
            ),
            context.footer.line(),
        ),
        value: Axis::linear("lost requests per trial", size),
        difference: (designs.len() > 1).then(|| Axis::linear("difference to the baseline", size)),
        reference: None,
        order: Order::Given,
        rows: order.into_iter().map(row).collect(),
        groups: Vec::new(),
        marker_name: String::new(),
    };
    Some(Figure {
        file: "lost".to_owned(),
        heading: "How many requests does each design lose?".to_owned(),
        text:
            "A request is lost if the visit ended without capturing it and no later visit did so \
               before the end of the trial. All designs met the same trials. The right panel \
               compares them trial by trial."
                .to_owned(),
        chart: Chart::DotInterval(chart),
    })
}

fn title(context: &ReportContext) -> String {
    let Some(best) = context.summary.best else {
        return "Trials of the baseline failed, so nothing is ranked".to_owned();
    };
    let best = &context.summary.designs[best];
    let change = best.against_baseline.and_then(|against| against.change);
    match (context.summary.standing, change) {
        (Standing::BaselineIncomplete, _) => unreachable!("then there is no best"),
        (Standing::NobodyCame, _) => "No visits arrived, so nothing could be lost".to_owned(),
        (Standing::NoOutage, _) => "No trial of the baseline had an outage".to_owned(),
        (Standing::NothingLost, _) => "The baseline lost nothing".to_owned(),
        (Standing::NothingShown, _) => {
            "No design is shown to lose fewer than the baseline".to_owned()
        }
        (Standing::Fewer, _) if best.lost().max == 0.0 => format!("{} loses nothing", best.label),
        (Standing::Fewer, Some(change)) => {
            format!("{} loses {} fewer requests", best.label, less(&change))
        }
        (Standing::Fewer, None) => format!("{} loses fewer requests", best.label),
    }
}
