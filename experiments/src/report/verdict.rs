//! The decision in sentences: what is best, what is cheapest, what each lesson buys; and, where the
//! intervals cannot tell, that they cannot.

use output::Format;

use super::summary::{Against, Design, Effect, Summary};
use crate::rows::read::Rows;
use crate::stats::paired::Difference;
use crate::stats::{Estimate, LEVEL, quantile};
use crate::study::file::Amount;

/// The sentences, the answer first.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let mut sentences = vec![best(summary)];
    if summary.best != 0 {
        sentences.extend([rivals(summary), cheapest(summary)]);
    }
    sentences.extend(objectives(summary));
    sentences.extend(effects(summary));
    sentences.extend(failovers(&summary.designs[0], rows.trials()));
    sentences.extend(pairing(summary));
    sentences
}

fn best(summary: &Summary) -> String {
    let (base, best) = (&summary.designs[0], &summary.designs[summary.best]);
    let n = base.lost.mean.n;
    let base_name = format!("the baseline ({})", base.label);
    if base.lost.max == 0.0 {
        let bound = base.trials_with_loss.at_most_if_none.unwrap_or(0.0);
        return format!(
            "Under {base_name} nothing was lost in {n} trials, so less than {} of such periods \
             lose anything (95 %): there is nothing to improve.",
            Format::Percent(1).number(bound)
        );
    }
    let Some(against) = &best.against_baseline else {
        return format!("No design loses fewer acceptances than {base_name}.");
    };
    if against.difference.high >= 0.0 {
        return format!(
            "{n} trials cannot tell any design from {base_name}: the best, {}, changes lost \
             acceptances by {}.",
            best.label,
            change(against)
        );
    }
    let costs = cost_words(best.cost_per_month_usd.mean.value - base.cost_per_month_usd.mean.value);
    let failovers = saved_failovers(base, best);
    let mean = |design: &Design| count(design.lost.mean.value).number(design.lost.mean.value);
    if let Some(bound) = best.trials_with_loss.at_most_if_none {
        return format!(
            "{} loses nothing in any of {n} trials (so that it loses anything in less than {} of \
             them, 95 %), where {base_name} loses {} a trial, {costs}{failovers}.",
            best.label,
            Format::Percent(1).number(bound),
            mean(base)
        );
    }
    let fewer = match &against.change {
        Some(e) => format!("{} fewer acceptances", less(e)),
        None => format!(
            "{} fewer acceptances a trial",
            Format::Count.number(-against.difference.value)
        ),
    };
    format!(
        "{} loses {fewer} than {base_name}, {} instead of {} a trial, {costs}{failovers}.",
        best.label,
        mean(best),
        mean(base)
    )
}

/// `61 % (95 % CI 54–67 %)`, of a change that is negative throughout.
pub fn less(change: &Estimate) -> String {
    if change.high < -0.9995 {
        return "more than 99.9 % (95 % CI)".to_owned();
    }
    let format = percent(change);
    let range = format.range(-change.high, -change.low.max(-1.0));
    format!("{} (95 % CI {range})", format.number(-change.value))
}

/// A change in either direction, with its interval.
fn change(against: &Against) -> String {
    match &against.change {
        Some(change) => percent(change).difference(&drawn(change)),
        None => Format::Count.difference(&drawn(&against.difference)),
    }
}

fn cost_words(more: f64) -> String {
    let money = Format::Money('$');
    match more.abs() < 0.5 {
        true => "at the same cost".to_owned(),
        false if more > 0.0 => format!("for {} more a month", money.number(more)),
        false => format!("and saves {} a month", money.number(-more)),
    }
}

fn saved_failovers(base: &Design, best: &Design) -> String {
    let saved = base.useless_failovers.mean.value - best.useless_failovers.mean.value;
    match saved.abs() < 0.05 {
        true => String::new(),
        false if saved > 0.0 => format!("; {saved:.1} useless failovers a trial saved"),
        false => format!("; {:.1} useless failovers a trial more", -saved),
    }
}

/// How sure it is that the best is the best.
fn rivals(summary: &Summary) -> String {
    let best = &summary.designs[summary.best];
    let others = summary
        .designs
        .iter()
        .filter(|design| design.label != best.label);
    let (equals, others): (Vec<&Design>, Vec<&Design>) =
        others.partition(|design| design.lost.mean.value == best.lost.mean.value);
    let rivals: Vec<&Design> = others
        .into_iter()
        .filter(|d| d.probability_best >= 0.05)
        .collect();
    let share = |designs: &[&Design]| designs.iter().map(|d| d.probability_best).sum::<f64>();
    let probability = Format::Percent(0).number(best.probability_best + share(&equals));
    let all = summary.designs.len();
    let first = match equals.as_slice() {
        [] => format!("It is the best of {all} designs with a probability of {probability}"),
        equals => format!(
            "{}, which cost{} no less, lose{} as little; together they are the best of {all} \
             designs with a probability of {probability}",
            labels(equals),
            if equals.len() == 1 { "s" } else { "" },
            if equals.len() == 1 { "s" } else { "" }
        ),
    };
    match rivals.as_slice() {
        [] => format!("{first}."),
        few if few.len() <= 3 => format!("{first}; rivals: {}.", labels(few)),
        many => format!(
            "{first}; {} others have 5 % or more: the trials cannot tell them apart.",
            many.len()
        ),
    }
}

fn labels(designs: &[&Design]) -> String {
    let labels: Vec<&str> = designs.iter().map(|design| design.label.as_str()).collect();
    labels.join(", ")
}

