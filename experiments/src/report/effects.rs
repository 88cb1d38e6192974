//! What each level of each factor saves, averaged over all other factors.

use output::chart::{Axis, Caption, Chart, DotInterval, DotRow, Order};
use output::{Colour, Format};

use super::words::{change_words, drawn};
use super::{Figure, ReportContext};

/// The chart; none for a study without factors.
pub fn figure(context: &ReportContext) -> Option<Figure> {
    let effects = &context.summary.effects;
    if effects.iter().all(|effect| effect.difference.is_none()) {
        return None;
    }
    let mut factors: Vec<&str> = effects
        .iter()
        .map(|effect| effect.factor.as_str())
        .collect();
    factors.dedup();
    let place = |name: &str| {
        factors
            .iter()
            .position(|factor| *factor == name)
            .unwrap_or(0)
    };
    let rows = effects.iter().map(|effect| DotRow {
        label: format!("{}: {}", effect.factor, effect.level),
        colour: Colour::nth(place(&effect.factor)),
        value: Some(drawn(&effect.mean)),
        difference: effect.difference.map(|difference| drawn(&difference)),
        words: match effect.difference {
            Some(difference) => change_words(effect.change.as_ref(), &difference),
            None => "as in the baseline".to_owned(),
        },
        baseline: false,
        marker: None,
    });
    let chart = DotInterval {
        caption: Caption::new(
            "What does each choice save on average?",
            "Mean loss over all designs with that level. Right: against the same designs with the \
             baseline's level, 95 % intervals that hold for all levels together",
            context.footer.line(),
        ),
        value: Axis::linear("lost requests per trial", Format::Count),
        difference: Some(Axis::linear(
            "difference to the baseline's level",
            Format::Count,
        )),
        reference: None,
        order: Order::Given,
        rows: rows.collect(),
        groups: factors
            .iter()
            .enumerate()
            .map(|(place, factor)| output::chart::Segment {
                name: (*factor).to_owned(),
                colour: Colour::nth(place),
            })
            .collect(),
        marker_name: String::new(),
    };
    Some(Figure {
        file: "effects".to_owned(),
        heading: "What does each choice save on average?".to_owned(),
        text:
            "Choices overlap: what one saves, another cannot save again. These are averages over \
               the full factorial. The designs themselves are above."
                .to_owned(),
        chart: Chart::DotInterval(chart),
    })
}
