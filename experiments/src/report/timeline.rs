//! The timeline of a typical outage of the baseline.

use output::chart::Caption;
use sim::SimTime;

use super::story::{Story, chart, onset};
use super::{Figure, ReportContext};

/// The chart.
pub fn figure(context: &ReportContext, story: &Story) -> Figure {
    let caption = Caption::new(
        "What happened in a typical outage of the baseline, and who noticed?",
        format!(
            "Trial {} of {}: its time to recover is closest to the median",
            story.trial, context.rows.manifest.points[0].label
        ),
        context.footer.line(),
    );
    let zero = onset(&story.timeline).unwrap_or(SimTime::ZERO);
    let zero = (zero, "the first service stops answering");
    Figure {
        file: "timeline".to_owned(),
        heading: "What happened in a typical outage of the baseline, and who noticed?".to_owned(),
        text: format!(
            "The rows under \"truth\" show what each node could really do, those under \
             \"observers\" what others believed at that time. `{}` prints the same trial event by \
             event.",
            context.rows.manifest.trace_command(story.trial)
        ),
        chart: chart(&story.timeline, caption, zero),
    }
}
