//! How likely is a loss of more than x? One falling curve per design, one change at a time.

use output::Format;
use output::chart::{Axis, Caption, Chart, Lines, Series, Shape};

use super::{Figure, ReportContext};

/// The chart; none where no trial lost anything.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let series: Vec<Series> = context
        .leaders()
        .into_iter()
        .map(|point| Series {
            label: context.short_label(point),
            colour: context.colour(point),
            shape: Shape::Step,
            points: curve(context.rows.values("lost", point)),
            bands: Vec::new(),
        })
        .filter(|series| series.points.len() > 1)
        .collect();
    if series.is_empty() {
        return None;
    }
    let chart = Lines {
        caption: Caption::new(
            "How likely is a larger loss?",
            "Share of trials that lose more than x requests (loss exceedance); logarithmic x",
            context.footer.line(),
        ),
        x: Axis::log("lost requests in one trial", Format::Count),
        y: Axis::linear("share of trials that lose more", Format::Percent(0)),
        series,
        x_references: Vec::new(),
        y_references: Vec::new(),
    };
    Some(Figure {
        file: "exceedance".to_owned(),
        heading: "How likely is a larger loss?".to_owned(),
        text: "A mean hides the tail. This curve shows what one incident can cost.".to_owned(),
        chart: Chart::Lines(chart),
    })
}

/// (x, share of trials above x), from 1 on, at no more than a few hundred steps.
fn curve(lost: &[f64]) -> Vec<(f64, f64)> {
    const STEPS: usize = 300;
    let mut sorted = lost.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let share = |x: f64| (n - sorted.partition_point(|value| *value <= x)) as f64 / n as f64;
    let mut xs: Vec<f64> = (0..STEPS.min(n))
        .map(|step| sorted[step * n / STEPS.min(n)])
        .collect();
    xs.push(sorted[n - 1]);
    xs.retain(|x| *x > 1.0);
    xs.insert(0, 1.0);
    xs.dedup();
    xs.into_iter().map(|x| (x, share(x))).collect()
}