fn cheapest(summary: &Summary) -> String {
    let best = &summary.designs[summary.best];
    let cheapest = &summary.designs[summary.cheapest_no_worse];
    let margin = Format::Percent(0).number(summary.margin);
    let money = Format::Money('$');
    let cost = cheapest.cost_per_month_usd.mean.value;
    if summary.cheapest_no_worse == summary.best {
        return format!(
            "Nothing cheaper is as good (within {margin} of the baseline's loss, 95 %): it costs \
             {} a month.",
            money.number(cost)
        );
    }
    format!(
        "The cheapest design that is no worse (within {margin} of the baseline's loss, 95 %) is {} \
         at {} a month, {} less.",
        cheapest.label,
        money.number(cost),
        money.number(best.cost_per_month_usd.mean.value - cost)
    )
}

fn objectives(summary: &Summary) -> Vec<String> {
    let places = 0..summary.designs[0].objectives.len();
    let sentence = |place: usize| {
        let objective = &summary.designs[0].objectives[place].objective;
        let kept = |design: &&Design| design.objectives[place].kept == Some(true);
        let cost = |design: &&Design| design.cost_per_month_usd.mean.value;
        let keeping: Vec<&Design> = summary.designs.iter().filter(kept).collect();
        let cheapest = keeping.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let goal = format!(
            "{} of {} at most {}",
            objective.statistic.name(),
            objective.measure,
            amount(objective.at_most)
        );
        match cheapest {
            None => format!("No design is shown to keep the objective: {goal}."),
            Some(design) => format!(
                "{} of {} designs keep the objective ({goal}); the cheapest is {} at {} a month.",
                keeping.len(),
                summary.designs.len(),
                design.label,
                Format::Money('$').number(cost(design))
            ),
        }
    };
    places.map(sentence).collect()
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Time(duration) => Format::Duration.number(duration.as_secs_f64()),
        Amount::Number(number) => Format::Significant(3).number(number),
    }
}

fn effects(summary: &Summary) -> Vec<String> {
    let varied = summary
        .effects
        .iter()
        .filter_map(|effect| Some((effect, effect.change?)));
    let mut by_factor: Vec<(&str, Vec<String>)> = Vec::new();
    for (effect, change) in varied {
        let words = effect_words(effect, &change);
        match by_factor.last_mut() {
            Some((factor, all)) if *factor == effect.factor => all.push(words),
            Some(_) | None => by_factor.push((&effect.factor, vec![words])),
        }
    }
    let sentence = |(factor, words): (&str, Vec<String>)| {
        let of = |effect: &&Effect| effect.factor == factor;
        let base = summary
            .effects
            .iter()
            .find(of)
            .map_or("", |e| e.baseline_level.as_str());
        format!(
            "Averaged over the rest, {factor} instead of {base}: {}.",
            words.join("; ")
        )
    };
    by_factor.into_iter().map(sentence).collect()
}

fn effect_words(effect: &Effect, change: &Estimate) -> String {
    let text = percent(change).difference(&drawn(change));
    match change.low <= 0.0 && change.high >= 0.0 {
        true if change.low == change.high => format!("{} changes nothing", effect.level),
        true => format!(
            "{} {text}, which the trials cannot tell from nothing",
            effect.level
        ),
        false => format!("{} {text}", effect.level),
    }
}

fn failovers(base: &Design, trials: usize) -> Option<String> {
    let (all, useless) = (base.failovers.mean.value, base.useless_failovers.mean.value);
    (all > 0.0).then(|| {
        format!(
            "Under the baseline there are {all:.1} promotions a trial, {useless:.1} of them \
             useless (means of {trials} trials)."
        )
    })
}

/// What it was worth that all designs met the same trials.
fn pairing(summary: &Summary) -> Option<String> {
    let alone = |design: &Design| design.against_baseline.map(|against| against.alone);
    let alone: Vec<Difference> = summary.designs.iter().filter_map(alone).collect();
    let (correlations, worth): (Vec<f64>, Vec<f64>) = alone
        .iter()
        .filter_map(|d| Some((d.correlation?, d.worth?)))
        .unzip();
    let middle = |values: &[f64]| Some(quantile(values, 0.5, LEVEL)?.value);
    let most = worth.iter().copied().fold(1.0, f64::max);
    let paper = Format::Decimals(1);
    Some(format!(
        "All designs met the same trials: correlation with the baseline {} in the middle, so that \
         one paired trial is worth {} unpaired ones, and up to {} for designs that are alike.",
        Format::Decimals(2).number(middle(&correlations)?),
        paper.number(middle(&worth)?),
        paper.number(most)
    ))
}

/// Whole per cents, but for changes so near to everything or nothing that these would say so.
pub fn percent(change: &Estimate) -> Format {
    let narrow = change.high - change.low < 0.02;
    let whole = change.value == -1.0 || change.value == 0.0;
    match narrow && !whole && (change.value + 1.0 < 0.015 || change.value.abs() < 0.015) {
        true => Format::Percent(1),
        false => Format::Percent(0),
    }
}

/// How a mean of counts is written: whole, but for small ones.
pub fn count(mean: f64) -> Format {
    match mean < 10.0 && mean.fract() != 0.0 {
        true => Format::Significant(2),
        false => Format::Count,
    }
}

/// An estimate as the paper draws it.
pub fn drawn(estimate: &Estimate) -> output::Estimate {
    output::Estimate::new(estimate.value, estimate.low, estimate.high)
}
