//! Lost acceptances per design: dots with intervals, and the paired difference to the baseline.

use output::Format;
use output::chart::{Axis, Caption, Chart, DotInterval, DotRow, Order};

use super::verdict::{drawn, less, percent};
use super::{Figure, Material};

/// The chart.
pub fn figure(material: &Material) -> Figure {
    let designs = &material.summary.designs;
    let mut order: Vec<usize> = (0..designs.len()).collect();
    // The baseline stays on top, as it does everywhere; the others follow, smallest loss first.
    order[1..].sort_by(|a, b| {
        designs[*a]
            .lost
            .mean
            .value
            .total_cmp(&designs[*b].lost.mean.value)
    });
    let row = |point: usize| DotRow {
        label: designs[point].label.clone(),
        colour: material.colour(point),
        value: Some(drawn(&designs[point].lost.mean)),
        difference: designs[point]
            .against_baseline
            .map(|against| drawn(&against.difference)),
        words: match designs[point]
            .against_baseline
            .and_then(|against| against.change)
        {
            Some(change) => percent(&change).difference(&drawn(&change)),
            None => String::new(),
        },
        baseline: point == 0,
        marker: None,
    };
    let chart = DotInterval {
        caption: Caption::new(
            title(material),
            "Mean over the trials with 95 % interval; right: paired difference to the baseline, \
             intervals that hold for all designs together",
            material.footer.line(),
        ),
        value: Axis::linear("lost acceptances a trial", Format::Count),
        difference: (designs.len() > 1)
            .then(|| Axis::linear("difference to the baseline", Format::Count)),
        reference: None,
        order: Order::Given,
        rows: order.into_iter().map(row).collect(),
        groups: material.groups(),
        marker_name: String::new(),
    };
    Figure {
        file: "lost".to_owned(),
        heading: "How many acceptances does each design lose?".to_owned(),
        text: "A lost acceptance is a visit that ended without one and was not made up for by a \
               return before the end of the trial. All designs met the same trials, and the right \
               panel compares them trial by trial."
            .to_owned(),
        chart: Chart::DotInterval(chart),
    }
}

fn title(material: &Material) -> String {
    let best = &material.summary.designs[material.summary.best];
    match best.against_baseline.and_then(|against| against.change) {
        Some(change) if change.high < 0.0 => {
            format!("{} loses {} fewer acceptances", best.label, less(&change))
        }
        Some(_) | None => "No design is shown to lose fewer than the baseline".to_owned(),
    }
}
