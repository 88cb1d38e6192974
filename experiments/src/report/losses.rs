//! Lost acceptances per design: dots with intervals, and the paired difference to the baseline.

use output::chart::{Axis, Caption, Chart, DotInterval, DotRow, Order};
use output::Format;

use super::verdict::drawn;
use super::{Figure, Material};

/// The chart.
pub fn figure(material: &Material) -> Figure {
    let rows = material.summary.designs.iter().enumerate().map(|(point, design)| DotRow {
        label: design.label.clone(),
        colour: material.colour(point),
        value: Some(drawn(&design.lost.mean)),
        difference: design.against_baseline.map(|against| drawn(&against.difference)),
        words: match design.against_baseline.and_then(|against| against.change) {
            Some(change) => Format::Percent(0).difference(&drawn(&change)),
            None => String::new(),
        },
        baseline: point == 0,
        marker: None,
    });
    let chart = DotInterval {
        caption: Caption::new(
            title(material),
            "Mean over the trials with 95 % interval; right: paired difference to the baseline, \
             intervals that hold for all designs together",
            material.footer.line(),
        ),
        value: Axis::linear("lost acceptances a trial", Format::Count),
        difference: Some(Axis::linear("difference to the baseline", Format::Count)),
        reference: None,
        order: Order::ByValue,
        rows: rows.collect(),
        groups: material.groups(),
        marker_name: String::new(),
    };
    Figure {
        file: "lost".to_owned(),
        heading: "How many acceptances does each design lose?".to_owned(),
        text: "A lost acceptance is a visit that ended without one and was not made up for by a \
               return before the end of the trial. All designs met the same trials, so the right \
               panel is more precise than the left."
            .to_owned(),
        chart: Chart::DotInterval(chart),
    }
}

fn title(material: &Material) -> String {
    let best = &material.summary.designs[material.summary.best];
    match best.against_baseline.and_then(|against| against.change) {
        Some(change) if change.high < 0.0 => {
            format!("{} loses {} fewer", best.label, Format::Percent(0).number(-change.value))
        }
        Some(_) | None => "No design is shown to lose fewer than the baseline".to_owned(),
    }
}
